"""What every warning, status, gate and exit code means, and what to do about it: one literal registry."""

from __future__ import annotations

from textwrap import fill

from specaudit.report.dynamics_explained import DYNAMICS
from specaudit.report.experiment.explain import EXPERIMENTS
from specaudit.report.explanation import Explanation
from specaudit.report.frontier.explain import LEARNING

WIDTH = 80


EXPLANATIONS: dict[str, Explanation] = {
    "SPA001": Explanation(
        title="more than 5 % of the rows are exact copies",
        meaning="Copies are merged into one weighted row, so they do not distort the spectrum, but every "
        "share of rows and the number of effective rows count them.",
        action="Deduplicate the data set, or leave the copies in if they are meant as weights.",
    ),
    "SPA002": Explanation(
        title="more than 5 % of the rows have a near copy",
        meaning="These rows have a neighbour closer than a tenth of the bandwidth. Near copies are not "
        "merged: where they repeat an item, they bend the measured tail. Rows that lie densely on a "
        "low-dimensional set, such as image patches, have close neighbours without being copies, and "
        "then this is no defect.",
        action="Look at some pairs; if they are the same item, deduplicate and fit again.",
    ),
    "SPA003": Explanation(
        title="bad rows were dropped",
        meaning="Rows with NaN or infinity have no place in a kernel. They were left out because --drop- "
        "bad-rows was given; every figure is about the rows that remain.",
        action="Find out why the embedding failed on these rows; a gate should not hide them.",
    ),
    "SPA004": Explanation(
        title="some columns are constant",
        meaning="A constant column adds nothing to distances between rows. Under the linear kernel "
        "without centering it adds to the leading direction. It often means a dead unit or "
        "padding.",
        action="Check the embedding; drop the columns if they are padding.",
    ),
    "SPA005": Explanation(
        title="the rows were sampled",
        meaning="The data set has more rows than --max-rows, so kernels were evaluated on a sample that "
        "depends only on the content of the rows and on --seed. Counts, copies and norms are "
        "about all rows.",
        action="Nothing, if the interval is narrow enough; else raise --max-rows (memory grows with its square).",
    ),
    "SPA006": Explanation(
        title="the quadrature did not converge",
        meaning="When the step budget was used up, the last Lanczos steps still moved the slope over the window, as "
        "happens for spectra that fall very fast, or the random probes left more error than the budget of probes can "
        "average away, as for flat ones. Both count in the interval; what further steps would add is not known.",
        action="Lower --max-rows so that the whole spectrum is computed exactly, or use a smaller --bandwidth.",
    ),
    "SPA007": Explanation(
        title="the exponent depends on the number of rows",
        meaning="A nested half of the rows gives another slope over the same window, by more than "
        "sampling explains. The correction for finite samples is not exact where the density of "
        "neighbours varies strongly, as in image patches. The difference is part of the interval.",
        action="Compare data sets only at equal numbers of rows; use more rows if there are any.",
    ),
    "SPA008": Explanation(
        title="the window is shallow",
        meaning="The window ends below five effective dimensions (N₂), where a few single directions make "
        "the slope. It says little about the tail.",
        action="Use more rows, or read the curves instead of the exponent. Under linear, centering may help.",
    ),
    "SPA009": Explanation(
        title="rounding limits the window",
        meaning="Laplace and linear kernels are stored in single precision, the smooth ones in double. "
        "Eigenvalues near the rounding error carry no information, so the window ends above them.",
        action="Nothing, if the window is deep enough; else use a smaller --bandwidth.",
    ),
    "SPA010": Explanation(
        title="one direction holds more than half of the variance",
        meaning="Usually this is the mean of the rows, an offset that all share. It dominates shares of "
        "variance and diversity indices that depend on the leading eigenvalue; the tail is hardly "
        "touched.",
        action="Use --centered, and use it for every data set that is compared with this one.",
    ),
    "SPA011": Explanation(
        title="the comparison is shallow",
        meaning="The window over which the two tails were compared ends below five effective dimensions (N₂), "
        "where a few single directions make the slope. The comparison says little about the tail.",
        action="Compare more rows: depth comes with the rows of the smaller side. Under linear, centering may help.",
    ),
    "SPA012": Explanation(
        title="a spectrum cannot judge synthetic rows",
        meaning="AFTER has rows that BEFORE lacks, and its tail is flatter or unchanged. Noise does that too: rows "
        "that fill space evenly raise the tail without adding anything to learn. A pass says that the added rows "
        "do not crowd the front of the spectrum, and no more.",
        action="If a model generated these rows, run the span test on them; if they are real, nothing.",
    ),
    "SPA013": Explanation(
        title="a waiver is expired, for other data or was not needed",
        meaning="An expired waiver no longer holds, so its gate counts again; so does that of a waiver whose `after` "
        "is not how AFTER's digest begins. A waiver of a gate that passed, or that this run does not have, hides "
        "nothing today but would hide the next failure.",
        action="Remove the waiver, or renew its date or its digest with a reason.",
    ),
    "SPA014": Explanation(
        title="rows were matched by nearest neighbour, not by content",
        meaning="Some rows of AFTER are equal to no row of BEFORE but lie within rounding of one, as after a change "
        "of number format or of batch size. They count as the same row; the distance allowed is in the relation.",
        action="Write both sides with the same type and code, or give --ids; check the distance if neither is done.",
    ),
    "SPA015": Explanation(
        title="copies or near copies grew",
        meaning="AFTER has a larger share of exact or near copies than BEFORE. Exact copies are merged before the "
        "spectrum is looked at, so they show in the gate `repeats` alone; near copies are not merged and bend "
        "the tail.",
        action="Deduplicate AFTER, or leave the copies in if they are meant as weights.",
    ),
    "SPA016": Explanation(
        title="BEFORE is a saved baseline",
        meaning="A baseline keeps the curves and 1,024 hashes of rows, not the rows. How many rows the two sides "
        "share is estimated from these hashes, near matches are not looked for, and no removed row can be named.",
        action="Nothing, if that is enough; else compare with the embeddings themselves.",
    ),
    "SPA017": Explanation(
        title="far fewer rows are left: an amount, not a shape",
        meaning="The gates of the spectrum compare shapes at equal numbers of rows. Random pruning keeps the shape "
        "however few rows are left, and still loses depth: how deep the tail can be measured, and learned, "
        "comes with the rows.",
        action="Decide about the amount by other means, or set --max-drop or --min-rows.",
    ),
    "SPA018": Explanation(
        title="the index missed more than a twentieth of the nearest rows",
        meaning="Above what an exact search may take, nearest rows are searched in an approximate index. It was "
        "asked for rows whose nearest ones are known, and found too few of them: distances to the nearest row come "
        "out too large, and near copies too few.",
        action="Use --index flat, which is exact and takes longer, or another index.",
    ),
    "SPA019": Explanation(
        title="the kernel graph is not trusted past the dense sample",
        meaning="Above --max-rows the tail is read off a kernel graph of up to --graph-rows rows, whose curves are "
        "held to the dense operator on three nested sub-samples. Here the three do not agree on how far the graph "
        "is off, as is usual for embeddings of high intrinsic dimension, so that the answer is that of the dense "
        "sample.",
        action="Nothing, if the window is deep enough; else raise --max-rows (memory grows with its square), or "
        "--landmarks and --neighbors.",
    ),
    "SPA020": Explanation(
        title="many added rows are near copies",
        meaning="An added row is a near copy when it is nearer to a row of BEFORE than 99 % of the rows around "
        "that one are to another. Near copies do no harm to the spectral shape, and add nothing to it but weight.",
        action="Leave them out, or keep them if they are meant as weights.",
    ),
    "SPA021": Explanation(
        title="how the spectrum of a fit goes on in a simulation",
        meaning="A resolved exponent above 1 continues the measured eigenvalues as a power law, which is an "
        "extrapolation beyond the window on which it was measured. Without one, the measured eigenvalues alone are "
        "followed, the rest of the trace counts as tail, and the run ends at half of them.",
        action="Read slopes as those of this spectrum; simulate --b B follows an exact power law.",
    ),
    **LEARNING,
    "resolved": Explanation(
        title="the data set has one tail exponent on the window",
        meaning="Slopes over quarters of the window differ by less than 10 %, errors included, and a nested half of "
        "the rows agrees. The interval holds for the population's slope on this window; it is no "
        "claim on the asymptote.",
        action="Quote the exponent with its interval, its window and its kernel.",
    ),
    "drifting": Explanation(
        title="an exponent is measured, but it still moves",
        meaning="A slope over the window is well measured, but the local exponent changes across the "
        "window or with the number of rows by more than the errors. The value belongs to this "
        "window.",
        action="Quote the value with its window, and compare only over equal windows.",
    ),
    "not-power-law": Explanation(
        title="the spectrum is measured, and it is not a power law",
        meaning="The local exponent changes steadily with depth, by far more than its errors. That is "
        "normal for text and image embeddings and no defect: curves of two data sets can be "
        "compared all the same.",
        action="Compare the curves (-o FILE.csv, --plot FILE.svg), not one exponent.",
    ),
    "unresolved": Explanation(
        title="the rows do not determine an exponent, or what new rows are",
        meaning="There are too few rows, or errors too large, for a slope over a useful window. The "
        "reason and, where it is known, the number of rows that would do are given. It does not "
        "mean that there is no power law. Of new rows: some lie beyond the real ones, and nothing tells whether they "
        "have modes of their own or are noise; or there are fewer than 200 real or 30 new rows.",
        action="Use more rows, or raise --max-rows if the data set was sampled.",
    ),
    "capacity": Explanation(
        title="the gate of the capacity at equal depth",
        meaning="Compares ln κ, the population's ridge, at equal effective dimension N₁ = 10, 30 and a quarter of "
        "the rows, under every kernel. It may not fall by more than the margin: .02 under laplace, .05 under "
        "linear; .02 is about 2 % fewer effective dimensions at a fixed ridge. Both sides are brought to equal "
        "size, and a change counts only beyond what random subsets of that size show.",
        action="Keep more of the rows that the report names; if the loss is meant, widen margin capacity or waive "
        "it.",
    ),
    "tail": Explanation(
        title="the gate of the tail's steepness",
        meaning="Compares the local exponent b₂ of both sides over the same window of effective dimensions. It may "
        "not rise by more than .03. It is a difference of slopes and needs no power law: it decides for spectra "
        "that have no single exponent too.",
        action="Keep more of the rows that the report names; if the change is meant, widen margin tail or waive it.",
    ),
    "repeats": Explanation(
        title="the gate of rows that repeat unevenly",
        meaning="Effective rows over unique rows: 1 if all rows repeat equally often, near 0 if a few of them hold "
        "most of the weight. AFTER's may not fall below .8 of BEFORE's. Copies are merged before the spectrum is "
        "looked at, so no other gate sees them.",
        action="Remove or even out the repeats; if they are meant as weights, lower margin repeats.",
    ),
    "consistency": Explanation(
        title="the gate of what a subset can have",
        meaning="Under one kernel, the eigenvalues of a subset of m of n rows are at most n/m times those of the "
        "whole, at every rank: λₖ(after) / λₖ(before) ≤ n/m. More than that proves that the two sides are not a "
        "data set and its part: another model, another kernel. That it holds is no evidence of health.",
        action="Check that both sides come from one embedding model, with one version and one normalisation.",
    ),
    "rows": Explanation(
        title="the gate of the amount",
        meaning="Exists if --max-drop or --min-rows is given: the share of different rows that AFTER may lack, and "
        "the fewest that it must have. The gates of the spectrum do not see the amount.",
        action="Keep more rows, or change the limits.",
    ),
    "coverage": Explanation(
        title="the gate of whole regions that are gone",
        meaning="A small topic that is dropped as a whole shows in no spectrum. This gate judges the removed rows "
        "against the kept ones as the span test judges new rows against real ones: where they have coherent modes "
        "that the kept ones lack, a topic or a kind of row is lost, and clusters of which hardly any were kept are "
        "named. It decides only with --enable coverage (or enable in the configuration); otherwise it only reports.",
        action="Look at the rows named of each lost cluster, and keep some of each. --groups tells the kept share of "
        "groups of your own.",
    ),
    "span": Explanation(
        title="the gate of added rows",
        meaning="Added rows are judged against BEFORE's, as `specaudit span` does: in span (they add volume, not "
        "capability) and new coherent modes pass, near copies with a warning; collapsed rows (deeper in the span "
        "than real rows, or repeating one another) and noise fail; unresolved is inconclusive. New modes are not "
        "proof of capability: errors in common have them too.",
        action="specaudit span BEFORE ADDED --save-rows FILE.csv tells what each added row is.",
    ),
    "inconclusive": Explanation(
        title="a gate ran and cannot decide",
        meaning="The interval of the change holds the margin: neither harm nor its absence is shown. A gate passes "
        "when its whole interval is inside the margin, and fails when the change is beyond the margin and "
        "significant against random row subsets of equal size.",
        action="Compare more rows, as many as the report says; or widen the margin. --on-inconclusive pass exits 0.",
    ),
    "skipped": Explanation(
        title="a gate did not run",
        meaning="It needs something that this comparison lacks, and the reason names it. A skipped gate never "
        "changes the verdict or the exit code, and it is no pass.",
        action="Nothing, unless you rely on the gate: then give it what the reason names.",
    ),
    "waived": Explanation(
        title="a gate's result does not count",
        meaning="A waiver with a reason covers the gate. What it would have been stays in every report. A run that "
        "could not be done at all, exit code 2, cannot be waived.",
        action="Read the reason and the last day on which the waiver holds.",
    ),
    "preserved": Explanation(
        title="the tail is as it was, within the margins",
        meaning="Every statistic of the spectrum, under every kernel, stays inside its margin with its whole "
        "interval. That is no harm to the spectral shape beyond the margin; it says nothing about the amount of "
        "data, about small topics or about labels.",
        action="Read the amount as well: rows, and how deep the tail can still be measured.",
    ),
    "steeper": Explanation(
        title="the tail lost",
        meaning="Capacity fell at equal depth, or the local exponent rose, beyond the margin and beyond chance. "
        "Fewer directions carry the data, and its rare structure takes more data to learn.",
        action="Look at the gates that failed and at the removed rows that the report names.",
    ),
    "flatter": Explanation(
        title="the tail gained on the measured window",
        meaning="Capacity rose at equal depth, or the local exponent fell, beyond the margin and beyond chance, and "
        "no statistic shows harm. It is a finite-region effect on the measured window, no claim on the asymptote. "
        "Noise and outliers do it too.",
        action="If rows were added, see SPA012; if rows were removed, check that the kept ones are not the odd ones.",
    ),
    "undecided": Explanation(
        title="what became of the tail cannot be told",
        meaning="No statistic shows harm or gain, but not all intervals are inside the margins; or too few rows are "
        "shared to take the two data sets for related; or new data (--expect fresh) have another scale than BEFORE.",
        action="Compare more rows; give --expect fresh if new data under the same model is meant; scale rows alike.",
    ),
    "in-span": Explanation(
        title="new rows lie in the span of the real ones",
        meaning="The real rows explain them as they explain one another: more of the same. They add volume, not "
        "capability. A small share of other rows among them may not show; the report says below which.",
        action="Nothing, if volume is what you want; else leave them out.",
    ),
    "copies": Explanation(
        title="many new rows are near copies of real ones",
        meaning="At least a tenth of them are nearer to a real row than 99 % of the real rows around that one are to "
        "another.",
        action="specaudit span REAL SYNTHETIC --save-rows FILE.csv names them; leave them out.",
    ),
    "collapsed": Explanation(
        title="new rows lie deeper in the span than real rows do",
        meaning="A quarter of them or more are better explained by the real rows than 95 % of these themselves, as "
        "of a model that keeps the leading directions alone; or a tenth more than of real rows repeat one another. "
        "Of a sampler: its weights gather on label noise; D is below .50 in most runs, or added noise draws surely "
        "more than 1.5 times its share and the lowest held-out loss is surely higher than under uniform sampling.",
        action="Look at what makes the rows: another temperature, another model, or fewer generations.",
    ),
    "new-modes": Explanation(
        title="new rows have coherent modes that the real ones lack",
        meaning="What the real rows leave unexplained of them varies together more than it does in real rows around "
        "them, and the rows that carry this lie outside. It is no proof of capability: errors in common do the same.",
        action="Look at the rows called beyond before you train on them.",
    ),
    "noise": Explanation(
        title="new rows lie beyond the real ones, and no common mode explains it",
        meaning="A third of them or more (35 %) have a larger residual than 95 % of the real rows, even when "
        "the five leading modes of what is left are taken from both. A flatter tail is then nothing to learn.",
        action="Leave the rows called beyond out, or mend what makes them.",
    ),
    **DYNAMICS,
    **EXPERIMENTS,
    "exit-0": Explanation(
        title="the run finished",
        meaning="Every gate passed, or nothing was gated. A fit exits 0 whatever its status is, unless "
        "--require is given.",
        action="Nothing.",
    ),
    "exit-1": Explanation(
        title="a gate decided and failed",
        meaning="For a comparison or a pruning: at least one gate failed, and was not waived. For span: "
        "--require-class was given, and the new rows are something else. For simulate, headroom and frontier: --gate "
        "was given, and there is no lasting gain, or weights by residuals collapse. Nothing else ever returns 1, so "
        "a pipeline may stop a change on it. A fit has no gates.",
        action="Read which gate failed and by how much; `specaudit explain capacity`, or the gate's name, says more.",
    ),
    "exit-2": Explanation(
        title="it could not run",
        meaning="Usage, configuration, unusable input, too little memory or an internal error. Under "
        "--format json stdout is a specaudit.error/1 document. No output file was written or "
        "changed.",
        action="Do what the line after `next:` says.",
    ),
    "exit-3": Explanation(
        title="it ran, but cannot tell, or the answer is not one that was required",
        meaning="For a comparison: no gate failed, but at least one cannot decide; --on-inconclusive pass exits 0 "
        "instead. For a fit: the status of the primary exponent is not among those of --require. For a frontier: "
        "--gate was given and collapse is undecided, or weights were asked for and are refused. All other outputs "
        "were written.",
        action="Use more rows, widen the margins or relax --require; --exit-zero reports without stopping.",
    ),
    "exit-129": Explanation(
        title="its terminal was closed",
        meaning="The process got SIGHUP. No output file was half written, and earlier ones are as they were.",
        action="Run it again, under nohup or in a session that stays.",
    ),
    "exit-130": Explanation(
        title="it was interrupted",
        meaning="Someone pressed Ctrl-C, or the job was cancelled. No output file was half written.",
        action="Run it again.",
    ),
    "exit-143": Explanation(
        title="it was told to end",
        meaning="The process got SIGTERM, as schedulers send it. No output file was half written.",
        action="Run it again, with more time if that was the reason.",
    ),
}
"""Name -> explanation: warnings, statuses of a fit, gates and what they find, exit codes."""


def render(name: str) -> str:
    """Return the explanation called ``name`` (a key of ``EXPLANATIONS``) as text."""
    found = EXPLANATIONS[name]
    action = fill(f"What to do: {found.action}", WIDTH)
    return f"{name}: {found.title}\n\n{fill(found.meaning, WIDTH)}\n\n{action}\n"


def render_all() -> str:
    """Return the name and title of every entry, one a line."""
    margin = max(map(len, EXPLANATIONS))
    return "".join(f"{name:{margin}}  {found.title}\n" for name, found in EXPLANATIONS.items())
