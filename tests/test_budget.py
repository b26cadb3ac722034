from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from specaudit import api, machine
from specaudit.budget import check_memory, peak_memory, usable_threads
from specaudit.embeddings import open_embeddings
from specaudit.errors import BudgetError, ConfigError
from specaudit.machine import usable_memory

GIB = 2**30


def test_threads_are_those_asked_for_or_all_that_may_be_used() -> None:
    assert usable_threads(3) == 3
    assert usable_threads(None) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_an_error(threads: int) -> None:
    with pytest.raises(ConfigError, match="threads"):
        usable_threads(threads)


@pytest.mark.parametrize(("content", "expected"), [("1048576\n", 1048576), ("max\n", None)])
def test_the_limit_of_the_cgroup_counts(
    content: str, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CGROUP_LIMITS", ())
    physical = usable_memory()
    (tmp_path / "memory.max").write_text(content)
    monkeypatch.setattr(machine, "CGROUP_LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "missing")))
    assert usable_memory() == (expected or physical)


def test_the_peak_holds_the_matrix_and_grows_with_everything() -> None:
    base = peak_memory(8000, 8000, 384, covariance=False)
    assert base > 4 * 8000**2
    assert peak_memory(9000, 8000, 384, covariance=False) > base
    assert peak_memory(8000, 8000, 768, covariance=False) > base
    assert peak_memory(16_000, 16_000, 384, covariance=False) > base + 4 * (16_000**2 - 8000**2)
    assert peak_memory(8000, 100, 4096, covariance=True) > 8 * 3 * 4096**2


def test_an_eigendecomposition_is_counted_where_it_is_done() -> None:
    assert peak_memory(1024, 1024, 2, covariance=False) - machine.BASE > 3 * 8 * 1024**2


def test_what_fits_passes() -> None:
    check_memory(lambda rows: GIB, GIB, 16_384)
    check_memory(lambda rows: 1, None, 16_384)


def test_what_does_not_fit_names_the_need_and_the_flags() -> None:
    with pytest.raises(BudgetError) as caught:
        check_memory(lambda rows: 3 * GIB, 2 * GIB, 16_384)
    message = str(caught.value)
    assert "3.00 GiB" in message
    assert "--max-memory allows 2.00 GiB" in message
    assert caught.value.next_step == "raise --max-memory to 3072M"


@pytest.mark.parametrize("each", [1, 1000, 4096, 70_000])
def test_the_most_rows_that_fit_are_named(each: int) -> None:
    with pytest.raises(BudgetError) as caught:
        check_memory(lambda rows: each * rows, each * 1234, 16_384, flags="--graph-rows")
    assert caught.value.next_step.endswith("M, or use --graph-rows 1234 (now 16384)")
    assert f"to {-(-each * 16_384 // 2**20)}M" in caught.value.next_step


@pytest.mark.parametrize(
    ("allowed", "told"), [(300 << 20, "300 MiB"), (GIB - 1, "1024 MiB"), (5, "5 bytes"), (1, "1 byte")]
)
def test_a_small_budget_is_told_in_a_unit_that_shows_it(allowed: int, told: str) -> None:
    with pytest.raises(BudgetError, match=f"--max-memory allows {told};"):
        check_memory(lambda rows: 3 * GIB, allowed, 16_384)


def test_the_machine_is_named_when_no_limit_was_given() -> None:
    with pytest.raises(BudgetError, match="this machine"):
        check_memory(lambda rows: 10**18, None, 16_384)


@pytest.mark.parametrize("kernels", [("laplace",), ("linear",), ("laplace", "linear")])
@pytest.mark.parametrize("names", [None, [f"{k:0500d}" for k in range(3000)]], ids=["", "named"])
def test_a_plan_asks_for_the_memory_that_the_run_asks_for(kernels: tuple[str, ...], names: list[str] | None) -> None:
    values = np.random.default_rng(0).standard_normal((3000, 8))
    rows = open_embeddings(values, ids=names)
    options = {"kernels": kernels, "max_rows": 500, "max_memory": machine.BASE}
    runs = (
        (api.prune_plan, api.prune, (rows, "semdedup", 0.5)),
        (api.compare_plan, api.compare, (rows, values[:1500])),
    )
    for planned, run, arguments in runs:
        plan = planned(*arguments, **options)
        budget = machine.BASE
        for _ in range(5):  # each check asks for no less than the one before
            with pytest.raises(BudgetError) as error:
                run(*arguments, **{**options, "max_memory": budget})
            budget = int(error.value.next_step.split("--max-memory to ")[1].split("M")[0]) * 2**20
            if budget >= plan.peak_memory:
                break
        assert budget == pytest.approx(plan.peak_memory, rel=0.01)
