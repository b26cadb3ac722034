"""`span`: whether new rows, of a generator say, leave the span of the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit import documents as doc
from specaudit.api.common import check_arguments, environment
from specaudit.api.pace import SPEED
from specaudit.api.run_plan import Plan
from specaudit.api.sides import Reader, check_dimensions
from specaudit.budget import check_memory, span_memory, usable_threads
from specaudit.dataset import DataSet, IntArray
from specaudit.embeddings import held_texts, open_embeddings
from specaudit.errors import ConfigError, InputError
from specaudit.kernels import KERNELS, FloatArray, Kernel, Normalize, choose_kernel
from specaudit.progress import Progress, SilentProgress
from specaudit.report.span.assemble import span_set, span_side
from specaudit.span import EachRow, RealRows, RowClass, judge_rows, judge_span
from specaudit.version import ESTIMATOR_VERSION

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Ids

SPAN_ROWS = 8192
"""Real rows that others are judged against, at most, by default."""
JUDGED_SHARE = 1 / 2
"""New rows judged together, as a share of that, at most."""
FEW = 1 << 20
"""Distances to real rows that are worked out at once, also where fewer rows are judged together."""
PAIR = 1000
"""Kernel value and distance of two rows, in products that take as long."""
FEWEST = 16
"""Different rows of either side below which nothing is worked out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRows:
    """What each row of a set is.

    Attributes
    ----------
    source
        The set.
    rows
        (m,) row numbers of the different rows, first copies.
    ids
        Of these rows; None where the set has none.
    classes
        (m,) of each.
    excess, distance
        (m,) in standard deviations of real rows', and the distance to the nearest real row.
    """

    source: str
    rows: IntArray = field(repr=False)
    ids: tuple[str, ...] | None = field(repr=False)
    classes: tuple[RowClass, ...] = field(repr=False)
    excess: FloatArray = field(repr=False)
    distance: FloatArray = field(repr=False)


