"""How long does an image take on one core? Each stage of the method, beside what is used today.

All take their turns in one process, on one thread and its own clock; times are medians. The weights
of our networks are random: that changes no time but the number of regions that are found. MTCNN
(Zhang et al. 2016) is that of facenet-pytorch, whose weights come with it; it asks for old versions
of everything, so for this benchmark alone it is installed without them:
pip install --no-deps facenet-pytorch. The photograph is scikit-image's astronaut.
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import timm
import torch
from bench_patches import take_turns  # pyrefly: ignore[missing-import]
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

from face_attributes.localize import Localizer, WindowRule
from face_attributes.localize.peaks import density_peaks
from face_attributes.localize.scores import score_windows
from face_attributes.localize.windows import component_windows, dense_windows
from face_attributes.models import ANet, LNet, build_network
from vision_shared.tables import Table, print_tables

SIDE = 300
"""Of the photograph, as in the paper, which states 35 ms for the LNets and 14 ms for ANet on a GPU
that it does not name."""

PATCHES = 10
Runs = dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the stages of an image; print tables.")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each contender")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    photo = load_photo()
    image = torch.from_numpy(photo).permute(2, 0, 1).float() / 255
    runs = {**paper_stages(image), **small_stages(image), **others(photo)}
    with torch.no_grad():
        times = take_turns(runs, options.repeats)
    rows = [[name, f"{1000 * seconds:.1f}"] for name, seconds in times.items()]
    note = (
        f"the astronaut, {SIDE}x{SIDE}, float32, one thread, CPU time, PyTorch {torch.__version__}"
    )
    print_tables([Table("An image", ["", "ms"], rows, note)])


def load_photo() -> NDArray[np.uint8]:
    """Return a photograph (SIDE, SIDE, 3)."""
    return np.array(Image.fromarray(astronaut()).resize((SIDE, SIDE)))


def paper_stages(image: Tensor) -> Runs:
    lnet, anet = build_lnet("lnet"), ANet(40).eval()
    closer, patch = torch.rand(1, 3, 227, 227), torch.rand(1, 3, *anet.patch)
    patches = patch.expand(PATCHES, -1, -1, -1).contiguous()
    response = lnet.response(image[None]).detach()
    cascade = Localizer(lnet, build_lnet("lnet"))
    number = len(cascade(image).boxes)
    return {
        f"LNet_o, {SIDE}x{SIDE}": lambda: lnet.response(image[None]),
        "LNet_s, 227x227": lambda: lnet.response(closer),
        f"windows of a response, {SIDE}x{SIDE}": lambda: search(lnet, response),
        f"LNet_o, windows; LNet_s and windows of {number} regions": lambda: cascade(image),
        "ANet, one patch of 55x47": lambda: anet(patch),
        f"ANet, {PATCHES} patches": lambda: anet(patches),
    }


def small_stages(image: Tensor) -> Runs:
    """The networks that `make train` trains, on images of 64 pixels."""
    lnet = build_lnet("lite")
    small = torch.rand(1, 3, 64, 64)
    cascade = Localizer(lnet, build_lnet("lite"), image_side=64)
    number = len(cascade(image).boxes)
    return {
        "small LNet_o, 64x64": lambda: lnet.response(small),
        f"small: LNet_o, windows; LNet_s and windows of {number} regions": lambda: cascade(image),
    }


def others(photo: NDArray[np.uint8]) -> Runs:
    picture = torch.rand(1, 3, 224, 224)
    runs: Runs = {}
    for size in ("small", "large"):
        net = timm.create_model(f"mobilenetv3_{size}_100", num_classes=40).eval()
        runs[f"MobileNetV3 {size}, 224x224"] = lambda net=net: net(picture)
    if find_spec("facenet_pytorch") is None:
        print("facenet-pytorch is not installed: MTCNN is left out")
        return runs
    detector = import_module("facenet_pytorch").MTCNN(keep_all=True, device="cpu")
    whole = Image.fromarray(photo)
    return {f"MTCNN, {SIDE}x{SIDE}": lambda: detector.detect(whole), **runs}


def build_lnet(name: str) -> LNet:
    lnet = build_network(name, 40).eval()
    assert isinstance(lnet, LNet)
    return lnet


def search(lnet: LNet, response: Tensor) -> None:
    """What `Localizer` does between the networks."""
    rule = WindowRule()
    pixels = lnet.trunk.grid.to_pixels(response, (SIDE, SIDE))[0]
    density_peaks(response[0])
    windows = torch.cat([dense_windows((SIDE, SIDE), rule), component_windows(pixels, rule.levels)])
    score_windows("contrast", pixels, windows, rule.margin)


if __name__ == "__main__":
    main()
