"""Dynamics of learning in mode space: which modes a policy of weights has learned, and when."""

from __future__ import annotations


from specaudit.dynamics.closed_forms import ClosedForm, closed_form, knee, loss_slope
from specaudit.dynamics.degradations import Degradation, Refresh
from specaudit.dynamics.flow import Flow, Snapshot, flow
from specaudit.dynamics.growth import Growth, growth, local_exponent
from specaudit.dynamics.modes import Modes, extended, measured, power_law
from specaudit.dynamics.motion import MOTIONS
from specaudit.dynamics.policies import POLICIES, Bounds
from specaudit.dynamics.suppression import SUPPRESSIONS

__all__ = [
    "MOTIONS",
    "POLICIES",
    "SUPPRESSIONS",
    "Acceleration",
    "Bounds",
    "ClosedForm",
    "Degradation",
    "Flow",
    "Growth",
    "Modes",
    "Recovery",
    "Refresh",
    "Snapshot",
    "accelerated",
    "closed_form",
    "extended",
    "flow",
    "growth",
    "knee",
    "local_exponent",
    "loss_slope",
    "measured",
    "power_law",
    "recovered",
]
