"""The page, without gradio: what it makes of images and clips."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from PIL import Image

from vision_shared.inputs import InputError
from vision_shared.video.reader import VideoReader
from voxel_flow.demo import between, convert_video, make_burst
from voxel_flow.interpolation.interpolator import FrameInterpolator


@pytest.fixture(scope="module")
def interpolator() -> FrameInterpolator:
    return FrameInterpolator.shipped(device="cpu")


def write_clip(path: Path, images: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    return path


def moving(step: int) -> np.ndarray:
    image = np.full((64, 96, 3), 60, np.uint8)
    image[20:44, 20 + step : 44 + step] = (230, 120, 30)
    return image


def test_the_frame_between_is_sharper_than_the_mean(interpolator: FrameInterpolator) -> None:
    made = between(interpolator, moving(0), moving(4), 0.5)
    errors = [np.abs(image.astype(float) - moving(2)).mean() for image in made.compared]
    assert errors[1] < 0.7 * errors[0]
    assert made.flow.shape == made.mask.shape == (64, 96, 3)


def test_images_of_two_sizes_are_one_line(interpolator: FrameInterpolator) -> None:
    with pytest.raises(InputError, match="one size, got 96x64 and 96x60"):
        between(interpolator, moving(0), moving(0)[:60], 0.5)


def test_a_clip_gets_twice_the_frames(interpolator: FrameInterpolator, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [moving(step) for step in range(0, 12, 3)])
    said = convert_video(interpolator, clip, tmp_path / "out.mp4", 2, slow=False)
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert len(list(reader.frames())) == 7
    assert "7 frames" in said


def test_a_clip_that_is_too_long_is_one_line(
    interpolator: FrameInterpolator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxel_flow.demo.MAX_SECONDS", 0.1)
    clip = write_clip(tmp_path / "clip.mp4", [moving(step) for step in range(10)])
    with pytest.raises(InputError, match=r"at most 0.1 s on this page, got 0.4 s"):
        convert_video(interpolator, clip, tmp_path / "out.mp4", 2, slow=False)
    assert not (tmp_path / "out.mp4").exists()


def test_a_burst_becomes_a_shot_a_loop_and_a_sheet(
    interpolator: FrameInterpolator, tmp_path: Path
) -> None:
    for step in range(4):
        Image.fromarray(moving(step)).save(tmp_path / f"{step}.png")
    targets = make_burst(interpolator, sorted(tmp_path.glob("*.png")), tmp_path)
    assert all(path.is_file() for path in targets)
