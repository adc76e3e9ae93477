"""What a test compares: a network, the answers that cost nothing, and the whole of the pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fashion.data.datamodule import FashionData
from fashion.data.taxonomy import TYPES
from fashion.end_to_end import FoundGarments, measure_whole_images
from fashion.evaluation.baselines import PriorBaseline, prior_baseline
from fashion.evaluation.boxes import box_table, score_table
from fashion.evaluation.landmarks import LandmarkErrors, LandmarkScores, landmark_table
from fashion.evaluation.results import GarmentResults, Measured, RetrievalResults, summarise
from fashion.models import Alignment, Recognition
from fashion.photographs.garments import background_table, look, people_table
from fashion.recogniser import GarmentRecogniser
from fashion.report import garment_tables, retrieval_tables
from vision_shared.tables import Table

TYPICAL = "most frequent"
TRUE_BOXES, FOUND_BOXES = "true boxes", "found boxes"


class Comparison(nn.Module):
    """Streams a test.

    Args:
        name: name of the system that is tested.
        categories: names of the categories.
        attribute_types: the number of each attribute's type.
        type_names: type names of these types.
        stages: names of a cascade's stages, each of which is measured.
    """

    data: FashionData
    prior: PriorBaseline

    def __init__(
        self,
        name: str,
        categories: Sequence[str],
        attribute_types: Sequence[int],
        type_names: Sequence[str],
        stages: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.name, self.categories, self.type_names = name, list(categories), list(type_names)
        sizes = (len(categories), attribute_types, len(type_names))
        self.results, self.trivial = GarmentResults(*sizes), GarmentResults(*sizes)
        self.retrieval = RetrievalResults()
        self.stages = nn.ModuleDict({name: LandmarkErrors() for name in stages})
        self.recognises = False
        self.found: FoundGarments | None = None
        self.photographs: list[Table] = []

    def begin(self, data: FashionData, device: torch.device) -> None:
        """Begin a test on data."""
        self.data, self.found = data, None
        self.prior = prior_baseline(data, len(self.categories), device)
        for results in (self.results, self.trivial, self.retrieval, *self.stages.values()):
            results.reset()  # type: ignore[operator]

    def update(self, answer: Recognition | Alignment, batch: Mapping[str, Tensor]) -> None:
        """Add what the network says of a batch of garments."""
        self.results.update(answer, batch)
        self.trivial.update(self.prior.predict(len(batch["image"])), batch)
        self.recognises = isinstance(answer, Recognition)
        if isinstance(answer, Recognition):
            self.retrieval.update(answer.embedding, batch)
        else:
            truth = [batch[name] for name in ("landmarks", "states", "variation")]
            reached = (*answer.earlier, answer.landmarks)
            for errors, landmarks in zip(self.stages.values(), reached, strict=False):
                errors.update(landmarks, *truth)  # type: ignore[operator]

    def measure_whole_images(self, recogniser: GarmentRecogniser, number: int) -> None:
        """Test detector and network on the test's first whole images, and on photographs."""
        garments = self.data.of_split(self.data.tested)
        garments = garments.take(np.arange(min(number, len(garments))))
        self.found = measure_whole_images(recogniser, garments, self.name)
        self.photographs = [people_table(look(recogniser)), background_table(recogniser)]

    def metrics(self) -> dict[str, float]:
        """Return what `fashion.evaluation.results.summarise` does, and ``box_ap``."""
        found = summarise(self.results.compute(), self.retrieval)
        if self.found is not None:
            found["box_ap"] = self.found.boxes[self.name].mean
        return found

    def by_stage(self) -> dict[str, LandmarkScores]:
        """Return how well each stage of a cascade that has answered leaves the landmarks."""
        metrics: dict[str, Any] = dict(self.stages.items())
        return {name: each.compute() for name, each in metrics.items() if each.update_called}

    def tables(self) -> list[Table]:
        """Return all tables, the published rows in those of the published benchmarks."""
        benchmark = self.data.benchmark if self.data.chosen is None else None
        trivial = self.trivial.compute()
        if not self.recognises:
            trivial = Measured(None, None, None, trivial.landmarks)
        systems = {self.name: self.results.compute(), TYPICAL: trivial}
        tables = garment_tables(systems, self.type_names, benchmark)
        stages = self.by_stage()
        if len(stages) > 1:
            tables.append(landmark_table(stages, title="Landmarks after each stage"))
        gathered = {self.name: self.retrieval}
        if self.found is not None:
            boxes, scores = self.found.boxes, self.found.reported
            tables += [box_table(boxes, TYPES), score_table(scores), *self.photographs]
            gathered = {TRUE_BOXES: self.retrieval, FOUND_BOXES: self.found.retrieval}
        if not self.recognises:
            return tables
        return [*tables, *retrieval_tables(gathered, self.categories, benchmark)]
