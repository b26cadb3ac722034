"""Kernels of two embeddings of the same rows against dense computations, and what `fit --fuse` tells and refuses."""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import clean, refused

from specaudit import api, config
from specaudit.api.fusing import pairs_together
from specaudit.budget import BASE, peak_memory
from specaudit.cli import main
from specaudit.documents import read_document
from specaudit.embeddings import open_embeddings, paired
from specaudit.embeddings.texts import text_bytes
from specaudit.errors import BudgetError, ConfigError, InputError
from specaudit.estimate import estimate_dense
from specaudit.exponent import critical_value, jackknife_error, slope_over
from specaudit.kernels import FUSINGS, FusedKernel, choose_kernel
from specaudit.operators import dense_operator
from specaudit.paired import paired_difference

ROWS, LEFT, RIGHT = 320, 5, 3


def sides(seed: int = 0, count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, LEFT)), 100 * rng.standard_normal((count, RIGHT))


def plain(name: str, rows: np.ndarray, bandwidth: float) -> np.ndarray:
    r = np.linalg.norm(rows[:, None] - rows[None], axis=2) / bandwidth
    return {"laplace": np.exp(-r), "rbf": np.exp(-r * r / 2)}[name]


def fused(name: str, by: str, one: np.ndarray, two: np.ndarray, scale: float = 1.0) -> np.ndarray:
    k1, k2 = (
        plain(
            name,
            rows,
            scale * np.median(np.linalg.norm(rows[:, None] - rows[None], axis=2)[np.triu_indices(len(rows), 1)]),
        )
        for rows in (one, two)
    )
    return k1 * k2 if by == "product" else (k1 + k2) / 2


@pytest.fixture
def folder(monkeypatch, tmp_path):
    clean(monkeypatch, tmp_path)
    one, two = sides()
    np.save("one.npy", one)
    np.save("two.npy", two)
    return tmp_path


@pytest.mark.parametrize("by", FUSINGS)
@pytest.mark.parametrize(("name", "tolerance"), [("laplace", 1e-6), ("rbf", 1e-12)])
def test_the_operator_is_the_product_or_mean_of_the_matrices(by, name, tolerance):
    one, two = sides(count=600)  # more than a tile
    weights = np.random.default_rng(1).integers(1, 4, len(one))
    kernel = FusedKernel(sides=(choose_kernel(name, one), choose_kernel(name, two)), columns=LEFT, by=by)
    found = dense_operator(kernel, np.hstack([one, two]), weights, threads=2)
    root = np.sqrt(weights)
    expected = root[:, None] * fused(name, by, one, two) * root
    np.testing.assert_allclose(found.matrix, expected, atol=3 * tolerance)
    np.testing.assert_allclose(found.diagonal, weights)
    ours = np.linalg.eigvalsh(found.matrix.astype(float))
    np.testing.assert_allclose(ours, np.linalg.eigvalsh(expected), atol=found.rounding + tolerance)


@pytest.mark.parametrize("by", FUSINGS)
def test_a_kernel_with_itself_needs_its_rows_once(by):
    rows = sides(count=600)[0]
    weights = np.random.default_rng(1).integers(1, 4, len(rows))
    kernel = choose_kernel("laplace", rows)
    once, twice = (FusedKernel(sides=(kernel, kernel), columns=columns, by=by) for columns in (None, LEFT))
    found = dense_operator(once, rows, weights)
    expected = dense_operator(twice, np.hstack([rows, rows]), weights)
    np.testing.assert_allclose(found.matrix, expected.matrix, rtol=1e-6)


@pytest.mark.parametrize("wide", [(20_000, 2), (2, 20_000), (10_000, 10_002)])
def test_matrices_are_made_in_the_memory_that_is_counted_however_sides_share_the_columns(monkeypatch, wide):
    rng = np.random.default_rng(0)
    one, two = (rng.standard_normal((200, columns)).astype(np.float32) for columns in wide)
    peaks = []

    def traced(*arguments, **options):
        tracemalloc.reset_peak()
        made = dense_operator(*arguments, **options)
        peaks.append(tracemalloc.get_traced_memory()[1])
        return made

    monkeypatch.setattr("specaudit.api.fusing.dense_operator", traced)
    tracemalloc.start()
    try:
        api.fused_fit(one, two, threads=1)
    finally:
        tracemalloc.stop()
    assert len(peaks) == 5
    assert max(peaks) < peak_memory(200, 200, sum(wide), covariance=False) - BASE


def test_ids_of_both_sides_count_in_the_memory():
    names = [f"{n:010000d}" for n in range(ROWS)]
    least = []
    for given in ({}, {"ids": names}, {"ids": names, "other_ids": names}):
        with pytest.raises(BudgetError) as caught:
            api.fused_fit(*sides(), **given, max_memory=BASE)
        least.append(int(re.search(r"--max-memory to (\d+)M", str(caught.value))[1]))
    assert np.diff(least) == pytest.approx([text_bytes(names) / 2**20] * 2, abs=1)


