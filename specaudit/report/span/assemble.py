"""From a judgement of new rows to its part of the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from specaudit import documents as doc
from specaudit.dataset import DataSet, IntArray
from specaudit.kernels import FloatArray
from specaudit.lost import LostRows
from specaudit.report.compare.assemble import kernel_document
from specaudit.span import Judgement, KernelSpan, RowClass, Shares

LEVELS = np.concatenate([[0.005, 0.01, 0.02], np.linspace(0.05, 0.95, 19), [0.98, 0.99, 0.995]])
ORDER: tuple[RowClass, ...] = ("copy", "inside", "typical", "beyond")


def span_side(data: DataSet, *, sampled: int) -> doc.SpanSide:
    """Return the facts of a set of rows of which `sampled` were judged together."""
    return doc.SpanSide(
        source=data.embeddings.name,
        source_version=data.embeddings.version,
        rows=data.rows,
        dimensions=data.embeddings.dimensions,
        dtype=str(data.embeddings.dtype),
        digest=data.digest,
        dropped_rows=data.dropped,
        unique_rows=len(data.copies),
        sampled_rows=sampled,
    )


def span_set(side: doc.SpanSide, found: Judgement) -> doc.SpanSet:
    """Return what was found of a set."""
    counts = Counter(found.each.classes)
    return doc.SpanSet(
        side=side,
        **{"class": found.classes[0]},
        classes=found.classes,
        reason=found.reason,
        near=_share(found.near),
        repeats=_share(found.repeats),
        row_classes={name: counts[name] for name in ORDER},
        unseen=found.unseen,
        spectra={name: _kernel(of) for name, of in found.kernels.items()},
    )


def lost_document(
    lost: Sequence[LostRows], places: IntArray, ids: Sequence[str] | None, unit: float
) -> tuple[doc.LostCluster, ...]:
    """Return the lost clusters of removed rows that are at `places` (r,) of BEFORE; distances in the given unit."""
    return tuple(
        doc.LostCluster(
            rows=round(found.rows),
            kept=found.kept,
            medoids=tuple(
                doc.NamedRow(row=row, id=None if ids is None else ids[row], distance=float(distance / unit))
                for row, distance in zip(places[found.medoids].tolist(), found.distances, strict=True)
            ),
        )
        for found in lost
    )


def _share(shares: Shares) -> doc.SpanShare:
    return doc.SpanShare(value=shares.value, expected=shares.expected, z=shares.z)


def _kernel(found: KernelSpan) -> doc.SpanKernel:
    return doc.SpanKernel(
        kernel=kernel_document(found.kernel),
        shift=found.shift,
        high=_share(found.high),
        low=_share(found.low),
        rest=_share(found.rest),
        coherence=found.coherence,
        outside=found.outside,
        outside_z=found.outside_z,
        modes=_floats(found.modes),
        modes_low=_floats(found.modes_low),
        modes_high=_floats(found.modes_high),
        held_rows=found.held,
        level=_floats(LEVELS),
        excess=_floats(np.quantile(found.excess, LEVELS)),
        excess_real=_floats(np.quantile(found.expected, LEVELS)),
    )


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
