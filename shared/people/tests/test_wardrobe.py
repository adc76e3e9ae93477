"""The wardrobe's tables, designs and outfits."""

import dataclasses
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from synthetic_people.design import FAMILY, design, item_number
from synthetic_people.design_attributes import ATTRIBUTES, TYPES, attributes
from synthetic_people.outfit import OUTFIT_STYLES, outfit
from synthetic_people.wardrobe import CATEGORIES, NAMES

DESIGNS = [design(item_number(name, index)) for name in NAMES for index in range(0, 120, FAMILY)]


def test_categories_and_attributes_are_many():
    assert len(CATEGORIES) >= 14
    assert {category.kind for category in CATEGORIES.values()} == {"upper", "lower", "full"}
    assert len(ATTRIBUTES) >= 40
    assert {kind for kind, _ in ATTRIBUTES.values()} == set(range(1, len(TYPES) + 1))


def test_every_attribute_tells_designs_apart():
    counts = Counter(word for d in DESIGNS for word in attributes(d))
    counts.update(
        word for i in range(len(NAMES) * FAMILY) for word in attributes(design(i))
    )  # variants: a contrasting neckband is one
    assert set(counts) == set(ATTRIBUTES)
    assert max(counts.values()) < len(DESIGNS)


@pytest.mark.parametrize("name", NAMES)
def test_designs_keep_to_their_category(name):
    category = CATEGORIES[name]
    for index in range(0, 80, FAMILY):
        d = design(item_number(name, index))
        assert (d.category, d.kind) == (name, category.kind)
        assert category.hem[0] <= d.hem <= category.hem[1]
        assert (d.sleeve is None) == (category.kind == "lower")


def test_attributes_follow_the_numbers():
    d = design(item_number("tee", 0))
    long = dataclasses.replace(d, sleeve=0.95, neck="v", loose=0.9, parts=("graphic",))
    assert {"long sleeve", "v-neck", "loose", "graphic"} <= set(attributes(long))
    bare = dataclasses.replace(d, sleeve=-0.1, loose=0.0, neck="crew", parts=())
    words = set(attributes(bare))
    assert {"sleeveless", "fitted", "crew neck"} <= words
    assert not words & {"long sleeve", "short sleeve", "v-neck", "loose", "graphic"}


def test_an_item_is_the_same_in_another_process():
    code = "from synthetic_people.design import design; print(design(1234), design(77))"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert other.strip() == f"{design(1234)} {design(77)}"


def test_item_numbers_are_unique():
    numbers = {item_number(name, index) for name in NAMES for index in range(50)}
    assert len(numbers) == 50 * len(NAMES)
    assert all(design(n).item == n for n in sorted(numbers)[:40])


def test_a_family_differs_in_one_local_detail():
    for name in NAMES:
        first = design(item_number(name, 8))
        for index in range(9, 8 + FAMILY):
            other = design(item_number(name, index))
            changed = {
                f.name
                for f in dataclasses.fields(first)
                if getattr(first, f.name) != getattr(other, f.name)
            }
            assert len(changed - {"item"}) == 1
            assert changed <= {"item", "parts", "collar", "print_at"}


def test_outfits_are_plausible():
    rng = np.random.default_rng(0)
    drawn = [
        outfit(rng, sex, 30, season)
        for sex in ("female", "male")
        for season in ("warm", "cold")
        for _ in range(150)
    ]
    for clothes in drawn:
        kinds = [d.kind for d in clothes.designs]
        assert "lower" in kinds or any(d.category in ("dress", "jumpsuit") for d in clothes.designs)
        inner = [d for d in clothes.designs if d.kind != "lower"][-1]
        assert not inner.open  # what is worn open has something below it
    of_men = {d.category for clothes in drawn[300:] for d in clothes.designs}
    assert not of_men & {"skirt", "dress", "blouse"}
    styles = Counter(clothes.style for clothes in drawn)
    for style, chance in OUTFIT_STYLES.items():
        assert abs(styles[style] / len(drawn) - chance) < 0.08
    match = [d.style == c.style for c in drawn for d in c.designs]
    assert np.mean(match) > 0.9


def test_outfits_are_warmer_in_the_cold():
    rng = np.random.default_rng(1)
    layers = {
        season: np.mean([len(outfit(rng, "male", 30, season).designs) for _ in range(150)])
        for season in ("warm", "cold")
    }
    assert layers["cold"] > layers["warm"] + 0.3


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="'robot'"):
        outfit(np.random.default_rng(0), "robot")
