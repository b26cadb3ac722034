"""Settings: their precedence, and one clear line for each mistake."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from specaudit import config, policy
from specaudit.documents import Status
from specaudit.documents.compare import Expectation, GateId
from specaudit.errors import ConfigError


@pytest.fixture
def toml(tmp_path):
    def write(text, name="specaudit.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_nothing_is_set_where_nothing_is_given(tmp_path):
    assert config.load(tmp_path, {}) == config.Settings()


def test_the_nearest_file_upward_is_used_and_no_other(tmp_path, toml):
    toml("seed = 1\nthreads = 2\n")
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert config.load(folder, {}).flags == {"seed": 1, "threads": 2}
    nearer = tmp_path / "a" / "pyproject.toml"
    nearer.write_text("[tool.specaudit]\nseed = 3\n")
    found = config.load(folder, {})
    assert (found.flags, found.file) == ({"seed": 3}, nearer)


def test_a_pyproject_without_the_table_is_passed_over(tmp_path, toml):
    toml("seed = 1\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert config.load(tmp_path / "a", {}).flags == {"seed": 1}


def test_the_environment_wins_over_the_file(tmp_path, toml):
    toml('seed = 1\nkernel = "rbf"\n')
    environment = {"SPECAUDIT_SEED": "7", "SPECAUDIT_DROP_BAD_ROWS": "true", "HOME": "/"}
    assert config.load(tmp_path, environment).flags == {"seed": 7, "kernel": ("rbf",), "drop-bad-rows": True}


def test_a_named_file_is_read_instead_of_searching(tmp_path, toml):
    toml("seed = 1\n")
    other = toml("[tool.specaudit]\nseed = 2\n", "pyproject.toml")
    assert config.load(tmp_path / "elsewhere", {}, other).flags == {"seed": 2}


def test_a_file_of_its_own_may_have_the_table_too(tmp_path, toml):
    path = toml("[tool.specaudit]\nseed = 2\n[tool.specaudit.margins]\ntail = 0.1\n")
    for found in (config.load(tmp_path, {}), config.load(tmp_path / "elsewhere", {}, path)):
        assert (found.flags, dict(found.margins), found.file) == ({"seed": 2}, {"tail": 0.1}, path)


def test_settings_inside_and_outside_the_table_are_refused(tmp_path, toml):
    path = toml("threads = 1\n[tool.specaudit]\nseed = 2\n")
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path, {})
    assert refused.value.problem == f"{path}: has [tool.specaudit] and threads outside it"


@pytest.mark.parametrize(
    ("key", "value", "result"),
    [
        ("kernel", ["laplace", "rbf"], ("laplace", "rbf")),
        ("kernel", "laplace, rbf,laplace", ("laplace", "rbf")),
        ("bandwidth", 2, 2.0),
        ("bandwidth", "0.5", 0.5),
        ("centered", "yes", True),
        ("centered", False, False),
        ("max-memory", "4G", 4 * 2**30),
        ("max-memory", "800 MiB", 800 * 2**20),
        ("max-memory", "1.5k", 1536),
        ("max-memory", 123456, 123456),
        ("require", "resolved,drifting", ("resolved", "drifting")),
        ("seed", "0", 0),
        ("expect", "prune", "prune"),
        ("max-drop", "0.5", 0.5),
        ("min-rows", 100, 100),
        ("on-inconclusive", "pass", "pass"),
        ("model-after", "m", "m"),
    ],
)
def test_values_become_their_type(key, value, result):
    read = config.read(key, value, "here")
    assert read == result
    assert type(read) is type(result)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("kernel", "laplce", "unknown name 'laplce'"),
        ("kernel", [], "expected names"),
        ("kernel", [1], "expected names"),
        ("bandwidth", 0, "expected a number above 0"),
        ("bandwidth", "nan", "expected a number above 0"),
        ("bandwidth", "inf", "expected a number above 0"),
        ("bandwidth", True, "expected a number above 0"),
        ("normalize", "L2", "unknown name"),
        ("normalize", 2, "expected a text"),
        ("centered", 1, "expected true or false"),
        ("centered", "maybe", "expected true or false"),
        ("seed", -1, "expected a whole number of at least 0"),
        ("seed", 1.5, "expected a whole number of at least 0"),
        ("seed", 10**400, "expected a whole number of at least 0"),
        ("threads", "0", "expected a whole number of at least 1"),
        ("max-memory", "4 gallons", "expected a size"),
        ("max-memory", "0", "expected a size"),
        ("max-memory", -5, "expected a size"),
        ("max-memory", True, "expected a size"),
        ("max-memory", "9" * 400, "expected a size"),
        ("expect", "pruned", "unknown name 'pruned'"),
        ("max-drop", 1, "expected a number above 0 and below 1"),
        ("max-drop", 0, "expected a number above 0 and below 1"),
        ("min-rows", 0, "expected a whole number of at least 1"),
        ("on-inconclusive", "ignore", "unknown name 'ignore'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_place(key, value, problem):
    with pytest.raises(ConfigError, match=r"^here: ") as refused:
        config.read(key, value, "here")
    assert problem in refused.value.problem


def test_wrong_types_name_file_and_key(tmp_path, toml):
    path = toml("seed = true\n")
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path, {})
    assert refused.value.problem == f"{path}: seed: expected a whole number of at least 0, got True"


@pytest.mark.parametrize("name", ["specaudit.toml", "pyproject.toml"])
def test_unknown_keys_get_a_suggestion(tmp_path, toml, name):
    toml(("[tool.specaudit]\n" * (name == "pyproject.toml")) + "max_rows = 5\n", name)
    with pytest.raises(ConfigError, match="unknown key") as refused:
        config.load(tmp_path, {})
    assert refused.value.next_step == "did you mean max-rows?"


def test_unknown_variables_get_a_suggestion(tmp_path):
    with pytest.raises(ConfigError, match="unknown variable 'SPECAUDIT_MAXROWS'") as refused:
        config.load(tmp_path, {"SPECAUDIT_MAXROWS": "5"})
    assert refused.value.next_step == "did you mean SPECAUDIT_MAX_ROWS?"


def test_two_files_in_one_folder_are_refused(tmp_path, toml):
    toml("seed = 1\n")
    toml("[tool.specaudit]\nseed = 2\n", "pyproject.toml")
    with pytest.raises(ConfigError, match="both configure"):
        config.load(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("x.toml", b"seed = ", "not a TOML file"),
        ("x.toml", b"\xff\xfe", "not a TOML file"),
        ("pyproject.toml", b"[project]\nname = 'x'\n", r"no \[tool.specaudit\]"),
        ("pyproject.toml", b"tool = 3\n", r"no \[tool.specaudit\]"),
        ("pyproject.toml", b"[tool]\nspecaudit = 3\n", r"no \[tool.specaudit\]"),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        config.load(tmp_path, {}, tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path, {}, tmp_path / "none.toml")


# ---------------------------------------------------------------- margins


@pytest.mark.parametrize(
    "lines",
    [
        "[margins]\ntail = 0.1\ncapacity.laplace = 0.02\ncapacity.linear = 0.05\n",
        "[margins]\ntail = 0.1\ncapacity = {laplace = 0.02, linear = 0.05}\n",
        '[margins]\ntail = 0.1\n"capacity.laplace" = 0.02\n"capacity.linear" = 0.05\n',
        "margins.tail = 0.1\n[margins.capacity]\nlaplace = 0.02\nlinear = 0.05\n",
    ],
)
def test_margins_may_be_written_in_every_way_that_toml_has(tmp_path, toml, lines):
    toml(lines)
    assert config.load(tmp_path, {}).margins == {"tail": 0.1, "capacity.laplace": 0.02, "capacity.linear": 0.05}


def test_a_margin_of_a_gate_and_one_of_its_kernel_stand_side_by_side(tmp_path, toml):
    toml('[margins]\ncapacity = 0.03\n"capacity.linear" = 0.05\n')
    assert config.load(tmp_path, {}).margins == {"capacity": 0.03, "capacity.linear": 0.05}


def test_what_toml_forbids_is_told_with_what_it_allows(tmp_path, toml):
    toml("[margins]\ncapacity = 0.03\ncapacity.linear = 0.05\n")
    with pytest.raises(ConfigError, match="not a TOML file: Cannot overwrite") as refused:
        config.load(tmp_path, {})
    assert refused.value.next_step == 'quote a name with a dot: "capacity.linear" = 0.05'


def test_margins_of_the_environment_win_by_name(tmp_path, toml):
    toml("[margins]\ncapacity = 0.03\ntail = 0.1\n")
    environment = {"SPECAUDIT_MARGINS": "capacity=0.01, capacity.linear=0.2"}
    assert config.load(tmp_path, environment).margins == {"capacity": 0.01, "capacity.linear": 0.2, "tail": 0.1}


@pytest.mark.parametrize(
    ("value", "problem", "next_step"),
    [
        ({"capcity": 0.1}, "here: unknown margin 'capcity'", "did you mean capacity?"),
        ({"capacity": {"lapace": 0.1}}, "here: unknown margin 'capacity.lapace'", "did you mean capacity.laplace?"),
        ({"consistency": 0.1}, "here: unknown margin 'consistency'", None),
        ({"repeats": {"linear": 0.1}}, "here: unknown margin 'repeats.linear'", None),
        ({"capacity": 0}, "here: capacity: expected a number above 0 and below 10, got 0", None),
        ({"capacity": 10}, "here: capacity: expected a number above 0 and below 10, got 10", None),
        ({"capacity": "0.1x"}, "here: capacity: expected a number above 0 and below 10, got '0.1x'", None),
        ({"capacity": {}}, "here: capacity: expected a number above 0 and below 10, got {}", None),
        ({"repeats": 1}, "here: repeats: expected a number above 0 and below 1, got 1", None),
        (3, "here: expected a table, got 3", "for example capacity = 0.02"),
        ("capacity", "here: expected NAME=VALUE, got 'capacity'", "for example capacity=0.02"),
        ("capacity=", "here: capacity: expected a number above 0 and below 10, got ''", None),
    ],
)
def test_a_margin_that_cannot_be_meant_is_refused(value, problem, next_step):
    with pytest.raises(ConfigError) as refused:
        config.read_margins(value, "here")
    assert refused.value.problem == problem
    if next_step is not None:
        assert refused.value.next_step == next_step


# ---------------------------------------------------------------- waivers


WAIVER = '[[waive]]\ngate = "tail"\nreason = "agreed"\n'


@pytest.mark.parametrize("until", ["2030-12-31", '"2030-12-31"'])
def test_waivers_have_a_gate_a_reason_and_a_last_day(tmp_path, toml, until):
    toml(f'{WAIVER}until = {until}\nafter = "ccaa"\n{WAIVER}until = 2031-01-01\n')
    first, second = config.load(tmp_path, {}).waivers
    assert first == config.Waiver(gate="tail", reason="agreed", until=date(2030, 12, 31), after="ccaa")
    assert second == config.Waiver(gate="tail", reason="agreed", until=date(2031, 1, 1))


@pytest.mark.parametrize(
    ("text", "problem", "next_step"),
    [
        (WAIVER, "waive[0]: has no until", "until = 2030-12-31, the last day on which it holds"),
        (f"{WAIVER}until = 2030-12-31T00:00:00\n", "waive[0]: until: expected a date", ""),
        (f'{WAIVER}until = "31.12.2030"\n', "waive[0]: until: expected a date", ""),
        (f"{WAIVER}until = 2030\n", "waive[0]: until: expected a date", ""),
        (f"{WAIVER}untill = 2030-12-31\n", "waive[0]: unknown key 'untill'", "did you mean until?"),
        (f"{WAIVER}until = 2030-12-31\nafter = 3\n", "waive[0]: after: expected a text, got 3", ""),
        (
            f'{WAIVER}until = 2030-12-31\nafter = "0x15d1"\n',
            "waive[0]: after: expected first digits of a digest, got '0x15d1'",
            "copy them from after.digest of the comparison's document",
        ),
        ('[[waive]]\ngate = "tial"\nreason = "x"\nuntil = 2030-12-31\n', "unknown gate 'tial'", "did you mean tail?"),
        ('[[waive]]\ngate = "tail"\nreason = " "\nuntil = 2030-12-31\n', "waive[0]: reason: expected a text", ""),
        ('[[waive]]\ngate = "tail"\nuntil = 2030-12-31\n', "waive[0]: has no reason", ""),
        ('[waive]\ngate = "tail"\n', "waive: expected a list of tables", None),
    ],
)
def test_a_waiver_that_is_not_complete_is_refused(tmp_path, toml, text, problem, next_step):
    path = toml(text)
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path, {})
    assert refused.value.problem.startswith(f"{path}: ")
    assert problem in refused.value.problem
    if next_step is not None:
        assert refused.value.next_step == next_step


def test_the_environment_cannot_waive(tmp_path):
    with pytest.raises(ConfigError, match="unknown variable 'SPECAUDIT_WAIVE'"):
        config.load(tmp_path, {"SPECAUDIT_WAIVE": "tail=x"})


# ---------------------------------------------------------------- names spelled twice


def test_the_kernels_are_those_of_the_registry():
    from specaudit.kernels import KERNELS

    assert set(config.KERNELS) == set(KERNELS)


def test_the_methods_are_those_of_the_registry():
    from specaudit.pruning import METHODS

    assert (*METHODS, "all") == config.METHODS


def test_the_names_of_a_simulation_are_those_of_the_registries():
    from specaudit.dynamics import MOTIONS, POLICIES, SUPPRESSIONS

    assert (tuple(POLICIES), tuple(SUPPRESSIONS), tuple(MOTIONS)) == (
        config.POLICIES,
        config.SUPPRESSIONS,
        config.MOMENTA,
    )


def test_the_samplers_are_those_of_the_registry():
    from specaudit.experiments.samplers import SAMPLERS

    assert tuple(SAMPLERS) == config.SAMPLERS


def test_the_indexes_are_those_of_the_registry():
    from specaudit.graph import INDEXES

    assert ("auto", *INDEXES) == config.INDEXES


def test_the_statuses_are_those_of_the_document():
    assert get_args(Status) == config.STATUSES


def test_gates_and_expectations_are_those_of_the_document():
    assert get_args(GateId) == config.GATES
    assert get_args(Expectation) == config.EXPECTATIONS


def test_every_margin_is_one_that_a_policy_takes():
    values = dict.fromkeys(config.MARGINS, 0.5)
    assert policy.Policy(margins=values).margins == values
    assert set(policy.MARGINS) <= set(config.MARGINS)
