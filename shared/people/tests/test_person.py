"""Random people: the tables hold, attributes follow from them, extremes can be rendered."""

from dataclasses import replace

import numpy as np
import pytest

from mannequins import make_mannequin
from synthetic_people import person as who
from synthetic_people.assemble import assemble
from synthetic_people.attributes import LASTING, PASSING, celeba_attributes
from synthetic_people.face import skin_name, tone_colour
from synthetic_people.outfit import outfit
from synthetic_people.person import draw_moment, draw_person
from synthetic_people.pose import MODES, draw_pose, rotations

PEOPLE = [draw_person(i) for i in range(1500)]


def share(condition: list[bool]) -> float:
    return float(np.mean(condition))


def test_people_are_drawn_by_the_tables() -> None:
    for name, expected in who.ANCESTRIES.items():
        assert share([p.ancestry == name for p in PEOPLE]) == pytest.approx(expected, abs=0.05)
    men = [p for p in PEOPLE if p.sex == "male"]
    assert len(men) / len(PEOPLE) == pytest.approx(0.5, abs=0.05)
    for beard, expected in who.BEARDS.items():
        assert share([p.beard == beard for p in men]) == pytest.approx(expected, abs=0.06)
    assert not any(p.beard for p in PEOPLE if p.sex == "female")
    for habit, (women, of_men, _) in who.HABITS.items():
        assert share([habit in p.habits for p in men]) == pytest.approx(of_men, abs=0.06)
        others = [habit in p.habits for p in PEOPLE if p.sex == "female"]
        assert share(others) == pytest.approx(women, abs=0.06)


def test_hair_turns_gray_with_age() -> None:
    gray = lambda low, high: share(  # noqa: E731
        [p.hair_colour == "gray" for p in PEOPLE if low <= p.age < high]
    )
    assert gray(18, 40) < 0.1 < gray(60, 90)


def test_skin_tones_of_the_sexes_are_alike() -> None:
    tones = {sex: [p.tone for p in PEOPLE if p.sex == sex] for sex in ("female", "male")}
    assert np.mean(tones["female"]) == pytest.approx(np.mean(tones["male"]), abs=0.03)
    assert min(min(t) for t in tones.values()) < 0.15
    assert max(max(t) for t in tones.values()) > 0.9


def test_lighter_tones_are_lighter() -> None:
    colours = [tone_colour(tone).sum() for tone in np.linspace(0, 1, 9)]
    assert colours == sorted(colours)


def test_skin_of_the_pack_fits_the_person() -> None:
    for person in PEOPLE[:60]:
        assert f"{person.ancestry}_{person.sex}" in skin_name(person)


def test_attributes_follow_from_what_was_drawn() -> None:
    for person in PEOPLE[:200]:
        moment = draw_moment(person, np.random.default_rng(person.identity))
        has = celeba_attributes(person, moment)
        assert set(has) == {*LASTING, *PASSING}
        assert has["Male"] == (person.sex == "male")
        assert has["No_Beard"] == (person.beard == "")
        assert has["Eyeglasses"] == bool({"glasses", "sunglasses"} & moment.worn)
        assert has["Smiling"] == (moment.expression in ("smile", "grin"))
        colours = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
        assert sum(has[name] for name in colours) <= (not has["Bald"])


def test_the_same_number_is_the_same_person() -> None:
    assert draw_person(77) == draw_person(77)
    assert draw_person(77) != draw_person(78)


@pytest.mark.parametrize("mode", list(MODES))
def test_every_mode_has_rotations(mode: str) -> None:
    for seed in range(5):
        turns = rotations(draw_pose(np.random.default_rng(seed), mode))
        for turn in turns.values():
            assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)
            assert np.linalg.det(turn) == pytest.approx(1)


def test_a_raised_arm_is_above_the_head() -> None:
    waving = [make_mannequin(identity, "waving") for identity in range(3)]
    for mannequin in waving:
        skin = mannequin.mesh("skin").vertices
        assert skin[:, 1].max() > skin[mannequin.head, 1].max() + 0.05


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_extreme_people_have_no_nan_and_stand_on_the_ground(extreme: float) -> None:
    person = replace(
        draw_person(5),
        age=18 + 67 * extreme,
        weight=extreme,
        muscle=extreme,
        height=extreme,
        tone=extreme,
        traits={word: 2 * extreme - 1 for word in who.TRAITS},
        shape_weight=1.0,
        hair_length=0.5 + extreme,
    )
    rng = np.random.default_rng(0)
    clothes = outfit(rng, person.sex, person.age)
    mannequin = assemble(person, draw_moment(person, rng), draw_pose(rng, "standing"), clothes)
    lowest = []
    for mesh in mannequin.meshes:
        assert np.isfinite(mesh.vertices).all()
        lowest.append(mesh.vertices[np.unique(mesh.faces), 1].min())
    assert min(lowest) == pytest.approx(0, abs=0.04)  # a hidden foot may reach through its sole
    assert 1.1 < mannequin.mesh("skin").vertices[mannequin.head, 1].max() < 2.45
