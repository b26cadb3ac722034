"""Comparisons built by hand, one for each thing that a report must say: the curves are those of known spectra."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from report_fixtures import json_keys

from specaudit import documents as doc

GOLDEN = Path(__file__).parent / "golden" / "compare"
HOSTILE = "<script>alert(1)</script>|*`[x](y)`\n::error::\x1b[31m\x00 ##[error] %0A,:&\ud800\ufffe"
RANKS = np.arange(1, 4001)
KAPPA = np.geomspace(0.5, 2e-5, 400)
WARNING = doc.Warning_(
    id="SPA017",
    message="far fewer rows: 240 of 7,416 different rows are left",
    next_step="decide about the amount by other means; a spectrum tells the shape alone",
)
BANDWIDTHS = {"laplace": 1.2738, "matern32": 1.31, "matern52": 1.32, "rbf": 1.4}
UNIT = {"laplace": 0.02, "linear": 0.05}


def side(source: str, rows: int, unique: int, digest: str, *, effective: float | None = None) -> doc.Side:
    return doc.Side(
        source=source,
        model="all-MiniLM-L6-v2",
        rows=rows,
        dimensions=384,
        dtype="float32",
        digest=digest,
        dropped_rows=0,
        unique_rows=unique,
        effective_rows=effective or 0.98 * unique,
        duplicate_fraction=1 - unique / rows,
        sampled_rows=min(unique, 8000),
    )


def population(decay: float, bend: float) -> np.ndarray:
    values = RANKS**-decay * np.exp(-bend * np.log(RANKS) ** 2)
    return values / values.sum()


def curve(values: np.ndarray, band: float) -> doc.Curve:
    """Return what would be known of a population: both curves on grids of effective dimensions."""
    share = values / (values + KAPPA[:, None])
    n1, n2, n3 = ((share**p).sum(axis=1) for p in (1, 2, 3))
    b2 = n2 / (2 * (n2 - n3))
    depth, first = np.geomspace(1.0, 40.0, 64), np.geomspace(2.0, 90.0, 64)
    kappa = np.exp(np.interp(np.log(first), np.log(n1), np.log(KAPPA)))
    exponent = np.interp(np.log(depth), np.log(n2), b2)
    return doc.Curve(
        eigenvalues=tuple(values[:240]),
        kappa=tuple(kappa),
        kappa_low=tuple(kappa * np.exp(-band)),
        kappa_high=tuple(kappa * np.exp(band)),
        n1=tuple(first),
        n2=tuple(depth),
        exponent=tuple(exponent),
        exponent_low=tuple(exponent - band),
        exponent_high=tuple(exponent + band),
    )


def gain(before: doc.Curve, after: doc.Curve, band: float) -> doc.Gain:
    ratio = np.array(after.kappa) / np.array(before.kappa)
    return doc.Gain(
        dimension=before.n1,
        kappa_ratio=tuple(ratio),
        low=tuple(ratio * np.exp(-band)),
        high=tuple(ratio * np.exp(band)),
    )


def deep_gain(gain: doc.Gain) -> doc.DeepGain:
    """Return one that goes on where `gain` ends."""
    ratio = gain.kappa_ratio[-1] * np.geomspace(1, 0.9, 24)
    return doc.DeepGain(
        dimension=tuple(np.geomspace(gain.dimension[-1], 2000, 24)),
        kappa_ratio=tuple(ratio),
        low=tuple(0.98 * ratio),
        high=tuple(1.02 * ratio),
        rows=16_000,
        landmarks=250,
        neighbors=32,
        disagreement=-0.003,
    )


def tests_of(
    name: str, before: doc.Curve, after: doc.Curve, error: float, status: str | None
) -> tuple[doc.Test, ...]:
    """Return the capacity at three depths and the tail; all have `status`, or else what their numbers say."""
    ratio = np.log(np.array(after.kappa) / np.array(before.kappa))
    depths = (10.0, 30.0, 60.0)
    changes = [(depth, float(np.interp(np.log(depth), np.log(before.n1), ratio)), UNIT[name]) for depth in depths]
    inside = (np.array(before.n2) >= 10) & (np.array(before.n2) <= 40)
    rise = float(np.mean((np.array(after.exponent) - np.array(before.exponent))[inside]))

    def told(harm: float, margin: float) -> str:
        if status is not None:
            return status
        decided = "fail" if harm > max(margin, 3.4 * error) else "inconclusive"
        return "pass" if harm + 3.4 * error < margin else decided

    def common(change: float) -> dict[str, object]:
        z = change / error if error else None
        return {"change": change, "low": change - 3.4 * error, "high": change + 3.4 * error, "error": error, "z": z}

    capacity = [
        doc.Test(
            statistic="capacity",
            dimension=depth,
            window=None,
            limit=-margin,
            status=told(-change, margin),
            rows_needed=12_000 if status == "inconclusive" else None,
            **common(change),
        )
        for depth, change, margin in changes
    ]
    tail = doc.Test(
        statistic="tail",
        dimension=None,
        window=(10.0, 40.0),
        limit=0.03,
        status=told(rise, 0.03),
        rows_needed=8500 if status == "inconclusive" else None,
        **common(rise),
    )
    return (*capacity, tail)


def region(before: np.ndarray, after: np.ndarray, *, flat: bool, cutoff: int | None) -> doc.FiniteRegion:
    edges = np.unique(np.geomspace(1, 240, 14).astype(int))
    pairs = list(pairwise(edges))
    ratio = [float(np.mean(np.log(after[a - 1 : b - 1] / before[a - 1 : b - 1]))) for a, b in pairs]
    return doc.FiniteRegion(
        rank=tuple(float(np.sqrt(a * b)) for a, b in pairs),
        log_ratio=tuple(ratio),
        error=tuple(0.02 / np.sqrt(b - a) for a, b in pairs),
        cutoff=cutoff,
        peak_gain=float(np.exp(max(ratio) - 0.02)),
        tail_ratio=float(np.exp(np.mean(ratio[-3:]))),
        tail_flat=flat,
    )


def spectrum(
    name: str, harm: float, *, error: float = 0.004, status: str | None = None, kernel: str = ""
) -> doc.SpectrumChange:
    decay = 1.2 if name == "laplace" else 1.4
    before, after = population(decay, 0.01), population(decay + harm, 0.01)
    sides = curve(before, 4 * error), curve(after, 4 * error)
    tests = tests_of(name, *sides, error, status)
    return doc.SpectrumChange(
        kernel=doc.Kernel(
            name=kernel or name,
            bandwidth=BANDWIDTHS.get(kernel or name),
            bandwidth_rule="none" if name == "linear" else "median distance",
            normalize="none",
            centered=False,
        ),
        tests=tests,
        delta_exponent=doc.Change(value=tests[-1].change, low=tests[-1].low, high=tests[-1].high),
        window=(10.0, 40.0),
        depth=(400.2, 12.4),
        gain=gain(*sides, 4 * error),
        before=sides[0],
        after=sides[1],
        finite_region=region(before, after, flat=harm <= 0, cutoff=31 if harm < 0 else None),
        diversity={
            index: diversity_change(index, before, after, error)
            for index in ("vendi_score", "participation_ratio", *["rankme"] * (name == "linear"))
        },
    )


def diversity_change(index: str, before: np.ndarray, after: np.ndarray, error: float) -> doc.DiversityChange:
    """Return an index of two populations, from its formula."""

    def value(values: np.ndarray) -> float:
        share = np.sqrt(values) if index == "rankme" else values
        share = share / share.sum()
        if index == "participation_ratio":
            return float(1 / (share**2).sum())
        return float(np.exp(-(share * np.log(share)).sum()))

    one, other = value(before), value(after)
    ratio = other / one
    return doc.DiversityChange(
        before=one, after=other, ratio=ratio, low=ratio * np.exp(-2 * error), high=ratio * np.exp(2 * error)
    )


def gate(
    name: doc.compare.GateId,
    status: doc.compare.GateStatus,
    reason: str,
    next_step: str = "",
    where: str = "",
    *numbers: float,
    **more: object,
) -> doc.Gate:
    observed, low, high, limit = numbers or (None, None, None, None)
    return doc.Gate(
        id=name,
        status=status,
        observed=observed,
        low=low,
        high=high,
        limit=limit,
        where=where,
        reason=reason,
        next_step=next_step,
        **more,
    )


NAMED = tuple(
    doc.NamedRow(row=137 * (k + 1), id=f"gloss-{k}", distance=1.61 - 0.05 * k, leverage=0.2 + 0.01 * k)
    for k in range(8)
)
GROUPS = doc.Groups(
    count=24,
    unused=1,
    lost=1,
    share=0.03,
    groups=(
        doc.Group(name="glossaries", rows=900, kept=0, share=0.0, chance=2.2e-11, lost=True),
        *(
            doc.Group(
                name=f"source-{k}", rows=500 + k, kept=15 + k, share=(15 + k) / (500 + k), chance=1.0, lost=False
            )
            for k in range(23)
        ),
    ),
)
NO_HARM = "no harm to the spectral shape beyond the margin"
CAPACITY = gate("capacity", "pass", NO_HARM, "", "linear, 60 effective dimensions", -0.003, -0.016, 0.011, -0.05)
TAIL = gate(
    "tail", "pass", NO_HARM, "", "laplace, between 10 and 40 effective dimensions", 0.001, -0.012, 0.015, 0.03
)
REPEATS = gate(
    "repeats",
    "pass",
    "rows repeat no more unevenly than before",
    "",
    "effective rows over unique rows, AFTER relative to BEFORE",
    1.0125,
    1.0125,
    1.0125,
    0.8,
)
CONSISTENCY = gate(
    "consistency",
    "pass",
    "eigenvalues obey the ceiling of a subset",
    "",
    "240 leading eigenvalues",
    1.204,
    1.204,
    1.204,
    30.9,
)
SPAN = gate("span", "skipped", "no rows were added")
PASSING = (CAPACITY, TAIL, REPEATS, CONSISTENCY, SPAN)


def comparison(**changes: object) -> doc.Comparison:
    """Return a comparison that passes, but for `changes`."""
    spectra = changes.pop("spectra", None) or {
        "laplace": spectrum("laplace", 0.001),
        "linear": spectrum("linear", 0.001),
    }
    first = spectra["laplace"]
    digests = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210")
    fields: dict[str, object] = {
        "verdict": "pass",
        "exit_code": 0,
        "relation": doc.Relation(
            kind="prune",
            expected="any",
            matched_by="content",
            shared=240,
            near=0,
            tolerance=None,
            removed=7176,
            added=0,
            sample_overlap=240,
        ),
        "tail": "preserved",
        "primary": "laplace",
        "delta_exponent": first.delta_exponent,
        "spectra": spectra,
        "finite_region": first.finite_region,
        "consistency": doc.Consistency(limit=30.9, observed=1.204, ranks=240, holds=True),
        "null": doc.Null(rows=240, draws=24, drawn_from="before", critical_value=3.4, statistics=8),
        "gates": PASSING,
        "rows": doc.Rows(
            before=8000,
            after=240,
            unique_before=7416,
            unique_after=240,
            removed_far=NAMED,
            searched=7176,
            removed_tail=NAMED[::-1],
            carried=doc.Carried(
                kernel="laplace", dimension=927.0, rows=0.97, capacity=0.981, first_tenth=0.122, explained=None
            ),
        ),
        "before": side("before.npy", 8000, 7416, digests[0]),
        "after": side("after.npy", 240, 240, digests[1]),
        "reproduce": doc.Reproduce(
            command="specaudit compare before.npy after.npy --seed 0",
            seed=0,
            estimator="2",
            before=digests[0],
            after=digests[1],
        ),
        "environment": doc.Environment(
            specaudit="0.2.0", python="3.11.7", numpy="2.0.0", scipy="1.13.0", faiss="1.9.0", threads=2
        ),
        "warnings": (WARNING,),
    }
    return doc.Comparison(**(fields | changes))


def failing() -> doc.Comparison:
    spectra = {"laplace": spectrum("laplace", 0.08), "linear": spectrum("linear", 0.12)}
    spectra["laplace"] = spectra["laplace"].model_copy(update={"deep_gain": deep_gain(spectra["laplace"].gain)})
    capacity = gate(
        "capacity",
        "fail",
        "up to 31 % less capacity, from mode 10 on (linear)",
        "keep more of the removed rows, see the rows named",
        "linear, 60 effective dimensions",
        -0.374,
        -0.388,
        -0.361,
        -0.05,
    )
    tail = gate(
        "tail",
        "fail",
        "the tail exponent rises by 0.083 between 10 and 40 effective dimensions (laplace): the tail is steeper",
        "keep more of the removed rows, see the rows named",
        "laplace, between 10 and 40 effective dimensions",
        0.083,
        0.069,
        0.096,
        0.03,
    )
    rows = gate(
        "rows",
        "fail",
        "97 % of the different rows are dropped, 50 % are allowed (7,416 -> 240)",
        "keep more rows, or change --max-drop and --min-rows",
        "share of unique rows dropped",
        0.9676,
        0.9676,
        0.9676,
        0.5,
    )
    gates = (capacity, tail, REPEATS, CONSISTENCY, rows, SPAN)
    return comparison(
        verdict="fail",
        exit_code=1,
        tail="steeper",
        spectra=spectra,
        delta_exponent=spectra["laplace"].delta_exponent,
        finite_region=spectra["laplace"].finite_region,
        gates=gates,
        rows=comparison().rows.model_copy(
            update={
                "carried": comparison().rows.carried.model_copy(update={"explained": 0.312}),
                "groups": GROUPS,
            }
        ),
        smallest_harm={"capacity": 0.031, "tail": 0.044},
    )


def inconclusive() -> doc.Comparison:
    spectra = {
        "laplace": spectrum("laplace", 0.004, error=0.012, status="inconclusive"),
        "linear": spectrum("linear", 0.004, error=0.012),
    }
    capacity = gate(
        "capacity",
        "inconclusive",
        "the change of -0.015 at laplace, 30 effective dimensions has the interval [-0.056, +0.026], which holds the "
        "limit -0.020",
        "compare about 12,000 rows instead of 240, or widen the margin",
        "laplace, 30 effective dimensions",
        -0.015,
        -0.056,
        0.026,
        -0.02,
        rows_needed=12_000,
    )
    tail = gate(
        "tail",
        "inconclusive",
        "the change of +0.006 at laplace, between 10 and 40 effective dimensions has the interval [-0.035, +0.047], "
        "which holds the limit +0.030",
        "compare about 8,500 rows instead of 240, or widen the margin",
        "laplace, between 10 and 40 effective dimensions",
        0.006,
        -0.035,
        0.047,
        0.03,
        rows_needed=8500,
    )
    return comparison(
        verdict="inconclusive",
        exit_code=3,
        tail="undecided",
        spectra=spectra,
        gates=(capacity, tail, REPEATS, CONSISTENCY, SPAN),
    )


def waived() -> doc.Comparison:
    document = failing()
    capacity, tail, *_, rows, _ = document.gates
    waiver = doc.Waiver(reason="topic 12 is dropped on purpose", until="2027-03-31")
    for_once = doc.Waiver(reason="a smoke test", until=None)
    gates = (
        capacity.model_copy(update={"status": "waived", "suspended": "fail", "waiver": waiver}),
        tail.model_copy(update={"status": "waived", "suspended": "fail", "waiver": waiver}),
        REPEATS,
        CONSISTENCY,
        rows.model_copy(update={"status": "waived", "suspended": "fail", "waiver": for_once}),
        SPAN,
    )
    return document.model_copy(update={"verdict": "pass", "exit_code": 0, "gates": gates})


def augmented() -> doc.Comparison:
    """Return one whose tail is flatter because rows were added, which no spectrum can judge."""
    spectra = {"laplace": spectrum("laplace", -0.05), "linear": spectrum("linear", -0.05)}
    warning = doc.Warning_(
        id="SPA012",
        message="1,584 rows were added; a spectrum cannot tell whether synthetic rows add anything new",
        next_step="run the span test on the added rows if a model generated them",
    )
    span = gate("span", "skipped", "a spectrum cannot judge whether added rows are new: it needs the span test")
    consistency = gate("consistency", "skipped", "AFTER is not a subset of BEFORE, so that no ceiling applies")
    better = {"observed": 0.121, "low": 0.107, "high": 0.134}
    flatter = {"observed": -0.052, "low": -0.066, "high": -0.039}
    return comparison(
        tail="flatter",
        spectra=spectra,
        delta_exponent=spectra["laplace"].delta_exponent,
        finite_region=spectra["laplace"].finite_region,
        consistency=None,
        relation=doc.Relation(
            kind="augment",
            expected="augment",
            matched_by="content",
            shared=7416,
            near=12,
            tolerance=0.0013,
            removed=0,
            added=1584,
            sample_overlap=7000,
        ),
        null=doc.Null(rows=7416, draws=24, drawn_from="after", critical_value=3.4, statistics=8),
        gates=(CAPACITY.model_copy(update=better), TAIL.model_copy(update=flatter), REPEATS, consistency, span),
        rows=doc.Rows(before=8000, after=9584, unique_before=7416, unique_after=9000, removed_far=(), searched=0),
        after=side("after.npy", 9584, 9000, "fedcba9876543210fedcba9876543210"),
        warnings=(warning,),
    )


def identical() -> doc.Comparison:
    """Return one of equal content: every change is zero, and there is no error to divide by."""
    spectra = {name: spectrum(name, 0.0, error=0.0) for name in ("laplace", "linear")}
    spectra = {name: found.model_copy(update={"depth": (400.2, 400.2)}) for name, found in spectra.items()}
    zero = {"observed": 0.0, "low": 0.0, "high": 0.0}
    digest = "0123456789abcdef0123456789abcdef"
    return comparison(
        spectra=spectra,
        delta_exponent=doc.Change(value=0.0, low=0.0, high=0.0),
        finite_region=None,
        consistency=doc.Consistency(limit=1.0, observed=1.0, ranks=240, holds=True),
        relation=doc.Relation(
            kind="identical",
            expected="any",
            matched_by="ids",
            shared=7416,
            near=0,
            tolerance=None,
            removed=0,
            added=0,
            sample_overlap=7416,
        ),
        null=doc.Null(rows=7416, draws=0, drawn_from="none", critical_value=3.4, statistics=8),
        gates=(CAPACITY.model_copy(update=zero), TAIL.model_copy(update=zero), REPEATS, CONSISTENCY, SPAN),
        rows=doc.Rows(before=7416, after=7416, unique_before=7416, unique_after=7416, removed_far=(), searched=0),
        before=side("before.npy", 7416, 7416, digest),
        after=side("again.npy", 7416, 7416, digest),
        warnings=(),
    )


def unmeasured() -> doc.Comparison:
    """Return one of so few rows that there is no curve, window or test; and no row in common with a baseline."""
    empty = doc.Curve(**dict.fromkeys(doc.Curve.model_fields, ()))
    nothing = doc.Gain(dimension=(), kappa_ratio=(), low=(), high=())
    bare = spectrum("laplace", 0.0).model_copy(
        update={
            "tests": (),
            "delta_exponent": None,
            "window": None,
            "depth": (3.1, 0.4),
            "gain": nothing,
            "before": empty,
            "after": empty,
            "finite_region": None,
        }
    )
    unproven = "no shared rows: another embedding model, or new data?"
    gates = [
        gate(name, "inconclusive", unproven, "--expect fresh if the model is the same")
        for name in ("capacity", "tail")
    ]
    plain = comparison()
    return comparison(
        verdict="inconclusive",
        exit_code=3,
        tail="undecided",
        spectra={"laplace": bare},
        delta_exponent=None,
        finite_region=None,
        consistency=None,
        relation=doc.Relation(
            kind="fresh",
            expected="any",
            matched_by="sketch",
            shared=0,
            near=0,
            tolerance=None,
            removed=24,
            added=20,
            sample_overlap=0,
        ),
        null=doc.Null(rows=20, draws=24, drawn_from="baseline", critical_value=3.4, statistics=8),
        gates=(*gates, REPEATS, SPAN),
        rows=doc.Rows(before=24, after=20, unique_before=24, unique_after=20, removed_far=(), searched=0),
        before=plain.before.model_copy(update={"baseline": True, "model": None, "source": "main.baseline.json"}),
        warnings=(),
    )


def hostile() -> doc.Comparison:
    """Return one in which every text that comes from outside is an attack."""
    document = failing()
    waiver = doc.Waiver(reason=HOSTILE, until=HOSTILE)
    gates = tuple(
        found.model_copy(
            update={
                "where": HOSTILE,
                "reason": HOSTILE,
                "next_step": HOSTILE,
                "waiver": waiver if found.id == "tail" else None,
                "status": "waived" if found.id == "tail" else found.status,
                "suspended": "fail" if found.id == "tail" else None,
            }
        )
        for found in document.gates
    )
    named = tuple(row.model_copy(update={"id": HOSTILE}) for row in document.rows.removed_far)
    groups = tuple(group.model_copy(update={"name": HOSTILE}) for group in GROUPS.groups)
    rows = {
        "removed_far": named,
        "removed_tail": named,
        "groups": GROUPS.model_copy(update={"groups": groups}),
    }
    sides = {"source": HOSTILE, "model": HOSTILE, "dtype": HOSTILE, "digest": HOSTILE}
    spectra = {
        name: found.model_copy(
            update={"kernel": found.kernel.model_copy(update={"name": HOSTILE, "bandwidth_rule": HOSTILE})}
        )
        for name, found in document.spectra.items()
    }
    return document.model_copy(
        update={
            "gates": gates,
            "primary": HOSTILE,
            "spectra": {HOSTILE: spectra["laplace"], f"$x_${HOSTILE}": spectra["linear"]},
            "rows": document.rows.model_copy(update=rows),
            "before": document.before.model_copy(update=sides),
            "after": document.after.model_copy(update=sides),
            "reproduce": document.reproduce.model_copy(
                update={"command": f"specaudit compare '{HOSTILE}'", "before": HOSTILE, "after": HOSTILE}
            ),
            "smallest_harm": {HOSTILE: 0.1},
            "warnings": (doc.Warning_(id="SPA011", message=HOSTILE, next_step=HOSTILE),),
        }
    )


def huge() -> doc.Comparison:
    """Return one with more kernels, rows and warnings than anyone reads, all of them long."""
    document = hostile()
    text = "&|🙂<\x1b" * 200
    named = tuple(doc.NamedRow(row=k, id=text, distance=2 - k / 1e4, leverage=k / 1e4) for k in range(10_000))
    one = doc.Group(name=text, rows=9, kept=0, share=0.0, chance=1e-9, lost=True)
    groups = GROUPS.model_copy(update={"count": 5000, "lost": 5000, "groups": (one,) * 1000})
    names = ("laplace", "linear", "matern32", "matern52", "rbf")
    made = {name: spectrum(name if name == "linear" else "laplace", 0.05, kernel=name) for name in names}
    gates = tuple(
        found.model_copy(update={"where": text, "reason": text, "next_step": text}) for found in document.gates
    )
    return document.model_copy(
        update={
            "gates": gates,
            "primary": "laplace",
            "spectra": made,
            "rows": document.rows.model_copy(update={"removed_far": named, "removed_tail": named, "groups": groups}),
            "warnings": tuple(doc.Warning_(id="SPA011", message=text, next_step=text) for _ in range(200)),
        }
    )


DOCUMENTS: dict[str, Callable[[], doc.Comparison]] = {
    "pass": comparison,
    "fail": failing,
    "inconclusive": inconclusive,
    "waived": waived,
    "augmented": augmented,
    "identical": identical,
    "unmeasured": unmeasured,
    "hostile": hostile,
}


@cache
def made(name: str) -> doc.Comparison:
    """Return one of `DOCUMENTS`."""
    return DOCUMENTS[name]()


def structure(page: str) -> str:
    """Return a page without its style sheet and with each figure as its label: what a reader without eyes gets."""
    import re

    page = re.sub(r"<style>.*?</style>", "<style/>", page, flags=re.DOTALL)
    return re.sub(r"<svg\b.*?<title[^>]*>(.*?)</title>.*?</svg>", r"<svg>\1</svg>", page, flags=re.DOTALL)


@cache
def goldens() -> dict[str, str]:
    """Return what every golden file must hold."""
    from specaudit.report.compare.page import render as render_page
    from specaudit.report.formats import render

    suffixes = {"text": "txt", "markdown": "md", "junit": "xml", "github": "github.txt"}
    files = {
        f"{name}.{suffix}": render(made(name), kind, 80, False)
        for name in DOCUMENTS
        for kind, suffix in suffixes.items()
    }
    files |= {f"{name}.html": structure(render_page(made(name))) for name in DOCUMENTS}
    files["curves.csv"] = "".join(render(made("pass"), "csv", 80, False).splitlines(keepends=True)[::40])
    files["json_keys.txt"] = "\n".join(sorted(json_keys(json.loads(made("fail").to_json())))) + "\n"
    return files


if __name__ == "__main__":  # python tests/compare_fixtures.py writes the golden files anew; read their diff
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, text in goldens().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
