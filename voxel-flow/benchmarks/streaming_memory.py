"""Does memory grow with a video's length? ``python voxel-flow/benchmarks/streaming_memory.py``

``python -m voxel_flow.predict`` doubles the frames of 1280x720 clips of 5 and of 60 seconds, in a
process each, whose largest resident set the system reports (Unix). Motion is estimated at a quarter
of the size, for time; one clip at full size stands beside it. Several minutes on a CPU.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import chain, cycle, islice
from pathlib import Path

import av
from av.video.stream import VideoStream

from vision_shared.tables import Table, print_tables
from voxel_flow.data.clips import sample_clips

RATE = 10  # frames per second: few, for time
BAR = 1.05  # of the short clip's, at most
CASES = ((5, 0.25), (60, 0.25), (5, 1.0))  # seconds, scale of the estimation


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of interpolating a video.")
    parser.parse_args()
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds, scale in CASES:
            clip = Path(folder, f"{seconds}.mp4")
            if not clip.exists():
                make_clip(clip, RATE * seconds)
            peaks[seconds, scale] = peak_mib(clip, clip.with_name("out.mp4"), scale)
    ratio = peaks[CASES[1]] / peaks[CASES[0]]
    rows = [
        [f"{seconds} s, --scale {scale:g}", str(RATE * seconds), f"{peak:.0f}"]
        for (seconds, scale), peak in peaks.items()
    ]
    verdict = "met" if ratio <= BAR else "missed"
    note = f"60 s / 5 s: {ratio:.3f} (bar {BAR}: {verdict}). Default network, one process each."
    columns = ["1280x720, twice the frames", "source frames", "peak MiB"]
    print_tables([Table("Peak memory of `python -m voxel_flow.predict`", columns, rows, note)])


def make_clip(path: Path, num_frames: int) -> None:
    """Write bigbuckbunny, forwards and backwards by turns so that there is no cut."""
    with av.open(str(sample_clips()["bigbuckbunny"])) as source:
        images = [frame.to_ndarray() for frame in source.decode(video=0)]  # as coded, 1.4 MB each
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        back_and_forth = cycle(chain(images, images[-2:0:-1]))
        for image in islice(back_and_forth, num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "yuv420p")))
        container.mux(stream.encode(None))


def peak_mib(clip: Path, target: Path, scale: float) -> float:
    """Interpolate a clip in a process of its own; return the largest memory that it held."""
    command = [sys.executable, "-m", "voxel_flow.predict", str(clip), "-o", str(target)]
    process = subprocess.Popen([*command, "--scale", str(scale), "--overwrite"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"predict ended with exit code {process.returncode}")
    return usage.ru_maxrss / 2**10


if __name__ == "__main__":
    main()
