"""The comparisons that benchmarks/verdicts.py runs: rows, what is done to them, and the cases of every part."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from laws import gaussian, power, sphere

Rows = np.ndarray[Any, Any]
Sides = tuple[Rows, Rows]

ROOT = Path(__file__).parents[1]
STUDY = "SPECAUDIT_STUDY_DATA"
SIZE = 2000
CENTRES = 50
COMPONENTS = 32
KEPT = (0.5, 0.2)
LARGE_KEPT = (0.5, 0.05, 0.01)
FAR = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
REBUILT = (0.05, 0.1, 0.2, 0.3, 0.5)
CORETYPES = ("SkylakeX", "Haswell")
STABILITY_ROWS = 1500

PAIRS = {
    "sample before/after": "fail",
    "wordnet8k_prototypes50": "fail",
    "wordnet8k_topiconly": "fail",
    "wordnet8k_pca32": "fail",
    "patches8k_photodrop": "fail",
    "patches8k_droplowcontrast reversed": "fail",
    "digits_drop_3to9": "fail",
    "wordnet8k_dup400x10": "fail repeats",
    "wordnet8k_random50": "pass",
    "digits_random50": "pass",
    "wordnet8k_fresh": "pass",
    "wordnet8k_semdedup": "pass",
    "wordnet8k_topicdrop": "pass",
    "wordnet8k_outliers50": "pass",
    "wordnet8k_dropshort": "pass",
    "wordnet8k_mixup": "pass",
    "wordnet8k_dup2x": "pass",
    "wordnet8k_gauss": "fail span",
    "patches8k_random50": "pass/inconclusive",
    "patches8k_droplowcontrast": "pass/inconclusive",
    "patches8k_pca16": "fail/inconclusive",
}
"""Name -> expected verdicts, then the only gates that may fail or a warning that must be there."""


def generator(*words: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(map(str, words)).encode()))


def find(name: str) -> Path | None:
    """Return the file of stored rows: in the study's directory, else among the samples."""
    study = os.environ.get(STUDY)
    places = ([Path(study)] if study else []) + [ROOT / "sample_data"]
    return next((p / f"{name}.npy" for p in places if (p / f"{name}.npy").is_file()), None)


@cache
def stored(name: str) -> Rows:
    path = find(name)
    assert path is not None, name
    return np.load(path)


def text() -> str:
    return "wordnet8k" if find("wordnet8k") else "embeddings"


def images() -> str:
    return "patches8k" if find("patches8k") else "patches"


def some(name: str, size: int, rng: np.random.Generator) -> Rows:
    rows = stored(name)
    return rows[rng.permutation(len(rows))[:size]]


def unseen_text(rng: np.random.Generator) -> Rows:
    known = {row.tobytes() for row in stored("wordnet8k")}
    rows = some("large/wordnet117k", 5000, rng)
    return rows[[row.tobytes() not in known for row in rows]][:4000]


def breast_cancer(rng: np.random.Generator) -> Rows:
    from sklearn.datasets import load_breast_cancer

    rows = load_breast_cancer().data
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def diabetes(rng: np.random.Generator) -> Rows:
    """Return 128 random Fourier features of the standardised table."""
    from sklearn.datasets import load_diabetes

    rows = load_diabetes().data
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    draw = generator("diabetes features")
    return np.cos(rows @ draw.standard_normal((rows.shape[1], 128)) / 4 + draw.uniform(0, 2 * np.pi, 128))


def student(rng: np.random.Generator) -> Rows:
    rows = rng.standard_normal((SIZE, 200)) * np.sqrt(power(1.0, 200))
    return rows / np.sqrt(rng.chisquare(5, (SIZE, 1)) / 5)


def blobs(rng: np.random.Generator) -> Rows:
    return 2 * rng.standard_normal((40, 64))[rng.integers(40, size=SIZE)] + rng.standard_normal((SIZE, 64))


BASES: dict[str, Callable[[np.random.Generator], Rows]] = {
    **{name: partial(some, name, SIZE) for name in ("wordnet8k", "embeddings", "patches8k", "patches", "digits")},
    "sphere S^5": lambda rng: sphere("laplace", 5).rows(SIZE, rng),
    "gaussian b=1.2": lambda rng: gaussian("", lambda n: power(1.2, 300)).rows(SIZE, rng),
    "wordnet117k": unseen_text,
    "breast cancer": breast_cancer,
    "diabetes features": diabetes,
    "sphere S^3": lambda rng: sphere("matern32", 3).rows(SIZE, rng),
    "gaussian b=0.8": lambda rng: gaussian("", lambda n: power(0.8, 300)).rows(SIZE, rng),
    "student t, 5 d.o.f.": student,
    "40 blobs": blobs,
}
"""Set -> its rows, drawn anew with every generator where there are more to draw from."""


