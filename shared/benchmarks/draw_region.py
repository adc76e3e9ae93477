"""Draw an active region and what is left of it in later stages: ``draw_region.py [FILE]``."""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from vision_shared.region import Region

SIDE, CELLS, GAP = 320, 64, 12  # of a panel in pixels and cells, and between panels
SHARES = 0.48, 0.35  # of all cells that are active in stages 2 and 3
INK, ACTIVE = (40, 40, 40), (255, 150, 30)
SHAPES = {  # colour -> an ellipse or polygon, in 320ths of the image
    (204, 219, 232): [(0, 0), (320, 0), (320, 200), (0, 200)],
    (148, 170, 120): [(0, 190), (90, 170), (200, 186), (320, 160), (320, 320), (0, 320)],
    (226, 190, 92): [(222, 34), (282, 94)],
    (176, 96, 84): [(28, 118), (84, 78), (140, 118), (140, 216), (28, 216)],
    (92, 112, 150): [(190, 130), (262, 230)],
    (70, 78, 96): [(152, 214), (302, 286)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", default=Path("docs/region.png"))
    scene = draw_scene(4 * SIDE).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    distance = distance_to_boundary(draw_scene(CELLS))
    panels = [(scene, "stage 1: every cell")]
    for number, share in enumerate(SHARES, 2):
        region = Region(nearest(distance, share))
        rate = region.num_active / region.mask.numel()
        panels.append((shade(scene, region), f"stage {number}: {rate:.0%} of {CELLS}x{CELLS}"))
    beside(panels).quantize(64).save(parser.parse_args().file, optimize=True)


def draw_scene(side: int) -> Image.Image:
    """Draw the scene without smoothing, so that its colours are its classes."""
    scene = Image.new("RGB", (side, side))
    draw = ImageDraw.Draw(scene)
    for colour, points in SHAPES.items():
        corners = [(x * side / 320, y * side / 320) for x, y in points]
        if len(corners) == 2:
            draw.ellipse(corners, fill=colour)
        else:
            draw.polygon(corners, fill=colour)
    return scene


def distance_to_boundary(classes: Image.Image) -> Tensor:
    """Return the distance (H, W) of each cell to the nearest of another colour beside it."""
    numbers = torch.frombuffer(bytearray(classes.tobytes()), dtype=torch.uint8)
    cells = numbers.view(classes.height, classes.width, 3).int() @ torch.tensor(
        [1, 256, 65536], dtype=torch.int32
    )
    wide = F.pad(cells[None].float(), (0, 1, 0, 1), mode="replicate")[0]
    here = (wide[:-1, :-1] != wide[1:, :-1]) | (wide[:-1, :-1] != wide[:-1, 1:])
    grid = torch.cartesian_prod(torch.arange(classes.height), torch.arange(classes.width)).float()
    return torch.cdist(grid, grid[here.flatten()]).amin(1).view_as(cells)


def nearest(distance: Tensor, share: float) -> Tensor:
    """Return the mask (1, H, W) of this share of the cells with the smallest distance."""
    mask = torch.zeros(distance.numel(), dtype=torch.bool)
    mask[distance.flatten().argsort(stable=True)[: round(share * mask.numel())]] = True
    return mask.view(1, *distance.shape)


def shade(scene: Image.Image, region: Region) -> Image.Image:
    """Tint active cells; what is not computed fades to white."""
    grey = region.mask[0].to(torch.uint8) * 255
    cells = Image.frombytes("L", (CELLS, CELLS), bytes(grey.flatten().tolist()))
    tinted = Image.blend(scene, Image.new("RGB", scene.size, ACTIVE), 0.45)
    faded = Image.blend(scene, Image.new("RGB", scene.size, "white"), 0.7)
    return Image.composite(tinted, faded, cells.resize(scene.size, Image.Resampling.NEAREST))


def beside(panels: list[tuple[Image.Image, str]]) -> Image.Image:
    """Return the panels in a row, each over its caption."""
    sheet = Image.new("RGB", (len(panels) * (SIDE + GAP) - GAP, SIDE + 30), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (panel, caption) in enumerate(panels):
        left = i * (SIDE + GAP)
        sheet.paste(panel, (left, 0))
        draw.text((left, SIDE + 7), caption, fill=INK, font=ImageFont.load_default(16))
    return sheet


if __name__ == "__main__":
    main()
