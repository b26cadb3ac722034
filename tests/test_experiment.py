"""What experiments share: targets, exact ridge regression, networks of so many steps, slopes; the document."""

from __future__ import annotations

import json

import numpy as np
import pytest

from specaudit import documents as doc
from specaudit.documents.reading import read_document
from specaudit.errors import InputError
from specaudit.experiments.network import Network
from specaudit.experiments.ridge import predicted, predicted_by_modes
from specaudit.experiments.slopes import SHARED, estimated, log_slope
from specaudit.experiments.tail import local_tail
from specaudit.experiments.targets import Labels, ProcessTarget, split
from specaudit.kernels import choose_kernel
from specaudit.operators import DenseOperator, dense_operator


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 3))
    matrix = dense_operator(choose_kernel("laplace", rows), rows).matrix.astype(float)
    return rows, matrix, rng.standard_normal((60, 2))


@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_regression_is_what_minimises_the_weighted_loss(points, weighted):
    _, matrix, values = points
    train, test, ridge = np.arange(40), np.arange(40, 60), 0.05
    weights = np.random.default_rng(1).uniform(0, 2, 40) if weighted else None
    if weighted:
        weights[:5] = 0.0
    k = matrix[:40, :40]
    found = predicted(k, matrix[40:, :40], values[train], ridge=ridge, weights=weights)
    # the normal equations of sum_i w_i |K_i a - y_i|^2 + ridge a'Ka, by least squares on both terms' roots
    root = np.sqrt(np.ones(40) if weights is None else weights)[:, None]
    penalty = np.sqrt(ridge * np.diagonal(k).mean()) * np.linalg.cholesky(k + 1e-13 * np.eye(40)).T
    system, right = np.vstack([root * k, penalty]), np.vstack([root * values[train], np.zeros((40, 2))])
    coefficients = np.linalg.lstsq(system, right, rcond=None)[0]
    np.testing.assert_allclose(found, matrix[test][:, train] @ coefficients, atol=1e-8)


def test_ridge_regression_interpolates_without_a_ridge(points):
    _, matrix, values = points
    np.testing.assert_allclose(predicted(matrix, matrix, values, ridge=1e-12), values, atol=1e-7)


def test_a_ridge_below_rounding_is_refused():
    with pytest.raises(InputError, match="singular to rounding with a ridge of 1e-12"):
        predicted(np.ones((9, 9)) - 1e-9 * np.eye(9), np.ones((1, 9)), np.ones((9, 1)), ridge=1e-12)


def test_all_modes_are_the_whole_model_and_fewer_are_the_projection(points):
    _, matrix, values = points
    k, across, y = matrix[:40, :40], matrix[40:, :40], values[:40]
    few, whole = predicted_by_modes(k, across, y, (5, 40), ridge=1e-3)
    np.testing.assert_allclose(whole, predicted(k, across, y, ridge=1e-3), atol=1e-9)
    _, vectors = np.linalg.eigh(k)
    leading = vectors[:, -5:]
    projected = predicted(k, across, leading @ (leading.T @ y), ridge=1e-3)
    np.testing.assert_allclose(few, projected, atol=1e-9)


def test_a_process_has_the_energies_of_its_source_in_the_kernels_modes(points):
    _, matrix, _ = points
    target = ProcessTarget.of(DenseOperator(matrix=matrix, diagonal=np.ones(60)), 1.5)
    values = target.draw(4000, seed=0)
    np.testing.assert_allclose((values**2).mean(axis=0), 1.0)
    vectors = np.linalg.eigh(matrix)[1][:, ::-1]
    energy = ((vectors.T @ values) ** 2).mean(axis=1)
    rank = np.arange(1, 61)
    slope = np.polyfit(np.log(rank[5:]), np.log(energy[5:]), 1)[0]
    assert abs(slope + 1.5) < 0.05
    assert (target.draw(2, seed=3) == target.draw(2, seed=3)).all()
    assert (target.draw(2, seed=3) != target.draw(2, seed=4)).all()


def test_labels_are_one_hot_less_what_a_blind_guess_has():
    labels = Labels.of(["b", "a", "b", "c"] * 5)
    assert labels.names == ("a", "b", "c")
    np.testing.assert_allclose(labels.values.sum(axis=1), 0.0, atol=1e-15)
    assert (labels.values.argmax(axis=1)[:4] == [1, 0, 1, 2]).all()


