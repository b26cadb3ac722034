"""What the verdicts and warnings of experiments mean: a part of the registry of explanations."""

from __future__ import annotations

from specaudit.report.explanation import Explanation

EXPERIMENTS: dict[str, Explanation] = {
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
    "constant-factor": Explanation(
        title="a sampler saves a factor in time, and no exponent",
        meaning="It learns as many modes as the target asks for surely faster than uniform sampling, by the speed-up "
        "told, while the slope of its curve gains surely less than a quarter of what an oracle gains. Bounded "
        "weights of rows can give no more on data whose modes are not local.",
        action="Hold the speed-up against the price of the sampler, and look at the lowest held-out loss beside it.",
    ),
    "slower": Explanation(
        title="a sampler is slower than uniform sampling",
        meaning="It surely takes more time, by a twentieth or more, to learn as many modes as the target asks for.",
        action="Sample uniformly.",
    ),
    "SPA051": Explanation(
        title="weights by the loss gather on rows that disagree with their neighbours",
        meaning="No label noise was added, and D fell below .50 in most runs: the rows of largest residual have "
        "little in common with their nearest rows. Wrong labels do that, and so do targets that are rough in these "
        "embeddings.",
        action="Look at the rows of largest residual, and do not weigh by the loss; the sampler guarded is meant for "
        "this.",
    ),
    "SPA052": Explanation(
        title="the frontier does not go far enough for a verdict",
        meaning="An exponent takes a decade of k*. It is looked for from mode 4 to 70 % of a quarter of the training "
        "rows, and uniform sampling goes through less than a decade of that.",
        action="Train on more rows (--train-rows; below 250 there is no decade), or for more steps.",
    ),
}
"""Name -> explanation."""
