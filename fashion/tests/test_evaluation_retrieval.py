"""hit@k counted by hand and beside sorting, and what mistakes would inflate."""

from math import comb

import pytest
import torch
from torch.nn.functional import normalize

from fashion.data import taxonomy
from fashion.evaluation.results import RetrievalResults
from fashion.evaluation.retrieval import Embedded, GatheredEmbeddings, Ranking, rank_matches
from fashion.evaluation.retrieval_tables import (
    by_category_table,
    consumer_table,
    in_shop_table,
    other_series_table,
)


def on_circle(degrees: list[float], item: list[int], series: list[int] | None = None) -> Embedded:
    angle = torch.tensor(degrees).deg2rad()
    items = torch.tensor(item)
    kinds = items if series is None else torch.tensor(series)
    return Embedded(torch.stack([angle.cos(), angle.sin()], 1), items, kinds, items % 2)


GALLERY = on_circle([1, 2, 20, 30, 90], [7, 5, 5, 6, 6], [1, 1, 2, 1, 1])
QUERIES = on_circle([0, 0, 0, 0], [7, 5, 6, 9], [1, 1, 1, 1])


def test_best_match_of_any_place_counts_over_the_whole_gallery() -> None:
    ranking = rank_matches(QUERIES, GALLERY, block=3)
    assert ranking.rank.tolist() == [0, 1, 3, 5]
    assert ranking.num_matches.tolist() == [1, 2, 2, 0]
    assert [ranking.hit_rate(k) for k in (1, 2, 3, 4, 5, 50)] == [0.25, 0.5, 0.5, 0.75, 0.75, 0.75]


def test_query_without_a_match_is_a_miss_and_is_named() -> None:
    ranking = rank_matches(QUERIES, GALLERY)
    assert ranking.answerable.tolist() == [True, True, True, False]
    assert ranking.only(ranking.answerable).hit_rate(5) == 1
    note = in_shop_table({"ours": ranking}).note
    assert note == ("4 queries, a gallery of 5; 1 of them have no match in it and count as misses")


def test_other_series_leaves_out_the_querys_own() -> None:
    ranking = rank_matches(QUERIES, GALLERY, other_series=True)
    # item 7: its only match is hidden; 5: the match of its own series is, the other one is third
    # but one is hidden before it; 6: both are hidden; 9: never had any
    assert ranking.num_matches.tolist() == [0, 1, 0, 0]
    assert ranking.num_candidates.tolist() == [4, 4, 3, 5]
    assert int(ranking.rank[1]) == 1
    unknown = QUERIES._replace(series=torch.full((4,), -1))
    assert rank_matches(unknown, GALLERY, other_series=True).rank.tolist() == [0, 1, 3, 5]
    table = other_series_table({"ours": ranking})
    assert "3 of 4 queries then have none to find" in table.note
    assert table.rows[0][:3] == ["ours", "0.0", "100.0"]


def random_sets() -> tuple[Embedded, Embedded]:
    generator = torch.Generator().manual_seed(0)

    def some(number: int) -> Embedded:
        item = torch.randint(40, (number,), generator=generator)
        centres = torch.randn(40, 8, generator=torch.Generator().manual_seed(1))
        points = centres[item] + 1.5 * torch.randn(number, 8, generator=generator)
        series = torch.randint(2, (number,), generator=generator)
        return Embedded(normalize(points, dim=1), item, series, item % 3)

    return some(150), some(120)


@pytest.mark.parametrize("other_series", [False, True])
def test_ranking_equals_sorting(other_series: bool) -> None:
    queries, gallery = random_sets()
    ranking = rank_matches(queries, gallery, other_series=other_series, block=64)
    for q in range(len(queries.item)):
        is_match = gallery.item == queries.item[q]
        hidden = is_match & (gallery.series == queries.series[q]) & other_series
        order = (gallery.embedding @ queries.embedding[q]).argsort(descending=True)
        order = order[~hidden[order]]
        places = is_match[order].nonzero()[:, 0]
        assert int(ranking.num_matches[q]) == len(places)
        assert int(ranking.num_candidates[q]) == len(order)
        if len(places):
            assert int(ranking.rank[q]) == int(places[0])


def test_share_of_the_matches_found_and_smaller_galleries_would_differ() -> None:
    queries, gallery = random_sets()
    ranking = rank_matches(queries, gallery)
    first = (queries.embedding @ gallery.embedding.T).topk(5).indices
    found = gallery.item[first] == queries.item[:, None]
    ours = ranking.hit_rate(5)
    assert ours == pytest.approx(float(found.any(1).double().mean()))
    share_of_matches = found.sum(1) / ranking.num_matches.clamp_min(
        1
    )  # often called top-5 accuracy
    assert float(share_of_matches.mean()) < 0.8 * ours
    inside = [  # comparing with the gallery of the query's own category inflates
        rank_matches(
            Embedded(*(v[queries.category == c] for v in queries)),
            Embedded(*(v[gallery.category == c] for v in gallery)),
        )
        for c in range(3)
    ]
    easier = sum(r.hit_rate(5) * len(r.rank) for r in inside) / len(queries.item)
    assert easier > 1.1 * ours


