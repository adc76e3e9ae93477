"""Train a segmentation network: ``python -m segmentation.train [hydra overrides]``."""

import hydra
from omegaconf import DictConfig

from vision_shared import run
from vision_shared.overrides import run_training


@hydra.main(version_base="1.3", config_path="pkg://segmentation.conf", config_name="train")
def main(cfg: DictConfig) -> float:
    return run.main(cfg)


if __name__ == "__main__":
    run_training(main)
