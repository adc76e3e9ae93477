"""Try it in a browser: python -m segmentation.demo

A photograph or a webcam's frame, its classes over it, how hard each pixel was, and a slider for the
threshold of the cascade that shows what is gained in time and lost in agreement.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from segmentation.weights import SHIPPED
from vision_shared.commands import run_command
from vision_shared.demo import (
    demo_command,
    demo_parser,
    image_output,
    one_line_errors,
    photograph_input,
    read_upload,
)

if TYPE_CHECKING:
    import gradio as gr
    import numpy as np
    from numpy.typing import NDArray

    from segmentation.segmenter import Segmenter

TASK = "segmentation"
HARDNESS = "how hard each pixel was: violet left after the first stage, yellow went through all"


class Answer(NamedTuple):
    """What the page shows of a photograph.

    Attributes:
        compared: the photograph, and the classes over it.
        stages: the difficulty map; None without a cascade.
        areas: share of the photograph of each class, in (0, 1].
        words: time, and agreement with the network on all pixels.
    """

    compared: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    stages: NDArray[np.uint8] | None
    areas: dict[str, float]
    words: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page; return the exit code."""
    parser = demo_parser("python -m segmentation.demo", "Segment photographs on a page.")
    return demo_command(TASK, lambda: parser.parse_args(arguments), SHIPPED, _build)


def segment(segmenter: Segmenter, image: NDArray[np.uint8], rho: float) -> Answer:
    """Segment a photograph (H, W, 3) RGB uint8, with a threshold for the cascade in (0, 1]."""
    from segmentation.drawing import overlay, stage_map
    from segmentation.models.cascade import LayerCascade

    answer, stages = segmenter(image), None
    words = f"{1000 * answer.seconds:.0f} ms"
    network = segmenter.network
    if isinstance(network, LayerCascade) and _has_stages(segmenter):
        before = network.rho.tolist()
        try:
            network.set_rho([1.0] * len(before))
            whole = segmenter(image)
            network.set_rho([rho] * len(before))
            answer = segmenter(image)
        finally:
            network.set_rho(before)
        same = (answer.labels == whole.labels).mean()
        words = (
            f"{1000 * answer.seconds:.0f} ms; with all pixels through all stages "
            f"{1000 * whole.seconds:.0f} ms, and {100 * same:.1f} % of the pixels alike"
        )
        assert answer.stages is not None
        stages = stage_map(answer.stages, image.shape[:2])
    drawn = overlay(image, answer.labels, segmenter.classes)
    return Answer((image, drawn), stages, answer.areas(segmenter.classes), words)


def _has_stages(segmenter: Segmenter) -> bool:
    return segmenter.inference.looks_once and getattr(segmenter.network, "cascaded", False)


def _build(options: Namespace, path: str) -> gr.Blocks:
    import gradio as gr

    from segmentation.segmenter import Segmenter

    segmenter = Segmenter.from_checkpoint(path, options.device)
    has_stages = _has_stages(segmenter)
    recorded = min(segmenter.network.get_buffer("rho").tolist()) if has_stages else 1.0

    @one_line_errors
    def work(upload: str | None, rho: float) -> Answer:
        return segment(segmenter, read_upload(upload), rho)

    with gr.Blocks(title="Segmentation", delete_cache=(3600, 3600)) as page:
        gr.Markdown("## What is where in a photograph")
        with gr.Row():
            with gr.Column():
                photograph = photograph_input(sources=["upload", "webcam", "clipboard"])
                rho = gr.Slider(
                    *(0.3, 1.0, recorded),
                    step=0.005,
                    label="rho: a pixel leaves above this probability",
                    visible=has_stages,
                )
                start = gr.Button("Segment", variant="primary")
                words = gr.Textbox(label="time and agreement", interactive=False)
                areas = gr.Label(label="share of the photograph", num_top_classes=8)
            with gr.Column():
                compared = gr.ImageSlider(label="photograph | classes", type="numpy", format="png")
                stages = image_output(HARDNESS, visible=has_stages)
        outputs = [compared, stages, areas, words]
        start.click(work, [photograph, rho], outputs)
        rho.release(work, [photograph, rho], outputs)
    return page


if __name__ == "__main__":
    run_command(main)
