"""Precision of each class, stored in a checkpoint: python -m segmentation.validate CKPT [OVERRIDES]

The precision of a class is the share of its predicted pixels that have it. It is measured on the
validation split and stored in a checkpoint; `segmentation.segmenter.Segmenter` does not predict
classes below `MIN_PRECISION`.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from segmentation.validation import (
    TASK,
    checkpoint_and_output,
    validation_data,
    validation_parser,
)
from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode
from vision_shared.prediction import answer, to_stderr

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter

ENDING = "validated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _validate(_parse(arguments)), to_stderr)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = validation_parser(
        "validate", "Store the precision of each class on a validation set in a checkpoint.", ENDING
    )
    parser.add_argument(
        "--long-side",
        type=int,
        metavar="PIXELS",
        help="longest side of an image, in pixels; larger ones are reduced",
    )
    parser.add_argument(
        "--min-part-score",
        type=float,
        metavar="P",
        help="lowest probability of classes but the first, which are parts of one thing",
    )
    return parser.parse_intermixed_args(arguments)


def _validate(options: Namespace) -> ExitCode:
    path, output = checkpoint_and_output(options, ENDING)

    from segmentation.inference import Inference
    from segmentation.segmenter import MIN_PRECISION, Segmenter
    from vision_shared.checkpoints import read_checkpoint, write_checkpoint
    from vision_shared.tables import Table, print_tables

    checkpoint = read_checkpoint(path, task=TASK)
    settings: dict[str, Any] = checkpoint.hyper_parameters | {"precision": None}
    asked = {"long_side": options.long_side, "min_part_score": options.min_part_score}
    chosen = {name: value for name, value in asked.items() if value}
    settings["inference"] = {**(settings["inference"] or {}), **chosen}
    segmenter = Segmenter.from_checkpoint(path, inference=Inference.recorded(settings["inference"]))
    segmenter.unreliable = []
    data = validation_data(checkpoint, options.overrides)
    precision = measure_precision(segmenter, data.val_dataloader())
    rows = [
        [name, f"{value:.2f}", "" if value >= MIN_PRECISION else "is not predicted"]
        for name, value in precision.items()
    ]
    print_tables([Table("Precision", ["", "precision", ""], rows, str(data.folder))])
    write_checkpoint(
        output,
        task=TASK,
        hyper_parameters=settings | {"precision": precision},
        state_dict=checkpoint.state_dict,
        data=checkpoint.data,
    )
    print(f"stored in {output}")
    return ExitCode.DONE


def measure_precision(segmenter: Segmenter, batches: Iterable[Any]) -> dict[str, float]:
    """Return the precision of each class; 0 for one that is never predicted."""
    import torch
    from torchmetrics.classification import MulticlassConfusionMatrix

    from segmentation.data.labels import IGNORE

    confusion = MulticlassConfusionMatrix(len(segmenter.classes), ignore_index=IGNORE)
    for batch in batches:
        image = batch["image"].to(segmenter.device)
        labels = segmenter.inference(segmenter.network, image).logits.argmax(1).cpu()
        confusion.update(labels, batch["mask"])
    matrix = confusion.compute().double()
    precision = matrix.diagonal() / matrix.sum(0).clamp_min(1)
    assert isinstance(precision, torch.Tensor)
    return dict(zip(segmenter.classes.names, precision.tolist(), strict=True))


if __name__ == "__main__":
    run_command(main)
