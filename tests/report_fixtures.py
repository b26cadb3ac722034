"""Fits built by hand, one for each status: the curves are those of a known population spectrum."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from specaudit.documents import (
    Capacity,
    Counting,
    Dataset,
    Diversity,
    Environment,
    Estimator,
    Exponent,
    Fit,
    Graph,
    GraphCheck,
    Interval,
    Kernel,
    LocalExponent,
    Neighbours,
    Norms,
    Rung,
    Spectrum,
    Warning_,
)

GOLDEN = Path(__file__).parent / "golden"
STATUSES = ("resolved", "drifting", "not-power-law", "unresolved")
HOSTILE = "[red]x\n\x1b[31m|*`<b>.npy"

WARNINGS = (
    Warning_(
        id="SPA001",
        message="7.3 % of the rows are exact copies (584 of 8,000)",
        next_step="deduplicate the data set",
    ),
    Warning_(
        id="SPA007",
        message="a nested half of the rows gives a slope that differs by +0.031",
        next_step="compare only at equal numbers of rows",
    ),
)


def population(status: str, size: int = 20_000) -> np.ndarray:
    """Return eigenvalues that sum to 1: a power law, a slowly or a strongly bending one."""
    rank = np.arange(1, size + 1)
    bend = {"resolved": 0.0, "drifting": 0.01, "not-power-law": 0.045, "unresolved": 0.0}[status]
    values = rank**-1.2 * np.exp(-bend * np.log(rank) ** 2)
    return values / values.sum()


GRAPH = Graph(
    rows=120_000,
    landmarks=1875,
    neighbors=32,
    index="flat",
    recall=1.0,
    trusted=True,
    share=0.125,
    shift=0.031,
    trend=0.0021,
    error=0.0061,
    ladder=(
        Rung(rows=16_384, window=(60.3, 241.2), dense=1.243, graph=1.274, calibrated=1.243),
        Rung(rows=120_000, window=(402.1, 1608.4), dense=None, graph=1.262, calibrated=1.231),
    ),
)


def spectrum(name: str, status: str, *, decay: float = 1.0, graph: Graph | None = None) -> Spectrum:
    """Return what a fit under the kernel ``name`` would hold if the population were known."""
    values = population(status) ** decay
    values /= values.sum()
    kappa = np.geomspace(values[0] * 2, values[0] * 2e-5, 40)
    share = values / (values + kappa[:, None])
    n1, n2, n3 = ((share**p).sum(axis=1) for p in (1, 2, 3))
    b1, b2, b3 = n1 / (n1 - n2), n2 / (2 * (n2 - n3)), n3 / (3 * (n3 - (share**4).sum(axis=1)))
    band = 0.004 + 0.02 / n2
    window = None if status == "unresolved" else (17.2, 68.4)
    inside = b2[(n2 >= 17.2) & (n2 <= 68.4)]
    measured = status in ("resolved", "drifting")
    slope = float(inside.mean())
    return Spectrum(
        kernel=Kernel(
            name=name,
            bandwidth=None if name == "linear" else 1.2738,
            bandwidth_rule="none" if name == "linear" else "median distance",
            normalize="none",
            centered=False,
        ),
        estimator=Estimator(
            operator="graph" if graph else "dense",
            method="covariance" if name == "linear" else "block-lanczos",
            rows=8000,
            unique_rows=7416,
            seed=0,
            version="1",
            probes=0 if name == "linear" else 16,
            steps=0 if name == "linear" else 40,
            converged=True,
            graph_check=None
            if graph or name == "linear"
            else GraphCheck(rows=4000, delta=0.021, low=0.018, high=0.024),
            graph=graph,
        ),
        eigenvalues=tuple(values[:256]),
        eigenvalue_errors=tuple(values[:256] * 1e-7),
        trace=1.0,
        counting=Counting(
            eigenvalue=tuple(float(values[int(k) - 1]) for k in np.geomspace(1, 7416, 60)),
            count=tuple(float(int(k)) for k in np.geomspace(1, 7416, 60)),
        ),
        capacity=Capacity(
            kappa=tuple(kappa),
            n1=tuple(n1),
            n2=tuple(n2),
            kappa_low=tuple(kappa * np.exp(-band)),
            kappa_high=tuple(kappa * np.exp(band)),
            trusted_n2=68.4,
        ),
        local_exponent=LocalExponent(
            n2=tuple(n2),
            value=tuple(b2),
            low=tuple(b2 * (1 - 2 * band)),
            high=tuple(b2 * (1 + 2 * band)),
            b1=tuple(b1),
            b3=tuple(b3),
        ),
        exponent=Exponent(
            value=slope if measured else None,
            low=slope - 0.009 if measured else None,
            high=slope + 0.009 if measured else None,
            confidence=0.95,
            window=window,
            range=None if window is None else Interval(low=float(inside.min()), high=float(inside.max())),
            status=status,
            reason={
                "resolved": "one slope fits the window",
                "drifting": "slopes over quarters of the window differ by 14 % (± 2.0)",
                "not-power-law": "the local exponent moves steadily with depth",
                "unresolved": "600 rows leave no window above five effective dimensions",
            }[status],
            shape={"resolved": "power law", "unresolved": "none"}.get(status, "log-quadratic"),
            slope=None if status == "unresolved" else slope,
            sampling_error=None if status == "unresolved" else 0.0041,
            probe_error=None if status == "unresolved" else 0.0003,
            size_drift=None if status == "unresolved" else 0.0021,
            rows_needed=12_000 if status == "unresolved" else None,
        ),
        diversity={
            "vendi_score": Diversity(
                value=None,
                sample=412.7,
                rows=8000,
                formula="exp(-sum p ln p)",
                source="Friedman & Dieng 2023",
                centered=False,
                correction="none",
            ),
            "participation_ratio": Diversity(
                value=48.13,
                sample=46.9,
                rows=8000,
                formula="(sum mu)^2 / sum mu^2",
                source="Recanatesi et al. 2022",
                centered=False,
                correction="unbiased second moment",
            ),
        },
    )


@cache
def make_fit(
    status: str = "resolved",
    *,
    source: str = "rows.npy",
    warnings: tuple[Warning_, ...] = (),
    graph: Graph | None = None,
) -> Fit:
    """Return a fit whose primary exponent has ``status``."""
    return Fit(
        dataset=Dataset(
            source=source,
            model="all-MiniLM-L6-v2",
            rows=8000,
            dimensions=384,
            dtype="float32",
            digest="xxh3:0123456789abcdef0123456789abcdef",
            nonfinite_rows=3,
            zero_rows=1,
            dropped_rows=3,
            unique_rows=7416,
            duplicate_fraction=0.073,
            effective_rows=7300.5,
            near_duplicate_fraction=0.0125,
            near_duplicate_error=0.0021,
            near_duplicate_radius=0.12738,
            neighbours=Neighbours(
                index="exact",
                recall=1.0,
                queries=4096,
                candidates=7416,
                distance_min=0.0312,
                distance_p05=0.4321,
                distance_median=0.8517,
            ),
            constant_columns=(5, 17),
            norms=Norms(min=0.9991, mean=1.0, max=1.0009),
            has_ids=False,
        ),
        primary="laplace",
        spectra={
            "laplace": spectrum("laplace", status, graph=graph),
            "linear": spectrum("linear", status, decay=1.4),
        },
        environment=Environment(
            specaudit="0.1.0", python="3.11.7", numpy="2.0.0", scipy="1.13.0", faiss="1.9.0", threads=2
        ),
        warnings=warnings,
    )


@cache
def goldens() -> dict[str, str]:
    """Return what every golden file must hold."""
    from specaudit.report.curves import render as to_csv
    from specaudit.report.markdown import render as render_fit_markdown
    from specaudit.report.table import render as render_fit

    files = {f"{status}.txt": render_fit(make_fit(status, warnings=WARNINGS), 80, False) for status in STATUSES}
    files |= {f"{status}.md": render_fit_markdown(make_fit(status, warnings=WARNINGS)) for status in STATUSES}
    files["graph.txt"] = render_fit(make_fit("drifting", graph=GRAPH), 80, False)
    files["hostile.txt"] = render_fit(make_fit(source=HOSTILE), 80, False)
    files["hostile.md"] = render_fit_markdown(make_fit(source=HOSTILE))
    files["csv_header.csv"] = to_csv(make_fit()).splitlines(keepends=True)[0]
    made = (make_fit(warnings=WARNINGS), make_fit(graph=GRAPH))
    files["json_keys.txt"] = (
        "\n".join(sorted(set().union(*(json_keys(json.loads(f.to_json())) for f in made)))) + "\n"
    )
    return files


def json_keys(value: object, path: str = "") -> set[str]:
    """Return the path of every key in a document, items of a list as one."""
    if isinstance(value, dict):
        return {key for name, item in value.items() for key in {f"{path}.{name}"} | json_keys(item, f"{path}.{name}")}
    if isinstance(value, list):
        return {key for item in value for key in json_keys(item, f"{path}[]")}
    return set()


if __name__ == "__main__":  # writes the golden files anew; read their diff before committing it
    for name, text in goldens().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
