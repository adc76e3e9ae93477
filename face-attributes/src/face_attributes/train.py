"""Train LNets and ANet: ``python -m face_attributes.train [hydra overrides]``."""

import hydra
from omegaconf import DictConfig

from face_attributes import pipeline
from vision_shared import run
from vision_shared.overrides import run_training


@hydra.main(version_base="1.3", config_path="pkg://face_attributes.conf", config_name="train")
def main(cfg: DictConfig) -> float:
    return run.main(cfg, pipeline.train)


if __name__ == "__main__":
    run_training(main)
