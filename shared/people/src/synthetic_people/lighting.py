"""Random light that fits a photograph: the sun, the sky, a window, a lamp, a flash, from behind."""

import numpy as np

from synthetic_people.light import Light
from synthetic_people.person import choose
from synthetic_people.texture import to_linear

KINDS = {"sun": 0.24, "sky": 0.26, "window": 0.18, "lamp": 0.12, "flash": 0.10, "backlight": 0.10}


def light_for(photo: np.ndarray, towards_camera: np.ndarray, rng: np.random.Generator) -> Light:
    """Return light whose colours are those of a photograph's top, bottom and sides.

    Args:
        photo: (P, Q, 3) uint8 sRGB, the part of it that is seen.
        towards_camera: (3,) direction from the person to the camera.
        rng: random generator that draws the kind of light and its direction.
    """
    small = to_linear(photo[:: max(photo.shape[0] // 24, 1), :: max(photo.shape[1] // 24, 1)] / 255)
    mean = small.mean((0, 1)) + 0.02
    level = float(mean.mean())
    third = max(len(small) // 3, 1)
    above = 0.4 * (small[:third].mean((0, 1)) + 0.02) / level + 0.6
    below = (0.4 * (small[-third:].mean((0, 1)) + 0.02) / level + 0.3) * rng.uniform(0.35, 0.7)
    balance = small[:, -third:].mean((0, 1)) - small[:, :third].mean((0, 1))
    side = np.clip(balance / level, -1, 1) * 0.2
    kind = choose(rng, KINDS)
    around = float(np.exp(rng.normal(np.log(0.62), 0.3)))
    key, colour, softness = _key(
        kind, towards_camera, float(np.clip(balance.mean() / level, -1, 1)), rng
    )
    if kind == "sky":
        around *= 1.35
    fill = towards_camera + rng.normal(0, 0.8, 3)
    return Light(
        key=key,
        key_colour=colour * (0.8 + 0.2 * mean / level),
        softness=softness,
        above=above * around,
        below=below * around,
        side=side,
        fill=fill,
        fill_colour=rng.uniform(0, 0.25) * mean / level,
    )


def _key(
    kind: str, towards_camera: np.ndarray, brighter: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return direction, colour and softness (metres) of the key lamp."""
    forward = np.array([towards_camera[0], 0, towards_camera[2]])
    forward /= np.linalg.norm(forward) + 1e-9
    right = np.array([forward[2], 0, -forward[0]])
    side = rng.normal(0.8 * brighter, 0.8)
    warm = np.array([1.1, 1.0, 0.82])
    if kind == "sun":
        high = rng.uniform(0.3, 1.6)
        return forward + side * right + (0, high, 0), warm * rng.uniform(0.9, 2.0), 0.006
    if kind == "sky":
        return (
            0.4 * forward + 0.4 * side * right + (0, 1.2, 0),
            np.ones(3) * rng.uniform(0.2, 0.6),
            0.05,
        )
    if kind == "window":
        across = np.sign(side) * rng.uniform(0.8, 1.6)
        return (
            0.5 * forward + across * right + (0, 0.4, 0),
            np.ones(3) * rng.uniform(0.6, 1.4),
            0.03,
        )
    if kind == "lamp":
        colour = np.array([1.25, 0.95, 0.6]) * rng.uniform(0.6, 1.3)
        return 0.6 * forward + side * right + (0, rng.uniform(0.6, 1.5), 0), colour, 0.02
    if kind == "flash":
        return forward + 0.08 * right + (0, 0.15, 0), np.ones(3) * rng.uniform(0.8, 1.6), 0.004
    colour = warm * rng.uniform(1.0, 2.2)
    return -0.9 * forward + side * right + (0, rng.uniform(0.5, 1.2), 0), colour, 0.01
