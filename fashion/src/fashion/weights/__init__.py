"""Weights that come with the package; the model card beside them says what they are."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "garments.safetensors"
