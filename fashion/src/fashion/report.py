"""The tables of a test: ours, the trivial answers, and what the papers print for a benchmark."""

from collections.abc import Callable, Mapping, Sequence

from fashion.evaluation.attributes import attribute_table
from fashion.evaluation.categories import category_table
from fashion.evaluation.landmarks import landmark_table, slot_table
from fashion.evaluation.results import Measured, RetrievalResults
from fashion.evaluation.retrieval import Ranking
from fashion.evaluation.retrieval_tables import (
    by_category_table,
    consumer_table,
    in_shop_table,
    other_series_table,
)
from vision_shared.tables import Table

LANDMARK_SETS = {"cap": "DeepFashion-C", "fld": "FLD"}
"""What the papers call the landmarks of a benchmark."""


def garment_tables(
    systems: Mapping[str, Measured], type_names: Sequence[str], benchmark: str | None
) -> list[Table]:
    """Return the tables of categories, attributes and landmarks, of what was measured.

    Args:
        systems: systems by name, ours first.
        type_names: type names of attributes.
        benchmark: benchmark whose published figures stand below; None of other data.
    """
    tables = []
    categories = {name: m.category for name, m in systems.items() if m.category is not None}
    if categories:
        tables.append(category_table(categories, published=benchmark == "cap"))
    attributes = {name: m.attributes for name, m in systems.items() if m.attributes is not None}
    if attributes:
        precision = {n: m.precision for n, m in systems.items() if m.precision is not None}
        published = benchmark == "cap"
        tables.append(attribute_table(attributes, type_names, precision, published=published))
    landmarks = {name: m.landmarks for name, m in systems.items() if m.landmarks is not None}
    if landmarks:
        tables.append(landmark_table(landmarks, LANDMARK_SETS.get(benchmark or "")))
        tables.append(slot_table(landmarks, published=benchmark == "cap"))
    return tables


def retrieval_tables(
    systems: Mapping[str, RetrievalResults], categories: Sequence[str], benchmark: str | None
) -> list[Table]:
    """Return the tables of In-shop and of consumers' queries, of whichever there are.

    Args:
        systems: systems by name.
        categories: their names.
        benchmark: benchmark whose published figures stand below; None of other data.
    """
    tables = []
    in_shop = _rankings(systems, lambda results: results.in_shop())
    if in_shop:
        tables.append(in_shop_table(in_shop, published=benchmark == "inshop"))
    others = _rankings(systems, lambda results: results.in_shop(other_series=True))
    if others and any(bool(ranking.answerable.any()) for ranking in others.values()):
        tables.append(other_series_table(others))
    on_street = _rankings(systems, lambda results: results.on_street())
    if on_street:
        tables.append(consumer_table(on_street, published=benchmark == "consumer2shop"))
        tables.append(by_category_table(on_street, categories))
    return tables


def _rankings(
    systems: Mapping[str, RetrievalResults], rank: Callable[[RetrievalResults], Ranking | None]
) -> dict[str, Ranking]:
    ranked = {name: rank(results) for name, results in systems.items()}
    return {name: ranking for name, ranking in ranked.items() if ranking is not None}
