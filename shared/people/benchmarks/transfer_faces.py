"""Do renders teach a network what a face is? A window classifier, tested on photographs of faces.

The test is scikit-image's lfw_subset: 100 faces and 100 other pieces of photographs, 25 pixels
each. Neither it nor any other photograph of a person is seen in training, and the threshold is set
where windows of validation renders and validation backgrounds are confused least.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from skimage.data import lfw_subset
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

import imagenet
from augment import photometric
from renders import Render
from synthetic_people.backgrounds import Backgrounds

WINDOW = 32
SMALLEST = 11  # pixels of a face that is shown in training
SCALE = 2.5  # side of a face's window over the distance from the eyes to the mouth


@dataclass(frozen=True)
class Windows:
    """Stacks of equal images, and where the faces are in those that have some.

    Args:
        images: (N, 3, S, S) uint8 renders.
        faces: (M, 4) float32 index of the image, centre x, centre y and side in pixels.
        clear: numbers of the faces that are large and in view; the others are neither faces to
            find nor background.
        photos: (P, 3, Q, Q) uint8 photographs without anyone.
    """

    images: Tensor
    faces: Tensor
    clear: Tensor
    photos: Tensor


@dataclass(frozen=True)
class Result:
    """Area under the ROC curve; faces found and others taken for faces, of 100 each; CPU time."""

    auc: float
    found: int
    false: int
    seconds: float


def make_windows(renders: list[Render], split: str) -> Windows:
    """Return the windows' sources: renders, and the photographs without anyone of a split."""
    backgrounds = Backgrounds(split=split)
    rng = np.random.default_rng(0)
    side = min(min(image.shape[:2]) for image in map(backgrounds.whole, range(len(backgrounds))))
    photos = [_square(backgrounds.whole(i), side, rng) for i in range(len(backgrounds))]
    found = [(i, face) for i, render in enumerate(renders) for face in render.faces]
    faces = [(i, *face_square(face.landmarks)) for i, face in found]
    clear = [
        number
        for number, (_, face) in enumerate(found)
        if face.is_clear and faces[number][3] >= SMALLEST
    ]
    return Windows(
        _stack([render.image for render in renders]),
        torch.tensor(faces, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(clear),
        _stack(photos),
    )


def face_square(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Return the centre x, y and the side of the square from the brows to the chin."""
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    x, y = 0.45 * eyes + 0.55 * mouth
    return float(x), float(y), float(SCALE * np.hypot(*(mouth - eyes)))


class WindowNet(nn.Module):
    """Windows (B, 3, 32, 32) in [0, 1] -> logits (B,) of a face; 138 k parameters."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for out, stride in zip((1, 1, 2, 2, 4, 4), (1, 2, 1, 2, 1, 2), strict=True):
            layers += [
                nn.Conv2d(channels, width * out, 3, stride, 1, bias=False),
                nn.BatchNorm2d(width * out),
                nn.ReLU(inplace=True),
            ]
            channels = width * out
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Conv2d(channels, 64, 4, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Conv2d(64, 1, 1),
        )

    def forward(self, windows: Tensor) -> Tensor:
        centred = windows - windows.mean((2, 3), keepdim=True)
        contrast = centred.flatten(1).std(1)[:, None, None, None] + 0.05
        return self.head(self.features(centred / contrast)).flatten()


def evaluate_network(train: Windows, val: Windows, seed: int, steps: int) -> Result:
    """Train the window classifier from scratch and test it on lfw_subset."""
    start = time.process_time()
    net = train_network(train, seed, steps)
    seconds = time.process_time() - start
    with torch.no_grad():
        faces, others = draw_windows(val, torch.Generator().manual_seed(0), 1500)
        threshold = choose_threshold(net(faces).numpy(), net(others).numpy())
        scores = net(lfw_windows()).numpy()
    return _score(scores, threshold, seconds)


def train_network(windows: Windows, seed: int, steps: int, batch: int = 72) -> WindowNet:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = WindowNet()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for _ in range(steps):
        faces, others = draw_windows(windows, generator, batch)
        data = photometric(torch.cat([faces, others]), generator)
        target = torch.cat([torch.ones(len(faces)), torch.zeros(len(others))])
        loss = functional.binary_cross_entropy_with_logits(net(data), target * 0.96 + 0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def evaluate_imagenet(train: Windows, val: Windows, seed: int, count: int = 1800) -> Result:
    """Fit logistic regression on frozen ImageNet features and test it on lfw_subset."""
    start = time.process_time()
    generator = torch.Generator().manual_seed(seed)
    net = imagenet.encoder().eval()

    @torch.no_grad()
    def features(windows: Tensor) -> np.ndarray:
        large = functional.interpolate(windows, size=96, mode="bilinear")
        return np.concatenate(
            [torch.cat([f.mean((2, 3)) for f in net(part)[2:]], 1) for part in large.split(64)]
        )

    faces, others = draw_windows(train, generator, count)
    data = features(photometric(torch.cat([faces, others]), generator))
    centre, spread = data.mean(0), data.std(0) + 1e-6
    model = LogisticRegression(C=0.01, max_iter=2000)
    model.fit((data - centre) / spread, np.r_[np.ones(len(faces)), np.zeros(len(others))])

    def scores(windows: Tensor) -> np.ndarray:
        return model.decision_function((features(windows) - centre) / spread)

    val_faces, val_others = draw_windows(val, torch.Generator().manual_seed(0), 900)
    threshold = choose_threshold(scores(val_faces), scores(val_others))
    seconds = time.process_time() - start
    return _score(scores(lfw_windows()), threshold, seconds)


def choose_threshold(faces: np.ndarray, others: np.ndarray) -> float:
    """Return the score with the least sum of missed faces' and false faces' shares."""
    candidates = np.sort(np.concatenate([faces, others]))
    missed = np.searchsorted(np.sort(faces), candidates, side="right") / len(faces)
    false = 1 - np.searchsorted(np.sort(others), candidates, side="right") / len(others)
    return float(candidates[np.argmin(missed + false)])


def lfw_windows() -> Tensor:
    """The 100 faces, then the 100 others, (200, 3, 32, 32)."""
    grey = torch.from_numpy(np.float32(lfw_subset()))[:, None].expand(-1, 3, -1, -1)
    return functional.interpolate(grey, size=WINDOW, mode="bilinear")


def _score(scores: np.ndarray, threshold: float, seconds: float) -> Result:
    faces, others = scores[:100], scores[100:]
    auc = float(roc_auc_score(np.r_[np.ones(100), np.zeros(100)], scores))
    return Result(auc, int((faces > threshold).sum()), int((others > threshold).sum()), seconds)


def draw_windows(windows: Windows, rng: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Return a third of `count` windows on faces, and twice that of others.

    Others are pieces of photographs, and of renders outside of any face or at the wrong size.
    """

    def random(size: int) -> Tensor:
        return torch.rand(size, generator=rng)

    third = count // 3
    drawn = windows.clear[torch.randint(len(windows.clear), (third,), generator=rng)]
    index, x, y, side = windows.faces[drawn].unbind(1)
    flip = torch.where(random(third) < 0.5, -1.0, 1.0)
    faces = cut(
        windows.images,
        index.long(),
        x + (random(third) - 0.5) * 0.22 * side,
        y + (random(third) - 0.5) * 0.22 * side,
        side * (0.8 + 0.65 * random(third)),
        (random(third) - 0.5) * 0.4,
        flip,
    )
    photo_side = windows.photos.shape[-1]
    index = torch.randint(len(windows.photos), (third,), generator=rng)
    side = photo_side * torch.exp(np.log(0.06) * random(third))
    x, y = (side / 2 + random(third) * (photo_side - side) for _ in "xy")
    pieces = cut(windows.photos, index, x, y, side)
    return faces, torch.cat([pieces, _beside_faces(windows, rng, third)])


def _beside_faces(windows: Windows, rng: torch.Generator, count: int) -> Tensor:
    """Return windows of renders, `count` but for those that lie on a face of its size."""
    image_side = windows.images.shape[-1]
    index = torch.randint(len(windows.images), (count,), generator=rng)
    spread = torch.exp(torch.randn(count, generator=rng) * 0.6)
    side = (image_side * 0.3 * spread).clamp(8, image_side * 0.94)
    x, y = (side / 2 + torch.rand(count, generator=rng) * (image_side - side) for _ in "xy")
    face_index, face_x, face_y, face_side = windows.faces.unbind(1)
    same = index[:, None] == face_index[None].long()
    distance = torch.maximum((x[:, None] - face_x).abs(), (y[:, None] - face_y).abs())
    apart = distance > 0.55 * torch.maximum(side[:, None], face_side)
    other_size = (side[:, None] > 2.6 * face_side) | (side[:, None] < 0.42 * face_side)
    free = (~same | apart | other_size).all(1)
    return cut(windows.images, index[free], x[free], y[free], side[free])


def cut(
    images: Tensor,
    index: Tensor,
    x: Tensor,
    y: Tensor,
    side: Tensor,
    angle: Tensor | None = None,
    flip: Tensor | None = None,
) -> Tensor:
    """Return square windows of a stack of square images, bilinear, (n, 3, 32, 32) in [0, 1]."""
    angle = torch.zeros(len(index)) if angle is None else angle
    flip = torch.ones(len(index)) if flip is None else flip
    steps = (torch.arange(WINDOW) + 0.5) / WINDOW - 0.5
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    u = u * flip[:, None, None]
    sine, cosine = torch.sin(angle)[:, None, None], torch.cos(angle)[:, None, None]
    grid_x = (u * cosine - v * sine) * side[:, None, None] + x[:, None, None]
    grid_y = (u * sine + v * cosine) * side[:, None, None] + y[:, None, None]
    grid = torch.stack([grid_x, grid_y], -1) / images.shape[-1] * 2 - 1
    pixels = images[index].float() / 255
    return functional.grid_sample(pixels, grid, align_corners=False, padding_mode="reflection")


def _stack(images: list[np.ndarray]) -> Tensor:
    sides = {image.shape for image in images}
    if len(sides) != 1 or images[0].shape[0] != images[0].shape[1]:
        raise ValueError(f"expected square images of one size, got {sorted(sides)}")
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())


def _square(image: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    top, left = (rng.integers(length - side + 1) for length in image.shape[:2])
    return image[top : top + side, left : left + side]