def from_centres(rows: Rows, rng: np.random.Generator) -> Rows:
    """Return the distance (n,) of every row to the nearest k-means centre."""
    from scipy.cluster.vq import kmeans2, vq

    values = rows.astype(float)
    centres, _ = kmeans2(values, CENTRES, minit="++", rng=rng, missing="warn")
    return np.asarray(vq(values, centres)[1])


def pruned(part: str, name: str, share: float, draw: int) -> Sides:
    rng = generator(part, name, share, draw)
    rows = BASES[name](rng)
    return rows, rows[rng.permutation(len(rows))[: round(share * len(rows))]]


def itself(name: str, draw: int) -> Sides:
    rows = BASES[name](generator("selfsame", name, draw))
    return rows, rows


def twice(name: str, draw: int) -> Sides:
    rows = itself(name, draw)[0]
    return rows, np.concatenate([rows, rows])


def disjoint(name: str, share: float, draw: int) -> Sides:
    rng = generator("disjoint", name, share, draw)
    rows = rng.permutation(BASES[name](rng))
    first = round(share * len(rows))
    return rows[:first], rows[first:]


def far_dropped(part: str, name: str, share: float, draw: int) -> Sides:
    """Drop half of the rows: this share of them the farthest from cluster centres, the others at random."""
    rng = generator(part, "far", name, share, draw)
    rows = BASES[name](rng)
    order = np.argsort(-from_centres(rows, rng), kind="stable")
    half = len(rows) // 2
    far = round(share * half)
    return rows, rows[rng.permutation(order[far:])[: len(rows) - half]]


def rebuilt(name: str, share: float, draw: int) -> Sides:
    """Replace this share of the rows by what 32 principal components say of them, at the row's own length."""
    rng = generator("rebuilt", name, share, draw)
    rows = BASES[name](rng)
    values = rows.astype(float)
    centred = values - values.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:COMPONENTS]
    chosen = rng.permutation(len(rows))[: round(share * len(rows))]
    new = values.mean(axis=0) + centred[chosen] @ axes.T @ axes
    new *= np.linalg.norm(values[chosen], axis=1, keepdims=True) / np.linalg.norm(new, axis=1, keepdims=True)
    after = rows.copy()
    after[chosen] = new
    return rows, after


MODELS: dict[str, Callable[[Rows, np.random.Generator], Rows]] = {
    "tanh of a rotation": lambda x, rng: np.tanh(x @ _mixing(x, rng) * 2 / x.std()),
    "random projection": lambda x, rng: x @ _mixing(x, rng),
    "rows x 2": lambda x, rng: 2 * x,
    "rows x 0.5": lambda x, rng: 0.5 * x,
}


def _mixing(rows: Rows, rng: np.random.Generator) -> Rows:
    return rng.standard_normal((rows.shape[1], rows.shape[1])) / np.sqrt(rows.shape[1])


def remodelled(name: str, model: str, draw: int) -> Sides:
    rng = generator("foreign", name, model, draw)
    rows = BASES[name](rng).astype(np.float32)
    return rows, MODELS[model](rows, rng).astype(np.float32)


def pair(name: str) -> Sides:
    if name == "sample before/after":
        return stored("before"), stored("after")
    name, _, turned = name.partition(" ")
    before = stored(name.partition("_")[0])
    kept = find(f"pairs/{name}.keep")
    after = (
        before[np.load(kept)] if kept else np.concatenate([before, stored(f"pairs/{name}.add").astype(before.dtype)])
    )
    return (after, before) if turned else (before, after)


