"""Reports of comparisons: the same text as before, the right words, and safe whatever a file is called."""

from __future__ import annotations

import csv
import io
import json
import re
from importlib import import_module
from typing import get_args
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from compare_fixtures import DOCUMENTS, GOLDEN, HOSTILE, NO_HARM, comparison, gate, goldens, huge, made, side

from specaudit import documents as doc
from specaudit.documents.reading import READABLE
from specaudit.errors import ConfigError
from specaudit.report.compare import facts, plots, removed
from specaudit.report.compare.curves import HEADER
from specaudit.report.compare.curves import render as to_csv
from specaudit.report.compare.github import MOST
from specaudit.report.compare.github import render as render_github
from specaudit.report.compare.junit import render as render_junit
from specaudit.report.compare.markdown import render as render_comparison_markdown
from specaudit.report.compare.table import render as render_comparison
from specaudit.report.explain import EXPLANATIONS
from specaudit.report.formats import MODULES, RENDERED, SUBJECTS, SUFFIXES, Subject, render

NAMES = sorted(DOCUMENTS)


@pytest.mark.parametrize("name", sorted(goldens()))
def test_what_is_read_matches_its_golden_file(name):
    assert goldens()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_over():
    assert {path.name for path in GOLDEN.iterdir()} == set(goldens())


@pytest.mark.parametrize("subject", RENDERED)
def test_every_format_of_a_subject_has_a_renderer(subject):
    found = RENDERED[subject]
    assert set(found.formats) <= set(SUFFIXES.values()) | {"github"}
    for name in set(found.formats) - {"json"}:
        assert callable(import_module(f"{found.package}.{MODULES[name]}").render)
    assert callable(import_module(f"{found.package}.facts").headline)
    assert callable(import_module(f"{found.package}.plots").picture)


def test_every_saved_document_is_of_a_subject():
    assert set(RENDERED) == set(get_args(Subject))
    assert {schema.partition("/")[0] for schema in SUBJECTS} == set(READABLE)


# words


@pytest.mark.parametrize("name", NAMES)
def test_the_first_sentence_is_one_line_that_names_the_verdict(name):
    sentence = facts.headline(made(name))
    assert "\n" not in sentence
    assert sentence[-1] in ".?"
    assert sentence.lower().startswith(f"{made(name).verdict}: ")


def test_a_pass_says_no_harm_beyond_the_margin_and_never_harmless():
    assert facts.headline(made("pass")) == f"Pass: {NO_HARM}; tail preserved."
    assert not any("harmless" in text for text in goldens().values())


def test_a_flatter_tail_makes_no_claim_on_the_asymptote():
    words = "flatter on the measured window; a finite-region effect, no claim on the asymptote"
    assert words in facts.headline(made("augmented"))


def test_a_failure_gives_the_harm_of_every_failed_gate_and_of_no_other():
    sentence = facts.headline(made("fail"))
    for found in made("fail").gates:
        assert (found.reason in sentence) == (found.status == "fail")


def test_what_cannot_be_told_comes_with_the_rows_that_would_decide_all_of_it():
    sentence = facts.headline(made("inconclusive"))
    assert sentence.startswith(
        "Inconclusive: cannot tell whether capacity falls beyond the margin or whether the tail"
    )
    assert "about 12,000 different rows" in sentence
    assert sentence.endswith("would decide.")


def test_where_no_number_of_rows_is_known_the_reason_is_said_once():
    assert facts.headline(made("unmeasured")).count("no shared rows") == 1


def test_a_waived_failure_is_never_told_as_no_harm():
    sentence = facts.headline(made("waived"))
    assert NO_HARM not in sentence
    assert "capacity (would be fail), tail (would be fail), rows (would be fail)" in sentence


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["text", "markdown", "junit"])
def test_every_report_says_the_amount(name, kind):
    text = re.sub(r"\s+", " ", render(made(name), kind, 120, False).replace("\\", "").replace("&gt;", ">"))
    assert facts.amount(made(name)) in text


def test_the_amount_is_rows_and_depth():
    plain = facts.amount(made("pass"))
    assert plain.startswith("rows 8,000 -> 240 (7,416 -> 240 different); ")
    assert plain.endswith("tail measurable to 12 instead of 400 effective dimensions")
    assert facts.amount(made("identical")).endswith("measurable to 400 effective dimensions on both sides")
    assert "different" not in facts.amount(made("identical"))


def test_the_smallest_harms_are_told_in_one_order_whatever_the_documents():
    names = ["capacity at 10 (laplace)", "capacity at 95 (linear)", "capacity at 449 (laplace)", "tail (laplace)"]
    for order in (names, sorted(names), names[::-1]):
        document = comparison(smallest_harm=dict.fromkeys(order, 0.1))
        told = dict(facts.tail_facts(document))["smallest harm"]
        assert sorted(names, key=told.index) == names


