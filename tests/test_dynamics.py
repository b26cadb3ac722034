"""The dynamics in mode space against brute force, and against the laws that they must follow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.special import j1, zeta

from specaudit.dynamics import (
    Bounds,
    Degradation,
    Modes,
    Refresh,
    Scheme,
    between,
    closed_form,
    extended,
    flow,
    growth,
    knee,
    local_exponent,
    measured,
    power_law,
    simulate,
)
from specaudit.dynamics.closed_forms import noise_constant, refresh_constant
from specaudit.dynamics.frontier import contiguous, furthest
from specaudit.dynamics.motion import FRICTION, MOTIONS, REACHED, damped

WINDOW = (30.0, 3e4)
COARSE = 0.02
PAPER = Scheme(policy="oracle", suppress="paper")


def degraded(**changes: object) -> Scheme:
    return Scheme(policy="oracle", suppress="paper", degradation=Degradation(**changes))


def euler(values: np.ndarray, steps: int, end: float, source: float) -> tuple[np.ndarray, ...]:
    """Return times, frontier, capacity and loss of the paper's oracle on single modes by small explicit steps."""
    rank, rest = np.arange(1.0, len(values) + 1), values.sum()
    left, rows = np.ones(len(values)), []
    for _ in range(steps):
        learned = left <= np.exp(-1)
        first = int(np.argmin(learned)) if not learned.all() else len(values)
        tail = values[first:].sum()
        rate = np.where(rank > first, values * rest / tail, 0.0) if tail else np.zeros(len(values))
        left = left * (1 - rate * end / steps)
        rows.append((first, (1 - left**2).sum(), (rank**-source * left**2).sum()))
    frontier, capacity, loss = np.array(rows).T
    return np.linspace(end / steps, end, steps), frontier, capacity, loss


# modes


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.5, 3.0])
def test_blocks_hold_every_mode_once_and_their_sum(exponent):
    modes = power_law(exponent, 30_000)
    ranks = np.arange(1.0, 30_001)
    assert modes.counts.sum() == modes.size == 30_000
    np.testing.assert_array_equal(np.cumsum(modes.counts), modes.ends)
    exact = np.add.reduceat(ranks**-exponent, (modes.ends - modes.counts).astype(int))
    np.testing.assert_allclose(modes.sums, exact, rtol=1e-6)
    np.testing.assert_allclose(
        modes.power_sums(0.5), np.add.reduceat(ranks**-0.5, (modes.ends - modes.counts).astype(int)), rtol=1e-6
    )


def test_the_trace_of_a_power_law_is_that_of_all_modes():
    assert power_law(1.5, 2000).trace == pytest.approx(zeta(1.5), rel=1e-7)
    assert power_law(0.5, 100).rest == 0


def test_a_measured_spectrum_keeps_its_trace_and_an_extended_one_its_level():
    values = 0.3 * np.arange(1.0, 201) ** -1.4
    alone = measured(values, 1.0)
    assert (alone.trace, alone.exponent, alone.measured) == (pytest.approx(1.0), None, 200)
    longer = extended(values, 1.4, 1e6)
    assert longer.level == pytest.approx(0.3)
    np.testing.assert_allclose(longer.values, 0.3 * power_law(1.4, 1e6).at(1) * longer.ranks**-1.4, rtol=1e-4)
    assert longer.trace == pytest.approx(0.3 * zeta(1.4), rel=1e-6)


# frontier


def test_a_frontier_ends_between_the_modes_that_cross_the_threshold():
    modes = power_law(2.0, 6)
    progress = np.array([9.0, 4.0, 2.0, 0.5, 3.0, 0.1])
    assert 3 < contiguous(modes, progress) < 4 < 5 < furthest(modes, progress) < 6
    assert contiguous(modes, progress) == pytest.approx(3 * (4 / 3) ** 0.5)
    assert contiguous(modes, progress[::-1]) == 0
    assert contiguous(modes, np.full(6, 2.0)) == furthest(modes, np.full(6, np.inf)) == 6
    assert furthest(modes, np.zeros(6)) == 0


# the run, against brute force


def test_static_weights_learn_every_mode_by_its_exponential():
    modes = power_law(1.5, 500)
    found = flow(modes, Scheme(policy="static", rho=2.0, source=1.7), horizon=100)
    decay = np.exp(-2 * modes.ends**-1.5 * found.time[:, None] ** 2)
    beyond = 500**-0.7 / 0.7
    np.testing.assert_allclose(found.capacity, (1 - decay).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found.loss, (modes.ends**-1.7 * decay).sum(axis=1) + beyond, rtol=1e-9)
    np.testing.assert_allclose(found.spent, modes.trace * found.time**2, rtol=1e-9)
    late = found.frontier > 5
    np.testing.assert_allclose(found.frontier[late], found.time[late] ** (2 / 1.5), rtol=1e-3)


