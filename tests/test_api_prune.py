"""`prune` as a library: what it keeps, that its audits are those of `compare`, and the search for a share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from specaudit import Policy, Pruning, compare, comparison, prune
from specaudit.api import pruning, searching
from specaudit.documents import Trial, json_schema
from specaudit.documents.reading import read_document
from specaudit.errors import BudgetError, ConfigError, InputError, VerdictError
from specaudit.pruning import METHODS

N, D = 300, 12
WIDE = Policy(margins={"capacity": 1.0, "tail": 1.0})


def rows_of(n: int = N, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal((n, D)) * np.arange(1, D + 1) ** -0.4)


X = rows_of()


def valid(found: Pruning) -> dict[str, object]:
    document = json.loads(found.to_json(), parse_constant=lambda name: pytest.fail(name))
    jsonschema.validate(document, json.loads(json_schema("prune")))
    return document  # type: ignore[no-any-return]


@pytest.fixture(scope="module", autouse=True)
def _one_round() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "ROUNDS", comparison.ROUNDS[:1])
        yield


@pytest.fixture(scope="module")
def table() -> Pruning:
    return prune(X, "all", [0.4, 0.8], scores=X[:, 0])


def test_what_is_kept_is_audited_as_compare_does(tmp_path: Path) -> None:
    found = prune(X, "prototypes", 0.5)
    assert len(found.kept) == 150
    assert list(found.kept) == sorted(set(found.kept))
    assert found.audit is not None
    direct = compare(X, kept=list(found.kept), seed=0)
    assert found.audit.spectra == direct.spectra
    assert (found.verdict, found.exit_code) == (direct.verdict, direct.exit_code) == ("fail", 1)
    assert found.bound == direct.consistency
    with pytest.raises(VerdictError):
        found.raise_for_verdict()
    valid(found)
    (tmp_path / "p.json").write_text(found.to_json())
    assert read_document(tmp_path / "p.json").to_json() == found.to_json()


def test_the_table_has_the_numbers_of_single_comparisons(table: Pruning) -> None:
    assert [trial.method for trial in table.trials[::2]] == list(METHODS)
    assert (table.verdict, table.exit_code, table.audit) == (None, 0, None)
    table.raise_for_verdict()
    for name in ("random", "leverage", "scores"):
        for keep in (0.4, 0.8):
            alone = prune(X, name, keep, scores=X[:, 0] if name == "scores" else None)
            trial = next(t for t in table.trials if (t.method, t.keep) == (name, keep))
            assert alone.audit is not None
            assert (trial.rows, trial.verdict, trial.tail) == (len(alone.kept), alone.verdict, alone.audit.tail)
            for kernel, change in alone.audit.spectra.items():
                got, expected = (
                    np.array([(t.change, t.low, t.high) for t in part.tests])
                    for part in (trial.spectra[kernel], change)
                )
                np.testing.assert_allclose(got, expected, atol=1e-9)
    valid(table)


def test_a_pruning_draws_itself(table: Pruning, tmp_path: Path) -> None:
    table.plot(tmp_path / "all.svg")
    again = (tmp_path / "all.svg").read_bytes()
    assert b"leverage" in again
    table.plot(tmp_path / "all.svg")
    assert (tmp_path / "all.svg").read_bytes() == again
    with pytest.raises(ConfigError):
        table.plot(tmp_path / "all.jpg")


def test_eigenvalues_stay_below_the_ceiling_and_random_rows_within_their_band(table: Pruning) -> None:
    for trial in table.trials:
        assert trial.bound is not None
        assert trial.bound.holds
        assert trial.bound.observed <= trial.bound.limit * 1.001
    for trial in table.trials[:2]:
        assert all(test.low < 0 < test.high for spectrum in trial.spectra.values() for test in spectrum.tests)


def test_random_subsets_are_drawn_once_for_all_methods_of_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    spectra = comparison.spectra
    monkeypatch.setattr(
        comparison,
        "spectra",
        lambda subsets, tasks, **more: drawn.append(len(tasks)) or spectra(subsets, tasks, **more),
    )
    built = []
    subsets_of = comparison.subsets_of
    monkeypatch.setattr(
        comparison,
        "subsets_of",
        lambda kernel, *more, **named: built.append(kernel.name) or subsets_of(kernel, *more, **named),
    )
    prune(X, "all", [0.4, 0.8])
    assert drawn == [24] * 4  # two shares, two kernels
    assert built == ["laplace", "linear"]


def test_copies_share_the_random_subsets_of_the_least_sample() -> None:
    rows = np.vstack([X, X[:20]])
    found = prune(rows, "all", 0.5, kernels=["laplace"])
    sizes = {trial.method: trial.compared_rows for trial in found.trials}
    assert set(sizes.values()) == {min(trial.unique_rows for trial in found.trials)}
    assert {trial.rows for trial in found.trials} == {160}


def test_a_sampled_data_set_is_pruned_as_a_whole() -> None:
    found = prune(X, "all", [0.5], max_rows=150, kernels=["laplace"])
    assert {trial.rows for trial in found.trials} == {150}
    assert all(50 < trial.compared_rows < 100 for trial in found.trials)
    assert len(prune(X, "outliers", 0.5, max_rows=150, kernels=["laplace"]).kept) == 150


def test_only_copies_dropped_is_no_pruning_of_the_different_rows() -> None:
    rows = np.vstack([X, X[:150]])
    found = prune(rows, "semdedup", N / 450)
    assert set(found.kept) == set(range(N))
    assert found.audit is not None
    assert found.audit.relation.kind == "reweighted"
    (trial, *_) = (t for t in prune(rows, "all", N / 450).trials if t.method == "semdedup")
    assert trial.unique_rows == N


def test_weights_are_bounded_and_audited_on_thinned_rows() -> None:
    found = prune(X, "leverage", soft=True, cap=2.5)
    weights = np.array(found.weights)
    assert found.kept == ()
    assert weights.mean() == pytest.approx(1)
    assert weights.max() <= 2.5
    assert found.audit is not None
    assert found.audit.spectra == compare(X, weights=weights).spectra
    assert found.audit.rows.after == pytest.approx(N / 2.5, abs=25)
    assert found.bound is not None
    assert found.bound.limit == 2.5
    assert found.bound.observed <= 2.5
    valid(found)


def verdicts(passing: float) -> object:
    """Return a stand-in for an audit that passes from a share on."""

    def tried(half: searching.Half, method: str, share: float) -> Trial:
        verdict = "pass" if share >= passing or method == "random" else "inconclusive"
        return Trial(
            method=method, keep=share, rows=1, unique_rows=1, compared_rows=1, verdict=verdict, tail="preserved",
            spectra={}, bound=None,
        )  # fmt: skip

    return tried


@pytest.mark.parametrize(
    ("passing", "bracket"), [(0.62, (0.625, 0.6)), (0.05, (0.025, 0.0)), (0.95, (0.95, 0.925)), (1.5, (1.0, 0.975))]
)
def test_the_bracket_is_the_last_pass_and_the_first_non_pass(passing, bracket, monkeypatch) -> None:
    monkeypatch.setattr(searching.Half, "tried", verdicts(passing))
    found = prune(X, "outliers", "auto", kernels=["linear"], policy=WIDE)
    assert found.search is not None
    if passing == 0.05:
        bracket = (0.05, 0.025)
    assert found.search.bracket == pytest.approx(bracket)
    assert found.search.confirmed == (bracket[0] < 1)
    assert found.keep == pytest.approx((bracket[0],))
    assert len(found.kept) == round(bracket[0] * N)
    if not found.search.confirmed:
        assert (found.verdict, found.exit_code, found.audit, found.search.reference) == (
            "inconclusive",
            3,
            None,
            None,
        )
    valid(found)


def test_a_share_that_the_other_half_does_not_confirm_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    makes = iter((0.42, 0.78))
    monkeypatch.setattr(pruning._Work, "half", lambda work, data: _Stub(next(makes), work, data))
    found = prune(X, "outliers", "auto", kernels=["linear"], policy=WIDE).search
    assert found is not None
    assert found.bracket == pytest.approx((0.8, 0.7))
    assert [round(trial.keep, 3) for trial in found.confirmations] == [0.425, 0.45, 0.5, 0.6, 0.7, 0.8]


class _Stub(searching.Half):
    def __init__(self, passing, work, data) -> None:
        super().__init__(pool=work.pool(data), trials=work.trials(data))
        object.__setattr__(self, "passing", passing)

    def tried(self, method: str, share: float) -> Trial:
        return verdicts(self.passing)(self, method, share)  # type: ignore[operator,no-any-return,attr-defined]


def test_a_real_search_ends_in_an_audit_of_all_rows() -> None:
    found = prune(rows_of(400), "herding", "auto", kernels=["laplace"], policy=WIDE)
    assert found.search is not None
    assert found.search.confirmed
    assert found.search.reference is not None
    assert found.search.reference.method == "random"
    assert sum(found.search.rows) == 400
    assert found.audit is not None
    assert found.audit.rows.after == len(found.kept) == round(found.keep[0] * 400)


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        (("outlier", 0.5), {}, "unknown method 'outlier'"),
        (("outliers",), {}, "no share of the rows"),
        (("outliers", 0.0), {}, "between 0 and 1, got 0"),
        (("outliers", 1.0), {}, "between 0 and 1, got 1"),
        (("outliers", float("nan")), {}, "between 0 and 1, got nan"),
        (("outliers", [0.2, 0.3]), {}, "takes one share, got 2"),
        (("random", "auto"), {}, "only its reference"),
        (("all", "auto"), {}, "takes one method"),
        (("scores", 0.5), {}, "needs scores"),
        (("outliers", 0.5), {"scores": X[:, 0]}, "no effect"),
        (("outliers", 0.5), {"soft": True, "cap": 2.0}, "exclude each other"),
        (("outliers", 0.5), {"cap": 2.0}, "bounds the weights of --soft"),
        (("outliers",), {"soft": True}, "needs a bound"),
        (("outliers",), {"soft": True, "cap": 1.0}, "above 1"),
        (("outliers",), {"soft": True, "cap": 1e9}, "below the 300 rows"),
        (("all",), {"soft": True, "cap": 2.0}, "takes one method"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(arguments, options, problem) -> None:
    with pytest.raises(ConfigError, match=problem):
        prune(X, *arguments, **options)


@pytest.mark.parametrize(
    ("scores", "problem"),
    [(np.zeros(3), "3 scores for the 300 rows"), (np.full(N, np.nan), "'nan' as the score of array row 0")],
)
def test_scores_that_cannot_be_used_name_the_row(scores, problem) -> None:
    with pytest.raises(InputError, match=problem):
        prune(X, "scores", 0.5, scores=scores)


def test_too_little_memory_is_told_before_the_work() -> None:
    with pytest.raises(BudgetError):
        prune(X, "outliers", 0.5, max_memory=1 << 20)


def test_the_plan_grows_with_the_audits() -> None:
    one, all_ = (pruning.prune_plan(X, name, 0.5 if name != "all" else None) for name in ("outliers", "all"))
    assert one.rows == all_.rows == N
    assert sum(seconds for _, seconds in all_.stages) > sum(seconds for _, seconds in one.stages)


@pytest.mark.parametrize("method", ["random", "all"])
def test_a_kernel_that_there_is_not_is_refused_by_name(method):
    values = np.random.default_rng(0).standard_normal((200, 4))
    with pytest.raises(ConfigError, match="unknown kernel 'cosine'"):
        prune(values, method, 0.5, kernels=("cosine",))
