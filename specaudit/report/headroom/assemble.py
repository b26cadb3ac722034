"""From gains to the headroom document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specaudit import documents as doc
from specaudit.dynamics.headroom import DEPTH, Gain, Null
from specaudit.errors import ExitCode
from specaudit.kernels import FloatArray, Kernel
from specaudit.report.compare.assemble import kernel_document
from specaudit.version import ESTIMATOR_VERSION

FEWEST = 5
"""Modes that must be learned at the judged rank."""
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
    verdict, reason = _judged(found, null, cap)
    judged = None if verdict == "unresolved" else null.place
    return doc.Headroom(
        verdict=verdict,
        reason=reason,
        exit_code=EXIT_CODES[verdict],
        data=data,
        kernel=kernel_document(kernel),
        cap=cap,
        rank=None if judged is None else int(found.ranks[judged]),
        gain=None if judged is None else float(found.values[judged]),
        need=None if judged is None else float(found.needs[judged]),
        curve=doc.HeadroomCurve(
            rank=tuple(int(rank) for rank in found.ranks),
            gain=_floats(found.values),
            need=_floats(found.needs),
            null=_floats(null.middle),
            null_low=_floats(null.low),
            null_high=_floats(null.high),
            null_need=_floats(null.needs),
        ),
        null=doc.HeadroomNull(
            kernel=kernel_document(null.kernel),
            dimension=null.dimension,
            rows=rows,
            draws=null.draws,
            limit=null.limit if null.place >= 0 else None,
        ),
        reproduce=doc.SpanReproduce(command=command, seed=seed, estimator=ESTIMATOR_VERSION),
        environment=environment,
        warnings=tuple(warnings),
    )


def _judged(found: Gain, null: Null, cap: float) -> tuple[doc.HeadroomVerdict, str]:
    if null.place < 0 or found.ranks[null.place] < FEWEST:
        if found.ranks[-1] < FEWEST:
            return "unresolved", (
                f"the headroom can be told up to mode {found.ranks[-1]} only, and it takes {FEWEST} modes to judge: "
                f"each takes {DEPTH} rows, and something must be left past it"
            )
        return "unresolved", (
            f"past mode {FEWEST} an oracle needs more ({found.needs[-1]:.3g}) than on any homogeneous set, so that "
            "there is nothing to hold the gain against"
        )
    rank, gain = int(found.ranks[null.place]), float(found.values[null.place])
    told = (
        f"weights of at most {cap:g} can speed up the tail past mode {rank} by a factor of {gain:.2f} at most, where "
        f"an oracle needs {found.needs[null.place]:.3g}; homogeneous data show up to {null.limit:.2f} by chance"
    )
    return ("headroom" if gain > null.limit else "none"), told


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
