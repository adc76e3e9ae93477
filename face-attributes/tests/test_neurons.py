"""Which neuron tells what, and the pictures of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from sklearn.metrics import roc_auc_score

from face_attributes.drawing_neurons import NeuronRow, contact_sheet
from face_attributes.evaluation.concepts import (
    choose_neurons,
    neuron_aucs,
    outer_thirds,
    told_by_neurons,
    told_of_attributes,
)
from face_attributes.finder import FaceFinder
from face_attributes.models import build_network
from face_attributes.neurons import main, open_data
from vision_shared.checkpoints import read_checkpoint, write_checkpoint
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode
from vision_shared.run import make

NAMES = ["Bangs", "Eyeglasses", "Wearing_Hat"]
ANET = {"name": "anet", "patch": [55, 47], "width": 12}


def some(num: int = 60, width: int = 4, attributes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    features = torch.rand(num, width, generator=rng).mul(9).round().sub(3).relu()  # ties, and zeros
    return features, torch.randint(-1, 2, (num, attributes), generator=rng).to(torch.int8)


@pytest.mark.parametrize("all_known", [True, False])
def test_areas_equal_scikit_learns(all_known: bool) -> None:
    features, labels = some()
    labels = torch.where(labels == 0, 1, labels) if all_known else labels
    aucs = neuron_aucs(features, labels)
    assert aucs.shape == (4, 3)
    for d in range(4):
        for a in range(3):
            known = labels[:, a] != 0
            expected = roc_auc_score((labels[known, a] == 1).tolist(), features[known, d].tolist())
            assert float(aucs[d, a]) == pytest.approx(expected)


def test_attribute_on_every_image_or_on_none_is_told_by_nobody() -> None:
    features, labels = some()
    labels[:, 0], labels[:, 1] = 1, 0
    aucs = neuron_aucs(features, labels)
    assert aucs[:, :2].isnan().all() and aucs[:, 2].isfinite().all()
    told = told_of_attributes(features, labels)
    assert [attribute for _, attribute in choose_neurons(told, 9)] == [2]
    with pytest.raises(ValueError, match=r"features \(N, D\) and labels \(N, A\), got \(60, 4\)"):
        neuron_aucs(features, labels[1:])


def test_neurons_that_tell_are_found_whichever_way_they_go() -> None:
    features, _ = some(400, 5, 2)
    labels = torch.stack([(features[:, 3] > 3) * 2 - 1, (features[:, 1] <= 2) * 2 - 1], 1)
    told = told_of_attributes(features, labels)
    assert told.best.tolist() == [3, 1]
    assert told.rises.tolist() == [True, False]
    assert told.auc.tolist() == [1, 1]
    neurons = told_by_neurons(features, labels)
    assert neurons.best[3] == 0 and neurons.best[1] == 1
    assert sorted(choose_neurons(told, 9)) == [(1, 1), (3, 0)]
    assert len(choose_neurons(told, 1)) == 1


def test_area_is_measured_on_images_that_did_not_choose() -> None:
    features, labels = some(400, 300, 1)  # of 300 useless neurons one looks good by chance
    looks = (neuron_aucs(features[::2], labels[::2]) - 0.5).abs().max()
    told = told_of_attributes(features, labels)
    assert looks > 0.1 > told.auc[0] - 0.5


def test_outer_thirds_are_the_lowest_and_the_highest() -> None:
    low, high = outer_thirds(torch.tensor([[5.0, 0], [1, 0], [4, 0], [2, 0], [3, 0], [6, 0]]))
    assert low[:, 0].nonzero()[:, 0].tolist() == [1, 3]
    assert high[:, 0].nonzero()[:, 0].tolist() == [0, 5]
    assert low.sum(0).tolist() == high.sum(0).tolist() == [2, 2]


def test_sheet_has_a_row_for_each_neuron() -> None:
    bright, dark = torch.ones(3, 55, 47).numpy(), torch.zeros(3, 55, 47).numpy()
    row = NeuronRow(["neuron 1"], [dark] * 3, dark, bright, [bright] * 3)
    one, two = contact_sheet([row]), contact_sheet([row, row])
    assert two.shape[0] > one.shape[0] and two.shape[1] == one.shape[1]
    assert one[60].mean() < 255


def write(
    path: Path,
    values: dict[str, Any],
    network: dict[str, Any],
    seed: int,
    **others: Any,
) -> Path:
    torch.manual_seed(seed)
    net = build_network(num_outputs=len(NAMES), **network)
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters={"attributes": NAMES, "network": network, "localizer": None} | others,
        state_dict={f"net.{name}": value for name, value in net.state_dict().items()},
        data={"choice": "people", "values": values},
    )
    return path


@pytest.fixture
def values(
    config: Callable[..., DictConfig],
    rendered: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """Settings of the smoke run's people, cut out."""
    monkeypatch.chdir(tmp_path)  # no root is taken from a checkpoint: caches go below ./data
    cfg = config("face_attributes", "experiment=smoke", f"data.root={rendered}")
    changed = {"attributes": NAMES, "region": "box", "size": [55, 47], "eval_size": None}
    given = {"folder": str(cfg.data.folder), "root": str(rendered), **changed}
    make(cfg.data).prepare_data()
    render = {key: value for key, value in cfg.data.render.items()}
    return {**given, "render": {**render, "people": list(render["people"])}, "num_workers": 0}


