"""What a camera and a codec do to the frames of a scene, the same kind of thing to all of them."""

from fractions import Fraction

import av
import cv2
import numpy as np

FRAME_RATE = 25


def record(frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Return frames (H, W, 3) uint8 as a random camera records them.

    Some are out of focus, have a sensor's noise, go through JPEG or through MPEG-4, whose errors
    travel along with the motion.
    """
    if rng.random() < 0.3:
        sigma = rng.uniform(0.4, 1.4)
        frames = [cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames]
    if rng.random() < 0.35:
        sigma = rng.uniform(0.5, 5)
        frames = [_add_noise(frame, sigma, rng) for frame in frames]
    codec = rng.random()
    if codec < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))]
        files = [cv2.imencode(".jpg", frame, quality)[1] for frame in frames]
        return [np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR)) for file in files]
    if codec < 0.6:
        return through_mpeg4(frames, quantiser=int(rng.integers(2, 9)))
    return frames


def _add_noise(frame: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(frame.shape, np.float32) * np.float32(sigma)
    return cv2.add(frame, noise, dtype=cv2.CV_8U)


def through_mpeg4(frames: list[np.ndarray], quantiser: int) -> list[np.ndarray]:
    """Encode and decode frames (H, W, 3) uint8 RGB; the quantiser runs from 2, fine, to 31."""
    encoder = av.CodecContext.create("mpeg4", "w")
    encoder.width, encoder.height = frames[0].shape[1], frames[0].shape[0]
    encoder.pix_fmt, encoder.framerate = "yuv420p", Fraction(FRAME_RATE)
    encoder.time_base = Fraction(1, FRAME_RATE)
    encoder.flags |= 0x2  # AV_CODEC_FLAG_QSCALE: one quantiser for all
    encoder.options = {"qmin": str(quantiser), "qmax": str(quantiser), "g": "12"}
    encoder.thread_count = 1
    images = [av.VideoFrame.from_ndarray(frame, "rgb24") for frame in frames]
    packets = [packet for image in [*images, None] for packet in encoder.encode(image)]
    decoder = av.CodecContext.create("mpeg4", "r")
    decoder.thread_count = 1
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    decoded = [image for packet in [*packets, None] for image in decoder.decode(packet)]
    return [image.to_ndarray(format="rgb24") for image in decoded]
