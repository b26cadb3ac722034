"""Dynamics of learning in mode space: which modes a policy of weights has learned, and when."""

from __future__ import annotations

from specaudit.dynamics.acceleration import Acceleration, AccelerationVerdict, Recovery
from specaudit.dynamics.closed_forms import ClosedForm, closed_form, knee, loss_slope
from specaudit.dynamics.degradations import Degradation, Refresh
from specaudit.dynamics.flow import Flow, flow
from specaudit.dynamics.growth import Growth, between, growth, local_exponent
from specaudit.dynamics.modes import MOST, Modes, extended, measured, power_law
from specaudit.dynamics.motion import MOTIONS
from specaudit.dynamics.policies import POLICIES, Bounds, Pattern
from specaudit.dynamics.scheme import Scheme
from specaudit.dynamics.simulation import Law, Measure, Simulation, simulate
from specaudit.dynamics.suppression import SUPPRESSIONS

__all__ = [
    "MOST",
    "MOTIONS",
    "POLICIES",
    "SUPPRESSIONS",
    "Acceleration",
    "AccelerationVerdict",
    "Bounds",
    "ClosedForm",
    "Degradation",
    "Flow",
    "Growth",
    "Law",
    "Measure",
    "Modes",
    "Pattern",
    "Recovery",
    "Refresh",
    "Scheme",
    "Simulation",
    "between",
    "closed_form",
    "extended",
    "flow",
    "growth",
    "knee",
    "local_exponent",
    "loss_slope",
    "measured",
    "power_law",
    "simulate",
]
