"""Random scenes: who stands where, in which light, before what, and how it is photographed.

`portrait` renders faces of all sizes, `street` whole people, `motion` a few moments of a street.
Everything follows from (seed, index): the same image on every machine, in any order.
"""

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from synthetic_people import pose as poses
from synthetic_people.assemble import assemble
from synthetic_people.backdrop import Backdrop
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.camera import Camera
from synthetic_people.lighting import light_for
from synthetic_people.mannequin import Mannequin
from synthetic_people.person import Person, choose, draw_moment, draw_person
from synthetic_people.photograph import random_photograph
from synthetic_people.props import occluder
from synthetic_people.render import View, render
from synthetic_people.sample import Sample
from synthetic_people.texture import to_linear

FACE_HEIGHT = 0.19  # metres from chin to hairline, about
PEOPLE_IN_PORTRAIT = {"0": 0.06, "1": 0.62, "2": 0.16, "3": 0.08, "4": 0.04, "5": 0.02, "6": 0.02}
PEOPLE_IN_STREET = {"0": 0.06, "1": 0.54, "2": 0.2, "3": 0.12, "4": 0.08}
FRAMINGS = {"whole": 0.45, "far": 0.2, "upper": 0.22, "lower": 0.08, "close": 0.05}
FROM_BEHIND = {"portrait": 0.07, "street": 0.16}
FROM_SIDE = {"portrait": 0.05, "street": 0.14}
OCCLUDED = 0.12  # share of images with something before the people
PORTRAIT, STREET = 1, 2  # streams of random numbers


@functools.lru_cache(maxsize=512)
def person(identity: int) -> Person:
    """Return the person of a number."""
    return draw_person(identity)


def portrait(seed: int, index: int, size: int, backgrounds: Backgrounds, identity: int) -> Sample:
    """Return an image of faces, from a tenth to nine tenths of its height, of 0 to 6 people.

    Args:
        seed, index: which image of which set.
        size: height and width in pixels.
        backgrounds: photographs that stand behind.
        identity: number of the first person; the others are strangers.
    """
    rng = np.random.default_rng([seed, PORTRAIT, index])
    number = int(choose(rng, PEOPLE_IN_PORTRAIT))
    share = float(np.exp(rng.uniform(np.log(0.1), np.log(0.9))))
    if number > 1:
        share = min(share, 0.9 / number)
    focal = float(rng.uniform(1.1, 3.2))
    distance = max(focal * FACE_HEIGHT / share, 0.45)
    people = [
        _placed(identity if n == 0 else _stranger(seed, index, n), n, rng, distance, focal)
        for n in range(number)
    ]
    head = _head(people[0]) if people else np.array([0, 1.6, 0])
    pitch = np.radians(np.clip(rng.normal(2, 8), -25, 30))
    eye = head + distance * np.array([0, np.sin(pitch), np.cos(pitch)])
    reach = distance / focal * max(1 - share, 0) / 2  # metres by which the face can be off centre
    offset = rng.uniform(-reach, reach, 2)
    camera = Camera(
        eye + (offset[0], offset[1], 0),
        head + (offset[0], offset[1], 0),
        focal,
        size,
        size,
        roll=float(np.radians(rng.normal(0, 5))),
    )
    view = _view(people, camera, backgrounds, rng, head, FACE_HEIGHT)
    return render(view, random_photograph(rng, size), rng)


def street(
    seed: int, index: int, height: int, width: int, backgrounds: Backgrounds, identity: int
) -> Sample:
    """Return an image of whole people, alone and in groups, near and far, cut by the frame.

    Args:
        seed, index: which image of which set.
        height, width: pixels.
        backgrounds: photographs that stand behind.
        identity: number of the first person.
    """
    rng = np.random.default_rng([seed, STREET, index])
    view, how = _street(rng, seed, index, (height, width), backgrounds, identity)
    return render(view, how, rng)


