"""`FrontierTracker`: residuals logged inside a training loop, in whatever order and on however many ranks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from specaudit.api.learning import frontier
from specaudit.dataset import IntArray
from specaudit.documents import Frontier
from specaudit.dynamics.room import Rooms
from specaudit.errors import ConfigError, InputError, UnresolvedError
from specaudit.kernels import FloatArray
from specaudit.learning.logits import plain
from specaudit.writing import write_files

if TYPE_CHECKING:
    from specaudit.api.common import Source

Log = npt.NDArray[np.float32]


class FrontierTracker:
    """A log of signed residuals of some rows.

    Residuals are recorded batch by batch, in any order and as often as one likes; a row that is recorded twice before
    a checkpoint keeps the last. `checkpoint` closes what was recorded; the first, at time 0, is the reference and
    must be recorded before the first step.

    Parameters
    ----------
    rows
        Row numbers of the embeddings that are logged, as `specaudit.sample(...).kept` has them, or a number of rows:
        all of so many. Other rows of a batch are left out, and counted in `ignored`.
    """

    def __init__(self, rows: int | Sequence[int] | npt.NDArray[np.integer]) -> None:
        numbers = np.asarray(rows)
        numbers = np.arange(int(numbers)) if numbers.ndim == 0 and numbers.dtype.kind in "iu" else numbers
        if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu" or numbers.min() < 0:
            raise ConfigError("rows: expected row numbers, or how many rows there are", next_step="count them from 0")
        self.rows: IntArray = numbers.astype(np.int64)
        self.ignored = 0
        self._places = {row: place for place, row in enumerate(self.rows.tolist())}
        if len(self._places) < len(self.rows):
            raise ConfigError("rows: a row is named twice", next_step="name every row once")
        self._open: Log | None = None
        self._outputs: int | None = None
        self._closed: list[Log | None] = []
        self._times: list[float] = []
        self._rooms: Rooms = {}

    @property
    def times(self) -> tuple[float, ...]:
        """Times of the checkpoints."""
        return tuple(self._times)

    @property
    def residuals(self) -> Log:
        """The log (checkpoints, rows, outputs); nan where nothing was recorded."""
        shape = (len(self.rows), self._outputs or 0)
        return np.array([np.full(shape, np.nan, np.float32) if log is None else log for log in self._closed])

    def record(self, row_ids: Any, residuals: Any) -> None:
        """Record the residuals (b,) or (b, outputs) of the rows (b,) of a batch.

        Raises
        ------
        InputError
            Shapes do not fit, or a residual is not finite.
        """
        numbers, values = plain(row_ids, "row_ids"), plain(residuals, "residuals")
        values = values[:, None] if values.ndim == 1 else values
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or values.ndim != 2 or len(values) != len(numbers):
            raise InputError(
                f"row_ids of shape {numbers.shape} ({numbers.dtype}) with residuals of shape {values.shape}, "
                "expected (b,) row numbers with (b,) or (b, outputs)",
                next_step="record the rows of the batch with its residuals",
            )
        outputs = self._outputs or values.shape[1]
        if values.shape[1] != outputs:
            raise InputError(
                f"residuals of {values.shape[1]} outputs, expected {outputs} as before",
                next_step="record the same outputs each time",
            )
        places = np.array([self._places.get(row, -1) for row in numbers.tolist()], np.int64)
        known = places >= 0
        values = values[known].astype(np.float32)
        if not np.isfinite(values).all():
            bad = int(numbers[known][~np.isfinite(values).all(axis=1)][0])
            raise InputError(f"the residual of row {bad} is not finite", next_step="the run may have diverged")
        self._outputs = outputs
        if self._open is None:
            self._open = np.full((len(self.rows), outputs), np.nan, np.float32)
        self._open[places[known]] = values
        self.ignored += int((~known).sum())

    def checkpoint(self, time: float) -> None:
        """Close what was recorded since the last checkpoint, as the residuals at `time`.

        Raises
        ------
        InputError
            There is no reference, at time 0; or the time is not after the last.
        """
        if not self._times and time != 0:
            raise InputError(
                f"no reference: the first checkpoint is of time {time:g}",
                next_step="record all rows before the first step of training, then call checkpoint(0)",
            )
        if self._times and not time > self._times[-1]:
            raise InputError(f"checkpoint of time {time:g} after {self._times[-1]:g}", next_step="times must rise")
        self._closed.append(self._open)
        self._times.append(float(time))
        self._open = None

    def merged(self, *others: FrontierTracker) -> FrontierTracker:
        """Return a tracker with what this one and others recorded, of the same rows at the same times.

        Where several recorded a row, the first counts, so that rows that a sampler repeats do no harm.

        Raises
        ------
        InputError
            Rows, times or outputs differ.
        """
        ranks = (self, *others)
        found = FrontierTracker(self.rows)
        found.ignored = sum(rank.ignored for rank in ranks)
        found._times = list(self._times)
        for rank in ranks:
            if not np.array_equal(rank.rows, self.rows) or rank._times != self._times:
                raise InputError(
                    "trackers of different rows or times cannot be merged",
                    next_step="give every rank the same rows, and close checkpoints at the same times",
                )
        outputs = {rank._outputs for rank in ranks if rank._outputs is not None}
        if len(outputs) > 1:
            raise InputError(
                f"trackers have {' and '.join(map(str, sorted(outputs)))} outputs", next_step="log the same"
            )
        found._outputs = next(iter(outputs), None)
        for at in range(len(self._times)):
            total: Log | None = None
            for log in (rank._closed[at] for rank in ranks):
                if log is not None:
                    total = log.copy() if total is None else np.where(np.isnan(total), log, total)
            found._closed.append(total)
        return found

    def complete(self, *, drop_incomplete: bool = False) -> tuple[IntArray, Log]:
        """Return rows (m,) and the log (checkpoints, m, outputs) without gaps.

        Parameters
        ----------
        drop_incomplete
            Leave rows out that some checkpoint lacks, instead of refusing.

        Raises
        ------
        InputError
            There are fewer than two checkpoints, or one lacks rows.
        """
        if len(self._times) < 2:
            raise InputError(
                f"{len(self._times)} checkpoints are closed, expected the reference and at least one more",
                next_step="call checkpoint(time) after recording",
            )
        log = self.residuals
        missing = np.asarray(np.isnan(log).any(axis=2)) if log.shape[2] else np.ones(log.shape[:2], np.bool_)
        if missing.any() and not drop_incomplete:
            lacking = missing.sum(axis=1)
            at = int(np.flatnonzero(lacking)[0])
            raise InputError(
                f"the checkpoint at time {self._times[at]:g} lacks {lacking[at]:,} of {len(self.rows):,} rows",
                next_step="record them, merge the other ranks' trackers, or give drop_incomplete=True",
            )
        whole = ~missing.any(axis=0)
        return self.rows[whole], log[:, whole]

    def save(self, folder: str | os.PathLike[str], *, drop_incomplete: bool = False) -> None:
        """Write the log to a new directory: rows.npy and a step file for each checkpoint.

        `specaudit frontier EMB FOLDER --rows FOLDER/rows.npy` reads it.

        Raises
        ------
        InputError
            As `complete`; or the directory exists.
        """
        rows, log = self.complete(drop_incomplete=drop_incomplete)
        target = Path(folder)
        try:
            target.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"{target}: {error.strerror}", next_step="name a new directory") from error
        steps = [(f"step_{_plain_number(time)}", part) for time, part in zip(self._times, log, strict=True)]
        contents = []
        for name, values in [("rows", rows), *steps]:
            stream = BytesIO()
            np.save(stream, values, allow_pickle=False)
            contents.append((target / f"{name}.npy", stream.getvalue()))
        write_files(contents)

    def frontier(self, source: Source, *, drop_incomplete: bool = False, **options: Any) -> Frontier:
        """Return what the run has learned by the last checkpoint, as `specaudit.frontier` with these options does."""
        rows, log = self.complete(drop_incomplete=drop_incomplete)
        return frontier(source, log, times=self._times, rows=rows, rooms=self._rooms, **options)

    def next_weights(self, source: Source, *, drop_incomplete: bool = False, **options: Any) -> FloatArray:
        """Return a weight for each row of the embeddings (n,); rows that are not logged have weight 1, the mean.

        Raises
        ------
        UnresolvedError
            None are proposed; the message says why.
        """
        found = self.frontier(source, drop_incomplete=drop_incomplete, **options)
        if found.proposal.kind == "refused":
            raise UnresolvedError(
                f"no weights are proposed: {found.proposal.reason}", next_step="keep the weights that you have"
            )
        return np.array(found.weights)


def _plain_number(time: float) -> str:
    """Return a time as the name of a step file has it, without an exponent."""
    return np.format_float_positional(time, trim="-")
