"""Train a network of fashion: ``python -m fashion.train [hydra overrides]``."""

import hydra
from omegaconf import DictConfig

from vision_shared import training_command


@hydra.main(version_base="1.3", config_path="pkg://fashion.conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Train with a composed config; return the monitored value."""
    from vision_shared.run import train  # imports torch: the threads are chosen

    return training_command.run_training(train, cfg)


if __name__ == "__main__":
    training_command.start(main)
