"""Annotations of masks that are damaged; see `file_samples`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inputs import image_of, scenes_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Made = tuple[list[Path], Callable[[], int | None]]
"""The files of a sample that are damaged, and what reads it."""


def folder_of_masks(folder: Path, inputs: Path) -> Made:
    """Lists and the class file of a user's folder, and a mask."""
    from PIL import Image

    from segmentation.check_data import main

    names = [f"{number:02d}" for number in range(4)]
    for inside in ("images", "masks"):
        (folder / inside).mkdir()
    for name in names:
        shutil.copy(image_of(inputs), folder / "images" / f"{name}.jpg")
        Image.fromarray(_mask(7)).save(folder / "masks" / f"{name}.png")
    (folder / "classes.txt").write_text("".join(f"class {i}\n" for i in range(7)))
    (folder / "train.txt").write_text("\n".join(names[:3]))
    (folder / "val.txt").write_text(names[3])
    lists = [folder / f"{name}.txt" for name in ("classes", "train", "val")]
    return [*lists, folder / "masks" / f"{names[0]}.png"], lambda: main(["folder", str(folder)])


def coco(folder: Path, inputs: Path) -> Made:
    from segmentation.check_data import main
    from segmentation.data.labels import COCO_TO_VOC

    entries: list[dict[str, Any]] = [
        {"image_id": 1, "category_id": number, "iscrowd": 0, "area": 144, "segmentation": [outline]}
        for place, number in enumerate(COCO_TO_VOC)
        for x, y in [(12 * (place % 5), 14 * (place // 5))]
        for outline in [[x, y, x + 12, y, x + 12, y + 12, x, y + 12]]
    ]
    runs = {"size": [64, 64], "counts": [64 * 60, 64 * 4]}
    entries.append({**entries[0], "iscrowd": 1, "segmentation": runs})
    paths = []
    for split in ("train", "val"):
        (folder / f"{split}2017").mkdir()
        shutil.copy(image_of(inputs), folder / f"{split}2017" / "1.jpg")
        content = {
            "images": [{"id": 1, "file_name": "1.jpg", "height": 64, "width": 64}],
            "categories": [{"id": number} for number in COCO_TO_VOC],
            "annotations": entries,
        }
        paths.append(folder / "annotations" / f"instances_{split}2017.json")
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(json.dumps(content))
    return paths, lambda: main(["coco", str(folder)])


def sbd(compressed: bool, folder: Path, inputs: Path) -> Made:
    import numpy as np
    import scipy.io
    from PIL import Image

    from segmentation.check_data import main

    voc, dataset = folder / "VOCdevkit/VOC2012", folder / "benchmark_RELEASE/dataset"
    shutil.copytree(scenes_of(inputs), voc)
    for drawn in (voc / "SegmentationClass").iterdir():
        Image.fromarray(_mask(21)).save(drawn)
    (dataset / "cls").mkdir(parents=True)
    shutil.copy(image_of(inputs), voc / "JPEGImages" / "traced.jpg")
    content = {"Segmentation": _mask(21), "Boundaries": np.zeros((20, 1), object)}
    path = dataset / "cls" / "traced.mat"
    scipy.io.savemat(path, {"GTcls": content}, do_compression=compressed)
    for split in ("train", "val"):
        (dataset / f"{split}.txt").write_text("traced")
    return [path], lambda: main(["sbd", str(folder)])


def _mask(num_classes: int) -> "NDArray[np.uint8]":
    """Return a mask with every class, of the size of the campaign's images."""
    import numpy as np

    return np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).T.astype(np.uint8) % num_classes
