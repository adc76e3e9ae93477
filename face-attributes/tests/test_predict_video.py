"""What a user does with videos: each frame described, and drawn on as a player shows it."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from face_attributes.predict import all_or_none
from predicting import blob, lines, run
from vision_shared.inputs import ExitCode


def write_video(path: Path, picture: np.ndarray, quarters: int = 0) -> Path:
    """Four frames of a picture, 10 a second; a player turns them so often counterclockwise."""
    coded = np.ascontiguousarray(np.rot90(picture, -quarters))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options={"crf": "1"})
        stream.height, stream.width = coded.shape[:2]
        stream.pix_fmt = "yuv444p"
        if quarters:
            turned = (
                [[0, 1 << 16], [-1 << 16, 0]] if quarters == 3 else [[0, -1 << 16], [1 << 16, 0]]
            )
            stream.set_display_matrix((*turned[0], 0, *turned[1], 0, 0, 0, 1 << 30))
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(coded, "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_video_is_described_frame_by_frame(
    lnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source, out = write_video(tmp_path / "clip.mp4", blob()), tmp_path / "out"
    Image.fromarray(blob()).save(tmp_path / "still.png")
    assert run(lnet, source, tmp_path / "still.png", "-o", out, "--maps") == ExitCode.DONE
    for name in ("clip_faces.mp4", "clip_response.mp4"):
        with av.open(str(out / name)) as made:
            frames = list(made.decode(video=0))
        assert [(f.width, f.height) for f in frames] == [(128, 96)] * 4
    *moving, still = lines(out)
    assert [line["file"] for line in moving] == [str(source)] * 4
    assert [line["frame"] for line in moving] == [0, 1, 2, 3]
    assert [line["time"] for line in moving] == pytest.approx([0, 0.1, 0.2, 0.3])
    for line in moving:
        assert line["faces"][0]["box"] == pytest.approx(still["faces"][0]["box"], abs=4)
    assert "clip.mp4: 4 frames, 4 with faces" in capsys.readouterr().out


@pytest.mark.parametrize("quarters", [1, 3])
def test_turned_video_is_seen_upright_and_stays_turned(
    lnet: Path, tmp_path: Path, quarters: int
) -> None:
    upright = write_video(tmp_path / "upright.mp4", blob())
    turned = write_video(tmp_path / "turned.mp4", blob(), quarters)
    assert run(lnet, upright, turned, "-o", tmp_path / "out") == ExitCode.DONE
    found = lines(tmp_path / "out")
    assert found[4]["faces"][0]["box"] == pytest.approx(found[0]["faces"][0]["box"], abs=4)
    with av.open(str(tmp_path / "out" / "turned_faces.mp4")) as made:
        frame = next(made.decode(video=0))
    assert (frame.width, frame.height) == (96, 128)
    assert round(frame.rotation / 90) % 4 == quarters


def test_damaged_video_leaves_no_lines_of_its_own(
    lnet: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    broken, out = tmp_path / "clip.mp4", tmp_path / "out"
    broken.write_bytes(b"no video")
    assert run(lnet, broken, photo, "-o", out) == ExitCode.PARTLY_DONE
    assert [line["file"] for line in lines(out)] == [str(photo)]
    assert "1 of 2 inputs skipped" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["faces.jsonl", "photo_faces.png"]


def test_lines_of_an_input_that_fails_half_way_are_taken_back() -> None:
    file = io.StringIO()
    with all_or_none(file):
        file.write("one\n")

    def fail() -> None:
        file.write("half of")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk"), all_or_none(file):
        fail()
    with all_or_none(file):
        file.write("two\n")
    assert file.getvalue() == "one\ntwo\n"
