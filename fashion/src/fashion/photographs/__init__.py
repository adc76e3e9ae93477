"""Photographs that packages of registries hold: what is found in them, beside what was drawn."""
