"""Store triplets of UCF-101's training videos that have obvious motion, once before training.

    python -m voxel_flow.data.ucf101_triplets FOLDER [--split 1] [--triplets-per-video 4]

Seeking in 9,537 compressed videos would be most of the training time, and all their frames would
fill some 400 GB, many of them still. So every video is decoded once, front to back, and the
triplets to train on are kept as they are, 0.7 MB each: at most 26 GB for 4 a video, 165 GB for 25
(240,000 triplets, as the paper has).

Which have obvious motion: three frames in a row of which no two are closer than 30 dB PSNR (nothing
moves, or one repeats another, as in up-converted videos) and no two further apart than 14 dB (a
cut). Of those that share no frame, as many as asked for are taken, evenly over the video. The paper
does not say what it took; 30 dB is a public reading of it.
"""

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError, new_file
from vision_shared.name_lists import read_list
from vision_shared.prediction import answer
from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import read_frames
from voxel_flow.data.clips import open_clip

COMMAND = "python -m voxel_flow.data.ucf101_triplets"
PAGE = "https://www.crcv.ucf.edu/data/UCF101.php"
SIZE = (240, 320)  # rows, columns: of every video
STILL_PSNR, CUT_PSNR = 30.0, 14.0  # dB

log = logging.getLogger(__name__)


class StoredTriplets(Sequence[np.ndarray]):
    """The stored triplets of every video: uint8 RGB (3 N, 240, 320, 3), mapped and not loaded.

    Args:
        folder: folder of the triplets.
        videos: videos as the index names them.
    """

    def __init__(self, folder: Path, videos: Sequence[str]) -> None:
        self.folder = folder
        self.videos = videos

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, clip: int) -> np.ndarray:  # type: ignore[override]
        return open_clip(stored_file(self.folder, self.videos[clip]))


def store_triplets(folder: Path, split: int, triplets_per_video: int) -> dict[str, int]:
    """Store the training triplets of an official split; what is there already is kept.

    A video that cannot be decoded is left out with a warning.

    Args:
        folder: folder that holds `UCF-101` and `ucfTrainTestlist`.
        split: 1 to 3.
        triplets_per_video: largest number of triplets per video.

    Returns:
        The number of triplets of every video that has one.

    Raises:
        FileNotFoundError: the videos or the lists are not there.
    """
    file = index_file(folder, split, triplets_per_video)
    videos = training_videos(folder, split)

    def store(video: str) -> int:
        return store_video(folder / "UCF-101", video, file.parent, triplets_per_video)

    counts: dict[str, int] = {}
    with ThreadPoolExecutor() as pool:
        for done, (video, count) in enumerate(zip(videos, pool.map(store, videos), strict=True), 1):
            counts[video] = count
            if done % 100 == 0 or done == len(videos):
                log.info("%d of %d videos, %d triplets", done, len(videos), sum(counts.values()))
    counts = {video: count for video, count in counts.items() if count}
    with new_file(file, overwrite=True) as part:
        part.write_text("".join(f"{v} {count}\n" for v, count in counts.items()), "utf-8")
    return counts


