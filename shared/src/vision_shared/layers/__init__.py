"""Layers that several tasks use: normalisation, and sampling along motion."""

from vision_shared.layers.normalise import Normalise
from vision_shared.layers.sampling import sample_bilinear, sample_voxel_flow

__all__ = ["Normalise", "sample_bilinear", "sample_voxel_flow"]
