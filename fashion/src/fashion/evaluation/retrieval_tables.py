"""Retrieval beside chance and the papers' figures."""

from collections.abc import Mapping, Sequence

import torch

from fashion.evaluation.published import (
    CONSUMER_SOURCE,
    CONSUMER_TO_SHOP,
    IN_SHOP,
    IN_SHOP_SOURCE,
)
from fashion.evaluation.retrieval import Ranking
from vision_shared.tables import Table

IN_SHOP_KS = (1, 10, 20, 30, 40, 50)
CONSUMER_KS = (1, 5, 10, 20, 50)

CHANCE = "random order"


def in_shop_table(systems: Mapping[str, Ranking], *, published: bool = False) -> Table:
    """Return hit@k in % over the whole gallery, by system; chance, and the paper's, if asked."""
    rows, note = (IN_SHOP, IN_SHOP_SOURCE) if published else ({}, "")
    return _table("In-shop", systems, IN_SHOP_KS, rows, note)


def other_series_table(systems: Mapping[str, Ranking]) -> Table:
    """Return hit@k in % where no image of the query's own colour series is in the gallery.

    Queries whose only matches were of their own series have nothing left to find: left out.

    Args:
        systems: systems from `rank_matches` with ``other_series=True``.
    """
    left = {name: ranking.only(ranking.answerable) for name, ranking in systems.items()}
    some = next(iter(systems.values()))
    note = (
        "Without the images of the query's own series; "
        f"{int((~some.answerable).sum())} of {len(some.rank)} queries then have none to find and "
        "are left out"
    )
    return _table("In-shop, other series", left, IN_SHOP_KS, {}, note)


def consumer_table(systems: Mapping[str, Ranking], *, published: bool = False) -> Table:
    """Return hit@k in % by system (true boxes, detected boxes); chance, the paper's if asked."""
    rows, note = (CONSUMER_TO_SHOP, CONSUMER_SOURCE) if published else ({}, "")
    return _table("Consumer-to-shop", systems, CONSUMER_KS, rows, note)


def by_category_table(systems: Mapping[str, Ranking], names: Sequence[str], k: int = 20) -> Table:
    """Return hit@k in % of the queries of each category that has some, in the whole gallery."""
    some = next(iter(systems.values()))
    rows = []
    for category in torch.unique(some.category[some.category >= 0]).tolist():
        of_category = {n: r.only(r.category == category) for n, r in systems.items()}
        count = len(next(iter(of_category.values())).rank)
        cells = [_percent(r.hit_rate(k)) for r in of_category.values()]
        rows.append([names[category], str(count), *cells])
    rows.append(["all", str(len(some.rank)), *(_percent(r.hit_rate(k)) for r in systems.values())])
    return Table(f"By category, hit@{k} in %", ["", "queries", *systems], rows)


def _table(
    title: str,
    systems: Mapping[str, Ranking],
    ks: Sequence[int],
    published: Mapping[str, Mapping[int, float]],
    note: str,
) -> Table:
    some = next(iter(systems.values()))
    rows = [[name, *(_percent(r.hit_rate(k)) for k in ks)] for name, r in systems.items()]
    rows.append([CHANCE, *(_percent(some.chance(k)) for k in ks)])
    for name, values in published.items():
        cells = [f"{values[k]:.1f}" if k in values else "" for k in ks]
        rows.append([f"{name} (published)", *cells])
    whole_note = ". ".join(filter(None, (_describe(some), note)))
    return Table(f"{title}, hit@k in %", ["", *map(str, ks)], rows, whole_note)


def _describe(ranking: Ranking) -> str:
    size = int(ranking.num_candidates.max()) if len(ranking.rank) else 0
    unmatched = int((~ranking.answerable).sum())
    missing = f"; {unmatched} of them have no match in it and count as misses" if unmatched else ""
    return f"{len(ranking.rank)} queries, a gallery of {size}{missing}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if share == share else "-"
