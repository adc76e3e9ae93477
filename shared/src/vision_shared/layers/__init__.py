from vision_shared.layers.locally_shared import (
    LocallySharedConv2d,
    locally_shared_conv2d,
    slide_locally_shared_conv2d,
)
from vision_shared.layers.normalise import Normalise
from vision_shared.layers.region import Region
from vision_shared.layers.region_conv import RegionConv2d, region_conv2d
from vision_shared.layers.region_stage import RegionStage, to_region
from vision_shared.layers.sampling import sample_bilinear, sample_voxel_flow

__all__ = [
    "LocallySharedConv2d",
    "Normalise",
    "Region",
    "RegionConv2d",
    "RegionStage",
    "locally_shared_conv2d",
    "region_conv2d",
    "sample_bilinear",
    "sample_voxel_flow",
    "slide_locally_shared_conv2d",
    "to_region",
]
