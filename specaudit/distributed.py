"""An engine of processes: bands of rows, and searches in an array that all share, on a Dask cluster.

Tasks are pure, so that those of a worker that dies run again elsewhere. The rows of files are read by the workers;
what comes back is what a task found, a few tasks ahead of what was asked for.
"""

from __future__ import annotations

import gc
import logging
import platform
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version as version_of
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import HERE, Band, Embeddings, Engine
from specaudit.embeddings.display import shown
from specaudit.embeddings.extras import needs
from specaudit.embeddings.matrices import Matrix
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import STDIN, Part
from specaudit.embeddings.unopened import Unopened, forget
from specaudit.errors import ConfigError, InputError, SpecauditError
from specaudit.scratch import quiet_tracker, scratch_folder
from specaudit.sent import PIECE, Refusal, absolute, files, portable, refused
from specaudit.version import ESTIMATOR_VERSION, __version__

Array = npt.NDArray[Any]
A = TypeVar("A")
R = TypeVar("R")

AHEAD = 2
"""Tasks that are under way or done but not yet asked for, for each thread of the cluster."""
CONNECTING = 15.0
"""Seconds in which a scheduler must answer and a first worker must be there."""
PATIENCE = 60.0
"""Seconds without any worker after which a run gives up."""
LOCAL = {
    # Without MALLOC_TRIM_THRESHOLD_, which Dask sets: it takes thrice the processor time where arrays come and go.
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1
    ),
    "distributed.worker.profile.enabled": False,
}
"""Settings of a cluster of this machine."""
LOGGERS = ("distributed", "distributed.client", "asyncio")
"""Those to which the library gives levels of their own here, and the one that tells of tasks it leaves behind."""
ADDRESS = re.compile(r"(tcp|tls|wss?)://(\[[0-9a-fA-F:.]+\]|[^\s:/?#@\[\]]+):([1-9]\d{0,4})")


@contextmanager
def engine_of(workers: int | None, address: str | None) -> Iterator[Engine]:
    """Yield the engine that is asked for: so many processes of this machine, a cluster, or this process.

    Raises
    ------
    ConfigError
        Both are given; the cluster cannot be reached, has no workers, or other versions than this process.
    InputError
        Dask is not installed.
    """
    if workers is not None and address is not None:
        raise ConfigError("--workers and --dask exclude each other", next_step="give one of them")
    if workers is None and address is None:
        yield HERE
        return
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    if address is not None and not ADDRESS.fullmatch(address):
        raise ConfigError(
            f"--dask {shown(address, 100)}: no address, which is (tcp|tls|ws|wss)://HOST:PORT",
            next_step="for example --dask tcp://host:8786",
        )
    with needs("dask", f"--dask {address}" if workers is None else f"--workers {workers}"):
        import dask
        import distributed
    with ExitStack() as stack:
        stack.enter_context(_silenced())
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TiB"}))
        if workers is not None:
            scratch = stack.enter_context(scratch_folder())
            stack.enter_context(dask.config.set({**LOCAL, "temporary-directory": scratch}))
            address = stack.enter_context(_local_cluster(workers))
        try:
            if workers is None:
                _check_address(str(address))
            client = stack.enter_context(
                distributed.Client(address, timeout=CONNECTING, set_as_default=False, name="specaudit")
            )
            client.wait_for_workers(1, timeout=CONNECTING)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"--dask {address}: no scheduler with workers answers: {shown(error, 100) or 'timed out'}",
                next_step="check the address, and that workers have joined: dask worker ADDRESS",
            ) from None
        _check_versions(client)
        run = uuid4().hex
        try:
            yield DaskEngine(client=client, run_name=run)
        finally:
            if workers is None:
                with suppress(Exception):  # a cluster that is gone has forgotten it
                    client.run(forget, run)


def _check_address(address: str) -> None:
    """Raise what a client would raise of an address that it cannot even try, and then not close."""
    from distributed.comm import get_address_host
    from distributed.security import Security

    get_address_host(address).encode("idna")
    secure = address.startswith(("tls:", "wss:"))
    if secure and Security().get_connection_args("client").get("ssl_context") is None:
        raise ConfigError(
            f"--dask {address}: Dask is configured with no certificates",
            next_step="set distributed.comm.tls in its configuration, or give a tcp:// address",
        )


