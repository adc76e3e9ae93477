"""What a user does with an index: build it, change it, search it, spot garments with it."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from av.video.stream import VideoStream
from PIL import Image

from fashion import index, search, spot
from fashion.garment import Box, Garment, Picture
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.spotting import upright
from fashion.retrieval.storage import IndexFiles
from fashion.retrieval.thumbnails import SIDE, cut_out, sheet
from fashion.retrieval.tracking import PATIENCE, Tracker, overlap
from vision_shared.checkpoints import write_checkpoint
from vision_shared.inputs import ExitCode
from vision_shared.video.reader import VideoReader

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 40, 220), "black": (9, 9, 9)}


class ColourRecogniser:
    """Garments are what is not white; they look as the histogram of their colours does."""

    def __init__(self, bins: int = 4) -> None:
        self.bins = bins

    @property
    def transform(self) -> Mapping[str, Any]:
        return {"bins": self.bins, "size": (8, 8)}

    def __call__(self, image: Picture, box: Box | None = None) -> list[Garment]:
        if box is not None:
            return [self._describe(image, box, 1.0)]
        coloured = (image.min(2) < 200).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(coloured)
        found = [s for s in stats[1:] if s[4] >= 50]
        found.sort(key=lambda s: -s[4])
        return [
            self._describe(image, (float(x), float(y), float(x + w), float(y + h)), area / (w * h))
            for x, y, w, h, area in found
        ]

    def _describe(self, image: Picture, box: Box, score: float) -> Garment:
        left, top, right, bottom = map(int, box)
        pixels = image[top:bottom, left:right].reshape(-1, 3)
        levels = (pixels.astype(int) * self.bins // 256) @ [1, self.bins, self.bins**2]
        histogram = np.sqrt(np.bincount(levels, minlength=self.bins**3).astype(np.float32))
        near = {n: np.abs(pixels.astype(int) - c).max(1) < 60 for n, c in COLOURS.items()}
        return Garment(
            box=box,
            type=2 if bottom - top > 1.5 * (right - left) else 0,
            score=float(score),
            landmarks=np.zeros((8, 2), np.float32),
            states=np.full(8, 3),
            category="Dress" if bottom - top > 1.5 * (right - left) else "Tee",
            probability=1.0,
            attributes={name: float(flags.mean()) for name, flags in near.items()},
            embedding=histogram / np.linalg.norm(histogram),
        )


def load(checkpoint: str, device: str) -> ColourRecogniser:
    return ColourRecogniser()


def photo(path: Path, *garments: tuple[str, Box]) -> Path:
    image = np.full((60, 80, 3), 255, np.uint8)
    for colour, (left, top, right, bottom) in garments:
        image[int(top) : int(bottom), int(left) : int(right)] = COLOURS[colour]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


TEE: Box = (10, 10, 40, 40)
DRESS: Box = (50, 5, 70, 55)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(
        tmp_path / "net.ckpt",
        task="fashion",
        hyper_parameters={"network": {"name": "lite"}},
        state_dict={"net.weight": torch.ones(3)},
    )
    return tmp_path / "net.ckpt"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    for colour in COLOURS:
        photo(folder / f"id_{colour}" / "front.png", (colour, TEE))
    photo(folder / "both.png", ("red", DRESS), ("blue", TEE))
    return folder


@pytest.fixture
def built(checkpoint: Path, shop: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    assert run(index, "build", checkpoint, shop, "-o", folder) == ExitCode.DONE
    return folder


def run(command: Any, *arguments: object) -> int:
    return command.main([str(a) for a in arguments], load)


def lines(folder: Path) -> list[dict[str, Any]]:
    return list(IndexFiles(folder).all_lines())


def test_build_finds_all_garments_of_nested_folders(
    checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    built = tmp_path / "index"
    assert run(index, "build", checkpoint, shop, "-o", built) == ExitCode.DONE
    found = lines(built)
    assert len(found) == 6
    files = sorted(Path(line["file"]).relative_to(shop).as_posix() for line in found)
    assert files[:2] == ["both.png", "both.png"] and "id_red/front.png" in files
    assert {line["category"] for line in found} == {"Tee", "Dress"}
    assert IndexFiles(built).thumbnail(0).is_file()
    assert "6 garments, searched exactly" in capsys.readouterr().out


def test_whole_pictures_are_one_garment_each(checkpoint: Path, shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    assert run(index, "build", checkpoint, shop, "-o", folder, "--whole") == ExitCode.DONE
    assert [line["box"] for line in lines(folder)] == [[0, 0, 80, 60]] * 5
    query = photo(tmp_path / "query.png", ("red", DRESS), ("blue", TEE))
    assert run(search, folder, query, "-o", tmp_path / "out", "--top", 1) == ExitCode.DONE
    (garment,) = json.loads((tmp_path / "out" / "query.json").read_text())["garments"]
    assert garment["hits"][0]["file"].endswith("both.png") and garment["box"] == [0, 0, 80, 60]


def test_pictures_that_cannot_be_used_are_named_and_counted(
    checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (shop / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (shop / ".hidden.png").write_bytes(b"")
    photo(shop / "white.png")
    folder = tmp_path / "index"
    assert run(index, "build", checkpoint, shop, "-o", folder) == ExitCode.PARTLY_DONE
    said = capsys.readouterr().err
    assert "broken.jpg: not a picture" in said and "white.png: no garment" in said
    assert "2 of 7 inputs skipped" in said and len(lines(folder)) == 6
    for path in [*shop.rglob("front.png"), shop / "both.png"]:
        path.unlink()
    assert run(index, "build", checkpoint, shop, "-o", tmp_path / "none") == ExitCode.NOTHING_DONE
    assert not (tmp_path / "none").exists()


def test_add_takes_new_pictures_alone_and_never_its_own(
    built: Path, shop: Path, capsys: pytest.CaptureFixture
) -> None:
    capsys.readouterr()
    assert run(index, "add", built, shop.parent) == ExitCode.DONE  # the index lies in it
    assert "5 of 5 pictures are there" in capsys.readouterr().out
    photo(shop / "new.png", ("green", DRESS))
    assert run(index, "add", built, shop) == ExitCode.DONE
    assert "5 of 6 pictures are there" in capsys.readouterr().out
    assert [line["id"] for line in lines(built)] == list(range(7))
    assert lines(built)[-1]["file"] == str(shop / "new.png")


def test_remove_takes_pictures_and_folders(
    built: Path, shop: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(index, "remove", built, shop / "both.png", shop / "id_red") == ExitCode.DONE
    assert "3 garments removed; 3 garments" in capsys.readouterr().out
    assert not any("both" in line["file"] or "red" in line["file"] for line in lines(built))
    assert run(index, "remove", built, shop / "other.png") == ExitCode.NOTHING_DONE
    assert "other.png" in capsys.readouterr().err


def test_interrupted_build_is_continued_by_add(
    checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for number in range(40):
        photo(shop / f"more_{number:02d}.png", ("green", TEE))

    class Interrupted(ColourRecogniser):
        seen = 0

        def __call__(self, image: Picture, box: Box | None = None) -> list[Garment]:
            self.seen += 1
            if self.seen > 36:
                raise KeyboardInterrupt
            return super().__call__(image, box)

    folder = tmp_path / "index"
    arguments = [str(a) for a in ("build", checkpoint, shop, "-o", folder)]
    assert index.main(arguments, lambda *_: Interrupted()) == ExitCode.INTERRUPTED
    done = len(lines(folder))
    assert 32 <= done < 46
    (notice,) = GarmentIndex(folder).notices
    command = re.search(r"index (add .*)`", notice)
    assert command is not None
    assert run(index, *command[1].split()) == ExitCode.DONE
    assert len(lines(folder)) == 46 and not GarmentIndex(folder).notices
    assert len({json.dumps([line["file"], line["box"]]) for line in lines(folder)}) == 46
    capsys.readouterr()
    assert run(index, "build", checkpoint, shop, "-o", folder) == ExitCode.NOTHING_DONE
    assert "`add` to it" in capsys.readouterr().err


def test_another_network_is_refused_in_one_line(
    built: Path, checkpoint: Path, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    other = tmp_path / "other.ckpt"
    write_checkpoint(
        other,
        task="fashion",
        hyper_parameters={"network": {"name": "lite"}},
        state_dict={"net.weight": torch.zeros(3)},
    )
    query, out = photo(tmp_path / "query.png", ("red", TEE)), tmp_path / "out"
    capsys.readouterr()
    asked = (built, query, "-o", out)
    assert run(search, *asked, "--checkpoint", other) == ExitCode.NOTHING_DONE
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "other.ckpt: network" in said and "make the index anew" in said
    assert run(index, "add", built, tmp_path, "--checkpoint", other) == ExitCode.NOTHING_DONE
    capsys.readouterr()
    changed = search.main([str(a) for a in asked], lambda *_: ColourRecogniser(bins=5))
    said = capsys.readouterr().err
    assert changed == ExitCode.NOTHING_DONE and said.count("\n") == 1 and '"bins": 5' in said
    moved = checkpoint.rename(tmp_path / "moved.ckpt")
    assert run(search, *asked) == ExitCode.NOTHING_DONE
    assert "net.ckpt: no such checkpoint; --checkpoint" in capsys.readouterr().err
    assert run(search, *asked, "--checkpoint", moved) == ExitCode.DONE


def test_search_writes_hits_and_a_contact_sheet(built: Path, tmp_path: Path) -> None:
    query, out = photo(tmp_path / "query.png", ("green", (20, 20, 60, 50))), tmp_path / "out"
    assert run(search, built, query, "-o", out, "--top", 3) == ExitCode.DONE
    answer = json.loads((out / "query.json").read_text())
    (garment,) = answer["garments"]
    assert garment["attributes"] == {"green": 1.0} and garment["box"] == [20, 20, 60, 50]
    assert len(garment["hits"]) == 3
    assert garment["hits"][0]["file"].endswith("id_green/front.png")
    assert garment["hits"][0]["similarity"] == pytest.approx(1)
    picture = np.asarray(Image.open(out / "query_similar.png"))
    assert picture.shape[1] > 4 * SIDE
    green = np.abs(picture.astype(int) - COLOURS["green"]).max(2) < 30
    assert green[:, :SIDE].any() and green[:, SIDE + 6 : 2 * SIDE].any()
    assert run(search, built, query, "-o", out) == ExitCode.NOTHING_DONE  # they are there already
    assert run(search, built, query, "-o", out, "--overwrite") == ExitCode.DONE


def test_street_searches_for_each_garment_and_filters_hold(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    query = photo(tmp_path / "query.png", ("red", DRESS), ("black", (5, 5, 45, 50)))
    out = tmp_path / "out"
    options = ("--street", "--style", "--category", "dress,tee", "--attributes", "red", "--top", 9)
    assert run(search, built, query, "-o", out, *options) == ExitCode.DONE
    answer = json.loads((out / "query.json").read_text())
    assert [g["attributes"] for g in answer["garments"]] == [{"black": 1.0}, {"red": 1.0}]
    assert answer["by"] == "style"
    for garment in answer["garments"]:
        assert [hit["attributes"] for hit in garment["hits"]] == [{"red": 1.0}] * 2
    plain = tmp_path / "plain"
    assert run(search, built, query, "-o", plain) == ExitCode.DONE
    assert len(json.loads((plain / "query.json").read_text())["garments"]) == 1
    capsys.readouterr()
    assert run(search, built, query, "-o", out, "--attributes", "reed") == ExitCode.NOTHING_DONE
    assert "'reed': no attribute of this index; there is red" in capsys.readouterr().err


def test_photos_that_cannot_be_used_are_left_out(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    photo(tmp_path / "street" / "good.png", ("red", TEE))
    photo(tmp_path / "street" / "white.png")
    (tmp_path / "street" / "broken.png").write_bytes(b"nothing")
    out = tmp_path / "out"
    assert run(search, built, tmp_path / "street", "-o", out) == ExitCode.PARTLY_DONE
    assert sorted(path.name for path in out.iterdir()) == ["good.json", "good_similar.png"]
    assert "2 of 3 inputs skipped" in capsys.readouterr().err
    for bad in (("--top", "0"), ("--top", "many")):
        with pytest.raises(SystemExit) as error:
            run(search, built, tmp_path / "street", "-o", out, *bad)
        assert error.value.code == ExitCode.NOTHING_DONE
    assert run(search, tmp_path, tmp_path / "street", "-o", out) == ExitCode.NOTHING_DONE


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
    assert not re.search(r'(src|href)="(?!data:)', page) and "<script" not in page


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


def blank() -> Picture:
    return np.full((60, 80, 3), 255, np.uint8)


def colour_garment(colour: str, box: Box) -> Garment:
    image = blank()
    image[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = COLOURS[colour]
    return ColourRecogniser()(image)[0]


def test_small_pictures_show_the_box_and_stay_inside() -> None:
    image = np.zeros((400, 300, 3), np.uint8)
    assert cut_out(image, (0, 0, 300, 400)).shape == (SIDE, 120, 3)
    assert cut_out(image, (290, 390, 900, 900)).shape[2] == 3
    assert cut_out(image, (-50, -50, -10, -10)).shape == (1, 1, 3)
    cell = (image[:100, :50], "a very long line that does not fit below a picture at all")
    assert sheet([[cell] * 9, [cell]], columns=4).shape[0] > 4 * SIDE  # two rows wrap into three


def test_help_needs_nothing_heavy() -> None:
    for module in ("index", "search", "spot"):
        script = (
            f"import sys\nimport fashion.{module}\n"
            "heavy = {'torch', 'numpy', 'faiss', 'av', 'cv2'} & set(sys.modules)\n"
            "sys.exit(str(heavy) if heavy else 0)"
        )
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
