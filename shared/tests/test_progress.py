import pytest

from vision_shared import progress


def test_lines_tell_count_and_speed_away_from_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.show_progress("clip.mp4", 2, "frames") as advance:
        advance()
        advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "clip.mp4: 1/2 frames",
        "clip.mp4: 2/2 frames",
    ]
    assert all(line.endswith("frames/s") for line in lines)


def test_lines_come_seconds_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress("clip.mp4", None, "frames") as advance:
        for _ in range(1000):
            advance()
    assert capsys.readouterr().err == ""


def test_bar_is_drawn_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard error for a terminal
    monkeypatch.setenv("COLUMNS", "120")
    with progress.show_progress("[shop]", 3, "images") as advance:
        for _ in range(3):
            advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    for part in ("[shop]", "3/3", "images/s"):
        assert part in captured.err
