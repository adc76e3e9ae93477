from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.loggers.logger import DummyLogger

from vision_shared.callbacks import Panels

IMAGE = np.zeros((4, 5, 3), np.uint8)


class Taking(DummyLogger):
    """A logger that takes images, and is neither wandb's nor TensorBoard's."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[str] = []

    def log_image(self, name: str, images: list[np.ndarray]) -> None:
        self.taken.append(name)


class OfARun:
    """A logger whose client takes images of a run, as MLflow's does."""

    run_id = "r1"

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, int]] = []
        self.experiment = SimpleNamespace(log_image=self.take)

    def take(self, run: str, image: np.ndarray, key: str, step: int) -> None:
        self.taken.append((run, key, step))


@pytest.mark.filterwarnings("ignore")
def test_panels_reach_every_logger_that_takes_images(tmp_path: Path) -> None:
    taking, of_a_run, tensorboard = Taking(), OfARun(), TensorBoardLogger(str(tmp_path))
    loggers = [taking, of_a_run, tensorboard, CSVLogger(str(tmp_path))]
    trainer: Any = SimpleNamespace(is_global_zero=True, loggers=loggers, global_step=7)
    module: Any = SimpleNamespace(panels=lambda batch: {"flow": IMAGE})
    Panels(str(tmp_path / "panels")).on_test_batch_end(trainer, module, None, None, 0)
    tensorboard.finalize("success")
    assert taking.taken == ["test/flow"]
    assert of_a_run.taken == [("r1", "test/flow", 7)]
    (events,) = Path(tensorboard.log_dir).glob("events*")
    assert b"test/flow" in events.read_bytes()
    assert [path.name for path in (tmp_path / "panels").iterdir()] == ["test_flow_000007.png"]
