"""Try it in a browser: python -m face_attributes.demo

A photograph, its faces with what is said of each, and the response that found them.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from face_attributes.weights import SHIPPED_FINDER
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

    from face_attributes.finder import FaceFinder

TASK = "face-attributes"
NOTE = (
    "What is said of a face is how it looks to annotators, not who anyone is or what they are "
    "like. Attributes that did not hold on photographs are left out unless they are asked for."
)


class Answer(NamedTuple):
    """What the page shows of a photograph.

    Attributes:
        faces: the photograph with numbered boxes.
        response: response of the finder; None where nothing was searched.
        table: a row a face: number, score, and the probability of each attribute in %.
        columns: columns of the table.
    """

    faces: NDArray[np.uint8]
    response: NDArray[np.uint8] | None
    table: list[list[float]]
    columns: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page; return the exit code."""
    parser = demo_parser("python -m face_attributes.demo", "Find and describe faces on a page.")
    return demo_command(TASK, lambda: parser.parse_args(arguments), SHIPPED_FINDER, _build)


def describe(
    finder: FaceFinder, image: NDArray[np.uint8], min_score: float = -float("inf")
) -> Answer:
    """Find and describe the faces of a photograph (H, W, 3) RGB uint8.

    Args:
        finder: the networks.
        image: the photograph.
        min_score: smallest score of the faces that are shown, in units of the response.
    """
    from face_attributes.drawing import annotate_frame, resize, response_map

    found = finder(image)
    faces = [face for face in found.faces if face.score is None or face.score >= min_score]
    response = None
    if found.response is not None:
        response = resize(response_map(found.response), (image.shape[0], image.shape[1]))
    rows = [
        [number, round(face.score or 0.0, 2), *(round(100 * p) for p in face.attributes.values())]
        for number, face in enumerate(faces, 1)
    ]
    columns = ["face", "score", *(f"{name}, %" for name in finder.told)]
    return Answer(annotate_frame(image, faces), response, rows, columns)


def _build(options: Namespace, path: str) -> gr.Blocks:
    import gradio as gr

    from face_attributes.finder import FaceFinder

    device = options.device
    finder = (
        FaceFinder.shipped(device=device)
        if options.checkpoint is None
        else FaceFinder.from_checkpoint(path, device=device)
    )
    names = () if finder.tagger is None else finder.tagger.names

    @one_line_errors
    def work(upload: str | None, min_score: float, shows_all: bool) -> list:
        said = finder.only(names) if shows_all else finder
        answer = describe(said, read_upload(upload), min_score)
        table = {"headers": answer.columns, "data": answer.table}
        return [answer.faces, answer.response, table]

    with gr.Blocks(title="Face attributes", delete_cache=(3600, 3600)) as page:
        gr.Markdown(f"## Faces, and how they look\n{NOTE}")
        with gr.Row():
            with gr.Column():
                photograph = photograph_input(sources=["upload", "webcam", "clipboard"])
                min_score = gr.Slider(
                    *(-10.0, 20.0, -10.0), step=0.25, label="minimum score of a face that is shown"
                )
                shows_all = gr.Checkbox(label="all attributes, those too that did not hold")
                start = gr.Button("Look", variant="primary")
            with gr.Column():
                faces = image_output("faces")
                response = image_output("response of the finder")
        table = gr.Dataframe(label="probabilities", interactive=False, wrap=True)
        inputs, outputs = [photograph, min_score, shows_all], [faces, response, table]
        start.click(work, inputs, outputs)
        min_score.release(work, inputs, outputs)
    return page


if __name__ == "__main__":
    run_command(main)
