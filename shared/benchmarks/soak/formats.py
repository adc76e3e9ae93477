"""A small whole file of every format that the project reads, and what reads it.

A reader takes a file and a second path, which it need not write, so that
`vision_shared.isolation.convert_each` runs it where a crash is seen.
"""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image


class Format(NamedTuple):
    """A format.

    Attributes:
        make: writes a whole file of it into a folder; returns its path.
        read: reads one; raises InputError or OSError for one that cannot be used.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path, Path], None]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return an image, uint8 (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def make_image(folder: Path, suffix: str, **options: object) -> Path:
    path = folder / f"image{suffix}"
    Image.fromarray(noise(24, 30)).save(path, **options)  # type: ignore[arg-type]
    return path


def make_animation(folder: Path, suffix: str) -> Path:
    path = folder / f"animation{suffix}"
    frames = [Image.fromarray(noise(12, 14, seed)) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def read_image(path: Path, _: Path) -> None:
    from vision_shared import images

    images.read_image(path)


def make_mask(folder: Path) -> Path:
    from segmentation.data.labels import VOC
    from segmentation.data.masks import write_mask

    write_mask(folder / "mask.png", noise(20, 24)[..., 0] % 21, VOC)
    return folder / "mask.png"


def read_mask(path: Path, _: Path) -> None:
    from segmentation.data import masks
    from segmentation.data.labels import VOC

    masks.read_mask(path, VOC)
    masks.read_colours(path, VOC)


def make_kitti_flow(folder: Path) -> Path:
    import cv2

    path = folder / "flow.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 2**16, (20, 24, 3), np.uint16))
    return path


def read_kitti_flow(path: Path, _: Path) -> None:
    from voxel_flow.data import flow_pairs

    flow_pairs.read_kitti_flow(path)


def make_video(folder: Path, suffix: str, codec: str) -> Path:
    import av

    path = folder / f"video{suffix}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound: Any = container.add_stream("aac", rate=8000)
        for seed in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise(48, 64, seed), "rgb24")))
        container.mux(stream.encode())
        samples = np.zeros((1, 4096), np.float32)
        audio = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        audio.sample_rate = 8000
        container.mux(sound.encode(audio))
        container.mux(sound.encode())
    return path


def read_video(path: Path, _: Path) -> None:
    from vision_shared.video.reader import read_frames

    for _frame in read_frames(path):
        pass


def make_sbd(folder: Path) -> Path:
    import scipy.io

    mask = np.repeat(np.arange(3, dtype=np.uint8), 40).reshape(10, 12)
    content = {"Segmentation": mask, "Boundaries": np.zeros((20, 1), object)}
    scipy.io.savemat(folder / "sbd.mat", {"GTcls": content}, do_compression=True)
    return folder / "sbd.mat"


def make_sbd_uncompressed(folder: Path) -> Path:
    import scipy.io

    content = {"Segmentation": np.ones((10, 12), np.uint8), "Boundaries": np.zeros((20, 1), object)}
    scipy.io.savemat(folder / "plain.mat", {"GTcls": content})
    return folder / "plain.mat"


def read_sbd(path: Path, _: Path) -> None:
    from segmentation.data import sbd

    sbd.read_sbd_mask(path)


def make_lfwa(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "lfwa.mat", "w") as file:
        refs = file.create_group("#refs#")
        for name, texts in (
            ("AttrName", ["Male", "Young"]),
            ("name", ["A\\A_1.jpg", "B\\B_1.jpg"]),
        ):
            cells = file.create_dataset(name, (1, 2), h5py.ref_dtype)
            for i, text in enumerate(texts):
                codes = np.array([[ord(letter)] for letter in text], np.uint16)
                cells[0, i] = refs.create_dataset(f"{name}{i}", data=codes).ref
        file.create_dataset("label", data=np.array([[0.0, 1], [1, 1]]), compression="gzip")
        file["indices_img_train"], file["indices_img_test"] = np.array([[1.0]]), np.array([[2.0]])
    return folder / "lfwa.mat"


def read_lfwa(path: Path, _: Path) -> None:
    from face_attributes.data import lfwa

    lfwa.read_lfwa(path, path, path.parent)


def make_faces(folder: Path) -> Path:
    from face_attributes.data.faces import Faces, unknown_places
    from face_attributes.data.packed import save_faces

    names = np.array([b"a.jpg", b"bb.jpg", b"c.jpg"])
    faces = Faces(
        folder,
        names,
        ("Male", "Young"),
        np.array([[1, -1], [0, 1], [1, 1]], np.int8),
        np.zeros(3, np.int8),
        np.arange(3, dtype=np.int32),
        *unknown_places(3),
        folder / "list.txt",
    )
    save_faces(folder / "cache.faces", "record", faces)
    return folder / "cache.faces"


def read_faces(path: Path, _: Path) -> None:
    from face_attributes.data.packed import load_faces

    load_faces(path, "record")


def make_found_boxes(folder: Path) -> Path:
    np.save(folder / "found.npy", np.ones((5, 4), np.float32))
    return folder / "found.npy"


def read_found_boxes(path: Path, _: Path) -> None:
    from face_attributes.data import found

    found._load(path, 5)


def make_garments(folder: Path) -> Path:
    from fashion.data.garments import Garments, Vocabulary, unknown_columns
    from fashion.data.labels import Labels
    from fashion.data.packed import save_garments

    words = Vocabulary(("Tee", "Dress"))
    names = np.array([b"a.jpg", b"bb.jpg"])
    garments = Garments(
        folder, names, unknown_columns(2), Labels.unknown(2), words, folder / "list"
    )
    save_garments(folder / "cache.garments", "record", garments)
    return folder / "cache.garments"


def read_garments(path: Path, _: Path) -> None:
    from fashion.data.packed import load_garments

    load_garments(path, "record")


def make_coco(folder: Path) -> Path:
    from segmentation.data.coco import COCO_TO_VOC

    regions = (
        {"iscrowd": 0, "segmentation": [[1, 1, 9, 1, 9, 8, 1, 8]]},
        {"iscrowd": 1, "segmentation": {"counts": [50, 20, 50], "size": [10, 12]}},
    )
    number = min(COCO_TO_VOC)
    entries = [{"image_id": 1, "category_id": number, "area": 56, **r} for r in regions]
    content = {
        "images": [{"id": 1, "height": 10, "width": 12, "file_name": "1.jpg"}],
        "annotations": entries,
        "categories": [{"id": i} for i in COCO_TO_VOC],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return folder / "coco.json"


def read_coco(path: Path, _: Path) -> None:
    from segmentation.data import coco
    from segmentation.data.sets import Sample

    known = coco.read_annotations(path)
    for name in known:
        coco.CocoMasks(known)(Sample(name, path, path))


def make_deepfashion2(folder: Path) -> Path:
    item = {
        "category_id": 1,
        "style": 1,
        "bounding_box": [1, 2, 30, 40],
        "landmarks": [3, 4, 2] * 25,
    }
    (folder / "000001.json").write_text(json.dumps({"source": "shop", "pair_id": 1, "item1": item}))
    return folder / "000001.json"


def read_deepfashion2(path: Path, _: Path) -> None:
    from fashion.data import deepfashion2
    from fashion.data.official import Files
    from vision_shared.faults import stop

    folder = path.parent / f"{path.stem}-annos"
    folder.mkdir(exist_ok=True)
    (folder / "1.json").write_bytes(path.read_bytes())
    deepfashion2.read_deepfashion2(Files(path.parent, {"train": folder, "test": folder}), stop)


def make_checkpoint(folder: Path) -> Path:
    import torch

    from vision_shared.checkpoints import write_checkpoint

    write_checkpoint(
        folder / "best.ckpt",
        task="voxel-flow",
        hyper_parameters={"network": {"name": "compact", "sizes": [1, 2]}},
        state_dict={"net.weight": torch.ones(3, 4), "net.bias": torch.zeros(2, dtype=torch.int64)},
        data={"choice": "sample", "values": {"crop_size": 64}},
    )
    return folder / "best.ckpt"


def make_weights(folder: Path) -> Path:
    from vision_shared.checkpoints import read_checkpoint, write_weights

    write_weights(folder / "net.safetensors", read_checkpoint(make_checkpoint(folder)))
    return folder / "net.safetensors"


def read_checkpoint(path: Path, _: Path) -> None:
    from vision_shared import checkpoints

    checkpoints.read_checkpoint(path)


def make_index(folder: Path, part: str) -> Path:
    """Make an index of 600 garments with inverted lists; return one of its files."""
    from fashion.garment import Garment
    from fashion.retrieval.building import finish
    from fashion.retrieval.storage import Manifest
    from fashion.retrieval.writing import Entry, create_index, opened

    index = folder / "index"
    create_index(index, Manifest("net.ckpt", "abc", {"side": 64}, whole=False))
    vectors = np.random.default_rng(0).standard_normal((600, 8)).astype(np.float32)
    vectors[:, 0] += 4 * (np.arange(600) % 5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = []
    for vector in vectors:
        garment = Garment(
            (1, 2, 3, 4), 0, 0.5, np.ones((8, 2), np.float32), np.zeros(8, np.int64),
            "Tee", 0.75, {"floral": 0.9}, vector,
        )  # fmt: skip
        entries.append(Entry("/shop/1.jpg", garment, np.zeros((4, 3, 3), np.uint8)))
    with opened(index) as writer:
        writer.add(entries)
        finish(writer, 500, 100)
    return next(index.glob(part))


def read_index(path: Path, _: Path) -> None:
    """Search an index, of which ``path`` is a damaged file: put it in its place in a copy."""
    import shutil
    import tempfile

    from fashion.retrieval.garment_index import GarmentIndex

    whole = next(parent for parent in path.parents if (parent / "index").is_dir()) / "index"
    with tempfile.TemporaryDirectory() as temporary:
        copy = shutil.copytree(
            whole, Path(temporary) / "index", ignore=shutil.ignore_patterns("thumbnails")
        )
        place = next(file for file in copy.iterdir() if file.suffix == path.suffix)
        place.write_bytes(path.read_bytes())
        index = GarmentIndex(copy)
        queries = np.eye(8, dtype=np.float32)[:3]
        for hits in [*index.nearest(queries, 700), *index.nearest(queries, 20, np.arange(50))]:
            index.describe(hits)
            index.thumbnails(hits)
        index.similar_style(queries[0], {"floral": 1.0}, 5)
        index.rows_of(["Tee"], ["floral"])


FORMATS = {
    "JPEG": Format(lambda folder: make_image(folder, ".jpg"), read_image),
    "PNG": Format(lambda folder: make_image(folder, ".png"), read_image),
    "WebP": Format(lambda folder: make_image(folder, ".webp"), read_image),
    "TIFF": Format(lambda folder: make_image(folder, ".tif"), read_image),
    "TIFF, compressed": Format(
        lambda folder: make_image(folder, ".tif", compression="tiff_lzw"), read_image
    ),
    "BMP": Format(lambda folder: make_image(folder, ".bmp"), read_image),
    "GIF": Format(lambda folder: make_animation(folder, ".gif"), read_image),
    "WebP, animated": Format(lambda folder: make_animation(folder, ".webp"), read_image),
    "PNG, animated": Format(lambda folder: make_animation(folder, ".png"), read_image),
    "mask PNG": Format(make_mask, read_mask),
    "KITTI's flow PNG": Format(make_kitti_flow, read_kitti_flow),
    "MP4, H.264": Format(lambda folder: make_video(folder, ".mp4", "libx264"), read_video),
    "MKV, H.265": Format(lambda folder: make_video(folder, ".mkv", "libx265"), read_video),
    "WebM, VP9": Format(lambda folder: make_video(folder, ".mkv", "libvpx-vp9"), read_video),
    "AVI, MPEG-4": Format(lambda folder: make_video(folder, ".avi", "mpeg4"), read_video),
    "SBD's MATLAB": Format(make_sbd, read_sbd),
    "SBD's MATLAB, uncompressed": Format(make_sbd_uncompressed, read_sbd),
    "LFWA's HDF5": Format(make_lfwa, read_lfwa),
    "annotation cache, faces": Format(make_faces, read_faces),
    "annotation cache, garments": Format(make_garments, read_garments),
    "found boxes (npy)": Format(make_found_boxes, read_found_boxes),
    "COCO's JSON": Format(make_coco, read_coco),
    "DeepFashion2's JSON": Format(make_deepfashion2, read_deepfashion2),
    "checkpoint": Format(make_checkpoint, read_checkpoint),
    "safetensors": Format(make_weights, read_checkpoint),
    "index: manifest": Format(lambda folder: make_index(folder, "index.json"), read_index),
    "index: lists": Format(lambda folder: make_index(folder, "*.lists"), read_index),
    "index: rows": Format(lambda folder: make_index(folder, "rows.*"), read_index),
    "index: garments": Format(lambda folder: make_index(folder, "*.jsonl"), read_index),
    "index: vectors": Format(lambda folder: make_index(folder, "*.f32"), read_index),
}
