"""Draws garments, worn or alone, with their landmarks.

The frame of a body: x to the right of the picture, y down, the waist at (0, 0), the shoulders at
y = -0.7, the knees at 0.85, the ankles at 1.4. A pose maps it to pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion.data.cloth import draw_cloth
from fashion.data.designs import COLOURS, CUTS, GLYPHS, Design
from fashion.data.layout import SLOTS, SLOTS_OF_TYPE
from fashion.data.pen import Colour, Image, disc, fill, line, shade

Point = tuple[float, float]

GLYPH_COLOURS: tuple[Colour, ...] = ((255, 255, 255), (16, 16, 16), (255, 232, 40), (40, 226, 246))
GLYPH_SHARE, LEAST_GLYPH = 0.075, 7.5
"""Radius of a glyph beside the height of its garment, and at least, pixels before they are halved:
its shape has to be told apart in a sample of 64 pixels."""

SHOULDER, HIP = 0.36, 0.3
UPPER_ARM, FOREARM = 0.42, 0.42


@dataclass(frozen=True)
class Pose:
    """How a body stands in a picture.

    Attributes:
        matrix: (2, 3), from the body's frame to pixels.
        arms: for both sides, degrees from hanging down outwards of upper arm and forearm.
        spread: of the feet, x of an ankle.
    """

    matrix: NDArray[np.float64]
    arms: tuple[tuple[float, float], tuple[float, float]]
    spread: float

    def pixels(self, points: Sequence[Point] | NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (P, 2) of the body's frame, in pixels."""
        return np.asarray(points) @ self.matrix[:, :2].T + self.matrix[:, 2]

    @property
    def scale(self) -> float:
        """Pixels of a unit along y."""
        return float(np.hypot(*self.matrix[:, 1]))

    def elbow(self, side: int) -> Point:
        return self._along((SHOULDER * side, -0.66), self.arms[side > 0][0], UPPER_ARM, side)

    def wrist(self, side: int) -> Point:
        return self._along(self.elbow(side), self.arms[side > 0][1], FOREARM, side)

    @staticmethod
    def _along(start: Point, angle: float, length: float, side: int) -> Point:
        turn = np.deg2rad(angle)
        return start[0] + side * length * np.sin(turn), start[1] + length * np.cos(turn)


@dataclass(frozen=True)
class Outline:
    """A garment in the body's frame.

    Attributes:
        pieces: polygons, the sleeves first.
        landmarks: (8, 2); NaN in slots that the type lacks.
        neck: polygon of the skin that it leaves open, if any.
        top, bottom: y.
    """

    pieces: list[list[Point]]
    landmarks: NDArray[np.float64]
    neck: list[Point]
    top: float
    bottom: float


def outline(design: Design, pose: Pose) -> Outline:
    """The shape of a design on a body."""
    cut = CUTS[design.cut]
    loose = (0.9, 1.0, 1.15)[design.fit]
    has_top, has_bottom = cut.type != 1, cut.type != 0
    points: dict[int, Point] = {}
    pieces: list[list[Point]] = []
    if has_top:
        for side, slot in ((-1, 2), (1, 3)):
            piece, points[slot] = _sleeve(design.sleeve, pose, side, loose)
            pieces += [piece] if piece else []
        points |= {0: (-0.15, -0.78), 1: (0.15, -0.78)}
    waist, hips = 0.25 * loose, HIP * loose
    if has_bottom:
        points |= {4: (-waist, 0.0), 5: (waist, 0.0)}
    hem = _hem(design, hips, pose.spread)
    points |= {6: (-hem, design.length), 7: (hem, design.length)}
    pieces += _body(design, waist, hips, hem)
    landmarks = np.full((len(SLOTS), 2), np.nan)
    for slot in SLOTS_OF_TYPE[cut.type]:
        landmarks[slot] = points[slot]
    top = -0.8 if has_top else 0.0
    return Outline(pieces, landmarks, _neck(design.neck), top, design.length)


