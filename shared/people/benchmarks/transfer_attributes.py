"""Do renders teach attributes of faces? Tested on photographs whose faces were labelled by eye.

Faces are cropped by their landmarks with hair and chin. A logistic regression for each attribute is
fitted on ImageNet features of crops of renders, nothing on photographs.
"""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

import imagenet
from augment import photometric
from photographs import Photograph
from renders import Render
from transfer_faces import face_square

CROP = 112  # pixels
SMALLEST = 30  # pixels of a face from its brows to its chin
MARGIN = 1.6  # side of a crop over that of the square from the brows to the chin
FEWEST = 8  # photographs of both kinds for a figure
COPIES = 2  # augmented crops of each face

Predictions = dict[str, tuple[np.ndarray, np.ndarray]]
"""Of each attribute: of each face 1, 0 or -1 (unclear), and whether it was predicted."""


def predict_attributes(
    renders: list[Render], photographs: list[Photograph], seed: int = 0
) -> Predictions:
    """Return the truth and the prediction of each attribute, over all faces in their order."""
    rng = torch.Generator().manual_seed(seed)
    net = imagenet.encoder().eval()
    train = [
        (render.image, face)
        for render in renders
        for face in render.faces
        if face.is_clear and face_square(face.landmarks)[2] >= SMALLEST
    ] * COPIES
    crops = torch.stack([crop(image, face.landmarks, rng) for image, face in train])
    data = features(net, photometric_by_batch(crops, rng))
    test = [(photo.image, face) for photo in photographs for face in photo.faces]
    test_data = features(net, torch.stack([crop(image, face.landmarks) for image, face in test]))
    centre, spread = data.mean(0), data.std(0) + 1e-6
    predictions: Predictions = {}
    for name in sorted({name for _, face in train for name in face.attributes}):
        target = np.array([face.attributes.get(name, False) for _, face in train])
        if len(set(target.tolist())) < 2:
            continue
        model = LogisticRegression(C=3e-3, class_weight="balanced", max_iter=2000)
        model.fit((data - centre) / spread, target)
        truth = np.array([int(face.attributes.get(name, -1)) for _, face in test])
        predictions[name] = truth, model.predict((test_data - centre) / spread)
    return predictions


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, int, int] | None:
    """Return it with how many faces have the attribute and do not; None for too few of a kind."""
    has, has_not = int((truth == 1).sum()), int((truth == 0).sum())
    if min(has, has_not) < FEWEST:
        return None
    recalls = [(predicted[truth == kind] == kind).mean() for kind in (1, 0)]
    return float(np.mean(recalls)), has, has_not


@torch.no_grad()
def features(net: nn.Module, crops: Tensor) -> np.ndarray:
    """Return features of crops: the means over the quarters of the map at stride 16, and at 32."""
    rows = []
    for part in crops.split(64):
        *_, middle, last = net(part)
        quarters = functional.adaptive_avg_pool2d(middle, 2).flatten(1)
        rows.append(torch.cat([quarters, last.mean((2, 3))], 1))
    return torch.cat(rows).numpy()


def photometric_by_batch(crops: Tensor, rng: torch.Generator) -> Tensor:
    return torch.cat([photometric(part.clone(), rng) for part in crops.split(32)])


def crop(image: np.ndarray, landmarks: np.ndarray, rng: torch.Generator | None = None) -> Tensor:
    """Return the square around a face, (3, 112, 112) in [0, 1]; with `rng`, moved and mirrored."""
    x, y, side = face_square(landmarks)
    side *= MARGIN
    y -= 0.06 * side
    mirror = False
    if rng is not None:
        moves = torch.rand(4, generator=rng).tolist()
        x, y = x + (moves[0] - 0.5) * 0.12 * side, y + (moves[1] - 0.5) * 0.12 * side
        side *= 0.88 + 0.24 * moves[2]
        mirror = moves[3] < 0.5
    left, top, size = round(x - side / 2), round(y - side / 2), max(round(side), 2)
    outside = max(0, -left, -top, left + size - image.shape[1], top + size - image.shape[0])
    padded = np.pad(image, ((outside, outside), (outside, outside), (0, 0)), mode="edge")
    piece = padded[top + outside : top + outside + size, left + outside : left + outside + size]
    if mirror:
        piece = piece[:, ::-1]
    tensor = torch.from_numpy(np.ascontiguousarray(piece)).permute(2, 0, 1)[None].float() / 255
    mode = "area" if size > CROP else "bilinear"
    return functional.interpolate(tensor, size=(CROP, CROP), mode=mode)[0]
