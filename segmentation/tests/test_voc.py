from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.labels import VOC, ClassList, with_voc_colours
from segmentation.data.masks import write_mask
from segmentation.data.voc import voc_set
from vision_shared.inputs import InputError

LISTS = {"train": ["2007_1", "2007_3"], "val": ["2007_2"], "test": ["2008_9"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """VOC's layout: three images with masks, of which each pixel is its number; one without."""
    folder = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    for split, names in {**LISTS, "trainval": [*LISTS["train"], *LISTS["val"]]}.items():
        text = "".join(f"{name}\n" for name in names)
        (folder / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(text)
    for name in chain.from_iterable(LISTS.values()):
        grey = np.full((4, 6, 3), 10 * int(name[-1]), np.uint8)
        Image.fromarray(grey).save(folder / "JPEGImages" / f"{name}.jpg", quality=100)
        if name not in LISTS["test"]:
            mask = np.full((4, 6), int(name[-1]), np.uint8)
            mask[0] = 255
            write_mask(folder / "SegmentationClass" / f"{name}.png", mask, VOC)
    return tmp_path


@pytest.mark.parametrize("split", ["train", "val", "trainval"])
def test_split_reads_the_pairs_of_its_list_in_order(root: Path, split: str) -> None:
    part = voc_set(root, split)
    expected = [*LISTS["train"], *LISTS["val"]] if split == "trainval" else LISTS[split]
    assert [sample.name for sample in part.samples] == expected
    assert part.classes is VOC
    for index, name in enumerate(expected):
        image, mask = part.read(index)
        assert (image == 10 * int(name[-1])).all()
        assert (mask[0] == 255).all() and (mask[1:] == int(name[-1])).all()


def test_folder_voc2012_itself_is_a_root(root: Path) -> None:
    direct = voc_set(root / "VOCdevkit" / "VOC2012", "val")
    assert direct.samples == voc_set(root, "val").samples


def test_test_pictures_have_a_mask_only_where_it_is_published(root: Path) -> None:
    assert voc_set(root, "test").samples[0].mask_path is None
    masks = root / "VOCdevkit" / "VOC2012" / "SegmentationClass"
    write_mask(masks / "2008_9.png", np.zeros((4, 6), np.uint8), VOC)
    assert voc_set(root, "test").samples[0].mask_path == masks / "2008_9.png"


def test_other_data_in_this_layout_has_its_own_classes(root: Path) -> None:
    few: ClassList = with_voc_colours(("ground", "tree"))
    part = voc_set(root, "val", classes=few)
    assert part.classes is few
    with pytest.raises(InputError, match=r"2007_2\.png: holds 2, expected 0 to 1"):
        part.read(0)


def test_missing_data_names_page_and_layout(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        voc_set(tmp_path / "nowhere", "train")
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'nowhere/VOCdevkit/VOC2012/JPEGImages'}: not found: ")
    assert "VOCtrainval_11-May-2012.tar at http://host.robots.ox.ac.uk/pascal/VOC/voc2012" in line
    (root / "VOCdevkit/VOC2012/ImageSets/Segmentation/test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"test\.txt: not found: get VOC2012test\.tar at"):
        voc_set(root, "test")


def test_unusable_lists_and_splits_are_refused(root: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected a split of VOC \(train, .*\), got 'validation'"
    ):
        voc_set(root, "validation")
    path = root / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt"
    path.write_text("2007_1\n\n2007_3  1\n")  # as ImageSets/Main has them
    with pytest.raises(
        InputError, match=r"2007_3  1\.jpg: no such file, but the data set lists it"
    ):
        voc_set(root, "train").check()
    path.write_text("\n")
    with pytest.raises(InputError, match=r"train\.txt: an empty list"):
        voc_set(root, "train")


def test_list_entry_without_files_is_named_before_the_first_step(root: Path) -> None:
    path = root / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt"
    path.write_text("2007_1\n2007_7\n")
    voc_set(root, "val").check()
    with pytest.raises(InputError, match=r"2007_7\.jpg: no such file, but the data set lists it"):
        voc_set(root, "train").check()
