"""Try it in a browser: python -m voxel_flow.demo

Two images and what is between them, with motion and mask; a video at a higher rate or slower; and
a burst's best shot, loop and scores.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vision_shared.commands import run_command
from vision_shared.demo import (
    demo_command,
    demo_parser,
    image_output,
    new_folder,
    one_line_errors,
    photograph_input,
    read_upload,
)
from vision_shared.inputs import InputError
from voxel_flow.weights import SHIPPED

if TYPE_CHECKING:
    import gradio as gr
    import numpy as np
    from numpy.typing import NDArray

    from voxel_flow.burst.outputs import Targets
    from voxel_flow.interpolation.interpolator import FrameInterpolator

    Picture = NDArray[np.uint8]

TASK = "voxel-flow"
SMOOTH, SLOW = "a higher rate", "slow motion"
MAX_SECONDS = 20.0
"""Of a video that the page takes: a visitor waits for it."""


class Between(NamedTuple):
    """What is between two images.

    Attributes:
        compared: the mean of both, which is blurred where something moves, and the frame made.
        flow: the motion, hue its direction, saturation its size.
        mask: image that each pixel is taken from, of the two.
    """

    compared: tuple[Picture, Picture]
    flow: Picture
    mask: Picture


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page; return the exit code."""
    parser = demo_parser("python -m voxel_flow.demo", "Interpolate images and videos on a page.")
    return demo_command(TASK, lambda: parser.parse_args(arguments), SHIPPED, _build)


def between(interpolator: FrameInterpolator, first: Picture, last: Picture, time: float) -> Between:
    """Make the frame at ``time`` in [0, 1] between two images (H, W, 3) RGB uint8 of one size.

    Raises:
        InputError: the images differ in size.
    """
    import torch

    from vision_shared import panels

    if first.shape != last.shape:
        sizes = " and ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (first, last))
        raise InputError(f"expected two images of one size, got {sizes}")
    pair = [torch.from_numpy(image).permute(2, 0, 1) / 255 for image in (first, last)]
    one, other = (frame.to(interpolator.device) for frame in pair)
    made = interpolator.estimate(one, other, time)
    mean = (1 - time) * pair[0] + time * pair[1]
    flow = made.flow[0].float().cpu().permute(1, 2, 0).numpy()
    return Between(
        (panels.to_picture(mean.numpy()), panels.to_picture(made.image[0].float().cpu().numpy())),
        panels.flow_to_color(flow),
        panels.heat_map(made.weights[0, 0].float().cpu().numpy()),
    )


def convert_video(
    interpolator: FrameInterpolator, video: Path, output: Path, times: int, *, slow: bool
) -> str:
    """Write a video with ``times`` the frames, as long as before or ``slow``; return a summary.

    Raises:
        InputError: the video cannot be read, or is longer than `MAX_SECONDS`.
    """
    from vision_shared.video.reader import VideoReader
    from voxel_flow.interpolation.conversion import convert
    from voxel_flow.interpolation.jobs import Writing, find_sources, plan
    from voxel_flow.interpolation.modes import Multiply, SlowDown

    with VideoReader(video) as reader:
        seconds = float(reader.duration or 0)
    if seconds > MAX_SECONDS:
        raise InputError(
            f"expected a video of at most {MAX_SECONDS:g} s on this page, got {seconds:.1f} s; "
            "the command python -m voxel_flow.predict takes any length"
        )
    mode, writing = SlowDown(times) if slow else Multiply(times), Writing()
    (job,) = plan(find_sources([video], output, _say_nothing), output, mode, writing, None)
    return str(convert(job, writing, lambda: interpolator, _say_nothing))


def make_burst(interpolator: FrameInterpolator, paths: Sequence[Path], folder: Path) -> Targets:
    """Write the best shot, the loop and the sheet of a burst's images, or of a clip, to a folder.

    Raises:
        InputError: fewer than two images, or one that cannot be read.
    """
    from vision_shared.face_scores import find_face_scorer
    from vision_shared.video.animation import is_video
    from voxel_flow.burst.outputs import Targets, write_burst
    from voxel_flow.burst.reading import read_burst

    are_images = not is_video(paths[0])
    burst = read_burst(sorted(paths), are_images=are_images)
    suffix = paths[0].suffix.lower() if are_images else ".png"
    targets = Targets.of(folder / "burst", suffix, ".webp")
    write_burst(burst, targets, interpolator, find_face_scorer(), overwrite=False)
    return targets


def _say_nothing(line: str) -> None:
    del line


def _build(options: Namespace, path: str) -> gr.Blocks:
    import gradio as gr

    from voxel_flow.interpolation.interpolator import FrameInterpolator

    interpolator = FrameInterpolator.from_checkpoint(path, device=options.device)

    @one_line_errors
    def make_between(first: str | None, last: str | None, time: float) -> Between:
        return between(interpolator, read_upload(first), read_upload(last), time)

    @one_line_errors
    def make_video(video: str | None, times: int, what: str) -> tuple[str, str, str]:
        if video is None:
            raise InputError("expected a video; upload one first")
        folder = new_folder()
        output = folder / "interpolated.mp4"
        slow = what == SLOW
        said = convert_video(interpolator, Path(video), output, int(times), slow=slow)
        return video, str(output), said.replace(f"{folder}/", "")

    @one_line_errors
    def blink(files: list[str] | None) -> list[str]:
        if not files:
            raise InputError("expected the images of a burst, or a clip; upload them first")
        return [
            str(path) for path in make_burst(interpolator, list(map(Path, files)), new_folder())
        ]

    with gr.Blocks(title="Voxel flow", delete_cache=(3600, 3600)) as page:
        gr.Markdown("## The frames between")
        with gr.Tab("Two images"):
            with gr.Row():
                first = photograph_input(label="first", sources=["upload", "clipboard"])
                last = photograph_input(label="last", sources=["upload", "clipboard"])
            time = gr.Slider(0, 1, 0.5, step=0.05, label="time between them")
            start = gr.Button("Make the frame", variant="primary")
            compared = gr.ImageSlider(label="mean of both | ours", type="numpy", format="png")
            with gr.Row():
                flow = image_output("motion")
                mask = image_output("share that is taken from the first")
            outputs = [compared, flow, mask]
            start.click(make_between, [first, last, time], outputs)
            time.release(make_between, [first, last, time], outputs)
        with gr.Tab("A video"):
            video = gr.Video(
                label=f"a video of at most {MAX_SECONDS:g} s", sources=["upload"], height=320
            )
            with gr.Row():
                times = gr.Radio([2, 4, 8], value=2, label="times the frames")
                what = gr.Radio([SMOOTH, SLOW], value=SMOOTH, label="as")
            run = gr.Button("Convert", variant="primary")
            with gr.Row():
                before = gr.Video(label="before", autoplay=True, loop=True)
                after = gr.Video(label="after", autoplay=True, loop=True)
            said = gr.Textbox(label="what was done", interactive=False)
            run.click(make_video, [video, times, what], [before, after, said])
        with gr.Tab("A burst"):
            files = gr.File(label="its images, or a short clip", file_count="multiple")
            pick = gr.Button("Blink", variant="primary")
            with gr.Row():
                best = image_output("the best shot", type="filepath")
                loop = image_output("a loop", format="webp", type="filepath")
            sheet = image_output("scores")
            pick.click(blink, [files], [best, loop, sheet])
    return page


if __name__ == "__main__":
    run_command(main)
