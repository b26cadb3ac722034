"""Every kind of index on two data sets: seconds to build and to ask for all rows, and recall against exact search.

python benchmarks/neighbours.py            # about 20 minutes on two cores; writes results/neighbours.md

All rows are asked for their 2 nearest others; candidates are as `nearest_neighbours` asks for them. `exact` compares
all rows, timed on a sample of the queries and scaled up; recall is on that sample. The second part is where `auto`
leaves exact search: subsets, the whole of `nearest_neighbours` both ways.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from specaudit.embeddings import open_embeddings
from specaudit.graph import INDEXES, Neighbours, nearest_neighbours
from specaudit.graph.index import training_rows
from specaudit.graph.search import SPARE, faiss_threads
from specaudit.scan import scan

RESULTS = Path(__file__).parent / "results"
THREADS = 2
K = 2
SAMPLED = 4096
STEP = 4096
CROSSING_ROWS = (8_192, 16_384, 32_768, 65_536)


def sphere(rows: int = 200_000, dimensions: int = 128) -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((rows, 6))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return (points @ np.linalg.qr(rng.standard_normal((dimensions, 6)))[0].T).astype(np.float32)


def measured(kind: str, points: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Return seconds to build, seconds to ask for all rows, and the recall on the first ones."""
    start = time.perf_counter()
    index = INDEXES[kind].of(points.shape[1], len(points), points[-training_rows(len(points)) :])
    for low in range(0, len(points), STEP):
        index.add(points[low : low + STEP])
    index.search(points[:STEP], K + 1 + SPARE)  # what is left to the first search belongs to the build
    built = time.perf_counter()
    asked = SAMPLED if index.exact else len(points)
    found = [index.search(points[low : low + STEP], K + 1 + SPARE) for low in range(0, asked, STEP)]
    seconds = (time.perf_counter() - built) * len(points) / asked
    squared = np.concatenate([part for part, _ in found])[: len(truth), : K + 1]
    return built - start, seconds, recall(squared, truth)


def recall(squared: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of the true neighbours; the query itself, the first of each list, does not count."""
    return float((squared[:, 1:] <= truth[:, -1:] * (1 + 1e-5) + 1e-6).mean())


def both(values: np.ndarray) -> dict[str, tuple[float, Neighbours]]:
    """Return seconds and result of the whole search, exact and by IVF."""
    embeddings = open_embeddings(values)
    found = scan(embeddings, max_rows=131_072)
    sample = embeddings.take(found.sample.rows)
    answers = {}
    for index in ("flat", "ivf"):
        start = time.perf_counter()
        result = nearest_neighbours(embeddings, found, sample=sample, index=index, threads=THREADS)
        answers[index] = (time.perf_counter() - start, result)
    return answers


def kinds_table(sets: dict[str, np.ndarray]) -> list[str]:
    lines = [
        "| data | rows x dimensions | index | build s | search s | recall@2 |",
        "|---|---|---|---|---|---|",
    ]
    for name, values in sets.items():
        points = values.astype(np.float32)
        points -= points.mean(axis=0)
        flat = INDEXES["flat"].of(points.shape[1], len(points), points[:0])
        flat.add(points)
        truth = flat.search(points[:SAMPLED], K + 1)[0]
        del flat
        for kind in INDEXES:
            with faiss_threads(THREADS):
                build, search, share = measured(kind, points, truth)
            shape = f"{len(points):,} x {points.shape[1]}"
            lines.append(f"| {name} | {shape} | {kind} | {build:.1f} | {search:.1f} | {share:.3f} |")
            print(lines[-1], flush=True)
    return lines


def crossing_table(sets: dict[str, np.ndarray]) -> list[str]:
    lines = [
        "| data | rows | rows² x dimensions | exact s | ivf s | recall@2 of ivf |",
        "|---|---|---|---|---|---|",
    ]
    for name, values in sets.items():
        for rows in CROSSING_ROWS:
            answers = both(values[:rows])
            (exact, _), (ivf, result) = answers["flat"], answers["ivf"]
            size = f"{rows**2 * values.shape[1]:.2g}"
            lines.append(f"| {name} | {rows:,} | {size} | {exact:.1f} | {ivf:.1f} | {result.recall:.3f} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordnet", type=Path, required=True, help="117,659 x 384, float16, .npy")
    wordnet = np.load(parser.parse_args().wordnet, mmap_mode="r")
    order = np.random.default_rng(1).permutation(len(wordnet))
    sets = {"WordNet glosses": wordnet[order], "S⁵ in 128 dimensions": sphere()}
    crossing = crossing_table(sets)
    kinds = kinds_table(sets)
    text = f"""# Nearest rows by kind of index

`python benchmarks/neighbours.py`, {THREADS} threads. All rows asked for their {K} nearest others; `flat` is
exhaustive, timed on {SAMPLED:,} queries, scaled up. The build includes a first search of 4,096
queries. Other work ran on the machine: seconds are good to a factor of about 1.5.

{chr(10).join(kinds)}

## Where approximate search wins

The whole of `nearest_neighbours`, with exact distances and the measured recall.

{chr(10).join(crossing)}
"""
    (RESULTS / "neighbours.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
