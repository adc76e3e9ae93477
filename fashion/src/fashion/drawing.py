"""Images of what the networks say, as arrays (H, W, 3) uint8 RGB."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from fashion.data.taxonomy import OCCLUDED, TYPES, VISIBLE
from fashion.garment import Garment, Picture
from fashion.models import Alignment, Recognition
from vision_shared import panels

TRUE, FOUND, WRONG = (40, 180, 60), (255, 200, 0), (210, 30, 40)
PLAIN, WHITE = (0, 0, 0), (255, 255, 255)

SIDE = 192
"""Of the images in panels, pixels of the height."""

LINE = 14
NUM_NAMED = 10
"""Attributes that a panel lists, the likeliest."""

NUM_NEIGHBOURS = 5
MAX_ATTRIBUTES = 4
"""Attributes that stand beside a box, the likeliest above one half."""


def draw_garments(
    batch: Mapping[str, Tensor],
    answer: Recognition | Alignment,
    categories: Sequence[str],
    attributes: Sequence[str],
) -> Picture:
    """Draw four samples of a batch: true and found landmarks, category and attributes.

    Args:
        batch: batch of garments.
        answer: label of its samples.
        categories: names of the categories.
        attributes: names of the attributes.
    """
    rows = []
    for i in _spread(len(answer.landmarks)):
        picture = _enlarged(batch["image"][i])
        size = np.array(picture.shape[1::-1])
        true_states = batch["states"][i].cpu().numpy()
        states = answer.state_logits[i].argmax(1).cpu().numpy()
        truth = draw_landmarks(
            picture, batch["landmarks"][i].cpu().numpy() * size, true_states, TRUE
        )
        landmarks = answer.landmarks[i].float().cpu().numpy() * size
        row = [draw_landmarks(truth, landmarks, states, FOUND)]
        if isinstance(answer, Recognition):
            row.append(_write(_lines(batch, answer, i, categories, attributes), picture.shape[:2]))
        rows.append(row)
    return panels.grid(rows, ["true, found", "red: wrong"][: len(rows[0])])


def draw_neighbours(batch: Mapping[str, Tensor], embedding: Tensor) -> Picture | None:
    """Draw four images of a batch that show known items, each with those nearest in the batch.

    A green frame: the same item. None where the batch has less than two.

    Args:
        batch: batch of garments.
        embedding: (B, D), of its images.
    """
    known = (batch["item"] >= 0).nonzero()[:, 0].cpu()
    if len(known) < 2:
        return None
    near = embedding[known].float() @ embedding[known].float().T
    near.fill_diagonal_(-torch.inf)
    best = near.topk(min(NUM_NEIGHBOURS, len(known) - 1), 1).indices.cpu()
    rows = []
    for query in _spread(len(known)):
        item = batch["item"][known[query]]
        row = [_enlarged(batch["image"][known[query]])]
        for other in known[best[query]].tolist():
            colour = TRUE if batch["item"][other] == item else WHITE
            row.append(_framed(_enlarged(batch["image"][other]), colour))
        rows.append(row)
    return panels.grid(rows, ["query", "nearest; green: same item"])


def annotate(picture: Picture, garments: Sequence[Garment]) -> Picture:
    """Draw boxes and landmarks, and in each box what the garment is said to be; the size stays."""
    line = max(LINE, picture.shape[0] // 40)
    font = ImageFont.load_default(line - 3)
    for garment in garments:
        picture = draw_landmarks(picture, garment.landmarks, garment.states, FOUND)
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    width = max(1, round(min(picture.shape[:2]) / 150))
    for garment in garments:
        pen.rectangle(garment.box, outline=FOUND, width=width)
        left, top = garment.box[0] + 4, garment.box[1] + 2
        for i, text in enumerate(describe_lines(garment)):
            at = (left, top + i * line)
            pen.text(at, text, font=font, fill=WHITE, stroke_width=1, stroke_fill=PLAIN)
    return np.asarray(drawn)


def describe_lines(garment: Garment) -> list[str]:
    """Return what is said of a garment, a few words a line."""
    kind = TYPES[garment.type] if garment.type >= 0 else ""
    lines = [f"{garment.category or kind} {100 * (garment.probability or garment.score):.0f} %"]
    said = sorted(garment.attributes.items(), key=lambda item: -item[1])
    return lines + [name for name, probability in said[:MAX_ATTRIBUTES] if probability >= 0.5]


def draw_landmarks(
    picture: Picture,
    points: NDArray[np.floating],
    states: NDArray[np.integer],
    colour: tuple[int, int, int],
) -> Picture:
    """Draw landmarks (8, 2), pixels: discs where visible, rings where occluded, else nothing."""
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    radius = max(2, round(min(picture.shape[:2]) / 60))
    for (x, y), state in zip(points.tolist(), states.tolist(), strict=True):
        place = (x - radius, y - radius, x + radius, y + radius)
        if state == VISIBLE:
            pen.ellipse(place, fill=colour, outline=PLAIN)
        elif state == OCCLUDED:
            pen.ellipse(place, outline=colour, width=max(1, radius // 2))
    return np.asarray(drawn)


def _spread(number: int) -> list[int]:
    """Return four places among so many: neighbours in a data set are often of one item."""
    return np.unique(np.linspace(0, number - 1, 4).astype(int)).tolist()


def _lines(
    batch: Mapping[str, Tensor],
    answer: Recognition,
    i: int,
    categories: Sequence[str],
    attributes: Sequence[str],
) -> list[tuple[str, bool]]:
    """Lines about a sample, and whether each is wrong."""
    lines = []
    if categories:
        said, truth = int(answer.category_logits[i].argmax()), int(batch["category"][i])
        lines.append((categories[said], truth not in (-1, said)))
        if truth not in (-1, said):
            lines.append((f"  is {categories[truth]}", False))
    probabilities = answer.attribute_logits[i].float().sigmoid()
    for place in probabilities.argsort(descending=True)[:NUM_NAMED].tolist():
        is_wrong = int(batch["attributes"][i, place]) == -1
        lines.append((f"{100 * probabilities[place]:3.0f} % {attributes[place]}", is_wrong))
    return lines


def _write(lines: Sequence[tuple[str, bool]], size: tuple[int, int]) -> Picture:
    drawn = Image.new("RGB", (size[1], size[0]), WHITE)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(LINE - 3)
    for i, (text, is_wrong) in enumerate(lines):
        pen.text((2, 2 + i * LINE), text, fill=WRONG if is_wrong else PLAIN, font=font)
    return np.asarray(drawn)


def _enlarged(image: Tensor) -> Picture:
    picture = Image.fromarray(panels.to_picture(image.float().cpu().numpy()))
    return np.asarray(picture.resize((max(1, round(SIDE * picture.width / picture.height)), SIDE)))


def _framed(picture: Picture, colour: tuple[int, int, int]) -> Picture:
    framed = picture.copy()
    for edge in (framed[:4], framed[-4:], framed[:, :4], framed[:, -4:]):
        edge[:] = colour
    return framed