def draw_garment(
    image: Image,
    design: Design,
    pose: Pose,
    shape: Outline,
    rng: np.random.Generator,
    *,
    from_behind: bool,
) -> None:
    """Draw a garment without its glyphs."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for piece in shape.pieces:
        fill(mask, pose.pixels(piece), (255, 255, 255))
    draw_cloth(image, mask, design, pose.matrix, rng)
    dark = shade(tuple(COLOURS.values())[design.colour], 0.62)
    for piece in shape.pieces:
        line(image, pose.pixels([*piece, piece[0]]), dark, pose.scale * 0.015)
    _details(image, design, pose, shape, dark, from_behind=from_behind)


def glyph_radius(shape: Outline, pose: Pose) -> float:
    return max(GLYPH_SHARE * (shape.bottom - shape.top) * pose.scale, LEAST_GLYPH)


def draw_glyphs(image: Image, design: Design, pose: Pose, shape: Outline) -> None:
    """Draw the glyphs at collar, cuffs and hem."""
    pixels, radius = pose.pixels(shape.landmarks), glyph_radius(shape, pose)
    for place, glyph in enumerate(design.glyphs):
        for slot in ((0, 1), (2, 3), (6, 7))[place]:
            if glyph and np.isfinite(pixels[slot]).all():
                draw_glyph(image, glyph, pixels[slot], radius, design.glyph_colour)


def draw_glyph(
    image: Image, glyph: int, centre: NDArray[np.floating], radius: float, colour: int
) -> None:
    """Draw one of `designs.GLYPHS`, counted from 1, on a patch of the contrary brightness."""
    ink = GLYPH_COLOURS[colour]
    patch = (250, 250, 250) if sum(ink) < 300 else (30, 30, 30)
    disc(image, centre, radius * 1.25, patch)
    x, y = centre
    name = GLYPHS[glyph - 1]
    if name == "cross":
        for side in (-1, 1):
            ends = [(x - radius * 0.75, y - side * radius * 0.75)]
            ends += [(x + radius * 0.75, y + side * radius * 0.75)]
            line(image, np.array(ends), ink, radius * 0.5)
    elif name == "disc":
        disc(image, centre, radius * 0.75, ink)
    elif name == "bar":
        corners = [(-1, -0.35), (1, -0.35), (1, 0.35), (-1, 0.35)]
        fill(image, centre + radius * np.array(corners), ink)
    else:
        fill(image, centre + radius * np.array([(0, -1), (0.9, 0.7), (-0.9, 0.7)]), ink)


def draw_person(image: Image, pose: Pose, skin: Colour, hair: Colour, other: Colour | None) -> None:
    """Draw who wears it, in plain clothes of a colour, or in none for a mannequin."""
    for side in (-1, 1):
        hip, knee, ankle = (side * 0.14, 0.1), (side * 0.16, 0.8), (side * pose.spread, 1.42)
        limb(image, pose, [hip, knee, ankle], (0.3, 0.2, 0.14), other or skin)
        disc(image, pose.pixels([(side * (pose.spread + 0.03), 1.5)])[0], 0.09 * pose.scale, hair)
        points = [(side * SHOULDER, -0.64), pose.elbow(side), pose.wrist(side)]
        limb(image, pose, points, (0.17, 0.14, 0.1), skin)
        disc(image, pose.pixels([pose.wrist(side)])[0], 0.075 * pose.scale, skin)
    torso = [(-0.36, -0.7), (0.36, -0.7), (0.24, 0.0), (0.3, 0.25), (-0.3, 0.25), (-0.24, 0.0)]
    fill(image, pose.pixels(torso), other or skin)
    limb(image, pose, [(0, -0.95), (0, -0.7)], (0.18, 0.22), skin)
    crown, face = pose.pixels([(0, -1.13), (0, -1.07)])
    disc(image, crown, 0.245 * pose.scale, hair)
    disc(image, face, 0.19 * pose.scale, skin)


def limb(
    image: Image, pose: Pose, points: Sequence[Point], widths: Sequence[float], colour: Colour
) -> None:
    """Draw a chain of thick segments with round joints."""
    places = pose.pixels(points)
    for start, end, first, last in zip(points, points[1:], widths, widths[1:], strict=False):
        fill(image, pose.pixels(_quad(start, end, first, last)), colour)
    for place, width in zip(places, widths, strict=True):
        disc(image, place, width / 2 * pose.scale * 0.95, colour)


def _sleeve(kind: int, pose: Pose, side: int, loose: float) -> tuple[list[Point], Point]:
    """A sleeve's polygon, empty without, and its landmark, the middle of its end."""
    shoulder, elbow, wrist = (side * SHOULDER, -0.64), pose.elbow(side), pose.wrist(side)
    if kind == 0:
        return [], (side * SHOULDER, -0.6)
    if kind == 1:
        end = (shoulder[0] * 0.3 + elbow[0] * 0.7, shoulder[1] * 0.3 + elbow[1] * 0.7)
        return _quad(shoulder, end, 0.27 * loose, 0.25 * loose), end
    end = (elbow[0] * 0.1 + wrist[0] * 0.9, elbow[1] * 0.1 + wrist[1] * 0.9)
    upper = _quad(shoulder, elbow, 0.27 * loose, 0.22 * loose)
    lower = _quad(elbow, end, 0.22 * loose, 0.19 * loose)
    return [upper[0], upper[1], lower[1], lower[2], lower[3], upper[3]], end