def store_default_triplets(folder: Path) -> None:
    """Store the triplets that `conf/data/ucf101.yaml` trains on: of split 1, four a video."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    store_triplets(folder, split=1, triplets_per_video=4)


def arrange_videos(folder: Path) -> None:
    """Move the videos of the zip file, ``UCF101/v_CLASS_*.avi``, into ``UCF-101/CLASS``.

    One class is spelled otherwise in its file names than in the official lists, which are followed.
    """
    for video in (folder / "UCF101").glob("v_*_g??_c??.avi"):
        target = folder / "UCF-101" / video.name.split("_")[1]
        target.mkdir(parents=True, exist_ok=True)
        video.rename(target / video.name.replace("v_Handstand", "v_HandStand"))


def training_videos(folder: Path, split: int) -> list[str]:
    """Names of the training videos of a split, e.g. ``Archery/v_Archery_g08_c01.avi``."""
    listed = folder / "ucfTrainTestlist" / f"trainlist{split:02d}.txt"
    for path in (listed, folder / "UCF-101"):
        if not path.exists():
            remedy = f"get UCF-101's videos and its lists for action recognition at {PAGE}"
            raise FileNotFoundError(f"{path}: not found: {remedy} and unpack them there")
    return [re.sub(r"\s+\d+$", "", entry) for entry in read_list(listed)]  # less their class


def store_video(videos: Path, video: str, folder: Path, triplets_per_video: int) -> int:
    """Store one video's triplets unless they are there; return how many they are."""
    file = stored_file(folder, video)
    if not file.exists():
        try:
            frames = (to_rgb(frame) for frame, _ in read_frames(videos / video))
            found = list(moving_triplets(of_one_size(frames)))
        except InputError as error:
            log.warning("left out: %s", error)
            return 0
        chosen = np.linspace(0, len(found) - 1, min(triplets_per_video, len(found))).round()
        kept = [frame for number in chosen for frame in found[int(number)]]
        with new_file(file, overwrite=True) as part, part.open("wb") as out:
            np.save(out, np.stack(kept) if kept else np.zeros((0, *SIZE, 3), np.uint8))
    with file.open("rb") as stored:
        np.lib.format.read_magic(stored)
        return np.lib.format.read_array_header_1_0(stored)[0][0] // 3


def of_one_size(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield frames; raise `InputError` for one that is not 320x240."""
    for frame in frames:
        if frame.shape[:2] != SIZE:
            raise InputError(f"a video of {frame.shape[1]}x{frame.shape[0]}, expected 320x240")
        yield frame


def moving_triplets(frames: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Three frames in a row with obvious motion (see above); no frame twice."""
    window: list[np.ndarray] = []
    for frame in frames:
        window = [*window[-2:], frame]
        if len(window) == 3 and all(moves(window[a], window[b]) for a, b in PAIRS):
            yield window
            window = []


PAIRS = ((0, 1), (1, 2), (0, 2))


def moves(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two frames differ by motion: neither still nor across a scene cut, by PSNR."""
    error = cv2.norm(one, other, cv2.NORM_L2SQR) / one.size
    return error > 0 and CUT_PSNR < 10 * np.log10(255**2 / error) < STILL_PSNR


def index_file(folder: Path, split: int, triplets_per_video: int) -> Path:
    """Lists the videos of a split with their numbers of triplets; written when all are stored."""
    return folder / "triplets" / f"{triplets_per_video}_per_video" / f"trainlist{split:02d}.txt"


def read_index(file: Path) -> dict[str, int]:
    """Return the number of triplets by the video's name."""
    lines = (line.rsplit(maxsplit=1) for line in file.read_text("utf-8").splitlines())
    return {video: int(count) for video, count in lines}


def stored_file(folder: Path, video: str) -> Path:
    """Return the path of a video's decoded triplets."""
    return (folder / video).with_suffix(".npy")


def video_group(video: str) -> int:
    """Number of the group of videos shot together: 8 of ``v_Archery_g08_c01.avi``."""
    return int(video.rsplit("_g", 1)[1][:2])


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and store the triplets; return the exit code."""
    parser = CommandParser(prog=COMMAND, description="Store UCF-101's training triplets.")
    parser.add_argument("folder", type=Path, help="holds UCF-101/ and ucfTrainTestlist/")
    parser.add_argument("--split", type=int, choices=(1, 2, 3), default=1, help="official split")
    parser.add_argument(
        "--triplets-per-video", type=int, default=4, help="at most; 4 fill 26 GB, 25 fill 165 GB"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    def work() -> ExitCode:
        counts = store_triplets(options.folder, options.split, options.triplets_per_video)
        print(f"{sum(counts.values())} triplets of {len(counts)} videos")
        return ExitCode.DONE

    return answer(work, lambda line: print(f"{parser.prog}: {line}", file=sys.stderr))


if __name__ == "__main__":
    run_command(main)
