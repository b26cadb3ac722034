"""What the verdicts of simulations and of headroom mean: a part of the registry of explanations."""

from __future__ import annotations

from specaudit.report.explanation import Explanation

DYNAMICS: dict[str, Explanation] = {
    "accelerated": Explanation(
        title="the frontier's exponent rises above that of static weights",
        meaning="On every quarter of the window the learning frontier grows with a larger power of time than under "
        "static weights. It holds in mode space, where weights can pick modes one by one, and on this window. Of a "
        "sampler of rows: the slopes of k* and of the number of modes learned gain surely more than a tenth of what "
        "the oracle gains, that of k* late in the window too; capped weights cannot keep that up for ever.",
        action="specaudit headroom EMB --cap C tells how much of it weights of rows can give on your data.",
    ),
    "transient": Explanation(
        title="the exponent rises on a part of the way only",
        meaning="A cap on the weights, or another bound, ends the gain: past the knee the exponent is that of static "
        "weights, and what is left is a constant factor in time.",
        action="Read φ, the share of the oracle's saving in time, at the target that matters to you.",
    ),
    "none": Explanation(
        title="no gain: in exponent, or beyond what homogeneous data show",
        meaning="Of a simulation: the frontier's exponent is that of static weights, as for every static policy of "
        "bounded weights. Of headroom: the gain that capped weights of rows could give is no more than on data whose "
        "modes are spread evenly, where weights of rows cannot pick any. Of a sampler: neither slope nor speed-up "
        "differ from uniform sampling, by a twentieth at most.",
        action="Do not expect a sampler to accelerate this; a constant factor may be left, see φ.",
    ),
    "jammed": Explanation(
        title="the oracle took modes for learned that are not, and leaves them for good",
        meaning="An estimate of the frontier that is too high by a factor gives no weight to the modes just past the "
        "frontier, so that it never moves on. All other modes go on as with static weights.",
        action="Divide the estimate by 1.5 to 2, which costs a constant factor only, or give learned modes a floor.",
    ),
    "not-applicable": Explanation(
        title="an exponent that would mean nothing",
        meaning="The kernel's eigenvalues fall no faster than 1/k where the frontier moves (b of 1 or less), as "
        "those of most text embeddings under distance kernels: an oracle flattens to 1/k, and there is nothing to "
        "gain, and no static limit to be tested. Of a logged run, its checkpoints may also have no times; of an "
        "experiment, its curves may be too short.",
        action="Look at another kernel, or do not use a policy that raises the tail. Of a log, give --times; else "
        "compare the frontiers of two runs of one optimiser at equal times.",
    ),
    "headroom": Explanation(
        title="weights of rows could speed up the tail beyond chance",
        meaning="Weights of at most C on the rows that the leading modes leave most of multiply the trace of the "
        "tail by the gain told, which is more than homogeneous data show. It is an upper limit, to first order.",
        action="Hold it against what an oracle needs: only where both are near is an exponent within reach.",
    ),
}
"""Name -> explanation."""
