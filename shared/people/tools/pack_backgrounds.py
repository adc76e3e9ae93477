"""Pack the photographs without anyone that lie behind synthetic people, from registry packages.

    apt-get download blender-data gcompris-qt-data lomiri-wallpapers-16.04 opencv-doc
    for f in *.deb; do dpkg-deb -x "$f" "sources/${f%%_*}"; done
    npm pack @pmndrs/assets@1.7.0 && mkdir -p sources/pmndrs-assets
    tar -xzf pmndrs-assets-1.7.0.tgz -C sources/pmndrs-assets
    pip install OpenEXR scikit-image scikit-learn
    python shared/people/tools/pack_backgrounds.py sources

`assets/backgrounds/PROVENANCE.csv` is the list: a row for each image says the package, the file in
it, title, author, licence and address, and for a panorama the view (yaw/pitch/field in degrees).
Images have 256 pixels on the short side. Every one has been looked at: no person, no drawn face.
"""

import argparse
import base64
import csv
import functools
import importlib.util
import io
import re
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates, maximum_filter

PACK = Path(__file__).parents[1] / "src/synthetic_people/assets/backgrounds"
SHORT_SIDE = 256
QUALITY = 84
LICENCES = {"CC0-1.0", "public domain", "CC-BY-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0"}
LICENCES |= {"Apache-2.0"}


def pack(sources: Path, folder: Path = PACK) -> int:
    """Write every image that the list names into `folder`; return the sum of their sizes in bytes.

    Raises ValueError for a licence that is not among `LICENCES`.
    """
    with (folder / "PROVENANCE.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    total = 0
    for row in rows:
        if row["licence"] not in LICENCES:
            raise ValueError(f"expected a licence among {LICENCES}, got {row}")
        target = folder / row["image"]
        small(photograph(sources, row)).save(target, quality=QUALITY, method=6)
        total += target.stat().st_size
    return total


def photograph(sources: Path, row: dict[str, str]) -> Image.Image:
    """The image of a row at its own size."""
    package, file = row["package"].split()[0], row["file"]
    if row["view"]:
        yaw, pitch, field = (float(number) for number in row["view"].split("/"))
        return view(panorama(sources / package / file), yaw, pitch, field)
    if ".rcc:" in file:
        archive, member = file.split(":")
        return Image.open(io.BytesIO(resources(sources / package / archive)[member]))
    if package in ("scikit-image", "scikit-learn"):
        module = {"scikit-image": "skimage", "scikit-learn": "sklearn"}[package]
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None
        return Image.open(Path(spec.origin).parent / file)
    return Image.open(sources / package / file)


def small(image: Image.Image) -> Image.Image:
    """The image with `SHORT_SIDE` pixels on its short side, its middle where it is very long."""
    image = image.convert("RGB")
    scale = SHORT_SIDE / min(image.size)
    image = image.resize(
        (round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS
    )
    width, height = (min(side, SHORT_SIDE * 3 // 2) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


@functools.lru_cache(maxsize=1)
def panorama(path: Path) -> np.ndarray:
    """Radiance (H, 2H, 3) of an OpenEXR panorama, or of one inside a JavaScript module."""
    import OpenEXR  # pyrefly: ignore[missing-import]  # for this script alone

    content = path.read_bytes()
    if path.suffix == ".js":
        found = re.search(rb"base64,([A-Za-z0-9+/=]+)", content)
        if found is None:
            raise ValueError(f"{path}: expected a base64 data address")
        content = base64.b64decode(found.group(1))
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(content)
        file.flush()
        channels = OpenEXR.File(file.name).channels()
        name = next(name for name in ("RGB", "RGBA") if name in channels)
        pixels = np.asarray(channels[name].pixels, np.float32)[..., :3]
    # Lossy compression rings around lamps: what is well below zero takes its brightest neighbour.
    ringing = (pixels < -0.02).any(axis=2, keepdims=True)
    pixels = np.where(ringing, maximum_filter(pixels, size=(5, 5, 1)), pixels)
    return np.nan_to_num(np.maximum(pixels, 0), posinf=1e4)


def view(radiance: np.ndarray, yaw: float, pitch: float, field: float) -> Image.Image:
    """A 4:3 photograph from the middle of a panorama, `field` degrees wide, exposed by itself."""
    width, height = SHORT_SIDE * 4 // 3, SHORT_SIDE
    focal = width / 2 / np.tan(np.radians(field) / 2)
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, height / 2 - np.arange(height) - 0.5)
    turn, tilt = np.radians(yaw), np.radians(pitch)
    up = y * np.cos(tilt) + focal * np.sin(tilt)
    forward = focal * np.cos(tilt) - y * np.sin(tilt)
    longitude = turn + np.arctan2(x, forward)
    latitude = np.arctan2(up, np.hypot(x, forward))
    rows = (0.5 - latitude / np.pi) * radiance.shape[0] - 0.5
    columns = (longitude / (2 * np.pi) % 1) * radiance.shape[1] - 0.5
    wrapped = np.pad(radiance, ((2, 2), (2, 2), (0, 0)), mode="wrap")
    wrapped[:2], wrapped[-2:] = wrapped[2], wrapped[-3]
    colour = np.stack(
        [
            map_coordinates(wrapped[..., c], [rows + 2, columns + 2], order=1, mode="nearest")
            for c in range(3)
        ],
        axis=-1,
    )
    luminance = colour.mean(-1)
    exposed = colour * (0.4 / np.exp(np.log(luminance + 1e-3).mean()))
    mapped = exposed * (1 + exposed / 16) / (1 + exposed)  # Reinhard et al. 2002, equation 4
    return Image.fromarray((np.clip(mapped, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8))


@functools.lru_cache(maxsize=2)
def resources(path: Path) -> dict[str, bytes]:
    """The files of a Qt resource archive by their paths."""
    content = path.read_bytes()
    magic, version, tree, data, names = struct.unpack(">4sIIII", content[:20])
    if magic != b"qres":
        raise ValueError(f"{path}: expected a Qt resource archive, got {magic!r}")
    node_size = 22 if version >= 2 else 14

    def name(offset: int) -> str:
        (length,) = struct.unpack_from(">H", content, names + offset)
        start = names + offset + 6
        return content[start : start + 2 * length].decode("utf-16-be")

    files: dict[str, bytes] = {}

    def walk(node: int, prefix: str) -> None:
        offset = tree + node * node_size
        name_offset, flags = struct.unpack_from(">IH", content, offset)
        here = prefix if node == 0 else f"{prefix}/{name(name_offset)}"
        if flags & 2:
            count, first = struct.unpack_from(">II", content, offset + 6)
            for child in range(first, first + count):
                walk(child, here)
            return
        (start,) = struct.unpack_from(">I", content, offset + 10)
        (length,) = struct.unpack_from(">I", content, data + start)
        body = content[data + start + 4 : data + start + 4 + length]
        files[here] = zlib.decompress(body[4:]) if flags & 1 else body

    walk(0, "")
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the photographs behind synthetic people.")
    parser.add_argument("sources", type=Path, help="folder with the unpacked packages")
    total = pack(parser.parse_args().sources)
    print(f"{total / 1e6:.2f} MB in {PACK}")


if __name__ == "__main__":
    main()
