"""From linear light to an image file's look: exposure, lens, sensor, JPEG."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from synthetic_people.texture import to_srgb


@dataclass(frozen=True)
class Photograph:
    """Camera settings of an image.

    Args:
        exposure: factor of linear light.
        white_balance: (3,) factors of R, G, B.
        contrast: factor about mid-grey; brightness is added after it.
        brightness: added to sRGB values.
        saturation: 0 for a grey image, 1 for colours as they are.
        defocus: standard deviation of the blur in pixels.
        shake: x, y pixels of motion while the shutter is open.
        noise: standard deviation of luminance noise, `colour_noise` of that of each channel.
        quality: JPEG quality, None for none.
    """

    exposure: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    brightness: float = 0.0
    saturation: float = 1.0
    defocus: float = 0.0
    shake: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    colour_noise: float = 0.0
    quality: int | None = None


def random_photograph(rng: np.random.Generator, size: int) -> Photograph:
    """Draw how an image of `size` pixels was taken: mostly well, at times badly."""
    scale = size / 128
    shake = rng.normal(0, 1.2 * scale, 2) if rng.random() < 0.12 else (0.0, 0.0)
    return Photograph(
        exposure=float(np.exp(rng.normal(0, 0.25))),
        white_balance=tuple(np.exp(rng.normal(0, [0.07, 0.02, 0.09])).tolist()),
        contrast=float(rng.uniform(0.8, 1.25)),
        brightness=float(rng.normal(0, 0.035)),
        saturation=0.0 if rng.random() < 0.08 else float(rng.uniform(0.6, 1.25)),
        defocus=float(rng.uniform(0, 0.9) * scale) if rng.random() < 0.45 else 0.0,
        shake=(float(shake[0]), float(shake[1])),
        noise=float(0.03 * rng.random() ** 2),
        colour_noise=float(0.014 * rng.random() ** 2),
        quality=int(rng.integers(40, 97)) if rng.random() < 0.65 else None,
    )


def develop(linear: np.ndarray, how: Photograph, rng: np.random.Generator) -> np.ndarray:
    """Return the uint8 sRGB image (H, W, 3) of linear light (H, W, 3)."""
    light = linear
    if how.defocus > 0.2:
        light = gaussian_filter(light, (how.defocus, how.defocus, 0))
    if np.hypot(*how.shake) > 0.7:
        light = convolve(light, _streak(*how.shake)[..., None], mode="nearest")
    light = light * (how.exposure * np.array(how.white_balance, np.float32))
    image = to_srgb(light / (1 + 0.25 * light) * 1.12)  # highlights roll off as film's do
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    image = grey[..., None] + how.saturation * (image - grey[..., None])
    image = (image - 0.5) * how.contrast + 0.5 + how.brightness
    image = image + rng.normal(0, how.noise, image.shape[:2])[..., None]
    if how.saturation > 0:
        image = image + rng.normal(0, how.colour_noise, image.shape)
    out = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return out if how.quality is None else _jpeg(out, how.quality)


def _streak(x: float, y: float) -> np.ndarray:
    """A kernel that spreads light along a short line."""
    reach = int(np.ceil(max(abs(x), abs(y)) / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for t in np.linspace(-0.5, 0.5, 4 * reach + 1):
        kernel[reach + round(t * y), reach + round(t * x)] += 1
    return kernel / kernel.sum()


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
