"""The best shot of a burst, a loop that closes, and a sheet of scores."""

import json
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vision_shared.face_scores import FaceScore
from vision_shared.video.reader import read_frames
from voxel_flow.blink import main
from voxel_flow.burst.loop import choose_loop
from voxel_flow.burst.scores import best_of, score_frames
from voxel_flow.burst.stabilise import stabilise

HEIGHT, WIDTH = 72, 96
DONE, NOTHING_DONE, PARTLY_DONE = 0, 2, 3


def scene(shift: int = 0, down: int = 0) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(20, 230, (16, 20, 3)).astype(np.float32)
    wide = cv2.resize(noise, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    top, left = HEIGHT // 2 + down, WIDTH // 2 + shift
    return wide[top : top + HEIGHT, left : left + WIDTH].clip(0, 255).astype(np.uint8)


def swing(count: int = 8) -> list[np.ndarray]:
    """Return a dark disk on its way round."""
    images = []
    for k in range(count):
        image = scene()
        angle = 2 * np.pi * k / count
        middle = (round(48 + 10 * np.cos(angle)), round(36 + 10 * np.sin(angle)))
        images.append(cv2.circle(image, middle, 8, (10, 10, 10), -1))
    return images


def save(folder: Path, images: list[np.ndarray]) -> Path:
    folder.mkdir()
    for k, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{k + 1}.png")
    return folder


def test_sharp_well_exposed_frame_wins() -> None:
    sharp = scene()
    blurred = cv2.GaussianBlur(sharp, (0, 0), 2)
    bright = cv2.convertScaleAbs(sharp, alpha=2.5)
    dark = cv2.convertScaleAbs(sharp, alpha=0.15)
    scores = score_frames([blurred, bright, sharp, dark])
    assert best_of(scores) == 2
    assert scores[0].sharpness < 0.8 and scores[1].exposure < 0.5 and scores[3].exposure < 0.5
    assert all(score.eyes is None for score in scores)


def test_open_eyes_decide_where_there_are_faces() -> None:
    open_eyes = iter([0.05, 0.9, 0.4])
    scores = score_frames(
        [scene()] * 3, lambda image: [FaceScore((0, 0, 9, 9), next(open_eyes), 0.5)]
    )
    assert best_of(scores) == 1
    assert scores[1].eyes == 0.9 and scores[0].total < scores[2].total < scores[1].total


def test_shaken_frames_are_held_still() -> None:
    shaken = [scene(*shift) for shift in ((0, 0), (4, -3), (-5, 2), (2, 5))]
    held = stabilise(shaken, 0)
    assert held is not None and held[0].shape[0] < HEIGHT
    before = np.mean([np.abs(image.astype(int) - shaken[0]).mean() for image in shaken[1:]])
    after = np.mean([np.abs(image.astype(int) - held[0]).mean() for image in held[1:]])
    assert after < 0.15 * before
    assert stabilise([scene(0), scene(40)], 0) is None  # a pan


def test_ends_that_meet_are_joined_and_others_played_back() -> None:
    loop = choose_loop(swing(), Fraction(10))
    assert not loop.goes_back and loop.times == 3
    assert loop.order == tuple(range(8)) and loop.closing == 1
    there = [scene(3 * k) for k in range(6)]
    there[3:] = [255 - image for image in there[3:]]
    back = choose_loop(there, Fraction(30))
    assert back.goes_back and back.order == (0, 1, 2, 3, 4, 5, 4, 3, 2, 1)


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_burst_becomes_three_files(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture, kind: str
) -> None:
    images = swing()
    images[2:] = [cv2.GaussianBlur(image, (0, 0), 1.5) for image in images[2:]]
    folder, out = save(tmp_path / "party", images), tmp_path / "out"
    arguments = [str(folder), "-o", str(out), "--checkpoint", checkpoint, "--loop", kind]
    assert main([*arguments, "--json"]) == DONE
    summary = json.loads(capsys.readouterr().out)
    (made,) = summary["outputs"]
    assert summary["faces"] is False and made["best"] in (1, 2) and len(made["scores"]) == 8
    names = ["party_best.png", f"party_loop.{kind}", "party_sheet.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    best = folder / f"{made['best']}.png"
    assert (out / "party_best.png").read_bytes() == best.read_bytes()
    if kind == "mp4":
        count = len(list(read_frames(out / names[1])))
    else:
        with Image.open(out / names[1]) as loop:
            count = loop.n_frames  # type: ignore[attr-defined]
            assert loop.info["loop"] == 0
    assert count == made["loop_frames"]
    assert main(arguments) == NOTHING_DONE
    assert "exists already" in capsys.readouterr().err


def test_faces_are_scored_by_what_an_installed_package_offers(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "smiles-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: smiles\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[vision_shared.face_scores]\nsmiles = smiles:make\n")
    (tmp_path / "site" / "smiles.py").write_text(
        "from vision_shared.face_scores import FaceScore\n"
        "def make():\n"
        "    return lambda image: [FaceScore((0, 0, 9, 9), float(image.mean() > 160), 1.0)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert metadata.entry_points(group="vision_shared.face_scores").names == {"smiles"}
    images = [scene(), scene(1), cv2.convertScaleAbs(scene(2), alpha=1.0, beta=60)]
    folder = save(tmp_path / "burst", images)
    arguments = [str(folder), "-o", str(tmp_path / "out"), "--checkpoint", checkpoint, "--json"]
    assert main(arguments) == DONE
    summary = json.loads(capsys.readouterr().out)
    assert summary["faces"] is True and summary["outputs"][0]["best"] == 3


def test_bursts_that_are_none_are_one_line(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    one = save(tmp_path / "one", [scene()])
    assert main([str(one), "-o", str(tmp_path / "out"), "--checkpoint", checkpoint]) == NOTHING_DONE
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected two images or more, got one" in line
    assert not (tmp_path / "out").exists()
