"""Shoes, bags, scarves, ties and what hands hold: the rest of an outfit.

Bags, cups and phones are rounded boxes that move with one bone; straps, ties and the ends of
scarves are patches on the outermost cloth.
"""

import functools
from dataclasses import replace

import numpy as np

from synthetic_people import body
from synthetic_people.collars import scarf as wound
from synthetic_people.design import RGB, dimmed
from synthetic_people.mesh import Material, Mesh
from synthetic_people.outfit import Outfit
from synthetic_people.parts import BAG, SHOES, UPPER
from synthetic_people.patches import Field, Fields, Patch, joined, patch
from synthetic_people.shell import OFF_ARM, shell

FAR = 1.0
CANVAS = Material("", gloss=0.03, exponent=10.0, two_sided=True)
HIDE = Material("", gloss=0.18, exponent=22.0, two_sided=True)
GLASS: RGB = (0.01, 0.01, 0.012)


def shoes(name: str, colour: RGB, rest: np.ndarray) -> Mesh:
    """Return a pair of the pack's shoes on a body at rest; the hue of `colour` dyes them."""
    mesh = body.fit(f"shoes/{name}", rest)
    dye = np.array(colour) / max(colour)
    mesh.material = replace(mesh.material, colour=tuple((0.4 + 0.6 * dye).tolist()))
    mesh.part = SHOES
    return mesh


def carried(
    clothes: Outfit, rest: np.ndarray, cloth: np.ndarray, normals: np.ndarray
) -> list[Mesh]:
    """Return bag, scarf and what is held, over the outermost cloth (N, 3) of the shell."""
    _, bag_colour, scarf_colour, _ = clothes.extras
    out = []
    if clothes.scarf:
        look = Material("", (*scarf_colour,), 0.005, 6.0, two_sided=True, fold=0.5, fold_size=0.05)
        out.append(wound(cloth, look, "scarf"))
        ends = Material("", two_sided=True, fold=0.5, fold_size=0.05)
        out.append(_laid(_scarf_ends(scarf_colour), "scarf.ends", ends, cloth, normals))
        for mesh in out:
            mesh.part = UPPER
            mesh.rest = mesh.vertices
    if clothes.bag:
        bag = [_laid(_straps(clothes.bag, bag_colour), "bag.strap", HIDE, cloth, normals)]
        bag += _bag(clothes.bag, bag_colour, cloth)
        out += [_labelled(mesh, BAG) for mesh in bag]
    if clothes.held:
        out += [_labelled(mesh, BAG) for mesh in _held(clothes.held, bag_colour, rest)]
    return out


def tie(colour: RGB, cloth: np.ndarray, normals: np.ndarray) -> Mesh:
    """Return a tie on the cloth (N, 3) of a shirt."""
    silk = Material("", gloss=0.15, exponent=16.0, two_sided=True)
    return _labelled(_laid(_tie(colour), "tie", silk, cloth, normals), UPPER)


def _labelled(mesh: Mesh, part: int) -> Mesh:
    mesh.part = part
    return mesh


# ---- patches ------------------------------------------------------------------------------------
def _laid(piece: Patch, name: str, look: Material, cloth: np.ndarray, normals: np.ndarray) -> Mesh:
    return Mesh(
        name, piece.place(cloth, normals), piece.faces, piece.uv, piece.faces, piece.bones,
        piece.bone_weights, look, piece.cut, piece.tint,
    )  # fmt: skip


def _on_torso(field: Field) -> Field:
    """Leave out arms and legs."""
    return lambda f: np.where((f["arm"] < 0.25) & (f["down"] < 0.35), field(f), -FAR)


@functools.lru_cache(maxsize=64)
def _tie(colour: RGB) -> Patch:
    def blade(f: Fields) -> np.ndarray:
        wide = np.interp(f["y"], [0.19, 0.235, 0.53, 0.555, 0.56, 0.575],
                         [0.0, 0.044, 0.018, 0.02, 0.026, 0.02])  # fmt: skip
        inside = np.minimum(wide - np.abs(f["x"]), 0.575 - f["y"])
        return np.where(f["z"] > 0.02, inside, -FAR)

    def knot(f: Fields) -> np.ndarray:
        return np.minimum(blade(f), f["y"] - 0.53)

    dark = dimmed(colour, 0.7)
    pieces = [patch(blade, {}, colour, 0.005, 1), patch(knot, {}, dark, 0.012, 2)]
    return joined([piece for piece in pieces if piece is not None])


