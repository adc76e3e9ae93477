"""Do renders teach where people are? A parsing network, tested on photographs with drawn masks.

An EfficientNet-Lite0 with ImageNet's weights and frozen statistics, and a small decoder, are
trained on renders' parts; a person is whatever is not background. The photographs are the PASCAL
VOC images of labelme's examples: a proof that it carries over, no benchmark of parsing.
"""

import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import imagenet
from augment import photometric
from photographs import IGNORED, Photograph
from renders import Render
from synthetic_people.backgrounds import Backgrounds

SIDE = 128  # of the squares that training sees
LONG_SIDE = 320  # of photographs in the test
ZOOMS = (0.35, 1.3)  # least and largest side of a square over that of the render
WITHOUT_ANYONE = 0.15  # share of photographs without people in a batch


class ParsingNet(nn.Module):
    """Images (B, 3, H, W) in [0, 1] -> logits (B, K, H, W); H and W are multiples of 32."""

    def __init__(self, num_parts: int, width: int = 48) -> None:
        super().__init__()
        self.encoder = imagenet.encoder()
        self.lateral = nn.ModuleList([nn.Conv2d(c, width, 1) for c in imagenet.WIDTHS])
        self.smooth = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1) for _ in imagenet.WIDTHS[1:]]
        )
        self.head = nn.Conv2d(width, num_parts, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = [layer(m) for layer, m in zip(self.lateral, self.encoder(images), strict=True)]
        merged = maps[-1]
        for finer, smooth in zip(maps[-2::-1], self.smooth, strict=True):
            merged = functional.interpolate(merged, size=finer.shape[2:], mode="bilinear")
            merged = functional.relu(smooth(functional.relu(merged + finer)))
        return functional.interpolate(self.head(merged), size=images.shape[2:], mode="bilinear")


def evaluate_parsing(
    renders: list[Render], photographs: list[Photograph], seed: int, steps: int
) -> tuple[float, float]:
    """Return the IoU of people over all photographs that have masks, and the CPU seconds."""
    start = time.process_time()
    net = train_parsing(renders, seed, steps)
    seconds = time.process_time() - start
    common = union = 0
    for photo in photographs:
        if photo.person is None:
            continue
        known, truth = photo.person != IGNORED, photo.person == 1
        predicted = predict_person(net, photo.image)
        common += int((predicted & truth & known).sum())
        union += int(((predicted | truth) & known).sum())
    return common / union, seconds


def train_parsing(renders: list[Render], seed: int, steps: int, batch: int = 12) -> ParsingNet:
    """Train on random squares of renders and of photographs without anyone."""
    torch.manual_seed(seed)
    rng, numbers = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    usable = [render for render in renders if render.parts is not None]
    if not usable:
        raise ValueError("expected renders with parts, got none")
    num_parts = 1 + max(int(render.parts.max()) for render in usable if render.parts is not None)
    net, backgrounds = ParsingNet(num_parts), Backgrounds(split="train")
    decoder = [p for name, p in net.named_parameters() if not name.startswith("encoder")]
    optimizer = torch.optim.AdamW(
        [{"params": decoder}, {"params": net.encoder.parameters(), "lr": 5e-4}], lr=2e-3
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [2e-3, 5e-4], steps)
    for _ in range(steps):
        pairs = [
            _nobody(backgrounds, rng) if rng.random() < WITHOUT_ANYONE else _square(usable, rng)
            for _ in range(batch)
        ]
        images = photometric(torch.stack([image for image, _ in pairs]), numbers)
        logits = net(images)
        loss = functional.cross_entropy(logits, torch.stack([parts for _, parts in pairs]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def predict_person(net: ParsingNet, image: np.ndarray) -> np.ndarray:
    """Return where people are in a photograph, (H, W) bool, from it and its mirror image."""
    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    size = [max(32, round(length * scale / 32) * 32) for length in (height, width)]
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    small = functional.interpolate(tensor, size=size, mode="area")
    people = [1 - net(x).softmax(1)[:, :1] for x in (small, small.flip(3))]
    mean = (people[0] + people[1].flip(3)) / 2
    mean = functional.interpolate(mean, size=(height, width), mode="bilinear")
    return mean[0, 0].numpy() > 0.5


def _square(renders: list[Render], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A square of a random render and its parts; beyond its edges it is mirrored."""
    render = renders[rng.integers(len(renders))]
    height, width = render.image.shape[:2]
    side = max(height, width) * np.exp(rng.uniform(*np.log(ZOOMS)))
    grid = _grid(rng, height, width, side)
    assert render.parts is not None
    image = torch.from_numpy(render.image.copy()).permute(2, 0, 1)[None].float() / 255
    parts = torch.from_numpy(render.parts.copy())[None, None].float()
    padding = "reflection"
    image = functional.grid_sample(image, grid, padding_mode=padding, align_corners=False)
    parts = functional.grid_sample(
        parts, grid, mode="nearest", padding_mode=padding, align_corners=False
    )
    return image[0], parts[0, 0].long()


def _grid(rng: np.random.Generator, height: int, width: int, side: float) -> Tensor:
    """Sampling positions (1, 128, 128, 2) of a square somewhere in an image, mirrored or not."""
    y, x = (
        rng.uniform(min(side, length) / 2, length - min(side, length) / 2)
        for length in (height, width)
    )
    steps = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    u = u if rng.random() < 0.5 else -u
    columns, rows = (u * side + x) / width, (v * side + y) / height
    return (torch.stack([columns, rows], -1) * 2 - 1)[None].float()


def _nobody(backgrounds: Backgrounds, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    pixels = torch.from_numpy(backgrounds.crop(rng, SIDE).copy())
    return pixels.permute(2, 0, 1).float() / 255, torch.zeros(SIDE, SIDE, dtype=torch.long)
