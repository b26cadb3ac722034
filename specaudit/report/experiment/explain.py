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
    "SPA061": Explanation(
        title="at equal epochs added rows would seem to help",
        meaning="The real rows alone, trained for the steps that they have at equal epochs, are worse outside the "
        "teacher's span than with all steps. At equal epochs every kind of added rows brings more steps, and with "
        "them this gain, whatever their labels say.",
        action="Compare at equal optimiser steps, as this experiment does.",
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
        meaning="The slope is surely flatter, and the estimate off by more than a tenth. Each further row buys less "
        "than without the pruning, as where a region that is never sampled has to be predicted too. It may still be "
        "better at small sizes: see the curves.",
        action="Keep some rows of every region: a soft pruning (weights) in the place of a hard one.",
    ),
    "steeper": Explanation(
        title="the learning curve is steeper than the unpruned one on these sizes",
        meaning="The slope is surely steeper, the estimate off by more than a tenth, and the kernel's eigenvalues "
        "are known to fall faster than 1/k. Static pruning with bounded weights cannot flatten the exponent of the "
        "operator's tail, so that this is expected of finite sizes only: it often is a curve that starts higher and "
        "catches up.",
        action="Go to larger sizes before believing it; look where the curves would cross.",
    ),
    "constant-factor": Explanation(
        title="a sampler saves a factor in time, and no exponent",
        meaning="It learns as many modes as the target asks for surely faster than uniform sampling, by the speed-up "
        "told, while the slope of its curve surely changes by less than a quarter of what an oracle gains, either "
        "way. To first order bounded weights of rows give no more on data whose modes are not local.",
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
    "helps": Explanation(
        title="the added rows lower the error outside the teacher's span",
        meaning="The 95 % interval of the gain outside the span lies above a twentieth of what as many fresh real "
        "rows gain. Expected of true labels; of a teacher's only where they bring something that its span as "
        "measured lacks.",
        action="Look at the share of the real gain before paying for more of these rows.",
    ),
    "in-span-only": Explanation(
        title="the added rows help inside the teacher's span alone",
        meaning="Outside it the gain surely is within a twentieth of what fresh real rows gain, either way, while "
        "the error inside surely falls. More rows of the kind refine what the teacher knows.",
        action="For what the teacher does not know, get true labels or another teacher.",
    ),
    "no-change": Explanation(
        title="the added rows change nothing",
        meaning="Outside the teacher's span the gain surely is within a twentieth of what fresh real rows gain, "
        "either way, and inside no gain is shown. Training on a model's own labels is of this kind: of kernel ridge "
        "regression it is an exact fixed point.",
        action="Leave these rows out: they cost steps.",
    ),
    "hurts": Explanation(
        title="the added rows raise the error outside the teacher's span",
        meaning="The interval of the gain outside lies below minus a twentieth of what fresh real rows gain. The "
        "teacher says nothing there, and a student of many such labels learns to say nothing too: it unlearns what "
        "the real rows had taught it.",
        action="Add fewer of these rows, give the real ones more weight, or use a teacher that knows more.",
    ),
    "moved": Explanation(
        title="teachers change how n_eq grows on these sizes (exploratory)",
        meaning="The student's loss is that of n_eq true labels alone, and n_eq grows as another power of n than the "
        "first: the interval of the power excludes 1, the estimate is off by more than a tenth, and the kernel's "
        "eigenvalues are known to fall faster than 1/k. A frozen teacher is worth "
        "much at small n and little past the rows that it has seen, which is such a change on any window and no "
        "exponent.",
        action="Look at the curves, and at other sizes; an open question, of which nothing is claimed.",
    ),
    "not-moved": Explanation(
        title="teachers are worth a constant factor in labels (exploratory)",
        meaning="n_eq, the true labels alone that give the student's loss, grows as n: the interval of the power "
        "lies within a tenth of 1, and the kernel's eigenvalues fall faster than 1/k.",
        action="An open question, of which nothing is claimed: other sizes, kernels or teachers may differ.",
    ),
}
"""Name -> explanation."""
