"""Things before the camera that hide a part of the people: panes, posts, discs."""

import numpy as np

from synthetic_people.camera import Camera
from synthetic_people.mesh import Material, Mesh
from synthetic_people.texture import Texture


def occluder(
    camera: Camera, target: np.ndarray, height: float, photo: np.ndarray, rng: np.random.Generator
) -> tuple[Mesh, dict[str, Texture]]:
    """Return a flat thing between the camera and a point, and the photograph that it carries.

    Args:
        camera: the camera.
        target: (3,) what it partly hides.
        height: metres of what is to be hidden; the thing is about as large.
        photo: (P, P, 3) uint8 sRGB on it.
        rng: random generator that draws shape, place and size.
    """
    right, down, _ = camera.axes
    share = rng.uniform(0.6, 0.9)
    middle = camera.eye + (target - camera.eye) * share
    size = height * share * rng.uniform(0.25, 0.7, 2)
    # beside the target, so that most often a part of it stays visible
    direction = rng.normal(0, 1, 2)
    direction /= np.linalg.norm(direction)
    middle = middle + (right * direction[0] + down * direction[1]) * height * share * 0.55
    count = int(rng.choice([4, 6, 24]))
    turn = rng.uniform(0, 2 * np.pi)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + turn
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * size
    points = middle + ring[:, :1] * right + ring[:, 1:] * down
    uv = (0.5 + ring / (2.2 * size.max())).astype(np.float32)
    fan = np.array([[0, i, i + 1] for i in range(1, count - 1)], np.int32)
    material = Material("prop", gloss=0.01, two_sided=True)
    weights = np.zeros((count, 4), np.float32)
    mesh = Mesh(
        "prop", points.astype(np.float32), fan, uv, fan, weights.astype(np.uint8), weights, material
    )
    return mesh, {"prop": Texture(photo)}
