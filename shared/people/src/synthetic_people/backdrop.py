"""What stands behind the people: a photograph, as a plane at infinity that follows the camera."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from synthetic_people.texture import to_linear


@dataclass(frozen=True)
class Backdrop:
    """A photograph behind the scene.

    Args:
        photo: (P, Q, 3) uint8 sRGB, at least as large as the image.
        shift: x, y pixels by which the image's origin lies in the photograph, moved by pans.
        zoom: pixels of the photograph per pixel of the image.
    """

    photo: np.ndarray
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0

    def linear(self, height: int, width: int, factor: int = 1) -> np.ndarray:
        """Return its linear light at `factor` x `factor` samples a pixel, (H, W, 3) float32."""
        y = (np.arange(height * factor) + 0.5) / factor * self.zoom + self.shift[1] - 0.5
        x = (np.arange(width * factor) + 0.5) / factor * self.zoom + self.shift[0] - 0.5
        grid = np.stack(np.meshgrid(y, x, indexing="ij"))
        channels = [
            map_coordinates(self.photo[..., c].astype(np.float32), grid, order=1, mode="mirror")
            for c in range(3)
        ]
        return to_linear(np.stack(channels, -1) / 255)

    def flow_to(self, later: "Backdrop", height: int, width: int) -> np.ndarray:
        """Return where each pixel centre goes in a later view of the same photograph, (H, W, 2)."""
        y, x = np.mgrid[:height, :width] + 0.5
        xy = np.stack([x, y], -1)
        place = xy * self.zoom + np.array(self.shift)
        return np.float32((place - np.array(later.shift)) / later.zoom - xy)
