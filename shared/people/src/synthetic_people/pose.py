"""Poses and motions: where limbs point, and the rotations of bones that bring them there.

A pose is a table of directions in the frame of the torso: (x outwards from the body, y up, z
forwards), one for each side. Modes are the discrete kinds of poses that people take in photographs.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from synthetic_people import body
from synthetic_people.person import Moment

Direction = tuple[float, float, float]
BONES = {  # limb: bone that turns it, bone whose head is its other end
    "upperarm": ("upperarm01", "lowerarm01"),
    "forearm": ("lowerarm01", "wrist"),
    "thigh": ("upperleg01", "lowerleg01"),
    "shin": ("lowerleg01", "foot"),
}
PARENT = {"forearm": "upperarm", "shin": "thigh"}


@dataclass(frozen=True)
class Pose:
    """Directions of limbs.

    Args:
        mode: kind of the pose, one of `MODES`.
        left, right: limb to its direction.
        lean, twist, tilt: lean, twist and tilt of the spine: degrees forwards, to the left, to the
            left side.
        lift: metres between the lowest point of the body and the ground.
    """

    mode: str
    left: Mapping[str, Direction]
    right: Mapping[str, Direction]
    lean: float = 0.0
    twist: float = 0.0
    tilt: float = 0.0
    lift: float = 0.0


HANGING = {"upperarm": (0.22, -1, -0.05), "forearm": (0.12, -1, 0.22)}
STRAIGHT = {"thigh": (0.10, -1, 0.02), "shin": (0.05, -1, -0.03)}
STANDING = HANGING | STRAIGHT
SEATED = {"thigh": (0.18, -0.12, 1), "shin": (0.06, -1, -0.05)}
CROSSED = {"upperarm": (0.20, -1, 0.28), "forearm": (-0.95, 0.18, 0.45)}
POCKET = {"upperarm": (0.38, -1, -0.22), "forearm": (-0.02, -1, 0.42)}
ON_HIP = {"upperarm": (0.75, -0.85, -0.2), "forearm": (-0.8, -0.55, 0.25)}
RAISED = {"upperarm": (0.75, 0.45, 0.15), "forearm": (0.15, 1, 0.2)}
HOLDING = {"upperarm": (0.2, -1, 0.1), "forearm": (-0.15, 0.35, 1)}
TO_EAR = {"upperarm": (0.4, -0.75, 0.3), "forearm": (-0.15, 1, 0.25)}
FORWARD = {"upperarm": (0.2, -0.55, 0.8), "forearm": (-0.1, -0.1, 1)}

MODES: Mapping[str, float] = {
    "standing": 0.24,
    "walking": 0.16,
    "running": 0.04,
    "sitting": 0.08,
    "arms_crossed": 0.07,
    "hand_in_pocket": 0.09,
    "hand_on_hip": 0.07,
    "holding": 0.08,
    "phone": 0.04,
    "waving": 0.05,
    "bent": 0.04,
    "jumping": 0.04,
}  # share of each mode; whether a person is seen from the side or the back is the scene's


def draw_pose(rng: np.random.Generator, mode: str) -> Pose:
    """Return a pose of a mode, different each time."""
    arms = {
        "arms_crossed": (CROSSED, _mirror_low(CROSSED)),
        "hand_in_pocket": (POCKET, POCKET if rng.random() < 0.4 else HANGING),
        "hand_on_hip": (ON_HIP, ON_HIP if rng.random() < 0.4 else HANGING),
        "holding": (HOLDING, HOLDING if rng.random() < 0.4 else HANGING),
        "phone": (TO_EAR, HANGING),
        "waving": (RAISED, HANGING),
        "bent": (FORWARD, FORWARD),
        "jumping": (RAISED, RAISED),
        "sitting": (FORWARD, FORWARD) if rng.random() < 0.5 else (HOLDING, HOLDING),
    }.get(mode, (HANGING, HANGING))
    legs = SEATED if mode == "sitting" else STRAIGHT
    pose = Pose(
        mode,
        legs | arms[0],
        legs | arms[1],
        lean=float(rng.normal(2, 4)),
        twist=float(rng.normal(0, 7)),
        tilt=float(rng.normal(0, 3)),
    )
    if mode in ("walking", "running"):
        pose = stride(rng.uniform(0, 1), running=mode == "running")
    if mode == "jumping":
        bent = {"thigh": (0.25, -1, 0.5), "shin": (0.1, -1, -0.5)}
        left, right = ({**side, **bent} for side in (pose.left, pose.right))
        pose = replace(pose, left=left, right=right, lift=float(rng.uniform(0.1, 0.4)))
    if mode == "bent":
        pose = replace(pose, lean=float(rng.uniform(30, 65)))
    if rng.random() < 0.5:
        pose = replace(pose, left=pose.right, right=pose.left)
    return jittered(pose, rng, 0.10)


def _mirror_low(arm: Mapping[str, Direction]) -> dict[str, Direction]:
    """Return the lower of two crossed arms."""
    x, y, z = arm["forearm"]
    return {"upperarm": arm["upperarm"], "forearm": (x, y - 0.35, z + 0.15)}


def stride(phase: float, running: bool = False) -> Pose:
    """Return a moment of a gait; `phase` in [0, 1) goes through a left and a right step."""
    swing = np.sin(2 * np.pi * phase)
    reach = 0.75 if running else 0.42
    knee = 0.9 if running else 0.45

    def leg(s: float, lifted: float) -> dict[str, Direction]:
        back = reach * s - knee * lifted - 0.08
        return {"thigh": (0.08, -1, reach * s + 0.05), "shin": (0.04, -1, back)}

    def arm(s: float) -> dict[str, Direction]:
        bend = 1.1 if running else 0.3
        return {
            "upperarm": (0.2, -1, reach * 0.8 * s),
            "forearm": (0.05, -1 + 0.5 * running, reach * s + bend),
        }

    cos = np.cos(2 * np.pi * phase)
    return Pose(
        "running" if running else "walking",
        leg(swing, max(cos, 0.0)) | arm(-swing),
        leg(-swing, max(-cos, 0.0)) | arm(swing),
        lean=8.0 if running else 3.0,
        twist=float(-6 * swing),
        lift=0.05 * abs(cos) if running else 0.0,
    )


def jittered(pose: Pose, rng: np.random.Generator, amount: float) -> Pose:
    """Return a pose whose directions are moved by normal noise of a standard deviation."""

    def move(side: Mapping[str, Direction]) -> dict[str, Direction]:
        out = {}
        for limb, direction in side.items():
            d = np.asarray(direction) + rng.normal(0, amount, 3)
            out[limb] = (float(d[0]), float(d[1]), float(d[2]))
        return out

    return replace(pose, left=move(pose.left), right=move(pose.right))


def between(a: Pose, b: Pose, share: float) -> Pose:
    """Return the pose at a share of the way from `a` to `b`."""

    def mix(p: Mapping[str, Direction], q: Mapping[str, Direction]) -> dict[str, Direction]:
        return {
            limb: tuple(((1 - share) * _unit(p[limb]) + share * _unit(q[limb])).tolist())
            for limb in p
        }

    number = {
        name: (1 - share) * getattr(a, name) + share * getattr(b, name)
        for name in ("lean", "twist", "tilt", "lift")
    }
    return Pose(a.mode, mix(a.left, b.left), mix(a.right, b.right), **number)


# ------------------------------------------------------------------------------ to rotations
def rotations(pose: Pose) -> dict[str, np.ndarray]:
    """Return the rotations (3, 3) of bones, in the axes of the body at rest."""
    out = _spine(pose)
    for side, mirror, limbs in (("L", 1.0, pose.left), ("R", -1.0, pose.right)):
        turned = {}
        for limb in BONES:
            wanted = _unit(limbs[limb]) * (mirror, 1, 1)
            before = turned[PARENT[limb]] if limb in PARENT else np.eye(3)
            local = between_directions(_rest_direction(limb, side), before.T @ wanted)
            turned[limb] = before @ local
            out[f"{BONES[limb][0]}.{side}"] = local
        # the foot stays level: it undoes half of the shin's turn
        out[f"foot.{side}"] = between_directions(
            turned["shin"] @ (0, -1.0, 0), np.array([0, -1.0, 0]), 0.5
        )
    return out


def _spine(pose: Pose) -> dict[str, np.ndarray]:
    share = 1 / 3
    turn = (
        rotation((0, 1, 0), pose.twist * share)
        @ rotation((1, 0, 0), pose.lean * share)
        @ rotation((0, 0, 1), pose.tilt * share)
    )
    return {"spine04": turn, "spine03": turn, "spine02": turn}


@functools.cache
def _rest_direction(limb: str, side: str) -> np.ndarray:
    heads, _ = body.rig().joints(body.base_vertices())
    first, last = (body.rig().index(f"{bone}.{side}") for bone in BONES[limb])
    return _unit(heads[last] - heads[first])


def _unit(vector: np.ndarray | Direction) -> np.ndarray:
    vector = np.asarray(vector, np.float64)
    return vector / np.linalg.norm(vector)


def between_directions(a: np.ndarray, b: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Return the shortest rotation (3, 3) that takes direction `a` a share of the way to `b`."""
    a, b = _unit(a), _unit(b)
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis), float(a @ b)
    if sine < 1e-9:
        return np.eye(3)
    x, y, z = axis / sine
    return rotation(
        (float(x), float(y), float(z)), float(np.degrees(np.arctan2(sine, cosine))) * share
    )


def rotation(axis: Direction, degrees: float) -> np.ndarray:
    """Return the rotation (3, 3) about an axis by the right-hand rule (Rodrigues).

    >>> rotation((0, 1, 0), 90).round().tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]
    """
    angle = np.radians(degrees)
    x, y, z = _unit(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def head_pose(moment: Moment) -> dict[str, np.ndarray]:
    """Return rotations that turn the head against the body; the neck takes a part of it."""
    out = {}
    for bone, share in (("neck01", 0.2), ("neck02", 0.2), ("head", 0.6)):
        out[bone] = (
            rotation((0, 1, 0), share * moment.yaw)
            @ rotation((1, 0, 0), -share * moment.pitch)
            @ rotation((0, 0, 1), share * moment.roll)
        )
    across, up = moment.gaze
    gaze = rotation((0, 1, 0), across) @ rotation((1, 0, 0), -up)
    return out | {"eye.L": gaze, "eye.R": gaze}
