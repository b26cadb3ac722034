"""Samplers of rows: exact flow, weights, the oracle in mode space, localised atoms, verdicts, and the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from specaudit.dynamics import power_law
from specaudit.errors import ConfigError, InputError
from specaudit.experiments import blind_spots as spots_of
from specaudit.experiments.atoms import sampled_atoms
from specaudit.experiments.blind_spots import blind_spots, wrong_rows
from specaudit.experiments.flow import KernelFlow, integrals
from specaudit.experiments.learners import Problem, RidgeLearner, operator_of
from specaudit.experiments.machines import NetworkMachine
from specaudit.experiments.mode_oracle import oracle_progress, source_exponent
from specaudit.experiments.network import Network, Training
from specaudit.experiments.oracle import Comparison, chosen, cut_weights, oracle_experiment
from specaudit.experiments.outcomes import estimates
from specaudit.experiments.sampler_run import Schedule, sampled_run
from specaudit.experiments.sampler_task import components, noisy, sampler_task
from specaudit.experiments.sampler_verdict import Verdict, judged
from specaudit.experiments.samplers import SAMPLERS, Seen, probe
from specaudit.experiments.slopes import Estimate, estimated
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.experiments.tracks import Track, read_modes, window_of
from specaudit.kernels import choose_kernel
from specaudit.operators import dense_operator
from specaudit.report.experiment.oracle import oracle_parts

OPTIONS = {"power": 2.0, "cap": 5.0, "seed": 0}


def problem_of(rows, *, labels=None, kernel="laplace"):
    rows = rows - rows.mean(axis=0)
    of = choose_kernel(kernel, rows)
    operator = operator_of(of, rows)
    matrix = operator.matrix
    target = ProcessTarget.of(operator, 1.5) if labels is None else Labels.of(labels)
    learner = RidgeLearner(matrix=matrix, ridge=1e-6)
    return Problem(rows=rows, matrix=matrix, kernel=of, target=target, outputs=3, learner=learner, seed=0)


@pytest.fixture(scope="module")
def circle():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 330)
    return problem_of(np.c_[np.cos(angle), np.sin(angle)])


@pytest.fixture(scope="module")
def task(circle):
    return sampler_task(circle, 0, 120).with_noise(0.2, seed=1)


def small_flow(seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((16, 2))
    whole = dense_operator(choose_kernel("matern32", rows), rows).matrix / 12
    return whole[:12, :12], whole[12:, :12], rng.standard_normal((12, 2)), rng.uniform(0, 2, 12)


@pytest.mark.parametrize("ignored", [0, 4])
def test_the_flow_is_that_of_tiny_steps_on_training_and_held_out_rows(ignored):
    """Fourth-order Runge-Kutta steps of a' = -W r; rows of weight 0 teach nothing."""
    matrix, across, targets, weights = small_flow()
    weights[:ignored] = 0.0
    path = KernelFlow(matrix, across, targets).advance(weights, np.array([0.5, 3.0, 20.0]))
    coefficients, now, steps = np.zeros_like(targets), 0.0, 400

    def speed(at):
        return -weights[:, None] * (matrix @ at - targets)

    for place, end in enumerate((0.5, 3.0, 20.0)):
        h = (end - now) / steps
        for _ in range(steps):
            one = speed(coefficients)
            two = speed(coefficients + h / 2 * one)
            three = speed(coefficients + h / 2 * two)
            coefficients = coefficients + h / 6 * (one + 2 * two + 2 * three + speed(coefficients + h * three))
        now = end
        np.testing.assert_allclose(path.residuals[place], matrix @ coefficients - targets, atol=1e-9)
        np.testing.assert_allclose(path.held[place], across @ coefficients, atol=1e-9)


def test_a_flow_in_two_stretches_is_that_in_one_and_a_new_weighting_starts_where_it_is():
    matrix, across, targets, weights = small_flow(1)
    whole = KernelFlow(matrix, across, targets).advance(weights, np.array([7.0]))
    parts = KernelFlow(matrix, across, targets)
    parts.advance(weights, np.array([1.0, 4.0]))
    np.testing.assert_allclose(parts.advance(weights, np.array([3.0])).held, whole.held, atol=1e-12)
    before = parts.residuals
    later = parts.advance(np.ones(12), np.array([1e-9]))
    np.testing.assert_allclose(later.residuals[0], before, atol=1e-7)


