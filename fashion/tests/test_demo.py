"""The page, without gradio: garments, what is like them, and what goes with them."""

from pathlib import Path

from colour_shop import DRESS, TEE, ColourRecogniser, photo
from fashion.demo import BESIDE, COLUMNS, LOOKS, STYLE, TIMES, describe, look_up, spot_garments
from fashion.retrieval.companions import goes_with
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.spotting import Spotter
from test_spot import clip
from vision_shared.images import read_image


def test_what_is_worn_is_a_row_each(tmp_path: Path) -> None:
    image = read_image(photo(tmp_path / "both.png", ("red", DRESS), ("blue", TEE)))
    garments, rows = describe(ColourRecogniser(), image)
    assert {garment.category for garment in garments} == {"Dress", "Tee"}
    assert [len(row) for row in rows] == [len(COLUMNS)] * 2
    assert {row[4] for row in rows} == {"red", "blue"}


def test_what_goes_with_a_garment_is_what_its_like_is_worn_with(
    built: Path, tmp_path: Path
) -> None:
    index = GarmentIndex(built)
    blue, green = (
        ColourRecogniser()(read_image(photo(tmp_path / f"{colour}.png", (colour, TEE))))[0]
        for colour in ("blue", "green")
    )
    (hit, *others) = goes_with(index, blue, 5)
    (found,) = index.describe([hit])
    assert found["category"] == "Dress"
    assert found["attributes"] == {"red": 1.0}
    assert not others
    assert goes_with(index, green, 5, similar=1) == []  # its like is alone in its photograph
    for how in (LOOKS, STYLE, BESIDE):
        assert all(Path(file).is_file() for file, _ in look_up(index, blue, how))


def test_garments_of_a_video_are_rows(built: Path, tmp_path: Path) -> None:
    spotter = Spotter(GarmentIndex(built), ColourRecogniser(), 1, 5.0)
    rows = spot_garments(spotter, clip(tmp_path / "clip.mp4", 60))
    assert [len(row) for row in rows] == [len(TIMES)] * 2
    assert [row[2] for row in rows] == ["Tee", "Tee"]
    assert rows[0][0] < rows[1][0]
