"""From archives that a user has got to data that is read, and the table of where they are from."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vision_shared.testing import expect_sound_sources
from voxel_flow.check_data import DATA_SETS
from voxel_flow.check_data import main as check_data
from voxel_flow.data.prepare import main
from voxel_flow.data.sources import SOURCES
from voxel_flow.data.ucf101_triplets import arrange_videos


def test_table_is_sound() -> None:
    expect_sound_sources(SOURCES, {name: data_set.root for name, data_set in DATA_SETS.items()})


def write_kitti(folder: Path, num_pairs: int) -> Path:
    """Pairs of KITTI 2015 without motion, 24x16 pixels."""
    for name in ("image_2", "flow_occ", "flow_noc"):
        (folder / "training" / name).mkdir(parents=True)
    for pair in range(num_pairs):
        for frame in (10, 11):
            path = folder / "training" / "image_2" / f"{pair:06d}_{frame}.png"
            Image.new("RGB", (24, 16)).save(path)
        still = np.full((16, 24, 3), (1, 2**15, 2**15), np.uint16)  # known, flow y, flow x
        for name in ("flow_occ", "flow_noc"):
            cv2.imwrite(str(folder / "training" / name / f"{pair:06d}_10.png"), still)
    return folder


def test_kitti_is_unpacked_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "kitti"
    root.mkdir()
    archive = shutil.make_archive(str(root / "data_scene_flow"), "zip", write_kitti(tmp_path, 2))
    assert Path(archive).parent == root
    assert main(["kitti-2015", str(root)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["test", "2"] in lines and [f"{root}:", "no", "faults"] in lines


def test_every_fault_of_triplets_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_kitti(tmp_path, 3)
    faulty = [root / "training" / "image_2" / f"00000{pair}_11.png" for pair in (0, 2)]
    for path in faulty:
        path.write_bytes(path.read_bytes()[:40])
    assert check_data(["kitti-2015", str(root)]) == 2
    out = capsys.readouterr().out
    assert all(f"{path}: " in out for path in faulty) and f"{root}: 2 faults" in out


def test_videos_of_ucf101_are_brought_into_their_classes(tmp_path: Path) -> None:
    (tmp_path / "UCF101").mkdir()
    for name in ("v_Archery_g08_c01.avi", "v_HandstandPushups_g01_c02.avi"):
        (tmp_path / "UCF101" / name).touch()
    arrange_videos(tmp_path)
    videos = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.avi"))
    assert videos == [  # as trainlist01.txt spells them
        "UCF-101/Archery/v_Archery_g08_c01.avi",
        "UCF-101/HandstandPushups/v_HandStandPushups_g01_c02.avi",
    ]
