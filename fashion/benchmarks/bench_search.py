"""Time search in a large index beside exact search, and print the memory that a larger one takes.

The vectors have structure, as embeddings do: 64 numbers drawn around the centres of 2,000 styles,
mapped to 512 at random. The index is made and searched by what `fashion.index` and
`fashion.search` call, and chooses its lists itself; queries are other draws, one at a time, by
turns, one thread, the thread's own clock.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from fashion.retrieval.building import finish
from fashion.retrieval.exact import exact_nearest
from fashion.retrieval.garment_index import GarmentIndex
from fashion.retrieval.storage import ROW, IndexFiles, Manifest, part_path
from fashion.retrieval.writing import opened

LENGTH, LATENT, STYLES, SPREAD = 512, 64, 2000, 0.5
BLOCK = 50_000
NUMBER, BAR, RECALL = 300_000, 25.0, 0.99
LARGE, MEMORY = 1_000_000, 3.0
"""Vectors, and the GB that making and searching their index may take."""

Vectors = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time search; print tables.")
    parser.add_argument("--number", type=int, default=NUMBER)
    parser.add_argument("--large", type=int, default=LARGE, help="0 leaves it out")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="where the indexes are put, by default /tmp")
    parser.add_argument("--step", choices=("build", "search"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    if options.step:
        take_step(options.step, options.folder)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        compare(Path(folder) / "index", options.number, options.queries)
        if options.large:
            weigh(Path(folder) / "large", options.large)


def compare(folder: Path, number: int, num_queries: int) -> None:
    write_vectors(folder, number)
    print(f"{number:,} x {LENGTH}, FAISS {faiss.__version__}, PyTorch {torch.__version__}\n")
    start = time.process_time()
    with opened(folder) as writer:
        print(finish(writer))
    print(f"lists made and tuned in {time.process_time() - start:.0f} s of CPU time\n")
    index, files = GarmentIndex(folder), IndexFiles(folder)
    queries = next(draw(num_queries, seed=1))
    whole = files.vectors()
    flat = faiss.IndexFlatIP(LENGTH)
    flat.add(whole)
    tensor = torch.from_numpy(whole)
    runs: dict[str, Callable[[Vectors], object]] = {
        "torch, matmul and topk": lambda q: (torch.from_numpy(q) @ tensor.T).topk(20),
        "FAISS flat": lambda q: flat.search(q, 20),
        "this index": lambda q: index.nearest(q, 20),
    }
    times = take_turns(runs, queries)
    best = exact_nearest([(0, whole)], queries, 1, faiss)
    found = [hits[0].score for hits in index.nearest(queries, 1)]
    recall = float(np.mean(np.array(found) >= best.scores[:, 0] - 1e-5))
    print("| one query, the best 20 | ms | times FAISS flat |\n| --- | ---: | ---: |")
    for name, seconds in times.items():
        print(f"| {name} | {1000 * seconds:.3f} | {times['FAISS flat'] / seconds:.1f} |")
    settings = files.manifest.inverted
    own = 1.0 if settings is None else settings.recall
    gain = times["FAISS flat"] / times["this index"]
    verdict = "reaches" if gain >= BAR and own >= RECALL else "MISSES"
    print(
        f"\nrecall@1 {own:.4f} on the index's own data, {recall:.4f} for the {num_queries} "
        f"queries: {verdict} the bar of {BAR:g} times at {RECALL}\n"
    )


def weigh(folder: Path, number: int) -> None:
    """Print the peak memory of making and of searching a large index, each in its own process."""
    write_vectors(folder, number)
    print(f"{number:,} x {LENGTH}: {number * LENGTH * 4 / 1e9:.2f} GB of vectors\n")
    print("| | peak memory, GB | seconds |\n| --- | ---: | ---: |")
    highest = 0.0
    for step in ("build", "search"):
        command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
        said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        highest = max(highest, said["gigabytes"])
        print(f"| {said['what']} | {said['gigabytes']:.2f} | {said['seconds']:.1f} |", flush=True)
    print(f"\n{'reaches' if highest < MEMORY else 'MISSES'} the bar of {MEMORY:g} GB")


def take_step(step: str, folder: Path) -> None:
    start = time.perf_counter()
    if step == "build":
        with opened(folder) as writer:
            what = finish(writer)
    else:
        index = GarmentIndex(folder)
        for query in next(draw(200, seed=1)):
            index.nearest(query[None], 20)
        what = "200 queries, one at a time"
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    seconds = time.perf_counter() - start
    print(json.dumps({"what": what, "gigabytes": gigabytes, "seconds": seconds}))


def draw(number: int, seed: int) -> Iterator[Vectors]:
    """Yield vectors of length 1 in blocks."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(seed)
    centres = fixed.standard_normal((STYLES, LATENT), np.float32)
    spread = fixed.standard_normal((LATENT, LENGTH), np.float32)
    for start in range(0, number, BLOCK):
        size = min(BLOCK, number - start)
        latent = centres[rng.integers(STYLES, size=size)]
        latent = latent + SPREAD * rng.standard_normal((size, LATENT), np.float32)
        vectors = latent @ spread
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_vectors(folder: Path, number: int) -> None:
    """Write an index of vectors with nothing else to say about them."""
    manifest = Manifest(
        *("none", "none", {}),
        whole=True,
        dimension=LENGTH,
        categories=("any",),
        num=number,
        num_bytes=3,
        next_id=number,
    )
    folder.mkdir(parents=True)
    manifest.write(folder)
    with part_path(folder, "vectors", 0).open("wb") as file:
        for block in draw(number, seed=2):
            block.tofile(file)
    rows = np.zeros(number, ROW)
    rows["id"] = np.arange(number)
    rows.tofile(part_path(folder, "rows", 0))
    part_path(folder, "garments", 0).write_text("{}\n")


def take_turns(runs: dict[str, Callable[[Vectors], object]], queries: Vectors) -> dict[str, float]:
    """Return the median seconds of each for one query; the first turns only warm up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn, query in enumerate(np.concatenate([queries[:50], queries])):
        for name, run in runs.items():
            start = time.thread_time()
            run(query[None])
            taken[name] += [time.thread_time() - start] if turn >= 50 else []
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main()
