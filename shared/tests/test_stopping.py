"""A signal ends training at a point from which it goes on as if nothing had been."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from vision_shared.callbacks import BestAndLast, ExactResume
from vision_shared.checkpoint_io import AtomicCheckpointIO
from vision_shared.samplers import EpochLoader, EpochSampler
from vision_shared.signals import Terminated
from vision_shared.stopping import StopOnSignal, last_checkpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),  # too small to need them
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),  # Lightning 2.6.6, torch 2.14
]


class Samples(Dataset[Tensor]):
    """Vectors drawn from the seed of each."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: tuple[int, int]) -> Tensor:
        return torch.randn(4, generator=torch.Generator().manual_seed(sum(index)))


class Module(pl.LightningModule):
    """A network with dropout, an optimiser with state, and a validation that mends itself."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.validated: list[int] = []

    def train_dataloader(self) -> DataLoader:
        return EpochLoader(Samples(), 4, sampler=EpochSampler(16, seed=0))

    def val_dataloader(self) -> DataLoader:
        return DataLoader(TensorDataset(torch.eye(4)[:3]))

    def training_step(self, batch: Tensor, _: int) -> Tensor:
        return self.net(batch).square().mean()

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self.validated.append(index)
        self.log("val/score", self.net(batch[0]).mean(), batch_size=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        assert self.trainer.estimated_stepping_batches  # loads the data before the state is there
        return torch.optim.Adam(self.parameters(), 0.1)


class SendSignal(Callback):
    """Sends this process a signal at some step, once.

    Args:
        hook: ``train``, ``val`` or ``epoch``: where.
        step: that many have been taken.
        number: of the signal.
    """

    def __init__(self, hook: str, step: int, number: int) -> None:
        self.hook, self.step, self.number = hook, step, number

    def _send(self, hook: str, trainer: pl.Trainer) -> None:
        if hook == self.hook and trainer.global_step == self.step:
            self.hook = ""
            os.kill(os.getpid(), self.number)

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._send("train", trainer)

    def on_validation_batch_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if trainer.fit_loop.epoch_loop.val_loop.batch_progress.current.ready == 2:
            self._send("val", trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._send("epoch", trainer)


def fit(
    folder: Path, *callbacks: Callback, resume: Path | None = None, **settings: Any
) -> tuple[pl.Trainer, Module]:
    module = Module()
    keeper = BestAndLast(str(folder), monitor="val/score", mode="max")
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[keeper, ExactResume(0), StopOnSignal(), *callbacks],
        plugins=[AtomicCheckpointIO()],
        **settings,
    )
    trainer.fit(module, ckpt_path=resume, weights_only=True)
    return trainer, module


def state(path: Path) -> list[Tensor]:
    content = torch.load(path, weights_only=True)
    (optimizer,) = content["optimizer_states"]
    moments = [t for s in optimizer["state"].values() for t in s.values()]
    return [*content["state_dict"].values(), *moments]


@pytest.mark.parametrize(
    ("hook", "step", "stopped_at", "settings"),
    [
        ("train", 5, 6, {}),
        ("train", 7, 8, {}),  # the last of its epoch: a validation comes first
        ("val", 4, 4, {}),  # before there is a best one
        ("val", 8, 8, {}),
        ("epoch", 4, 4, {}),
        ("train", 5, 6, {"val_check_interval": 0.5}),
        ("train", 4, 6, {"accumulate_grad_batches": 2}),
        ("train", 5, 6, {"limit_val_batches": 0}),
    ],
)
def test_stopped_training_goes_on_bit_for_bit(
    tmp_path: Path, hook: str, step: int, stopped_at: int, settings: dict[str, Any]
) -> None:
    if "accumulate_grad_batches" in settings:  # steps of two batches
        step, stopped_at = step // 2, stopped_at // 2
    _, whole = fit(tmp_path / "whole", **settings)
    with pytest.raises(Terminated) as ended:
        fit(tmp_path / "half", SendSignal(hook, step, signal.SIGTERM), **settings)
    assert ended.value.exit_code == 143
    last = tmp_path / "half" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == stopped_at
    _, rest = fit(tmp_path / "rest", resume=last, **settings)
    for name in ("last.ckpt", "best.ckpt"):
        ours, theirs = tmp_path / "rest" / name, tmp_path / "whole" / name
        assert ours.exists() == theirs.exists()
        if ours.exists():
            pairs = zip(state(ours), state(theirs), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs), name
    assert rest.validated == whole.validated[len(whole.validated) - len(rest.validated) :]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_exit_code_names_the_signal(
    tmp_path: Path, number: int, code: int, capfd: pytest.CaptureFixture
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Terminated) as ended:
        fit(tmp_path, SendSignal("train", 2, number))
    assert ended.value.exit_code == code
    assert (tmp_path / "last.ckpt").exists()
    assert signal.getsignal(number) is before
    said = capfd.readouterr().err
    assert ("again to end at once" in said) == (number == signal.SIGINT)


class SlowStep(Callback):
    """A step in which nothing but a second Ctrl-C can end the training."""

    def on_before_backward(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            signal.setitimer(signal.ITIMER_REAL, 0.7)
            signal.pause()
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the second Ctrl-C has not ended it")


def test_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        with pytest.raises(Terminated) as ended:
            fit(tmp_path, SlowStep())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended.value.exit_code == 130
    assert not (tmp_path / "last.ckpt").exists()


def test_last_checkpoint_is_none_before_the_first(tmp_path: Path) -> None:
    trainer, _ = fit(tmp_path)
    assert last_checkpoint(trainer) == tmp_path / "last.ckpt"
    assert last_checkpoint(pl.Trainer(logger=False, enable_checkpointing=False)) is None


def test_resuming_takes_the_best_checkpoint_beside_the_last_and_no_other_file(
    tmp_path: Path,
) -> None:
    fit(tmp_path / "first", max_steps=8)
    (tmp_path / "first").rename(tmp_path / "moved")
    best = (tmp_path / "moved/best.ckpt").read_bytes()
    last = tmp_path / "moved/last.ckpt"
    fit(tmp_path / "rest", resume=last, max_steps=8)
    assert (tmp_path / "rest/best.ckpt").read_bytes() == best

    secret = tmp_path / "secret"
    secret.write_text("a key")
    content = torch.load(last, weights_only=True)
    (keeper,) = (s for n, s in content["callbacks"].items() if n.startswith("BestAndLast"))
    keeper["best_model_path"] = str(secret)
    torch.save(content, last)
    fit(tmp_path / "hostile", resume=last, max_steps=8)
    assert not (tmp_path / "hostile/secret").exists()