def span(
    real: Source,
    synthetic: Source | Sequence[Source],
    *,
    ids: Ids | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    drop_bad_rows: bool = False,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = SPAN_ROWS,
    max_memory: int | None = None,
    command: str = "",
    on_rows: Callable[[SpanRows], None] | None = None,
    progress: Progress | None = None,
) -> doc.Span:
    """Return what one or several sets of new rows are to the real ones.

    Parameters
    ----------
    real, synthetic
        The real rows, and the new ones: one set or a list of sets, in the order of generations. A set of rows that
        the generator has seen is judged more mildly than one of rows that it has not.
    ids
        Names of the rows of the only set.
    kernels
        The first must be one of distances.
    max_rows
        Real rows that the new ones are judged against; more are sampled.
    on_rows
        Called with what each row is, for every set; all rows are judged for it, as many at a time as are judged
        together. Without it no others are than these.

    Raises
    ------
    InputError
        The data cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments(kernels, max_rows)
    if KERNELS.get(kernels[0], KERNELS["laplace"]) is None:
        raise ConfigError("the span test needs a kernel of distances first", next_step="put --kernel laplace first")
    several = isinstance(synthetic, list | tuple)
    sources: list[Source] = list(synthetic) if several else [synthetic]  # type: ignore[list-item, arg-type]
    if not sources:
        raise ConfigError("no set of new rows given", next_step="name at least one after the real rows")
    if ids is not None and len(sources) > 1:
        raise ConfigError("ids name the rows of one set", next_step="run each set alone")
    report, cores = progress or SilentProgress(), usable_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        reader = Reader.of(
            stack,
            report,
            dtype=dtype,
            shape=shape,
            column=column,
            max_memory=max_memory,
            seed=seed,
            max_rows=max_rows,
            normalize=normalize,
            drop_bad_rows=drop_bad_rows,
        )
        known = reader.read(real, None)
        sets = [reader.read(source, ids) for source in sources]
        for data in sets:
            check_dimensions(known, data)
        for data in (known, *sets):
            if len(data.copies) < FEWEST:
                raise InputError(
                    f"{data.embeddings.name}: {len(data.copies)} different rows, which tell nothing",
                    next_step=f"give at least {FEWEST}, better hundreds",
                )
        size = min(len(known.copies), max_rows)
        most = most_judged(max_rows)
        widest, d = max(len(data.copies) for data in sets), known.embeddings.dimensions
        told = 0 if on_rows is None else sum(len(data.copies) for data in sets)
        check_memory(
            lambda rows: span_memory(reader.scanned, min(size, rows), min(widest, most_judged(rows)), d, each=told),
            max_memory,
            max_rows,
            held=held_texts(*reader.opened),
        )
        order = known.keyed(seed)[1][:size]
        rows = known.read(order, normalize)
        chosen = span_kernels(
            [choose_kernel(name, rows, bandwidth=bandwidth, normalize=normalize) for name in kernels]
        )
        with report.stage("real rows") as stage:
            basis = RealRows(chosen, rows, known.copies[order], seed=seed, threads=cores, progress=stage.update)
        found = []
        for data in sets:
            with report.stage(f"judge {data.embeddings.name}") as stage:
                part, judged = judged_set(basis, data, normalize, most=most, progress=stage.update)
            found.append(part)
            if on_rows is not None:
                with report.stage(f"each row of {data.embeddings.name}") as stage:
                    on_rows(each_row(basis, data, normalize, judged, most=most, progress=stage.update))
        named: dict[str, Any] = {"class": found[-1].class_, "classes": found[-1].classes}  # a keyword of Python
        return doc.Span(
            **named,
            real=span_side(known, sampled=size),
            sets=tuple(found),
            primary=kernels[0],
            reproduce=doc.SpanReproduce(command=command, seed=seed, estimator=ESTIMATOR_VERSION),
            environment=environment(cores),
            warnings=tuple(_warnings(known, *sets)),
        )


def span_plan(
    real: Source,
    synthetic: Sequence[Source],
    *,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
    threads: int | None = None,
    max_rows: int = SPAN_ROWS,
    each: bool = False,
    **_: object,
) -> Plan:
    """Return what `span` with the same arguments would take, from the shapes of the sets alone.

    With `each`, all new rows are judged.
    """
    check_arguments(kernels, max_rows)
    with ExitStack() as stack:
        known, *sets = (
            stack.enter_context(open_embeddings(source, dtype=dtype, shape=shape, column=column))
            for source in (real, *synthetic)
        )
        d, size = known.dimensions, min(known.rows, max_rows)
        total = sum(e.rows * e.dimensions * e.dtype.itemsize for e in (known, *sets))
        widest = min(max(e.rows for e in sets), most_judged(max_rows))
        speed = SPEED * usable_threads(threads)
        judged = []
        for e in sets:
            together = min(e.rows, most_judged(max_rows))
            judged.append((f"judge {e.name}", 6.0 * size**2 * together / speed + 1.0))
            if each:
                judged.append((f"each row of {e.name}", 2.0 * size * (size + PAIR) * (e.rows - together) / speed))
        return Plan(
            rows=sum(e.rows for e in (known, *sets)),
            dimensions=d,
            bytes=total,
            peak_memory=span_memory(
                [e.rows for e in (known, *sets)], size, widest, d, each=each * sum(e.rows for e in sets)
            )
            + held_texts(known, *sets),
            stages=(("start", 2.0), ("scan", total / 1e9), ("real rows", 5.0 * size**3 / speed + 0.5), *judged),
        )


def most_judged(max_rows: int) -> int:
    """Return how many new rows are judged together at most."""
    return max(int(JUDGED_SHARE * max_rows), FEWEST)


def span_kernels(kernels: Sequence[Kernel]) -> list[Kernel]:
    """Return the kernels as rows are judged by them: those of distances first, the linear one centred."""
    ordered = sorted(kernels, key=lambda kernel: kernel.profile is None)
    return [replace(kernel, centered=kernel.profile is None) for kernel in ordered]


def judged_set(
    basis: RealRows,
    data: DataSet,
    normalize: Normalize,
    *,
    most: int,
    progress: Callable[[float], None],
) -> tuple[doc.SpanSet, EachRow]:
    """Return what a set is to the real rows, and each row of its sample, of `most` different rows at most."""
    order = data.keyed(basis.seed)[1][:most]
    judgement = judge_span(basis, data.read(order, normalize), data.copies[order], progress=progress)
    return span_set(span_side(data, sampled=len(order)), judgement), judgement.each


def each_row(
    basis: RealRows,
    data: DataSet,
    normalize: Normalize,
    judged: EachRow,
    *,
    most: int,
    progress: Callable[[float], None],
) -> SpanRows:
    """Return what each different row of a set is, of which a sample is `judged`; `most` at a time, or a few."""
    order = data.keyed(basis.seed)[1]
    rest = order[len(judged.classes) :]
    rest = rest[np.argsort(data.places[rest])]  # read as they lie in the file
    order = np.concatenate([order[: len(judged.classes)], rest])
    parts, most = [judged], max(most, FEW // basis.size)
    for start in range(0, len(rest), most):
        parts.append(judge_rows(basis, data.read(rest[start : start + most], normalize)))
        progress(min(start + most, len(rest)) / len(rest))
    named = [name for part in parts for name in part.classes]
    places = data.places[order]
    by_row = np.argsort(places)
    ids = data.embeddings.ids
    return SpanRows(
        source=data.embeddings.name,
        rows=places[by_row],
        ids=None if ids is None else tuple(ids[row] for row in places[by_row]),
        classes=tuple(named[place] for place in by_row),
        excess=np.concatenate([part.excess for part in parts])[by_row],
        distance=np.concatenate([part.distances for part in parts])[by_row],
    )


def _warnings(*sets: DataSet) -> list[doc.Warning_]:
    return [
        doc.Warning_(
            id="SPA003",
            message=f"{data.embeddings.name}: {data.dropped:,} bad rows were dropped",
            next_step="find out why their embedding failed",
        )
        for data in sets
        if data.dropped
    ]
