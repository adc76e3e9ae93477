"""The whole: compose, train, resume, evaluate, export."""

import json
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning import Callback, LightningModule, Trainer

from fashion import index, search
from fashion.models import build_pipeline
from fashion.recogniser import GarmentRecogniser
from vision_shared.checkpoints import read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.export import export
from vision_shared.images import read_image
from vision_shared.inputs import ExitCode, InputError
from vision_shared.run import build, train

Config = Callable[..., DictConfig]
TINY_DFA = (
    "module=dfa",
    "module.network.num_labels=3",
    "module.network.width=16",
    "module.network.previous_width=8",
)
NETWORKS = {"fashionnet": (), "dfa": TINY_DFA}


def choices(group: str) -> list[str]:
    folder = files("fashion.conf") / group
    names = (f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    return sorted(name.removesuffix(".yaml") for name in names if name != "base.yaml")


CHOICES = [
    f"{group}={choice}"
    for group in ("data", "module", "trunk", "experiment")
    for choice in choices(group)
]


@pytest.fixture
def smoke(config: Config, rendered: Path, render: dict[str, Any]) -> Config:
    """Compose the smoke experiment on garments that are there, smaller still."""
    recipe = (f"data.render.{key}={value}" for key, value in render.items())
    tiny = ("experiment=smoke", f"data.folder={rendered}", *recipe)

    def make(*overrides: str) -> DictConfig:
        return config("fashion", *tiny, *overrides)

    return make


def state(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt").state_dict


@pytest.mark.parametrize("override", CHOICES)
@pytest.mark.parametrize("trainer", ["default", "gpu", "ddp"])
def test_every_choice_composes(config: Config, override: str, trainer: str) -> None:
    cfg = config("fashion", override, f"trainer={trainer}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_trains_and_tells_its_results(
    smoke: Config, tmp_path: Path, capsys: pytest.CaptureFixture, network: str
) -> None:
    score = train(smoke(*NETWORKS[network]))
    printed = capsys.readouterr().out
    for text in ("Landmarks", "most frequent", "Boxes", "whole image", "best.ckpt"):
        assert text in printed
    figures = json.loads((tmp_path / "results.json").read_text())
    assert {"test/ne", "test/pdl", "test/box_ap"} <= figures.keys()
    assert list((tmp_path / "panels").glob("val_garments_*.png"))
    assert 0 <= score <= 1
    recognises = network == "fashionnet"
    for text in ("Category", "Attributes", "In-shop", "Consumer-to-shop", "found boxes"):
        assert (text in printed) == recognises
    assert "random order" in printed or not recognises
    assert bool(list((tmp_path / "panels").glob("val_retrieval_*.png"))) == recognises


@pytest.mark.parametrize("experiment", ["paper_fashionnet", "paper_dfa"])
def test_paper_sized_networks_build(config: Config, experiment: str) -> None:
    cfg = OmegaConf.to_container(config("fashion", f"experiment={experiment}").module, resolve=True)
    assert isinstance(cfg, dict)
    with torch.device("meta"):
        network = build_pipeline(50, 1000, cfg["network"], cfg["detector"])
    assert sum(p.numel() for p in network.parameters()) > 100_000_000


@pytest.mark.parametrize("network", NETWORKS)
def test_checkpoint_alone_gives_the_same_numbers(
    smoke: Config, tmp_path: Path, network: str
) -> None:
    train(smoke(*NETWORKS[network]))
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    tables = evaluate(checkpoint, ["trainer=smoke", f"data.root={tmp_path}"])
    results = (tmp_path / "results.md").read_text()
    assert len(tables) > 2 and all(table.markdown() in results for table in tables)


class StopAfterFirstEpoch(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize("network", NETWORKS)
def test_resumed_run_equals_uninterrupted(smoke: Config, tmp_path: Path, network: str) -> None:
    """Interrupted in one phase, resumed into the next; with dropout, and a detector."""
    common = (*NETWORKS[network], "trainer.max_epochs=3", "trainer.limit_train_batches=2")
    interrupted = smoke(*common, f"output_dir={tmp_path}/half")
    with open_dict(interrupted):
        interrupted.callbacks.stop = {"_target_": f"{__name__}.StopAfterFirstEpoch"}
    train(interrupted)
    train(smoke(*common, f"output_dir={tmp_path}/whole"))
    half = f"resume={tmp_path}/half/checkpoints/last.ckpt"
    train(smoke(*common, f"output_dir={tmp_path}/rest", half))
    whole, rest = state(tmp_path / "whole"), state(tmp_path / "rest")
    assert whole.keys() == rest.keys()
    for name in whole:
        assert torch.equal(whole[name], rest[name]), name


def test_best_weights_are_of_the_last_phase(smoke: Config, tmp_path: Path) -> None:
    train(smoke(*TINY_DFA, "trainer.max_epochs=3", "trainer.limit_train_batches=2"))
    best = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    assert int(best.state_dict["net.network._extra_state"]) == 2
    assert all(bool(best.state_dict[f"net.network.pseudo_labels.{i}.is_fitted"]) for i in range(3))


@pytest.mark.parametrize(
    "choices",
    [
        ("attributes=plain", "identities=proxy"),
        ("attributes=ranking", "across_domains=true"),
        ("attributes=smooth_ranking",),
    ],
)
def test_every_objective_trains(smoke: Config, tmp_path: Path, choices: tuple[str, ...]) -> None:
    overrides = [f"module.objective.{choice}" for choice in choices]
    train(smoke(*overrides, "module.detector=null", "data.images_per_item=2"))
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    proxies = [key for key in checkpoint.state_dict if "proxies" in key]
    assert bool(proxies) == ("identities=proxy" in choices)
    assert evaluate(checkpoint, ["trainer=smoke", f"data.root={tmp_path}"])


def test_whole_pictures_need_no_detector(smoke: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"module\.detector=null"):
        build(smoke("data.region=whole"))
    train(smoke("data.region=whole", "module.detector=null"))
    recogniser = GarmentRecogniser.from_checkpoint(tmp_path / "checkpoints/best.ckpt")
    assert recogniser.transform["region"] == "whole" and recogniser.transform["detector"] is None


def test_wrong_weights_are_refused(smoke: Config) -> None:
    with pytest.raises(Exception, match=r"expected weights of landmark.*got 'landmarks'"):
        build(smoke("+module.weights.pose.landmarks=1"))


def test_training_goes_on_from_other_categories(smoke: Config, tmp_path: Path) -> None:
    """Heads begin anew, all else is taken over."""
    train(smoke(f"output_dir={tmp_path}/first"))
    first = tmp_path / "first/checkpoints/last.ckpt"
    module: Any = build(smoke(f"weights={first}", "data.attributes=[denim,striped]")).module
    given = read_checkpoint(first).weights()
    for name, value in module.net.state_dict().items():
        is_head = name.startswith("network.attributes.")
        assert is_head or torch.equal(value, given[name]), name
    assert module.net.network.attributes.out_features == 2


@pytest.mark.parametrize("network", NETWORKS)
def test_exported_program_equals_the_network(smoke: Config, tmp_path: Path, network: str) -> None:
    train(smoke(*NETWORKS[network]))
    program = tmp_path / "network.pt2"
    assert export(read_checkpoint(tmp_path / "checkpoints/best.ckpt"), program) < 1e-4


def test_trained_checkpoint_serves_index_and_search(
    smoke: Config, rendered: Path, tmp_path: Path
) -> None:
    """An image that was indexed is the nearest to itself."""
    train(smoke("module.detector=null"))
    checkpoint = tmp_path / "checkpoints/best.ckpt"
    photos = next(path for path in sorted((rendered / "img").rglob("id_*")) if path.is_dir())
    folder, out = tmp_path / "index", tmp_path / "out"
    assert (
        index.main(["build", "--checkpoint", str(checkpoint), str(photos), "-o", str(folder)])
        == ExitCode.DONE
    )
    photo = sorted(photos.iterdir())[0]
    assert search.main([str(folder), str(photo), "-o", str(out)]) == ExitCode.DONE
    hits = json.loads((out / f"{photo.stem}.json").read_text())["garments"][0]["hits"]
    assert Path(hits[0]["file"]).name == photo.name
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint)
    (garment,) = recogniser(read_image(photo))
    assert hits[0]["similarity"] == pytest.approx(
        float(np.square(garment.embedding).sum()), abs=1e-3
    )


def test_photos_without_labels_train_identities(
    config: Config, rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A folder an item: no boxes, no landmarks, no categories, no attributes."""
    photos = tmp_path / "photos"
    for number, item in enumerate(sorted((rendered / "img" / "WOMEN").rglob("id_*"))[:10]):
        shutil.copytree(item, photos / f"item{number}")
    cfg = config(
        "fashion",
        "data=folder",
        f"data.folder={photos}",
        "data.size=[32,32]",
        "data.batch_size=8",
        "data.num_workers=0",
        "module.detector=null",
        "trainer=smoke",
    )
    assert 0 <= train(cfg) <= 1
    printed = capsys.readouterr().out
    assert "In-shop" in printed and "Category" not in printed and "Landmarks" not in printed