@functools.lru_cache(maxsize=64)
def _scarf_ends(colour: RGB) -> Patch:
    def ends(f: Fields) -> np.ndarray:
        left = np.minimum(0.04 - np.abs(f["x"] - 0.055), f["y"] - 0.18)
        right = np.minimum(0.036 - np.abs(f["x"] + 0.04), f["y"] - 0.3)
        front = np.where(f["z"] > 0.02, FAR, -FAR)
        return np.minimum(np.minimum(np.maximum(left, right), 0.57 - f["y"]), front)

    made = patch(_on_torso(ends), {}, colour, 0.02, 1)
    assert made is not None
    return made


@functools.lru_cache(maxsize=64)
def _straps(bag: str, colour: RGB) -> Patch:
    def across(f: Fields) -> np.ndarray:
        return 0.014 - np.abs(_beside(f, (0.1, 0.58), (-0.17, 0.06)))

    def shoulder(f: Fields) -> np.ndarray:
        off = _beside(f, (0.12, 0.6), (0.2, 0.2))
        return np.minimum(0.012 - np.abs(off), f["y"] - 0.28)

    def pair(f: Fields) -> np.ndarray:
        off = np.abs(f["x"]) - np.interp(f["y"], [0.3, 0.4, 0.58], [0.13, 0.095, 0.085])
        return np.minimum(0.022 - np.abs(off), f["y"] - 0.32)

    field = {"shoulder bag": across, "tote": shoulder, "backpack": pair}[bag]
    made = patch(_on_torso(field), {}, dimmed(colour, 0.7), 0.009, 1)
    assert made is not None
    return made