def test_integrals_hold_for_rates_of_nought_and_large_ones():
    np.testing.assert_allclose(integrals(np.array([0.0, 1e-14, 2.0, 1e9]), 3.0), [3, 3, (1 - np.exp(-6)) / 2, 1e-9])


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1.0, 1e6])
@pytest.mark.parametrize("name", SAMPLERS)
def test_weights_have_mean_one_and_stay_within_the_cap(task, name, scale):
    rng = np.random.default_rng(3)
    residuals = scale * rng.standard_normal(task.targets.shape) ** 5
    seen = Seen(
        residuals=residuals,
        spread=(residuals**2).sum(axis=1),
        modes=task.modes,
        rank=7.0,
        nearest=task.nearest,
        components=task.components,
        power=3.0,
        cap=4.0,
        generator=rng,
    )
    weights = SAMPLERS[name].weigh(seen)
    assert weights.mean() == pytest.approx(1.0)
    assert weights.min() >= 0
    assert weights.max() <= 4.0 + 1e-9
    if name == "uniform" or not scale:
        np.testing.assert_allclose(weights, 1.0)
    elif name not in ("guarded", "probe"):
        assert weights.max() > 2.0


def test_components_of_wide_rows_are_those_of_their_own_decomposition():
    rows = np.random.default_rng(3).standard_normal((20, 100)) * np.arange(1, 101) ** -0.5
    rows -= rows.mean(axis=0)
    axes, spread = components(rows)
    _, singular, expected = np.linalg.svd(rows, full_matrices=False)
    np.testing.assert_allclose(spread, singular[: len(spread)] / np.sqrt(20), rtol=1e-9)
    np.testing.assert_allclose(np.abs(axes.T @ expected[: len(spread)].T), np.eye(len(spread)), atol=1e-9)


def test_a_probe_finds_a_loss_that_is_linear_in_the_components(task):
    slopes = np.linspace(-1, 1, task.components.shape[1])
    squares = np.exp(2.0 + task.components @ slopes)
    predicted = probe(task.components, squares, np.arange(0, 120, 3))(task.components)
    assert np.corrcoef(predicted, task.components @ slopes)[0, 1] > 0.999


def test_noise_is_of_as_many_rows_as_asked_and_each_has_another_target():
    targets = np.eye(4)[np.random.default_rng(0).integers(0, 4, 200)]
    changed, wrong = noisy(targets, 0.2, seed=3)
    assert len(wrong) == 40
    assert (changed[wrong] != targets[wrong]).any(axis=1).all()
    assert (np.delete(changed, wrong, axis=0) == np.delete(targets, wrong, axis=0)).all()
    assert (noisy(targets, 0.2, seed=3)[0] == changed).all()


def test_modes_are_read_as_they_are_learned(task):
    """Under uniform weights mode k decays as exp(-lambda_k t): k* is where lambda_k t = 1."""
    modes, times = task.modes, np.array([3.0, 30.0, 300.0])
    start = (np.random.default_rng(0).standard_normal(modes.count) ** 2) / np.arange(1, modes.count + 1)
    left = start * np.exp(-2 * np.outer(np.append(0.0, times), modes.values))
    frontier, capacity = read_modes(modes, left)
    truth = np.exp(np.interp(np.log(times), -np.log(modes.values), np.log(np.arange(1, modes.count + 1))))
    np.testing.assert_allclose(np.log(frontier), np.log(truth), atol=0.25)
    np.testing.assert_allclose(capacity, (1 - np.exp(-2 * np.outer(times, modes.values))).sum(axis=1), rtol=0.1)
    done = read_modes(modes, np.array([start, 1e-9 * start]))
    assert done[0] == modes.count
    assert done[1] == pytest.approx(modes.count)