def _street(rng, seed, index, shape, backgrounds, identity):
    number = int(choose(rng, PEOPLE_IN_STREET))
    focal = float(rng.uniform(1.0, 2.4))
    framing = choose(rng, FRAMINGS)
    tall = 1.7
    span = {
        "whole": rng.uniform(1.05, 1.5), "far": rng.uniform(1.6, 4.0),
        "upper": rng.uniform(0.45, 0.75), "lower": rng.uniform(0.5, 0.75),
        "close": rng.uniform(0.3, 0.5),
    }[framing] * tall  # fmt: skip
    distance = focal * span
    people = [
        _walker(identity if n == 0 else _stranger(seed, index, n), n, rng, span)
        for n in range(number)
    ]
    middle = {"upper": 0.72, "lower": 0.28, "close": 0.85}.get(framing, 0.5) * tall
    target = np.array([rng.normal(0, 0.12) * span, middle + rng.normal(0, 0.04) * span, 0])
    pitch = np.radians(np.clip(rng.normal(5, 8), -15, 35))
    eye = target + distance * np.array([0, np.sin(pitch), np.cos(pitch)])
    eye[1] = max(eye[1], 0.3)
    camera = Camera(eye, target, focal, *shape, roll=float(np.radians(rng.normal(0, 3))))
    view = _view(people, camera, backgrounds, rng, np.array([0, middle, 0]), min(span, tall))
    return view, random_photograph(rng, min(shape))


def _stranger(seed: int, index: int, number: int) -> int:
    """Return the identity of somebody who is in one image only."""
    return 1_000_000 + ((seed * 7919 + index) * 7 + number) % 1_000_000


def _placed(
    identity: int, number: int, rng: np.random.Generator, distance: float, focal: float
) -> Mannequin:
    """Return a person of a portrait: the first in the middle, others beside and behind."""
    who = person(identity)
    mode = choose(rng, poses.MODES | {"bent": 0.0, "jumping": 0.0, "running": 0.0})
    mannequin = assemble(who, draw_moment(who, rng), poses.draw_pose(rng, mode), rng)
    turn = _turn(rng, "portrait")
    if number == 0:
        return mannequin.moved(np.zeros(3), turn)
    width = distance / focal
    side = (-1) ** number * rng.uniform(0.32, 0.75) * max(0.5, min(width * 0.6, 1.4)) * (1 + number // 2) / 1.4
    return mannequin.moved(np.array([side, 0, rng.uniform(-0.8, 0.15)]), turn)


def _walker(identity: int, number: int, rng: np.random.Generator, span: float) -> Mannequin:
    """Return a person of a street: the first in the middle, others around, mostly behind."""
    who = person(identity)
    pose = poses.draw_pose(rng, choose(rng, poses.MODES))
    mannequin = assemble(who, draw_moment(who, rng), pose, rng)
    turn = _turn(rng, "street")
    if number == 0:
        return mannequin.moved(np.zeros(3), turn)
    side = (-1) ** number * rng.uniform(0.25, 0.5) * max(span, 1.0)
    return mannequin.moved(np.array([side, 0, rng.uniform(-2.5, 0.3)]), turn)


def _turn(rng: np.random.Generator, kind: str) -> float:
    """Return radians by which a person is turned away from the camera."""
    draw = rng.random()
    if draw < FROM_BEHIND[kind]:
        return float(np.radians(rng.uniform(120, 240)))
    if draw < FROM_BEHIND[kind] + FROM_SIDE[kind]:
        return float(np.radians(rng.choice([-1, 1]) * rng.uniform(60, 105)))
    return float(np.radians(np.clip(rng.normal(0, 24), -60, 60)))


def _head(mannequin: Mannequin) -> np.ndarray:
    return mannequin.mesh("skin").vertices[mannequin.face].mean(0).astype(np.float64)


def _view(
    people: list[Mannequin], camera: Camera, backgrounds: Backgrounds, rng: np.random.Generator,
    target: np.ndarray, height: float,
) -> View:  # fmt: skip
    photo = backgrounds.crop(rng, camera.height, camera.width)
    if rng.random() < 0.06:  # a plain wall or a studio
        photo = np.broadcast_to(np.uint8(rng.integers(20, 256, 3)), photo.shape).copy()
    direction = camera.eye - target
    light = light_for(photo, direction / np.linalg.norm(direction), rng)
    props, textures = [], {}
    if people and rng.random() < OCCLUDED:
        prop, textures = occluder(camera, target, height, backgrounds.crop(rng, 64), rng)
        props.append(prop)
    level = float(to_linear(photo[::4, ::4] / 255).mean())
    exposure = float(np.clip(level / 0.2, 0.15, 2.5) ** 0.45 * np.exp(rng.normal(-0.25, 0.22)))
    return View(people, camera, light, Backdrop(photo), props, exposure, textures)
