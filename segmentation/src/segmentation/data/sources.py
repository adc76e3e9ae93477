"""Where the data sets are from: addresses, sums, licences, and what to ask for behind a form.

Sums of COCO are those of TensorFlow Datasets, those of VOC and SBD are torchvision's: both have
measured what these addresses give. No file was fetched for this table.
"""

from pathlib import Path

from vision_shared.downloads import File
from vision_shared.prepare import Source

_COCO = "http://images.cocodataset.org"

SOURCES = {
    "voc": Source(
        Path("data/voc"),
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
        "images of Flickr, under its terms; masks for research",
        (
            File(
                "VOCtrainval_11-May-2012.tar",
                "VOCdevkit/VOC2012/SegmentationClass",
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "md5:6cd6e144f989b92b3379bac3b3de84fd",
                1_999_639_040,
            ),
            File(
                "benchmark.tgz",  # SBD
                "benchmark_RELEASE/dataset/cls",
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
                "semantic_contours/benchmark.tgz",
                "md5:82b4d87ceb2ed10f6038a1cba92111cb",
            ),
        ),
        checks=("voc", "sbd"),  # the second converts SBD's MATLAB files
    ),
    "coco": Source(
        Path("data/coco"),
        "https://cocodataset.org/#download",
        "images of Flickr, under its terms; annotations CC BY 4.0",
        (
            File(
                "train2017.zip",
                "train2017",
                f"{_COCO}/zips/train2017.zip",
                "sha256:69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
                19_336_861_798,
            ),
            File(
                "val2017.zip",
                "val2017",
                f"{_COCO}/zips/val2017.zip",
                "sha256:4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
                815_585_330,
            ),
            File(
                "annotations_trainval2017.zip",
                "annotations/instances_train2017.json",
                f"{_COCO}/annotations/annotations_trainval2017.zip",
                "sha256:113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                252_907_541,
            ),
        ),
        checks=("coco",),
    ),
    "cityscapes": Source(
        Path("data/cityscapes"),
        "https://www.cityscapes-dataset.com/downloads/",
        "research and teaching, not commercial, after registration",
        (
            File("leftImg8bit_trainvaltest.zip", "leftImg8bit"),
            File("gtFine_trainvaltest.zip", "gtFine"),
        ),
        request="register (free) and get leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip",
        checks=("cityscapes",),
    ),
}
"""The data sets that ``prepare`` knows, by their names."""
