"""Images as other cameras would have taken them: colour, contrast, sharpness, noise, compression.

Rendered images are all of one kind; what is learned of them carries over to photographs where no
two of them look alike.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def degraded(image: Image, rng: np.random.Generator) -> Image:
    """Return an image (H, W, 3) RGB uint8 as another camera would have taken it."""
    out = _recoloured(image.astype(np.float32), rng)
    height, width = image.shape[:2]
    if rng.random() < 0.3:
        scale = rng.uniform(0.35, 0.85)
        small = (max(round(width * scale), 1), max(round(height * scale), 1))
        out = cv2.resize(cv2.resize(out, small, interpolation=cv2.INTER_AREA), (width, height))
    elif rng.random() < 0.3:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 0.012 * max(height, 64)))
    if rng.random() < 0.4:
        out = out + rng.normal(
            0, rng.uniform(1, 12), (height, width, 1 if rng.random() < 0.5 else 3)
        )
    pixels = out.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
    return np.ascontiguousarray(pixels, np.uint8)


def _recoloured(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    saturation = 0.0 if rng.random() < 0.12 else rng.uniform(0.5, 1.3)
    out = (grey[..., None] + saturation * (image - grey[..., None])).astype(np.float32)
    gains = np.exp(rng.normal(0, [0.1, 0.04, 0.12])).astype(np.float32)
    mean = float(grey.mean())
    contrast, brightness = float(np.exp(rng.normal(0, 0.25))), float(rng.normal(0, 22))
    return (out * gains - mean) * np.float32(contrast) + np.float32(mean + brightness)