def test_the_oracle_is_that_of_small_explicit_steps():
    values = np.arange(1.0, 201) ** -1.5
    found = flow(measured(values, values.sum()), PAPER, horizon=100, step=0.002)
    time, frontier, capacity, loss = euler(values, 40_000, float(found.time[-1]), PAPER.source)
    at = np.searchsorted(found.time, time[2000::2000]).clip(max=len(found.time) - 1)
    places = np.searchsorted(time, found.time[at]).clip(max=len(time) - 1)
    np.testing.assert_allclose(np.floor(found.frontier[at] + 1e-9), frontier[places], atol=1)
    np.testing.assert_allclose(found.capacity[at], capacity[places], rtol=0.01)
    np.testing.assert_allclose(found.loss[at] - 200**-0.5 / 0.5, loss[places], rtol=0.01)


def test_the_oracle_takes_the_time_of_its_integral():
    """All modes past the frontier have the progress lambda S, so that t(k) is the integral of tail(k*(S)) / Tr dS."""
    b, modes = 2.0, power_law(2.0)
    found = flow(modes, PAPER, horizon=1e4)

    def tail(s: float) -> float:
        return float(zeta(b, max(s, 1e-12) ** (1 / b) + 0.5)) if s > 1 else float(zeta(b))

    for target in (100.0, 1000.0):
        exact = quad(lambda x: np.exp(x) * tail(np.exp(x)), -20, b * np.log(target), limit=400)[0] / zeta(b)
        assert found.reached(target) == pytest.approx(exact, rel=0.02)


def test_halving_the_step_changes_little():
    modes = power_law(2.0)
    for scheme in (PAPER, Scheme(policy="oracle"), degraded(cap=20.0)):
        one, two = (flow(modes, scheme, horizon=1e4, step=step) for step in (0.01, 0.005))
        assert one.reached(5000.0) == pytest.approx(two.reached(5000.0), rel=0.02)


@pytest.mark.parametrize("stiffness", [0.0, 1e-9, 0.2499999, 0.25, 0.2500001, 7.0])
def test_a_damped_swing_is_that_of_its_equation(stiffness):
    exact = solve_ivp(lambda t, y: [y[1], -y[1] - stiffness * y[0]], (0, 3), [0.7, -0.4], rtol=1e-11, atol=1e-12).y[
        :, -1
    ]
    place, velocity = damped(np.array([0.7]), np.array([-0.4]), 1.0, np.array([stiffness]), 3.0)
    np.testing.assert_allclose([place[0], velocity[0]], exact, rtol=1e-7)


def test_nesterovs_flow_is_a_bessel_function():
    times = np.append(0.0, np.geomspace(0.01, 12, 2000))
    motion = MOTIONS["nesterov"](1, 1.0)
    for start, end in pairwise(times):
        motion.move(np.ones(1), start, end)
    assert motion.left[0] ** 0.5 == pytest.approx(abs(2 * j1(12) / 12), rel=0.02)
    assert 2 * j1(REACHED) / REACHED == pytest.approx(np.exp(-1), rel=1e-6)


def test_a_heavy_ball_moves_slow_modes_like_gradient_flow():
    motion = MOTIONS["heavy-ball"](2, 1.0)
    for step in range(400):
        motion.move(np.array([1e-4, FRICTION]), 10.0 * step, 10.0 * (step + 1))
    assert motion.progress[0] == pytest.approx(0.4, rel=0.01)


# the laws


@pytest.mark.parametrize(("b", "rho"), [(1.2, 1.0), (1.5, 0.5), (2.0, 2.0), (3.0, 1.0)])
def test_static_weights_and_the_oracle_have_their_exponents(b, rho):
    found = simulate(power_law(b), Scheme(policy="oracle", suppress="paper", rho=rho), step=0.01)
    static = growth(found.static.time, found.static.frontier, WINDOW)
    assert static.value == pytest.approx(rho / b, abs=0.002)
    assert found.slope.value == pytest.approx(rho, abs=0.005)
    assert found.constant == pytest.approx((b - 1) / b, rel=0.015)
    assert found.acceleration.verdict == "accelerated"
    assert found.acceleration.value == pytest.approx(1, abs=0.01)
    assert [one.phi for one in found.recovery] == [1.0] * 3


