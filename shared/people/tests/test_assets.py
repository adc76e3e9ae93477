import numpy as np
import pytest

from synthetic_people import assets

LICENCES = {"CC0-1.0", "CC-BY-3.0", "CC-BY-4.0"}
NOT_WORKS = {"provenance.json", "PROVENANCE.md"}


def packed_files() -> dict[str, int]:
    files = (path for path in assets.PACK.rglob("*") if path.is_file())
    return {str(path.relative_to(assets.PACK)): path.stat().st_size for path in files}


def test_every_work_is_cc0_or_cc_by_with_an_author_and_a_source():
    for work in assets.provenance():
        assert work["licence"] in LICENCES, work
        assert work["author"] and work["source"], work


def test_every_file_belongs_to_one_work_and_every_work_has_its_files():
    listed: list[str] = []
    for work in assets.provenance():
        assert isinstance(work["files"], list)
        listed += work["files"]
    # Backgrounds have a list of their own.
    packed = {name for name in packed_files() if not name.startswith("backgrounds/")} - NOT_WORKS
    assert sorted(listed) == sorted(packed)


def test_the_page_for_people_names_every_work_and_attributes_all_under_cc_by():
    page = (assets.PACK / "PROVENANCE.md").read_text()
    table, attribution = page.split("## Attribution")
    for work in assets.provenance():
        assert f"| {work['name']} | {work['author']} | {work['licence']} |" in table
        assert (str(work["name"]) in attribution) == str(work["licence"]).startswith("CC-BY")


def test_the_pack_stays_small():
    sizes = packed_files().values()
    assert sum(sizes) <= 12e6 and max(sizes) <= 4e6


def test_every_image_decodes_to_8_bit_colour():
    for kind in assets.kinds():
        for name in assets.image_names(kind):
            pixels = assets.image(name)
            assert pixels.dtype == np.uint8 and pixels.shape[2] in (3, 4)
            assert max(pixels.shape[:2]) <= 1024


def test_skins_cover_ages_ancestries_and_sexes_alike():
    skins = [name.removeprefix("skin/").rstrip("2").split("_") for name in assets.names("skin")]
    for column, count in ((0, 3), (1, 3), (2, 2)):
        assert len({skin[column] for skin in skins}) == count
    assert len({tuple(skin) for skin in skins}) == 18


@pytest.mark.parametrize("name", ["hair/mohawk", "hairs/afro01", "../body", "hair/../../body"])
def test_an_unknown_name_raises_and_names_those_known(name):
    with pytest.raises(ValueError, match="expected"):
        assets.image(name)
