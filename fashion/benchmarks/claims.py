"""The papers' claims, run on synthetic people: ``python fashion/benchmarks/claims.py NAME``.

pooling    features pooled at landmarks: found, annotated, of another image, at a corner, none
cascade    Deep Fashion Alignment against FashionNet, one network, an ensemble; at equal budgets
losses     losses of attributes where many are not named and most are rare
interplay  identities and labels learnt together and apart, with few labels and with all
alignment  retrieval from whole images, from boxes, and with landmarks
rivals     retrieval by WTBI, DARN and FashionNet, with landmarks found, annotated, shuffled, none
all        these six; a network that several ask for is trained once

Garments are the same for every seed, and training is told all of their attributes but where losses
are compared. Figures are of the test split: mean +- half of its 95 % interval over seeds, reported
whichever way they fall. The last weights are tested; settings are chosen with ``--tested val``.
Trunks have half of the channels of the small one, so that as many images cost less.
"""

import argparse
from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path

from trainings import (  # pyrefly: ignore[missing-import]
    RECALLED,
    Scores,
    train,
    train_wtbi,
)

from vision_shared.claims import mean_and_interval, run_claim
from vision_shared.tables import Table

TRIVIAL = "most frequent, random order"
FEW = 300  # training images with labels
PHASES = ("pose", "recognition")

Found = dict[str, list[Scores]]


def without(*terms: str) -> list[str]:
    """Return what trains FashionNet without these terms of its loss."""
    return [f"module.weights.{step}.{term}=0" for step in PHASES for term in terms]


def pooled_at(source: str) -> str:
    return f"module.network.landmarks_from={source}"


GLOBAL = [pooled_at("none"), *without("landmark", "visibility")]
JOINT = [pooled_at("none")]
FASHIONNET: list[str] = []
LABELS = without("identity")
IDENTITIES = without("category", "attribute")


def main() -> None:
    claims = (pooling, cascade, losses, interplay, alignment, rivals)
    run_claim(__doc__ or "", {claim.__name__: claim for claim in claims}, add_options)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=6, help="of a FashionNet")
    parser.add_argument("--stage-epochs", type=int, default=8, help="a sixth of a cascade's")
    parser.add_argument("--tested", choices=("test", "val"), default="test", help="val to choose")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data.root")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides of every training")


def pooling(options: argparse.Namespace) -> list[Table]:
    """Pool at landmarks, and at what is none."""
    systems = {
        "global branch only": GLOBAL,
        "+ landmark loss, no pooling": JOINT,
        "pooled at another image's": [pooled_at("shuffled")],
        "pooled at the corner": [pooled_at("corner")],
        "pooled at predicted": FASHIONNET,
        "pooled at annotated (oracle)": [pooled_at("oracle")],
    }
    found = train_all(options, systems)
    labels = {
        "map_local": "mAP, local",
        "map_other": "mAP, others",
        "category1": "category top-1",
        "category3": "top-3",
        "recall": f"recall@{RECALLED}",
    }
    found["global branch only"] = keep(found["global branch only"], *LABEL_FIGURES, *RETRIEVAL)
    local = "Local attributes: parts (collars, cuffs, pockets, ...), at a landmark or nowhere."
    oracle = (
        "The global branch alone learns to recognise in every step. The oracle is shown annotated "
        "landmarks in the test too."
    )
    both = RETRIEVAL | {"ne": "NE"}
    return [
        table("Pooling: categories and attributes, %", found, labels, options, f"{local} {oracle}"),
        table("Pooling: retrieval in %, and landmarks", found, both, options, oracle),
    ]


RETRIEVAL = {
    "in_shop1": "In-shop hit@1",
    "in_shop20": "hit@20",
    "street1": "street hit@1",
    "street20": "hit@20",
}
LABEL_FIGURES = ("map", "map_local", "map_other", "category1", "category3", "recall")


