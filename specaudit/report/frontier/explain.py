"""What the warnings and statuses of a learning frontier mean."""

from __future__ import annotations

from specaudit.report.explanation import Explanation

LEARNING: dict[str, Explanation] = {
    "SPA031": Explanation(
        title="a checkpoint has residuals of other rows than the reference",
        meaning="Residuals of a run resemble those from before its first step, row by row, as long as anything is "
        "left to learn. At these checkpoints they do so no more than in random order, as when a loader shuffles; "
        "their status is refused. Of residuals in a wrong order, 3 of 1,000 escape this test.",
        action="Log the rows in one order, or use specaudit.FrontierTracker, which takes them in any.",
    ),
    "SPA032": Explanation(
        title="the run learns what the labels do not tell",
        meaning="From some mode on (k_noise) half or more of the reference's energy is a flat floor: label noise, or "
        "a target too rough for the embeddings to show. The frontier is past it: what the run learns "
        "now is mostly memorised.",
        action="Stop at the checkpoint where the frontier reaches k_noise, or look for wrong labels.",
    ),
    "SPA033": Explanation(
        title="weights by residuals would gather on noise",
        meaning="Under weights in proportion to the squared residual, the rows that count most agree with their "
        "nearest rows far less than rows do on the whole: D is below .50. Wrong labels do that. Rows of a rough "
        "region without near rows, as in image patches, may do it too.",
        action="Look at the rows with the largest residuals. --save-weights writes guarded weights: by what a "
        "residual shares with those of the nearest rows.",
    ),
    "SPA034": Explanation(
        title="a fused kernel is exploratory",
        meaning="fit --fuse takes the product or the mean of two embeddings' kernels on the same rows, each with its "
        "own bandwidth. Its spectrum is measured as that of any kernel, but nothing shows that its exponent says as "
        "much of learning from both. The product of a kernel with itself is sharper and has another b on its window "
        "with no second embedding at all: what the second one adds is the difference from that. Near copies are "
        "pairs that are near on both sides, in units of the bandwidths.",
        action="Read b of each embedding alone, and fused with itself, beside it; a move is told where the "
        "difference on the same groups of rows has an interval on one side of 0. Each b is of its own window. Where "
        "rows of a side repeat, as pictures with many captions do, intervals are wider, as pairs of one row are not "
        "drawn each by itself; where rows of both sides do, only those of the side with fewer different rows are "
        "allowed for.",
    ),
    "below": Explanation(
        title="the frontier is below the first mode",
        meaning="The leading mode's residual is not yet down to 1/e of what it was before the first step.",
        action="Nothing, early in a run; later, check the learning rate, and that the log is of this run.",
    ),
    "beyond": Explanation(
        title="the frontier is beyond the modes that can be told apart",
        meaning="A quarter of the rows is as many modes as their kernel matrix tells (an eighth where only some rows "
        "are logged, 512 above 2,500 rows), and all are learned.",
        action="Log more rows, if the frontier further on matters.",
    ),
    "refused": Explanation(
        title="a frontier or weights that would say nothing",
        meaning="Of a checkpoint: its residuals are not of the reference's rows. Of weights: the frontier is beyond "
        "all modes, the residuals of near rows have so little in common that noise cannot be told from signal, or no "
        "weights of these rows could speed up what is left by more than homogeneous data show by chance: sample "
        "weights cannot move such a frontier, which is common.",
        action="See SPA031 for a checkpoint; of weights, keep those that you have.",
    ),
    "collapse": Explanation(
        title="weights by residuals gather on noise",
        meaning="D = I_w / I_1 is below .50: I is how far residuals agree with the mean of those of the 5 nearest "
        "rows, weighted by the squared residual (I_w) and not (I_1), and D the smallest ratio over the checkpoints "
        "with I_1 of .1 or more. From .70 on there is no collapse; between the two it is undecided.",
        action="See SPA033. It is of weights by residuals only; benchmarks/results/frontier.md has the error rates.",
    ),
}
"""Name -> explanation; a part of `EXPLANATIONS`."""
