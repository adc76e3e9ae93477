"""What the campaign works on: checkpoints, images, clips and rendered data, made in seconds."""

import shutil
import subprocess
import sys
from pathlib import Path

TRAINED = ("segmentation", "fashion")
"""Tasks whose smallest training makes a checkpoint and data."""

PREPARE = [sys.executable, str(Path(__file__).with_name("prepare_data.py"))]
"""Makes a task's data and trains nothing."""

NUM_IMAGES = 150
MAKE_CLIP = "testsrc2=size=128x96:rate=24:duration=3"


def make_inputs(inputs: Path) -> None:
    """Fill a folder; see the functions below for what is where in it.

    Raises:
        RuntimeError: a training or a rendering fails.
    """
    root = f"data.root={inputs / 'data'}"
    for task in TRAINED:
        package = task.replace("-", "_")
        _run(*module(f"{package}.train", "experiment=smoke", "logger=csv", "seed=0"),
             f"hydra.run.dir={inputs / task}", root)  # fmt: skip
    _run(*PREPARE, "face-attributes", "experiment=smoke", root)
    scenes = sorted(scenes_of(inputs).glob("JPEGImages/*.jpg"))
    (inputs / "images").mkdir()
    for number in range(NUM_IMAGES):
        shutil.copy(scenes[number % len(scenes)], inputs / "images" / f"{number:04d}.jpg")
    (inputs / "clips").mkdir()
    for name in ("clip", "other"):
        run_ffmpeg("-f", "lavfi", "-i", MAKE_CLIP, inputs / "clips" / f"{name}.mp4")


def checkpoint_of(inputs: Path, task: str) -> Path:
    """Return the checkpoint of a task."""
    return inputs / task / "checkpoints" / "best.ckpt"


def image_of(inputs: Path) -> Path:
    """Return one of the images."""
    return inputs / "images" / "0000.jpg"


def scenes_of(inputs: Path) -> Path:
    """Return the folder of rendered people, in VOC's layout."""
    return inputs / "data/segmentation/people-smoke"


def people_of(inputs: Path) -> Path:
    """Return the folder of rendered people, in CelebA's layout."""
    return inputs / "data/face-attributes/people-smoke"


def garments_of(inputs: Path) -> Path:
    """Return the folder of synthetic people, in the layouts of five benchmarks."""
    return inputs / "data/fashion/people-smoke"


def module(name: str, *arguments: object) -> list[str]:
    """Return the command that runs a module."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def run_ffmpeg(*arguments: object) -> None:
    """Make a clip by FFmpeg's own command."""
    _run("ffmpeg", "-loglevel", "error", "-y", *map(str, arguments))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
