"""The best shot of a burst: sharp, well exposed, still, eyes open.

Each criterion is in [0, 1]. Sharpness is relative to the sharpest frame of the burst, since no
number tells a soft subject from a soft image; the total is their weighted geometric mean, so that a
frame that fails in one is not saved by the others.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_shared.face_scores import FaceScore, FaceScorer
from voxel_flow.dense_flow import dense_flow

Image = np.ndarray  # uint8 RGB, (H, W, 3)

WEIGHTS = {"sharpness": 0.4, "exposure": 0.2, "motion": 0.2, "eyes": 0.4, "smile": 0.1}
"""Exponents before they are normalised; faces count where there are some."""

_SIDE = 480  # pixels: noise of a sensor is gone, blur that a viewer sees is not
_TILES = 6  # each way: the subject alone may be in focus
_GOOD_MEAN, _MEAN_SPREAD = 0.46, 0.35  # of brightness
_CLIPPED_SPREAD = 0.15  # share of pixels
_USUAL_MOTION = 0.03  # of the longer side, from a frame to the next: half the criterion


@dataclass(frozen=True)
class Score:
    """How good a frame is, all in [0, 1]; ``eyes`` and ``smile`` are None without a face.

    Attributes:
        sharpness: sharpness of the sharpest parts, in relation to the sharpest frame.
        exposure: 1 where nothing is clipped and the brightness is middling.
        motion: 1 where nothing moves against the rest between the neighbours.
        eyes: eyes of the face whose eyes are least open.
        smile: the mean over the faces.
        total: sum over all.
    """

    sharpness: float
    exposure: float
    motion: float
    eyes: float | None
    smile: float | None
    total: float

    def as_json(self) -> dict[str, float | None]:
        """Return plain values, rounded."""
        rounded = asdict(self).items()
        return {name: None if value is None else round(value, 4) for name, value in rounded}


def score_frames(images: Sequence[Image], face_scorer: FaceScorer | None = None) -> list[Score]:
    """Score the frames of a burst.

    Args:
        images: (H, W, 3) RGB, of one size, in order.
        face_scorer: scorer of faces; None leaves them out.
    """
    scale = _SIDE / max(images[0].shape[:2])
    size = [max(round(side * min(scale, 1)), 8) for side in images[0].shape[1::-1]]
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in small]
    detail = np.array([_detail(image) for image in grey])
    sharpness = detail / max(detail.max(), 1e-6)
    motion = _motion(grey)
    return [
        _total(
            float(sharpness[k]),
            _exposure(small[k]),
            float(motion[k]),
            [] if face_scorer is None else face_scorer(images[k]),
        )
        for k in range(len(images))
    ]


def best_of(scores: Sequence[Score]) -> int:
    """Return the index of the best frame; of equal ones the earliest."""
    return max(range(len(scores)), key=lambda k: (scores[k].total, -k))


def _total(sharpness: float, exposure: float, motion: float, faces: Sequence[FaceScore]) -> Score:
    eyes = min((face.eyes_open for face in faces), default=None)
    smile = float(np.mean([face.smile for face in faces])) if faces else None
    values = {"sharpness": sharpness, "exposure": exposure, "motion": motion}
    values |= {} if eyes is None or smile is None else {"eyes": eyes, "smile": smile}
    logs = sum(WEIGHTS[name] * np.log(max(value, 1e-3)) for name, value in values.items())
    total = float(np.exp(logs / sum(WEIGHTS[name] for name in values)))
    return Score(sharpness, exposure, motion, eyes, smile, total)


def _detail(grey: Image) -> float:
    """Return the mean gradient of the sharpest sixth of the tiles, in levels per pixel."""
    x, y = (cv2.Sobel(grey, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    tiles = cv2.resize(x * x + y * y, (_TILES, _TILES), interpolation=cv2.INTER_AREA)
    return float(np.sqrt(np.sort(tiles, axis=None)[-_TILES:].mean()))


def _exposure(image: Image) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    clipped = float(((grey <= 2) | (image.min(axis=2) >= 253)).mean())
    away = (float(grey.mean()) / 255 - _GOOD_MEAN) / _MEAN_SPREAD
    return float(np.exp(-(away**2) - clipped / _CLIPPED_SPREAD))


def _motion(grey: Sequence[Image]) -> NDArray[np.float64]:
    """Return for each frame how still its fastest parts are, in relation to the camera."""
    speeds = []
    for one, other in pairwise(grey):
        flow = dense_flow(one, other, "fast")
        own = flow - np.median(flow, axis=(0, 1))
        fast = np.percentile(np.hypot(own[..., 0], own[..., 1]), 95)
        shake = np.hypot(*np.median(flow, axis=(0, 1)))
        speeds.append((fast + shake) / max(one.shape))
    around = [np.mean(speeds[max(k - 1, 0) : k + 1]) for k in range(len(grey))]
    return 1 / (1 + np.array(around) / _USUAL_MOTION)