def _local_cluster(workers: int) -> Any:
    from distributed import LocalCluster

    try:
        with _uninterrupted():
            return LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True,
                dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
            )  # fmt: skip
    except RuntimeError as error:
        raise ConfigError(
            f"--workers {workers}: the processes did not start: {shown(error, 100)}",
            next_step="in a program of your own, call it under: if __name__ == '__main__'",
        ) from None


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep an interrupt until this is over, and for good from the threads and processes that begin meanwhile.

    A terminal sends it to all processes of the run; this one ends the others.
    """
    quiet_tracker()  # which would let it through again in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what the library logs of lost and closed connections to itself: what matters is raised."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    except BaseException:
        gc.collect()  # a task that failed unseen is told of when it is collected
        raise
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _versions() -> dict[str, str]:
    """Return what must be the same wherever tasks run, lest numbers differ or messages are not understood."""
    return {
        "specaudit": _version(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version_of(name) for name in ("numpy", "faiss-cpu", "distributed")},
    }


def _check_versions(client: Any) -> None:
    mine = _versions()
    try:
        found = client.run(_versions, on_error="return")
    except Exception as error:  # what a worker of another version makes of a message may be anything
        found = {"a worker": error}
    for worker, theirs in found.items():
        if not isinstance(theirs, dict):
            raise ConfigError(
                f"worker {worker}: cannot run specaudit {__version__}: {shown(theirs, 120)}",
                next_step=f"pip install 'specaudit[dask]=={__version__}' where the workers run",
            )
        for name, version in mine.items():
            if theirs.get(name) != version:
                raise ConfigError(
                    f"worker {worker}: has {name} {theirs.get(name)}, this process {version}",
                    next_step="install the same versions where the workers run",
                )


@dataclass(frozen=True, kw_only=True)
class DaskEngine:
    """The workers of a cluster; `run_name` tells one run from others on the same workers."""

    client: Any = field(repr=False)
    run_name: str

    @property
    def width(self) -> int:
        """How many tasks run at once."""
        return max(1, sum(self._cores("this run").values()))

    def open(self, parts: Sequence[Part], options: Sequence[Options]) -> list[Matrix]:
        """Return the matrix of each part, opened by workers; standard input is read here."""
        away = [k for k, part in enumerate(parts) if part.suffix != STDIN]
        calls = ((_open, (absolute(parts[k]), options[k], self.run_name), parts[k].label) for k in away)
        opened: dict[int, Matrix] = dict(zip(away, self._results(calls), strict=True))
        here = [k for k in range(len(parts)) if k not in opened]
        opened |= zip(here, HERE.open([parts[k] for k in here], [options[k] for k in here]), strict=True)
        return [opened[k] for k in range(len(parts))]

    def run(
        self, task: Callable[[Embeddings, A], R], embeddings: Embeddings, jobs: Iterable[tuple[Band, A]]
    ) -> Iterator[R]:
        """Yield what the task finds in the rows of each band, in order."""
        calls = (
            (_in_band, (task, portable(embeddings.band(band)), argument), embeddings.locate(band.start))
            for band, argument in jobs
        )
        yield from self._results(calls)

    def spread(self, task: Callable[[Array, A], R], shared: Array, jobs: Sequence[A]) -> list[R]:
        """Return what the task finds for each job in an array, which the workers get once, piece by piece."""
        step = max(1, PIECE // max(1, shared[:1].nbytes))
        with _reached("a search"):
            pieces = [
                self.client.submit(_piece, shared[low : low + step], pure=False)
                for low in range(0, len(shared), step)
            ]
            whole = self.client.submit(_joined, pieces, pure=False)
        return list(self._results((_in_array, (task, whole, job), "a search") for job in jobs))

    def _results(self, calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...], str]]) -> Iterator[Any]:
        """Yield the results of calls in order; few of them are under way at once."""
        pending: deque[tuple[Any, str, tuple[Part, ...]]] = deque()
        left = iter(calls)
        try:
            while True:
                while len(pending) < AHEAD * self.width and (call := next(left, None)) is not None:
                    function, arguments, where = call
                    with _reached(where):
                        future = self.client.submit(_guarded, _version(), function, *arguments, pure=False)
                    pending.append((future, where, tuple(files(arguments))))
                if not pending:
                    return
                result = self._result(*pending[0][:2])
                *_, read = pending.popleft()
                if isinstance(result, Refusal):
                    raise refused(result, read)
                yield result
        finally:
            with suppress(*_losses()):
                self.client.cancel([future for future, *_ in pending])

    def _result(self, future: Any, where: str) -> Any:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        alone = 0.0
        while True:
            began = time.monotonic()
            try:
                return future.result(timeout=5.0)
            except KilledWorker as error:
                raise InputError(
                    f"{where}: {error.allowed_failures + 1} workers died at these rows",
                    next_step="give each worker more memory, or look at what ended them",
                ) from None
            except CancelledError:
                raise _lost(where) from None
            except OSError as error:
                if future.status == "error":  # raised by the task
                    raise
                if not isinstance(error, TimeoutError):
                    raise _lost(where) from None
            alone = 0.0 if self._cores(where) else alone + time.monotonic() - began
            if alone > PATIENCE:
                raise InputError(
                    f"{where}: no worker for {PATIENCE:.0f} s", next_step="start workers, then run again"
                )

    def _cores(self, where: str) -> dict[str, int]:
        with _reached(where):
            cores: dict[str, int] = self.client.ncores()
            return cores


def _losses() -> tuple[type[Exception], ...]:
    """Return what the library raises once its connection to the scheduler is gone, CommClosedError among OSError."""
    from distributed.client import ClosedClientError

    return OSError, ClosedClientError


@contextmanager
def _reached(where: str) -> Iterator[None]:
    try:
        yield
    except _losses():
        raise _lost(where) from None


def _lost(where: str) -> InputError:
    return InputError(f"{where}: the cluster gave the work up", next_step="check that its scheduler still runs")


def _version() -> str:
    return f"{__version__} (estimator {ESTIMATOR_VERSION})"


def _guarded(version: str, function: Callable[..., R], *arguments: Any) -> R | Refusal:
    if version != _version():  # a worker that joined after the others were asked
        return Refusal(
            problem=f"a worker has specaudit {_version()}, this process {version}",
            next_step="install the same version where the workers run",
        )
    try:
        return function(*arguments)
    except SpecauditError as error:
        return Refusal(problem=error.problem, next_step=error.next_step)


def _open(part: Part, options: Options, run: str) -> Unopened:
    return Unopened.of(part, options, run)


def _in_band(task: Callable[[Embeddings, A], R], part: Embeddings, argument: A) -> R:
    return task(replace(part, engine=HERE), argument)


def _in_array(task: Callable[[Array, A], R], shared: Array, job: A) -> R:
    return task(shared, job)


def _piece(values: Array) -> Array:
    return values


def _joined(pieces: list[Array]) -> Array:
    return np.concatenate(pieces)
