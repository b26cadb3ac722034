"""How a weighted eigenvalue moves its mode: gradient flow, Nesterov's or the heavy ball's momentum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from specaudit.kernels import FloatArray

FRICTION = 0.1
"""1 - beta of the heavy ball with beta = .9, for steps of length 1 / lambda_1."""
REACHED = 2.583839
"""x at which 2 J_1(x) / x first falls to 1/e: Nesterov's flow has learned a mode when sqrt(lambda) t = x."""


class Motion(Protocol):
    """The coefficients of all modes as they fall."""

    @property
    def left(self) -> FloatArray:
        """(g,) (c/c(0))^2."""

    @property
    def progress(self) -> FloatArray:
        """(g,) -ln|c/c(0)|, the largest so far."""

    def move(self, rates: FloatArray, start: float, end: float) -> None:
        """Go from time `start` to `end` with constant weighted eigenvalues `rates` (g,)."""


class GradientFlow:
    """c' = -eta rate c with eta = rho t^(rho - 1): exact for rates that are constant over a step."""

    def __init__(self, size: int, *, rho: float = 1.0) -> None:
        self._rho, self._progress = rho, np.zeros(size)

    @property
    def left(self) -> FloatArray:
        """(g,) (c/c(0))^2."""
        return np.exp(-2 * self._progress)

    @property
    def progress(self) -> FloatArray:
        """(g,) -ln|c/c(0)|."""
        return self._progress

    def move(self, rates: FloatArray, start: float, end: float) -> None:
        """Go on by the clock t^rho."""
        self._progress = self._progress + rates * (end**self._rho - start**self._rho)


class _Damped:
    """Coefficients with a velocity: one that swings back counts as learned from when it first was."""

    def __init__(self, size: int, first: float) -> None:
        self._place, self._velocity, self._least = np.ones(size), np.zeros(size), np.ones(size)
        self._friction = FRICTION * first

    @property
    def left(self) -> FloatArray:
        """(g,) (c/c(0))^2."""
        return self._place**2

    @property
    def progress(self) -> FloatArray:
        """(g,) the largest -ln|c/c(0)| so far."""
        with np.errstate(divide="ignore"):
            return -np.log(self._least)

    def _swing(self, friction: float, stiffness: FloatArray, step: float) -> None:
        self._place, self._velocity = damped(self._place, self._velocity, friction, stiffness, step)
        self._least = np.minimum(self._least, np.abs(self._place))


class Nesterov(_Damped):
    """c'' + 3/t c' + rate c = 0 (Su, Boyd and Candes 2016), with frozen coefficients over a step of ln t."""

    def move(self, rates: FloatArray, start: float, end: float) -> None:
        """Go on in ln t, in which friction is constant."""
        if start == 0:
            self._place, self._velocity = 1 - rates * end**2 / 8, -rates * end**2 / 4
        else:
            self._swing(2.0, rates * start * end, float(np.log(end / start)))


class HeavyBall(_Damped):
    """c'' + f (c' + rate c) = 0 with f = `FRICTION` lambda_1: gradient flow for slow modes."""

    def move(self, rates: FloatArray, start: float, end: float) -> None:
        """Go on in time."""
        self._swing(self._friction, self._friction * rates, end - start)


MOTIONS: dict[str, Callable[[int, float], Motion]] = {"nesterov": Nesterov, "heavy-ball": HeavyBall}
"""Name of a momentum -> its motion of so many blocks of modes, of which the first has the eigenvalue lambda_1."""


def damped(
    place: FloatArray, velocity: FloatArray, friction: float, stiffness: FloatArray, step: float
) -> tuple[FloatArray, FloatArray]:
    """Return place and velocity (g,) of x'' + friction x' + stiffness x = 0 after a `step`, exactly."""
    half = friction / 2
    fall, even, odd = (np.empty(len(place)) for _ in range(3))
    swings = stiffness > half**2 * (1 + 1e-12)
    root = np.sqrt(stiffness[swings] - half**2)
    fall[swings], even[swings], odd[swings] = np.exp(-half * step), np.cos(root * step), np.sin(root * step) / root
    creeps = ~swings
    root = np.sqrt(np.maximum(half**2 - stiffness[creeps], 0.0))
    fall[creeps] = np.exp(-stiffness[creeps] / (half + root) * step)  # the slower exponent, without cancellation
    even[creeps] = (1 + np.exp(-2 * root * step)) / 2
    with np.errstate(invalid="ignore"):
        odd[creeps] = np.where(root > 1e-9 * half, -np.expm1(-2 * root * step) / (2 * root), step)
    return (
        fall * (place * even + (velocity + half * place) * odd),
        fall * (velocity * even - (half * velocity + stiffness * place) * odd),
    )
