from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from segmentation.data.labels import VOC
from segmentation.data.masks import write_mask
from segmentation.data.sbd import read_sbd_mask
from segmentation.data.voc import voc_set
from vision_shared.inputs import InputError

# b and d are VOC's own for training, c and e its validation; SBD has all but d, and three more
VOC_LISTS = {"train": ["d", "b"], "val": ["c", "e"]}
SBD_LISTS = {"train": ["a", "b", "c", "f"], "val": ["e", "g"]}
AUGMENTED = ["d", "b", "a", "f", "g"]
OF_VOC, OF_SBD = 1, 2  # the number at every pixel of a mask of either


def write_mat(path: Path, mask: np.ndarray, variable: str = "GTcls") -> Path:
    content = {"Segmentation": mask, "Boundaries": np.zeros((20, 1), object)}
    scipy.io.savemat(path, {variable: content})
    return path


def make_voc(root: Path) -> Path:
    folder = root / "VOCdevkit" / "VOC2012"
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    for name in "abcdefg":
        Image.new("RGB", (6, 4)).save(folder / "JPEGImages" / f"{name}.jpg")
    for split, names in VOC_LISTS.items():
        (folder / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names))
        for name in names:
            mask = np.full((4, 6), OF_VOC, np.uint8)
            write_mask(folder / "SegmentationClass" / f"{name}.png", mask, VOC)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_voc(tmp_path)
    dataset = tmp_path / "benchmark_RELEASE" / "dataset"
    (dataset / "cls").mkdir(parents=True)
    for split, names in SBD_LISTS.items():
        (dataset / f"{split}.txt").write_text("\n".join(names))
        for name in names:
            write_mat(dataset / "cls" / f"{name}.mat", np.full((4, 6), OF_SBD, np.uint8))
    return tmp_path


def test_both_training_sets_are_joined_less_what_voc_validates_on(root: Path) -> None:
    part = voc_set(root, "train_aug")
    assert [sample.name for sample in part.samples] == AUGMENTED
    part.check()


def test_vocs_own_mask_is_read_where_both_have_one(root: Path) -> None:
    part = voc_set(root, "train_aug")
    masks = {part.samples[i].name: part.read(i)[1] for i in range(len(part))}
    assert all((mask == (OF_VOC if name in "bd" else OF_SBD)).all() for name, mask in masks.items())


def test_one_folder_with_the_masks_of_both_sets_does_as_well(tmp_path: Path) -> None:
    folder = make_voc(tmp_path)
    (folder / "SegmentationClassAug").mkdir()
    for name in "abcdefg":
        mask = Image.fromarray(np.full((4, 6), OF_SBD, np.uint8))
        mask.save(folder / "SegmentationClassAug" / f"{name}.png")
    part = voc_set(tmp_path, "train_aug")
    assert sorted(sample.name for sample in part.samples) == sorted(AUGMENTED)
    assert {int(part.read(i)[1].max()) for i in range(2)} == {OF_VOC}
    assert {int(part.read(i)[1].max()) for i in range(2, 5)} == {OF_SBD}


def test_sbd_may_lie_elsewhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = (root / "benchmark_RELEASE").rename(tmp_path_factory.mktemp("sbd") / "b")
    assert len(voc_set(root, "train_aug", sbd=elsewhere / "dataset")) == len(AUGMENTED)


def test_missing_sbd_names_page_and_layout(tmp_path: Path) -> None:
    make_voc(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        voc_set(tmp_path, "train_aug")
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'benchmark_RELEASE/dataset/train.txt'}: not found: get ")
    assert "http://home.bharathh.info/pubs/codes/SBD/download.html" in line
    assert "SegmentationClassAug" in line


def test_unusable_masks_are_named_in_one_line(root: Path, tmp_path: Path) -> None:
    mask = np.full((400, 600), OF_SBD, np.uint8)
    whole = write_mat(tmp_path / "whole.mat", mask).read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mat").write_text("no masks")
    (tmp_path / "empty.mat").touch()
    write_mat(tmp_path / "inst.mat", mask, "GTinst")
    write_mat(tmp_path / "more.mat", mask * 11)
    write_mat(tmp_path / "real.mat", mask / 2)
    messages = {
        "cut": "a damaged MATLAB file",
        "text": "a damaged MATLAB file",
        "empty": "an empty file, expected a MATLAB file",
        "missing": "no such file",
        "inst": "without GTcls.Segmentation, expected a mask of SBD's folder cls",
        "more": "holds 22, expected 0 to 20",
        "real": r"expected a uint8 mask \(H, W\), got float64",
    }
    for name, message in messages.items():
        with pytest.raises(InputError, match=rf"{name}\.mat: {message}") as caught:
            read_sbd_mask(tmp_path / f"{name}.mat")
        assert "\n" not in str(caught.value)


def test_masks_are_converted_once_and_anew_where_they_changed(root: Path, tmp_path: Path) -> None:
    voc_set(root, "train_aug", cache=tmp_path / "cache")
    files = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.png")}
    assert sorted(files) == ["a.png", "f.png", "g.png"]
    write_mat(root / "benchmark_RELEASE/dataset/cls/f.mat", np.full((4, 6), 7, np.uint8))
    part = voc_set(root, "train_aug", cache=tmp_path / "cache")
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.png")}
    assert [name for name in files if files[name] != again[name]] == ["f.png"]
    assert [int(part.read(i)[1][0, 0]) for i in range(5)] == [1, 1, OF_SBD, 7, OF_SBD]


def test_faults_of_masks_are_named_before_training_or_reported(root: Path, tmp_path: Path) -> None:
    for name in "ag":
        (root / f"benchmark_RELEASE/dataset/cls/{name}.mat").write_text("no masks")
    with pytest.raises(InputError, match=r"a\.mat: a damaged MATLAB file"):
        voc_set(root, "train_aug", cache=tmp_path / "cache")
    faults: list[str] = []
    part = voc_set(root, "train_aug", cache=tmp_path / "cache", report=faults.append)
    assert [sample.name for sample in part.samples] == ["d", "b", "f"]
    assert len(faults) == 2
