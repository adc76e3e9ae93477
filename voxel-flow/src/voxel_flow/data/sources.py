"""Where the data sets are from: addresses, sums and licences.

Sums of UCF-101 are those that TensorFlow Datasets has measured, whose zip file of its videos is
taken, for the authors' is a rar file. The others publish none. No file was fetched for this table;
sizes without a sum are those that pages give, rounded, and are not relied on.
"""

from pathlib import Path

from vision_shared.downloads import File
from vision_shared.prepare import Source

_UCF101 = "https://www.crcv.ucf.edu/data/UCF101"
_VIMEO = "http://data.csail.mit.edu/tofu/dataset"
_KITTI = "https://s3.eu-central-1.amazonaws.com/avg-kitti"
_KITTI_PAGES = "https://www.cvlibs.net/datasets/kitti"
_MIDDLEBURY = "https://vision.middlebury.edu/flow/data"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def _vimeo(variant: str) -> Source:
    return Source(
        Path(f"data/vimeo_{variant}"),
        "http://toflow.csail.mit.edu",
        "videos of Vimeo, of their owners; for research",
        (File(f"vimeo_{variant}.zip", "sequences", f"{_VIMEO}/vimeo_{variant}.zip"),),
        checks=(f"vimeo90k-{variant}",),
    )


def _kitti(year: int, archive: str, makes: str, check: str) -> Source:
    return Source(
        Path(f"data/kitti_{year}"),
        f"{_KITTI_PAGES}/eval_{'stereo' if year == 2012 else 'scene'}_flow.php?benchmark=flow",
        "CC BY-NC-SA 3.0",
        (File(f"{archive}.zip", makes, f"{_KITTI}/{archive}.zip"),),
        checks=(check,),
    )


SOURCES = {
    "ucf101": Source(
        Path("data/ucf101"),
        f"{_UCF101}.php",
        "videos of YouTube, of their owners; for research",
        (
            File(
                "UCF101TrainTestSplits-RecognitionTask.zip",
                "ucfTrainTestlist",
                f"{_UCF101}/UCF101TrainTestSplits-RecognitionTask.zip",
                "sha256:5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27",
                113_943,
            ),
            File(
                "UCF101_videos.zip",
                "UCF-101",
                "https://storage.googleapis.com/thumos14_files/UCF101_videos.zip",
                "sha256:dabf56f573cd19c79e096563529fec8126a2a34e18e10c72eb621dd687532b0d",
                6_960_400_115,
                arrange="voxel_flow.data.ucf101_triplets:arrange_videos",
            ),
            File(
                "UCF101_results.zip",  # the test triplets of Deep Voxel Flow
                "ucf101_interp_ours",
                f"{_DRIVE}0B7EVK8r0v71pdHBNdXB6TE1wSTQ&resourcekey=0-r6ihCy20h3kbgZ3ZdimPiA",
            ),
            File(
                "motion_masks_ucf101_interp.zip",
                "motion_masks_ucf101_interp",
                f"{_DRIVE}1Uc7ZPsiPf-ViuZusdmz5D4P8E5VewhH6",
            ),
        ),
        convert="voxel_flow.data.ucf101_triplets:store_default_triplets",
        checks=("ucf101",),
    ),
    "vimeo90k-triplet": _vimeo("triplet"),
    "vimeo90k-septuplet": _vimeo("septuplet"),
    "kitti-2012": _kitti(2012, "data_stereo_flow", "training/flow_occ", "kitti-2012"),
    "kitti-2012-sequences": _kitti(
        2012,
        "data_stereo_flow_multiview",
        "training/colored_0/000000_00.png",
        "kitti-2012-sequences",
    ),
    "kitti-2015": _kitti(2015, "data_scene_flow", "training/flow_occ", "kitti-2015"),
    "kitti-2015-sequences": _kitti(
        2015, "data_scene_flow_multiview", "training/image_2/000000_00.png", "kitti-2015-sequences"
    ),
    "middlebury": Source(
        Path("data/middlebury"),
        f"{_MIDDLEBURY}/",
        "not stated; for research",
        tuple(
            File(f"{name}.zip", makes, f"{_MIDDLEBURY}/comp/zip/{name}.zip")
            for name, makes in (
                ("other-color-twoframes", "other-data"),
                ("other-gt-interp", "other-gt-interp"),
            )
        ),
        checks=("middlebury",),
    ),
}
"""The data sets that ``prepare`` knows, by their names."""
