"""Random scenes: places of people, light, background, and how it is photographed.

`portrait` renders faces of all sizes, `street` whole people, `motion` a few moments of a street.
Everything follows from (seed, index): the same image on every machine, in any order.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np

from synthetic_people import pose as poses
from synthetic_people.assemble import assemble
from synthetic_people.backdrop import Backdrop
from synthetic_people.backgrounds import Backgrounds
from synthetic_people.camera import Camera
from synthetic_people.lighting import light_for
from synthetic_people.mannequin import Mannequin
from synthetic_people.outfit import SEASONS, Outfit, outfit
from synthetic_people.person import Moment, Person, choose, draw_moment, draw_person
from synthetic_people.photograph import random_photograph
from synthetic_people.pose import Pose
from synthetic_people.props import occluder
from synthetic_people.render import View, render
from synthetic_people.sample import Sample
from synthetic_people.texture import to_linear

FACE_HEIGHT = 0.19  # metres from chin to hairline, about
PEOPLE_IN_PORTRAIT = {"0": 0.06, "1": 0.62, "2": 0.16, "3": 0.08, "4": 0.04, "5": 0.02, "6": 0.02}
PEOPLE_IN_STREET = {"0": 0.06, "1": 0.54, "2": 0.2, "3": 0.12, "4": 0.08}
TALL = 1.7  # metres of a person, about
FRAMINGS = {"whole": 0.45, "far": 0.2, "upper": 0.22, "lower": 0.08, "close": 0.05}
SPANS = {  # heights of people that an image spans
    "whole": (1.05, 1.5), "far": (1.6, 4.0), "upper": (0.45, 0.75), "lower": (0.5, 0.75),
    "close": (0.3, 0.5),
}  # fmt: skip
MIDDLES = {"whole": 0.5, "far": 0.5, "upper": 0.72, "lower": 0.28, "close": 0.85}
FROM_BEHIND = {"portrait": 0.07, "street": 0.16}
FROM_SIDE = {"portrait": 0.05, "street": 0.14}
OCCLUDED = 0.12  # share of images with something before the people
PLAIN = 0.06  # share of images before a plain wall
WIDE, CLOSE = (0.1, 0.9), (0.5, 0.9)  # share of the image's height that a face takes
TOWARDS = 0.6  # share of the body's turn that the head undoes, to look at the camera
PORTRAIT, STREET, MOTION, CLOSE_UP = 1, 2, 3, 4  # streams of random numbers


@functools.lru_cache(maxsize=512)
def person(identity: int) -> Person:
    """Return the person of a number."""
    return draw_person(identity)


def portrait(
    seed: int, index: int, size: int, backgrounds: Backgrounds, identity: int, close: bool = False
) -> Sample:
    """Return an image of faces, from a tenth to nine tenths of its height, of 0 to 6 people.

    Args:
        seed, index: numbers of the set and of the image.
        size: height and width in pixels.
        backgrounds: photographs that stand behind.
        identity: number of the first person; the others are strangers.
        close: whether one face fills half of the image's height or more, as crops of faces do.
    """
    rng = np.random.default_rng([seed, CLOSE_UP if close else PORTRAIT, index])
    number = 1 if close else int(choose(rng, PEOPLE_IN_PORTRAIT))
    least, most = CLOSE if close else WIDE
    share = float(np.exp(rng.uniform(np.log(least), np.log(most))))
    if number > 1:
        share = min(share, 0.9 / number)
    focal = float(rng.uniform(1.1, 3.2))
    distance = max(focal * FACE_HEIGHT / share, 0.45)
    people = [
        _sitter(identity if n == 0 else stranger(seed, index, n), n, rng, distance / focal)
        for n in range(number)
    ]
    face = _face_centre(people[0]) if people else np.array([0, 1.6, 0])
    pitch = np.radians(np.clip(rng.normal(2, 8), -25, 30))
    reach = distance / focal * max(1 - share, 0) / 2  # metres by which the face can be off centre
    target = face + np.append(rng.uniform(-reach, reach, 2), 0)
    eye = target + distance * np.array([0, np.sin(pitch), np.cos(pitch)])
    roll = float(np.radians(rng.normal(0, 5)))
    camera = Camera(eye, target, focal, size, size, roll)
    view = before_photograph(people, camera, backgrounds, rng, FACE_HEIGHT)
    return render(view, random_photograph(rng, size), rng)


def street(
    seed: int, index: int, height: int, width: int, backgrounds: Backgrounds, identity: int
) -> Sample:
    """Return an image of whole people, alone and in groups, near and far, cut by the frame.

    Args:
        seed, index: numbers of the set and of the image.
        height, width: pixels.
        backgrounds: photographs that stand behind.
        identity: number of the first person.
    """
    rng = np.random.default_rng([seed, STREET, index])
    span, cast = _cast(seed, index, identity, rng)
    camera = street_camera(span, height, width, rng)
    view = before_photograph(
        [_act(actor, 0.0) for actor in cast], camera, backgrounds, rng, span.size
    )
    return render(view, random_photograph(rng, min(height, width)), rng)


def motion(
    seed: int, index: int, height: int, width: int, backgrounds: Backgrounds, identity: int,
    frames: int,
) -> list[Sample]:  # fmt: skip
    """Return moments of people who move, a 24th of a second apart, before a camera that pans.

    Each but the last carries optical flow and occlusion to the next; noise, blur and light are
    those of one recording. Arguments as in `street`.
    """
    rng = np.random.default_rng([seed, MOTION, index])
    span, cast = _cast(seed, index, identity, rng)
    camera = street_camera(span, height, width, rng)
    first = before_photograph(
        [_act(actor, 0.0) for actor in cast], camera, backgrounds, rng, span.size
    )
    pan, drift = rng.normal(0, 0.05, 3) * span.size, rng.normal(0, 0.03, 3) * span.size
    how = replace(random_photograph(rng, min(height, width)), shake=(0.0, 0.0))
    views = [first]
    for frame in range(1, frames):
        seconds = frame / FRAME_RATE
        moved = replace(
            camera, target=camera.target + pan * seconds, eye=camera.eye + drift * seconds
        )
        views.append(
            replace(
                first,
                people=[_act(actor, seconds) for actor in cast],
                camera=moved,
                backdrop=_panned(first.backdrop, camera, moved),
            )
        )
    noise = [np.random.default_rng([seed, MOTION, index, n]) for n in range(frames)]
    return [
        render(view, how, noise[n], views[n + 1] if n + 1 < frames else None)
        for n, view in enumerate(views)
    ]


FRAME_RATE = 24.0  # of a motion, moments a second


def _panned(backdrop: Backdrop, before: Camera, after: Camera) -> Backdrop:
    """Return what a camera that has turned sees of a photograph that is far away."""
    far = before.eye + 1e4 * before.axes[2]
    x, y, _ = after.project((after.eye - before.eye + far)[None])[0]
    shift = (
        backdrop.shift[0] + (before.width / 2 - x) * backdrop.zoom,
        backdrop.shift[1] + (before.height / 2 - y) * backdrop.zoom,
    )
    return replace(backdrop, shift=shift)


@dataclass(frozen=True)
class Span:
    """Extent of people that a street shows: metres of height around `middle` above the ground."""

    size: float
    middle: float


@dataclass(frozen=True)
class _Actor:
    """A person of a scene and its action.

    Args:
        person, moment: the person and its expression.
        pose, later: poses at the start and after a second, or a gait from `phase` where it
            walks.
        place, turn: metres and radians in the world.
        clothes: the clothes.
    """

    person: Person
    moment: Moment
    pose: Pose
    later: Pose
    phase: float
    place: tuple[float, float, float]
    turn: float
    clothes: Outfit


STEPS = {"walking": (0.95, 1.35), "running": (1.4, 3.2)}  # double steps and metres a second


def _cast(
    seed: int, index: int, identity: int, rng: np.random.Generator
) -> tuple[Span, list[_Actor]]:
    """Return what is shown of the people of a street, and who they are."""
    framing = choose(rng, FRAMINGS)
    low, high = SPANS[framing]
    span = Span(TALL * rng.uniform(low, high), MIDDLES[framing] * TALL)
    number = int(choose(rng, PEOPLE_IN_STREET))
    cast = []
    for n in range(number):
        who = person(identity if n == 0 else stranger(seed, index, n))
        mode = choose(rng, poses.MODES)
        side = (-1) ** n * rng.uniform(0.25, 0.5) * max(span.size, 1.0)
        place = (0.0, 0.0, 0.0) if n == 0 else (side, 0.0, float(rng.uniform(-2.5, 0.3)))
        turn, moment = _turn(rng, "street"), draw_moment(who, rng)
        cast.append(
            _Actor(
                who,
                _towards_camera(moment, turn) if rng.random() < 0.5 else moment,
                poses.draw_pose(rng, mode),
                poses.draw_pose(rng, mode),
                float(rng.random()),
                place,
                turn,
                outfit(rng, who.sex, who.age, str(rng.choice(SEASONS))),
            )
        )
    return span, cast


def _act(actor: _Actor, seconds: float) -> Mannequin:
    """Return a person of a scene at a time."""
    place = np.array(actor.place)
    if actor.pose.mode in STEPS:
        steps, speed = STEPS[actor.pose.mode]
        pose = poses.stride(actor.phase + steps * seconds, actor.pose.mode == "running")
        ahead = np.array([np.sin(actor.turn), 0, np.cos(actor.turn)])
        place = place + speed * seconds * ahead
    else:
        ease = 0.5 - 0.5 * np.cos(np.pi * min(seconds, 1.0))
        pose = poses.between(actor.pose, actor.later, float(ease)) if seconds else actor.pose
    moment = replace(actor.moment, yaw=actor.moment.yaw + 25 * seconds)
    return assemble(actor.person, moment, pose, actor.clothes).moved(place, actor.turn)


def street_camera(span: Span, height: int, width: int, rng: np.random.Generator) -> Camera:
    """Return a camera at about eye level that sees a span of people, with a random focal length."""
    focal = float(rng.uniform(1.0, 2.4))
    shift = rng.normal(0, (0.12, 0.04)) * span.size
    target = np.array([shift[0], span.middle + shift[1], 0])
    pitch = np.radians(np.clip(rng.normal(5, 8), -15, 35))
    eye = target + focal * span.size * np.array([0, np.sin(pitch), np.cos(pitch)])
    eye[1] = max(eye[1], 0.3)
    return Camera(eye, target, focal, height, width, roll=float(np.radians(rng.normal(0, 3))))


def stranger(seed: int, index: int, number: int) -> int:
    """Return the identity of somebody who is in one image only."""
    return 1_000_000_000 + (seed * 1_000_003 + index) * 8 + number


def _sitter(identity: int, number: int, rng: np.random.Generator, width: float) -> Mannequin:
    """Return a person of a portrait: the first in the middle, others beside and behind.

    Args:
        identity, number: the person, and its number in the image.
        rng: source of all else.
        width: metres that the image spans where the first person is.
    """
    someone = person(identity)
    mode = choose(rng, {**poses.MODES, "bent": 0.0, "jumping": 0.0, "running": 0.0})
    clothes = outfit(rng, someone.sex, someone.age, str(rng.choice(SEASONS)))
    turn = _turn(rng, "portrait")
    moment = _towards_camera(draw_moment(someone, rng), turn)
    mannequin = assemble(someone, moment, poses.draw_pose(rng, mode), clothes)
    if number == 0:
        return mannequin.moved(np.zeros(3), turn)
    step = float(np.clip(0.6 * width, 0.5, 1.4)) * (1 + number // 2)
    side = (-1) ** number * rng.uniform(0.25, 0.55) * step
    return mannequin.moved(np.array([side, 0, rng.uniform(-0.8, 0.15)]), turn)


def _towards_camera(moment: Moment, turn: float) -> Moment:
    """Return a moment in which the head undoes most of the body's turn, unless it is a back."""
    degrees = float(np.degrees(turn))
    if abs(degrees) > 110:
        return moment
    return replace(moment, yaw=float(np.clip(moment.yaw - TOWARDS * degrees, -65, 65)))