@pytest.mark.parametrize("suppress", ["paper", "deep"])
def test_the_oracle_in_mode_space_keeps_the_trace_and_its_law(suppress):
    values = np.arange(1, 3001.0) ** -2.0
    times = np.geomspace(2, 200, 40)
    progress = oracle_progress(values, times, suppress=suppress, source=1.5)
    spent = progress @ np.ones(len(values))
    assert (spent <= values.sum() * times * (1 + 1e-9)).all()
    assert spent[-1] > 0.97 * values.sum() * times[-1]
    learned = (progress >= 1 - 1e-9).sum(axis=1)
    depth = 1 + (0.5 * np.log1p(times) if suppress == "deep" else 0)
    law = values.sum() * times / 2 * depth**-0.5
    np.testing.assert_allclose(learned[20:], law[20:], rtol=0.06)
    assert (progress[-1, :10] > 3).all() == (suppress == "deep")


def test_the_exponent_of_energies_is_found():
    assert source_exponent(np.arange(1, 401.0) ** -1.7) == pytest.approx(1.7, abs=0.02)


@pytest.mark.parametrize(("cap", "off"), [(np.inf, 2e-3), (1.8, 1e-2)])
def test_atoms_are_those_of_tiny_steps(cap, off):
    """Few atoms and noise rows, weights of mean 1 within the cap by bisection, Euler steps of r' = -p w r."""
    power, noise = 1.5, 0.1
    atoms = power_law(1.5, 12)
    run = sampled_atoms(atoms, power, noise=noise, cap=cap, deepest=10)
    shares = np.append(0.9 * atoms.values / atoms.values.sum(), noise)
    residuals, time = np.ones(13), 0.0

    def weights():
        low, high = 0.0, 1e9
        for _ in range(100):
            middle = (low + high) / 2
            mean = shares @ np.minimum(middle * residuals**power, cap)
            low, high = (middle, high) if mean < 1 else (low, middle)
        return np.minimum(high * residuals**power, cap)

    assert run.on_noise.max() <= noise * min(cap, 10) + 1e-9
    for place in range(100, len(run.time), 300):
        steps = 600
        for _ in range(steps):
            speed = shares * weights() * residuals
            residuals[:12] -= (run.time[place] - time) / steps * speed[:12]
        time = run.time[place]
        np.testing.assert_allclose(run.loss[place], shares[:12] @ residuals[:12] ** 2 / 0.9, rtol=off)
        np.testing.assert_allclose(run.on_noise[place], noise * weights()[12], rtol=2 * off)


@pytest.mark.parametrize("b", [1.5, 2.0, 3.0])
def test_the_loss_is_an_oracle_on_localised_atoms_and_one_percent_of_noise_ends_it(b):
    atoms, window = power_law(b), (30.0, 3e3)
    options = {"deepest": 1e4}
    uniform, free, capped, noise = (
        sampled_atoms(atoms, *given, **more, **options).slopes(window)
        for given, more in (((0.0,), {}), ((2.0,), {}), ((2.0,), {"cap": 10.0}), ((2.0,), {"noise": 0.01}))
    )
    assert uniform[0].value == pytest.approx(1 / b, abs=0.003)
    assert uniform[1].value == pytest.approx(-(b - 1) / b, abs=0.01)
    assert (free[0].value - 1 / b) / (1 - 1 / b) > 0.98
    assert free[1].value == pytest.approx(-(b - 1), rel=0.03)
    assert capped[0].value == pytest.approx(1 / b, abs=0.14 if b == 1.5 else 0.005)
    assert (noise[0].value - 1 / b) / (1 - 1 / b) < {1.5: 0.75, 2.0: 0.2, 3.0: 0.02}[b]


def test_a_cap_that_never_binds_changes_nothing():
    atoms = power_law(1.5, 3000)
    free, capped = (sampled_atoms(atoms, 2.0, noise=0.05, cap=cap, deepest=300) for cap in (np.inf, 1e9))
    at = np.geomspace(free.time[60], min(free.time[-1], capped.time[-1]) / 2, 20)
    found = [np.interp(np.log(at), np.log(run.time), np.log(run.loss)) for run in (free, capped)]
    np.testing.assert_allclose(found[0], found[1], atol=0.01)


def test_a_network_in_stretches_is_that_of_one_and_starts_at_its_initial_weights():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 3))
    y, network = x[:, :2], Network(hidden=8, steps=30)
    whole = network.predicted(x, y, x[:5], seed=4)
    training = Training(network, x, y, seed=4)
    initial = training.predict(x[:5])
    for count in (1, 9, 20):
        training.advance(count)
    np.testing.assert_array_equal(training.predict(x[:5]), whole)
    first = Training(replace(network, steps=1_000_000), x, y, seed=4)
    first.advance(1)
    np.testing.assert_allclose(first.predict(x[:5]), initial, atol=0.1)
    assert (first.predict(x[:5]) != initial).any()


