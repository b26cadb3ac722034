"""Saved documents come back as they were; anything else is refused in one line that names file and field."""

from __future__ import annotations

import json
import tempfile
from functools import cache

import compare_fixtures
import numpy as np
import pytest
from report_fixtures import STATUSES, WARNINGS, make_fit

from specaudit import api, documents
from specaudit.documents import Comparison, Fit
from specaudit.documents.reading import COLUMNS, read_document
from specaudit.errors import InputError

SENSIBLE = sorted(set(compare_fixtures.DOCUMENTS) - {"hostile"})

KNOWN = ", ".join(f"specaudit.{name}/1" for name in documents.SCHEMAS if name != "error")


@pytest.fixture
def saved(tmp_path):
    def save(content, name="doc.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save


def refusal(path):
    with pytest.raises(InputError) as refused:
        read_document(path)
    assert refused.value.problem.startswith(f"{path}: ")
    assert "\n" not in refused.value.problem
    assert refused.value.next_step
    return refused.value.problem.removeprefix(f"{path}: ")


@pytest.mark.parametrize("status", STATUSES)
def test_a_fit_is_read_and_written_again_to_the_byte(saved, status):
    text = make_fit(status, warnings=WARNINGS).to_json()
    found = read_document(saved(text))
    assert isinstance(found, Fit)
    assert found.to_json() == text


@pytest.mark.parametrize("name", SENSIBLE)
def test_a_comparison_is_read_and_written_again_to_the_byte(saved, name):
    text = compare_fixtures.made(name).to_json()
    found = read_document(saved(text))
    assert isinstance(found, Comparison)
    assert found.to_json() == text


@cache
def baseline():
    """Return the baseline of a few real rows."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", np.random.default_rng(0).standard_normal((200, 8)))
        return api.baseline(f"{folder}/rows.npy", kernels=["laplace"])


def test_a_baseline_is_read_and_written_again_to_the_byte(saved):
    text = baseline().to_json()
    found = read_document(saved(text))
    assert isinstance(found, documents.Baseline)
    assert found.to_json() == text


def test_a_wrong_field_of_a_baseline_is_named(saved):
    data = json.loads(baseline().to_json())
    data["ladders"]["laplace"]["steps"][1]["log_kappa"] += [1.0]
    path = saved(json.dumps(data))
    assert refusal(path).startswith("ladders.laplace.steps[1]: columns of unequal length: dimension ")
    data["fit"]["primary"] = "rbf"
    assert refusal(saved(json.dumps(data))) == "primary: 'rbf' is not among spectra"


def changed(path, value):
    """Return a failing comparison with one field changed (or, with ..., removed)."""
    data = json.loads(compare_fixtures.made("fail").to_json())
    *above, last = path
    part = data
    for key in above:
        part = part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["verdict"], "good", "verdict: input should be 'pass', 'fail' or 'inconclusive'"),
        (["verdict"], ..., "verdict: field required"),
        (["exit_code"], "1", "exit_code: input should be a valid integer"),
        (["exit_code"], True, "exit_code: input should be a valid integer"),
        (["exit_code"], 1.5, "exit_code: "),
        (["more"], 1, "more: extra inputs are not permitted"),
        (["gates", 0, "status"], "failed", "gates[0].status: input should be "),
        (["gates", 0], 3, "gates[0]: "),
        (["spectra", "linear", "tests", 1, "change"], "0", "spectra.linear.tests[1].change: input should be"),
        (["spectra", "linear", "kernel", "name"], ..., "spectra.linear.kernel.name: field required"),
        (["rows", "after"], None, "rows.after: input should be a valid integer"),
        (["warnings", 0, "id"], "X1", "warnings[0].id: string should match pattern"),
        (["primary"], "rbf", "primary: 'rbf' is not among spectra"),
        (["schema"], "specaudit.compare/2", "schema: version 2 of specaudit.compare is not known here"),
        (
            ["schema"],
            "specaudit.compare",
            f"schema: expected one of {KNOWN}, got",
        ),
        (
            ["schema"],
            "other/1",
            f"schema: expected one of {KNOWN}, got 'other/1'",
        ),
        (
            ["schema"],
            ["x"],
            f"schema: expected one of {KNOWN}, got ['x']",
        ),
        (
            ["schema"],
            ...,
            f"schema: expected one of {KNOWN}, got None",
        ),
        (
            ["spectra", "laplace", "gain", "low"],
            [1.0],
            "spectra.laplace.gain: columns of unequal length: dimension 64",
        ),
        (
            ["spectra", "linear", "after", "exponent"],
            [],
            "spectra.linear.after: columns of unequal length: n2 64, exp",
        ),
    ],
)
def test_a_wrong_field_is_named(saved, path, value, problem):
    assert refusal(saved(changed(path, value))).startswith(problem)


def test_more_than_one_mistake_is_counted(saved):
    data = json.loads(compare_fixtures.made("fail").to_json())
    data.update(verdict="good", tail="long", primary=3)
    assert refusal(saved(json.dumps(data))).endswith(" (and 2 more)")


def test_a_newer_document_asks_for_a_newer_program(saved):
    with pytest.raises(InputError) as refused:
        read_document(saved(changed(["schema"], "specaudit.compare/2")))
    assert refused.value.next_step == "update specaudit"


def test_every_curve_that_a_schema_cannot_hold_together_is_known():
    for name, groups in COLUMNS.items():
        assert {column for group in groups for column in group} <= set(getattr(documents, name).model_fields)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is cut off or no JSON: line 1 column 1"),
        (make_fit().to_json()[:5000], "is cut off or no JSON"),
        ('{"schema": }', "is no JSON: line 1 column 12"),
        ('{"schema": NaN}', "holds NaN, which is no JSON"),
        (b"\x93NUMPY\x01\x00\xff", "is not UTF-8 text"),
        ("[1, 2]", "is no document of specaudit: expected an object, got list"),
        ("[" * 100_000, "is no document of specaudit"),
        ('{"a": ' + "1" * 5000 + "}", "is no document of specaudit"),
        ('{"name": "a package"}', "schema: expected one of"),
        ('{"schema": "specaudit.error/1", "error": "x"}', "tells why a run failed"),
        (
            make_fit().to_json().replace(": 8000", ": 1e999"),
            "dataset.rows: input should be a",
        ),
    ],
)
def test_a_file_that_is_no_document_is_refused(saved, content, problem):
    assert refusal(saved(content)).startswith(problem)


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    assert refusal(tmp_path / "none.json") == "No such file or directory"
    assert refusal(tmp_path) == "Is a directory"


def test_a_file_of_no_end_is_not_read(monkeypatch, saved):
    monkeypatch.setattr("specaudit.documents.reading.LARGEST", 2**20)
    assert refusal(saved(" " * (2**20 + 1))) == "has more than 1 MB, which no document has"