def _beside(f: Fields, a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    """Metres from the line through two points of the front (x, y)."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    return ((f["x"] - a[0]) * dy - (f["y"] - a[1]) * dx) / np.hypot(dx, dy)


# ---- boxes --------------------------------------------------------------------------------------
AROUND, ALONG = 20, 11


@functools.cache
def _ball() -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (A, 3) of a sphere's grid, and its faces."""
    u = np.arange(AROUND) * 2 * np.pi / AROUND
    v = np.linspace(0, np.pi, ALONG)
    x, y = np.sin(v)[:, None] * np.sin(u), np.broadcast_to(np.cos(v)[:, None], (ALONG, AROUND))
    points = np.stack([x, y, np.sin(v)[:, None] * np.cos(u)], -1).reshape(-1, 3)
    i, j = (a.ravel() for a in np.mgrid[: ALONG - 1, :AROUND])
    a, b = i * AROUND + j, i * AROUND + (j + 1) % AROUND
    faces = np.concatenate([
        np.stack([a, a + AROUND, b], -1), np.stack([b, a + AROUND, b + AROUND], -1)
    ])  # fmt: skip
    return points, faces.astype(np.int32)


def rounded(
    name: str, middle: np.ndarray, axes: np.ndarray, half: tuple[float, float, float],
    bones: np.ndarray, bone_weights: np.ndarray, look: Material, colour: RGB,
    square: tuple[float, float] = (0.3, 0.3),
) -> Mesh:  # fmt: skip
    """Return a rounded box (a superellipsoid) that moves with given bones.

    Args:
        name: name of the mesh. middle: (3,) metres. axes: (3, 3) rows: across, up, ahead.
        half: half sizes along the axes, metres.
        bones, bone_weights: (4,) of all its vertices.
        look, colour: its material.
        square: exponents around and along the up axis; 1 is a ball, near 0 a box.
    """
    ball, faces = _ball()
    level = ball[:, 1]
    ring = np.hypot(ball[:, 0], ball[:, 2])
    turn = np.arctan2(ball[:, 0], ball[:, 2])
    power = lambda x, p: np.sign(x) * np.abs(x) ** p  # noqa: E731
    wide = power(ring, square[1])
    shape = np.stack([
        wide * power(np.sin(turn), square[0]), power(level, square[1]),
        wide * power(np.cos(turn), square[0]),
    ], 1)  # fmt: skip
    vertices = middle + (shape * half) @ axes
    count = len(vertices)
    return Mesh(
        name, vertices.astype(np.float32), faces, np.zeros((count, 2), np.float32), faces,
        np.tile(bones, (count, 1)), np.tile(bone_weights, (count, 1)).astype(np.float32), look,
        tint=np.tile(np.asarray(colour, np.float32), (count, 1)),
    )  # fmt: skip


# bag -> where it hangs (x, y of the neutral body, front or back), half sizes, how far out
BAGS = {
    "shoulder bag": ((-0.2, 0.02, 0.0), (0.055, 0.1, 0.14)),
    "tote": ((0.21, 0.16, -0.03), (0.055, 0.17, 0.17)),
    "backpack": ((0.0, 0.36, -0.1), (0.15, 0.21, 0.08)),
}


def _bag(kind: str, colour: RGB, cloth: np.ndarray) -> list[Mesh]:
    it = shell()
    place, half = BAGS[kind]
    on_torso = np.where(it.arm > OFF_ARM, 9.0, 0.0)
    near = int((np.linalg.norm(it.position - place, axis=1) + on_torso).argmin())
    outward = np.array([np.sign(place[0]), 0, 0.0]) if place[0] else np.array([0, 0, -1.0])
    middle = cloth[near] + outward * (half[0] if place[0] else half[2]) * 0.95
    look = CANVAS if kind == "backpack" else HIDE
    axes = np.eye(3)
    bones = (it.bones[near], it.bone_weights[near])
    main = rounded("bag", middle, axes, half, *bones, look, colour, (0.35, 0.35))
    flap = np.array(half) * (1.06, 0.5, 1.04)
    dark = dimmed(colour, 0.8)
    top = middle + np.array([0, half[1] * (0.52 if kind != "backpack" else -0.35), 0])
    if kind == "backpack":
        top = top + outward * half[2] * 0.35
        flap = np.array(half) * (0.75, 0.42, 0.85)
    over = rounded("bag.flap", top, axes, tuple(flap), *bones, look, dark, (0.35, 0.35))
    return [main] if kind == "tote" else [main, over]


def _held(what: str, colour: RGB, rest: np.ndarray) -> list[Mesh]:
    """A thing in the person's right hand, for a hand whose fingers bend around it or hang."""
    rig = body.rig()
    heads, _ = rig.joints(rest)
    at = lambda bone: heads[rig.index(bone)]  # noqa: E731
    wrist, knuckle = at("wrist.R"), at("finger3-1.R")
    along = _unit(knuckle - wrist)
    across = _unit(at("finger2-1.R") - at("finger5-1.R"))  # towards the thumb
    palm = _unit(np.cross(along, across))
    if palm @ (at("finger1-3.R") - wrist) < 0:
        palm = -palm
    across = np.cross(palm, along)
    bones = (
        np.array([rig.index("wrist.R"), 0, 0, 0], np.uint8),
        np.array([1, 0, 0, 0], np.float32),
    )
    if what == "phone":
        axes = np.stack([across, along, palm])
        middle = knuckle + palm * 0.03 + along * 0.03
        return [
            rounded("phone", middle, axes, (0.037, 0.075, 0.005), *bones, HIDE, GLASS, (0.15, 0.15))
        ]
    if what == "cup":
        axes = np.stack([along, across, palm])
        middle = knuckle + palm * 0.045
        body_ = rounded(
            "cup", middle, axes, (0.036, 0.06, 0.036), *bones, CANVAS, (0.7, 0.66, 0.6), (1.0, 0.2)
        )
        lid = rounded(
            "cup.lid", middle + across * 0.056, axes, (0.038, 0.009, 0.038), *bones, HIDE,
            (0.05, 0.04, 0.04), (1.0, 0.3),
        )  # fmt: skip
        return [body_, lid]
    axes = np.stack([palm, -along, across])
    middle = knuckle + along * 0.2
    strap = rounded(
        "handbag.strap", knuckle + along * 0.05, axes, (0.008, 0.06, 0.06), *bones, HIDE,
        dimmed(colour, 0.6), (0.5, 0.9),
    )  # fmt: skip
    return [
        rounded("handbag", middle, axes, (0.06, 0.11, 0.15), *bones, HIDE, colour, (0.35, 0.35)),
        strap,
    ]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