@pytest.mark.parametrize("name", ["uniform", "loss", "ensemble"])
def test_every_sampler_takes_the_same_number_of_optimiser_steps(circle, name, monkeypatch):
    made = []

    def noted(self, *arguments, **options):
        original(self, *arguments, **options)
        made.append(self)

    original = NetworkMachine.__init__
    monkeypatch.setattr(NetworkMachine, "__init__", noted)
    task = sampler_task(circle, 0, 100, Network(hidden=4, steps=25))
    schedule = Schedule.of_steps(25)
    track = sampled_run(task, SAMPLERS[name], schedule, **OPTIONS)
    assert len(made) == (3 if name == "ensemble" else 1)
    assert {machine.training.model._optimizer.t for machine in made} == {25}
    assert track.times.tolist() == schedule.times.tolist()
    assert len(track.loss) == len(track.times)


def test_a_network_has_learned_nothing_at_its_random_start(circle):
    """Modes are held against the target, of which a kernel machine lacks all at its start and a network more."""
    task = sampler_task(circle, 0, 100, Network(hidden=64, steps=25))
    task = replace(task, targets=0.1 * task.targets)
    schedule = Schedule.of_steps(25)
    track = sampled_run(task, SAMPLERS["uniform"], schedule, **OPTIONS)
    (machine,) = task.machines(task.targets, False)
    energies = [task.modes.energies(task.targets), task.modes.energies(machine.residuals)]
    assert energies[1].sum() > 2 * energies[0].sum()
    assert read_modes(task.modes, np.array(energies))[0] == 0
    path = machine.advance(np.ones(100), schedule.looks[0])
    frontier, capacity = read_modes(
        task.modes, np.array([energies[0], *(task.modes.energies(residuals) for residuals in path.residuals)])
    )
    assert track.frontier[: len(frontier)].tolist() == frontier.tolist()
    assert track.capacity[: len(capacity)].tolist() == capacity.tolist()


def test_a_schedule_looks_at_all_times_and_renews_weights_at_the_ends_of_stretches():
    schedule = Schedule.of(np.arange(1.0, 11.0))
    assert schedule.starts.tolist() == [0, 4, 8]
    assert [part.tolist() for part in schedule.looks] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_a_frontier_that_loses_modes_again_has_no_slope():
    times = np.geomspace(1, 1000, 40)
    steady = Track(times=times, frontier=times**0.5, capacity=times, loss=1 / times)
    falling = replace(steady, frontier=np.where(np.arange(40) == 25, 2.0, steady.frontier))
    window = (4.0, 30.0)
    assert steady.slope("frontier", window) == pytest.approx(0.5)
    assert steady.slope("frontier", window, late=True) == pytest.approx(0.5)
    assert falling.fell(window)
    assert falling.slope("frontier", window) is None
    assert falling.slope("capacity", window) == pytest.approx(1.0)
    assert steady.reached(10.0) == pytest.approx(10.0)
    assert steady.reached(1e4) is None


def estimate(value, half=0.01):
    return Estimate(
        value=value, low=None if half is None else value - half, high=None if half is None else value + half, runs=5
    )


