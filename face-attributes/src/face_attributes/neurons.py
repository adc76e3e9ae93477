"""Plot of single neurons and their attributes: python -m face_attributes.neurons CKPT -o OUT

The images of lowest and highest response of neurons of the features (FC of ANet), the mean faces of
the third of all images with the lowest and with the highest, and the attribute that each neuron
predicts best. The data is the test split of the checkpoint's data set, unless overrides in Hydra's
syntax name another. With --before CKPT, of the same network before it was fine-tuned, the same
neurons are shown as they were then.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import json
import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError, check_output, new_file
from vision_shared.prediction import answer, check_checkpoint, find_checkpoint, find_device

if TYPE_CHECKING:
    from torch import Tensor

    from face_attributes.data.face_data import FaceData
    from face_attributes.drawing_neurons import NeuronRow
    from face_attributes.evaluation.concepts import Told
    from vision_shared.checkpoints import Checkpoint
    from vision_shared.tables import Table

TASK = "face-attributes"
SHEET, FACTS = "neurons.png", "neurons.json"
AFTER, BEFORE, UNTRAINED = "checkpoint", "before", "without training"
NUM_PICTURES = 5
"""Of the lowest and of the highest responses."""


class Responses(NamedTuple):
    """What networks answer to the images of a test.

    Attributes:
        features: (N, D), by `AFTER`, `BEFORE` and `UNTRAINED`.
        labels: (N, A).
        names: names of the N images.
    """

    features: dict[str, Tensor]
    labels: Tensor
    names: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _show(_parse(arguments)), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m face_attributes.neurons",
        description=(__doc__ or "").split("\n\n", 1)[1],
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "checkpoint",
        metavar="CKPT",
        help="checkpoint of an ANet or LNet, or `last`: the newest under ./runs",
    )
    add("overrides", nargs="*", metavar="data=...", help="Hydra overrides, e.g. data=celeba")
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=f"output folder, for {SHEET} and {FACTS}",
    )
    add("--before", metavar="CKPT", help="checkpoint of the same network before it was fine-tuned")
    add(
        "--neurons", type=int, default=8, metavar="N", help="number of neurons to draw (default: 8)"
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--overwrite", action="store_true", help="replace existing outputs")
    options = parser.parse_intermixed_args(arguments)
    if options.neurons < 1:
        parser.error(f"expected --neurons of 1 or more, got {options.neurons}")
    return options


def _show(options: Namespace) -> ExitCode:
    named = {AFTER: options.checkpoint, BEFORE: options.before}
    given = {name: path for name, path in named.items() if path is not None}
    for path in given.values():
        check_checkpoint(path, TASK)
    for name in (SHEET, FACTS):
        check_output(options.output / name, overwrite=options.overwrite)

    from face_attributes.drawing_neurons import contact_sheet
    from vision_shared.checkpoints import read_checkpoint
    from vision_shared.images import write_image
    from vision_shared.tables import print_tables

    checkpoints = {
        name: read_checkpoint(find_checkpoint(path, TASK), task=TASK)
        for name, path in given.items()
    }
    try:
        data = open_data(checkpoints[AFTER], options.overrides)
        networks = _networks(checkpoints, options.device)
        responses = respond(networks, data)
        table, facts, rows = _describe(responses, data, options.neurons)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from error
    facts = {**{name: str(each.path) for name, each in checkpoints.items()}, **facts}
    with (
        new_file(options.output / FACTS, overwrite=options.overwrite) as text,
        new_file(options.output / SHEET, overwrite=options.overwrite) as sheet,
    ):
        text.write_text(json.dumps(facts, indent=2) + "\n")
        write_image(sheet, contact_sheet(rows))
    print_tables([table])
    print(f"{options.output / SHEET}, {options.output / FACTS}")
    return ExitCode.DONE


def open_data(checkpoint: Checkpoint, overrides: Sequence[str]) -> FaceData:
    """Return the data of a checkpoint, or of overrides, ready to be tested on.

    Faces that networks find are found by the checkpoint's own.

    Raises:
        InputError, FileNotFoundError: it cannot be used.
    """
    from face_attributes.data.face_data import FOUND
    from face_attributes.rebuilding import localizer_of
    from vision_shared.recorded_data import compose_config, make_data
    from vision_shared.rendering import nothing_rendered_in

    cfg, places = compose_config(checkpoint, overrides)
    with nothing_rendered_in(places):
        data = make_data(checkpoint, cfg.data)
        data.prepare_data()
        data.setup("test")
    if data.region in FOUND:
        data.show_found(*localizer_of(checkpoint))
    return data


def _networks(checkpoints: dict[str, Checkpoint], device: str) -> dict[str, Any]:
    """Return what has learned in each checkpoint, and the first as it was without training."""
    import torch

    from face_attributes.rebuilding import build, learner, rebuild

    networks = {name: learner(each, rebuild(each)) for name, each in checkpoints.items()}
    first = checkpoints[AFTER]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks[UNTRAINED] = learner(first, build(first.hyper_parameters))
    widths = {name: network.head.in_features for name, network in networks.items()}
    if len(set(widths.values())) > 1:
        raise InputError(
            f"{checkpoints[BEFORE].path}: {widths[BEFORE]} neurons, expected {widths[AFTER]} as in "
            f"{first.path}: it is not the same network"
        )
    where = find_device(device)
    return {name: network.to(where).eval() for name, network in networks.items()}


def respond(networks: dict[str, Any], data: FaceData) -> Responses:
    """Show the test images of data to networks."""
    import torch

    parts: dict[str, list[Tensor]] = {name: [] for name in networks}
    labels, names = [], []
    with torch.no_grad():
        for batch in data.test_dataloader():
            for name, network in networks.items():
                image = batch["image"].to(next(network.parameters()).device)
                parts[name].append(network(image).features.float().cpu())
            labels.append(batch["attributes"])
            names += batch["name"]
    features = {name: torch.cat(each) for name, each in parts.items()}
    return Responses(features, torch.cat(labels), names)


def _describe(
    responses: Responses, data: FaceData, number: int
) -> tuple[Table, dict[str, Any], list[NeuronRow]]:
    """Return the table of attributes, all facts as plain values, and the rows of the sheet."""
    from face_attributes.evaluation.concepts import (
        attribute_facts,
        choose_neurons,
        concepts_table,
        neuron_facts,
        told_of_attributes,
    )

    features, labels, names = responses
    attributes = list(data.all_faces.attributes)
    told = {name: told_of_attributes(each, labels) for name, each in features.items()}
    shown = choose_neurons(told[AFTER], number)
    if not shown:
        raise InputError(f"{data.folder}: no attribute that is on some test images and not on all")
    facts = {
        "images": len(names),
        "attributes": attribute_facts(told, attributes),
        "neurons": neuron_facts(features[AFTER], labels, attributes, names, NUM_PICTURES),
    }
    rows = draw_rows(responses, data, shown, told[AFTER])
    return concepts_table(told, attributes, len(names)), facts, rows


def draw_rows(
    responses: Responses, data: FaceData, shown: Sequence[tuple[int, int]], told: Told
) -> list[NeuronRow]:
    """Return the rows of a sheet: each neuron before, where there is a before, and now.

    Args:
        responses: responses of the networks.
        data: data set whose images they are.
        shown: neurons, and for each the attribute that is written beside it.
        told: direction of each neuron, see `face_attributes.evaluation.concepts`.
    """
    from face_attributes.drawing_neurons import NeuronRow
    from face_attributes.evaluation.concepts import neuron_aucs

    drawn = [name for name in (BEFORE, AFTER) if name in responses.features]
    attributes = data.all_faces.attributes
    means = mean_faces(responses, data, [neuron for neuron, _ in shown], drawn)
    rows = []
    for index, (neuron, attribute) in enumerate(shown):
        for name in drawn:
            column = responses.features[name][:, neuron]
            auc = float(neuron_aucs(column[:, None], responses.labels[:, attribute, None]))
            rises = bool(told.rises[attribute])
            lines = [
                f"neuron {neuron}" + (f", {name}" if len(drawn) > 1 else ""),
                ("" if rises else "not ") + attributes[attribute],
                f"AUC {auc if rises else 1 - auc:.2f}",
            ]
            order = column.argsort(stable=True).tolist()
            low, high = (
                [data.test_set[i]["image"].numpy() for i in some]
                for some in (order[:NUM_PICTURES], order[-NUM_PICTURES:])
            )
            mean_low, mean_high = means[name][index].numpy()
            rows.append(NeuronRow(lines, low, mean_low, mean_high, high))
    return rows


def mean_faces(
    responses: Responses, data: FaceData, neurons: Sequence[int], drawn: Sequence[str]
) -> dict[str, Tensor]:
    """Average the third of the images with a neuron's lowest responses, and with its highest.

    The images are read a second time rather than kept: CelebA's do not fit.

    Returns:
        (K, 2, 3, H, W) for each of the networks ``drawn``.
    """
    import torch

    from face_attributes.evaluation.concepts import outer_thirds

    picked = {
        name: torch.stack(outer_thirds(responses.features[name][:, list(neurons)]), 2).float()
        for name in drawn
    }
    sums: dict[str, Any] = dict.fromkeys(drawn, 0)
    done = 0
    for batch in data.test_dataloader():
        image = batch["image"]
        for name, chosen in picked.items():
            part = chosen[done : done + len(image)]
            sums[name] = sums[name] + torch.einsum("nkt,nchw->ktchw", part, image)
        done += len(image)
    return {name: sums[name] / picked[name].sum(0)[..., None, None, None] for name in drawn}


def _report(line: str) -> None:
    print(f"neurons: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
