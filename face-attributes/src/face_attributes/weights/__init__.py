"""Weights that come with the package."""

from pathlib import Path

SHIPPED_FINDER = Path(__file__).parent / "finder.safetensors"
SHIPPED_ANET = Path(__file__).parent / "anet.safetensors"
