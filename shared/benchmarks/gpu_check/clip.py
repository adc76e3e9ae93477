"""``predict`` of a clip, whole and in its parts: decode, upload, network, download, encode."""

import tempfile
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from reporting import Report, run  # pyrefly: ignore[missing-import]

from vision_shared.video.encoder import VideoEncoder
from vision_shared.video.reader import TimedFrame, VideoReader
from voxel_flow.interpolation.frame_tensors import Source, to_frame
from voxel_flow.interpolation.interpolator import FrameInterpolator, load_network
from voxel_flow.predict import main as predict
from voxel_flow.weights import SHIPPED


def main(report: Report) -> None:
    number, height, width = (60, 720, 1280) if report.is_cuda else (6, 64, 96)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, number, height, width)
        for precision in ("fp32", "bf16"):
            report.attempt(f"parts, {precision}", partial(time_parts, report, clip, precision))
            report.attempt(f"predict, {precision}", partial(time_all, report, clip, precision))


def write_clip(path: Path, number: int, height: int, width: int) -> None:
    """Write smooth texture that moves by three pixels a frame."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (height // 16 + 8, width // 16 + 32, 3), dtype=np.uint8)
    wide = coarse.repeat(16, 0).repeat(16, 1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(number):
            picture = np.ascontiguousarray(wide[:height, 3 * i : 3 * i + width])
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def time_parts(report: Report, clip: Path, precision: str) -> None:
    """Time each part alone, by itself, with the device waited for: what a frame costs in it."""
    device = torch.device(report.device)
    settings: Any = {"device": report.device, "precision": precision}
    model = FrameInterpolator(load_network(SHIPPED), **settings)
    frames: list[TimedFrame] = []
    with VideoReader(clip) as reader:
        taken = {"decode": timed(lambda: frames.extend(reader.frames()), device)}
    sources = [Source(frame, device) for frame in frames]
    taken["upload"] = timed(lambda: consume(source.image for source in sources), device)
    images = [source.image for source in sources]
    pairs = list(pairwise(images))
    model.synthesise(*pairs[0], 0.5)
    if report.is_cuda:  # whose calls are graphs
        model.evens_brightness = False
        made_once = model.synthesise(*pairs[0], 0.5)
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, precision == "bf16"):
            plain = model.network(torch.stack(pairs[0])[None], images[0].new_tensor([0.5])).image[0]
        error = float((made_once - plain).abs().max())
        model.evens_brightness = True
        report.add(f"{precision}, a graph's frame against a call's", error, 0.02, most=True)
    made: list[Any] = []
    work = lambda: made.extend(model.synthesise(a, b, 0.5) for a, b in pairs)  # noqa: E731
    taken["network"] = timed(work, device)
    back: list[av.VideoFrame] = []
    work = lambda: back.extend(to_frame(image, frames[0].frame) for image in made)  # noqa: E731
    taken["download"] = timed(work, device)
    taken["encode"] = timed(partial(encode, clip, back), device)
    for part, seconds in taken.items():
        report.add(f"{precision}, {part}, ms a frame", 1000 * seconds / len(pairs))


def encode(clip: Path, made: list[av.VideoFrame]) -> None:
    tick = Fraction(1, 30)
    with VideoReader(clip) as reader, av.open(str(clip.with_name("parts.mp4")), "w") as container:
        encoder = VideoEncoder(
            container, clip, reader, rate=Fraction(30), tick=tick, codec="libx264"
        )
        for i, frame in enumerate(made):
            encoder.encode(TimedFrame(frame, i * tick))
        encoder.flush()


def time_all(report: Report, clip: Path, precision: str) -> None:
    out = clip.with_name(f"{precision}.mp4")
    words = [str(clip), "-o", str(out), "--device", report.device, "--precision", precision]
    began = time.perf_counter()
    code = predict(words)
    report.add(f"{precision}, predict of the clip, s", time.perf_counter() - began)
    if code:
        raise RuntimeError(f"predict ended with {code}")


def consume(items: Iterable[object]) -> None:
    for _ in items:
        pass


def timed(work: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    run(main)
