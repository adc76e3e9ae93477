"""How fast is CelebA loaded? Its attribute table, and augmented images of its size.

One thread, CPU time. The table has the rows and columns of list_attr_celeba.txt with random
values; images are rendered noise of 178x218 as JPEGs of about 9 kB. The usual route to a
training sample is torchvision's: Pillow, RandomResizedCrop, flip, ColorJitter, ToTensor. Both
routes give float32 RGB of 224x224, mirrored and with another brightness and contrast.
"""

import argparse
import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from face_attributes.data.annotation_cache import cached
from face_attributes.data.augment import Augmentation
from face_attributes.data.celeba import CelebaFiles, read_celeba
from face_attributes.data.faces import Faces
from face_attributes.data.names import CELEBA_ATTRIBUTES
from face_attributes.data.samples import Regions, TrainingSamples
from face_attributes.data.text import write_table
from vision_shared.tables import Table, print_tables

NUM_PICTURES = 202_599
WIDTH, HEIGHT = 178, 218
SIZE = (224, 224)
JITTER = 0.15
RELOAD_BAR = 20.0  # ms at most
LOADING_BAR = 1000.0  # images a second at least


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the reading of CelebA's lists and images.")
    parser.add_argument("--rows", type=int, default=NUM_PICTURES, help="of the attribute table")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        print_tables(
            [
                time_lists(Path(folder) / "lists", options.rows, options.repeats),
                time_pictures(Path(folder) / "pictures", options.pictures, options.repeats),
            ]
        )


def time_lists(folder: Path, num_rows: int, repeats: int) -> Table:
    """The first reading of the lists, and the packed ones again."""
    files = write_lists(folder, num_rows)

    def load() -> Faces:
        return cached(folder, files.lists(), files.folder, lambda: read_celeba(files))

    first = cpu_seconds(load)
    again = statistics.median(cpu_seconds(load) for _ in range(repeats))
    rows = [
        ["read, checked, joined and packed", f"{1000 * first:.0f}"],
        ["reloaded", f"{1000 * again:.1f} (bar {RELOAD_BAR:g}: {met(1000 * again <= RELOAD_BAR)})"],
    ]
    title = f"Attributes and parts of {num_rows} images, {len(CELEBA_ATTRIBUTES)} attributes"
    return Table(title, ["", "CPU ms"], rows)


def time_pictures(folder: Path, number: int, repeats: int) -> Table:
    """Augmented images a second, in turns."""
    faces = write_pictures(folder, number)
    routes = {
        "torchvision, Pillow": torchvision_route(faces),
        "ours: OpenCV, albumentations": our_route(faces),
    }
    times: dict[str, list[float]] = {name: [] for name in routes}
    for turn in range(repeats + 1):
        for name, route in routes.items():
            seconds = cpu_seconds(lambda route=route: run_all(route, number))
            times[name] += [seconds] if turn else []
    usual, ours = (number / statistics.median(seconds) for seconds in times.values())
    verdict = f"{ours:.0f} (bar {LOADING_BAR:g}: {met(ours >= LOADING_BAR)})"
    rows = [
        ["torchvision, Pillow", f"{usual:.0f}", "1"],
        ["ours: OpenCV, albumentations", verdict, f"{ours / usual:.1f}"],
    ]
    size = sum(faces.path(i).stat().st_size for i in range(number)) / number / 1000
    note = f"{WIDTH}x{HEIGHT} JPEGs of {size:.1f} kB to {SIZE[1]}x{SIZE[0]} float32"
    return Table("Augmented images per CPU second", ["", "images", "times"], rows, note)


def our_route(faces: Faces) -> Callable[[int], object]:
    augmentation = Augmentation(size=SIZE, scale=(0.9, 1.1), jitter=JITTER)
    samples = TrainingSamples(faces, Regions("whole"), augmentation)
    return lambda index: samples[index, index]["image"]


def torchvision_route(faces: Faces) -> Callable[[int], object]:
    from torchvision import transforms

    pipeline = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIZE, scale=(0.8, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=JITTER, contrast=JITTER),
            transforms.ToTensor(),
        ]
    )

    def load(index: int) -> object:
        with Image.open(faces.path(index)) as image:
            return pipeline(image.convert("RGB"))

    return load


def write_lists(folder: Path, num_rows: int) -> CelebaFiles:
    """Lists as CelebA's aligned images have them, but for landmarks and identities."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    names = np.array([f"{number:06d}.jpg" for number in range(1, num_rows + 1)]).astype("S")
    labels = rng.integers(0, 2, (num_rows, len(CELEBA_ATTRIBUTES)), np.int8) * 2 - 1
    attributes, partition = folder / "list_attr_celeba.txt", folder / "list_eval_partition.txt"
    write_table(attributes, names, labels, CELEBA_ATTRIBUTES)
    write_table(partition, names, rng.integers(0, 3, (num_rows, 1)))
    return CelebaFiles(folder / "img_align_celeba", attributes, partition, None, None, None)


def write_pictures(folder: Path, number: int) -> Faces:
    """JPEG files of about 9 kB, as many as CelebA's have."""
    files = write_lists(folder, number)
    files.folder.mkdir()
    faces = read_celeba(files)
    rng = np.random.default_rng(0)
    for index in range(number):
        coarse = rng.integers(0, 256, (22, 18, 3), np.uint8)
        pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=80)
        faces.path(index).write_bytes(buffer.getvalue())
    random.seed(0)
    torch.manual_seed(0)
    return faces


def run_all(route: Callable[[int], object], number: int) -> None:
    """Load images and let them go, as a loader does: to keep them would time fresh memory."""
    for index in range(number):
        route(index)


def cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    main()
