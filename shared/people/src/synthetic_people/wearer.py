"""A body while it is dressed: what it wears so far, from the inside to the outside."""

from dataclasses import dataclass

import numpy as np

from synthetic_people.drape import RINGS, Hull
from synthetic_people.shell import Fitted, shell


@dataclass
class Wearer:
    """A body while it is dressed, from the inside to the outside.

    Args:
        fit: its shell. outside: (N,) metres of what it wears so far above the shell.
        covered: (N,) which of the shell is covered.
        skirt: (R, C) metres from the middle to the skirts that it wears so far, on `drape.RINGS`.
        beneath: level down to which a closed shirt will hide what hangs from the waist.
    """

    fit: Fitted
    outside: np.ndarray
    covered: np.ndarray
    skirt: np.ndarray
    beneath: float = -1.0

    @property
    def cloth(self) -> np.ndarray:
        """The outermost cloth, (N, 3)."""
        return self.fit.vertices + self.fit.normals * self.outside[:, None].astype(np.float32)

    def gap(self, around: Hull, radius: np.ndarray) -> np.ndarray:
        """Return metres (N,) from the shell to a tube of radii (R, C), along its normals."""
        it, fit = shell(), self.fit
        x, z = fit.vertices[:, 0], fit.vertices[:, 2] - np.interp(it.down, RINGS, around.middle)
        sideways = np.hypot(x, z)
        facing = (fit.normals[:, 0] * x + fit.normals[:, 2] * z) / np.maximum(sideways, 1e-6)
        reach = around.sample(radius, it.down, np.arctan2(x, z)) - sideways
        return reach / np.maximum(facing, 0.6)
