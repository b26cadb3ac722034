"""What every warning, status and exit code means, and what to do about it: one literal registry."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

WIDTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An entry of the registry."""

    title: str
    meaning: str
    action: str


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
        meaning="The last Lanczos steps still moved the slope over the window when the step budget was used "
        "up, as happens for spectra that fall very fast. That move counts as probe error in the interval, "
        "but what further steps would add is not known.",
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
    "resolved": Explanation(
        title="the data set has one tail exponent on the window",
        meaning="The local exponent is constant across the window within its errors, and a nested half of "
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
        title="the rows do not determine an exponent",
        meaning="There are too few rows, or errors too large, for a slope over a useful window. The "
        "reason and, where it is known, the number of rows that would do are given. It does not "
        "mean that there is no power law.",
        action="Use more rows, or raise --max-rows if the data set was sampled.",
    ),
    "exit-0": Explanation(
        title="the run finished",
        meaning="Every gate passed, or nothing was gated. A fit exits 0 whatever its status is, unless "
        "--require is given.",
        action="Nothing.",
    ),
    "exit-1": Explanation(
        title="a gate decided and failed",
        meaning="Nothing else ever returns 1, so a pipeline may stop a change on it. A fit has no gates.",
        action="Read which gate failed and by how much.",
    ),
    "exit-2": Explanation(
        title="it could not run",
        meaning="Usage, configuration, unusable input, too little memory or an internal error. Under "
        "--format json stdout is a specaudit.error/1 document. No output file was written or "
        "changed.",
        action="Do what the line after `next:` says.",
    ),
    "exit-3": Explanation(
        title="it ran, but the answer is not one that was required",
        meaning="For a fit: the status of the primary exponent is not among those of --require. All "
        "outputs were written.",
        action="Use more rows, relax --require, or give --exit-zero to report without stopping.",
    ),
    "exit-130": Explanation(
        title="it was interrupted",
        meaning="Someone pressed Ctrl-C, or the job was cancelled. No output file was half written.",
        action="Run it again.",
    ),
}
"""Name -> explanation: warnings, statuses, exit codes."""


def render(name: str) -> str:
    """Return the explanation called ``name`` (a key of ``EXPLANATIONS``) as text."""
    found = EXPLANATIONS[name]
    action = fill(f"What to do: {found.action}", WIDTH)
    return f"{name}: {found.title}\n\n{fill(found.meaning, WIDTH)}\n\n{action}\n"


def render_all() -> str:
    """Return the name and title of every entry, one a line."""
    margin = max(map(len, EXPLANATIONS))
    return "".join(f"{name:{margin}}  {found.title}\n" for name, found in EXPLANATIONS.items())
