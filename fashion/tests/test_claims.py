"""The claims: what they train and tell, their figures, and garments of which few are labelled."""

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hydra.core.hydra_config import HydraConfig

from fashion.data.datamodule import PeopleData
from fashion.evaluation.landmarks import LandmarkScores
from fashion.evaluation.retrieval import Embedded
from vision_shared.claims import configure
from vision_shared.run import make

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = (
    "experiment=smoke",
    "++module.network.trunk.channels=[4,8,8,8]",
    "++module.network.trunk.branch=8",
    "data.images_per_item=2",
)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script of the benchmarks."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def imported(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield imported
    HydraConfig.instance().cfg = None


@pytest.fixture
def tiny(rendered: Path, render: dict[str, Any]) -> list[str]:
    """Overrides for trainings of seconds, on garments that are there."""
    recipe = (f"data.render.{key}={value}" for key, value in render.items())
    return [*TINY, f"data.folder={rendered}", *recipe]


def test_claim_trains_every_system_and_writes_its_table(
    benchmark: Any, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--seeds", "1", "--epochs", "1", "--data", f"{tmp_path}", "--runs", f"{tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["claims.py", "interplay", *options, *tiny])
    benchmark("claims").main()
    lines = (tmp_path / "interplay" / "interplay.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    cells = {row[0]: row[1:] for row in rows}
    assert len(benchmark("trainings").TRAINED) == 5
    assert cells["identities alone"][:3] == ["-"] * 3
    assert cells["labels alone, all images"][3:] == ["-"] * 2
    for name in ("together, all images", "together, 300 images", "most frequent, random order"):
        assert all(0 <= float(cell) <= 100 for cell in cells[name])


def test_rivals_are_trained_and_rank_the_same_pictures(
    benchmark: Any, tiny: list[str], tmp_path: Path
) -> None:
    claims, trainings = benchmark("claims"), benchmark("trainings")
    options = argparse.Namespace(
        epochs=1, data=tmp_path, runs=tmp_path, claim="rivals", tested="val", overrides=tiny
    )
    darn = trainings.train(options, 0, *claims.GLOBAL, "module._target_=darn.DarnModule")
    labels = [*claims.GLOBAL, *claims.without("identity")]
    wtbi = trainings.train_wtbi(options, 0, *labels)
    for name in claims.RETRIEVAL:
        assert 0 <= wtbi.scores[name] <= 1 and 0 <= darn.scores[name] <= 1
        assert wtbi.trivial[name] == pytest.approx(darn.trivial[name])  # queries and galleries


def test_wtbi_ranks_by_the_category_then_by_its_metric(benchmark: Any) -> None:
    wtbi = benchmark("wtbi")
    torch.manual_seed(0)
    item = torch.arange(12).repeat_interleave(4)
    category = item % 2
    centres = torch.nn.functional.normalize(torch.randn(12, 8))[item]
    features = torch.nn.functional.normalize(centres + 0.1 * torch.randn(48, 8))
    pictures = wtbi._Pictures(features, item, category)
    generator = torch.Generator().manual_seed(0)
    metric = wtbi._trained(wtbi.PairMetric(8), pictures, 60, generator)
    columns = (features, item, torch.full_like(item, -1), category)
    queries = Embedded(*(values[::4].contiguous() for values in columns))
    gallery = Embedded(*(values[1::4].contiguous() for values in columns))
    ranking = wtbi._ranked(queries, gallery, metric, {0: metric})
    assert ranking.hit_rate(1) > 0.7 and (ranking.rank < 6).all()  # six are of its category


def test_few_labels_are_told_and_all_items(benchmark: Any, tiny: list[str], tmp_path: Path) -> None:
    few = ["data._target_=few_labels.FewLabels", "+data.num_labelled=7"]
    every, some = (
        make(configure("fashion", tmp_path, [f"data.root={tmp_path}", *tiny, *more], 0).data)
        for more in ([], few)
    )
    assert isinstance(some, benchmark("few_labels").FewLabels) and type(every) is PeopleData
    known, told = every.training_garments(), some.training_garments()
    is_told = (told.labels[:] != 0).any(1)
    assert is_told.sum() == 7
    np.testing.assert_array_equal(told.labels[:][is_told], known.labels[:][is_told])
    np.testing.assert_array_equal(told.columns.categories >= 0, is_told)
    np.testing.assert_array_equal(told.columns.items, known.columns.items)
    assert (some.of_split("test").labels[:] != 0).all()


def test_landmark_figures_divide_variations(benchmark: Any) -> None:
    errors = torch.tensor([0.01, 0.02, 0.3, 0.04, 0.5])[:, None].expand(-1, 8)
    scores = LandmarkScores(errors, torch.arange(1, 6))
    found = benchmark("trainings").landmark_scores(scores)
    for name, error, share in (("", 0.174, 0.6), ("_easy", 0.01, 1), ("_medium", 0.03, 1)):
        assert found[f"ne{name}"] == pytest.approx(error)
        assert found[f"pdl{name}"] == pytest.approx(share)
    assert found["ne_hard"] == pytest.approx(0.4) and found["pdl_hard"] == 0


def test_recall_by_attribute_looks_at_the_first_five(benchmark: Any) -> None:
    scores = torch.arange(6.0).expand(2, 6)  # the first attribute is never among them
    present = torch.tensor([[1, 1, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1]]) > 0
    recall = benchmark("trainings").recall_by_attribute(scores, present)
    assert recall[[0, 1, 5]].tolist() == [0, 1, 1] and recall[2:5].isnan().all()
