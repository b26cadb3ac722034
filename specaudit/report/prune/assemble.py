"""From audits of prunings to their document."""

from __future__ import annotations

from specaudit import documents as doc
from specaudit.pruning import METHODS


def method_document(name: str) -> doc.Method:
    """Return what a document says of a method."""
    return doc.Method(name=name, keeps=METHODS[name].title, source=METHODS[name].source)


def trial(method: str, keep: float, audit: doc.Comparison) -> doc.Trial:
    """Return one entry of a table from the audit of a method at one share."""
    return doc.Trial(
        method=method,
        keep=keep,
        rows=audit.rows.after,
        unique_rows=audit.rows.unique_after,
        compared_rows=audit.null.rows,
        verdict=audit.verdict,
        tail=audit.tail,
        spectra={
            name: doc.TrialSpectrum(
                kernel=change.kernel,
                tests=change.tests,
                delta_exponent=change.delta_exponent,
                window=change.window,
                finite_region=change.finite_region,
                diversity=change.diversity,
            )
            for name, change in audit.spectra.items()
        },
        bound=audit.consistency,
    )


def bound(audit: doc.Comparison, cap: float | None) -> doc.Consistency | None:
    """Return how T_w stands against C T; None where it was not checked.

    Of a subset C is n/m. Of weights up to `cap` the thinned sample estimates T_w / C by its sum over n rows, so that
    its ratio of eigenvalues of K/m to those of K/n is brought to C.
    """
    found = audit.consistency
    if found is None or cap is None:
        return found
    return found.model_copy(update={"limit": cap, "observed": cap * found.observed / found.limit})
