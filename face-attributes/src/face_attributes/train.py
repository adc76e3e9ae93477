"""Train LNets and ANet: ``python -m face_attributes.train [hydra overrides]``."""

import hydra
from omegaconf import DictConfig

from vision_shared import training_command


@hydra.main(version_base="1.3", config_path="pkg://face_attributes.conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Train; return the best monitored value, for a sweep."""
    from face_attributes.pipeline import train  # imports torch: the threads are chosen

    return training_command.run_training(train, cfg)


if __name__ == "__main__":
    training_command.start(main)
