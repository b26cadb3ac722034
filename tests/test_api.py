from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import specaudit
from specaudit import api, fit, plan
from specaudit.api import fitting
from specaudit.documents import Fit, json_schema
from specaudit.errors import BudgetError, ConfigError, InputError
from specaudit.kernels import KERNELS
from specaudit.spectrum import EXACT_ROWS

ALL = tuple(KERNELS)
Json = Any


def rows_of(n: int = 300, d: int = 40, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** -0.8
    return rows.astype(np.float32).astype(dtype)


def strict(document: Fit) -> Json:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(document.to_json(), parse_constant=refuse)


def differences(one: Json, two: Json, *, rel: float, path: str = "") -> list[str]:
    """Return where two documents differ by more than `rel` of a number, or at all."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        return [line for key in one for line in differences(one[key], two[key], rel=rel, path=f"{path}/{key}")]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        parts = enumerate(zip(one, two, strict=True))
        return [line for i, (a, b) in parts for line in differences(a, b, rel=rel, path=f"{path}/{i}")]
    if isinstance(one, float) and isinstance(two, float | int):
        return [] if abs(one - two) <= rel * max(abs(one), abs(two)) + 0.1 * rel else [f"{path}: {one} {two}"]
    return [] if one == two else [f"{path}: {one} {two}"]


def statistics(document: Fit, *dropped: str) -> Json:
    """Return the document without where the data came from and how it was stored."""
    data = strict(document)
    for name in ("source", "dtype", *dropped):
        del data["dataset"][name]
    return data


def assert_same_spectrum(one: Fit, two: Fit, *, rel: float) -> None:
    """Hold all to one spectrum that does not depend on how the rows are dealt into groups and halves."""
    assert one.spectra.keys() == two.spectra.keys()
    for name, before in one.spectra.items():
        after = two.spectra[name]
        assert after.kernel == before.kernel.model_copy(update={"bandwidth": after.kernel.bandwidth})
        floor = rel * before.eigenvalues[0]
        np.testing.assert_allclose(after.eigenvalues, before.eigenvalues, rtol=10 * rel, atol=floor)
        assert after.exponent.status == before.exponent.status
        if before.exponent.window is not None:
            assert after.exponent.slope == pytest.approx(before.exponent.slope, abs=10 * rel)
            assert after.exponent.window == pytest.approx(before.exponent.window, rel=10 * rel)
        assert after.capacity.trusted_n2 == pytest.approx(before.capacity.trusted_n2, rel=10 * rel)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(300, 40), (120, 200)])
def test_every_kernel_fits_an_array(name: str, shape: tuple[int, int]) -> None:
    document = fit(rows_of(*shape), kernels=[name])
    spectrum = document.spectra[name]
    assert document.primary == name
    assert spectrum.kernel.name == name
    assert (spectrum.kernel.bandwidth is None) == (name == "linear")
    assert spectrum.estimator.method == ("covariance" if name == "linear" and shape[0] > shape[1] else "eigh")
    assert spectrum.estimator.rows == spectrum.estimator.unique_rows == shape[0]
    assert list(spectrum.eigenvalues) == sorted(spectrum.eigenvalues, reverse=True)
    assert spectrum.trace is not None
    assert sum(spectrum.eigenvalues) == pytest.approx(spectrum.trace, rel=1e-4)
    if name != "linear":
        assert spectrum.trace == pytest.approx(1, rel=1e-9)


def test_the_document_is_strict_and_valid() -> None:
    document = fit(rows_of(), kernels=ALL)
    data = strict(document)
    jsonschema.validate(data, json.loads(json_schema("fit")))
    assert data["schema"] == "specaudit.fit/1"
    assert Fit.model_validate(data).to_json() == document.to_json()
    assert list(document.spectra) == list(ALL)


def test_by_default_laplace_comes_first_and_linear_second() -> None:
    document = fit(rows_of())
    assert list(document.spectra) == ["laplace", "linear"]
    assert document.primary == "laplace"
    assert document.exponent is document.spectra["laplace"].exponent


def test_eigenvalues_and_curves_are_the_brute_force_ones(exact_kernel: Callable[..., np.ndarray]) -> None:
    rows = rows_of(200)
    spectrum = fit(rows, kernels=["laplace"]).spectra["laplace"]
    exact = np.linalg.eigvalsh(exact_kernel("laplace", rows, spectrum.kernel.bandwidth))[::-1]
    np.testing.assert_allclose(spectrum.eigenvalues, exact / 200, rtol=1e-5)
    # kappa and N_1 by their definition, at the ridge where the document has its point.
    for kappa, n1 in zip(spectrum.capacity.kappa[::9], spectrum.capacity.n1[::9], strict=True):
        delta = kappa * (200 - n1)
        assert (exact / (exact + delta)).sum() == pytest.approx(n1, rel=1e-4)


@pytest.mark.parametrize(("n", "threads"), [(300, 2), (EXACT_ROWS + 50, 1)])
def test_the_same_input_gives_the_same_bytes(n: int, threads: int) -> None:
    rows = rows_of(n, 10)
    one, two = (fit(x, kernels=["laplace"], threads=threads).to_json() for x in (rows, rows.copy()))
    assert one == two


def test_the_order_of_the_rows_does_not_show() -> None:
    rows = rows_of()
    shuffled = np.random.default_rng(1).permutation(rows)
    one, two = fit(rows, kernels=ALL), fit(shuffled, kernels=ALL)
    assert differences(statistics(one), statistics(two), rel=1e-5) == []


def test_shards_do_not_show(tmp_path: Path) -> None:
    rows = rows_of()
    for part, shard in enumerate(np.array_split(rows, [70, 190])):
        np.save(tmp_path / f"part-{part}.npy", shard)
    one, two = fit(rows, kernels=ALL), fit(tmp_path, kernels=ALL)
    assert differences(statistics(one), statistics(two), rel=1e-5) == []


def test_the_stored_precision_does_not_show() -> None:
    rows = rows_of()
    one, two = fit(rows, kernels=ALL), fit(rows.astype(np.float32), kernels=ALL)
    assert (one.dataset.dtype, two.dataset.dtype) == ("float64", "float32")
    assert differences(statistics(one), statistics(two), rel=1e-5) == []


def test_the_sample_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = rows_of()
    shuffled = np.random.default_rng(1).permutation(rows)
    one, two = (fit(x, kernels=["laplace"], max_rows=150) for x in (rows, shuffled))
    assert differences(statistics(one), statistics(two), rel=1e-5) == []


def test_doubled_rows_change_no_spectral_figure() -> None:
    rows = rows_of()
    one, two = fit(rows, kernels=ALL), fit(np.vstack([rows, rows]), kernels=ALL)
    assert one.exponent.value is not None
    assert two.dataset.duplicate_fraction == 0.5
    assert two.dataset.effective_rows == one.dataset.effective_rows == 300
    for name in ALL:
        before, after = (strict(x)["spectra"][name] for x in (one, two))
        assert after["estimator"]["rows"] == 600
        for part in ("exponent", "local_exponent", "capacity", "kernel", "eigenvalues", "trace"):
            assert differences(before[part], after[part], rel=2e-3) == [], part
        assert after["exponent"]["slope"] == pytest.approx(before["exponent"]["slope"], abs=1e-4)
        values = {key: [x["diversity"][key]["sample"] for x in (before, after)] for key in before["diversity"]}
        assert all(a == pytest.approx(b, rel=2e-3) for a, b in values.values()), values


def test_copies_move_nothing_beyond_what_they_weigh() -> None:
    """A tenth of the rows ten times: another population, whose exponent is close and is not read off copies."""
    rows = rows_of(600)
    copied = np.vstack([rows, np.repeat(rows[:60], 9, axis=0)])
    one, two = (fit(x, kernels=["laplace"]).spectra["laplace"] for x in (rows, copied))
    assert two.estimator.unique_rows == one.estimator.unique_rows == 600
    assert two.exponent.slope == pytest.approx(one.exponent.slope, abs=0.1)


@pytest.mark.parametrize("n", [2, 5, 20, 40])
@pytest.mark.parametrize("kind", ["many columns", "three columns", "one column", "one column varies"])
def test_tiny_data_is_unresolved(n: int, kind: str) -> None:
    d = {"many columns": 60, "three columns": 3, "one column": 1, "one column varies": 6}[kind]
    rows = np.random.default_rng(n).standard_normal((n, d))
    if kind == "one column varies":
        rows[:, 1:] = 0.5
    document = fit(rows, kernels=ALL)
    strict(document)
    for name in ALL:
        exponent = document.spectra[name].exponent
        assert exponent.status == "unresolved", name
        assert exponent.value is exponent.low is exponent.high is None
        assert exponent.reason


@pytest.mark.parametrize("n", [3, 33, 65, 130])
def test_every_small_size_ends_in_a_status(n: int) -> None:
    for d in (1, 30):
        strict(fit(np.random.default_rng(n).standard_normal((n, d)), kernels=ALL))


def test_two_distinct_rows_among_copies_fit() -> None:
    rows = np.vstack([np.zeros((50, 3)), np.ones((50, 3))])
    for name in ALL:
        found = fit(rows, kernels=[name]).spectra[name].exponent
        assert found.status == "unresolved"


@pytest.mark.parametrize("data", ["cauchy", "one outlier", "scales", "binary", "integers"])
def test_extreme_data_end_in_a_status(data: str) -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((250, 12))
    if data == "cauchy":
        rows = rng.standard_cauchy((250, 12))
    elif data == "one outlier":
        rows[17] *= 1e8
    elif data == "scales":
        rows *= np.geomspace(1e-12, 1e12, 12)
    elif data == "binary":
        rows = (rows > 0).astype(np.uint8)
    elif data == "integers":
        rows = (rows * 100).astype(np.int16)
    document = fit(rows, kernels=ALL)
    jsonschema.validate(strict(document), json.loads(json_schema("fit")))


def test_a_column_offset_changes_no_distance_kernel() -> None:
    rows = rows_of()
    stationary = [name for name in ALL if name != "linear"]
    one, two = (fit(x, kernels=stationary, bandwidth=1.5) for x in (rows, rows + 1000.0))
    assert_same_spectrum(one, two, rel=1e-6)


def test_centring_takes_a_column_offset_away() -> None:
    rows = rows_of()
    one, two = (fit(x, kernels=["linear"], centered=True) for x in (rows, rows + 1000.0))
    assert one.spectra["linear"].kernel.centered
    assert_same_spectrum(one, two, rel=1e-7)


@pytest.mark.parametrize("centered", [False, True])
def test_one_direction_that_dominates_is_warned_about(centered: bool) -> None:
    warnings = fit(rows_of() + 1000.0, kernels=["linear"], centered=centered).warnings
    assert ("SPA010" in [warning.id for warning in warnings]) != centered


def test_normalising_takes_the_norms_away() -> None:
    rows = rows_of()
    scales = np.random.default_rng(2).uniform(0.1, 10, (300, 1))
    one, two = (fit(x, normalize="l2") for x in (rows, rows * scales))
    assert one.spectra["laplace"].kernel.normalize == "l2"
    assert_same_spectrum(one, two, rel=1e-6)


def test_a_unit_of_length_changes_nothing_but_the_bandwidth() -> None:
    rows = rows_of()
    one, two = (fit(x, kernels=["laplace", "rbf"]) for x in (rows, rows * 1e-3))
    assert two.spectra["rbf"].kernel.bandwidth == pytest.approx(one.spectra["rbf"].kernel.bandwidth * 1e-3, rel=1e-5)
    assert_same_spectrum(one, two, rel=1e-6)


def test_a_given_bandwidth_is_used() -> None:
    kernel = fit(rows_of(), kernels=["laplace"], bandwidth=2.5).spectra["laplace"].kernel
    assert (kernel.bandwidth, kernel.bandwidth_rule) == (2.5, "given")


def test_fewer_rows_than_the_data_has_are_a_sample_that_is_said() -> None:
    document = fit(rows_of(), max_rows=120)
    assert document.spectra["laplace"].estimator.unique_rows == 120
    assert document.spectra["linear"].estimator.unique_rows == 300  # moments are of all rows
    assert "SPA005" in [warning.id for warning in document.warnings]
    whole = fit(rows_of())
    assert "SPA005" not in [warning.id for warning in whole.warnings]
    found, full = (x.spectra["linear"].exponent.slope for x in (document, whole))
    assert found == pytest.approx(full, abs=1e-9)


def test_another_seed_draws_another_sample() -> None:
    one, two = (fit(rows_of(), kernels=["laplace"], max_rows=120, seed=seed) for seed in (0, 1))
    assert one.spectra["laplace"].estimator.seed == 0
    assert two.spectra["laplace"].estimator.seed == 1
    assert one.spectra["laplace"].eigenvalues != two.spectra["laplace"].eigenvalues
    assert one.dataset.digest == two.dataset.digest


@pytest.mark.parametrize("n", [300, EXACT_ROWS + 50])
def test_threads_hardly_show(n: int) -> None:
    rows = rows_of(n, 20)
    one, two = (fit(rows, threads=threads) for threads in (1, 2))
    assert (one.environment.threads, two.environment.threads) == (1, 2)
    data = [strict(x)["spectra"] for x in (one, two)]
    slopes = [[x[name]["exponent"]["slope"] for name in x] for x in data]
    np.testing.assert_allclose(*slopes, atol=1e-4)
    kappa = [np.array(x["laplace"]["capacity"]["kappa"]) for x in data]
    np.testing.assert_allclose(*kappa, rtol=1e-3)


def test_too_little_memory_stops_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("work began")

    monkeypatch.setattr(fitting, "scan", work)
    with pytest.raises(BudgetError) as caught:
        fit(rows_of(), max_memory=10 << 20)
    assert "--max-memory" in str(caught.value)
    assert "allows 10 MiB" in caught.value.args[0]
    assert "raise --max-memory to" in caught.value.next_step


def test_bad_rows_stop_the_fit_or_are_counted() -> None:
    clean = rows_of()
    dirty = np.insert(clean, [5, 100], np.nan, axis=0)
    dirty = np.insert(dirty, 40, np.inf, axis=0)
    with pytest.raises(InputError, match="3 of 303 rows"):
        fit(dirty)
    document = fit(dirty, drop_bad_rows=True)
    assert document.dataset.rows == 303
    assert document.dataset.nonfinite_rows == document.dataset.dropped_rows == 3
    assert "SPA003" in [warning.id for warning in document.warnings]
    spectra = strict(document)["spectra"]
    assert differences(spectra, strict(fit(clean))["spectra"], rel=1e-5) == []


@pytest.mark.parametrize(
    "values",
    [
        np.full((10, 3), np.nan),
        np.ones((10, 3)),
        np.ones((1, 3)),
        np.zeros((0, 3)),
        np.ones(10),
        np.ones((3, 3), complex),
        np.array([["a"]]),
        np.full((4, 3), 1e200),
    ],
    ids=["nan", "identical", "one row", "no row", "one axis", "complex", "text", "huge"],
)
def test_what_cannot_be_audited_is_refused_in_one_line(values: np.ndarray) -> None:
    with pytest.raises(InputError) as caught:
        fit(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"kernels": []}, "kernel"),
        ({"kernels": ["laplace", "laplace"]}, "twice"),
        ({"kernels": ["cosine"]}, "cosine"),
        ({"max_rows": 1}, "max-rows"),
        ({"threads": 0}, "threads"),
        ({"bandwidth": -1.0}, "bandwidth"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        fit(rows_of(50, 3), **arguments)


def test_the_data_set_is_described() -> None:
    rows = rows_of()
    rows[:, 3] = 0.25
    rows[:40] = rows[40:80]
    document = fit(rows, model="text-model-3", kernels=["laplace"])
    dataset = document.dataset
    assert (dataset.rows, dataset.dimensions, dataset.unique_rows) == (300, 40, 260)
    assert dataset.duplicate_fraction == pytest.approx(40 / 300)
    assert dataset.effective_rows == pytest.approx(300**2 / (220 + 4 * 40))
    assert dataset.constant_columns == (3,)
    assert dataset.model == "text-model-3"
    norms = np.linalg.norm(rows, axis=1)
    assert (dataset.norms.min, dataset.norms.max) == pytest.approx((norms.min(), norms.max()))
    bandwidth = document.spectra["laplace"].kernel.bandwidth
    assert bandwidth is not None
    assert dataset.near_duplicate_radius == pytest.approx(0.1 * bandwidth)
    assert {"SPA001", "SPA004"} <= {warning.id for warning in document.warnings}


def test_the_array_is_not_changed() -> None:
    rows = rows_of()
    before = rows.copy()
    fit(rows, kernels=ALL, normalize="l2", centered=True)
    assert np.array_equal(rows, before)


def test_names_of_rows_are_recorded() -> None:
    assert fit(rows_of(60, 4), ids=[f"row{i}" for i in range(60)], kernels=["laplace"]).dataset.has_ids


class Stages:
    """Notes the stages and how far each came."""

    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = {}
        self.expected: list[str] = []

    def expect(self, stages: Sequence[tuple[str, float]]) -> None:
        self.expected = [name for name, _ in stages]

    @contextmanager
    def stage(self, name: str) -> Iterator[Stages]:
        self.seen[name] = []
        yield self

    def update(self, fraction: float) -> None:
        self.seen[next(reversed(self.seen))].append(fraction)


def test_an_approximate_index_is_asked_for_all_rows_and_says_how_good_it_is() -> None:
    near = fit(rows_of(), index="ivf", kernels=["linear"]).dataset.neighbours
    assert (near.index, near.deterministic, near.k) == ("ivf", True, 2)
    assert near.queries == near.candidates
    assert near.recall is not None
    assert near.recall >= 0.95
    assert not fit(rows_of(), index="hnsw", kernels=["linear"]).dataset.neighbours.deterministic


def test_a_low_recall_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specaudit.report.assemble.RECALL", 1.01)
    assert "SPA018" in {warning.id for warning in fit(rows_of(), kernels=["linear"]).warnings}


def test_an_index_that_does_not_fit_is_refused_before_the_work_starts() -> None:
    rows = rows_of(20_000)
    enough = plan(rows, kernels=["linear"], max_rows=100).peak_memory
    with pytest.raises(BudgetError):
        fit(rows, index="hnsw", kernels=["linear"], max_rows=100, max_memory=enough)


def test_progress_hears_of_every_stage() -> None:
    stages = Stages()
    fit(rows_of(), progress=stages)
    assert stages.expected == ["start", *stages.seen]
    assert list(stages.seen) == ["scan", "neighbours", "laplace spectrum", "linear spectrum"]
    for fractions in stages.seen.values():
        assert fractions == sorted(fractions)
        assert all(0 <= fraction <= 1 for fraction in fractions)


def test_past_the_dense_rows_a_plain_fit_ends_in_a_calibrated_graph() -> None:
    rows = np.random.default_rng(0).standard_normal((6000, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = fit(np.vstack([rows, rows[:300]]), kernels=["laplace"], max_rows=3000)
    spectrum = found.spectra["laplace"]
    assert spectrum.estimator.operator == "graph"
    assert spectrum.estimator.unique_rows == 6000
    assert spectrum.estimator.graph_check is None
    graph, exponent = spectrum.estimator.graph, found.exponent
    assert graph is not None
    assert graph.trusted
    assert exponent.value == pytest.approx(1.5, abs=0.03)
    assert exponent.operator_error == graph.error
    assert spectrum.estimator.rows == 6300
    assert sum(spectrum.eigenvalues) < spectrum.trace <= 1.001
    assert len(spectrum.eigenvalues) == 100


def test_a_sample_of_the_rows_is_a_graph_too() -> None:
    rows = np.random.default_rng(0).standard_normal((9000, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = fit(rows, kernels=["laplace"], max_rows=2048, graph_rows=5000)
    assert found.spectra["laplace"].estimator.unique_rows == 5000
    assert "SPA005" in {warning.id for warning in found.warnings}


def test_a_dense_fit_is_checked_by_a_graph_unless_only_dense_was_asked_for() -> None:
    rows = rows_of(1200, 4)
    plain, dense = (fit(rows, kernels=["laplace"], operator=operator) for operator in ("auto", "dense"))
    check = plain.spectra["laplace"].estimator.graph_check
    assert check is not None
    assert check.low < check.delta < check.high
    assert dense.spectra["laplace"].estimator.graph_check is None
    assert plain.exponent == dense.exponent


def test_where_the_graph_is_not_trusted_the_dense_sample_answers() -> None:
    rows = np.random.default_rng(0).standard_normal((5000, 40))
    found = fit(rows, kernels=["laplace"], max_rows=1500)
    estimator = found.spectra["laplace"].estimator
    assert estimator.operator == "dense"
    assert estimator.unique_rows == 1500
    assert estimator.graph is not None
    assert not estimator.graph.trusted
    assert "SPA019" in {warning.id for warning in found.warnings}


@pytest.mark.parametrize("arguments", [{"operator": "sparse"}, {"landmarks": 3}, {"neighbors": 0}, {"graph_rows": 1}])
def test_settings_of_the_graph_are_checked(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        fit(rows_of(), **arguments)


def test_a_graph_of_few_rows_is_refused() -> None:
    with pytest.raises(InputError, match=r"at least 4,096 different rows"):
        fit(rows_of(300, 4), operator="graph")


def test_a_plan_says_what_a_fit_would_take_without_reading() -> None:
    rows = np.broadcast_to(np.float32(1), (50_000, 64))
    found = plan(rows, threads=2)
    assert (found.rows, found.dimensions, found.bytes) == (50_000, 64, 50_000 * 64 * 4)
    assert found.peak_memory > 4 * 16_384**2
    assert [name for name, _ in found.stages] == [
        "start",
        "scan",
        "neighbours",
        "laplace spectrum",
        "linear spectrum",
        "laplace graph",
    ]
    assert "laplace graph" not in dict(plan(rows, operator="dense", threads=2).stages)
    assert all(0 <= seconds < 3600 for _, seconds in found.stages)


def test_a_plan_shrinks_with_the_rows_and_agrees_with_the_budget() -> None:
    rows = rows_of(3000, 16)
    small, large = plan(rows, max_rows=500, threads=2), plan(rows, threads=2)
    assert small.peak_memory < large.peak_memory
    assert sum(seconds for _, seconds in small.stages) < sum(seconds for _, seconds in large.stages)
    with pytest.raises(BudgetError):
        fit(rows, max_rows=500, max_memory=small.peak_memory - 1)
    fit(rows[:400], max_rows=400, kernels=["laplace"], max_memory=small.peak_memory)


def test_a_plan_checks_its_arguments() -> None:
    with pytest.raises(ConfigError):
        plan(rows_of(), kernels=[])
    with pytest.raises(ConfigError):
        plan(rows_of(), max_rows=1)


def test_the_verbs_are_at_the_top_of_the_package() -> None:
    assert specaudit.fit is api.fit
    assert specaudit.plan is api.plan
    assert specaudit.Fit is Fit
    with pytest.raises(AttributeError):
        _ = specaudit.nothing
