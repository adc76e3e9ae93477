"""Try it in a browser: python -m fashion.demo [--index INDEX]

An assistant: what is worn in a photograph; and with an index of your own photographs what is like
it, what is of its style, what goes with it, and when an item is seen in a video.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fashion.weights import SHIPPED
from vision_shared.commands import run_command
from vision_shared.demo import (
    demo_command,
    demo_parser,
    image_output,
    one_line_errors,
    photograph_input,
    read_upload,
)
from vision_shared.inputs import InputError

if TYPE_CHECKING:
    import gradio as gr
    import numpy as np
    from numpy.typing import NDArray

    from fashion.garment import Garment, Recogniser
    from fashion.retrieval.garment_index import GarmentIndex, Hit
    from fashion.retrieval.spotting import Spotter

TASK = "fashion"
TOP = 12
LOOKS, STYLE, BESIDE = "looks like it", "is of its style", "goes with it"
COLUMNS = ["garment", "found, %", "category", "%", "attributes", "landmarks seen"]
TIMES = ["from, s", "to, s", "category", "most like"]
LOOKS_A_SECOND = 2.0
Gallery = list[tuple[str, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page; return the exit code."""
    parser = demo_parser("python -m fashion.demo", "A fashion assistant on a page.")
    parser.add_argument(
        "--index", type=Path, metavar="INDEX", help="index of your photos, made by fashion.index"
    )
    return demo_command(TASK, lambda: parser.parse_args(arguments), SHIPPED, _build)


def describe(recogniser: Recogniser, image: NDArray[np.uint8]) -> tuple[list[Garment], list[list]]:
    """Return the garments of a photograph (H, W, 3) RGB uint8, and a row of `COLUMNS` for each."""
    from fashion.data.taxonomy import VISIBLE

    garments = recogniser(image)
    rows = []
    for number, garment in enumerate(garments, 1):
        likely = sorted(garment.attributes.items(), key=lambda item: -item[1])
        said = ", ".join(name for name, probability in likely[:8] if probability >= 0.5)
        seen = int((garment.states == VISIBLE).sum())
        percents = [round(100 * x) for x in (garment.score, garment.probability)]
        rows.append([number, percents[0], garment.category, percents[1], said, seen])
    return garments, rows


def look_up(index: GarmentIndex, garment: Garment, how: str) -> Gallery:
    """Return small images of an index's garments, each with what is said of it.

    Args:
        index: index that is searched.
        garment: query.
        how: `LOOKS`, `STYLE` or `BESIDE`.
    """
    from fashion.retrieval.companions import goes_with

    search: dict[str, Callable[[], list[Hit]]] = {
        LOOKS: lambda: index.nearest(garment.embedding[None], TOP)[0],
        STYLE: lambda: index.similar_style(garment.embedding, garment.attributes, TOP),
        BESIDE: lambda: goes_with(index, garment, TOP),
    }
    hits = search[how]()
    files = map(str, index.thumbnails(hits))
    told = [
        f"{known['category']} {known['similarity']:.2f} {Path(known['file']).name}"
        for known in index.describe(hits)
    ]
    return list(zip(files, told, strict=True))


def spot_garments(spotter: Spotter, video: Path) -> list[list]:
    """Return a row of `TIMES` for each garment of a video, in the order of their first sight.

    Raises:
        InputError: the video cannot be read.
    """
    from vision_shared.video.animation import open_video

    with open_video(video) as reader:
        ended = [garment.facts for _, some in spotter.spot(reader) for garment in some]
    rows = []
    for facts in sorted(ended, key=lambda facts: facts["first"]):
        near = Path(facts["hits"][0]["file"]).name if facts["hits"] else ""
        rows.append([facts["first"], facts["last"], facts["category"], near])
    return rows


def _build(options: Namespace, path: str) -> gr.Blocks:
    import gradio as gr

    from fashion.drawing import annotate
    from fashion.retrieval.identity import open_with_network
    from fashion.retrieval.spotting import Spotter

    index = None
    if options.index is None:
        from fashion.recogniser import GarmentRecogniser

        recogniser = GarmentRecogniser.from_checkpoint(path, options.device)
    else:
        index, recogniser = open_with_network(
            options.index, options.checkpoint, options.device, None, print
        )

    @one_line_errors
    def wear(upload: str | None) -> list:
        image = read_upload(upload)
        garments, rows = describe(recogniser, image)
        names = [f"{i}: {garment.category}" for i, garment in enumerate(garments, 1)]
        choice = gr.Dropdown(choices=names, value=names[0] if names else None)
        return [annotate(image, garments), {"headers": COLUMNS, "data": rows}, choice, garments]

    @one_line_errors
    def search(garments: list[Garment] | None, chosen: str | None, how: str) -> Gallery:
        if not garments or chosen is None or index is None:
            raise InputError("expected a garment; look at a photograph that shows one first")
        return look_up(index, garments[int(chosen.split(":")[0]) - 1], how)

    @one_line_errors
    def spot(video: str | None) -> list:
        if video is None or index is None:
            raise InputError("expected a video; upload one first")
        rows = spot_garments(Spotter(index, recogniser, 1, LOOKS_A_SECOND), Path(video))
        names = [f"{row[0]:.1f} s: {row[2]}" for row in rows]
        return [video, {"headers": TIMES, "data": rows}, gr.Dropdown(choices=names, value=None)]

    def seek(name: str | None) -> gr.Video:
        return gr.Video(playback_position=float(name.split(" s: ")[0]) if name else 0.0)

    with gr.Blocks(title="Fashion", delete_cache=(3600, 3600)) as page:
        gr.Markdown("## What is worn, and what is like it")
        with gr.Row():
            photograph = photograph_input(sources=["upload", "webcam", "clipboard"])
            drawn = image_output("garments and their landmarks")
        start = gr.Button("Look", variant="primary")
        table = gr.Dataframe(label="what is worn", interactive=False, wrap=True)
        with gr.Column(visible=index is not None):
            with gr.Row():
                chosen = gr.Dropdown(label="of these", choices=[])
                how = gr.Radio([LOOKS, STYLE, BESIDE], value=LOOKS, label="show what")
            ask = gr.Button("Search the index")
            gallery = gr.Gallery(label="in the index", columns=6, height=320, interactive=False)
            with gr.Accordion("In a video", open=False):
                with gr.Row():
                    video = gr.Video(label="a video", sources=["upload"])
                    player = gr.Video(label="with its garments")
                spotting = gr.Button("Spot garments")
                moment = gr.Dropdown(label="go to", choices=[])
                seen = gr.Dataframe(label="when each garment is seen", interactive=False)
        found = gr.State()
        start.click(wear, [photograph], [drawn, table, chosen, found])
        for event in (ask.click, how.change):
            event(search, [found, chosen, how], [gallery])
        spotting.click(spot, [video], [player, seen, moment])
        moment.change(seek, [moment], [player])
    return page


if __name__ == "__main__":
    run_command(main)