@pytest.mark.parametrize(
    ("b", "changes"),
    [
        (1.5, {"lag": 4.0}),
        (2.0, {"lag": 4.0}),
        (2.0, {"lag_power": 0.75}),
        (1.5, {"noise": 0.3}),
        (1.5, {"refresh": Refresh(kind="geo", step=1.2)}),
        (2.0, {"cap": 100.0}),
    ],
)
def test_a_degraded_oracle_follows_its_law(b, changes):
    modes, scheme = power_law(b), degraded(**changes)
    run, law = flow(modes, scheme, step=0.005 if "noise" in changes else 0.01), closed_form(modes, scheme)
    found, expected = growth(run.time, run.frontier, WINDOW), law.line(run.time)
    inside = (run.time >= found.times[0]) & (run.time <= found.times[1])
    assert found.value == pytest.approx(between(run.time, expected, found.times).value, abs=0.005)
    assert np.exp(np.mean(np.log((run.frontier / expected)[inside]))) == pytest.approx(1, abs=0.02)


def test_a_capped_oracle_ends_at_the_root_of_the_cap_times_time():
    modes, scheme = power_law(2.0), degraded(cap=10.0)
    run = flow(modes, scheme, step=0.01)
    assert run.frontier[-1] == pytest.approx((10 * run.time[-1]) ** 0.5, rel=0.01)
    assert knee(modes, scheme) == pytest.approx(10 / zeta(2.0))
    assert run.largest.max() == 10


def test_constants_of_degradations_have_their_limits():
    assert noise_constant(2.0, 0.0) == refresh_constant(2.0, 1 + 1e-9) == pytest.approx(1, abs=1e-6)
    factor = np.exp(0.5 * np.random.default_rng(0).standard_normal(400_000))
    drawn = np.where(factor < 1, factor**2.0, 0.0) + np.where(factor < 1, 0.0, 1 / factor)
    assert noise_constant(3.0, 0.5) == pytest.approx(drawn.mean(), rel=0.01)


@pytest.mark.parametrize(("b", "source"), [(1.5, 1.5), (3.0, 2.5)])
def test_deep_suppression_has_the_slope_of_the_loss_and_its_law_of_the_frontier(b, source):
    modes, scheme = power_law(b), Scheme(policy="oracle", source=source)
    run = flow(modes, scheme, step=0.01)
    found = growth(run.time, run.frontier, WINDOW)
    loss = between(run.time, run.loss, found.times).value
    assert loss == pytest.approx(1 - source, rel=0.1)
    law = between(run.time, closed_form(modes, scheme).line(run.time), found.times)
    assert found.value == pytest.approx(law.value, abs=0.02)
    paper = flow(modes, Scheme(policy="oracle", suppress="paper", source=source), step=0.01)
    assert between(paper.time, paper.loss, growth(paper.time, paper.frontier, WINDOW).times).value > -0.1


@pytest.mark.parametrize("momentum", [None, "heavy-ball"])
def test_the_unit_of_the_eigenvalues_does_not_matter(momentum):
    values = np.arange(1.0, 201) ** -1.5
    scheme = Scheme(policy="oracle", suppress="paper" if momentum else "deep", momentum=momentum)
    one, other = (
        flow(measured(c * values, 1.2 * c * values.sum()), scheme, horizon=60, step=COARSE) for c in (1, 50)
    )
    np.testing.assert_allclose(other.time, one.time / 50)
    for name in ("frontier", "capacity", "loss", "largest"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6)


@pytest.mark.parametrize("pattern", ["ramp", "random"])
def test_bounded_static_weights_keep_the_exponent(pattern):
    modes = power_law(2.0)
    found = simulate(modes, Scheme(policy="bounded", bounds=Bounds(pattern=pattern)), step=COARSE)
    assert found.slopes["capacity"].value == pytest.approx(0.5, abs=0.01)
    assert found.acceleration.verdict == "none"
    shift = found.run.reached(1e4, "capacity") / found.static.reached(1e4, "capacity")
    assert 1 / 10 * (1 - 1e-9) <= shift <= 1 / 0.2


def test_whitening_learns_all_at_once_and_harmonic_weights_have_the_oracles_exponent():
    modes = power_law(2.0, 1e4)
    whiten, harmonic = (simulate(modes, Scheme(policy=name), step=0.01) for name in ("whiten", "harmonic"))
    assert whiten.complete == pytest.approx(1e4 / modes.trace, rel=0.01)
    assert whiten.acceleration.verdict == "inconclusive"
    assert "learned at once" in whiten.acceleration.reason
    assert harmonic.slope.value == pytest.approx(1, abs=0.001)
    total = np.sum(1 / np.arange(1.0, 10_001))
    assert harmonic.complete == pytest.approx(1e4 / modes.trace * total, rel=0.01)