@pytest.mark.parametrize("by", FUSINGS)
def test_a_fit_has_the_eigenvalues_of_the_dense_matrix(by):
    one, two = sides()
    found = api.fused_fit(one, two, by=by)
    expected = np.linalg.eigvalsh(fused("laplace", by, one, two))[::-1] / ROWS
    leading = found.spectra["laplace"].eigenvalues
    np.testing.assert_allclose(leading, expected[: len(leading)], rtol=1e-4)
    assert [side.dimensions for side in found.fusion.sides] == [LEFT, RIGHT]
    assert found.warnings[0].id == "SPA034"


def test_copies_are_counted_on_the_pair():
    """Rows of one side that repeat are different rows where the other side's differ."""
    one, two = sides()
    one[1], two[1] = one[0], two[0]
    one[3] = one[2]
    found = api.fused_fit(one, two)
    assert found.dataset.unique_rows == ROWS - 1
    assert [side.unique_rows for side in found.fusion.sides] == [ROWS - 2, ROWS - 1]
    repeated, whole = (side.alone["laplace"] for side in found.fusion.sides)
    assert repeated.from_alone.move == repeated.from_itself.move == "cannot tell"
    assert "repeat" in repeated.from_alone.reason
    assert whole.from_alone.value is not None


def test_a_kernel_fused_with_itself_is_sharper_and_moved_by_nothing_else():
    one, _ = sides()
    product, mean = (api.fused_fit(one, one.copy(), by=by) for by in ("product", "sum"))
    half = api.fit(one, kernels=("laplace",), bandwidth=product.fusion.sides[0].alone["laplace"].kernel.bandwidth / 2)
    np.testing.assert_allclose(product.spectra["laplace"].eigenvalues, half.spectra["laplace"].eigenvalues, rtol=1e-4)
    for side in product.fusion.sides:
        of = side.alone["laplace"]
        assert (of.from_itself.move, of.from_alone.move) == ("none seen", "flatter")
        assert of.from_itself.value == pytest.approx(0.0, abs=1e-6)
        assert of.itself.value == pytest.approx(product.exponent.value)
    assert mean.exponent.value == pytest.approx(mean.fusion.sides[0].alone["laplace"].exponent.value, rel=1e-4)


def test_differences_are_jackknifed_over_the_same_groups():
    one, two = sides()
    weights = np.ones(ROWS, np.int64)
    estimates = []
    for rows in (one, two):
        kernel = choose_kernel("laplace", rows)
        estimates.append(estimate_dense(kernel, dense_operator(kernel, rows, weights), weights, seed=0))
    found = paired_difference(*estimates)
    first, second = (slope_over(of.jackknife, of.exponent.window) for of in estimates)
    exponents = [of.exponent for of in estimates]
    assert found.value == exponents[0].value - exponents[1].value
    sampling = critical_value(len(first)) * jackknife_error(first - second)
    assert found.high - found.value == pytest.approx(
        sampling + abs(exponents[0].size_drift - exponents[1].size_drift)
    )
    assert found.move == "flatter"
    assert paired_difference(estimates[1], estimates[0]).move == "steeper"


