from vision_shared.layers.locally_shared import (
    LocallySharedConv2d,
    locally_shared_conv2d,
    slide_locally_shared_conv2d,
)
from vision_shared.layers.normalise import Normalise
from vision_shared.layers.sampling import sample_bilinear, sample_voxel_flow

__all__ = [
    "LocallySharedConv2d",
    "Normalise",
    "locally_shared_conv2d",
    "sample_bilinear",
    "sample_voxel_flow",
    "slide_locally_shared_conv2d",
]