def outcomes(gain=0.0, speed=1.0, late=0.05, decades=1.3, local=2.0, noise=None, ratio=1.0, half=0.01, capacity=0.1):
    return {
        "frontier_slope": estimate(0.5), "frontier_gain": estimate(gain, half),
        "frontier_late": estimate(late, half), "capacity_slope": estimate(0.5), "capacity_gain": estimate(capacity),
        "capacity_late": None, "speed_up": estimate(speed, half), "loss_ratio": estimate(ratio),
        "decades": estimate(decades), "local_exponent": estimate(local),
        "on_noise": None if noise is None else estimate(noise),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "uniform", "statuses", "noise", "verdict"),
    [
        (outcomes(gain=0.2, speed=1.1), outcomes(), [], 0.0, "accelerated"),
        (outcomes(gain=0.2, speed=1.1, capacity=0.05), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2, speed=1.1), outcomes(local=1.005), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2, late=0.0), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.0, speed=1.3), outcomes(), [], 0.0, "constant-factor"),
        (outcomes(), outcomes(), ["none"] * 5, 0.0, "none"),
        (outcomes(gain=-0.12, speed=1.3), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=-0.11, speed=1.3), outcomes(), [], 0.0, "constant-factor"),
        (outcomes(gain=-0.3), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=-0.3, speed=0.9), outcomes(), [], 0.0, "slower"),
        (outcomes(speed=0.9), outcomes(), [], 0.0, "slower"),
        (outcomes(speed=1.05), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.1, half=0.2), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2, half=None), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2), outcomes(local=1.0), [], 0.0, "not-applicable"),
        (outcomes(gain=0.2), outcomes(decades=0.9), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2, decades=0.9), outcomes(), [], 0.0, "inconclusive"),
        (outcomes(gain=0.2), outcomes(local=1.0), ["collapse"] * 3 + ["none"] * 2, 0.0, "collapsed"),
        (outcomes(gain=0.2, speed=1.1), outcomes(), ["collapse"] * 2 + ["undecided"] * 3, 0.0, "accelerated"),
        (outcomes(noise=0.4, ratio=1.1), outcomes(), [], 0.2, "collapsed"),
        (outcomes(noise=0.4, ratio=1.005, speed=1.3), outcomes(), [], 0.2, "inconclusive"),
        (outcomes(noise=0.22, ratio=1.1, speed=1.3), outcomes(), [], 0.2, "constant-factor"),
    ],
)
def test_a_verdict_is_never_a_pass_where_nothing_can_be_told(found, uniform, statuses, noise, verdict):
    oracle = outcomes(gain=0.5, capacity=0.5)
    said = judged(found, uniform, oracle, statuses, curve="frontier", noise=noise)
    assert said.verdict == verdict
    assert said.reason


@pytest.mark.parametrize("part", ["frontier_gain", "frontier_late", "capacity_gain", "speed_up", "local_exponent"])
@pytest.mark.parametrize(
    "whole", [outcomes(gain=0.2, speed=1.1), outcomes(speed=1.3), outcomes(), outcomes(speed=0.9)]
)
def test_runs_that_cannot_be_told_are_no_ground_to_leave_them_out(part, whole):
    """A run in which the target is not reached, say, is missing from the speed-up: the others are a selection."""
    found, uniform = ({**one, part: replace(one[part], runs=4)} for one in (whole, outcomes()))
    said = judged(found, uniform, outcomes(gain=0.5, capacity=0.5), [], curve="frontier", noise=0.0)
    assert said.verdict == "inconclusive"
    assert "in 4 of 5 runs" in said.reason
    assert ("in the 4 of 5 runs that reach it" in said.reason) == (part == "speed_up")


@pytest.mark.parametrize("part", ["frontier_gain", "capacity_gain"])
def test_an_oracle_that_not_all_runs_tell_is_nothing_to_hold_a_gain_against(part):
    oracle = outcomes(gain=0.5, capacity=0.5)
    accelerated = outcomes(gain=0.2, speed=1.1)
    assert judged(accelerated, outcomes(), oracle, [], curve="frontier", noise=0.0).verdict == "accelerated"
    oracle[part] = replace(oracle[part], runs=4)
    assert judged(accelerated, outcomes(), oracle, [], curve="frontier", noise=0.0).verdict == "inconclusive"


def test_without_an_oracle_the_gain_is_held_against_the_law():
    """b = 2 and a uniform slope of .5: an oracle would gain .5."""
    said = judged(outcomes(gain=0.2, speed=1.1), outcomes(), None, [], curve="frontier", noise=0.0)
    assert said.verdict == "accelerated"
    assert "an oracle has +0.500" in said.reason


def test_wrong_rows_are_those_of_another_class_or_of_the_largest_errors():
    truth = np.eye(3)[[0, 1, 2, 0]] - 1 / 3
    predictions = truth.copy()
    predictions[1] = [0.3, 0.1, -0.4]
    predictions[2] = [0.05, 0.0, 0.0]
    wrong, confident = wrong_rows(predictions, truth, labels=True)
    assert wrong.tolist() == [False, True, True, False]
    assert confident.tolist() == [False, True, False, False]
    errors = np.arange(20.0)[:, None]
    wrong, confident = wrong_rows(errors, np.zeros((20, 1)), labels=False)
    assert np.flatnonzero(wrong).tolist() == [18, 19]
    assert not confident.any()


