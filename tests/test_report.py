"""Reports: what people and machines read is the same text as before, and safe whatever a file is called."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import get_args

import jsonschema
import pytest
from report_fixtures import GOLDEN, HOSTILE, STATUSES, WARNINGS, goldens, make_fit

from specaudit import config, documents
from specaudit.documents import ExperimentVerdict, HeadroomVerdict, SimulationVerdict
from specaudit.documents.compare import GateId, TailChange
from specaudit.errors import ConfigError, ExitCode
from specaudit.report import plots
from specaudit.report.curves import HEADER
from specaudit.report.curves import render as to_csv
from specaudit.report.experiment.explain import EXPERIMENTS
from specaudit.report.explain import EXPLANATIONS, render, render_all
from specaudit.report.facts import dataset_facts, headline, number, percent
from specaudit.report.frontier.explain import LEARNING
from specaudit.report.markdown import escape
from specaudit.report.markdown import render as render_fit_markdown
from specaudit.report.plan import readable, render_plan
from specaudit.report.scree import above_rounding, scree
from specaudit.report.table import render as render_fit


def test_a_search_in_an_index_tells_its_recall_its_share_and_whether_it_repeats() -> None:
    fit = make_fit()
    near = fit.dataset.neighbours.model_copy(
        update={"index": "hnsw", "recall": 0.971, "deterministic": False, "queries": 7416}
    )
    facts = dict(dataset_facts(fit.dataset.model_copy(update={"neighbours": near})))
    assert facts["neighbours"].endswith("(hnsw, recall 0.97, all 7,416 rows asked, its build depends on threads)")


@pytest.mark.parametrize("name", sorted(goldens()))
def test_what_is_read_matches_its_golden_file(name):
    assert goldens()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_over():
    assert {path.name for path in GOLDEN.iterdir() if path.is_file()} == set(goldens())


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_text_fits_the_width_and_has_no_escape_codes_without_color(status, width):
    text = render_fit(make_fit(status, source=HOSTILE, warnings=WARNINGS), width, False)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text


def test_color_changes_only_escape_codes():
    plain, colored = (render_fit(make_fit(warnings=WARNINGS), 80, color) for color in (False, True))
    assert "\x1b[" in colored
    stripped = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines()]
    assert stripped == plain.splitlines()


def test_the_environment_does_not_change_the_text(monkeypatch):
    before = render_fit(make_fit(), 80, False)
    for name, value in {"COLUMNS": "40", "FORCE_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    assert render_fit(make_fit(), 80, False) == before


@pytest.mark.parametrize("status", STATUSES)
def test_the_first_line_is_one_sentence_that_names_what_was_found(status):
    sentence = headline(make_fit(status))
    assert "\n" not in sentence
    assert sentence.endswith(".")
    start = {"not-power-law": "No single exponent: ", "unresolved": "Exponent unresolved: "}
    assert sentence.startswith(start.get(status, "Tail exponent b = 1."))


def test_a_falling_and_a_wavering_local_exponent_are_not_called_rising():
    fit = make_fit("not-power-law")
    spectrum = fit.spectra["laplace"]
    local = spectrum.local_exponent

    def told(values):
        changed = spectrum.model_copy(update={"local_exponent": local.model_copy(update={"value": values})})
        return headline(fit.model_copy(update={"spectra": {"laplace": changed}}))

    assert "falls from" in told(tuple(3 - value for value in local.value))
    assert "varies between" in told((1.5,) * len(local.value))


def test_markdown_shows_hostile_text_literally():
    assert escape("[a](b) *c* `d` <e> |f| &amp;") == r"\[a\](b) \*c\* \`d\` \<e\> \|f\| &amp;amp;"
    table = render_fit_markdown(make_fit(source=HOSTILE)).split("\n\n")[2].splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {3}


def test_curves_are_tidy_and_end_where_trust_ends():
    fit = make_fit()
    rows = list(csv.DictReader(io.StringIO(to_csv(fit))))
    points = {name: len(spectrum.capacity.n2) for name, spectrum in fit.spectra.items()}
    assert len(rows) == 5 * sum(points.values())
    assert {row["quantity"] for row in rows} == {"kappa", "n1", "b1", "b2", "b3"}
    assert all((row["trusted"] == "true") == (float(row["n2"]) <= 68.4) for row in rows)
    assert all(bool(row["low"]) == (row["quantity"] in ("kappa", "b2")) for row in rows)
    assert tuple(rows[0]) == HEADER


@pytest.mark.parametrize("status", STATUSES)
def test_the_schema_accepts_the_document(status):
    schema = json.loads(documents.json_schema("fit"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(make_fit(status, warnings=WARNINGS).to_json()), schema)


def test_a_document_reads_back_as_itself():
    text = make_fit(warnings=WARNINGS).to_json()
    assert documents.Fit.model_validate_json(text).to_json() == text


@pytest.mark.parametrize(
    ("kind", "status"),
    [("svg", "resolved"), ("pdf", "drifting"), ("png", "not-power-law"), ("png", "unresolved")],
)
def test_the_same_fit_gives_the_same_picture(tmp_path, kind, status):
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    make_fit(status).plot(first)
    plots.save_fit(make_fit(status), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[kind])


def test_the_picture_keeps_text_as_text_and_ignores_the_readers_style():
    import matplotlib as mpl

    before = plots.picture(make_fit(), "svg")
    assert "effective dimensions" in before.decode()
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9}):
        assert plots.picture(make_fit(), "svg") == before
        assert mpl.rcParams["font.size"] == 20


def test_a_picture_of_another_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a picture"):
        plots.save_fit(make_fit(), tmp_path / "a.gif")


def test_a_scree_of_a_power_law_is_a_straight_falling_line():
    lines = scree([rank**-1.0 for rank in range(1, 101)], columns=20, rows=5).splitlines()
    assert len(lines) == 7
    filled = [len(line) for line in lines[:5]]
    assert filled == sorted(filled)
    assert lines[0].lstrip().startswith("1 │")


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.0], [0.0, -1.0, 2.0]])
def test_a_scree_without_a_scale_is_left_out(values):
    assert scree(values) == ""


def test_every_warning_status_and_exit_code_is_explained():
    wanted = {f"SPA{number:03d}" for number in range(1, 22)} | {*config.STATUSES, *config.SPAN_CLASSES}
    wanted |= {*get_args(GateId), *get_args(TailChange), "inconclusive", "skipped", "waived"}
    wanted |= {*LEARNING, *EXPERIMENTS}
    wanted |= {*get_args(SimulationVerdict), *get_args(HeadroomVerdict), *get_args(ExperimentVerdict)}
    wanted |= {f"exit-{code.value}" for code in ExitCode}
    assert wanted == set(EXPLANATIONS)
    assert len(render_all().splitlines()) == len(EXPLANATIONS)
    assert all(max(map(len, render(name).splitlines())) <= 80 for name in EXPLANATIONS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.20849, "1.208"),
        (9999.0, "9999"),
        (123456.7, "123,457"),
        (3.2e-7, "3.2e-07"),
        (2e12, "2.000e+12"),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_a_small_share_is_not_called_zero():
    assert [percent(share) for share in (0.0, 1e-5, 0.073, 1.0)] == ["0.0 %", "< 0.1 %", "7.3 %", "100.0 %"]


@pytest.mark.parametrize("limit", [None, 2**20, 2**30])
def test_a_plan_says_sizes_in_units(limit):
    text = render_plan(
        rows=8000,
        dimensions=384,
        size=12_288_000,
        peak_memory=2**30,
        stages=[("kernel", 1.25)],
        seconds=(1.5, 30.4),
        max_memory=limit,
    )
    assert ("more than --max-memory allows" in text) == (limit == 2**20)
    assert "8,000" in text
    assert "11.7 MiB" in text
    assert "about 1 GiB" in text
    assert "1.5 to 30 s" in text
    assert readable(2**50) == "1.02e+03 TiB"


def test_eigenvalues_at_the_level_of_rounding_do_not_set_the_scale():
    spectrum = make_fit().spectra["linear"]
    rounding = spectrum.model_copy(update={"eigenvalues": (*spectrum.eigenvalues[:-1], 1e-19)})
    assert len(above_rounding(rounding)) == len(spectrum.eigenvalues) - 1


def test_a_fit_without_eigenvalues_or_depth_can_still_be_reported():
    fit = make_fit("unresolved")
    spectrum = fit.spectra["laplace"]
    bare = spectrum.model_copy(
        update={
            "eigenvalues": (),
            "eigenvalue_errors": (),
            "trace": None,
            "capacity": documents.Capacity(kappa=(), n1=(), n2=(), kappa_low=(), kappa_high=(), trusted_n2=0.0),
            "local_exponent": documents.LocalExponent(n2=(), value=(), low=(), high=(), b1=(), b3=()),
        }
    )
    fit = fit.model_copy(update={"spectra": {"laplace": bare}})
    assert "Leading eigenvalues" not in render_fit(fit, 80, False)
    assert plots.picture(fit, "png")
