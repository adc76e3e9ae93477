import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segmentation.data.coco import coco_set
from segmentation.data.labels import COCO_TO_VOC, VOC
from vision_shared.inputs import InputError

PERSON, BICYCLE, GIRAFFE = 1, 2, 25
HEIGHT, WIDTH = 40, 50


def box(x0: int, y0: int, x1: int, y1: int) -> list[list[float]]:
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def runs(region: np.ndarray) -> dict[str, Any]:
    """COCO's run lengths: column by column, the first run outside."""
    flat = np.concatenate([[0], region.T.ravel(), [1 - region[-1, -1]]])
    lengths = np.diff(np.flatnonzero(np.diff(flat)), prepend=0)
    return {"size": list(region.shape), "counts": [int(length) for length in lengths]}


def annotation(image: int, category: int, outline: Any, *, crowd: bool = False, area: float = 1200):
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": outline,
        "iscrowd": int(crowd),
        "area": area,
    }


def write(root: Path, annotations: list[dict], num_images: int = 1, split: str = "train") -> Path:
    images = [
        {"id": n, "file_name": f"{n:012}.jpg", "height": HEIGHT, "width": WIDTH}
        for n in range(1, num_images + 1)
    ]
    categories = [{"id": number} for number in (*COCO_TO_VOC, GIRAFFE)]
    content = {"images": images, "categories": categories, "annotations": annotations}
    path = root / "annotations" / f"instances_{split}2017.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    (root / f"{split}2017").mkdir(exist_ok=True)
    for image in images:
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / f"{split}2017" / image["file_name"])
    return path


def test_polygons_become_vocs_classes(tmp_path: Path) -> None:
    write(tmp_path, [annotation(1, PERSON, box(10, 5, 20, 35) + box(30, 5, 40, 10))])
    part = coco_set(tmp_path, "train")
    image, mask = part.read(0)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[5:35, 10:20] = expected[5:10, 30:40] = VOC.names.index("person")
    np.testing.assert_array_equal(mask, expected)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert (part.samples[0].name, part.classes) == ("000000000001", VOC)


def test_pixel_belongs_to_a_polygon_that_holds_its_centre(tmp_path: Path) -> None:
    triangle = [[3.23, 1.07, 44.71, 20.39, 8.17, 38.97]]
    write(tmp_path, [annotation(1, PERSON, triangle)])
    mask = coco_set(tmp_path, "train").read_mask(0)
    corners = np.array(triangle).reshape(3, 2)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            to_centre = np.array([x + 0.5, y + 0.5]) - corners
            edges = np.roll(corners, -1, axis=0) - corners
            sides = edges[:, 0] * to_centre[:, 1] - edges[:, 1] * to_centre[:, 0]
            assert (mask[y, x] == 15) == ((sides > 0).all() or (sides < 0).all())


def test_polygon_is_cut_at_the_border_of_the_picture(tmp_path: Path) -> None:
    write(tmp_path, [annotation(1, PERSON, box(-5, -5, WIDTH + 5, 10))])
    mask = coco_set(tmp_path, "train").read_mask(0)
    assert (mask[:10] == 15).all() and not mask[10:].any()


def test_run_lengths_go_down_the_columns(tmp_path: Path) -> None:
    region = np.zeros((HEIGHT, WIDTH), np.uint8)
    region[3:9, 7:30] = 1
    write(tmp_path, [annotation(1, BICYCLE, runs(region))])
    np.testing.assert_array_equal(coco_set(tmp_path, "train").read_mask(0), region * 2)


def test_what_two_classes_claim_is_ignored(tmp_path: Path) -> None:
    rider = annotation(1, PERSON, box(0, 0, 20, 20))
    friend = annotation(1, PERSON, box(0, 10, 20, 30))
    bike = annotation(1, BICYCLE, box(10, 0, 30, 10))
    write(tmp_path, [rider, friend, bike])
    mask = coco_set(tmp_path, "train").read_mask(0)
    assert (mask[:10, 10:20] == 255).all()
    assert (mask[10:30, :20] == 15).all()  # two of one class leave no doubt
    assert (mask[:10, 20:30] == 2).all()
    assert np.count_nonzero(mask == 255) == 100


def test_crowds_are_ignored_but_for_the_objects_in_them(tmp_path: Path) -> None:
    crowd = np.zeros((HEIGHT, WIDTH), np.uint8)
    crowd[:20, :20] = 1
    alone = annotation(1, PERSON, box(0, 0, 10, 10))
    write(tmp_path, [annotation(1, PERSON, runs(crowd), crowd=True), alone])
    mask = coco_set(tmp_path, "train").read_mask(0)
    assert (mask[:10, :10] == 15).all()
    assert np.count_nonzero(mask == 255) == 300


def test_other_categories_are_background(tmp_path: Path) -> None:
    write(
        tmp_path,
        [annotation(1, GIRAFFE, box(0, 0, 30, 30)), annotation(1, PERSON, box(0, 0, 2, 2))],
    )
    assert np.unique(coco_set(tmp_path, "train").read_mask(0)).tolist() == [0, 15]


def test_training_leaves_out_pictures_that_show_hardly_anything(tmp_path: Path) -> None:
    annotations = [
        annotation(1, PERSON, box(0, 0, 30, 30), area=1000),
        annotation(2, PERSON, box(0, 0, 30, 30), area=600),
        annotation(2, BICYCLE, box(0, 0, 30, 30), area=401),
        annotation(3, GIRAFFE, box(0, 0, 30, 30), area=1200),
        annotation(4, PERSON, runs(np.ones((HEIGHT, WIDTH), int)), crowd=True, area=2000),
    ]
    write(tmp_path, annotations, 4)
    assert [s.name for s in coco_set(tmp_path, "train").samples] == ["000000000002"]
    write(tmp_path, annotations, 4, split="val")
    assert len(coco_set(tmp_path, "val")) == 4


def test_missing_data_names_page_and_layout(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"train2017: not found: get train2017\.zip and ann"
    ):
        coco_set(tmp_path, "train")
    write(tmp_path, []).unlink()
    with pytest.raises(FileNotFoundError, match=r"instances_train2017\.json: .*cocodataset\.org"):
        coco_set(tmp_path, "train")
    with pytest.raises(InputError, match=r"split of COCO \(train, val\), got 'test'"):
        coco_set(tmp_path, "test")


def test_unusable_annotations_are_named_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, [])
    whole = path.read_text()
    others = json.dumps({**json.loads(whole), "categories": [{"id": 1}]})
    broken = {
        "damaged JSON": whole[: len(whole) // 2],
        "expected COCO's instances, found no 'annotations'": whole.replace("annotations", "info"),
        "1 categories that are not COCO's 80": others,
    }
    for message, text in broken.items():
        path.write_text(text)
        with pytest.raises(InputError, match=message) as caught:
            coco_set(tmp_path, "train")
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "outline",
    [
        [[0, 0, 5, 5]],
        [],
        {"size": [HEIGHT, WIDTH], "counts": [5, 5]},
        [[0, 0, 5, 5, 5, 5, 3]],
        {"size": [HEIGHT, WIDTH], "counts": "no code"},
    ],
)
def test_damaged_outlines_are_named_with_their_picture(tmp_path: Path, outline: Any) -> None:
    path = write(tmp_path, [annotation(1, PERSON, outline)])
    with pytest.raises(
        InputError, match="damaged outline of an object in image 000000000001"
    ) as caught:
        coco_set(tmp_path, "train").read(0)
    assert str(caught.value).startswith(f"{path}: ")
