"""A fit as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import MEANING, dataset_facts, headline, kernel_facts
from specaudit.report.fusion import TITLE, fusion_facts
from specaudit.report.pages import Plate, page, plate, typeset

if TYPE_CHECKING:
    from specaudit.documents import Fit

TONES = {"resolved": "pass", "drifting": "inconclusive", "not-power-law": "waived", "unresolved": "skipped"}
"""Status -> the colour of its finding, which is no verdict."""
CAPTIONS = {
    "scree": "Leading eigenvalues of K/n; thin where the whole spectrum's density goes on.",
    "capacity": "Effective dimensions of the population at a ridge κ: N₁ dashed, N₂ solid with its 95 % band. The "
    "thick stretch is the window of b; past the trusted depth the curves are pale.",
    "local": "b₁ dashed, b₂ solid with its 95 % band, b₃ dotted. A power law is level across the window.",
}
"""Panel -> what it shows."""


def render(fit: Fit) -> str:
    """Return the page."""
    names = [fit.primary, *(name for name in fit.spectra if name != fit.primary)]
    columns = [dict(kernel_facts(fit.spectra[name])) for name in names]
    labels = dict.fromkeys(label for column in columns for label in column)
    environment = fit.environment
    libraries = ("specaudit", "python", "numpy", "scipy", "faiss")
    return page(
        "fit",
        fit.warnings,
        word=fit.exponent.status,
        tone="skipped" if fit.fusion else TONES[fit.exponent.status],
        title=shown(fit.dataset.source),
        headline=typeset(headline(fit)),
        lead=MEANING,
        colors=[(shown(name), _color(name)) for name in names],
        figures=_plates(fit),
        heads=("", *(f"{shown(name)}{' (primary)' * (name == fit.primary)}" for name in names)),
        kernels=[(label, *(typeset(column.get(label, "")) for column in columns)) for label in labels],
        data=dataset_facts(fit.dataset),
        fusion=(TITLE, [(name, typeset(text)) for name, text in fusion_facts(fit.fusion)]) if fit.fusion else None,
        environment=[
            ("seed", f"{fit.spectra[fit.primary].estimator.seed}"),
            ("threads", f"{environment.threads}"),
            ("estimator", fit.spectra[fit.primary].estimator.version),
            ("versions", ", ".join(f"{name} {getattr(environment, name)}" for name in libraries)),
        ],
    )


def _plates(fit: Fit) -> list[Plate]:
    from specaudit.report import plots

    colors = {plots.INK: "currentColor"} | {color: _color(name) for name, color in plots.COLORS.items()}
    return [
        plate(
            plots.panel(name, fit),
            name,
            title=plots.PANELS[name].title,
            told=f"{plots.PANELS[name].y} against {plots.PANELS[name].x}",
            caption=caption,
            colors=colors,
        )
        for name, caption in CAPTIONS.items()
    ]


def _color(kernel: str) -> str:
    from specaudit.report import plots

    return f"var(--{kernel})" if kernel in plots.COLORS else plots.OTHER