@pytest.mark.parametrize(
    ("labels", "told"), [(["a"] * 9, "all rows have one label"), (["a"] * 9 + ["b"], "'b' has 1 rows")]
)
def test_labels_of_one_class_or_of_a_rare_one_are_refused(labels, told):
    with pytest.raises(InputError, match=told):
        Labels.of(labels)


def test_a_split_holds_out_a_fifth_and_shares_no_row():
    parts = split(500, seed=[0, 1])
    assert len(parts.test) == 100
    assert sorted([*parts.pool, *parts.test]) == list(range(500))
    assert len(split(9000, seed=0).test) == 1000


@pytest.mark.parametrize("rows", [30, 200])
def test_a_network_takes_exactly_the_steps_asked_for_whatever_the_rows(rows):
    x = np.random.default_rng(0).standard_normal((rows, 4))
    seen = []
    predictions = Network(hidden=8, steps=37).predicted(x, x[:, :2], x[:5], seed=0, on_step=seen.append)
    assert seen == list(range(1, 38))
    assert predictions.shape == (5, 2)


def test_a_network_draws_its_rows_by_their_weights():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2))
    y = np.where(np.arange(200) < 100, 1.0, -1.0)[:, None]
    only_first = np.where(np.arange(200) < 100, 1.0, 0.0)
    found = Network(hidden=8, steps=300).predicted(x, y, x[:20], seed=0, weights=only_first)
    np.testing.assert_allclose(found, 1.0, atol=0.1)


def test_a_network_learns_a_smooth_function():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 2))
    y = np.tanh(x[:, :1] - x[:, 1:])
    found = Network(hidden=32, steps=600).predicted(x[:250], y[:250], x[250:], seed=1)
    assert ((found - y[250:]) ** 2).mean() < 0.02 * (y**2).mean()


def test_the_slope_of_a_power_is_its_exponent():
    x = np.array([10.0, 20.0, 50.0])
    np.testing.assert_allclose(log_slope(x, np.array([3 * x**-0.7, x**2.0])), [-0.7, 2.0])


def test_an_interval_is_the_t_interval_and_wider_for_runs_that_share_rows():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    found = estimated(values)
    assert found.value == 2.5
    assert found.high - found.value == pytest.approx(3.182446 * np.std(values, ddof=1) / 2)
    assert estimated(values, 0.25 / SHARED).high - 2.5 == pytest.approx((found.high - 2.5) * 2**0.5)
    assert estimated(values[:1]).low is None


@pytest.mark.parametrize("shared", [0.0, 0.25])
def test_an_interval_holds_the_mean_as_often_as_it_says(shared):
    """Runs that share rows have an error in common, of the variance that is taken into account."""
    rng = np.random.default_rng(0)
    runs = rng.standard_normal((4000, 8)) + np.sqrt(SHARED * shared) * rng.standard_normal((4000, 1))
    held = np.mean([found.low <= 0 <= found.high for found in (estimated(one, shared) for one in runs)])
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


