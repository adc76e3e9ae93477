"""Make what a data set needs once, a folder of rendered images or a cache, and nothing else.

prepare_data.py TASK KEY=VALUE...
"""

import sys

from hydra import compose, initialize_config_module

from vision_shared.run import make
from vision_shared.tasks import config_module


def main() -> None:
    task, *overrides = sys.argv[1:]
    with initialize_config_module(config_module(task), version_base="1.3"):
        cfg = compose("train", ["output_dir=.", *overrides])
    make(cfg.data).prepare_data()


if __name__ == "__main__":
    main()