@pytest.mark.parametrize("kind", ["text", "markdown", "junit", "github"])
def test_a_waived_gate_shows_its_reason_and_its_last_day(kind):
    text = re.sub(r"\s+", " ", render(made("waived"), kind, 80, False))
    assert "topic 12 is dropped on purpose (until 2027-03-31)" in text
    assert "a smoke test (for this run)" in text


def test_a_limit_says_on_which_side_of_it_a_gate_passes():
    limits = {found.id: facts.gate_cells(found)[3] for found in made("fail").gates}
    assert limits == {
        "capacity": "≥ -0.05",
        "tail": "≤ +0.03",
        "repeats": "≥ 0.8",
        "consistency": "≤ 30.9",
        "rows": "≤ 0.5",
        "span": "-",
    }
    fewest = gate("rows", "pass", "", "", "unique rows of AFTER", 240.0, 240.0, 240.0, 100.0)
    assert facts.gate_cells(fewest)[2:4] == ("240", "≥ 100")


def test_a_side_that_is_a_baseline_and_near_matches_are_said():
    relation = dict(facts.relation_facts(made("unmeasured")))
    assert "a saved baseline" in relation["before"]
    assert "12 by nearest neighbour within 0.0013" in dict(facts.relation_facts(made("augmented")))["matched by"]


def test_an_expectation_that_was_not_met_is_said():
    relation = made("pass").relation.model_copy(update={"expected": "augment"})
    unmet = made("pass").model_copy(update={"relation": relation})
    assert dict(facts.relation_facts(unmet))["relation"].endswith("(expected augment)")


def test_distances_are_in_units_of_the_rows_where_no_kernel_has_a_bandwidth():
    plain = made("pass")
    linear = plain.model_copy(update={"primary": "linear", "spectra": {"linear": plain.spectra["linear"]}})
    for found, unit in ((plain, "bandwidths"), (linear, "units of the rows")):
        (far, _), (tail, _) = removed.named_rows(found)
        assert far.endswith(f"distance in {unit})")
        assert tail == "Removed rows that carried most of the tail"


@pytest.mark.parametrize("flat", [True, False])
def test_a_cutoff_is_told_only_where_the_tail_is_flat(flat):
    region = made("augmented").finite_region.model_copy(update={"tail_flat": flat})
    assert ("ranks up to 31" in dict(facts.region_facts(region))["cutoff"]) == flat


def test_both_sides_have_the_same_facts():
    first, second = side("a.npy", 10, 9, "0"), made("unmeasured").before
    assert [name for name, _ in facts.side_facts(first)] == [name for name, _ in facts.side_facts(second)]


def test_every_word_that_a_report_uses_is_explained():
    assert {*facts.QUESTIONS, *facts.TAILS, "inconclusive", "skipped", "waived"} <= set(EXPLANATIONS)


# text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [80, 120])
def test_text_fits_the_width_and_has_no_escape_codes_without_color(name, width):
    text = render_comparison(made(name), width, False)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["fail", "waived", "inconclusive"])
def test_color_changes_only_escape_codes(name):
    plain, colored = (render_comparison(made(name), 80, color) for color in (False, True))
    assert "\x1b[" in colored
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines()] == plain.splitlines()


# markdown


def test_markdown_shows_hostile_text_literally():
    text = render_comparison_markdown(made("hostile"))
    assert "<script>" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_markdown_stays_small_and_says_what_is_left_out():
    one = made("fail").spectra["laplace"]
    kernels = comparison(spectra={"laplace": one, **{f"{number} {HOSTILE}": one for number in range(100)}})
    for text in map(render_comparison_markdown, (huge(), kernels)):
        assert len(text.encode()) < 64_000
    assert "more parts are in the JSON document" in render_comparison_markdown(kernels)
    many = comparison(warnings=made("pass").warnings * 200)
    assert "180 more warnings are in the JSON document" in render_comparison_markdown(many)


# junit


@pytest.mark.parametrize("name", NAMES)
def test_junit_reads_back_with_a_case_for_each_gate(name):
    document = made(name)
    suite = ET.fromstring(render_junit(document).encode()).find("testsuite")
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert suite.get("name") == "specaudit compare"
    assert list(cases) == [found.id for found in document.gates]
    for found in document.gates:
        tags = [child.tag for child in cases[found.id]]
        expected = {"pass": [], "fail": ["failure"], "inconclusive": ["failure"]}.get(found.status, ["skipped"])
        assert tags == expected
        if expected == ["failure"]:
            assert cases[found.id][0].get("type") == found.status
    counts = {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}
    assert counts["errors"] == 0
    assert counts["tests"] == len(cases)
    assert counts["failures"] == len(list(suite.iter("failure")))
    assert counts["skipped"] == len(list(suite.iter("skipped")))
    assert suite.find("system-out").text.startswith(facts.headline(document))


