"""Images of segmentations, as arrays (H, W, 3) uint8 RGB."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segmentation.data.labels import IGNORE, ClassList
from segmentation.models import Parsing
from segmentation.models.parsing import enlarge
from vision_shared import panels

Picture = NDArray[np.uint8]

STAGE_COLOURS = np.array([[68, 1, 84], [33, 145, 140], [253, 231, 37], [255, 255, 255]], np.uint8)


def draw_parsing(
    batch: Mapping[str, Tensor], parsing: Parsing, classes: ClassList
) -> dict[str, Picture]:
    """Draw the first samples of a batch: image, truth, prediction, errors, stages.

    Args:
        batch: ``image`` (B, 3, H, W) in [0, 1] and ``mask`` (B, H, W), of at least as many samples.
        parsing: parsing of the first samples.
        classes: classes whose colours are used.
    """
    titles = ["image", "truth", "prediction", "errors"]
    titles += ["stage (yellow: last)"] if parsing.stages is not None else []
    titles += [name for name in ("unary", "penalty") if name in parsing.terms]
    labels = parsing.logits.argmax(1).byte().cpu().numpy()
    images, masks = batch["image"].float().cpu().numpy(), batch["mask"].byte().cpu().numpy()
    rows = []
    for i, label in enumerate(labels):
        image = panels.to_picture(images[i])
        row = [image, colour(masks[i], classes), colour(label, classes)]
        row.append(error_map(image, label, masks[i]))
        if parsing.stages is not None:
            row.append(stage_map(parsing.stages[i].cpu().numpy(), image.shape[:2]))
        if "unary" in parsing.terms:
            unary = enlarge(parsing.terms["unary"][i : i + 1], image.shape[:2])
            row.append(colour(unary[0].argmax(0).byte().cpu().numpy(), classes))
        if "penalty" in parsing.terms:
            row.append(penalty_map(parsing.terms["penalty"][i], label))
        rows.append(row)
    return {"parsing": panels.grid(rows, titles)}


def colour(labels: NDArray[np.uint8], classes: ClassList) -> Picture:
    """(H, W) class ids, 255 ignored -> their colours."""
    return classes.colours()[labels]


def overlay(image: Picture, labels: NDArray[np.uint8], classes: ClassList) -> Picture:
    """Lay the colours of (H, W) class ids over an image, half transparent; class 0 is clear."""
    mixed = (image.astype(np.uint16) + colour(labels, classes)) // 2
    return np.where((labels > 0)[..., None], mixed, image).astype(np.uint8)


def error_map(image: Picture, labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Picture:
    """Draw wrong pixels red and unlabelled ones white over a faint image."""
    faint = (image // 4 + 128).astype(np.uint8)
    faint[(labels != truth) & (truth != IGNORE)] = (220, 20, 60)
    faint[truth == IGNORE] = 255
    return faint


def penalty_map(penalty: Tensor, labels: NDArray[np.uint8]) -> Picture:
    """Draw what the pairwise terms hold against the answer, beyond the class they like best.

    Args:
        penalty: (L, h, w).
        labels: (H, W), the answer; yellow is 4 nats, at which hardly a unary prevails.
    """
    pixels = enlarge(penalty[None].float(), labels.shape)[0].cpu()
    index = torch.from_numpy(labels)[None].long()
    return panels.heat_map((pixels.gather(0, index)[0] - pixels.amin(0)).numpy(), 0.0, 4.0)


def stage_map(stages: NDArray[np.uint8], size: tuple[int, int]) -> Picture:
    """(h, w) stages from 0 -> an image of ``size``: violet the first, then green and yellow."""
    cells = torch.from_numpy(stages)[None, None].float()
    pixels = torch.nn.functional.interpolate(cells, size=size, mode="nearest-exact")
    return STAGE_COLOURS[pixels[0, 0].byte().numpy().clip(max=len(STAGE_COLOURS) - 1)]
