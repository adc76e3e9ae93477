"""What a user does with an index and videos: follow garments, and find what they are like."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from colour_shop import COLOURS, TEE, ColourRecogniser, run
from fashion import spot
from fashion.garment import Box, Garment, Picture
from fashion.retrieval.tracking import PATIENCE, Tracker, overlap
from vision_shared.inputs import ExitCode
from vision_shared.video.annotation import upright
from vision_shared.video.reader import VideoReader


def clip(path: Path, num_frames: int, rate: int = 10, rotation: int | None = None) -> Path:
    """A red tee that moves, then, after a cut, a blue one elsewhere."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "8"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for t in range(num_frames):
            image = np.full((120, 160, 3), 255, np.uint8)
            left = 10 + 2 * t if t < num_frames // 2 else 60
            colour = COLOURS["red" if t < num_frames // 2 else "blue"]
            image[20:80, left : left + 50] = colour
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_spot_follows_garments_and_writes_a_page(built: Path, tmp_path: Path) -> None:
    video, out = clip(tmp_path / "<b>&.mp4", 60), tmp_path / "out"
    assert run(spot, built, video, "-o", out, "--per-second", 5, "--top", 2) == ExitCode.DONE
    timeline = json.loads((out / "<b>&_timeline.json").read_text())
    red, blue = timeline["garments"]
    assert timeline["seconds"] == pytest.approx(5.9) and timeline["damage"] is None
    assert red["first"] == 0 and red["last"] == pytest.approx(2.8) and red["sightings"] == 15
    assert blue["first"] == pytest.approx(3) and blue["last"] == pytest.approx(5.8)
    assert red["hits"][0]["attributes"] == {"red": 1.0} and len(red["hits"]) == 2
    assert blue["hits"][0]["attributes"] == {"blue": 1.0}
    page = (out / "<b>&_spots.html").read_text()
    assert "&lt;b&gt;&amp;.mp4" in page and "<b>" not in page
    assert page.count("data:image/jpeg;base64,") == 6
    sources = re.findall(r'(?:src|href)="((?!data:)[^"]*)"', page)
    assert [(out / unquote(source)).resolve() for source in sources] == [video.resolve()]
    assert 'data-seconds="5.9"' in page and page.count('class="bar"') == 2


def test_a_page_of_a_video_that_browsers_cannot_play_has_no_player(
    built: Path, tmp_path: Path
) -> None:
    video, out = clip(tmp_path / "a.mkv", 20), tmp_path / "out"
    assert run(spot, built, video, "-o", out, "--per-second", 5) == ExitCode.DONE
    page = (out / "a_spots.html").read_text()
    assert "<video" not in page and 'class="bar"' in page


def test_damaged_video_is_used_as_far_as_it_goes(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    whole = clip(tmp_path / "whole.mkv", 60)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    out = tmp_path / "out"
    assert run(spot, built, cut, "-o", out) == ExitCode.PARTLY_DONE
    assert "cut.mkv: stops after" in capsys.readouterr().err
    assert json.loads((out / "cut_timeline.json").read_text())["damage"]
    (tmp_path / "none.mp4").write_bytes(b"no video")
    assert run(spot, built, tmp_path / "none.mp4", "-o", out) == ExitCode.NOTHING_DONE
    assert not list(out.glob("none*"))


def test_frames_are_seen_as_the_phone_was_held(tmp_path: Path) -> None:
    with VideoReader(clip(tmp_path / "turned.mp4", 4, rotation=90)) as reader:
        frame, moment = next(iter(reader.frames()))
        image = upright(frame)
    assert moment == Fraction(0) and image.shape == (160, 120, 3)
    (garment,) = ColourRecogniser()(image)
    assert garment.box == pytest.approx((20, 100, 80, 150), abs=2)  # counter-clockwise


def test_tracks_part_where_looks_or_places_do() -> None:
    image = blank()
    tracker = Tracker()
    red = colour_garment("red", TEE)
    near = replace(red, box=(14, 10, 44, 40), score=0.9)
    far = replace(red, box=(60, 10, 79, 40))
    blue = colour_garment("blue", TEE)
    assert tracker.see(0, [replace(red, score=0.1)], image) == []
    assert tracker.see(1, [far, near], image) == []  # two of one kind: each its own
    assert tracker.see(2, [replace(blue, box=near.box)], image) == []  # another in its place
    (one, other) = tracker.see(1.1 + PATIENCE, [], image)
    assert (one.number, one.sightings, one.first, one.last, one.best_time) == (1, 2, 0, 1, 1)
    assert other.number == 2 and other.box == far.box
    (last,) = tracker.finish()
    assert last.number == 3 and last.category == "Tee" and tracker.finish() == []
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (1, 1, 2, 2)) == 0


def test_a_track_goes_on_behind_what_stands_before_it() -> None:
    """It walks 20 px a second, is hidden for one, and another of its kind comes the other way."""
    image, tracker = blank(), Tracker()
    red = colour_garment("red", (0, 10, 20, 40))
    for tick in range(16):
        time = tick / 4
        one = replace(red, box=(5 * tick, 10, 20 + 5 * tick, 40))
        other = replace(red, box=(75 - 5 * tick, 30, 95 - 5 * tick, 60))
        shown = [other] if 6 <= tick < 10 else [other, one]
        assert tracker.see(time, shown, image) == []
    first, second = sorted(tracker.finish(), key=lambda track: track.sightings)
    assert (first.sightings, second.sightings) == (12, 16)
    assert first.box[0] == 75 and second.box[0] == 0


def test_all_pairs_together_are_the_best() -> None:
    """The best pair first would leave a garment that only the other track can have."""
    image, tracker = blank(), Tracker()
    red = colour_garment("red", TEE)
    left, right = replace(red, box=(0, 10, 20, 30)), replace(red, box=(16, 10, 36, 30))
    tracker.see(0, [left, right], image)
    # between the two, nearer to the right one; and where the right one alone can have gone
    tracker.see(0.1, [replace(red, box=(9, 10, 29, 30)), replace(red, box=(28, 10, 48, 30))], image)
    tracks = sorted(tracker.finish(), key=lambda track: track.number)
    assert [track.box[0] for track in tracks] == [9, 28]


def blank() -> Picture:
    return np.full((60, 80, 3), 255, np.uint8)


def colour_garment(colour: str, box: Box) -> Garment:
    image = blank()
    image[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = COLOURS[colour]
    return ColourRecogniser()(image)[0]
