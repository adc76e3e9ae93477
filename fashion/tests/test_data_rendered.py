"""Rendered garments: what is in the pictures and how it is listed."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion.data.benchmarks import RENDERED, load_garments
from fashion.data.designs import (
    LOCAL_ATTRIBUTES,
    RENDERED_ATTRIBUTES,
    RENDERED_TYPES,
    Design,
    draw_families,
    labels_of,
    names_of,
    noisy,
)
from fashion.data.garments import Garments
from fashion.data.layout import CONSUMER, GALLERY, OCCLUDED, QUERY, SHOP, SLOTS_OF_TYPE, UNKNOWN
from fashion.data.rendered import Recipe, render_once
from fashion.data.scenes import SHOP_VIEWS, consumer_picture, shop_picture
from vision_shared.inputs import InputError

SIZE = (96, 72)


def families(number: int) -> list[Design]:
    return draw_families(np.random.default_rng(0), number, 0.6)


def load(rendered: Path, name: str, cache: Path) -> Garments:
    root = rendered if name == "garments" else rendered / name
    return load_garments(name, root, cache)


def test_all_benchmarks_are_read_by_their_readers(rendered: Path, tmp_path: Path) -> None:
    for name in RENDERED:
        garments = load(rendered, name, tmp_path)
        garments.check()
        assert np.isfinite(garments.columns.boxes).all()
    pictures = {name: set(load(rendered, name, tmp_path).names.tolist()) for name in RENDERED}
    assert pictures["cap"] == pictures["fld"] == pictures["inshop"] | pictures["consumer2shop"]
    assert not pictures["inshop"] & pictures["consumer2shop"]


def test_what_the_benchmarks_know_is_joined(rendered: Path, tmp_path: Path) -> None:
    every = load(rendered, "garments", tmp_path)
    columns = every.columns
    assert (columns.items > 0).all() and (columns.categories >= 0).all()
    assert (columns.variations > 0).all() and set(columns.domains.tolist()) == {SHOP, CONSUMER}
    for part in range(3):
        assert (columns.items[columns.parts == part] != UNKNOWN).all()
    parts = [set(columns.items[columns.parts == part].tolist()) for part in range(3)]
    assert [len(items) for items in parts] == [12, 6, 6]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_every_query_has_an_answer(rendered: Path, tmp_path: Path) -> None:
    for name in ("inshop", "consumer2shop"):
        columns = load(rendered, name, tmp_path).columns
        queries = columns.items[columns.roles == QUERY]
        assert len(queries) and np.isin(queries, columns.items[columns.roles == GALLERY]).all()


def test_lists_look_as_the_official_ones(rendered: Path) -> None:
    anno = rendered / "cap" / "Anno"
    assert (anno / "list_category_cloth.txt").read_text().startswith("50\ncategory_name")
    box = (anno / "list_bbox.txt").read_text().splitlines()[2]
    assert box.index(" 0") >= 70 and all(len(field) == 3 for field in box.split()[1:])
    assert (anno / "list_attr_img.txt").read_text().splitlines()[2].endswith(" ")
    names = (rendered / "consumer2shop" / "Anno" / "list_attr_cloth.txt").read_bytes()
    assert names.startswith(b"\xef\xbb\xbf") and names.count(b"\r\n") == names.count(b"\n")
    assert list(rendered.glob("img/*/*/id_00000001/comsumer_01.jpg"))


def test_labels_of_evaluation_are_clean_and_those_of_training_are_not(
    rendered: Path, tmp_path: Path
) -> None:
    garments = load(rendered, "cap", tmp_path)
    labels, parts = garments.labels[:], garments.columns.parts
    items = load(rendered, "garments", tmp_path).columns.items
    series = load(rendered, "garments", tmp_path).columns.series

    def differing(part: int) -> float:
        rows = [
            np.flatnonzero((items == item) & (parts == part) & (series == 2))
            for item in np.unique(items[parts == part])
        ]
        return float(np.mean([(labels[own[0]] != labels[own[1]]).any() for own in rows]))

    assert differing(1) == differing(2) == 0 and differing(0) > 0.9


def test_noise_drops_half_of_the_positives_and_swaps_few() -> None:
    rng = np.random.default_rng(0)
    clean = np.array([labels_of(design) for design in families(400)])
    noise = np.array([noisy(rng, labels, 0.5, 0.05) for labels in clean])
    kept = ((clean > 0) & (noise > 0)).sum() / (clean > 0).sum()
    added = ((clean < 0) & (noise > 0)).sum() / (clean > 0).sum()
    assert 0.42 < kept < 0.48 and 0.035 < added < 0.065


def test_attributes_are_many_and_have_a_long_tail() -> None:
    assert 60 <= len(RENDERED_ATTRIBUTES) <= 100 and len(set(RENDERED_ATTRIBUTES)) == 74
    assert set(RENDERED_TYPES) == {0, 1, 2, 3, 4}
    counts = sum((labels_of(design) > 0).astype(int) for design in families(2000))
    assert (np.asarray(counts) > 0).all()
    assert np.sort(counts)[:20].max() * 5 < np.sort(counts)[-10:].min()


def test_hard_negatives_differ_in_one_local_attribute_alone() -> None:
    designs = families(60)
    pairs = [(a, b) for a, b in itertools.pairwise(designs) if replace(a, glyphs=b.glyphs) == b]
    assert len(pairs) > 20
    for a, b in pairs:
        assert sum(x != y for x, y in zip(a.glyphs, b.glyphs, strict=True)) == 1
        assert names_of(a) ^ names_of(b) <= set(LOCAL_ATTRIBUTES)


def test_glyphs_are_drawn_where_the_landmarks_are() -> None:
    design = next(design for design in families(50) if all(design.glyphs) and design.sleeve == 2)
    plain = replace(design, glyphs=(0, 0, 0))
    for seed in range(4):
        with_glyphs, without = (
            shop_picture(np.random.default_rng(seed), one, "1_front", SIZE)
            for one in (design, plain)
        )
        differs = (with_glyphs.image.astype(int) - without.image).max(axis=2) != 0
        assert np.array_equal(with_glyphs.landmarks, without.landmarks)
        near = np.zeros(SIZE, bool)
        assert with_glyphs.states.tolist() == [0, 0, 0, 0, 3, 3, 0, 0]
        for x, y in with_glyphs.landmarks[[0, 1, 2, 3, 6, 7]]:
            assert differs[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].any()
            near[max(y - 7, 0) : y + 8, max(x - 7, 0) : x + 8] = True
        assert not (differs & ~near).any()


def test_places_are_within_the_picture() -> None:
    rng = np.random.default_rng(1)
    states = []
    for design in families(40):
        for picture in (
            shop_picture(rng, design, "7_additional", SIZE),
            consumer_picture(rng, design, SIZE),
        ):
            x1, y1, x2, y2 = picture.box
            assert 0 <= x1 < x2 <= SIZE[1] and 0 <= y1 < y2 <= SIZE[0]
            has = picture.states <= OCCLUDED
            inside = picture.landmarks[has]
            assert (inside >= 0).all() and (inside < (SIZE[1], SIZE[0])).all()
            assert (picture.landmarks[~has] == 0).all()
            assert not has[[s for s in range(8) if s not in SLOTS_OF_TYPE[design.type]]].any()
            states += picture.states.tolist()
    assert set(states) == {0, 1, 2, 3}


def test_variation_says_how_large_a_garment_is() -> None:
    rng = np.random.default_rng(2)
    heights: dict[int, list[int]] = {}
    for design in families(100):
        picture = consumer_picture(rng, design, SIZE)
        heights.setdefault(picture.variation, []).append(picture.box[3] - picture.box[1])
    means = {variation: np.mean(found) for variation, found in heights.items()}
    assert set(means) == {1, 2, 3, 4, 5}
    assert means[1] < means[4] and means[2] < means[5]


def test_pictures_follow_from_the_seed() -> None:
    design = families(1)[0]
    first, again, other = (
        consumer_picture(np.random.default_rng(seed), design, SIZE).image for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_folder_is_kept_until_the_recipe_changes(tmp_path: Path, render: dict[str, Any]) -> None:
    small = Recipe(**render | {"items": [1, 1, 1], "size": [32, 32], "consumer": 1})
    folder = tmp_path / "garments"
    render_once(folder, small)
    picture = next(folder.glob("img/*/*/*/shop_01.jpg"))
    picture.write_bytes(b"kept")
    render_once(folder, small)
    assert picture.read_bytes() == b"kept"
    render_once(folder, replace(small, seed=1))
    assert json.loads((folder / "recipe.json").read_text())["seed"] == 1
    assert not picture.exists() or picture.read_bytes() != b"kept"
    (folder / "recipe.json").unlink()
    with pytest.raises(InputError, match="holds no rendered garments"):
        render_once(folder, small)


@pytest.mark.parametrize(
    "changes",
    [
        *({"size": [16, 64]}, {"items": [1, 1]}, {"items": [0, 1, 1]}, {"inshop": 1}),
        *({"inshop": len(SHOP_VIEWS) + 1}, {"consumer": 0}, {"missing": 0.97}, {"seed": -1}),
    ],
)
def test_impossible_recipes_are_refused(render: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        Recipe(**render | changes)
