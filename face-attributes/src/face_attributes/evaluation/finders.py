"""Systems that look for faces, compared on the same images."""

from collections.abc import Mapping

import torch
from torch import Tensor

from face_attributes.evaluation.localisation import (
    CENTRE_BOX,
    LocalisationResults,
    LocalisationScores,
    centre_box,
    localisation_table,
)
from face_attributes.localize import Localizer, PyramidSearch
from vision_shared.tables import Table


class FinderComparison:
    """Gathers what localisers find, beside the centre box.

    The localisers answer with all that they find, so that recall and false alarms can be read at
    any threshold; what the first one's own threshold makes of it is counted apart.

    Args:
        localizers: localizers by name, without a threshold.
        threshold: threshold of the first one: least score of a face.
        typical: (N, 4), boxes of other images' faces, for the centre box; N may be 0: no such row.
    """

    def __init__(
        self, localizers: Mapping[str, Localizer | PyramidSearch], threshold: float, typical: Tensor
    ) -> None:
        self.localizers = localizers
        self.threshold = threshold
        self.typical = typical
        names = [*localizers, *([CENTRE_BOX] if len(typical) else [])]
        self.results = {name: LocalisationResults() for name in names}
        self.answered: dict[bool, list[bool]] = {True: [], False: []}

    def update(self, image: Tensor, truth: Tensor) -> None:
        """Look at an image (3, H, W) with faces at (M, 4); M is 0 for a background."""
        truth = truth.cpu()
        for number, (name, localizer) in enumerate(self.localizers.items()):
            found = localizer(image)
            boxes, scores, peak = found.boxes.cpu(), found.scores.cpu(), found.peak.cpu()
            self.results[name].update(boxes, scores, truth, peak)
            if number == 0:
                is_face = len(scores) > 0 and float(scores[0]) >= self.threshold
                self.answered[len(truth) > 0].append(is_face)
        if CENTRE_BOX in self.results:
            box = centre_box(self.typical.cpu(), (image.shape[1], image.shape[2]))
            centre = (box[0, :2] + box[0, 2:]) / 2
            self.results[CENTRE_BOX].update(box, torch.ones(1), truth, centre)

    def scores(self) -> dict[str, LocalisationScores]:
        """Return the figures by name; empty where no image had a face with a known box."""
        if not self.answered[True]:
            return {}
        return {name: results.compute() for name, results in self.results.items()}

    def answer_rates(self) -> tuple[float, float]:
        """Return which shares of faces and of backgrounds reach the threshold; NaN for none."""
        with_faces, without = (
            sum(flags) / len(flags) if flags else torch.nan
            for flags in (self.answered[True], self.answered[False])
        )
        return with_faces, without

    def tables(self) -> list[Table]:
        """Return localisation, and faces told from backgrounds by the threshold."""
        scores = self.scores()
        if not scores:
            return []
        cells = [f"{rate:.3f}" if rate == rate else "-" for rate in self.answer_rates()]
        decision = Table(
            "Is there a face?",
            ["", "images with a face: yes", "backgrounds: yes"],
            [[next(iter(scores)), *cells]],
            f"From a score of {self.threshold:.4g} on, which validation faces and other "
            f"backgrounds have set; {len(self.answered[True])} and {len(self.answered[False])} "
            "images.",
        )
        return [localisation_table(scores), decision]
