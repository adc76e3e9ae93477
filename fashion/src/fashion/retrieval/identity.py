"""Which network an index was made with: embeddings of another one cannot be compared with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fashion.garment import Recogniser
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.storage import Manifest
from fashion.weights import SHIPPED
from vision_shared.checkpoints import read_checkpoint
from vision_shared.prediction import ModelError

TASK = "fashion"

Load = Callable[[str, str], Recogniser]
"""Makes a recogniser of a checkpoint's path and a device's name."""


def load_recogniser(checkpoint: str, device: str) -> Recogniser:
    """Rebuild the recogniser of a checkpoint.

    Raises:
        ModelError: it cannot be used.
    """
    from fashion.recogniser import GarmentRecogniser

    try:
        recogniser = GarmentRecogniser.from_checkpoint(checkpoint, device=device)
    except (ValueError, OSError) as error:
        raise ModelError(str(error)) from error
    if not recogniser.embeds:
        raise ModelError(f"{checkpoint}: a network of landmarks alone; an index needs a FashionNet")
    return recogniser


def new_manifest(checkpoint: str, recogniser: Recogniser, *, whole: bool) -> Manifest:
    """Return what an index is that is made with this network."""
    path = str(Path(checkpoint).resolve())
    return Manifest(path, model_digest(checkpoint), plain(recogniser.transform), whole)


def matching_recogniser(
    folder: Path, manifest: Manifest, checkpoint: str | None, device: str, load: Load | None
) -> Recogniser:
    """Load the network that an index was made with.

    Args:
        folder: folder of the index.
        manifest: description of the index.
        checkpoint: path of the network now; None where it was.
        device: its name.
        load: function that makes the recogniser; None is `load_recogniser`.

    Raises:
        ModelError: the network is not there, or is another one, or sees images in another way.
    """
    path = checkpoint or manifest.checkpoint
    if checkpoint is None and not Path(path).is_file() and _is_shipped(manifest):
        path = str(SHIPPED)  # the package's own, which lies elsewhere since
    if not Path(path).is_file():
        raise ModelError(f"{path}: no such checkpoint; --checkpoint names the one of {folder}")
    digest = model_digest(path)
    if digest != manifest.model:
        raise ModelError(
            f"{path}: network {digest[:12]}, but {folder} was made with {manifest.model[:12]}; "
            "name that one with --checkpoint, or build the index again"
        )
    recogniser = (load or load_recogniser)(path, device)
    transform = plain(recogniser.transform)
    if transform != manifest.transform:
        raise ModelError(
            f"{folder}: made of images seen as {json.dumps(manifest.transform)}, this version "
            f"sees them as {json.dumps(transform)}; build the index again"
        )
    return recogniser


def open_with_network(
    folder: Path,
    checkpoint: str | None,
    device: str,
    load: Load | None,
    report: Callable[[str], None],
) -> tuple[GarmentIndex, Recogniser]:
    """Open an index, report what a user should know of it, and load its network.

    Args:
        folder: folder of the index.
        checkpoint: path of the network now; None where it was.
        device: its name.
        load: see `matching_recogniser`.
        report: function that takes the notices.

    Raises:
        InputError: there is no index, it is damaged, or empty.
        ModelError: as `matching_recogniser`.
    """
    index = GarmentIndex(folder)
    for notice in index.notices:
        report(notice)
    return index, matching_recogniser(folder, index.files.manifest, checkpoint, device, load)


def _is_shipped(manifest: Manifest) -> bool:
    return SHIPPED.is_file() and model_digest(SHIPPED) == manifest.model


def model_digest(checkpoint: str | Path) -> str:
    """Return a hash of a network's settings and weights, in hexadecimal.

    The same for a training checkpoint and for the weights alone that were written of it.

    Raises:
        ModelError: no such file, or not a checkpoint of fashion.
    """
    import torch

    try:
        content = read_checkpoint(checkpoint, task=TASK)
    except (ValueError, OSError) as error:
        raise ModelError(str(error)) from error
    digest = hashlib.sha256(json.dumps(content.hyper_parameters, sort_keys=True).encode())
    for name, tensor in sorted(content.state_dict.items()):
        if name.startswith("net."):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON gives them back."""
    return json.loads(json.dumps(dict(values)))
