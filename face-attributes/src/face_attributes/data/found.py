"""Where networks found the faces of images: looked for once, in batches, and kept in files.

What is found depends on the image and the networks alone, so trainings on other labels, and on
parts of a data set, take it from the same files. They are written as the search goes on: one that
is interrupted resumes where it was.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from face_attributes.data.faces import Faces
from face_attributes.data.samples import to_tensor
from vision_shared.annotation_cache import damaged
from vision_shared.inputs import InputError, new_file

Find = Callable[[Sequence[Tensor]], Tensor]
"""Takes images (3, H, W), RGB in [0, 1]; returns a box (N, 4) for the face of each, in pixels."""

BATCH = 32
PART = 64 * BATCH
"""Images whose boxes are written at once: what an interrupted search loses."""

SHOWN_FROM = 500
"""Images to search from which on progress is shown."""


def found_boxes(
    faces: Faces, find: Find, finder: str, cache: Path
) -> tuple[NDArray[np.float32], Path]:
    """Look for the face of every image that the same networks have not searched yet.

    Args:
        faces: faces whose own boxes and labels are not looked at.
        find: looks for faces.
        finder: finder that names what ``find`` does; another name, other boxes.
        cache: a folder for such files.

    Returns:
        (N, 4), and the folder that keeps them.

    Raises:
        InputError: an image cannot be used, or a file is damaged.
    """
    folder = cache / f"{faces.folder.name}-{_digest(faces, finder)}"
    keys = [_key(faces, index) for index in range(len(faces))]
    known = _load(folder)
    missing = [index for index, key in enumerate(keys) if key not in known]
    with tqdm(
        total=len(missing), unit="image", desc="finding", disable=len(missing) < SHOWN_FROM
    ) as bar:
        for start in range(0, len(missing), PART):
            part = missing[start : start + PART]
            boxes = [box for rows in _batches(part) for box in _search(faces, rows, find, bar)]
            _write(folder, [keys[index] for index in part], np.stack(boxes))
            known |= {keys[index]: box for index, box in zip(part, boxes, strict=True)}
    return np.stack([known[key] for key in keys]), folder


def _search(faces: Faces, rows: Sequence[int], find: Find, bar: tqdm) -> NDArray[np.float32]:
    boxes = find([to_tensor(faces.read_image(index)) for index in rows])
    bar.update(len(rows))
    return boxes.cpu().numpy().astype(np.float32)


def _batches(rows: Sequence[int]) -> list[Sequence[int]]:
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def _key(faces: Faces, index: int) -> bytes:
    """Name an image and its state: one that is replaced is searched again."""
    try:
        state = faces.path(index).stat()
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
    return b"%s %d %d" % (bytes(faces.names[index]), state.st_size, state.st_mtime_ns)


def _load(folder: Path) -> dict[bytes, NDArray[np.float32]]:
    known: dict[bytes, NDArray[np.float32]] = {}
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
                keys, boxes = content["keys"], content["boxes"]
        except Exception as error:  # NumPy's readers raise whatever Python's parsers do
            raise damaged(path, error) from error
        if boxes.shape != (len(keys), 4) or boxes.dtype != np.float32 or keys.dtype.kind != "S":
            raise InputError(
                f"{path}: holds {boxes.dtype} {boxes.shape}, expected float32 ({len(keys)}, 4): "
                "delete it"
            )
        known |= dict(zip(keys.tolist(), boxes, strict=True))
    return known


def _write(folder: Path, keys: Sequence[bytes], boxes: NDArray[np.float32]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(b"\0".join(keys)).hexdigest()[:16]
    with (
        new_file(folder / f"{name}.npz", overwrite=True) as temporary,
        temporary.open("wb") as file,
    ):
        np.savez(file, keys=np.array(keys, "S"), boxes=boxes)


def _digest(faces: Faces, finder: str) -> str:
    folder = str(faces.folder.resolve()).encode()
    return hashlib.sha256(finder.encode() + b"\0" + folder).hexdigest()[:16]


def name_of(*parts: Tensor | str) -> str:
    """A name that changes with every value of some tensors and texts."""
    digest = hashlib.sha256()
    for part in parts:
        is_text = isinstance(part, str)
        digest.update(part.encode() if is_text else part.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