def test_neurons_of_two_checkpoints_stand_side_by_side(
    values: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    after, before = (write(tmp_path / f"{seed}.ckpt", values, ANET, seed) for seed in (1, 2))
    out = tmp_path / "out"
    assert main([str(after), "-o", str(out), "--before", str(before)]) == ExitCode.DONE
    printed = capsys.readouterr().out
    for text in ("without training", "before", "Eyeglasses", "mean", "neurons.png"):
        assert text in printed
    facts = json.loads((out / "neurons.json").read_text())
    number = facts["images"]
    assert number > 3 and facts["before"] == str(before)
    assert len(facts["neurons"]) == 12
    assert set(facts["attributes"]["Bangs"]) == {"checkpoint", "before", "without training"}
    sheet = read_image(out / "neurons.png")

    # the image named as the highest of a neuron is the one with its highest feature
    neuron = facts["neurons"][3]
    tagger = FaceFinder.from_checkpoint(after).tagger
    assert tagger is not None
    data = open_data(read_checkpoint(after), [])
    images = {
        sample["name"]: sample["image"] for sample in map(data.test_set.__getitem__, range(number))
    }
    with torch.no_grad():
        high, low = (
            float(tagger.network(images[neuron[which][index]][None]).features[0, 3])
            for which, index in (("highest", -1), ("lowest", 0))
        )
        all_of_it = tagger.network(torch.stack(list(images.values()))).features[:, 3]
    assert (low, high) == pytest.approx((float(all_of_it.min()), float(all_of_it.max())), abs=1e-5)

    assert main([str(after), "-o", str(tmp_path / "alone")]) == ExitCode.DONE
    assert read_image(tmp_path / "alone" / "neurons.png").shape[0] < sheet.shape[0]
    assert main([str(after), "-o", str(out)]) == ExitCode.NOTHING_DONE  # kept


def test_faces_that_networks_find_are_found_again(values: dict[str, Any], tmp_path: Path) -> None:
    lite = {"name": "lite", "channels": [4, 4, 4, 4, 4]}
    network = {"name": "lnets_anet", "lnet_o": lite, "lnet_s": lite, "anet": {"width": 6}}
    search = {"score": "contrast", "enlarge": 2.0, "image_side": 64}
    found = {**values, "region": "faces"}
    checkpoint = write(tmp_path / "a.ckpt", found, network, 0, localizer=search, part="anet")
    assert main([str(checkpoint), "-o", str(tmp_path / "out")]) == ExitCode.DONE
    assert len(json.loads((tmp_path / "out" / "neurons.json").read_text())["neurons"]) == 6
    samples = open_data(read_checkpoint(checkpoint), []).test_set
    pixels = torch.from_numpy(samples.faces.read_image(0)).permute(2, 0, 1).float() / 255
    finder = FaceFinder.from_checkpoint(checkpoint).localizer
    assert finder is not None
    finder.threshold = -torch.inf
    left, top, right, bottom = finder(pixels).boxes[0].tolist()
    cut = samples[0]["cut"].tolist()
    centre = [(cut[0] + cut[2]) / 2, (cut[1] + cut[3]) / 2]
    assert centre == pytest.approx([(left + right) / 2, (top + bottom) / 2], abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{other}", "--before", "{anet}"], "12 neurons, expected 9"),
        (["{anet}", "data=folder", "data.folder=nowhere"], "nowhere"),
        (["{anet}", "data.nothing=3"], "nothing"),
        (["missing.ckpt"], "missing.ckpt: no such checkpoint"),
    ],
)
def test_mistakes_are_one_line(
    values: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    message: str,
) -> None:
    paths = {
        "anet": write(tmp_path / "anet.ckpt", values, ANET, 0),
        "other": write(tmp_path / "other.ckpt", values, {**ANET, "width": 9}, 0),
    }
    given = [argument.format(**paths) for argument in arguments]
    assert main([*given, "-o", str(tmp_path / "out")]) == ExitCode.NOTHING_DONE
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()
