"""How a spectrum is learned: the policy, what degrades it, and how the optimiser moves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from specaudit.dynamics.degradations import Degradation
from specaudit.dynamics.policies import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """Everything about a run but its spectrum.

    Attributes
    ----------
    policy, suppress, momentum
        Keys of `POLICIES`, `SUPPRESSIONS` and `MOTIONS`; no momentum for None.
    source
        The coefficient of mode k has the energy k^-source at the start, source > 1.
    rho
        The learning rate is rho t^(rho - 1); 1 with a momentum.
    degradation, bounds
        Of an oracle, and of bounded weights.
    seed
        Of the noise and of random weights.
    """

    policy: str
    source: float = 1.5
    rho: float = 1.0
    momentum: str | None = None
    degradation: Degradation = field(default_factory=Degradation)
    bounds: Bounds = field(default_factory=Bounds)
    suppress: str = "deep"
    seed: int = 0

    @property
    def speed(self) -> float:
        """The exponent of an oracle's frontier: rho, and 2 under Nesterov's momentum."""
        return 2.0 if self.momentum == "nesterov" else self.rho

    @property
    def static(self) -> Scheme:
        """The same with weights 1."""
        return replace(self, policy="static", degradation=Degradation())

    @property
    def ideal(self) -> Scheme:
        """The same with an oracle that nothing degrades and that leaves modes at 1/e."""
        return replace(self, policy="oracle", degradation=Degradation(), suppress="paper")
