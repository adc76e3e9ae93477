"""Region convolution: convolutions and whole stages that compute at the active pixels alone."""

from vision_shared.region.conv import RegionConv2d, region_conv2d
from vision_shared.region.region import Region
from vision_shared.region.stage import RegionStage, to_region

__all__ = ["Region", "RegionConv2d", "RegionStage", "region_conv2d", "to_region"]
