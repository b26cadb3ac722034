"""A document of every kind that can be read back, made of small data."""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from fuzz_seeds import NAMES, SINGLE, Seed

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the fixtures are, also outside pytest

import compare_fixtures
from report_fixtures import WARNINGS, make_fit
from test_experiment import document as experiment

from specaudit import api
from specaudit import documents as doc


@cache
def scans() -> dict[str, tuple[Seed, ...]]:
    """Return scans of rows, whose shards are not there: what is read is what they keep."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/a.npy", SINGLE)
        made = [api.scan(f"{folder}/a.npy", folder=folder, ids=ids).content for ids in (None, NAMES)]
    return {"scan": tuple(Seed(kind="embeddings", source="a.scan", files={"a.scan": content}) for content in made)}


@cache
def documents() -> dict[str, tuple[Seed, ...]]:
    """Return the seeds of documents by their schema's name."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((240, 8)) * np.arange(1, 9) ** -0.7
    log = np.array([rows[:, :2] * scale + 0.01 * random.standard_normal((240, 2)) for scale in (1.0, 0.6, 0.3)])
    found: dict[str, tuple[doc.Saved, ...]] = {
        "fit": (make_fit("resolved", warnings=WARNINGS), make_fit("unresolved"), api.fit(rows)),
        "baseline": (api.baseline(rows, kernels=["laplace"]),),
        "compare": (*map(compare_fixtures.made, ("fail", "augmented", "pass")), api.compare(rows, rows[:150])),
        "prune": (api.prune(rows, "random", 0.5), api.prune(rows, "all", [0.5, 0.8])),
        "span": (api.span(rows[:140], rows[140:]),),
        "frontier": (api.frontier(rows, log),),
        "simulate": (api.simulate(b=2.0),),
        "headroom": (api.headroom(rows, 10.0),),
        "experiment": (experiment(), experiment(exploratory=True, warnings=())),
    }
    return {
        f"document {name}": tuple(
            Seed(kind="document", source="doc.json", files={"doc.json": made.to_json().encode()}) for made in several
        )
        for name, several in found.items()
    }
