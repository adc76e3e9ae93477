"""Poses: rotations of bones, in the axes of the body at rest."""

from collections.abc import Mapping

import numpy as np

from synthetic_people.person import Moment


def rotation(axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    """Return the rotation (3, 3) about an axis by the right-hand rule (Rodrigues).

    >>> rotation((0, 1, 0), 90).round().tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]
    """
    angle = np.radians(degrees)
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def head_pose(moment: Moment) -> dict[str, np.ndarray]:
    """Return rotations that turn the head against the body; the neck takes a part of it."""
    pose = {}
    for bone, share in (("neck01", 0.2), ("neck02", 0.2), ("head", 0.6)):
        pose[bone] = (
            rotation((0, 1, 0), share * moment.yaw)
            @ rotation((1, 0, 0), -share * moment.pitch)
            @ rotation((0, 0, 1), share * moment.roll)
        )
    across, up = moment.gaze
    gaze = rotation((0, 1, 0), across) @ rotation((1, 0, 0), -up)
    return pose | {"eye.L": gaze, "eye.R": gaze}


def arms_down(degrees: float = 42.0) -> Mapping[str, np.ndarray]:
    """Return the pose in which the arms hang; at rest they are spread."""
    return {
        "upperarm01.L": rotation((0, 0, 1), -degrees),
        "upperarm01.R": rotation((0, 0, 1), degrees),
    }