def cut(share: float, draw: int) -> Sides:
    rows = stored("large/wordnet117k")
    chosen = generator("large", share, draw).permutation(len(rows))[: round(share * len(rows))]
    return rows, rows[np.sort(chosen)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison; `sides` makes its rows."""

    part: str
    set: str
    name: str
    draw: int
    sides: Callable[[], Sides]
    options: tuple[tuple[str, Any], ...] = ()
    coretype: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        return self.part, self.set, self.name, self.draw


def skip(what: str) -> None:
    print(f"skipped: {what} (give --data DIR or set {STUDY})", file=sys.stderr)


def random(draws: int) -> Iterator[Case]:
    for draw in range(draws):
        for name in (text(), images(), "digits", "sphere S^5", "gaussian b=1.2"):
            for share in KEPT[:1] if name == "digits" else KEPT:
                sides = partial(pruned, "random", name, share, draw)
                yield Case(part="random", set=name, name=f"keep {share:.0%}", draw=draw, sides=sides)


def selfsame(draws: int) -> Iterator[Case]:
    fresh = (("expect", "fresh"),)
    for draw in range(draws):
        for name in (text(), images(), "digits", "sphere S^5", "gaussian b=1.2"):
            case = partial(Case, part="selfsame", set=name, draw=draw)
            yield case(name="itself", sides=partial(itself, name, draw))
            yield case(name="every row twice", sides=partial(twice, name, draw))
            yield case(name="fresh, 1:1", sides=partial(disjoint, name, 1 / 2, draw), options=fresh)
            yield case(name="fresh, 2:1", sides=partial(disjoint, name, 2 / 3, draw), options=fresh)


def injected(draws: int) -> Iterator[Case]:
    for draw in range(draws):
        for name in (text(), "gaussian b=1.2"):
            case = partial(Case, part="harm", set=name, draw=draw, options=(("calibrate", True),))
            for share in FAR:
                yield case(name=f"far {share:.0%}", sides=partial(far_dropped, "harm", name, share, draw))
            for share in REBUILT:
                yield case(name=f"rebuilt {share:.0%}", sides=partial(rebuilt, name, share, draw))


def foreign(draws: int) -> Iterator[Case]:
    for draw in range(draws):
        for name in (text(), images(), "digits"):
            for model in MODELS:
                sides = partial(remodelled, name, model, draw)
                yield Case(part="foreign", set=name, name=model, draw=draw, sides=sides)


def available_pairs() -> list[str]:
    if find("wordnet8k"):
        return list(PAIRS)
    skip("all pairs but the sample's")
    return list(PAIRS)[:1]


def pairs(draws: int) -> Iterator[Case]:
    for name in available_pairs():
        yield Case(part="pairs", set=name, name="all rows", draw=0, sides=partial(pair, name))


def unseen(draws: int) -> Iterator[Case]:
    names = ["wordnet117k", "breast cancer", "diabetes features"]
    names += ["sphere S^3", "gaussian b=0.8", "student t, 5 d.o.f.", "40 blobs"]
    if not find("large/wordnet117k"):
        skip(names.pop(0))
    try:
        import sklearn  # noqa: F401
    except ImportError:
        print("skipped: breast cancer, diabetes features (install scikit-learn)", file=sys.stderr)
        names = [name for name in names if name not in ("breast cancer", "diabetes features")]
    for draw in range(draws):
        for name in names:
            case = partial(Case, part="unseen", set=name, draw=draw)
            for share in KEPT:
                yield case(name=f"keep {share:.0%}", sides=partial(pruned, "unseen", name, share, draw))
            yield case(name="nearest half", sides=partial(far_dropped, "unseen", name, 1.0, draw))


def large(draws: int) -> Iterator[Case]:
    if not find("large/wordnet117k"):
        return skip("large")
    for draw in range(draws):
        for share in LARGE_KEPT:
            sides = partial(cut, share, draw)
            yield Case(part="large", set="wordnet117k", name=f"keep {share:.0%}", draw=draw, sides=sides)


def stability(draws: int) -> Iterator[Case]:
    for draw in range(draws):
        for name in available_pairs() if draw == 0 or find("wordnet8k") else list(PAIRS)[:1]:
            for threads in (1, 2):
                for coretype in CORETYPES:
                    yield Case(
                        part="stability",
                        set=name,
                        name=f"{coretype}, threads {threads}",
                        draw=draw,
                        sides=partial(pair, name),
                        options=(("threads", threads), ("max_rows", STABILITY_ROWS)),
                        coretype=coretype,
                    )


PARTS: dict[str, tuple[Callable[[int], Iterator[Case]], int]] = {
    "random": (random, 120),
    "selfsame": (selfsame, 50),
    "foreign": (foreign, 20),
    "harm": (injected, 20),
    "unseen": (unseen, 20),
    "pairs": (pairs, 1),
    "large": (large, 3),
    "stability": (stability, 20),
}
"""Part -> its cases, and how often each is drawn."""