def test_network_that_answers_alike_hits_nothing() -> None:
    queries, gallery = random_sets()
    same = [e._replace(embedding=torch.ones_like(e.embedding) / 8**0.5) for e in (queries, gallery)]
    assert rank_matches(*same).hit_rate(50) == 0
    broken = gallery._replace(embedding=gallery.embedding * torch.nan)
    with pytest.raises(ValueError, match="NaN"):
        rank_matches(queries, broken)
    with pytest.raises(ValueError, match="one length, got 8 and 7"):
        rank_matches(queries, gallery._replace(embedding=gallery.embedding[:, :7]))


def test_chance_is_that_of_drawing_without_replacement() -> None:
    numbers = torch.tensor([2]), torch.tensor([10]), torch.tensor([0])
    ranking = Ranking(torch.tensor([4]), *numbers)
    for k in (1, 3, 8, 9, 20):
        missed = comb(8, k) / comb(10, k) if k <= 10 else 0
        assert ranking.chance(k) == pytest.approx(1 - missed)
    nothing_to_find = ranking._replace(num_matches=torch.tensor([0]))
    assert [nothing_to_find.chance(k) for k in (1, 9, 10)] == [0, 0, 0]


@pytest.mark.parametrize("what", ["queries", "gallery", "batch"])
def test_embeddings_that_do_not_fit_are_named(what: str) -> None:
    good, _ = random_sets()
    broken = {
        "NaN": good._replace(embedding=good.embedding * torch.nan),
        r"got \[\(150, 8\), \(149,\)": good._replace(item=good.item[1:]),
        r"got \[\(150,\), \(150,\)": good._replace(embedding=good.embedding[:, 0]),
    }
    for message, embedded in broken.items():
        sets = {"queries": good, "gallery": good, what: embedded}
        update = GatheredEmbeddings().update
        with pytest.raises(ValueError, match=rf"^expected {what} .*{message}"):
            _ = update(*embedded) if what == "batch" else rank_matches(*sets.values())


def test_embeddings_are_gathered_without_unknown_items() -> None:
    gathered = GatheredEmbeddings()
    item = torch.tensor([3, -1])
    for _ in range(2):
        gathered.update(torch.eye(2), item, item, item)
    embedded = gathered.compute()
    assert embedded.item.tolist() == [3, 3]
    assert embedded.embedding.tolist() == [[1, 0], [1, 0]]


def test_tables_hold_chance_categories_and_published_rows() -> None:
    queries, gallery = random_sets()
    systems = {
        "true boxes": rank_matches(queries, gallery),
        "whole": rank_matches(queries, queries),
    }
    rows = {row[0]: row[1:] for row in in_shop_table(systems, published=True).rows}
    assert rows["FashionNet (published)"] == ["53.2", "72.5", "76.4", "77.0", "79.0", "80.0"]
    assert rows["FashionNet+100 (published)"] == ["", "", "57.3", "", "", "62.5"]
    assert float(rows["random order"][0]) < float(rows["true boxes"][0])
    consumer = consumer_table(systems, published=True)
    assert ["FashionNet (published)", "", "", "", "18.8", ""] in consumer.rows
    by_category = by_category_table(systems, ["Tee", "Jeans", "Dress"], k=5)
    assert by_category.columns == ["", "queries", "true boxes", "whole"]
    weighted = sum(int(row[1]) * float(row[2]) for row in by_category.rows[:3]) / 150
    assert [row[0] for row in by_category.rows] == ["Tee", "Jeans", "Dress", "all"]
    assert weighted == pytest.approx(float(by_category.rows[3][2]), abs=0.1)


@pytest.mark.parametrize(("num_queries", "num_gallery"), [(1, 1), (1, 2), (2, 1)])
def test_sets_of_one_image_have_a_result(num_queries: int, num_gallery: int) -> None:
    """Of one element torchmetrics makes a 0-d tensor, unless it is told not to."""
    results = RetrievalResults()
    number = num_queries + num_gallery
    batch = {
        "item": torch.zeros(number, dtype=torch.long),
        "series": torch.full((number,), -1),
        "category": torch.zeros(number, dtype=torch.long),
        "domain": torch.full((number,), taxonomy.SHOP),
        "role": torch.tensor([taxonomy.QUERY] * num_queries + [taxonomy.GALLERY] * num_gallery),
    }
    results.update(normalize(torch.ones(number, 3)), batch)
    ranking = results.in_shop()
    assert ranking is not None and ranking.hit_rate(1) == 1
    assert in_shop_table({"ours": ranking}).rows[0][1] == "100.0"
