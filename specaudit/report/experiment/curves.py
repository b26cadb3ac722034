"""The measures of an experiment as one tidy table."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from specaudit.report.curves import cell

if TYPE_CHECKING:
    from specaudit.documents import Experiment

HEADER = ("arm", "quantity", "value", "low", "high", "runs")


def render(experiment: Experiment) -> str:
    """Return every measure as CSV with the columns of ``HEADER``; cells that are not known are empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for one in experiment.measures:
        writer.writerow([one.arm, one.quantity, *map(cell, (one.value, one.low, one.high)), one.runs])
    return stream.getvalue()
