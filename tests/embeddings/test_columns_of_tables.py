"""Which columns of a CSV are text, and which are numbers that cannot be read: no column vanishes in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError

ROWS = 150


def table(cells: list[str], name: str = "t.csv", header: bool = True) -> None:
    mark = "\t" if name.endswith(".tsv") else ","
    quoted = [f'"{cell}"' if mark in cell else cell for cell in cells]
    lines = [f"{cell}{mark}{k}{mark}{k * k % 7}.5" for k, cell in enumerate(quoted)]
    Path(name).write_text("\n".join(([mark.join("abc")] if header else []) + lines), encoding="utf-8")


def refusal(name: str = "t.csv", **options: Any) -> str:
    with pytest.raises(InputError) as caught, open_embeddings(name, **options) as found:
        list(found.blocks())
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("cell", ["true", "0x1p3", "1_00", "word", "2020-01-02", "10.0.0.1"])
def test_columns_of_text_are_no_part_of_the_embedding(folder: Path, cell: str) -> None:
    table([cell] * ROWS)
    with open_embeddings("t.csv") as found:
        assert found.dimensions == 2
        np.testing.assert_array_equal(found.take([3]), [[3, 2.5]])
    assert f"t.csv line 2 column 1 ('a'): '{cell}' is not a number" in refusal(column="a:c")


@pytest.mark.parametrize("at", [0, 3, 63])
@pytest.mark.parametrize("cell", ["true", "NA", "1,5", "1_00", "-", "\u0661\u0662"])
def test_a_column_of_numbers_and_other_things_is_an_error(folder: Path, cell: str, at: int) -> None:
    table([f"{k}.25" if k == at else cell for k in range(ROWS)])
    assert f"t.csv line {3 if at == 0 else 2} column 1 ('a'): '{cell}' is not a number" in refusal()


@pytest.mark.parametrize("cell", ["NA", "null", "None", "N/A", ""])
def test_what_stands_for_a_number_makes_no_column_text(folder: Path, cell: str) -> None:
    table([cell] * 100 + ["0.5"] * 50)
    assert "t.csv line 2 column 1 ('a'): " in refusal()


@pytest.mark.parametrize("cell", ["0,5", "-1,25", "1,234,567", "1,5e-3", "\u0661\u0662", "\u0661.\u0662", "\uff11"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_numbers_in_another_notation_do_not_vanish(folder: Path, name: str, cell: str) -> None:
    table([cell] * ROWS, name)
    assert f"{name} column 1 ('a'): '{cell}' and the like, expected numbers as in 1234.5" in refusal(name)
    with open_embeddings(name, column="b,c") as found:
        assert found.dimensions == 2


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("at", [10, 140])
def test_digits_of_other_scripts_are_no_numbers(folder: Path, header: bool, at: int) -> None:
    table(["\u0661\u0662" if k == at else f"{k}.5" for k in range(ROWS)], header=header)
    assert f"t.csv line {at + 1 + header} column 1" in refusal()


def test_wide_rows_are_looked_at_as_often_as_others(folder: Path) -> None:
    """A column with a number in one of its first 64 cells is no text, also where a megabyte has fewer rows."""
    rows = [("?", "1.5"), *[("?", f"{k}.5") for k in range(14)], ("7", "0.25")]
    lines = [f"{x},{y},{'t' * 120_000}\n" for x, y in rows]
    Path("t.csv").write_text("x,y,note\n" + "".join(lines))
    assert "t.csv line 2 column 1 ('x'): '?' is not a number" in refusal()
    Path("t.csv").write_text("x,y,note\n" + "".join(lines[:-1]))
    with open_embeddings("t.csv") as found:
        assert (found.rows, found.dimensions) == (15, 1)
        np.testing.assert_array_equal(found.take([14]), [[13.5]])


def test_a_header_of_several_lines_is_no_row(folder: Path) -> None:
    Path("t.csv").write_text('"x\ny",z\n1,2\n3,4\n"5",6\n')
    with open_embeddings("t.csv") as found:
        np.testing.assert_array_equal(found.take(range(3)), [[1, 2], [3, 4], [5, 6]])
