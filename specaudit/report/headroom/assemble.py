"""From gains to the headroom document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specaudit import documents as doc
from specaudit.dynamics.headroom import Gain, Null, judged
from specaudit.errors import ExitCode
from specaudit.kernels import FloatArray, Kernel
from specaudit.report.compare.assemble import kernel_document
from specaudit.version import ESTIMATOR_VERSION

EXIT_CODES: Mapping[doc.HeadroomVerdict, ExitCode] = {
    "headroom": ExitCode.PASS,
    "none": ExitCode.FAIL,
    "unresolved": ExitCode.INCONCLUSIVE,
}
"""Verdict -> exit code under --gate."""


def headroom_document(
    data: doc.SpanSide,
    kernel: Kernel,
    cap: float,
    found: Gain,
    null: Null,
    *,
    rows: int,
    command: str,
    seed: int,
    environment: doc.Environment,
    warnings: Sequence[doc.Warning_],
) -> doc.Headroom:
    """Return the document of the headroom of rows beside that of a null of `rows` rows."""
    told = judged(found, null, cap)
    at = told.place
    return doc.Headroom(
        verdict=told.verdict,
        reason=told.reason,
        exit_code=EXIT_CODES[told.verdict],
        data=data,
        kernel=kernel_document(kernel),
        cap=cap,
        rank=None if at is None else int(found.ranks[at]),
        gain=None if at is None else float(found.values[at]),
        need=None if at is None else float(found.needs[at]),
        curve=headroom_curve(found, null),
        null=headroom_null(null, rows),
        reproduce=doc.SpanReproduce(command=command, seed=seed, estimator=ESTIMATOR_VERSION),
        environment=environment,
        warnings=tuple(warnings),
    )


def headroom_curve(found: Gain, null: Null) -> doc.HeadroomCurve:
    """Return the headroom over ranks, beside its null."""
    return doc.HeadroomCurve(
        rank=tuple(int(rank) for rank in found.ranks),
        gain=_floats(found.values),
        need=_floats(found.needs),
        null=_floats(null.middle),
        null_low=_floats(null.low),
        null_high=_floats(null.high),
        null_need=_floats(null.needs),
    )


def headroom_null(null: Null, rows: int) -> doc.HeadroomNull:
    """Return a null of so many rows."""
    return doc.HeadroomNull(
        kernel=kernel_document(null.kernel),
        dimension=null.dimension,
        rows=rows,
        draws=null.draws,
        limit=null.limit if null.place >= 0 else None,
    )


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
