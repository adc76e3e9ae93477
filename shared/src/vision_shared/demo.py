"""The page on which a task is tried in a browser, on this machine alone: what tasks share of it.

Nothing of a visitor leaves the machine: no analytics, no shared link, no font of another server.
What is uploaded lies in a temporary folder that goes with the command.
"""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
import threading
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from vision_shared.inputs import CommandParser, ExitCode, InputError
from vision_shared.prediction import ModelError, answer, check_checkpoint, find_checkpoint

if TYPE_CHECKING:
    import gradio as gr
    import numpy as np
    from numpy.typing import NDArray

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_SIDE = 1600
"""Pixels of the longer side of what a page looks at; larger photographs are reduced to it."""

LARGEST_UPLOAD = "200mb"
MAX_WAITING = 100
"""Visitors whose work waits; one is served at a time, for the cores are the same."""

EPILOG = """\
The page is served on this machine (127.0.0.1) unless --host names another address. Uploads lie in a
temporary folder and are removed when the command ends. Ctrl-C ends it.

Exit codes: 0 ended; 2 it cannot be served."""


def demo_parser(prog: str, description: str) -> CommandParser:
    """Return the parser of a ``demo`` command, with the options that all have."""
    parser = CommandParser(
        prog=prog,
        description=description,
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        metavar="CKPT",
        help="a checkpoint, its address, or `last`; default: the weights of the package",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--host", default="127.0.0.1", help="address that is listened on (default: 127.0.0.1)")
    add("--port", type=int, default=7860, help="port of the page (default: 7860; 0: a free one)")
    return parser


def demo_command(
    task: str,
    parse: Callable[[], Namespace],
    shipped: Path,
    build: Callable[[Namespace, str], gr.Blocks],
) -> ExitCode:
    """Serve the page of a task until Ctrl-C.

    Args:
        task: name of the task.
        parse: parser of the command line, made by `demo_parser`.
        shipped: the weights that come with the package.
        build: builder of the page from the options and the checkpoint's path; its ValueError and
            OSError end the command.
    """

    def work() -> ExitCode:
        options = parse()
        check_checkpoint(options.checkpoint, task, shipped)
        with tempfile.TemporaryDirectory(prefix=f"{task}-demo-") as folder:
            # read when gradio is imported
            os.environ["GRADIO_TEMP_DIR"] = folder
            os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
            _check_gradio(task)
            try:
                page = build(options, find_checkpoint(options.checkpoint, task, shipped))
            except (ValueError, OSError) as error:
                raise ModelError(str(error)) from error
            _serve(page, options)
        return ExitCode.DONE

    return answer(work, lambda line: print(f"demo: {line}", file=sys.stderr))


def one_line_errors(work: Callable[P, T]) -> Callable[P, T]:
    """Have an error of what a visitor brought be one line on the page; the server lives."""

    @functools.wraps(work)
    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        import gradio as gr

        try:
            return work(*args, **kwargs)
        except (InputError, ValueError, OSError) as error:
            raise gr.Error(_without_folder(str(error)), print_exception=False) from error

    return answered


def read_upload(path: str | None) -> NDArray[np.uint8]:
    """Read an uploaded photograph, (H, W, 3) RGB uint8, reduced to `LONGEST_SIDE`.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    import numpy as np
    from PIL import Image

    from vision_shared.images import read_image

    if path is None:
        raise InputError("expected a photograph; upload one first")
    photograph = Image.fromarray(read_image(path))
    photograph.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return np.array(photograph)


def new_folder() -> Path:
    """Return a new folder for what a page writes; it is removed when the command ends."""
    return Path(tempfile.mkdtemp(dir=os.environ["GRADIO_TEMP_DIR"]))


def photograph_input(**options: Any) -> gr.Image:
    """Return the component that takes a photograph; its function gets a path for `read_upload`.

    It is read by this project alone, which takes more formats than gradio, and says what is wrong
    with a file in a line.
    """
    import gradio as gr

    photograph = gr.Image(
        **{"type": "filepath", "image_mode": None, "label": "photograph"} | options
    )
    photograph.preprocess = lambda payload: None if payload is None else payload.path
    return photograph


def image_output(label: str, **options: Any) -> gr.Image:
    """Return a component that shows an image, without the button that sends it to a hub."""
    import gradio as gr

    buttons: Any = ["download", "fullscreen"]
    settings = {"format": "png", "interactive": False, "buttons": buttons} | options
    return gr.Image(label=label, **settings)


def _without_folder(line: str) -> str:
    """Return a line that names an upload as its visitor does, without the folder it lies in."""
    folder = re.escape(os.environ.get("GRADIO_TEMP_DIR", ""))
    return " ".join(re.sub(rf"{folder}/[0-9a-f]+/", "", line).split()) if folder else line


def _check_gradio(task: str) -> None:
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ModelError(f"the page needs gradio: pip install '{task}[demo]'") from error


def _serve(page: gr.Blocks, options: Namespace) -> None:
    """Serve until a signal or Ctrl-C ends the command, of which the caller tells."""
    import gradio as gr

    page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)
    try:
        page.launch(
            server_name=options.host,
            server_port=options.port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=LARGEST_UPLOAD,
            footer_links=[],
            ssr_mode=False,
            theme=gr.themes.Default(font="sans-serif", font_mono="monospace"),
        )
    except (OSError, ValueError) as error:
        raise InputError(f"--host {options.host} --port {options.port}: {error}") from error
    try:
        print(f"{page.local_url}  (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print()
    finally:
        page.close(verbose=False)
