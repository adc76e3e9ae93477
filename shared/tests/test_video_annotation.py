"""Videos drawn from a video."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vision_shared.inputs import InputError
from vision_shared.video.annotation import annotate_video
from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import VideoReader

NUM_FRAMES = 5


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Wide as it is coded, tall as a player shows it; its top is bright then."""
    upright = np.full((64, 48, 3), 30, np.uint8)
    upright[:16] = 220
    coded = np.ascontiguousarray(np.rot90(upright, -1))
    with av.open(str(tmp_path / "clip.mov"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.height, stream.width = coded.shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.set_display_rotation(90)
        for _ in range(NUM_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(coded, "rgb24")))
        container.mux(stream.encode(None))
    return tmp_path / "clip.mov"


def test_frames_are_drawn_on_as_a_player_shows_them(clip: Path, tmp_path: Path) -> None:
    seen: list[np.ndarray] = []
    times: list[Fraction] = []

    def draw(image: np.ndarray, time: Fraction) -> dict[str, np.ndarray]:
        seen.append(image)
        times.append(time)
        return {"same": image, "negative": 255 - image}

    targets = {name: tmp_path / f"{name}.mp4" for name in ("same", "negative")}
    done = annotate_video(clip, targets, draw, overwrite=False)
    assert done == (NUM_FRAMES, None, [])
    assert times == [Fraction(number, 10) for number in range(NUM_FRAMES)]
    assert seen[0].shape == (64, 48, 3)
    assert seen[0][:14].min() > 200 and seen[0][18:].max() < 50
    for name, path in targets.items():
        with VideoReader(path) as reader:
            assert reader.first.rotation == 90, name
            assert (reader.first.height, reader.first.width) == (48, 64)


def test_what_drawing_refuses_leaves_no_video(clip: Path, tmp_path: Path) -> None:
    def draw(image: np.ndarray, time: Fraction) -> dict[str, np.ndarray]:
        raise InputError("too dark")

    with pytest.raises(InputError, match="too dark"):
        annotate_video(clip, {"drawn": tmp_path / "drawn.mp4"}, draw, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mov"]


@pytest.mark.parametrize("deep", ["yuv444p12le", "gbrp10le", "gbrp16le", "bgra", "yuva444p12le"])
def test_videos_that_mp4_cannot_hold_are_drawn_on_like_others(tmp_path: Path, deep: str) -> None:
    with av.open(str(tmp_path / "deep.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, deep
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 220, np.uint8), "rgb24")
        container.mux([*stream.encode(frame.reformat(format=deep)), *stream.encode(None)])
    target = tmp_path / "drawn.mp4"
    annotate_video(
        tmp_path / "deep.mkv", {"same": target}, lambda image, _: {"same": image}, overwrite=False
    )
    with VideoReader(target) as reader:
        assert abs(int(to_rgb(reader.first)[24, 32, 0]) - 220) < 4
