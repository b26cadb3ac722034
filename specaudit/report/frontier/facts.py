"""The frontier document in words: the same for every renderer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import number, percent

if TYPE_CHECKING:
    from specaudit.documents import Checkpoint, Frontier, NoiseBegin

HEADS = ("time", "k*", "low", "high", "status", "squared residual")
SAID = {"none": "no", "collapse": "yes", "undecided": "undecided"}
ROOM = {"headroom": "some", "none": "none", "unresolved": "unresolved"}
MOST_LINES = 24
"""Checkpoints of a table; of more, some are left out."""
OF_OPTIMISER = (
    "k* is the mode up to which residuals are down to 1/e. Growth depends on the optimiser: compare runs of one only."
)


def headline(found: Frontier) -> str:
    """Return the finding in a sentence or two."""
    last = found.checkpoints[-1]
    at = f" at time {number(last.time)}" if last.time is not None else ""
    if last.frontier is not None and last.low is not None and last.high is not None:
        start = f"Modes up to {last.frontier:.0f} are learned{at} (95 % interval {last.low:.0f} to {last.high:.0f})"
    elif last.status == "below":
        start = f"Not even the leading mode is learned{at}"
    elif last.status == "beyond":
        start = f"All {found.modes.count:,} modes that can be told apart are learned{at}"
    else:
        start = f"The last checkpoint{at} has residuals of other rows"
    return f"{start}; {_growth(found)}. {_collapse(found)}. {_room(found)}."


def _growth(found: Frontier) -> str:
    growth = found.growth
    if growth.status == "measured" and growth.value is not None:
        return f"the frontier grows as t^{growth.value:.2f} ({growth.low:.2f} to {growth.high:.2f})"
    return f"growth {growth.status.replace('-', ' ')}: {growth.reason}"


def _collapse(found: Frontier) -> str:
    ratio = "" if found.collapse.ratio is None else f" (D {found.collapse.ratio:.2f})"
    return {
        "none": f"Weights by residuals do not gather on noise{ratio}",
        "collapse": f"Weights by residuals would gather on noise{ratio}",
        "undecided": f"Whether weights by residuals gather on noise is undecided{ratio}",
    }[found.collapse.status]


def _room(found: Frontier) -> str:
    room = found.headroom
    if room.gain is None or room.null is None or room.null.limit is None:
        return "Whether weights have headroom is unresolved"
    factor = f"a factor of {room.gain:.2f} at most, {room.null.limit:.2f} by chance"
    return f"Weights have {'some' if room.verdict == 'headroom' else 'no'} headroom ({factor})"


def run_facts(found: Frontier) -> Iterator[tuple[str, str]]:
    """Yield what is said of the log and its rows."""
    run, modes, kernel = found.run, found.modes, found.kernel
    yield "embeddings", f"{shown(run.source)}: {run.rows:,} rows, {run.dimensions:,} dimensions"
    yield (
        "residuals",
        f"{shown(run.residuals)}: {run.checkpoints:,} checkpoints, {run.logged_rows:,} rows "
        f"({run.used_rows:,} used), {run.outputs:,} output{'s' * (run.outputs != 1)}",
    )
    length = "" if kernel.bandwidth is None else f", bandwidth {number(kernel.bandwidth)} ({kernel.bandwidth_rule})"
    yield "kernel", f"{kernel.name}{length}"
    yield "modes", f"{modes.count:,} leading ones, {'exact' if modes.exact else 'by block Lanczos'}"
    yield (
        "rows belong",
        f"{percent(modes.aligned_share)} of the reference is in the leading modes, {percent(modes.random_share)} in "
        "random order",
    )


def frontier_facts(found: Frontier) -> Iterator[tuple[str, str]]:
    """Yield growth, noise, collapse and next weights."""
    growth, noise, collapse, proposal = found.growth, found.noise, found.collapse, found.proposal
    slope = "" if growth.value is None else f"{growth.value:.3f} ({growth.low:.3f} to {growth.high:.3f}), "
    yield "growth d ln k* / d ln t", f"{slope}{growth.status.replace('-', ' ')}: {growth.reason}"
    if growth.local_exponent is not None:
        yield (
            "eigenvalues there",
            f"fall as k^-{growth.local_exponent:.2f}; gradient descent at a constant rate would grow as "
            f"t^{1 / growth.local_exponent:.2f}",
        )
    if noise.rank is None:
        yield "noise begins", f"past these modes{_floor(noise)}" if noise.share else "not seen"
    else:
        yield "noise begins", f"at mode {noise.rank:.0f}{_floor(noise)}"
    if collapse.ratio is None:
        yield "collapse of weights", "undecided: residuals of near rows have too little in common"
    else:
        yield (
            "collapse of weights",
            f"{SAID[collapse.status]}: D {collapse.ratio:.2f} at checkpoint {collapse.checkpoint} "
            f"(no from {collapse.safe:.2f}, yes below {collapse.certain:.2f})",
        )
    yield "headroom of weights", f"{ROOM[found.headroom.verdict]}: {_room_reason(found)}"
    yield "next weights", f"{proposal.kind}: {proposal.reason}"
    if proposal.largest is not None and proposal.effective_share is not None:
        yield (
            "",
            f"of {proposal.rows:,} rows; largest {proposal.largest:.2f} (cap {proposal.cap:g}), "
            f"as good as {percent(proposal.effective_share)} of the rows",
        )


def _room_reason(found: Frontier) -> str:
    room = found.headroom
    deeper = room.rank is not None and room.rank < room.learned
    return f"{room.reason}{f'; {room.learned:,} modes are learned' if deeper else ''}"


def _floor(noise: NoiseBegin) -> str:
    return "" if noise.share is None else f"; its floor has {percent(noise.share)} of the reference's energy"


def lines(found: Frontier) -> list[tuple[str, ...]]:
    """Return the table of checkpoints: all, or as many as fit, evenly, the first and the last among them."""
    count = len(found.checkpoints)
    step = (count - 1) / (min(count, MOST_LINES) - 1)
    places = dict.fromkeys(round(step * line) for line in range(min(count, MOST_LINES)))
    return [_line(place, found.checkpoints[place]) for place in places]


def left_out(found: Frontier) -> str:
    """Return how many checkpoints the table leaves out; nothing where it has all."""
    more = len(found.checkpoints) - MOST_LINES
    return f"{more:,} checkpoints between these are left out; the document has them." if more > 0 else ""


def reproduce_facts(found: Frontier) -> Iterator[tuple[str, str]]:
    """Yield how to get the numbers again."""
    if found.reproduce.command:
        yield "command", shown(found.reproduce.command, 400)
    yield "seed", str(found.reproduce.seed)
    yield "embeddings", found.run.digest


def _line(place: int, point: Checkpoint) -> tuple[str, ...]:
    time = f"#{place}" if point.time is None else number(point.time)
    ends = ("-" if value is None else f"{value:.1f}" for value in (point.frontier, point.low, point.high))
    return (time, *ends, point.status, number(point.mean_square))
