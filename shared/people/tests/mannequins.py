"""Plain views of a person, for tests."""

from dataclasses import replace
from typing import Any

import numpy as np

from synthetic_people.assemble import assemble
from synthetic_people.backdrop import Backdrop
from synthetic_people.camera import Camera
from synthetic_people.light import Light
from synthetic_people.mannequin import Mannequin
from synthetic_people.outfit import outfit
from synthetic_people.person import draw_moment, draw_person
from synthetic_people.pose import draw_pose
from synthetic_people.render import View


def make_mannequin(identity: int, mode: str) -> Mannequin:
    rng = np.random.default_rng(identity)
    person = draw_person(identity)
    ahead = replace(draw_moment(person, rng), yaw=0.0, pitch=0.0, roll=0.0, worn=frozenset())
    return assemble(person, ahead, draw_pose(rng, mode), outfit(rng, person.sex, person.age))


def plain_light() -> Light:
    return Light(
        key=np.array([0.3, 0.6, 1.0]),
        key_colour=np.ones(3),
        softness=0.02,
        above=np.full(3, 0.6),
        below=np.full(3, 0.3),
        side=np.zeros(3),
        fill=np.array([0.0, 0.0, 1.0]),
        fill_colour=np.zeros(3),
    )


def view_of(people: list[Mannequin], size: int = 96, **changes: Any) -> View:
    """People from the front, whole, before a smooth photograph."""
    ramp = np.linspace(40, 200, 2 * size).astype(np.uint8)
    photo = np.dstack([np.tile(ramp, (2 * size, 1))] * 3)
    camera = Camera(np.array([0.0, 1.0, 4.0]), np.array([0.0, 0.9, 0.0]), 1.9, size, size)
    view = View(people, camera, plain_light(), Backdrop(photo), [])
    return replace(view, **changes)
