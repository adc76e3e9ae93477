"""Shoes, bags, scarves, ties and what hands hold: the rest of an outfit."""

import numpy as np

from synthetic_people import body
from synthetic_people.mesh import Mesh
from synthetic_people.parts import SHOES


def shoes(name: str, colour: tuple[float, float, float], rest: np.ndarray) -> Mesh:
    """Return a pair of the pack's shoes on a body at rest; `colour` multiplies their texture."""
    mesh = body.fit(f"shoes/{name}", rest)
    mesh.part = SHOES
    return mesh