def repeated(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of a circle, of which each pair has one of 16, beside points of their own."""
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, (2, ROWS))
    angles[0] = angles[0][np.random.default_rng(seed + 1).integers(16, size=ROWS)]
    return tuple(np.c_[np.cos(angle), np.sin(angle)] for angle in angles)


def test_pairs_of_a_row_are_kept_together():
    one, two = repeated()
    for rows in ([one, two], [two, one]):
        order = pairs_together(rows, 0)
        assert sorted(order) == list(range(ROWS))
        assert np.count_nonzero((np.diff(one[order], axis=0) != 0).any(axis=1)) == 15
    assert (order != pairs_together([two, one], 1)).any()
    assert pairs_together([two, two], 0).tolist() == list(range(ROWS))


def test_errors_are_of_draws_of_the_rows_that_repeat(monkeypatch):
    one, two = repeated()
    found = api.fused_fit(one, two).spectra["laplace"].exponent
    shuffled = np.random.default_rng(5).permutation(ROWS)
    assert api.fused_fit(one[shuffled], two[shuffled]).spectra["laplace"].exponent == found
    monkeypatch.setattr("specaudit.api.fusing.pairs_together", lambda rows, seed: np.arange(len(rows[0])))
    apart = api.fused_fit(one, two).spectra["laplace"].exponent
    assert found.slope == pytest.approx(apart.slope)
    assert found.sampling_error > 2 * apart.sampling_error


def test_rows_are_matched_by_id(folder):
    one, two = sides()
    names = [f"row {number}" for number in range(ROWS)]
    order = np.random.default_rng(2).permutation(ROWS)
    straight = api.fused_fit(one, two, ids=names, other_ids=names)
    shuffled = api.fused_fit(one, two[order], ids=names, other_ids=[names[row] for row in order])
    assert straight.fusion.matched == shuffled.fusion.matched == "id"
    assert straight.spectra == shuffled.spectra
    assert straight.dataset == shuffled.dataset
    Path("names.txt").write_text("\n".join(names) + "\n")
    Path("others.txt").write_text("\n".join(names[row] for row in order) + "\n")
    np.save("two.npy", two[order])
    assert main(["fit", "one.npy", "--fuse", "two.npy", "--ids", "names.txt", "--fuse-ids", "others.txt", "-q"]) == 0


def test_pairs_are_read_in_blocks_and_taken_in_any_order(tmp_path):
    one, two = sides()
    np.save(tmp_path / "one.npy", one.astype(np.float32))
    names = [str(number) for number in range(ROWS)]
    with (
        open_embeddings(str(tmp_path / "one.npy"), ids=names) as first,
        open_embeddings(two[::-1], ids=names[::-1]) as second,
    ):
        pair = paired(first, second, name="both")
        expected = np.hstack([one.astype(np.float32), two])
        blocks = [(block.start, block.values.copy()) for block in pair.blocks(max_bytes=1000)]
        assert len(blocks) > 10
        np.testing.assert_array_equal(np.concatenate([values for _, values in blocks]), expected)
        assert [start for start, _ in blocks] == np.cumsum([0, *(len(v) for _, v in blocks[:-1])]).tolist()
        np.testing.assert_array_equal(pair.take([7, 3, 7]), expected[[7, 3, 7]])
        assert pair.locate(3) == "both row 3 (id '3')"


@pytest.mark.parametrize(
    ("other", "ids", "told"),
    [
        (sides()[1][1:], None, "319 rows, but"),
        (sides()[1], [f"no {n}" for n in range(ROWS)], "has no row with the id '0'"),
    ],
)
def test_other_rows_are_refused(other, ids, told):
    with pytest.raises(InputError, match=told):
        api.fused_fit(sides()[0], other, ids=[str(n) for n in range(ROWS)], other_ids=ids)


def test_bad_rows_of_a_side_are_refused_and_so_is_a_kernel_without_distances():
    one, two = sides()
    two[4] = 0.0
    assert api.fused_fit(one, two).dataset.rows == ROWS
    with pytest.raises(InputError, match="zero norm"):
        api.fused_fit(one, two, normalize="l2")
    with pytest.raises(ConfigError, match="linear kernel's second moments cannot be fused"):
        api.fused_fit(one, two, kernels=("laplace", "linear"))
    assert set(config.FUSIONS) == set(FUSINGS)


def test_a_fused_fit_is_marked_exploratory_everywhere(folder, capsys):
    files = ["-o", "f.json", "-o", "f.md", "-o", "f.html", "--plot", "f.svg"]
    assert main(["fit", "one.npy", "--fuse", "two.npy", "--fuse-by", "sum", *files]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("Exploratory (sum of two embeddings' kernels): ")
    for text in (out, Path("f.md").read_text(), Path("f.html").read_text()):
        assert "SPA034" in text
        assert "Fused kernel" in text
        assert "Exploratory" in text
    found = read_document("f.json")
    assert (found.fusion.by, found.fusion.matched, list(found.spectra)) == ("sum", "order", ["laplace"])
    assert found.dataset.source == "one.npy + two.npy"
    assert main(["show", "f.json", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path("f.json").read_text())
    assert main(["simulate", "f.json", "--format", "json"]) == 0
    assert "SPA034" in capsys.readouterr().out
    assert main(["compare", "f.json", "one.npy"]) == 2
    assert "f.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--kernel", "linear"], "linear kernel's second moments cannot be fused"),
        (["--operator", "graph"], "the kernel graph is of one embedding"),
        (["--bandwidth", "1"], "a bandwidth of its own"),
        (["--baseline", "b.json"], "a fused fit is no baseline"),
        (["--save-leverage", "l.npy"], "leverages are of one embedding"),
        (["--drop-bad-rows"], "usable on both sides"),
        (["--dry-run"], "its plan is not known"),
        (["--fuse-by", "mean"], "expected product or sum, got 'mean'"),
        (["-o", "text=two.npy"], "two.npy is also an input"),
    ],
)
def test_what_a_fused_kernel_does_not_have_is_refused(folder, capsys, arguments, told):
    assert told in refused(capsys, "fit", "one.npy", "--fuse", "two.npy", *arguments)


def test_a_setting_that_would_change_the_measurement_is_refused_too(folder, capsys):
    Path("specaudit.toml").write_text("bandwidth = 1.0\ncentered = true\n")
    assert "a bandwidth of its own" in refused(capsys, "fit", "one.npy", "--fuse", "two.npy")


def test_options_of_fusing_alone_are_refused(folder, capsys):
    assert "--fuse-by has no effect without --fuse" in refused(capsys, "fit", "one.npy", "--fuse-by", "sum")