def test_the_rows_that_a_probe_knows_are_independent_of_those_that_are_wrong(circle, monkeypatch):
    """Both are drawn by the seed of the run, as in the experiment; by one stream all of a fifth were in a quarter."""
    given, original = [], spots_of.probe

    def noted(components, squares, known):
        given.append(known)
        return original(components, squares, known)

    monkeypatch.setattr(spots_of, "probe", noted)
    clean, schedule = sampler_task(circle, 0, 100), Schedule.of(np.array([1.0, 10.0]))
    shares = []
    for run in range(20):
        noisy_task = clean.with_noise(0.2, seed=[0, run])
        blind_spots(noisy_task, schedule, labels=False, power=2.0, cap=5.0, noise=0.2, seed=[0, run])
        shares.append(np.isin(noisy_task.wrong, given[-1]).mean())
    assert len(given[0]) == 25
    assert np.mean(shares) == pytest.approx(0.25, abs=4 * 0.1 / np.sqrt(20))
    assert max(shares) < 0.7


def test_a_cut_weighs_the_first_rows_alike_and_the_others_nothing():
    assert cut_weights(np.array([3, 1, 0, 2]), 0.5).tolist() == [0, 2, 0, 2]


def test_samplers_are_named_or_all_of_them_and_uniform_is_always_there():
    assert chosen(["guarded", "loss"]) == ("uniform", "loss", "guarded")
    assert chosen(["all"]) == tuple(SAMPLERS)
    with pytest.raises(ConfigError, match="unknown sampler 'los'"):
        chosen(["los"])


def test_a_kernel_of_few_modes_is_refused():
    rows = np.random.default_rng(0).standard_normal((200, 4))
    with pytest.raises(InputError, match="4 modes of 150 rows under the linear kernel"):
        sampler_task(problem_of(rows, kernel="linear"), 0, 150)


def test_rows_of_one_label_are_refused_and_noise_leaves_equal_targets():
    rows = np.random.default_rng(0).standard_normal((200, 4))
    problem = problem_of(rows, labels=["a"] * 195 + ["b"] * 5)
    rare = next(run for run in range(50) if (problem.split(run).pool[:30] < 195).all())
    with pytest.raises(InputError, match="all 30 training rows of a run have one label"):
        sampler_task(problem, rare, 30)
    assert (noisy(np.ones((9, 2)), 0.5, seed=0)[0] == 1).all()


COMPARISON = Comparison(
    samplers=("uniform", "loss", "guarded"),
    power=2.0,
    cap=10.0,
    noise=0.2,
    rows=240,
    method="prototypes",
    keep=0.2,
)


@pytest.fixture(scope="module")
def found(circle):
    return oracle_experiment(circle, replace(COMPARISON, noise=0.0), runs=2)


def test_on_a_circle_weights_of_rows_raise_no_exponent_and_the_oracle_does(circle, found):
    again = oracle_experiment(circle, replace(COMPARISON, noise=0.0), runs=2)
    assert found.rows == 240
    assert found.held == 66
    assert list(found.arms) == ["uniform", "loss", "guarded", "pruned", "oracle", "oracle-deep"]
    for name, arm in found.arms.items():
        assert arm.outcomes == again.arms[name].outcomes
    uniform, loss, oracle = (found.arms[name].estimates for name in ("uniform", "loss", "oracle"))
    assert uniform["frontier_slope"].value == pytest.approx(0.5, abs=0.04)
    assert 0 < abs(loss["frontier_gain"].value) < 0.05
    assert 0 < abs(loss["capacity_gain"].value) < 0.05
    assert oracle["frontier_gain"].value > 0.35
    assert oracle["frontier_slope"].value > 0.85
    assert oracle["speed_up"].value > 3
    assert oracle["phi"].value == 1
    assert found.arms["oracle"].estimates["best_loss"].value > found.arms["oracle-deep"].estimates["best_loss"].value
    assert found.arms["loss"].verdict.verdict != "accelerated"
    assert found.arms["pruned"].verdict is None
    assert found.blind.keys() == {0.0, 0.2}
    assert window_of(sampler_task(circle, 0, 240).modes) == (4.0, pytest.approx(42.0))


