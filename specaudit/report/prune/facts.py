"""A pruning in words: what is kept, how it was audited, and the table of methods as rows of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.compare import facts as compared
from specaudit.report.compare.diversity import INDICES
from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import Consistency, DiversityChange, FiniteRegion, Pruning, Search, Test, Trial

REFERENCE = "random"
TABLE_HEADS = ("method", "keep", "rows", "verdict", "capacity", "change of b₂", "front")
MORE_HEADS = ("front to rank", "tail", "largest ratio ≤ C")
DIVERSITY_HEADS = ("method", "keep", *INDICES.values())
MEANING = (
    "Capacity: change of ln κ at the deepest test. Both changes are against random rows of equal number, ± the "
    "half-width of their interval; random is the reference, no recommendation. Front: eigenvalues after / before, at "
    "least, in the bin that gained most. A falling b₂ is on the measured window, a finite-region effect, and no "
    "claim on the asymptote."
)


def headline(pruning: Pruning) -> str:
    """Return the finding in a sentence."""
    if pruning.audit is not None:
        return compared.headline(pruning.audit)
    if pruning.search is not None:
        return f"Inconclusive: no share of the rows down from {_percent(pruning.search.bracket[1])} passes."
    passing = {trial.method for trial in pruning.trials if trial.verdict == "pass"} - {REFERENCE}
    told = "no method passes at any share"
    if passing:
        told = ", ".join(
            f"{name} from {_percent(_smallest(pruning, name))} on" for name in _ordered(pruning, passing)
        )
        told = f"passing: {told}"
    shares = "a share" if len(pruning.keep) == 1 else f"{len(pruning.keep)} shares"
    return f"{len(pruning.methods)} methods at {shares} of {pruning.rows.before:,} rows; {told}."


def kept(pruning: Pruning) -> str:
    """Return what a method does to how many rows."""
    method = pruning.methods[0]
    rows = pruning.rows
    after = f"{rows.after:,}" if rows.after is not None else "some"
    if pruning.cap is not None:
        weights = f"weights of mean 1, at most {number(pruning.cap)}"
        return f"{method.name}: {weights}, for {method.keeps}; audited on {after} of {rows.before:,} rows"
    return f"{method.name}: {after} of {rows.before:,} rows, {method.keeps}"


def pruning_facts(pruning: Pruning) -> list[tuple[str, str]]:
    """Return what a single pruning is and how it stands against its bound."""
    facts = [("kept", kept(pruning)), ("source", pruning.methods[0].source)]
    if pruning.search is not None:
        facts += search_facts(pruning.search)
    facts.append(("0 ≤ T_w ≤ C T", _bound_sentence(pruning.bound)))
    return facts


def search_facts(search: Search) -> list[tuple[str, str]]:
    """Return between which shares the smallest that passes lies, and on what that rests."""
    last, missed = map(_percent, search.bracket)
    found = f"passes at {last}, no longer at {missed}" if search.confirmed else f"none passes; tried from {missed}"
    halves = f"searched on {search.rows[0]:,} rows, {_audits(len(search.searched))}; " + (
        f"confirmed on {search.rows[1]:,} others, {_audits(len(search.confirmations))}"
        if search.confirmed
        else f"not confirmed on {search.rows[1]:,} others"
    )
    facts = [("smallest share", found), ("halves", halves)]
    if search.reference is not None:
        facts.append(("random rows", f"{search.reference.verdict} at {last}: the reference, no recommendation"))
    return facts


def table_cells(pruning: Pruning, trial: Trial) -> tuple[str, ...]:
    """Return an audit as a row under ``TABLE_HEADS``."""
    spectrum = trial.spectra[pruning.primary]
    return (
        shown(trial.method),
        _percent(trial.keep),
        f"{trial.rows:,}",
        trial.verdict,
        _change(deepest(spectrum.tests)),
        _change(tail(spectrum.tests)),
        _front(spectrum.finite_region),
    )


def more_cells(pruning: Pruning, trial: Trial) -> tuple[str, ...]:
    """Return what further columns say of an audit, under ``MORE_HEADS``: the finite region and the bound."""
    region = trial.spectra[pruning.primary].finite_region
    return (
        f"{region.cutoff:,}" if region is not None and region.cutoff is not None else "-",
        "-" if region is None else f"× {number(region.tail_ratio, 3)}",
        _bound(trial.bound),
    )


def diversity_cells(pruning: Pruning, trial: Trial) -> tuple[str, ...]:
    """Return the diversity at equal size, after / before, as a row under ``DIVERSITY_HEADS``.

    An index is that of the primary kernel, or else of the first that has it: RankMe is of the linear one.
    """
    spectra = [trial.spectra[pruning.primary], *trial.spectra.values()]
    found = {name: next((s.diversity[name] for s in spectra if name in s.diversity), None) for name in INDICES}
    cells = ("-" if change is None else _times(change) for change in found.values())
    return (shown(trial.method), _percent(trial.keep), *cells)


def bounds_sentence(pruning: Pruning) -> str:
    """Return whether 0 <= T_w <= C T holds in all audits, and how near to it the nearest comes."""
    bounds = [trial.bound for trial in pruning.trials if trial.bound is not None]
    if not bounds:
        return "0 ≤ T_w ≤ C T was not checked."
    broken = sum(not bound.holds for bound in bounds)
    nearest = max(bounds, key=lambda bound: bound.observed / bound.limit)
    told = "holds in all" if not broken else f"is broken in {broken:,} of"
    ratio = f"{number(nearest.observed, 3)} of C = {number(nearest.limit, 3)}"
    return f"0 ≤ T_w ≤ C T {told} {len(bounds):,} audits; the nearest ratio of eigenvalues is {ratio}."


def deepest(tests: tuple[Test, ...]) -> Test | None:
    """Return the capacity test at the most effective dimensions."""
    return max((t for t in tests if t.dimension is not None), key=lambda t: t.dimension or 0.0, default=None)


def tail(tests: tuple[Test, ...]) -> Test | None:
    """Return the test of the exponent."""
    return next((test for test in tests if test.statistic == "tail"), None)


def _audits(count: int) -> str:
    return f"{count} audit{'s' * (count != 1)}"


def _smallest(pruning: Pruning, name: str) -> float:
    """Return the smallest share down to which a method passes at every larger one, or else at which it passes."""
    found = sorted((t for t in pruning.trials if t.method == name), key=lambda t: -t.keep)
    passed = [t.keep for t in found if t.verdict == "pass"]
    first = next((at for at, t in enumerate(found) if t.verdict != "pass"), len(found))
    return found[first - 1].keep if first else max(passed)


def _ordered(pruning: Pruning, names: set[str]) -> list[str]:
    return [method.name for method in pruning.methods if method.name in names]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _change(test: Test | None) -> str:
    return "-" if test is None else f"{test.change:+.3f} ± {(test.high - test.low) / 2:.3f}"


def _times(change: DiversityChange) -> str:
    return f"× {change.ratio:.3f} ± {(change.high - change.low) / 2:.3f}"


def _front(region: FiniteRegion | None) -> str:
    return "-" if region is None else f"× {number(region.peak_gain, 3)}"


def _bound(bound: Consistency | None) -> str:
    return "-" if bound is None else f"{number(bound.observed, 3)} ≤ {number(bound.limit, 3)}"


def _bound_sentence(bound: Consistency | None) -> str:
    if bound is None:
        return "not checked: AFTER's sample is no part of BEFORE's"
    holds = "holds" if bound.holds else "is broken"
    return f"{holds}: ratio of eigenvalues at most {number(bound.observed, 3)}, C = {number(bound.limit, 3)}"
