"""A core of the fuzzing: every loader and the document reader refuse damage in one line, or read what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzz_cases import SOUND, formats, run, working_in
from fuzz_oracles import agrees, equal
from fuzz_seeds import SINGLE, loaders
from fuzz_texts import Reading, of_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FORMATS = (*loaders(), *(f"document {name}" for name in ("fit", "compare", "frontier", "headroom")))
KNOWN = {
    "csv": (1591,),  # a number that goes on in the next line
    "arrow": (239, 2464),  # a size beyond any memory; two schemas that differ
    "parquet": (2692, 3123),  # a footer that pyarrow ends the process for; a page that says it has 1.8 GB
    "huggingface": (305,),  # a split named by half a character
    "rows": (189, 102960),  # a header that Python 2 wrote; a number and a separator of groups
    "columns of types": (101906,),  # a signalling nan
    "settings": (604,),  # brackets without end
}
"""Cases that were findings once."""


@pytest.fixture
def folder(tmp_path: Path):
    with working_in(tmp_path):
        yield tmp_path


@settings(
    max_examples=800,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(FORMATS), index=st.integers(0, 10**6))
def test_damaged_files_are_refused_or_hold_what_a_second_reader_finds(folder: Path, name: str, index: int) -> None:
    verdict = run(name, index, folder)
    assert verdict.outcome in SOUND, verdict


@pytest.mark.parametrize(("name", "index"), [(name, k) for name, numbers in KNOWN.items() for k in numbers])
def test_what_was_a_finding_is_none(folder: Path, name: str, index: int) -> None:
    assert run(name, index, folder).outcome in SOUND


@pytest.mark.parametrize("name", loaders())
def test_sound_files_are_read_as_the_second_reader_does(folder: Path, monkeypatch, name: str) -> None:
    """The oracle itself: without damage nothing is refused, and the readers agree."""
    monkeypatch.setattr("fuzz_cases.damaged", lambda seed, random: dict(seed.files))
    for index in range(len(formats()[name])):
        assert run(name, index, folder).outcome == "equal"


def test_other_numbers_are_seen() -> None:
    """The oracle can fail: one number off is no agreement, nor are ids, columns or rows that are missing."""
    other = SINGLE.copy()
    other[2, 1] += 1e-6
    assert agrees(SINGLE, None, Reading(rows=SINGLE.astype(np.float64)))
    assert not agrees(other, None, Reading(rows=SINGLE))
    table = of_table(b"id,x,y\na,1,2\nb,3,4\n", "csv")
    assert agrees(np.array([[1.0, 2.0], [3.0, 4.0]]), ("a", "b"), table)
    assert not agrees(np.array([[1.0, 2.0], [33.0, 4.0]]), ("a", "b"), table)
    assert not agrees(np.array([[1.0, 2.0]]), ("a",), table)
    assert not agrees(np.array([[2.0], [4.0]]), ("a", "b"), table)
    for ids in (None, ("b", "a")):
        assert not agrees(np.array([[1.0, 2.0], [3.0, 4.0]]), ids, table)


def test_whole_numbers_are_not_rounded() -> None:
    """The oracle tells whole numbers apart that are one number in float64."""
    whole = np.array([[2**53, 2**53 + 1]])
    assert equal(whole, whole.astype("u8"))
    assert not equal(whole, whole.astype(np.float64))
    assert not equal(whole, whole[:, ::-1])
