"""The figure that shows what an interpolator does to a video or a pair of images."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
import torch
from PIL import Image

from vision_shared import panels
from vision_shared.video.reader import TimedFrame
from voxel_flow.drawing import draw_sample, titles
from voxel_flow.interpolation.frame_tensors import Source
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.interpolation.scene_cuts import mark_cuts
from voxel_flow.interpolation.timeline import TooFewFrames

ROWS = 4
PANEL_WIDTH = 360  # pixels, at most

_Triplet = tuple[TimedFrame, TimedFrame, TimedFrame]


def comparison_plot(interpolator: FrameInterpolator, frames: Iterable[TimedFrame]) -> np.ndarray:
    """Draw inputs, reference, result, their difference (times 4), motion and selection mask.

    Of three frames or more: up to `ROWS` moments spread over the video, none across a scene cut; a
    frame is left out, made again from its neighbours, and compared with the **truth**. Of two
    frames: their middle, compared with the frames' **average**, for lack of a truth.

    Returns:
        (H, W, 3) uint8 RGB; each row is a moment, each column has a title.

    Raises:
        TooFewFrames: no two frames of one scene.
    """
    pair: list[TimedFrame] = []
    triplets = _spread(_triplets(frames, pair))
    if triplets:
        rows = [_draw(interpolator, *triplet) for triplet in triplets]
        return panels.grid(rows, titles())
    if len(pair) < 2:
        raise TooFewFrames("expected two frames or more of one scene to compare")
    return panels.grid([_draw(interpolator, pair[0], None, pair[1])], titles("average"))


def _triplets(frames: Iterable[TimedFrame], pair: list[TimedFrame]) -> Iterator[_Triplet]:
    """Yield every three frames of one scene; leave the first two frames of one in ``pair``."""
    latest: list[TimedFrame] = []
    for timed, starts_scene, _ in mark_cuts(frames):
        latest = [timed] if starts_scene else [*latest[-2:], timed]
        if len(latest) == 2 and not pair:
            pair += latest
        if len(latest) == 3:
            yield latest[0], latest[1], latest[2]


def _spread(triplets: Iterable[_Triplet]) -> list[_Triplet]:
    """Choose `ROWS`, evenly spread, of any number, holding twice as many at most."""
    kept: list[_Triplet] = []
    stride = 1
    for index, triplet in enumerate(triplets):
        if index % stride:
            continue
        kept.append(triplet)
        if len(kept) == 2 * ROWS:
            kept, stride = kept[::2], 2 * stride
    return [kept[len(kept) * row // ROWS] for row in range(ROWS)] if len(kept) > ROWS else kept


def _draw(
    interpolator: FrameInterpolator,
    first: TimedFrame,
    truth: TimedFrame | None,
    last: TimedFrame,
) -> list[np.ndarray]:
    one, other = (Source(timed, interpolator.device).image for timed in (first, last))
    share = Fraction(1, 2)
    target = (one + other) / 2
    if truth is not None:
        share = (truth.time - first.time) / (last.time - first.time)
        target = Source(truth, interpolator.device).image
    result = interpolator.estimate(one, other, float(share))
    drawn = draw_sample(
        *(
            plane.float().cpu().numpy()
            for plane in (torch.stack([one, other]), target, *(p[0] for p in result[:3]))
        )
    )
    return [_fit(picture, first.frame) for picture in drawn]


def _fit(picture: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Turn an image upright, as its frame is shown, and make it no wider than a panel."""
    upright = np.rot90(picture, frame.rotation // 90)
    height, width = upright.shape[:2]
    if width <= PANEL_WIDTH:
        return np.ascontiguousarray(upright)
    size = (PANEL_WIDTH, max(round(height * PANEL_WIDTH / width), 1))
    return np.asarray(Image.fromarray(upright).resize(size, Image.Resampling.BOX))