# github


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the annotations as the runner reads them."""
    found = []
    for line in text.splitlines()[:-1]:
        level, properties, message = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line).groups()
        pairs = dict(part.split("=", 1) for part in properties.split(","))
        found.append((level, {key: unescaped(value) for key, value in pairs.items()}, unescaped(message)))
    return found


def unescaped(text: str) -> str:
    for code, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
        text = text.replace(code, character)
    return text


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("pass", ["warning"]),
        ("fail", ["error", "error", "error", "warning"]),
        ("inconclusive", ["error", "error", "warning"]),
        ("waived", ["warning", "notice", "notice", "notice"]),
        ("identical", []),
    ],
)
def test_annotations_have_the_level_of_what_they_say_and_the_headline_ends_them(name, levels):
    text = render_github(made(name))
    assert [level for level, _, _ in commands(text)] == levels
    assert text.splitlines()[-1] == facts.headline(made(name))


def test_an_inconclusive_gate_that_stops_nothing_is_a_warning():
    accepted = made("inconclusive").model_copy(update={"exit_code": 0})
    assert {level for level, _, _ in commands(render_github(accepted))} == {"warning"}


def test_annotations_point_to_the_file_and_survive_hostile_text():
    text = render_github(made("hostile"), file="a,b:c%\n.toml")
    assert {properties["file"] for _, properties, _ in commands(text)} == {"a,b:c%\n.toml"}
    assert not re.search(r"^::error::", text, re.MULTILINE)
    assert "##[" not in text.splitlines()[-1]


def test_there_are_ten_annotations_at_most_and_the_last_counts_the_others():
    text = render_github(huge())
    assert len(commands(text)) == MOST
    level, _, message = commands(text)[-1]
    assert level == "notice"
    assert message.startswith("194 more")


# curves and documents


def test_curves_are_tidy():
    rows = list(csv.DictReader(io.StringIO(to_csv(made("pass")))))
    assert tuple(rows[0]) == HEADER
    found = {(row["kernel"], row["side"], row["quantity"]) for row in rows}
    sides = {(which, name) for which in ("before", "after") for name in ("eigenvalue", "kappa", "b2")}
    sides.add(("after/before", "kappa_ratio"))
    assert found == {(kernel, *one) for kernel in ("laplace", "linear") for one in sides}
    assert all(bool(row["low"]) == (row["quantity"] != "eigenvalue") for row in rows)
    assert to_csv(made("unmeasured")).splitlines() == [",".join(HEADER)]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hostile"])
def test_the_schema_accepts_the_document_and_it_reads_back(name):
    text = render(made(name), "json", 80, False)
    jsonschema.validate(json.loads(text), json.loads(doc.json_schema("compare")))
    assert doc.Comparison.model_validate_json(text).to_json() == text


# figures


@pytest.mark.parametrize(
    ("kind", "name"),
    [("svg", "pass"), ("pdf", "fail"), ("png", "identical"), ("png", "unmeasured"), ("pdf", "hostile")],
)
def test_the_same_comparison_gives_the_same_picture(tmp_path, kind, name):
    path = tmp_path / f"a.{kind}"
    plots.save_comparison(made(name), path)
    assert path.read_bytes() == plots.picture(made(name), kind)
    assert path.read_bytes().startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[kind])


def test_the_picture_keeps_text_as_text_and_has_a_row_of_panels_for_each_kernel():
    text = plots.picture(made("fail"), "svg").decode()
    for letter, name in zip("abcdefgh", 2 * plots.FIGURE, strict=True):
        assert text.count(f"{letter}  {plots.PANELS[name].title}") == 1
    assert "ceiling n/m = 30.9" in text


def test_a_ceiling_near_the_curve_is_drawn_and_not_told():
    near = plots.panel("gain", made("identical").spectra["laplace"], 1.0).decode()
    assert "ceiling" not in near


def test_a_picture_of_another_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a picture"):
        plots.save_comparison(made("pass"), tmp_path / "a.gif")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1.0, "1"),
        (1000.0, "1,000"),
        (1e-5, "10⁻⁵"),
        (1e4, "10⁴"),
        (2e-3, "2·10⁻³"),
        (-0.5, "-0.5"),
        (0.0, "0"),
    ],
)
def test_ticks_are_text(value, text):
    assert plots.power(value) == text


def test_hostile_text_is_in_the_hostile_document():
    assert HOSTILE in made("hostile").gates[0].reason


def test_rows_without_ids_have_no_column_for_them():
    plain = [row.model_copy(update={"id": None}) for row in made("pass").rows.removed_far]
    assert removed.row_table(plain)[0] == ("row", "distance", "leverage")
    assert removed.row_table(made("pass").rows.removed_far)[0] == ("row", "distance", "leverage", "id")
    far = [row.model_copy(update={"leverage": None}) for row in plain]
    assert removed.row_table(far)[0] == ("row", "distance")
