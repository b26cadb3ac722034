"""The formats in which a document leaves the program: literal registries, each entry a pure function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Experiment, Fit, Frontier, Headroom, Pruning, Saved, Simulation, Span

# The renderers are imported on use: help and error messages need only the names.


def _text(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.table import render_fit

    return render_fit(fit, width, color)


def _json(document: Saved, width: int, color: bool) -> str:
    return document.to_json()


def _markdown(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.markdown import render_fit_markdown

    return render_fit_markdown(fit)


def _csv(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.curves import to_csv

    return to_csv(fit)


def _html(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.page import render_fit_page

    return render_fit_page(fit)


FORMATS: dict[str, Callable[[Fit, int, bool], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "csv": _csv,
    "html": _html,
}
"""Format name -> function of the fit, the width in columns and whether to colour."""


def _comparison_text(comparison: Comparison, width: int, color: bool) -> str:
    from specaudit.report.compare.table import render_comparison

    return render_comparison(comparison, width, color)


def _comparison_markdown(comparison: Comparison, width: int, color: bool) -> str:
    from specaudit.report.compare.markdown import render_comparison_markdown

    return render_comparison_markdown(comparison)


def _comparison_csv(comparison: Comparison, width: int, color: bool) -> str:
    from specaudit.report.compare.curves import to_csv

    return to_csv(comparison)


def _junit(comparison: Comparison, width: int, color: bool) -> str:
    from specaudit.report.compare.junit import render_junit

    return render_junit(comparison)


def _github(comparison: Comparison, width: int, color: bool) -> str:
    from specaudit.report.compare.github import render_github

    return render_github(comparison)


def _comparison_html(comparison: Comparison, width: int, color: bool) -> str:
    from specaudit.report.compare.page import render_page

    return render_page(comparison)


COMPARISON_FORMATS: dict[str, Callable[[Comparison, int, bool], str]] = {
    "text": _comparison_text,
    "json": _json,
    "markdown": _comparison_markdown,
    "csv": _comparison_csv,
    "junit": _junit,
    "github": _github,
    "html": _comparison_html,
}
"""Format name -> function of the comparison, the width in columns and whether to colour."""


def _pruning_text(pruning: Pruning, width: int, color: bool) -> str:
    from specaudit.report.prune.table import render_pruning

    return render_pruning(pruning, width, color)


def _pruning_markdown(pruning: Pruning, width: int, color: bool) -> str:
    from specaudit.report.prune.markdown import render_pruning_markdown

    return render_pruning_markdown(pruning)


PRUNING_FORMATS: dict[str, Callable[[Pruning, int, bool], str]] = {
    "text": _pruning_text,
    "json": _json,
    "markdown": _pruning_markdown,
}
"""Format name -> function of the pruning, the width in columns and whether to colour."""


def _span_text(span: Span, width: int, color: bool) -> str:
    from specaudit.report.span.table import render_span

    return render_span(span, width, color)


def _span_markdown(span: Span, width: int, color: bool) -> str:
    from specaudit.report.span.markdown import render_span_markdown

    return render_span_markdown(span)


SPAN_FORMATS: dict[str, Callable[[Span, int, bool], str]] = {
    "text": _span_text,
    "json": _json,
    "markdown": _span_markdown,
}
"""Format name -> function of the span document, the width in columns and whether to colour."""


def _frontier_text(found: Frontier, width: int, color: bool) -> str:
    from specaudit.report.frontier.table import render_frontier

    return render_frontier(found, width, color)


def _frontier_markdown(found: Frontier, width: int, color: bool) -> str:
    from specaudit.report.frontier.markdown import render_frontier_markdown

    return render_frontier_markdown(found)


FRONTIER_FORMATS: dict[str, Callable[[Frontier, int, bool], str]] = {
    "text": _frontier_text,
    "json": _json,
    "markdown": _frontier_markdown,
}
"""Format name -> function of the frontier document, the width in columns and whether to colour."""


def _simulation_text(simulation: Simulation, width: int, color: bool) -> str:
    from specaudit.report.simulate.table import render_simulation

    return render_simulation(simulation, width, color)


def _simulation_markdown(simulation: Simulation, width: int, color: bool) -> str:
    from specaudit.report.simulate.markdown import render_simulation_markdown

    return render_simulation_markdown(simulation)


SIMULATION_FORMATS: dict[str, Callable[[Simulation, int, bool], str]] = {
    "text": _simulation_text,
    "json": _json,
    "markdown": _simulation_markdown,
}
"""Format name -> function of the simulation, the width in columns and whether to colour."""


def _headroom_text(headroom: Headroom, width: int, color: bool) -> str:
    from specaudit.report.headroom.table import render_headroom

    return render_headroom(headroom, width, color)


def _headroom_markdown(headroom: Headroom, width: int, color: bool) -> str:
    from specaudit.report.headroom.markdown import render_headroom_markdown

    return render_headroom_markdown(headroom)


HEADROOM_FORMATS: dict[str, Callable[[Headroom, int, bool], str]] = {
    "text": _headroom_text,
    "json": _json,
    "markdown": _headroom_markdown,
}
"""Format name -> function of the headroom, the width in columns and whether to colour."""


def _experiment_text(experiment: Experiment, width: int, color: bool) -> str:
    from specaudit.report.experiment.table import render_experiment

    return render_experiment(experiment, width, color)


def _experiment_markdown(experiment: Experiment, width: int, color: bool) -> str:
    from specaudit.report.experiment.markdown import render_experiment_markdown

    return render_experiment_markdown(experiment)


def _experiment_csv(experiment: Experiment, width: int, color: bool) -> str:
    from specaudit.report.experiment.facts import to_csv

    return to_csv(experiment)


def _experiment_html(experiment: Experiment, width: int, color: bool) -> str:
    from specaudit.report.experiment.page import render_experiment_page

    return render_experiment_page(experiment)


EXPERIMENT_FORMATS: dict[str, Callable[[Experiment, int, bool], str]] = {
    "text": _experiment_text,
    "json": _json,
    "markdown": _experiment_markdown,
    "csv": _experiment_csv,
    "html": _experiment_html,
}
"""Format name -> function of the experiment, the width in columns and whether to colour."""

GATE_FORMATS = ("junit", "github")
"""Formats that report gates; nothing without gates can be rendered in them."""

SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown", ".txt": "text", ".html": "html"}
"""The format that a file name stands for."""

COMPARISON_SUFFIXES = {**SUFFIXES, ".xml": "junit"}
"""The format that the name of a comparison's file stands for."""

PICTURES = (".svg", ".pdf", ".png")
"""Suffixes of a plot."""
