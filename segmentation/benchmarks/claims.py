"""The papers' claims, run on rendered people: ``python segmentation/benchmarks/claims.py NAME``.

systems    the talk's table: FCN, DeepLab, CRF as RNN, DPN and Layer Cascade on one trunk and data
ladder     DPN's phases: unary, + triple penalty, + label contexts, joint tuning
one_pass   one pass of DPN against 1 to 10 iterations of CRF as RNN: mIoU and time
cascade    Layer Cascade against deep supervision alone, an earlier stage's head, its own exits on
           dense features, the paper's zeros, and the fastest dense computation
all        these four; a network that several ask for is trained once

Every network trains for as many steps on one thread; numbers are means over seeds with their
deviations, of the test images, and are reported whichever way they fall. Times are CPU times of one
thread for one image, medians, the systems in turns.
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from trainings import (  # pyrefly: ignore[missing-import]
    ITERATIONS,
    Scores,
    Trained,
    Work,
    evaluate,
    evaluate_iterations,
    iterate,
    milliseconds,
    percents,
    scores_of,
    sweep_scores,
    test_images,
    train,
)

from segmentation.evaluation.cost import count_macs
from segmentation.models.parsing import enlarge
from segmentation.module import (
    EARLIER_STAGE,
    EXITS_ALONE,
    UNARY,
    WITHOUT_CASCADE,
)
from segmentation.thresholds import SWEEP
from vision_shared.claims import mean_and_deviation, run_claim
from vision_shared.tables import Table

SYSTEMS = {  # pairwise relations, joint training, iterations: the talk's columns
    "fcn": ("FCN-8s", "no", "-", "-"),
    "deeplab": ("DeepLab", "yes", "no", "10"),
    "deeplab_v2": ("DeepLab-v2 (ASPP)", "yes", "no", "10"),
    "adelaide": ("contextual pairs (Adelaide)", "yes", "piecewise", "3 + 10"),
    "crf_rnn": ("CRF as RNN", "yes", "yes", "10"),
    "boxsup": ("BoxSup (boxes alone)", "yes", "no", "10"),
    "dpn": ("DPN", "yes", "yes", "1"),
    "cascade": ("Layer Cascade", "no", "-", "-"),
}
FIGURES = {"miou": "mIoU, %", "trimap_iou": "near borders, %", "boundary_f": "boundary F, %"}
NOTE = "rendered people, test split"

MACS = "10^6 multiply-adds"
DEEP = "deep supervision alone, as many steps"
ONE_STEP = (
    "module.phases=[{name: deep_supervision, share: 0.85, learning_rate: 0.004},"
    "{name: deep_supervision, share: 0.15}]"
)
LARGE = 256  # pixels to a side of the larger image that the systems are timed on


def main() -> None:
    claims = {claim.__name__: claim for claim in (systems, ladder, one_pass, cascade)}
    run_claim(__doc__ or "", claims, add_options)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=12, help="of every training")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data.root")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides of every training")


def systems(options: argparse.Namespace) -> list[Table]:
    """Train every system; compare quality, time and arithmetic."""
    found: dict[str, list[Scores]] = {network: [] for network in SYSTEMS}
    for seed in range(options.seeds):
        runs = {network: train(options, network, seed) for network in SYSTEMS}
        images = test_images(runs["cascade"])
        for size, pictures in (("ms", images), ("large ms", enlarge(images, (LARGE, LARGE)))):
            times = milliseconds({n: run.module.net for n, run in runs.items()}, pictures)
            for network, run in runs.items():
                if size == "ms":
                    found[network].append(scores_of(run))
                found[network][seed][size] = times[network]
    rows = [
        [title, *traits, *cells(found[network], [*FIGURES, "ms", "large ms", "macs"])]
        for network, (title, *traits) in SYSTEMS.items()
    ]
    columns = ["", "pairwise relations", "joint training", "iterations", *FIGURES.values()]
    columns += ["ms an image", f"ms at {LARGE} x {LARGE}", MACS]
    return [Table("Systems on one trunk", columns, rows, note(options))]


def ladder(options: argparse.Namespace) -> list[Table]:
    """Test DPN at the end of each of its phases."""
    runs = [train(options, "dpn", seed).phases for seed in range(options.seeds)]
    rows = [[phase, *cells([scores[phase] for scores in runs], list(FIGURES))] for phase in runs[0]]
    title = "DPN, phase by phase"
    return [Table(title, ["after the phase", *FIGURES.values()], rows, note(options))]


def one_pass(options: argparse.Namespace) -> list[Table]:
    """Compare DPN's one pass with iterations of dense CRFs on the same unary, DPN's own.

    The dense CRF has DeepLab's fixed weights, or those that CRF as RNN has learned on its unary.
    """
    found: dict[str, list[Scores]] = {}
    for seed in range(options.seeds):
        dpn, crf, fixed = (train(options, n, seed) for n in ("dpn", "crf_rnn", "deeplab"))
        net = dpn.module.net
        unary = dpn.module.comparison.systems[UNARY].means()
        found.setdefault("unary alone", []).append(percents(unary))
        works: dict[str, Work] = {"DPN: one pass": net}
        rows = {"DPN: one pass": evaluate(net, dpn)}
        for title, run in (("dense CRF", fixed), ("CRF as RNN", crf)):
            for iterations, scores in zip(ITERATIONS, evaluate_iterations(dpn, run), strict=True):
                name = f"{title}: {iterations} iteration{'s' if iterations > 1 else ''}"
                works[name] = partial(iterate, net, run.module.net.crf, iterations)
                rows[name] = scores
        times = milliseconds(works, test_images(dpn))
        for name, scores in rows.items():
            found.setdefault(name, []).append(scores | {"ms": times[name]})
    rows = [
        [
            name,
            *cells(scores, list(FIGURES)),
            *(cells(scores, ["ms"]) if "ms" in scores[0] else "-"),
        ]
        for name, scores in found.items()
    ]
    columns = ["", *FIGURES.values(), "ms an image"]
    return [Table("One pass against iterations, on the same unary", columns, rows, note(options))]


def cascade(options: argparse.Namespace) -> list[Table]:
    """Compare the cascade with its controls; then sweep the threshold.

    All fork from one training at the end of its deep supervision, and take as many steps.
    """
    found: dict[str, list[Scores]] = {}
    curve: dict[float, list[Scores]] = {}
    for seed in range(options.seeds):
        run = train(options, "cascade", seed)
        fork = options.runs / options.claim / "cascade" / f"seed{seed}" / "fork.ckpt"
        alone = train(options, "cascade", seed, ONE_STEP, fork=fork)
        zeros = train(options, "cascade", seed, "module.network.fill=zero", fork=fork)
        for name, scores in _cascade_rows(run, alone, zeros).items():
            found.setdefault(name, []).append(scores)
        for point, scores in sweep_scores(run):
            curve.setdefault(point, []).append(scores)
    keys = [*FIGURES, "ms", "macs"]
    rows = [[name, *cells(scores, keys)] for name, scores in found.items()]
    stages = [key for key in curve[SWEEP[0]][0] if key.startswith("stage")][1:]
    points = [
        [f"{rho:g}", *cells(scores, ["miou", "ms", "macs", *stages])]
        for rho, scores in curve.items()
    ]
    titles = ["rho", "mIoU, %", "ms an image", MACS, *(f"{stage} computes, %" for stage in stages)]
    columns = ["", *FIGURES.values(), "ms an image", MACS]
    return [
        Table("Layer cascade", columns, rows, note(options)),
        Table("Its threshold, on the test split", titles, points, note(options)),
    ]


def _cascade_rows(run: Trained, alone: Trained, zeros: Trained) -> dict[str, Scores]:
    """Return the rows of a seed; dense systems are timed by their fastest computation."""
    net, deep = run.module.net, alone.module.net
    second = EARLIER_STAGE.format(2)
    size = test_images(run).shape[-2:]
    image = torch.zeros(1, 3, *size)
    dense = {
        DEEP: (deep.on_all_pixels, deep.on_packed_maps),
        f"{DEEP}: {second}": (
            partial(deep.on_all_pixels, last=1),
            partial(deep.on_packed_maps, last=1),
        ),
        f"{DEEP}: {EXITS_ALONE}": (deep.on_dense_features, deep.on_dense_features),
    }
    rows = {
        name: evaluate(work, alone) | {"macs": count_macs(work, image) / 1e6}
        for name, (work, _) in dense.items()
    }
    works: dict[str, Work] = {name: timed for name, (_, timed) in dense.items()}
    for name in (WITHOUT_CASCADE, second, EXITS_ALONE):
        rows[f"cascade: {name}"] = scores_of(run, name)
    works[f"cascade: {WITHOUT_CASCADE}"] = net.on_packed_maps
    works[f"cascade: {second}"] = partial(net.on_packed_maps, last=1)
    works[f"cascade: {EXITS_ALONE}"] = net.on_dense_features
    rows["layer cascade, zeros for what has left"] = scores_of(zeros)
    works["layer cascade, zeros for what has left"] = zeros.module.net
    rows["layer cascade"], works["layer cascade"] = scores_of(run), net
    times = milliseconds(works, test_images(run))
    return {name: scores | {"ms": times[name]} for name, scores in rows.items()}


def cells(scores: list[Scores], keys: list[str]) -> list[str]:
    return [mean_and_deviation([score[key] for score in scores], 1) for key in keys]


def note(options: argparse.Namespace) -> str:
    return (
        f"{NOTE}; {options.epochs} epochs on one thread, {options.seeds} seeds; mean +- deviation"
    )


if __name__ == "__main__":
    main()