def test_nesterovs_momentum_doubles_the_exponents():
    modes = power_law(1.5)
    static, oracle = (
        flow(modes, scheme, step=COARSE)
        for scheme in (
            Scheme(policy="static", momentum="nesterov"),
            Scheme(policy="oracle", suppress="paper", momentum="nesterov"),
        )
    )
    assert growth(static.time, static.frontier, WINDOW).value == pytest.approx(2 / 1.5, abs=0.03)
    assert 1.8 < growth(oracle.time, oracle.frontier, WINDOW).value < 2.05


# verdicts


@pytest.mark.parametrize("suppress", ["paper", "deep"])
def test_an_over_estimate_jams_and_a_floor_frees_it(suppress):
    for b in (1.5, 3.0):
        scheme = Scheme(policy="oracle", suppress=suppress, degradation=Degradation(over=1.11))
        found = simulate(power_law(b), scheme, step=COARSE)
        assert found.acceleration.verdict == "jammed", b
        assert found.acceleration.value is None
    free = Scheme(policy="oracle", suppress=suppress, degradation=Degradation(over=1.11, floor=1.0))
    assert simulate(power_law(1.5), free, step=COARSE).acceleration.verdict != "jammed"


@pytest.mark.parametrize(
    ("b", "count", "scheme", "verdict"),
    [
        (0.9, 1e6, Scheme(policy="oracle"), "not-applicable"),
        (1.0, 1e6, Scheme(policy="oracle"), "not-applicable"),
        (2.0, 40, Scheme(policy="oracle"), "inconclusive"),
        (2.0, 1e8, degraded(delay=100.0), "inconclusive"),
        (2.0, 1e8, degraded(cap=1000.0), "transient"),
        (2.0, 1e8, degraded(cap=2.0), "none"),
        (2.0, 1e8, Scheme(policy="static"), "none"),
    ],
)
def test_what_cannot_be_told_is_no_success(b, count, scheme, verdict):
    found = simulate(power_law(b, count), scheme, step=COARSE)
    assert found.acceleration.verdict == verdict
    assert found.acceleration.reason
    if verdict == "not-applicable":
        assert (found.acceleration.value, found.recovery) == (None, ())


def test_a_bend_to_a_shallow_tail_is_never_a_success():
    rank = np.arange(1.0, 401)
    values = np.where(rank < 60, rank**-1.6, 60**-1.0 * rank**-0.6)
    found = simulate(measured(values, values.sum() * 1.5), Scheme(policy="oracle"), step=COARSE)
    assert found.acceleration.verdict in ("not-applicable", "inconclusive")
    assert local_exponent(found.modes, found.window).low < 1


# the budget law


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    """Any policy and degradation with rho = 1 and no momentum."""
    number = st.floats(0, 1)
    refresh = draw(st.sampled_from([None, "every", "geo"]))
    step = {None: 0.0, "every": 20 * draw(number), "geo": 1 + 2 * draw(number)}[refresh]
    degradation = Degradation(
        lag=1 + 5 * draw(number),
        lag_power=1 - 0.7 * draw(number),
        over=1 + draw(number),
        noise=draw(number),
        delay=50 * draw(number),
        refresh=None if refresh is None else Refresh(kind=refresh, step=step),
        cap=draw(st.sampled_from([np.inf, 2.0, 30.0])),
        floor=draw(st.sampled_from([0.0, 0.3, 1.0])),
    )
    return Scheme(
        policy=draw(st.sampled_from(["static", "bounded", "oracle", "whiten", "harmonic"])),
        source=1.2 + 2 * draw(number),
        degradation=degradation,
        bounds=Bounds(
            pattern=draw(st.sampled_from(["ramp", "random"])), low=0.1 + draw(number), high=2 + 20 * draw(number)
        ),
        suppress=draw(st.sampled_from(["deep", "paper"])),
        seed=draw(st.integers(0, 99)),
    )


def spectra(draw: st.DrawFn) -> Modes:
    exponent = draw(st.floats(0.5, 3.0))
    rough = np.random.default_rng(draw(st.integers(0, 99))).uniform(0, draw(st.floats(0, 1)), 300)
    values = np.sort(np.arange(1.0, 301) ** -exponent * np.exp(rough))[::-1]
    return measured(values, values.sum() * (1 + draw(st.floats(0, 1))))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(scheme=schemes(), modes=st.composite(spectra)())
def test_the_frontier_never_outruns_the_spent_trace(scheme, modes):
    """Every learned mode costs 1 of the integral of the trace, whatever the weights: k* <= integral + 1."""
    run = flow(modes, scheme, horizon=150, step=COARSE)
    assert (run.frontier <= run.spent + 1).all()
    if scheme.policy != "bounded" and not scheme.degradation.floor:
        assert (run.spent <= modes.trace * run.time * (1 + 1e-9)).all()
        assert (run.frontier <= modes.trace * run.time + 1).all()
