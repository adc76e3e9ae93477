"""PANDA (Zhang, Paluri, Ranzato, Darrell, Bourdev 2014), rebuilt: a small network for each part.

Parts of a face are cut out, a convolutional network learns all attributes from each, and support
vector machines join what the networks' last hidden layers say. Where parts lie tells two kinds
apart, as Liu et al. (2015) compare them: PANDA-w has the box of a detector and takes fixed shares
of it; PANDA-l has true landmarks, by which each part is turned and scaled into place.
"""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face_attributes.data.faces import Faces
from face_attributes.data.framing import cut_out
from face_attributes.losses import attribute_loss
from vision_shared.layers import Normalise

SIDE = 32
"""Pixels to a side of each part."""

SHARES = ((0.5, 0.5, 1.3), (0.5, 0.2, 0.7), (0.5, 0.4, 0.7), (0.5, 0.62, 0.5), (0.5, 0.82, 0.6))
"""Centre and side as parts of a face's box: the head, hair, eyes, nose, mouth and chin."""

PLACES = ((0.0, 0.2, 3.4), (0.0, -0.9, 2.0), (0.0, 0.0, 1.8), (0.0, 0.6, 1.3), (0.0, 1.2, 1.6))
"""The same parts of an upright face whose eyes are at (-.5, 0) and (.5, 0): centre and side."""

WIDTH, RATE, WEIGHT_DECAY, BATCH = 64, 3e-3, 1e-3, 64

Parts = NDArray[np.uint8]
"""(N, P, SIDE, SIDE, 3): every part of every face."""


def parts_by_boxes(faces: Faces, boxes: NDArray[np.floating]) -> Parts:
    """Cut out fixed shares of boxes (N, 4)."""
    rows = []
    for index, (left, top, right, bottom) in enumerate(boxes.tolist()):
        image, width, height = faces.read_image(index), right - left, bottom - top
        regions = []
        for x, y, side in SHARES:
            centre, half = (left + x * width, top + y * height), side * max(width, height) / 2
            regions.append([centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half])
        rows.append([cut_out(image, np.array(region), (SIDE, SIDE))[0] for region in regions])
    return np.array(rows)


def parts_by_landmarks(faces: Faces) -> Parts:
    """Turn and scale each part into place by true landmarks."""
    rows = []
    for index, points in enumerate(faces.landmarks):
        image = faces.read_image(index)
        rows.append([aligned(image, points, part) for part in PLACES])
    return np.array(rows)


def aligned(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], part: tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Return a part (SIDE, SIDE, 3) of a face as it is when its eyes are level.

    The unit is the larger of the distances of the eyes and, of faces that are turned away, of
    eyes and mouth (which are as far apart in a face from the front).
    """
    left, right = landmarks[:2]
    down = landmarks[3:].mean(0) - landmarks[:2].mean(0)
    unit = max(float(np.hypot(*(right - left))), float(np.hypot(*down)), 1.0)
    angle = math.atan2(-float(down[0]), float(down[1]))  # of the face's own downwards direction
    c, s = math.cos(angle), math.sin(angle)
    x, y, side = part
    eyes = landmarks[:2].mean(0)
    centre = eyes + unit * np.array([c * x - s * y, s * x + c * y])
    scale = SIDE / (side * unit)
    turn = scale * np.array([[c, s], [-s, c]])
    move = np.column_stack([turn, np.full(2, SIDE / 2) - turn @ centre]).astype(np.float32)
    return np.asarray(
        cv2.warpAffine(image, move, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


class PartNetworks(nn.Module):
    """A small network for each part; `features` of all of them stand side by side."""

    def __init__(self, num_parts: int, num_attributes: int) -> None:
        super().__init__()
        self.normalise = Normalise((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        self.trunks = nn.ModuleList(_trunk() for _ in range(num_parts))
        self.heads = nn.ModuleList(nn.Linear(WIDTH, num_attributes) for _ in range(num_parts))

    def each(self, parts: Tensor) -> list[Tensor]:
        """(B, P, 3, SIDE, SIDE) -> P times (B, WIDTH)."""
        return [trunk(self.normalise(parts[:, n])) for n, trunk in enumerate(self.trunks)]

    def features(self, parts: Tensor) -> Tensor:
        return torch.cat(self.each(parts), 1)

    def loss(self, parts: Tensor, labels: Tensor) -> Tensor:
        losses = [
            attribute_loss(head(feature), labels)
            for head, feature in zip(self.heads, self.each(parts), strict=True)
        ]
        return torch.stack(losses).sum()


def _trunk() -> nn.Sequential:
    layers: list[Any] = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 48)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    side = SIDE // 8
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * side * side, WIDTH), nn.ReLU())


def train_parts(parts: Parts, labels: Tensor, epochs: int, seed: int) -> PartNetworks:
    """Train the networks of all parts on the same faces, mirrored half of the time."""
    torch.manual_seed(seed)
    net = PartNetworks(parts.shape[1], labels.shape[1])
    steps = epochs * max(1, len(parts) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    for _ in range(steps):
        rows = torch.randint(len(parts), (BATCH,))
        images = to_tensors(parts[rows.numpy()])
        mirrored = torch.rand(BATCH) < 0.5
        images[mirrored] = images[mirrored].flip(-1)
        loss = net.loss(images, labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        plan.step()
    return net.eval()


@torch.no_grad()
def part_features(net: PartNetworks, parts: Parts) -> Tensor:
    """Return what the networks' last hidden layers say, (N, P * WIDTH)."""
    batches = [parts[start : start + 256] for start in range(0, len(parts), 256)]
    return torch.cat([net.features(to_tensors(batch)) for batch in batches])


def to_tensors(parts: Sequence[NDArray[np.uint8]] | Parts) -> Tensor:
    """(B, P, SIDE, SIDE, 3) uint8 -> (B, P, 3, SIDE, SIDE) in [0, 1]."""
    return torch.from_numpy(np.asarray(parts)).permute(0, 1, 4, 2, 3).float() / 255