def _turn(rng: np.random.Generator, kind: str) -> float:
    """Return radians by which a person is turned away from the camera."""
    draw = rng.random()
    if draw < FROM_BEHIND[kind]:
        return float(np.radians(rng.uniform(120, 240)))
    if draw < FROM_BEHIND[kind] + FROM_SIDE[kind]:
        return float(np.radians(rng.choice([-1, 1]) * rng.uniform(60, 105)))
    return float(np.radians(np.clip(rng.normal(0, 24), -60, 60)))


def _face_centre(mannequin: Mannequin) -> np.ndarray:
    return mannequin.mesh("skin").vertices[mannequin.face].mean(0).astype(np.float64)


def before_photograph(
    people: list[Mannequin], camera: Camera, backgrounds: Backgrounds, rng: np.random.Generator,
    height: float,
) -> View:  # fmt: skip
    """Return people in front of a camera with light, a photograph behind, at times a prop before.

    `height` is the metres of what matters in the image, about as large as a prop.
    """
    photo = backgrounds.crop(rng, camera.height, camera.width)
    if rng.random() < PLAIN:
        photo = np.broadcast_to(np.uint8(rng.integers(20, 256, 3)), photo.shape).copy()
    direction = camera.eye - camera.target
    light = light_for(photo, direction / np.linalg.norm(direction), rng)
    props, textures = [], {}
    if people and rng.random() < OCCLUDED:
        photo_of_prop = backgrounds.crop(rng, 64)
        prop, textures = occluder(camera, camera.target, height, photo_of_prop, rng)
        props.append(prop)
    level = float(to_linear(photo[::4, ::4] / 255).mean())
    exposure = float(np.clip(level / 0.2, 0.2, 2.5) ** 0.4 * np.exp(rng.normal(0.02, 0.24)))
    return View(people, camera, light, Backdrop(photo), props, exposure, textures)
