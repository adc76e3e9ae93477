"""Embeddings and ImageNet's features on Fashion-MNIST (Xiao et al. 2017): products in 28 px.

Nothing is trained on them but the linear probe: which category is the nearest neighbour's, and what
does a logistic regression make of 1,000 labels?
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fashion.recogniser import GarmentRecogniser
from vision_shared.tables import Table

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
GET = "apt-get install dataset-fashion-mnist, or give --fashion-mnist the folder of its four files"
CLOTHES = (
    0,
    2,
    3,
    4,
    6,
)  # tops, pullovers, dresses, coats, shirts: what ImageNet's were measured on
LABELLED, TESTED, BATCH_SIZE = 1000, 500, 50


def read_split(folder: Path, name: str, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the first images (N, 28, 28) and labels (N,) of "train" or "t10k".

    Raises:
        FileNotFoundError: they are not there; says how to get them.
    """
    arrays = []
    for what, header, side in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)):
        path = folder / f"{name}-{what}-ubyte.gz"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: not found: {GET}")
        with gzip.open(path) as file:
            file.read(header)
            arrays.append(np.frombuffer(file.read(number * side), np.uint8))
    return arrays[0].reshape(-1, 28, 28), arrays[1]


def describe(recogniser: GarmentRecogniser, images: NDArray[np.uint8]) -> dict[str, NDArray]:
    """Return by name the embeddings of images (N, 28, 28), and the frozen features below them."""
    network: Any = recogniser.network.network
    ours, theirs = [], []
    hook = network.features.register_forward_hook(lambda *call: theirs.append(call[2][1].numpy()))
    for start in range(0, len(images), BATCH_SIZE):
        batch = [_enlarged(image) for image in images[start : start + BATCH_SIZE]]
        size = np.array([0, 0, *batch[0].shape[1::-1]], np.float32)
        answer: Any = recogniser.answer([recogniser.frame(image, size)[0] for image in batch])
        ours.append(answer.embedding.numpy())
    hook.remove()
    return {"embedding": np.concatenate(ours), "ImageNet's features": np.concatenate(theirs)}


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a garment, bright on black, as an RGB image on white."""
    return np.repeat(np.repeat(255 - image, 4, 0), 4, 1)[..., None].repeat(3, 2)


def fashion_mnist_table(recogniser: GarmentRecogniser, folder: Path, split: str = "test") -> Table:
    """Return both measures of our embedding beside ImageNet's features.

    Settings are chosen on the split "development": images of the training that are not labelled.
    """
    images, labels = read_split(folder, "train", LABELLED + TESTED)
    tested, truth = images[LABELLED:], labels[LABELLED:]
    images, labels = images[:LABELLED], labels[:LABELLED]
    if split == "test":
        tested, truth = read_split(folder, "t10k", TESTED)
    known = describe(recogniser, images)
    asked = describe(recogniser, tested)
    rows = []
    for name, features in known.items():
        mine, theirs = _scaled(features, asked[name])
        own, others = np.isin(labels, CLOTHES), np.isin(truth, CLOTHES)
        nearest = labels[own][(theirs[others] @ mine[own].T).argmax(1)] == truth[others]
        of_all = labels[(theirs @ mine.T).argmax(1)] == truth
        probe = _probe(features, labels, asked[name], truth)
        rows.append(
            [name, *(f"{100 * share:.1f} %" for share in (nearest.mean(), of_all.mean(), probe))]
        )
    note = (
        f"{LABELLED} labelled images, {TESTED} of the {split}; "
        f"shown at {recogniser.framing.size} px"
    )
    columns = ["", "nearest, five clothes", "nearest, all ten", "linear probe"]
    return Table("Fashion-MNIST, category right", columns, rows, note)


def _scaled(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    return tuple(x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))  # type: ignore


def _probe(features: NDArray, labels: NDArray, asked: NDArray, truth: NDArray) -> float:
    """Accuracy of a ridge-regularised softmax on standardised features."""
    mean, std = features.mean(0), features.std(0) + 1e-6
    x, y = (torch.from_numpy((v - mean) / std).float() for v in (features, asked))
    layer = torch.nn.Linear(x.shape[1], int(labels.max()) + 1)
    torch.nn.init.zeros_(layer.weight)
    target = torch.tensor(labels.tolist())
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(x), target)
        value = value + 0.02 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        return float((layer(y).argmax(1).numpy() == truth).mean())
