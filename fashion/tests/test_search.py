"""What a user does with an index and images: find garments that are like theirs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colour_shop import COLOURS, DRESS, TEE, photo, run
from fashion import search
from fashion.retrieval.thumbnails import SIDE, crop_box, sheet
from vision_shared.inputs import ExitCode


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


def test_small_pictures_show_the_box_and_stay_inside() -> None:
    image = np.zeros((400, 300, 3), np.uint8)
    assert crop_box(image, (0, 0, 300, 400)).shape == (SIDE, 120, 3)
    assert crop_box(image, (290, 390, 900, 900)).shape[2] == 3
    assert crop_box(image, (-50, -50, -10, -10)).shape == (SIDE, SIDE, 3)
    cell = (image[:100, :50], "a very long line that does not fit below an image at all")
    assert sheet([[cell] * 9, [cell]], columns=4).shape[0] > 4 * SIDE  # two rows wrap into three


def test_small_garment_is_enlarged_to_be_seen() -> None:
    image = np.zeros((400, 300, 3), np.uint8)
    assert crop_box(image, (100, 100, 120, 140)).shape[0] == SIDE
