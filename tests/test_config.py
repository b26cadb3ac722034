"""Settings: their precedence, and one clear line for each mistake."""

from __future__ import annotations

from typing import get_args

import pytest

from specaudit import config
from specaudit.documents import Status
from specaudit.errors import ConfigError


@pytest.fixture
def toml(tmp_path):
    def write(text, name="specaudit.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_nothing_is_set_where_nothing_is_given(tmp_path):
    assert config.load(tmp_path, {}) == {}


def test_the_nearest_file_upward_is_used_and_no_other(tmp_path, toml):
    toml("seed = 1\nthreads = 2\n")
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert config.load(folder, {}) == {"seed": 1, "threads": 2}
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.specaudit]\nseed = 3\n")
    assert config.load(folder, {}) == {"seed": 3}


def test_a_pyproject_without_the_table_is_passed_over(tmp_path, toml):
    toml("seed = 1\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert config.load(tmp_path / "a", {}) == {"seed": 1}


def test_the_environment_wins_over_the_file(tmp_path, toml):
    toml('seed = 1\nkernel = "rbf"\n')
    environment = {"SPECAUDIT_SEED": "7", "SPECAUDIT_DROP_BAD_ROWS": "true", "HOME": "/"}
    assert config.load(tmp_path, environment) == {"seed": 7, "kernel": ("rbf",), "drop-bad-rows": True}


def test_a_named_file_is_read_instead_of_searching(tmp_path, toml):
    toml("seed = 1\n")
    other = toml("[tool.specaudit]\nseed = 2\n", "pyproject.toml")
    assert config.load(tmp_path / "elsewhere", {}, other) == {"seed": 2}


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


def test_the_kernels_are_those_of_the_registry():
    from specaudit.kernels import KERNELS

    assert set(config.KERNELS) == set(KERNELS)


def test_the_statuses_are_those_of_the_document():
    assert get_args(Status) == config.STATUSES
