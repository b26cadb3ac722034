"""A comparison as JUnit XML: one test case a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from specaudit.embeddings.display import shown
from specaudit.report.compare.facts import LONG, amount, gate_cells, gate_notes, headline, waiver

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Gate

NAME = "specaudit compare"
STOPS = ("fail", "inconclusive")
IDLE = ("skipped", "waived")


def render(comparison: Comparison) -> str:
    """Return one test suite; gates that failed or could not decide are failures, of that type."""
    statuses = [gate.status for gate in comparison.gates]
    counts = {
        "tests": f"{len(statuses)}",
        "failures": f"{sum(status in STOPS for status in statuses)}",
        "errors": "0",
        "skipped": f"{sum(status in IDLE for status in statuses)}",
    }
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", {"name": NAME, **counts})
    for gate in comparison.gates:
        _case(suite, gate)
    ET.SubElement(suite, "system-out").text = f"{headline(comparison)}\n{amount(comparison)}"
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode").replace("##[", "#&#35;[")  # which the log of a job obeys
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: ET.Element, gate: Gate) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": NAME, "name": gate.id})
    reason = shown(gate.reason, LONG)
    if gate.status in STOPS:
        failure = ET.SubElement(case, "failure", {"type": gate.status, "message": reason})
        failure.text = _details(gate)
    elif gate.status == "skipped":
        ET.SubElement(case, "skipped", {"message": reason})
    elif gate.status == "waived":
        ET.SubElement(case, "skipped", {"message": f"waived: {waiver(gate)}; would be {gate.suspended}: {reason}"})


def _details(gate: Gate) -> str:
    _, _, observed, limit, where = gate_cells(gate)
    lines = [("observed", observed), ("limit", limit), ("where", where), *gate_notes(gate)]
    return "\n".join(f"{label}: {text}" for label, text in lines if text)
