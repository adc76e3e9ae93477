"""Where networks found the faces of pictures: looked for once, then kept in a file."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from face_attributes.data.faces import Faces
from face_attributes.data.samples import to_tensor
from vision_shared.inputs import InputError, new_file
from vision_shared.packed import damaged

Find = Callable[[Tensor], Tensor]
"""Takes a picture (3, H, W), RGB in [0, 1]; returns the box (4,) of its face in its pixels."""


def found_boxes(
    faces: Faces, find: Find, finder: str, cache: Path
) -> tuple[NDArray[np.float32], Path]:
    """Look for the face of every picture, or read what the same networks found before.

    Args:
        faces: whose own boxes are not looked at.
        find: looks for a face.
        finder: names what ``find`` does; another name, other boxes.
        cache: a folder for such files.

    Returns:
        (N, 4), and the file that keeps them.

    Raises:
        InputError: a picture cannot be used, or the file is damaged.
    """
    path = cache / f"{faces.folder.name}-{_digest(faces, finder)}.npy"
    if path.exists():
        return _load(path, len(faces)), path
    rows = [find(to_tensor(faces.read_image(i))).cpu().numpy() for i in range(len(faces))]
    boxes = np.stack(rows).astype(np.float32)
    with new_file(path, overwrite=True) as temporary:
        np.save(temporary, boxes)
    return boxes, path


def _load(path: Path, number: int) -> NDArray[np.float32]:
    try:
        boxes = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except Exception as error:  # NumPy's reader of headers raises whatever Python's parser does
        raise damaged(path, error) from error
    if boxes.shape != (number, 4) or boxes.dtype != np.float32:
        raise InputError(
            f"{path}: holds {boxes.dtype} {boxes.shape}, expected float32 ({number}, 4): delete it"
        )
    return boxes


def _digest(faces: Faces, finder: str) -> str:
    folder = str(faces.folder.resolve()).encode()
    content = (finder.encode(), folder, faces.names.tobytes(), faces.labels.tobytes())
    return hashlib.sha256(b"\0".join(content)).hexdigest()[:16]


def name_of(*parts: Tensor | str) -> str:
    """A name that changes with every value of some tensors and texts."""
    digest = hashlib.sha256()
    for part in parts:
        is_text = isinstance(part, str)
        digest.update(part.encode() if is_text else part.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
