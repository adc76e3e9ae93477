"""Time the evaluation of In-shop retrieval: 14,218 queries, a gallery of 12,612, 512 numbers each.

Beside the whole-gallery ranking that `fashion.evaluation.retrieval` counts: the usual product and
torch.topk in blocks, and a loop that measures one pair of vectors at a time, extrapolated from a
few queries. Embeddings are random and items as many as In-shop's test has: time alone is measured.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from fashion.evaluation.retrieval import Embedded, rank_matches

QUERIES, GALLERY, LENGTH, ITEMS = 14_218, 12_612, 512, 3_985
BAR = 10.0
"""Seconds that the whole evaluation may take on two cores."""

LOOPED = 3


def main() -> None:
    parser = argparse.ArgumentParser(description="Time In-shop's evaluation; print a table.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    queries, gallery = embedded(QUERIES), embedded(GALLERY)
    print(
        f"{QUERIES:,} x {GALLERY:,} x {LENGTH}, float32, {options.threads} threads, "
        f"PyTorch {torch.__version__}\n\n| | wall s | process CPU s |\n| --- | ---: | ---: |"
    )
    whole = print_line("ranked (ours)", options.repeats, lambda: rank_matches(queries, gallery))
    print_line(
        "ranked, other series too",
        options.repeats,
        lambda: (
            rank_matches(queries, gallery),
            rank_matches(queries, gallery, other_series=True),
        ),
    )
    print_line(
        "product and topk(50) in blocks",
        options.repeats,
        lambda: top(queries.embedding, gallery.embedding),
    )
    start = time.perf_counter()
    for query in queries.embedding[:LOOPED]:
        for candidate in gallery.embedding:
            1 - query @ candidate / (query.norm() * candidate.norm())
    seconds = (time.perf_counter() - start) / LOOPED * QUERIES
    print(f"| a pair at a time (extrapolated from {LOOPED} queries) | {seconds:,.0f} | |")
    print(f"\n{'reaches' if whole <= BAR else 'MISSES'} the bar of {BAR:g} s")


def embedded(number: int) -> Embedded:
    embedding = torch.nn.functional.normalize(torch.randn(number, LENGTH), dim=1)
    item = torch.randint(ITEMS, (number,))
    return Embedded(embedding, item, torch.randint(1, 4, (number,)), torch.zeros_like(item))


def top(queries: Tensor, gallery: Tensor, k: int = 50, block: int = 512) -> Tensor:
    return torch.cat([(part @ gallery.T).topk(k).indices for part in queries.split(block)])


def print_line(name: str, repeats: int, run: Callable[[], object]) -> float:
    """Print the best of a few turns; return its wall time."""
    best = (torch.inf, torch.inf)
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    print(f"| {name} | {best[0]:.2f} | {best[1]:.2f} |", flush=True)
    return best[0]


if __name__ == "__main__":
    main()
