"""Annotations, tables, caches and indexes that are damaged; see `file_samples`."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mask_samples
from inputs import checkpoint_of, garments_of, image_of, people_of
from mask_samples import Made

Make = Callable[[Path, Path], Made]


def _kitti_flow(folder: Path, inputs: Path) -> Made:
    import cv2
    import numpy as np

    from voxel_flow.data.flow_pairs import read_kitti_flow

    path = folder / "flow.png"
    stored = np.random.default_rng(0).integers(2**16, size=(32, 32, 3), dtype=np.uint16)
    cv2.imwrite(str(path), stored)
    return [path], lambda: _nothing(read_kitti_flow(path))


def _clip_cache(folder: Path, inputs: Path) -> Made:
    from voxel_flow.data.clips import cache_file, decode_all, open_all

    sources = {"clip": inputs / "clips/clip.mp4"}
    decode_all(sources, folder, 32)
    path = cache_file(sources["clip"], folder, 32)
    return [path], lambda: _nothing(open_all(sources, folder, 32)["clip"].sum())


def _celeba_lists(folder: Path, inputs: Path) -> Made:
    from face_attributes.check_data import main

    shutil.copytree(people_of(inputs), folder, dirs_exist_ok=True)
    return sorted(folder.rglob("*.txt")), lambda: main(["people", str(folder)])


def _folder_of_faces(folder: Path, inputs: Path) -> Made:
    from face_attributes.check_data import main

    (folder / "images").mkdir()
    tables = {
        "attributes": "image,Smiling,Eyeglasses",
        "boxes": "image,x_1,y_1,width,height",
        "identities": "image,identity",
        "partition": "image,partition",
    }
    rows = {"attributes": "1,-1", "boxes": "5,6.5,30,40", "identities": "Ann", "partition": "train"}
    names = [f'"ann, {i}.jpg"' for i in range(8)]
    for name in names:
        shutil.copy(image_of(inputs), folder / "images" / name.strip('"'))
    for table, heading in tables.items():
        lines = [heading, *(f"{name},{rows[table]}" for name in names)]
        (folder / f"{table}.csv").write_text("\n".join(lines))
    return sorted(folder.glob("*.csv")), lambda: main(["folder", str(folder)])


def _lfwa(folder: Path, inputs: Path) -> Made:
    import h5py
    import numpy as np

    from face_attributes.check_data import main

    names = [f"Ann_Lee\\Ann_Lee_{i:04d}.jpg" for i in range(1, 5)]
    (folder / "lfw" / "Ann_Lee").mkdir(parents=True)
    for name in names:
        target = folder / "lfw" / name.replace("\\", "/")
        shutil.copy(image_of(inputs), target)
    with h5py.File(folder / "lfw_att_40.mat", "w") as file:
        refs = file.require_group("#refs#")
        for array, texts in (("AttrName", ["Male", "Young"]), ("name", names)):
            cells = file.create_dataset(array, (1, len(texts)), h5py.ref_dtype)
            for number, text in enumerate(texts):
                codes = np.array([[ord(letter)] for letter in text], np.uint16)
                cells[0, number] = refs.create_dataset(f"{array}{number}", data=codes).ref
        file["label"] = np.ones((2, len(names)))
    with h5py.File(folder / "indices_train_test.mat", "w") as file:
        file["indices_img_train"] = np.array([[1.0, 3.0]])
        file["indices_img_test"] = np.array([[2.0, 4.0]])
    return sorted(folder.glob("*.mat")), lambda: main(["lfwa", str(folder)])


def _found_boxes(folder: Path, inputs: Path) -> Made:
    import torch

    from face_attributes.data.celeba import celeba_faces
    from face_attributes.data.found import found_boxes

    faces = celeba_faces(people_of(inputs), "wild", folder / "faces")

    def read() -> None:
        box = torch.tensor([1.0, 2, 30, 40])
        found_boxes(faces, lambda images: box.expand(len(images), 4), "soak", folder / "found")

    read()
    return list((folder / "found").rglob("*.npz")), read


def _faces_cache(folder: Path, inputs: Path) -> Made:
    from face_attributes.data.celeba import celeba_faces

    def read() -> None:
        celeba_faces(people_of(inputs), "wild", folder)

    read()
    return list(folder.iterdir()), read


def _garments_cache(folder: Path, inputs: Path) -> Made:
    from fashion.data.registry import load_garments

    def read() -> None:
        load_garments("cap", garments_of(inputs) / "cap", folder)

    read()
    return list(folder.iterdir()), read


def _deepfashion_lists(benchmark: str, folder: Path, inputs: Path) -> Made:
    from fashion.check_data import main

    shutil.copytree(garments_of(inputs), folder, symlinks=True, dirs_exist_ok=True)
    root = folder / benchmark
    return sorted(root.rglob("*.txt")), lambda: main([benchmark, str(root)])


def _deepfashion2(folder: Path, inputs: Path) -> Made:
    from fashion.check_data import main
    from fashion.data.deepfashion.deepfashion2 import KINDS

    landmarks = [value for i in range(1, KINDS[8].num_landmarks + 1) for value in (i, 2 * i, 2)]
    box = {"bounding_box": [10, 20, 60, 60], "landmarks": landmarks}
    item = {"category_id": 9, "style": 1, **box}
    paths = []
    for part in ("train", "validation"):
        for inside in ("image", "annos"):
            (folder / part / inside).mkdir(parents=True)
        shutil.copy(image_of(inputs), folder / part / "image" / "000001.jpg")
        paths.append(folder / part / "annos" / "000001.json")
        paths[-1].write_text(json.dumps({"pair_id": 1, "source": "shop", "item1": item}))
    return paths, lambda: main(["deepfashion2", str(folder)])


def _table_of_garments(folder: Path, inputs: Path) -> Made:
    from fashion.check_data import main

    lines = ["image,item,category,type,part,domain,x_1,y_1,x_2,y_2,striped"]
    for number in range(6):
        shutil.copy(image_of(inputs), folder / f"{number}.jpg")
        lines.append(f'{number}.jpg,"dress, {number % 3}",Dress,full,train,shop,5,6,50,60,1')
    (folder / "items.csv").write_text("\n".join(lines))
    return [folder / "items.csv"], lambda: main(["folder", str(folder)])


def _index(what: str, folder: Path, inputs: Path) -> Made:
    """An index of all images, small as it is with approximate search, and a search in it."""
    from fashion import index, search
    from fashion.retrieval.building import finish
    from fashion.retrieval.writing import opened

    root, images = folder / "index", inputs / "images"
    checkpoint = str(checkpoint_of(inputs, "fashion"))
    index.main(["build", "--checkpoint", checkpoint, str(images), "-o", str(root), "--whole"])
    with opened(root) as writer:
        finish(writer, 50, sample=20)
    query = str(image_of(inputs))
    output = ("-o", str(folder / "out"), "--overwrite")
    return sorted(root.glob(what)), lambda: search.main([str(root), query, *output])


def _nothing(read: object) -> None:
    """Drop what was read."""


FORMATS: dict[str, Make] = {
    "lists, classes, mask of a folder": mask_samples.folder_of_masks,
    "COCO's instances .json": mask_samples.coco,
    "SBD's masks .mat": partial(mask_samples.sbd, True),
    "SBD's masks .mat, plain": partial(mask_samples.sbd, False),
    "KITTI's flow .png": _kitti_flow,
    "decoded clips .npy": _clip_cache,
    "CelebA's lists .txt": _celeba_lists,
    "tables of faces .csv": _folder_of_faces,
    "LFWA's HDF5 .mat": _lfwa,
    "found boxes .npz": _found_boxes,
    "annotation cache of faces": _faces_cache,
    "annotation cache of garments": _garments_cache,
    **{
        f"DeepFashion's lists: {name}": partial(_deepfashion_lists, name)
        for name in ("cap", "consumer2shop", "fld", "inshop")
    },
    "DeepFashion2's .json": _deepfashion2,
    "table of garments .csv": _table_of_garments,
    "index: FAISS": partial(_index, "*.lists"),
    "index: index.json": partial(_index, "index.json"),
    "index: rows, vectors, lines": partial(_index, "[!i]*.*.*"),
}