@pytest.mark.parametrize("b", [0.8, 1.5, 2.0])
def test_the_local_exponent_of_a_power_law_sample_is_its_exponent(b):
    """Rows with Gaussian features of variance k^-b: the curve corrects for their number."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((800, 6000)) * np.arange(1, 6001.0) ** (-b / 2)
    found = local_tail(np.linalg.eigvalsh(rows @ rows.T)[::-1])
    tail = np.arange(1, 6001.0) ** -b
    # the same slope of the population's own curve, which ends at 6,000 modes
    kappa = np.geomspace(tail[0], tail[-1], 400)
    n2 = ((tail / (tail + kappa[:, None])) ** 2).sum(axis=1)
    at = np.linspace(*np.log(found.window), 49)
    truth = -np.polyfit(at, np.interp(at, np.log(n2), np.log(kappa)), 1)[0]
    assert abs(found.value - truth) < 0.04 * truth
    assert found.low <= found.value <= found.high


def test_too_few_rows_tell_no_local_exponent():
    assert local_tail(np.ones(4)) is None


def document(**changes):
    """Return a small document."""
    side = doc.SpanSide(
        source="rows.npy", rows=9, dimensions=2, dtype="float64", digest="0", dropped_rows=0, unique_rows=9,
        sampled_rows=9,
    )  # fmt: skip
    series = {"panel": "p", "x": (1.0, 2.0), "low": None, "high": None}
    parts = {
        "experiment": "static-limit",
        "exploratory": False,
        "summary": "one of two is parallel.",
        "data": side,
        "kernel": doc.Kernel(
            name="laplace", bandwidth=1.0, bandwidth_rule="given", normalize="none", centered=False
        ),
        "settings": (doc.Setting(name="runs", value="3"),),
        "arms": (
            doc.Arm(id="none", label="unpruned", note=""),
            doc.Arm(id="hard", label="<b>hard</b>", note="half"),
        ),
        "quantities": (doc.Quantity(id="slope", label="slope", unit="", note="of the curve"),),
        "measures": (
            doc.Measure(arm="none", quantity="slope", value=-0.5, low=-0.6, high=-0.4, runs=3),
            doc.Measure(arm="hard", quantity="slope", value=None, low=None, high=0.25, runs=3),
        ),
        "verdicts": (doc.Finding(arm="hard", verdict="parallel", reason="it is"),),
        "panels": (doc.Panel(id="p", title="Curves", x_label="n", y_label="loss", x_log=True, y_log=True),),
        "curves": (
            doc.Series(arm="none", y=(2.0, 1.0), **{**series, "low": (1.5, 0.8), "high": (2.5, 1.2)}),
            doc.Series(arm="hard", y=(2.0, 1.5), **series),
            doc.Series(arm="hard", y=(2.0, 1.4), label="law", reference=True, **series),
        ),
        "notes": ("Nothing is claimed.",),
        "reproduce": doc.SpanReproduce(command="specaudit experiment", seed=0, estimator="1"),
        "environment": doc.Environment(
            specaudit="0", python="3", numpy="2", scipy="1", faiss="1", threads=1
        ),
        "warnings": (doc.Warning_(id="SPA003", message="dropped", next_step="look"),),
    }  # fmt: skip
    return doc.Experiment(**{**parts, **changes})


def test_a_document_is_read_and_written_again_to_the_byte(tmp_path):
    text = document().to_json()
    (tmp_path / "a.json").write_text(text)
    found = read_document(tmp_path / "a.json")
    assert found.to_json() == text
    assert found.verdict("hard") == "parallel"
    assert found.verdict("none") is None
    assert found.measure("none", "slope").value == -0.5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["measures"][0].update(arm="other"), "measures[0].arm: 'other' is not among those described"),
        (lambda d: d["measures"][1].update(quantity="q"), "measures[1].quantity: 'q' is not among those described"),
        (lambda d: d["curves"][2].update(panel="q"), "curves[2].panel: 'q' is not among those described"),
        (lambda d: d["curves"][0]["low"].append(1.0), "curves[0]: columns of unequal length"),
        (lambda d: d["curves"][0].update(low=None), "curves[0]: columns of unequal length"),
    ],
)
def test_a_document_that_does_not_hold_together_is_refused(tmp_path, change, told):
    data = json.loads(document().to_json())
    change(data)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as refused:
        read_document(path)
    assert refused.value.problem == f"{path}: {told}"


def test_every_rendering_says_the_finding_and_escapes_what_others_wrote():
    from specaudit.report.experiment import plots
    from specaudit.report.formats import RENDERED, render

    made = document(exploratory=True)
    for name in RENDERED["experiment"].formats:
        text = render(made, name, 80, False)
        assert name == "csv" or "one of two is parallel" in text
        assert "<b>" not in text or name in ("text", "json")
        assert name in ("csv", "json") or "Exploratory" in text
    assert render(made, "csv", 80, False) == (
        "arm,quantity,value,low,high,runs\nnone,slope,-0.5,-0.6,-0.4,3\nhard,slope,,,0.25,3\n"
    )
    text = render(made, "text", 80, False)
    assert "at most 0.25" in text
    assert max(map(len, text.splitlines())) <= 80
    page = render(made, "html", 80, False)
    assert "<script" not in page
    assert page.count("<svg") == 1
    assert plots.picture(made, "png").startswith(b"\x89PNG")
    assert plots.picture(made, "svg") == plots.picture(made, "svg")