def cascade(options: argparse.Namespace) -> list[Table]:
    """Align in a cascade, and directly, all with as many epochs of one network."""
    unit = options.stage_epochs
    total = sum(CASCADE) * unit
    systems = {
        "FashionNet's own landmarks": [f"trainer.max_epochs={total}"],
        "direct regression": one_stage(1, total),
        "direct, an ensemble of 2": one_stage(2, total // 2),
        "DFA, stages from noise": three_stages(unit, "start=noise"),
        "DFA without pseudo-labels": three_stages(unit, "num_labels=0"),
        "DFA": three_stages(unit),
        "DFA + local patches": three_stages(unit, f"local_patch={PATCH}"),
    }
    found = train_all(options, systems)
    errors = {"ne": "all", "ne_easy": "easy", "ne_medium": "medium", "ne_hard": "hard"}
    stages = {f"ne_stage{i}": f"stage {i}" for i in (1, 2, 3)}
    near = {"pdl": "all", "pdl_easy": "easy", "pdl_medium": "medium", "pdl_hard": "hard"}
    how = f"{total} epochs of one network each"
    more = (
        "Easy: normal poses; medium: medium poses and zooms; hard: large ones. A cascade's first "
        f"stage has {CASCADE[0] * unit} epochs, the second {unit}, the two branches of the third "
        f"{unit} each."
    )
    return [
        table("Landmarks: NE", found, errors | {"seconds": "CPU s"}, options, more, how),
        table("Landmarks: NE after each stage", found, stages, options, more, how),
        table("Landmarks: PDL at 0.1, %", found, near, options, more, how),
    ]


CASCADE = (3, 1, 2)
"""Epochs of one network in each stage, in units: the first goes on until it converges, and the
third is two networks."""

PATCH = 16
"""Pixels a side of a local patch: a quarter of the sample's."""


def one_stage(number: int, epochs: int) -> list[str]:
    """Return what trains direct regression by networks whose answers are averaged."""
    phases = "module.phases=[{name: stage1, share: 1.0, learning_rate: 2.0e-3}]"
    plan = [f"module.network.branches=[{number}]", "module.network.num_labels=0", phases]
    return ["module=dfa", "data.images_per_item=null", f"trainer.max_epochs={epochs}", *plan]


def three_stages(unit: int, *settings: str) -> list[str]:
    """Return what trains a cascade, whose first stage has three times the epochs of others."""
    shares = {"stage1": 0.6, "stage2": 0.2, "stage3": 0.2}
    phases = [
        f"{{name: {step}, share: {share}, learning_rate: 2.0e-3}}" for step, share in shares.items()
    ]
    plan = [f"module.phases=[{', '.join(phases)}]", *(f"module.network.{s}" for s in settings)]
    return ["module=dfa", "data.images_per_item=null", f"trainer.max_epochs={5 * unit}", *plan]


def losses(options: argparse.Namespace) -> list[Table]:
    """Learn noisy attributes of a long tail by four losses."""
    names = {
        "BCE": "plain",
        "weighted BCE": "weighted",
        "ranking": "ranking",
        "smooth ranking": "smooth_ranking",
    }
    noise = [
        f"data.folder={options.data}/fashion/people-claims-noisy",
        *("data.render.missing=0.5", "data.render.swapped=0.05"),
    ]
    systems = {name: [*LABELS, *noise, *by_loss(loss)] for name, loss in names.items()}
    columns = {
        "recall": f"recall@{RECALLED}, micro",
        "recall_macro": "macro",
        "recall_tail": "tail",
        "map": "mAP",
        "map_tail": "mAP, tail",
    }
    more = (
        "Training misses half of the attributes that there are and takes 5 % for others, the test "
        "is clean. Macro: mean over attributes; tail: over the half that is rarer in training. "
        "What weights add to the log-odds is taken out of the weighted loss's answers."
    )
    found = train_all(options, systems)
    return [table("Losses of attributes, %", found, columns, options, more)]


def by_loss(name: str) -> list[str]:
    weights = RANKING_WEIGHTS.get(name, {})
    return [
        f"module.objective.attributes={name}",
        *(f"module.weights.{step}.attribute={weight}" for step, weight in weights.items()),
    ]


RANKING_WEIGHTS = {
    "ranking": {"pose": 5, "recognition": 10},
    "smooth_ranking": {"pose": 1, "recognition": 1},
}
"""With which these losses begin at 6.2 and 5.5, as cross-entropy at 4.2 and weighted at 14 do."""


def interplay(options: argparse.Namespace) -> list[Table]:
    """Learn identities and labels together and apart."""
    few = ["data._target_=few_labels.FewLabels", f"+data.num_labelled={FEW}"]
    systems = {
        "identities alone": IDENTITIES,
        f"labels alone, {FEW} images": [*LABELS, *few],
        f"together, {FEW} images": few,
        "labels alone, all images": LABELS,
        "together, all images": FASHIONNET,
    }
    found = train_all(options, systems)
    for name, runs in found.items():
        if name.startswith("identities alone"):
            found[name] = keep(runs, *RETRIEVAL)
        elif name.startswith("labels alone"):
            found[name] = keep(runs, *LABEL_FIGURES)
    columns = {
        "map": "mAP",
        "category1": "category top-1",
        "recall": f"recall@{RECALLED}",
        "in_shop1": "In-shop hit@1",
        "street1": "street hit@1",
    }
    more = (
        "Labels are categories and attributes, of all images that train or of some; identities "
        "and landmarks are of all. -: not learnt."
    )
    return [table("Identities and attributes, %", found, columns, options, more)]


def alignment(options: argparse.Namespace) -> list[Table]:
    """Search with garments found to different degrees."""
    systems = {
        "no box": ["data.region=whole", *GLOBAL],
        "box": GLOBAL,
        "box, landmarks learnt, not pooled": JOINT,
        "box + another image's landmarks": [pooled_at("shuffled")],
        "box + predicted landmarks": FASHIONNET,
        "box + annotated landmarks": [pooled_at("oracle")],
    }
    more = "Boxes are true ones; a whole image is shown in as many pixels as a box."
    found = train_all(options, systems)
    return [table("Retrieval by alignment, %", found, RETRIEVAL, options, more)]


def rivals(options: argparse.Namespace) -> list[Table]:
    """Search by what FashionNet was compared with."""
    systems = {
        "DARN": [*GLOBAL, "module._target_=darn.DarnModule"],
        "FashionNet, no landmarks": GLOBAL,
        "FashionNet, another image's": [pooled_at("shuffled")],
        "FashionNet": FASHIONNET,
        "FashionNet, annotated landmarks": [pooled_at("oracle")],
    }
    found = train_all(options, systems)
    labels = [*GLOBAL, *without("identity")]
    runs = [train_wtbi(options, seed, *labels).scores for seed in range(options.seeds)]
    more = (
        "WTBI: a metric for each category on the features of a network that has learnt labels, "
        "which is told the categories. DARN: a network for shops' images and one for customers'. "
        "All from true boxes, with one trunk and the same images."
    )
    columns = RETRIEVAL | {"seconds": "CPU s"}
    return [table("Retrieval by method, %", {"WTBI": runs, **found}, columns, options, more)]


def train_all(options: argparse.Namespace, systems: Mapping[str, Sequence[str]]) -> Found:
    """Train the systems of a table with every seed; the trivial answers stand below."""
    runs = {
        name: [train(options, seed, *overrides) for seed in range(options.seeds)]
        for name, overrides in systems.items()
    }
    some = next(iter(runs.values()))[0]
    found = {name: [run.scores for run in of_system] for name, of_system in runs.items()}
    return {**found, TRIVIAL: [some.trivial]}


def table(
    title: str,
    found: Found,
    columns: Mapping[str, str],
    options: argparse.Namespace,
    more: str,
    epochs: str = "",
) -> Table:
    rows = [[name, *(cell(runs, key) for key in columns)] for name, runs in found.items()]
    how = epochs or f"{options.epochs} epochs"
    seeds = f"{options.seeds} seeds, mean +- half of its 95 % interval"
    note = f"Synthetic people, {options.tested} part; {how}, {seeds}. {more}"
    return Table(title, ["", *columns.values()], rows, note)


def keep(runs: Sequence[Scores], *keys: str) -> list[Scores]:
    """Return the figures of what has been learnt."""
    return [{key: run[key] for key in keys} for run in runs]


def cell(runs: Sequence[Scores], key: str) -> str:
    values = [run.get(key, nan) for run in runs]
    if any(map(isnan, values)):
        return "-"
    if key == "seconds":
        return f"{sum(values) / len(values):.0f}"
    scale, digits = (1, 4) if key.startswith("ne") else (100, 1)
    shown = mean_and_interval([scale * value for value in values], digits)
    return shown.partition(" (")[0]  # with ranges, tables of five columns would be too wide


if __name__ == "__main__":
    main()
