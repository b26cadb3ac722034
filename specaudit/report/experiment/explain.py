"""What the verdicts and warnings of experiments mean: a part of the registry of explanations."""

from __future__ import annotations

from specaudit.report.explanation import Explanation

EXPERIMENTS: dict[str, Explanation] = {
    "SPA041": Explanation(
        title="copies of one row have different labels",
        meaning="Exact copies are one row, which has one label. Where copies have several, that of one copy is "
        "taken, and no model can be right about the others.",
        action="Look at these rows: one of the labels is wrong, or the embedding cannot tell the items apart.",
    ),
    "parallel": Explanation(
        title="the learning curve has the slope of the unpruned one",
        meaning="The 95 % interval of the difference between the two slopes lies within a tenth of the unpruned "
        "slope. What the pruning changes on these sizes is a constant factor in the amount of data, told as the "
        "equal-loss share. It is no claim about larger sizes.",
        action="Hold the equal-loss share against the share of rows kept: above it the pruning beats random rows.",
    ),
    "worse": Explanation(
        title="the learning curve is flatter than the unpruned one",
        meaning="The slope is surely flatter, and by more than a tenth. Each further row buys less than without the "
        "pruning, as where a region that is never sampled has to be predicted too. It may still be better at small "
        "sizes: see the curves.",
        action="Keep some rows of every region: a soft pruning (weights) in the place of a hard one.",
    ),
    "steeper": Explanation(
        title="the learning curve is steeper than the unpruned one on these sizes",
        meaning="The slope is surely steeper, and by more than a tenth. Static pruning with bounded weights cannot "
        "flatten the exponent of the operator's tail, so that this is expected of finite sizes only: it often is a "
        "curve that starts higher and catches up.",
        action="Go to larger sizes before believing it; look where the curves would cross.",
    ),
}
"""Name -> explanation."""
