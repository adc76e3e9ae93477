"""Items as shops show them and as people wear them."""

import numpy as np
import pytest

from synthetic_people.backgrounds import Backgrounds
from synthetic_people.catalogue import SHOTS, item_of, photograph_item
from synthetic_people.dataset import Recipe, sample
from synthetic_people.design import FAMILY, design, recoloured
from synthetic_people.outfit import outfit_around
from synthetic_people.wardrobe import CATEGORIES, NAMES


def test_items_come_in_pairs_of_a_family() -> None:
    items = [item_of(index) for index in range(12)]
    assert len(set(items)) == 12
    for first, second in zip(items[::2], items[1::2], strict=True):
        assert first // FAMILY == second // FAMILY
        assert design(first).colours == design(second).colours and design(first) != design(second)


@pytest.mark.parametrize("name", NAMES)
def test_garment_is_worn_with_others_and_over_them(name: str) -> None:
    worn = design(NAMES.index(name) * FAMILY)
    for seed in range(3):
        clothes = outfit_around(np.random.default_rng(seed), worn, "female")
        assert clothes.designs.count(worn) == 1
        over = clothes.designs[: clothes.designs.index(worn)]
        assert all(d.kind == "upper" and CATEGORIES[d.category].layer < 2 for d in over)
        assert worn.kind == "lower" or not over  # a garment of the legs has a shirt beside it
        kinds = {d.kind for d in clothes.designs}
        assert kinds >= {"full"} or kinds >= {"upper", "lower"}


def test_other_series_changes_the_colours_alone() -> None:
    one = design(item_of(5))
    other = recoloured(one, 1)
    assert other.colours != one.colours and recoloured(one, 1) == other
    assert (other.item, other.pattern, other.parts, other.seed) == (
        one.item, one.pattern, one.parts, one.seed,
    )  # fmt: skip


def test_shots_of_an_item_show_it_on_whoever_wears_it(backgrounds: Backgrounds) -> None:
    recipe = Recipe("items", len(SHOTS), size=32, per_identity=1)
    shots = [sample(recipe, index, backgrounds) for index in (0, 2, 5)]
    metadata = [shot.people[0].metadata for shot in shots]
    assert [facts["item"] for facts in metadata] == [item_of(0)] * 3
    assert [facts["setting"] for facts in metadata] == ["shop", "shop", "street"]
    assert [facts["series"] for facts in metadata] == [0, 1, 0]
    for shot in shots:
        assert any(garment.item == item_of(0) for garment in shot.people[0].garments)
    again = photograph_item(0, 0, 32, backgrounds, 0)
    assert np.array_equal(shots[0].image, again.image)
