"""Landmarks: normalised error, and the share that lies near enough, of what can be seen.

Following Liu et al., ECCV 2016, section 5: the error is the distance of a landmark to its truth in
coordinates divided by width and height; NE is its mean over the *visible* landmarks of all images,
PDL the percentage of them with an error below a threshold. Counting landmarks that cannot be seen
as found would lower NE by the share of those.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat

from fashion.data.taxonomy import SLOTS, VARIATIONS, VISIBLE
from fashion.evaluation.published import FASHIONNET_SLOTS, LANDMARK_SOURCE, LANDMARKS
from vision_shared.metrics import ShapedMetric
from vision_shared.tables import Table

PDL_AT = 0.1
"""The threshold of tables; `LandmarkScores.curve` has all others."""


class LandmarkScores(NamedTuple):
    """Errors of a system on N images.

    Attributes:
        errors: (N, 8), the distance to the truth in fractions of width and height; NaN where the
            landmark cannot be seen, or the garment has none.
        variation: (N,) int64, 1 to 5; 0 is not known.
    """

    errors: Tensor
    variation: Tensor

    @property
    def num_visible(self) -> int:
        """Number of visible landmarks that were measured."""
        return int((~self.errors.isnan()).sum())

    def normalised_error(self) -> float:
        """Return NE; NaN where nothing is visible."""
        return float(self.errors.double().nanmean())

    def detected(self, threshold: float = PDL_AT) -> float:
        """Return PDL as a share: visible landmarks with an error of at most the threshold."""
        return float(self.curve(torch.tensor([threshold]))[0])

    def curve(self, thresholds: Tensor) -> Tensor:
        """Return PDL as shares, float64, at ascending thresholds (T,); NaN for nothing visible."""
        errors = self.errors[~self.errors.isnan()].double().sort().values
        below = torch.searchsorted(errors, thresholds.to(errors), right=True)
        return below.double() / len(errors) if len(errors) else below.double() * torch.nan

    def by_slot(self) -> Tensor:
        """Return NE of each landmark, (8,) float64."""
        return self.errors.double().nanmean(0)

    def of_variation(self, variation: int) -> "LandmarkScores":
        """Return the images of a variation."""
        chosen = self.variation == variation
        return LandmarkScores(self.errors[chosen], self.variation[chosen])


class LandmarkErrors(ShapedMetric):
    """Streams landmark errors; 20,000 images are below 1 MB."""

    full_state_update = False
    errors: list[Tensor]
    variation: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("errors", [], dist_reduce_fx="cat")
        self.add_state("variation", [], dist_reduce_fx="cat")

    def update(
        self, landmarks: Tensor, truth: Tensor, states: Tensor, variation: Tensor | None = None
    ) -> None:
        """Add a batch.

        Args:
            landmarks: (B, 8, 2), x then y, fractions of width and height.
            truth: (B, 8, 2), likewise.
            states: (B, 8), the true ones; only visible landmarks count.
            variation: (B,), 1 to 5; 0, or None, is not known.

        Raises:
            ValueError: a shape differs, or an answer about a visible landmark is not a number.
        """
        wanted = (len(states), len(SLOTS), 2)
        if not tuple(landmarks.shape) == tuple(truth.shape) == wanted == (*states.shape, 2):
            raise ValueError(
                f"expected landmarks and truth (B, {len(SLOTS)}, 2) and states (B, {len(SLOTS)}), "
                f"got {tuple(landmarks.shape)}, {tuple(truth.shape)} and {tuple(states.shape)}"
            )
        visible = states == VISIBLE
        errors = (landmarks.detach().float() - truth.float()).norm(dim=-1)  # (B, 8)
        if errors[visible].isnan().any():
            raise ValueError("expected landmarks that are numbers, got NaN for a visible one")
        self.errors.append(errors.masked_fill(~visible, torch.nan))
        unknown = torch.zeros(len(states), dtype=torch.long, device=states.device)
        self.variation.append(unknown if variation is None else variation)

    def compute(self) -> LandmarkScores:
        """Return the errors of all garments, (N, 8), with their variations."""
        return LandmarkScores(dim_zero_cat(self.errors), dim_zero_cat(self.variation))


def landmark_table(
    systems: Mapping[str, LandmarkScores], published: str | None = None, title: str = "Landmarks"
) -> Table:
    """Return NE and PDL by system, over all images and NE in each variation that occurs.

    Args:
        systems: systems by name, the trivial ones among them, on the same images.
        published: whether to add the rows of this data set, a key of `published.LANDMARKS`.
        title: title of the table.
    """
    some = next(iter(systems.values()))
    occurring = [v for v in range(1, len(VARIATIONS) + 1) if (some.variation == v).any()]
    rows = []
    for name, scores in systems.items():
        parts = [scores.of_variation(v).normalised_error() for v in occurring]
        pdl = scores.detected()
        cells = [scores.normalised_error(), pdl, *parts]
        rows.append([name, *map(_cell, cells)])
    note = f"{len(some.errors)} images, {some.num_visible} visible landmarks; NE of each variation"
    if published is not None:
        blank = [""] * (1 + len(occurring))
        for name, error in LANDMARKS[published].items():
            rows.append([f"{name} (published)", _cell(error), *blank])
        note += f". {LANDMARK_SOURCE.format(published)}"
    columns = ["", "NE", f"PDL at {PDL_AT:g}", *(VARIATIONS[v - 1] for v in occurring)]
    return Table(title, columns, rows, note)


def slot_table(systems: Mapping[str, LandmarkScores], *, published: bool = False) -> Table:
    """Return NE by landmark and system; with FashionNet's on DeepFashion-C, if ``published``."""
    columns = {name: scores.by_slot().tolist() for name, scores in systems.items()}
    note = ""
    if published:
        columns["FashionNet (published)"] = list(FASHIONNET_SLOTS)
        note = LANDMARK_SOURCE.format("DeepFashion-C")
    rows = [
        [slot, *map(_cell, errors)] for slot, *errors in zip(SLOTS, *columns.values(), strict=True)
    ]
    return Table("Landmarks, NE of each", ["", *columns], rows, note)


def curve_table(
    systems: Mapping[str, LandmarkScores],
    thresholds: Sequence[float] = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2),
) -> Table:
    """Return PDL by threshold and system, shares."""
    at = torch.tensor(thresholds)
    rows = [[name, *map(_cell, s.curve(at).tolist())] for name, s in systems.items()]
    return Table("Landmarks, PDL below a threshold", ["", *(f"{t:g}" for t in thresholds)], rows)


def mean_landmarks(landmarks: Tensor, states: Tensor) -> Tensor:
    """Return the mean place (8, 2) of each landmark where it is visible: what costs nothing.

    Args:
        landmarks: (N, 8, 2), of training data.
        states: (N, 8). A landmark that is never visible is put in the middle.
    """
    places = landmarks.masked_fill((states != VISIBLE)[..., None], torch.nan)
    return places.nanmean(0).nan_to_num(nan=0.5)


def _cell(value: float) -> str:
    return f"{value:.4f}" if value == value else "-"