def test_weights_by_the_loss_gather_on_label_noise(circle):
    found = oracle_experiment(circle, COMPARISON, runs=2)
    loss, guarded = (found.arms[name].estimates for name in ("loss", "guarded"))
    assert loss["on_noise"].value > 1.5 * 0.2
    assert loss["loss_ratio"].value > 1
    assert guarded["on_noise"].value < loss["on_noise"].value
    assert found.arms["loss"].verdict.verdict == "collapsed"


def test_d_judges_weights_by_the_square_alone(circle):
    """Under a small power hardly any weight is on noise, whatever D says of |r|^2."""
    found = oracle_experiment(circle, replace(COMPARISON, power=0.1, samplers=("uniform", "loss")), runs=2)
    loss = found.arms["loss"]
    assert loss.estimates["on_noise"].value < 1.2 * 0.2
    assert loss.estimates["coherence"] is None
    assert loss.verdict.verdict != "collapsed"


def test_outcomes_that_a_run_lacks_are_counted(found):
    whole = found.arms["loss"].outcomes[0]
    of = estimates([whole, replace(whole, speed_up=None), whole], 0.0)
    assert (of["speed_up"].runs, of["phi"].runs, of["loss_ratio"].runs) == (2, 3, 3)
    assert estimates([replace(whole, phi=None)], 0.0)["phi"] is None


def told(found, **changes):
    """Return the summary where the samplers have these outcomes and verdicts."""
    arms = {
        name: replace(
            arm, estimates={**arm.estimates, **changes[name][1]}, verdict=Verdict(verdict=changes[name][0], reason="")
        )
        if name in changes
        else arm
        for name, arm in found.arms.items()
    }
    return oracle_parts(replace(found, arms=arms)).summary


def test_a_summary_names_speed_ups_that_are_sure_with_their_intervals(found):
    fast, some = ({"speed_up": Estimate(value=2.0, low=low, high=3.0, runs=2)} for low in (1.5, 0.9))
    first = told(found, loss=("constant-factor", fast), guarded=("constant-factor", some))
    assert "loss 2.00 (1.50 to 3.00), an oracle " in first
    assert "guarded 2" not in first
    for verdict in ("inconclusive", "collapsed"):
        assert "loss 2" not in told(found, loss=(verdict, fast))
    partly = {"speed_up": replace(fast["speed_up"], runs=1)}
    assert "loss 2" not in told(found, loss=("not-applicable", partly))
    noise = {**fast, "on_noise": Estimate(value=0.4, low=0.35, high=0.45, runs=2)}
    noisy_one = replace(found, comparison=replace(found.comparison, noise=0.2))
    assert "loss 2" not in told(noisy_one, loss=("not-applicable", noise))


def test_the_interval_of_wrong_rows_is_that_of_runs_that_share_rows(found):
    runs = tuple(
        {"loss": replace(run["loss"], wrong=wrong)} for run, wrong in zip(found.blind[0.2], (7, 9), strict=True)
    )
    of = oracle_parts(replace(found, blind={0.0: runs, 0.2: runs})).measures
    (measure,) = (one for one in of if one.quantity == "wrong_noisy")
    wrong = estimated(np.array([7.0, 9.0]), found.shared)
    assert found.shared > 0
    assert (measure.value, measure.low, measure.high) == (8.0, wrong.low, wrong.high)


def test_scores_that_know_the_label_are_hardly_blind_to_wrong_classes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 220)
    rows = rng.standard_normal((220, 4)) + 1.2 * np.eye(4)[labels]
    found = oracle_experiment(
        problem_of(rows, labels=[f"c{label}" for label in labels]),
        replace(COMPARISON, rows=150, samplers=("uniform",), noise=0.0),
        runs=1,
    )
    spots = found.blind[0.0][0]
    assert spots["loss"].wrong == spots["ensemble"].wrong > 3
    assert spots["loss"].blind == 0
    assert spots["ensemble"].below > 0.3
