"""Synthetic people in the layouts of five benchmarks: what is listed, and read back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion.data.deepfashion.deepfashion2 import KINDS
from fashion.data.garments import Garments
from fashion.data.people.garments import (
    CATEGORY_OF,
    PEOPLE_ATTRIBUTES,
    PEOPLE_TYPES,
    Seen,
    noisy,
    seen_garment,
    variation_of,
)
from fashion.data.people.recipe import Recipe
from fashion.data.people.scenes import kind_of
from fashion.data.registry import PEOPLE, load_garments
from fashion.data.taxonomy import (
    CONSUMER,
    GALLERY,
    OCCLUDED,
    QUERY,
    SHOP,
    SLOTS_OF_TYPE,
    TRUNCATED,
    UNKNOWN,
    VISIBLE,
)
from synthetic_people.sample import Garment
from synthetic_people.wardrobe import CATEGORIES
from vision_shared.inputs import InputError
from vision_shared.rendering import render_people


def load(rendered: Path, name: str, cache: Path) -> Garments:
    root = rendered if name == "people" else rendered / name
    return load_garments(name, root, cache)


def seen(**changes: Any) -> Seen:
    states = np.array([0, 0, 0, 0, 3, 3, 0, 0])
    tee = Seen(17, 0, np.array([0, 0, 9, 9]), np.zeros((8, 2), int), states, frozenset())
    return replace(tee, **changes)


def test_all_benchmarks_are_read_by_their_readers(rendered: Path, tmp_path: Path) -> None:
    tables = {name: load(rendered, name, tmp_path) for name in (*PEOPLE, "deepfashion2")}
    for garments in tables.values():
        garments.check()
        assert np.isfinite(garments.columns.boxes).all()
    names = {name: set(garments.names.tolist()) for name, garments in tables.items()}
    assert names["cap"] == names["fld"] == names["inshop"] | names["consumer2shop"]
    assert not names["inshop"] & names["consumer2shop"]


def test_an_image_is_listed_with_all_of_its_garments(rendered: Path, tmp_path: Path) -> None:
    everything, items = load(rendered, "people", tmp_path), load(rendered, "cap", tmp_path)
    others = everything.columns.take(everything.columns.items == UNKNOWN)
    assert len(others) == len(everything) - len(items) > len(items)
    assert (others.categories >= 0).all() and set(others.types.tolist()) == {0, 1, 2}
    portraits = [name for name in everything.names.tolist() if b"/portraits/" in name]
    assert portraits and (everything.labels[:] != 0).all()
    everything.check()


def test_no_item_is_in_two_splits(rendered: Path, tmp_path: Path) -> None:
    columns = load(rendered, "people", tmp_path).columns
    splits = [
        set(columns.items[columns.splits == split].tolist()) - {UNKNOWN} for split in range(3)
    ]
    assert [len(items) for items in splits] == [4, 2, 2]
    assert not splits[0] & splits[1] and not (splits[0] | splits[1]) & splits[2]
    assert {SHOP, CONSUMER} == set(columns.domains.tolist())


def test_every_query_has_an_answer_and_another_series(rendered: Path, tmp_path: Path) -> None:
    for name in ("inshop", "consumer2shop"):
        columns = load(rendered, name, tmp_path).columns
        queries = columns.items[columns.roles == QUERY]
        assert len(queries) and np.isin(queries, columns.items[columns.roles == GALLERY]).all()
    series = load(rendered, "inshop", tmp_path).columns.series
    assert set(series.tolist()) == {2, 3}


def test_lists_look_as_the_official_ones(rendered: Path) -> None:
    anno = rendered / "cap" / "Anno"
    assert (anno / "list_category_cloth.txt").read_text().startswith("50\ncategory_name")
    box = (anno / "list_bbox.txt").read_text().splitlines()[2]
    assert box.index(" 0") >= 70 and all(len(field) == 3 for field in box.split()[1:])
    names = (rendered / "consumer2shop" / "Anno" / "list_attr_cloth.txt").read_bytes()
    assert names.startswith(b"\xef\xbb\xbf") and names.count(b"\r\n") == names.count(b"\n")
    assert list(rendered.glob("img/*/*/id_00000001/comsumer_01.jpg"))
    scene = json.loads(next(rendered.glob("deepfashion2/train/annos/*.json")).read_text())
    assert scene["item1"]["style"] == 1 and scene["item1"]["segmentation"]


def test_landmarks_are_of_the_type_and_in_the_image(rendered: Path, tmp_path: Path) -> None:
    columns = load(rendered, "people", tmp_path).columns
    for kind, slots in enumerate(SLOTS_OF_TYPE):
        others = [slot for slot in range(8) if slot not in slots]
        own = columns.take(columns.types == kind)
        assert (own.states[:, others] > TRUNCATED).all() and (
            own.states[:, slots] <= TRUNCATED
        ).all()
    has_place = columns.states <= OCCLUDED
    assert (columns.landmarks[~has_place] == 0).all()
    assert columns.landmarks.min() >= 0 and columns.landmarks.max() < 48


def test_labels_of_evaluation_are_clean_and_those_of_training_are_not(
    rendered: Path, tmp_path: Path
) -> None:
    garments = load(rendered, "people", tmp_path)
    labels, columns = garments.labels[:], garments.columns

    def differing(split: int) -> float:
        rows = [
            np.flatnonzero((columns.items == item) & (columns.splits == split))
            for item in np.unique(columns.items[columns.splits == split])
            if item != UNKNOWN
        ]
        return float(np.mean([(labels[own[0]] != labels[own[1]]).any() for own in rows]))

    assert differing(1) == differing(2) == 0 and differing(0) > 0.5


def test_noise_drops_half_of_the_positives_and_swaps_few() -> None:
    rng = np.random.default_rng(0)
    clean = np.where(rng.random((400, len(PEOPLE_ATTRIBUTES))) < 0.15, 1, -1).astype(np.int8)
    noise = np.array([noisy(rng, labels, 0.5, 0.05) for labels in clean])
    kept = ((clean > 0) & (noise > 0)).sum() / (clean > 0).sum()
    added = ((clean < 0) & (noise > 0)).sum() / (clean > 0).sum()
    assert 0.42 < kept < 0.48 and 0.035 < added < 0.065


def test_wardrobe_has_categories_and_attributes_of_all_types() -> None:
    assert CATEGORY_OF.keys() == CATEGORIES.keys() and len(set(CATEGORY_OF.values())) >= 14
    assert len(PEOPLE_ATTRIBUTES) >= 40 and set(PEOPLE_TYPES) == {0, 1, 2, 3, 4}


def test_what_is_hardly_seen_is_left_out() -> None:
    garment = Garment(
        7, "tee", "upper", ("solid",), (2.0, 3.0, 20.0, 5.0), np.full((8, 2), np.nan),
        np.zeros(8, np.uint8),
    )  # fmt: skip
    assert seen_garment(garment, area=100, side=100) is None  # 5 px high
    found = seen_garment(replace(garment, box=(2.0, 3.0, 20.0, 10.0)), area=100, side=100)
    assert found is not None and found.box.tolist() == [2, 3, 22, 13]
    assert found.states.tolist() == [2, 2, 2, 2, 3, 3, 2, 2]  # nothing is known of its landmarks


def test_variation_is_that_of_zoom_else_of_the_pose() -> None:
    tee = seen()
    assert variation_of(tee, "standing", "front") == 1 and variation_of(tee, "phone", "") == 2
    assert variation_of(tee, "jumping", "") == variation_of(tee, "standing", "back") == 3
    for lost, variation in ((1, 4), (3, 5)):
        states = tee.states.copy()
        states[:lost] = TRUNCATED
        assert variation_of(seen(states=states), "standing", "front") == variation
    assert (tee.states[[0, 1]] == VISIBLE).all()


@pytest.mark.parametrize(
    ("category", "kind", "words", "name"),
    [
        (17, 0, {"short sleeve"}, "short sleeve top"), (17, 0, {"sleeveless"}, "vest"),
        (38, 2, {"long sleeve"}, "long sleeve outwear"), (40, 2, {"sleeveless"}, "vest dress"),
        (25, 1, set(), "trousers"), (31, 1, set(), "shorts"),
    ],
)  # fmt: skip
def test_categories_of_deepfashion2_are_the_nearest(
    category: int, kind: int, words: set[str], name: str
) -> None:
    found = kind_of(seen(category=category, type=kind, has=frozenset(words)))
    assert KINDS[found].name == name


def test_folder_is_kept_until_the_recipe_changes(
    rendered: Path, render: dict[str, Any], tmp_path: Path
) -> None:
    sets = rendered.parents[1] / "people"
    folder, recipe = tmp_path / "people", Recipe(**render)
    render_people(folder, recipe, sets)
    image = next(folder.glob("img/*/*/*/shop_01.jpg"))
    image.write_bytes(b"kept")
    render_people(folder, recipe, sets)
    assert image.read_bytes() == b"kept"
    render_people(folder, replace(recipe, missing=0.0), sets)  # the samples are rendered already
    assert json.loads((folder / "recipe.json").read_text())["missing"] == 0
    assert image.read_bytes() != b"kept"
    (folder / "recipe.json").unlink()
    with pytest.raises(InputError, match="holds no rendered people"):
        render_people(folder, recipe, sets)


@pytest.mark.parametrize(
    "changes",
    [
        *({"side": 16}, {"items": [1, 1]}, {"items": [0, 1, 1]}, {"portraits": [1]}),
        *({"backgrounds": 0}, {"missing": 0.97}, {"seed": -1}),
    ],
)
def test_impossible_recipes_are_refused(render: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        Recipe(**render | changes)