def _hem(design: Design, hips: float, spread: float) -> float:
    """Half the width of the hem; with legs, where their outer borders are."""
    cut = CUTS[design.cut]
    if not cut.legs:
        waist = 0.25 * (hips / HIP)
        return max(hips * cut.flare * (0.75 + 0.5 * min(design.length, 1)), waist)
    leg = (0.13, 0.17, 0.25)[design.fit] * cut.flare
    knee = 0.16 if design.length < 0.8 else spread
    return knee + leg


def _body(design: Design, waist: float, hips: float, hem: float) -> list[list[Point]]:
    """The pieces below the neck but for the sleeves."""
    cut, length = CUTS[design.cut], design.length
    top: list[Point] = [(waist, 0.0), (-waist, 0.0)]
    if cut.type != 1:
        shoulder = 0.39 if design.sleeve else 0.3
        armhole = (0.36 + waist) / 2 + 0.02
        right: list[Point] = [(0.15, -0.78), (shoulder, -0.7), (armhole, -0.42), (waist, 0.0)]
        top = [*right, *((-x, y) for x, y in reversed(right))]
    if not cut.legs:
        hip: list[Point] = [(hips, 0.25), (hem, length)] if length > 0.3 else [(hem, length)]
        right = top[: len(top) // 2]
        return [[*right, *hip, *((-x, y) for x, y in reversed(hip)), *top[len(top) // 2 :]]]
    pieces = [top] if cut.type != 1 else []
    inner = 0.03 if length < 0.8 else max(hem - (0.26, 0.34, 0.5)[design.fit] * cut.flare, 0.02)
    for side in (-1, 1):
        leg = [(0, 0), (waist, 0), (hips, 0.25), (hem, length), (inner, length), (0, 0.36)]
        pieces.append([(side * x, y) for x, y in leg])
    return pieces


def _neck(kind: int) -> list[Point]:
    if kind < 0:
        return []
    depth = (-0.7, -0.5, -0.68, -0.72)[kind]
    return [(-0.15, -0.8), (0.15, -0.8), (0.1, depth - 0.03), (0.0, depth), (-0.1, depth - 0.03)]


def _details(
    image: Image, design: Design, pose: Pose, shape: Outline, dark: Colour, *, from_behind: bool
) -> None:
    """Hood, yoke, neckline and collar; what only the front has."""
    light = shade(tuple(COLOURS.values())[design.colour], 1.35)
    if design.neck == 3:
        disc(image, pose.pixels([(0, -0.78)])[0], 0.2 * pose.scale, dark)
    if "two-tone yoke" in design.extras:
        yoke = [(-0.15, -0.78), (0.15, -0.78), (0.37, -0.7), (0.33, -0.5), (-0.33, -0.5)]
        fill(image, pose.pixels([*yoke, (-0.37, -0.7)]), light)
    if shape.neck and not from_behind:
        fill(image, pose.pixels(shape.neck), shade(dark, 0.55))
    if design.neck == 2:
        for side in (-1, 1):
            flap = [(side * 0.17, -0.82), (side * 0.01, -0.68), (side * 0.2, -0.6)]
            fill(image, pose.pixels(flap), light)
    if not from_behind:
        _front(image, design, pose, shape, dark, light)


def _front(
    image: Image, design: Design, pose: Pose, shape: Outline, dark: Colour, light: Colour
) -> None:
    """Opening, buttons, pocket and belt."""
    width = pose.scale * 0.03
    if CUTS[design.cut].opens:
        line(image, pose.pixels([(0, -0.66), (0, shape.bottom)]), dark, width)
    if "button front" in design.extras:
        for y in np.arange(-0.5, min(shape.bottom, 0.5), 0.16):
            disc(image, pose.pixels([(0.0, y)])[0], 0.025 * pose.scale, light)
    if "front pocket" in design.extras:
        pocket = [(0.08, -0.42), (0.24, -0.42), (0.24, -0.25), (0.16, -0.21), (0.08, -0.25)]
        line(image, pose.pixels([*pocket, pocket[0]]), dark, width * 0.7)
    if "belted" in design.extras:
        line(image, pose.pixels([(-0.27, 0.02), (0.27, 0.02)]), shade(dark, 0.5), width * 2)


def _quad(start: Point, end: Point, first: float, last: float) -> list[Point]:
    """A segment with a width at each end, as four corners."""
    (x1, y1), (x2, y2) = start, end
    length = float(np.hypot(x2 - x1, y2 - y1)) or 1.0
    u, v = -(y2 - y1) / length / 2, (x2 - x1) / length / 2
    return [
        (x1 + u * first, y1 + v * first),
        (x2 + u * last, y2 + v * last),
        (x2 - u * last, y2 - v * last),
        (x1 - u * first, y1 - v * first),
    ]
