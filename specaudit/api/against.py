"""`compare` with a saved baseline in the place of BEFORE."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from specaudit import documents as doc
from specaudit.api.common import MAX_ROWS, environment
from specaudit.api.planning import is_baseline
from specaudit.api.sides import Reader, check_models
from specaudit.budget import check_memory, comparison_memory, usable_threads
from specaudit.comparison import KernelChange
from specaudit.documents.reading import read_document
from specaudit.draws import Design
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError, InputError
from specaudit.kernels import DOUBLE
from specaudit.ladder import Ladder, Sketch, compare_ladder, unchanged
from specaudit.progress import Progress, SilentProgress
from specaudit.relation import Expectation, Relation
from specaudit.report.baseline import ladder_from, sketch_from
from specaudit.report.compare.assemble import assemble_comparison, relation_document, side
from specaudit.sampling import relative_scale
from specaudit.subsets import SampledRows
from specaudit.version import ESTIMATOR_VERSION

if TYPE_CHECKING:
    from specaudit.api.common import Source


def find_baseline(before: object) -> doc.Baseline | None:
    """Return the baseline that BEFORE names, or None where it names embeddings.

    Raises
    ------
    InputError
        It names another document, or a baseline that this version cannot be compared with.
    """
    if isinstance(before, doc.Baseline):
        found: object = before
    elif is_baseline(before):
        found = before if isinstance(before, doc.Baseline) else read_document(before)
    else:
        return None
    name = "BEFORE" if before is found else os.fsdecode(before)  # type: ignore[arg-type]
    if not isinstance(found, doc.Baseline):
        raise InputError(f"{name}: is no baseline", next_step="write one with specaudit fit EMB --baseline FILE")
    versions = {spectrum.estimator.version for spectrum in found.fit.spectra.values()}
    if versions != {ESTIMATOR_VERSION}:
        raise InputError(
            f"{name}: made by estimator {', '.join(sorted(versions))}, this is {ESTIMATOR_VERSION}",
            next_step="make the baseline again with this version",
        )
    return found


def compare_with_baseline(
    baseline: doc.Baseline,
    after: Source,
    *,
    seed: int | None,
    expect: Expectation,
    kernels: Sequence[str],
    given: dict[str, Any],
    model: str | None,
    model_after: str | None,
    opening: dict[str, Any],
    drop_bad_rows: bool,
    threads: int | None,
    max_rows: int = MAX_ROWS,
    max_memory: int | None,
    command: str,
    progress: Progress | None,
) -> doc.Comparison:
    """Return the comparison, not yet judged; kernels, normalisation and seed are the baseline's.

    `given` holds the kernel settings of the call, which must not contradict the baseline's.
    """
    old = baseline.fit.dataset
    for name in (model, model_after):
        check_models(old.model or model, name)
    if seed not in (None, baseline.seed):
        raise ConfigError(
            f"seed {seed} was asked for, but the baseline has {baseline.seed}",
            next_step="drop the setting, or make the baseline again with it",
        )
    names = _kernels(baseline, kernels, given)
    normalize = baseline.fit.spectra[names[0]].kernel.normalize
    report, cores = progress or SilentProgress(), usable_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        reader = Reader.of(
            stack,
            report,
            **opening,
            max_memory=max_memory,
            seed=baseline.seed,
            max_rows=max_rows,
            normalize=normalize,
            drop_bad_rows=drop_bad_rows,
        )
        data = reader.read(after, None)
        if data.embeddings.dimensions != old.dimensions:
            raise InputError(
                f"{data.embeddings.name}: {data.embeddings.dimensions:,} dimensions, but the baseline is of "
                f"{old.dimensions:,}",
                next_step="compare embeddings of one model",
            )
        sampled = min(len(data.copies), max_rows)
        itemsize = 8 if set(names) & set(DOUBLE) else 4
        check_memory(
            lambda most: comparison_memory(
                (0, data.embeddings.rows),
                (min(sampled, most), min(sampled, most)),
                old.dimensions,
                cores,
                itemsize=itemsize,
                copies=len(data.copies) < data.rows,
            ),
            max_memory,
            max_rows,
            held=held_texts(data.embeddings),
        )
        sketch = sketch_from(baseline)
        relation = sketch.relation(data, baseline.seed)
        _check_expectation(relation, expect)
        order = data.keyed(baseline.seed)[1][:sampled]
        sample = SampledRows(rows=data.read(order, normalize), copies=data.copies[order])
        scale = relative_scale(baseline.median_distance, sample.rows) if expect == "fresh" else None
        shared = _overlap(relation, sketch, len(data.copies), sampled)
        same = data.digest == old.digest
        changes: dict[str, KernelChange] = {}
        design = Design(size=sketch.sampled, drawn="none", before=sketch.sampled, after=sampled, shared=shared)
        for name in names:
            ladder = ladder_from(baseline, name)
            with report.stage(f"{name} change") as stage:
                if same:
                    changes[name] = unchanged(ladder, len(names))
                    continue
                changes[name], design = _change(
                    ladder, sample, sketch.sampled, shared, len(names), baseline.seed, cores, stage.update
                )
    return assemble_comparison(
        _before(baseline),
        side(data, name=data.embeddings.name, model=model_after or model or old.model, sampled=sampled),
        relation_document(relation, expect, shared, scale),
        changes,
        design,
        doc.Rows(
            before=old.rows - old.dropped_rows,
            after=data.rows,
            unique_before=old.unique_rows,
            unique_after=len(data.copies),
            removed_far=(),
            searched=0,
        ),
        None,
        command=command,
        seed=baseline.seed,
        environment=environment(cores),
    )


def _kernels(baseline: doc.Baseline, kernels: Sequence[str], given: dict[str, Any]) -> list[str]:
    """Return the kernels to compare; raise ConfigError where the call contradicts the baseline."""
    missing = [name for name in kernels if name not in baseline.ladders]
    names = [name for name in kernels if name in baseline.ladders]
    if missing and not names:
        raise ConfigError(
            f"the baseline has no kernel {', '.join(missing)}", next_step=f"it has {', '.join(baseline.ladders)}"
        )
    for name in names:
        kernel = baseline.fit.spectra[name].kernel
        for setting, value in given.items():
            theirs = getattr(kernel, setting)
            asked = value not in (None, "none", False)  # which a call without the setting has
            if asked and value != theirs and _has(name, setting):
                raise ConfigError(
                    f"{setting} {value} was asked for, but the baseline's {name} kernel has {theirs}",
                    next_step="drop the setting, or make the baseline again with it",
                )
    return names


def _has(name: str, setting: str) -> bool:
    """Tell whether a kernel has a setting: only the linear one is centred, and it has no bandwidth."""
    return {"centered": name == "linear", "bandwidth": name != "linear"}.get(setting, True)


def _check_expectation(relation: Relation, expected: Expectation) -> None:
    if expected == "prune" and relation.added:
        raise InputError(
            f"about {relation.added:,} different rows of AFTER are not rows of the baseline's data",
            next_step="--expect augment or any if rows were added; else check that one model made both",
        )
    if expected == "augment" and relation.removed:
        raise InputError(
            f"about {relation.removed:,} different rows of the baseline's data are missing in AFTER",
            next_step="--expect prune or any if rows were removed; else check that one model made both",
        )


def _overlap(relation: Relation, sketch: Sketch, unique: int, sampled: int) -> int:
    """Return how many rows both samples hold: shared rows whose key is below both samples' last."""
    return round(relation.shared * min(sketch.sampled / sketch.unique, sampled / unique))


def _change(
    ladder: Ladder,
    sample: SampledRows,
    before: int,
    shared: int,
    kernels: int,
    seed: int,
    cores: int,
    update: Any,
) -> tuple[KernelChange, Design]:
    found = compare_ladder(
        ladder, sample, before=before, shared=shared, kernels=kernels, seed=seed, threads=cores, progress=update
    )
    if found is None:
        raise InputError(
            f"AFTER has {sample.unique:,} different rows, fewer than the baseline's smallest step of "
            f"{ladder.steps[-1].rows:,}",
            next_step="compare it with the embeddings themselves, or with more rows",
        )
    return found


def _before(baseline: doc.Baseline) -> doc.Side:
    old = baseline.fit.dataset
    return doc.Side(
        source=old.source,
        source_version=old.source_version,
        model=old.model,
        rows=old.rows - old.dropped_rows,
        dimensions=old.dimensions,
        dtype=old.dtype,
        digest=old.digest,
        dropped_rows=old.dropped_rows,
        unique_rows=old.unique_rows,
        effective_rows=old.effective_rows,
        duplicate_fraction=old.duplicate_fraction,
        sampled_rows=baseline.sampled_rows,
        baseline=True,
    )
