"""Pictures of what the networks say, as arrays (H, W, 3) uint8 RGB."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from face_attributes.finder import FoundFace
from face_attributes.localize import Localisation
from vision_shared import panels

Picture = NDArray[np.uint8]

TRUE, FOUND, WRONG = (40, 180, 60), (255, 200, 0), (210, 30, 40)
PLAIN, WHITE = (0, 0, 0), (255, 255, 255)
LINE = 13
"""Pixels from one line of text to the next."""


def draw_tagging(
    batch: Mapping[str, Tensor],
    probabilities: Tensor,
    names: Sequence[str],
    localisations: Sequence[Localisation] | None,
) -> dict[str, Picture]:
    """Draw the first samples of a batch: image with boxes, response, and attributes.

    Args:
        batch: ``image`` (B, 3, H, W), ``attributes`` (B, A) and ``box`` (B, 4).
        probabilities: (N, A), of the first N samples.
        names: names of the A attributes.
        localisations: N; None of a network without a response.
    """
    side = max(LINE * len(names), 96)
    rows = []
    for i, said in enumerate(probabilities.float().cpu().numpy()):
        picture = panels.to_picture(batch["image"][i].float().cpu().numpy())
        size = (side, max(1, round(side * picture.shape[1] / picture.shape[0])))
        row = [resize(picture, size)]
        if localisations is not None:
            found, scale = localisations[i], side / picture.shape[0]
            boxes, truth = found.boxes[:1].cpu() * scale, batch["box"][i : i + 1].cpu() * scale
            row[0] = draw_boxes(draw_boxes(row[0], truth, TRUE), boxes, FOUND)
            row.append(resize(response_map(found.response), size))
        labels = batch["attributes"][i].cpu().numpy()
        row.append(list_attributes(names, said, labels, (side, size[1])))
        rows.append(row)
    titles = ["found, true"] + ["response"] * (localisations is not None)
    return {"tagging": panels.grid(rows, [*titles, "red: wrong"])}


def draw_boxes(picture: Picture, boxes: Tensor, colour: tuple[int, int, int]) -> Picture:
    """Draw (N, 4), in pixels of the image; those that are not known are left out."""
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    width = max(1, round(min(picture.shape[:2]) / 100))
    for box in boxes[boxes.isfinite().all(1)].tolist():
        pen.rectangle(box, outline=colour, width=width)
    return np.asarray(drawn)


def annotate(picture: Picture, faces: Sequence[FoundFace]) -> Picture:
    """Draw the faces' numbered boxes, and right of the image what each is said to have."""
    line = max(LINE, picture.shape[0] // 25)
    font = ImageFont.load_default(line - 3)
    lines = []
    for number, face in enumerate(faces, 1):
        lines.append(f"face {number}")
        lines += [f"  {name}" for name in said_to_have(face)]
    height, width = max(picture.shape[0], line * len(lines)), picture.shape[1]
    strip = max((math.ceil(font.getlength(text)) + 8 for text in lines), default=0)
    drawn = Image.new("RGB", (width + strip, height), WHITE)
    drawn.paste(Image.fromarray(_number_faces(picture, faces, font)))
    pen = ImageDraw.Draw(drawn)
    for i, text in enumerate(lines):
        pen.text((width + 4, i * line), text, font=font, fill=PLAIN)
    return np.asarray(drawn)


def annotate_frame(picture: Picture, faces: Sequence[FoundFace]) -> Picture:
    """Draw the faces' numbered boxes, and within each what it is said to have, as far as it fits.

    The image keeps its size, as the frames of a video have to.
    """
    line = max(LINE, picture.shape[0] // 40)
    font = ImageFont.load_default(line - 3)
    drawn = Image.fromarray(_number_faces(picture, faces, font))
    pen = ImageDraw.Draw(drawn)
    for face in faces:
        left, top, _, bottom = face.box
        fitting = max(0, int((min(bottom, picture.shape[0]) - top) / line) - 1)
        for i, name in enumerate(said_to_have(face)[:fitting], 1):
            at = (left + 4, top + i * line)
            pen.text(at, name, font=font, fill=WHITE, stroke_width=1, stroke_fill=PLAIN)
    return np.asarray(drawn)


def said_to_have(face: FoundFace) -> list[str]:
    """Return the attributes that a face rather has than not."""
    return [name for name, said in face.attributes.items() if said >= 0.5]


def _number_faces(
    picture: Picture, faces: Sequence[FoundFace], font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> Picture:
    boxes = torch.tensor([face.box for face in faces]).reshape(-1, 4)
    drawn = Image.fromarray(draw_boxes(picture, boxes, FOUND))
    pen = ImageDraw.Draw(drawn)
    for number, face in enumerate(faces, 1):
        at = (max(face.box[0], 0) + 3, max(face.box[1], 0) + 2)
        left, top, right, bottom = pen.textbbox(at, str(number), font=font)
        pen.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=FOUND)
        pen.text(at, str(number), font=font, fill=PLAIN)
    return np.asarray(drawn)


def response_map(response: Tensor) -> Picture:
    """Draw (H, W) from its lowest to its highest value."""
    values = response.detach().float().cpu().numpy()
    low, high = float(values.min()), float(values.max())
    return panels.heat_map(values, low, max(high, low + 1e-12))


def list_attributes(
    names: Sequence[str],
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    size: tuple[int, int],
) -> Picture:
    """Write the attributes with their probabilities, wrong ones red, on white of (H, W)."""
    drawn = Image.new("RGB", (size[1], size[0]), WHITE)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(LINE - 3)
    for i, (name, said, label) in enumerate(zip(names, probabilities, labels, strict=True)):
        is_wrong = label != 0 and (said >= 0.5) != (label > 0)
        text = f"{100 * said:3.0f} % {name}"
        pen.text((2, i * LINE), text, fill=WRONG if is_wrong else PLAIN, font=font)
    return np.asarray(drawn)


def resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scale an image to (H, W)."""
    return np.asarray(Image.fromarray(picture).resize((size[1], size[0])))
