"""All of the method: steps that follow each other, alone, resumed, and what they leave behind."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from face_attributes import pipeline
from vision_shared.checkpoints import Checkpoint, read_checkpoint
from vision_shared.claims import configure
from vision_shared.evaluate import evaluate
from vision_shared.inputs import InputError

STEPS = ["lnet_o", "self_training", "identities", "attributes", "machines"]
PAPER = "module=paper_pipeline"


QUICK = [
    "module.localizer.longest=64",
    "steps.lnet_o.data.batch_size=8",
    "steps.self_training.data.batch_size=8",
]
"""Of what the steps look at, little: searches over a pyramid took most of their time."""


def run(folder: Path, data: Path, *overrides: str, small: Sequence[str] = (PAPER, *QUICK)) -> Path:
    """Go through the steps of a smoke run, below a folder; return where they are."""
    common = ["experiment=smoke", f"data.root={data}", *small]
    cfg = configure("face_attributes", folder, [*common, *overrides], 0)
    pipeline.train(cfg)
    return Path(cfg.output_dir)


def best(folder: Path, step: str) -> Checkpoint:
    return read_checkpoint(folder / step / "checkpoints/best.ckpt")


def are_equal(one: Checkpoint, other: Checkpoint) -> bool:
    ours, theirs = one.state_dict, other.state_dict
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, rendered: Path) -> Path:
    """A run of all steps."""
    return run(tmp_path_factory.mktemp("whole"), rendered)


def test_one_checkpoint_holds_what_every_step_has_learned(whole: Path) -> None:
    weights = {step: best(whole, step).weights() for step in STEPS}
    last = weights["machines"]
    learned = [name for name in last if name.startswith("lnet_o")]
    assert all(torch.equal(last[name], weights["self_training"][name]) for name in learned)
    assert last["lnet_o.threshold"].isfinite()
    assert last["anet.svms.weight"].any()
    rested = [name for name in weights["attributes"] if name.startswith("anet")]
    assert all(torch.equal(last[name], weights["attributes"][name]) for name in rested)
    assert not any("identities" in name for name in last)
    before, after = (
        weights[step]["anet.layers.shared.1.weight"] for step in ("self_training", "identities")
    )
    assert not torch.equal(before, after)


def test_steps_whose_test_no_later_one_repeats_are_tested_against_controls(whole: Path) -> None:
    tested = {path.parent.name for path in whole.glob("*/results.md")}
    assert tested == {"identities", "machines"}
    printed = {step: (whole / step / "results.md").read_text() for step in tested}
    for text in ("majority class", "centre box", "Is there a face?", "linear layer"):
        assert text in printed["machines"]
    assert all("without training" in text for text in printed.values())
    scores = json.loads((whole / "machines/results.json").read_text())
    assert {"test/balanced_accuracy", "test/found"} <= scores.keys()


@pytest.mark.parametrize("step", ["identities", "machines"])
def test_checkpoint_of_a_step_alone_gives_the_same_numbers(whole: Path, step: str) -> None:
    tables = evaluate(best(whole, step), ["trainer=smoke", f"data.root={whole}"])
    results = (whole / step / "results.md").read_text()
    assert "\n".join(table.markdown() for table in tables) == results


def test_resumed_steps_equal_uninterrupted(whole: Path, rendered: Path, tmp_path: Path) -> None:
    interrupted = whole / "identities/checkpoints/last.ckpt"
    rest = run(tmp_path, rendered, f"resume={interrupted}")
    assert not (rest / "lnet_o").exists()
    for step in ("identities", "attributes", "machines"):
        assert are_equal(best(rest, step), best(whole, step))


def test_step_alone_goes_on_from_weights_and_says_what_does_not_fit(
    whole: Path, rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    weights = whole / "attributes/checkpoints/best.ckpt"
    alone = run(tmp_path, rendered, "step=machines", f"weights={weights}")
    assert are_equal(best(alone, "machines"), best(whole, "machines"))
    said = capsys.readouterr().out
    assert f"{weights}: not taken over, for they differ: anet.svms\n" in said


def test_default_run_fits_machines_to_a_network_that_rests(rendered: Path, tmp_path: Path) -> None:
    last = run(tmp_path, rendered, small=QUICK)
    weights = {step: best(last, step).weights() for step in ("lnet_o", "machines")}
    assert not weights["lnet_o"]["anet.svms.weight"].any()
    assert weights["machines"]["anet.svms.weight"].any()
    layers = [name for name in weights["lnet_o"] if name.startswith("anet.layers")]
    assert all(torch.equal(*(some[name] for some in weights.values())) for name in layers)
    printed = (last / "machines/results.md").read_text()
    assert "centre box" in printed
    assert "linear layer" not in printed


def test_step_alone_needs_weights_and_a_name(rendered: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="step=self_training goes on from lnet_o: name"):
        run(tmp_path, rendered, "step=self_training")
    with pytest.raises(InputError, match="expected a step among lnet_o, self_training"):
        run(tmp_path, rendered, "step=anet")


def test_length_of_the_steps_follows_the_run(rendered: Path, tmp_path: Path) -> None:
    cfg = configure("face_attributes", tmp_path, [PAPER, "trainer.max_epochs=10"], 0)
    epochs = {s: pipeline.configure_step(cfg, s, None, None).trainer.max_epochs for s in STEPS}
    assert epochs == {s: max(1, round(10 * cfg.steps[s].length)) for s in STEPS}


def test_step_that_is_null_is_left_out(tmp_path: Path) -> None:
    cfg = configure("face_attributes", tmp_path, [PAPER, "steps.identities=null"], 0)
    assert pipeline.steps_of(cfg) == ["lnet_o", "self_training", "attributes", "machines"]
    cascade = configure("face_attributes", tmp_path, ["module=cascade"], 0)
    assert pipeline.steps_of(cascade) == ["lnet_o", "self_training", "lnet_s", "machines"]


def test_every_step_is_checked_before_the_first_trains(rendered: Path, tmp_path: Path) -> None:
    """As of Kaggle's CelebA, which does not say who is who."""
    with pytest.raises(InputError, match=r"step identities: .*; steps\.identities=null leaves it"):
        run(tmp_path, rendered, "steps.identities.data.images_per_identity=7")
    assert not list(tmp_path.rglob("*.ckpt"))


def test_identities_for_lnet_are_refused_in_one_line(rendered: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^data\.images_per_identity is for ANet"):
        run(tmp_path, rendered, "module=lnet", "data.images_per_identity=4", small=())
