"""What the papers' experiments cost and should give: ``python fashion/benchmarks/paper_cost.py``.

Nothing is trained. Operations are counted on tensors without contents (an image forward, and twice
as much back); minutes are those at an assumed speed, ``--tflops``, of what a GPU sustains in such
networks, and reading images may take longer. Disk is the images' at 0.2 bytes a pixel, as JPEG
of a high quality has it, and the checkpoints' of a run, the best and the last. Figures to expect
are the papers', not measured here.
"""

import argparse
from typing import Any, NamedTuple

import torch
from hydra import compose, initialize_config_module
from torch.utils.flop_counter import FlopCounterMode

from fashion.evaluation.published import CATEGORY, CONSUMER_TO_SHOP, IN_SHOP, LANDMARKS
from fashion.models import DeepFashionAlignment, build_network
from vision_shared.tables import Table, print_tables

BYTES_A_PIXEL = 0.2


class DataSet(NamedTuple):
    """Images in all and of training, their height and width, categories and attributes."""

    pictures: int
    training: int
    size: tuple[int, int]
    categories: int
    attributes: int


DATA = {
    "cap": DataSet(289_222, 209_222, (300, 225), 50, 1000),
    "fld": DataSet(123_016, 83_033, (512, 384), 0, 0),
    "inshop": DataSet(52_712, 25_882, (256, 256), 17, 463),
    "consumer2shop": DataSet(239_557, 120_000, (300, 225), 20, 303),
}
"""As published; sizes as the longer side and the usual shape have it. About half of
Consumer-to-shop's images train."""

EXPERIMENTS: dict[str, tuple[list[str], str]] = {
    "paper_fashionnet": (
        [],
        f"category top-3 / top-5 {CATEGORY['FashionNet'][0]} / {CATEGORY['FashionNet'][1]} %, "
        f"NE {LANDMARKS['DeepFashion-C']['FashionNet']}",
    ),
    "paper_fashionnet data=inshop": (
        ["data=inshop"],
        f"hit@1 / @20 {IN_SHOP['FashionNet'][1]} / {IN_SHOP['FashionNet'][20]} %",
    ),
    "paper_fashionnet data=consumer2shop": (
        ["data=consumer2shop"],
        f"hit@20 {CONSUMER_TO_SHOP['FashionNet'][20]} %",
    ),
    "paper_dfa": ([], f"NE {LANDMARKS['FLD']['DFA']}"),
    "paper_dfa_type (three runs)": ([], f"NE {LANDMARKS['FLD']['DFA']}"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tflops", type=float, default=40.0, help="sustained, 10^12 a second")
    options = parser.parse_args()
    rows = [_row(name, choice, options.tflops) for name, (choice, _) in EXPERIMENTS.items()]
    columns = ["", "parameters", "GFLOP", "epochs", "steps", "minutes", "disk"]
    note = f"GFLOP: of an image in training. Minutes: at {options.tflops:g} TFLOP/s."
    expected = [[name, figures] for name, (_, figures) in EXPERIMENTS.items()]
    print_tables(
        [
            Table("The papers' experiments", columns, rows, note),
            Table("What they should give", ["", "published"], expected),
        ]
    )


def _row(name: str, overrides: list[str], tflops: float) -> list[str]:
    experiment = f"experiment={name.split()[0]}"
    with initialize_config_module("fashion.conf", version_base="1.3"):
        cfg = compose("train", [experiment, *overrides])
    data = DATA[cfg.data.benchmark]
    settings = {**cfg.module.network}
    with torch.device("meta"):
        network = build_network(
            num_categories=data.categories, num_attributes=data.attributes, **settings
        )
        work = _operations(network, tuple(cfg.data.size), [*cfg.module.phases])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    epochs = cfg.trainer.max_epochs
    seen = epochs * data.training
    pictures = data.pictures * data.size[0] * data.size[1] * BYTES_A_PIXEL
    disk = (pictures + 2 * 2 * 4 * parameters) / 2**30  # weights and momentum of two checkpoints
    minutes = seen * work / (tflops * 1e12) / 60
    return [
        name,
        f"{parameters / 1e6:.0f} M",
        f"{work / 1e9:.0f}",
        str(epochs),
        str(seen // cfg.data.batch_size),
        f"{minutes:.0f}",
        f"{disk:.1f} GB",
    ]


def _operations(network: Any, size: tuple[int, int], phases: list[Any]) -> float:
    """Return those of an image in training, in the mean over the phases."""
    image = torch.zeros(2, 3, *size)
    annotation = torch.zeros(2, 8, 2), torch.zeros(2, 8, dtype=torch.int64)
    is_cascade = isinstance(network, DeepFashionAlignment)
    total = 0.0
    for phase in phases:
        if is_cascade:
            network.last = network.phases.index(phase.name)
        with FlopCounterMode(display=False) as forward:
            network.before(image) if is_cascade else network(image, *annotation)
        earlier = forward.get_total_flops() if is_cascade else 0
        with FlopCounterMode(display=False) as forward:
            network(image) if is_cascade else network(image, *annotation)
        learns = forward.get_total_flops() - earlier
        total += phase.share * (earlier + 3 * learns) / len(image)
    return total


if __name__ == "__main__":
    main()
