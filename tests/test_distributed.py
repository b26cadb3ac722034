"""A real cluster of processes: the same numbers as in this process, whatever happens to a worker or a shard."""

from __future__ import annotations

import asyncio
import gc
import gzip
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import dask
import numpy as np
import pytest
from cli_fixtures import clean, refused
from distributed.client import AllExit

import specaudit.distributed as distributed
from specaudit.api.fitting import _unique
from specaudit.calibration import GraphSettings, estimate_graph
from specaudit.cli import main
from specaudit.embeddings import HERE, Band, Embeddings, core, open_embeddings, unopened
from specaudit.embeddings.unopened import Unopened
from specaudit.errors import ConfigError, InputError
from specaudit.extension import extended_eigenvalues
from specaudit.graph import nearest_neighbours, nearest_rows, previous_rows
from specaudit.kernels import choose_kernel
from specaudit.moments import second_moments
from specaudit.operators import dense_operator
from specaudit.scan import scan
from specaudit.spectrum import eigenpairs


@pytest.fixture(scope="session")
def engine() -> Iterator[distributed.DaskEngine]:
    # A row that kills its worker is given up after two of them.
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), distributed.engine_of(2, None) as found:
        assert isinstance(found, distributed.DaskEngine)
        yield found


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    clean(monkeypatch, tmp_path)
    return tmp_path


def rows_of(seed: int = 0, n: int = 600, d: int = 7) -> np.ndarray:
    """Return rows on a coarse lattice: copies, and many rows equally far from others."""
    return np.random.default_rng(seed).integers(-1, 2, (n, d)).astype(np.float32) / 2


def write_shards(folder: Path, values: np.ndarray) -> None:
    (folder / "rows").mkdir()
    for number, part in enumerate(np.split(values, [150, 151, 400])):
        np.save(folder / "rows" / f"part-{number}.npy", part)


def write_csv(folder: Path, values: np.ndarray) -> None:
    with gzip.open(folder / "rows.csv.gz", "wt") as file:
        np.savetxt(file, values, delimiter=",", fmt="%.9g")


def write_one(folder: Path, values: np.ndarray) -> None:
    np.save(folder / "rows.npy", np.asfortranarray(values))


def status_of(process: Path) -> tuple[str, int, int] | None:
    """Return the state, group and session of a process; None once it is gone or waits to be forgotten."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (fields[0], int(fields[2]), int(fields[3]))


SOURCES: dict[str, Callable[[Path, np.ndarray], None]] = {
    "rows": write_shards,
    "rows.csv.gz": write_csv,
    "rows.npy": write_one,
}


@pytest.mark.parametrize("source", SOURCES)
def test_workers_find_the_same_numbers_to_the_last_bit(engine, folder, monkeypatch, source):
    SOURCES[source](folder, rows_of())
    monkeypatch.setattr(core, "BAND_BYTES", 2048)
    monkeypatch.setattr("specaudit.graph.index.exact_queries", lambda rows, dimensions: 50)
    monkeypatch.setattr("specaudit.graph.neighbours.exact_queries", lambda rows, dimensions: 50)
    found = []
    for where in (HERE, engine):
        with open_embeddings(source, engine=where) as embeddings:
            assert any(isinstance(matrix, Unopened) for matrix in embeddings.matrices) == (where is engine)
            assert len(embeddings.bands()) > 5
            scanned = scan(embeddings, max_rows=100)
            sample = embeddings.take(scanned.sample.rows[::-1])
            kernel = choose_kernel("linear", sample, bandwidth=None, normalize="none", centered=True)
            moments = second_moments(embeddings, scanned, kernel)
            near = nearest_neighbours(embeddings, scanned, sample=sample[::-1], k=3, threads=1)
            match = nearest_rows(rows_of(1, 40), embeddings, scanned.usable, threads=1)
            blocks = np.concatenate([block.values.copy() for block in embeddings.blocks(500)])
            exact = (scanned.norm_mean, scanned.column_mean.tolist(), near.index, moments.weighted_fourth)
            found.append(
                [
                    *(scanned.digest, exact, scanned.contents, sample, moments.gram, moments.mean, blocks),
                    *(near.queries, near.rows, near.distances, match.rows, match.distances),
                ]
            )
    for here, there in zip(*found, strict=True):
        assert np.array_equal(here, there) if isinstance(here, np.ndarray) else here == there
    assert found[0][1][2] == "exact"


@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_workers_find_the_previous_rows_that_one_process_finds(engine, monkeypatch, index):
    monkeypatch.setattr(distributed, "PIECE", 5000)
    rows = np.concatenate([np.random.default_rng(0).standard_normal((1500, 7)), rows_of(2, 500)])
    here, there = (previous_rows(rows, 5, index=index, engine=where) for where in (HERE, engine))
    assert np.array_equal(here.places, there.places)
    assert (here.recall, here.bounds) == (there.recall, there.bounds)


def test_an_array_in_memory_is_sent_to_the_workers(engine, monkeypatch):
    monkeypatch.setattr(core, "BAND_BYTES", 4096)
    values = rows_of()
    assert scan(open_embeddings(values, engine=engine)).digest == scan(open_embeddings(values)).digest


def test_the_documents_are_those_of_one_process(engine, folder, capsys):
    write_shards(folder, np.random.default_rng(0).standard_normal((600, 8)) @ np.diag(np.arange(1, 9) ** -0.7))
    address = engine.client.scheduler.address
    common = ["--threads", "1", "--max-rows", "200", "-q"]
    for command in (["fit", "rows"], ["compare", "rows", "rows/part-3.npy"]):
        assert main([*command, *common, "-o", "here.json"]) == main(
            [*command, *common, "-o", "there.json", "--dask", address]
        )
        assert Path("here.json").read_bytes() == Path("there.json").read_bytes()
    assert capsys.readouterr().err == ""
    assert main(["fit", "rows", "--dry-run", "--dask", address]) == 0
    assert "per worker" in capsys.readouterr().out


def test_a_kernel_graph_on_workers_is_that_of_one_process(engine):
    rows = np.random.default_rng(0).standard_normal((700, 4))
    kernel = choose_kernel("laplace", rows, bandwidth=None, normalize="none", centered=False)
    weights, settings = np.ones(700, np.int64), GraphSettings(landmarks=32, neighbors=8)
    here, there = (
        estimate_graph(kernel, rows, weights, settings, dense_rows=128, seed=0, threads=1, engine=where)
        for where in (HERE, engine)
    )
    assert repr(here.calibration) == repr(there.calibration)  # nan equals nan
    assert np.array_equal(here.estimate.measure.nodes, there.estimate.measure.nodes)


def test_a_worker_killed_in_mid_run_loses_nothing(engine, folder, monkeypatch):
    monkeypatch.setattr(core, "BAND_BYTES", 2048)
    write_shards(folder, rows_of())
    before = engine.client.run(os.getpid)
    killed: list[int] = []

    def kill(_: str, done: float) -> None:
        if not killed:
            killed.append(min(before.values()))
            os.kill(killed[0], signal.SIGKILL)

    with open_embeddings("rows", engine=engine) as embeddings:
        found = scan(embeddings, progress=kill)
        again = scan(embeddings)
    expected = scan(open_embeddings("rows"))
    assert killed
    assert found.digest == again.digest == expected.digest
    assert np.array_equal(found.contents, expected.contents)
    engine.client.wait_for_workers(2, timeout=30)
    assert set(engine.client.run(os.getpid).values()) != set(before.values())


def _die(part: Embeddings, _: None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_rows_at_which_every_worker_dies_are_named(engine, folder):
    write_shards(folder, rows_of())
    with open_embeddings("rows", engine=engine) as embeddings:
        with pytest.raises(
            InputError, match=r"part-1.npy row 0: 2 workers died at these rows; give each worker more"
        ):
            list(embeddings.each(_die, [Band(start=150, stop=160)]))
        engine.client.wait_for_workers(2, timeout=30)


async def _raises() -> None:
    raise AllExit


async def _leaves_a_task() -> None:
    task = asyncio.get_running_loop().create_task(_raises())
    task.own = task  # type: ignore[attr-defined]  # so that it is collected late
    await asyncio.sleep(0.01)


def _left(caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with suppress(AllExit), distributed._silenced():
        asyncio.run(_leaves_a_task())
        raise AllExit
    gc.collect()
    return [record.message.partition("\n")[0] for record in caplog.records]


def test_tasks_that_the_library_leaves_behind_are_not_told(caplog, monkeypatch):
    caplog.set_level(logging.ERROR, "asyncio")  # the engine of other tests has quieted it
    levels = [logging.getLogger(name).level for name in distributed.LOGGERS]
    assert _left(caplog) == []
    assert [logging.getLogger(name).level for name in distributed.LOGGERS] == levels
    monkeypatch.setattr(distributed, "LOGGERS", ())
    assert _left(caplog) == ["Task exception was never retrieved"]


def test_an_unreadable_shard_is_named(engine, folder, capsys):
    write_shards(folder, rows_of())
    address = engine.client.scheduler.address
    Path("rows/part-2.npy").write_bytes(Path("rows/part-2.npy").read_bytes()[:-5])
    assert "rows/part-2.npy: truncated" in refused(capsys, "fit", "rows", "--dask", address)
    bad = rows_of(n=200)
    bad[7, 3] = np.nan
    np.save("rows/part-2.npy", bad)
    assert "(first: part-2.npy row 7)" in refused(capsys, "scan", "rows", "-o", "a.scan", "--dask", address)


def _forbid(path: str) -> None:
    """Let this worker find no file below a path, as on a machine that does not share it."""
    stat = os.stat

    def missing(name: object, *more: object, **options: object) -> os.stat_result:
        if str(name).startswith(path):
            raise FileNotFoundError(2, "No such file or directory")
        return stat(name, *more, **options)  # type: ignore[arg-type]

    os.stat = missing  # type: ignore[assignment]


@pytest.mark.parametrize("source", ["rows/part-0.npy", "a.scan"])
def test_a_file_that_only_the_workers_lack_is_told(folder, capsys, source):
    write_shards(folder, rows_of())
    assert main(["scan", "rows/part-0.npy", "-o", "a.scan", "--max-rows", "2", "-q"]) == 0
    with distributed.engine_of(1, None) as engine:
        engine.client.run(_forbid, str(folder))
        message = refused(capsys, "fit", source, "--dask", engine.client.scheduler.address)
    assert "rows/part-0.npy: no such file (on a worker)" in message
    assert "the workers see it under the same path (shared storage), or name it by a URL" in message


@pytest.mark.parametrize("change", ["gone", "other rows"])
def test_a_shard_that_changes_in_mid_run_is_named(engine, folder, change):
    write_shards(folder, rows_of())
    with open_embeddings("rows", engine=engine) as embeddings:
        scan(embeddings)
        if change == "gone":
            Path("rows/part-2.npy").unlink()
        else:
            time.sleep(0.01)
            np.save("rows/part-2.npy", rows_of(5)[151:400])
        what = "no such file" if change == "gone" else "changed since it was first read"
        with pytest.raises(InputError, match=f"rows/part-2.npy: {what}"):
            scan(embeddings)


def test_who_works_is_one_cluster_that_answers(monkeypatch, capsys, folder):
    np.save("rows.npy", rows_of())
    monkeypatch.setattr(distributed, "CONNECTING", 0.5)
    fitted = ("fit", "rows.npy")
    assert "no scheduler with workers answers" in refused(capsys, *fitted, "--dask", "tcp://127.0.0.1:9")
    assert "tcp://host:8786" in refused(capsys, *fitted, "--dask", "host")
    assert "exclude each other" in refused(capsys, *fitted, "--dask", "tcp://a:1", "--workers", "2")
    assert "--workers" in refused(capsys, *fitted, "--workers", "0")
    with pytest.raises(ConfigError, match="workers must be at least 1"), distributed.engine_of(0, None):
        pass


BAD_ADDRESSES = {
    "foo://h:8786": "no address",
    "http://127.0.0.1:1": "no address",
    "tcp://127.0.0.1": "no address",
    "tcp://:::": "no address",
    "inproc://x": "no address",
    "tls://127.0.0.1:1": "configured with no certificates",
    f"tcp://{'a' * 80}:1": "label too long",
}


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_that_no_scheduler_can_have_is_told_at_once(capsys, folder, address):
    np.save("rows.npy", rows_of())
    threads = threading.active_count()
    assert BAD_ADDRESSES[address] in refused(capsys, "fit", "rows.npy", "--dask", address)
    assert threading.active_count() == threads


CLUSTER = """
import sys
from distributed import LocalCluster
with LocalCluster(1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None) as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


def _scan_and_kill(cluster: subprocess.Popen[str]) -> None:
    assert cluster.stdout is not None
    with (
        distributed.engine_of(None, cluster.stdout.readline().strip()) as found,
        open_embeddings("rows", engine=found) as embeddings,
    ):
        found.client._timeout = 0.5  # for which it tries to reach the scheduler again
        scan(embeddings, progress=lambda _, done: cluster.kill())


def test_a_scheduler_that_dies_in_mid_run_is_told_in_one_line(folder, monkeypatch, capfd):
    write_shards(folder, rows_of())
    monkeypatch.setattr(core, "BAND_BYTES", 2048)
    monkeypatch.setattr(distributed, "CONNECTING", 10.0)
    cluster = subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    with cluster, pytest.raises(InputError, match="the cluster gave the work up; check that its scheduler"):
        _scan_and_kill(cluster)
    assert capfd.readouterr().err == ""


def test_blocks_end_where_they_end_in_one_process(engine, folder):
    values = rows_of()
    (folder / "rows").mkdir()
    for number, part in enumerate(np.split(values, range(20, 600, 20))):
        np.save(folder / "rows" / f"part-{number}.npy", part)
    found = []
    for where in (HERE, engine):
        with open_embeddings("rows", engine=where) as embeddings:
            scanned = scan(embeddings)
            pieces = list(_unique(embeddings, scanned))
            rows = np.concatenate([part for part, _ in pieces])
            kernel = choose_kernel("laplace", rows, bandwidth=1.0, normalize="none", centered=False)
            sample, weights = rows[:200], np.ones(200, np.int64)
            pairs = eigenpairs(dense_operator(kernel, sample, weights), 20, seed=0)
            blocks = partial(_unique, embeddings, scanned)
            leading = extended_eigenvalues(kernel, blocks, sample, weights, pairs, 20)
            found.append((leading, [len(part) for part, _ in pieces], pieces))
    (here, sizes, pieces), (there, others, again) = found
    assert sizes == others
    assert len(sizes) > 20
    assert np.array_equal(here.values, there.values)
    assert np.array_equal(here.errors, there.errors)
    for one, other in zip(pieces, again, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _runs() -> set[str]:
    return {run for run, _, _ in unopened._opened}


def test_workers_of_a_lasting_cluster_keep_nothing_of_a_run_with_scans(engine, folder):
    write_shards(folder, rows_of())
    for number in range(4):
        assert main(["scan", f"rows/part-{number}.npy", "-o", f"{number}.scan", "--max-rows", "2", "-q"]) == 0
    before = engine.client.run(_runs)
    with distributed.engine_of(None, engine.client.scheduler.address) as found:
        with open_embeddings([f"{number}.scan" for number in range(4)], engine=found) as embeddings:
            assert sum(len(block.values) for block in embeddings.blocks()) == 600
        assert any(found.run_name in runs for runs in engine.client.run(_runs).values())
    after = engine.client.run(_runs)
    assert all(after[worker] <= before[worker] for worker in before)


def test_workers_of_another_version_are_refused(engine, monkeypatch):
    monkeypatch.setattr(distributed, "__version__", "0.0.0")
    with (
        pytest.raises(ConfigError, match=r"worker tcp://.* has specaudit .*, this process 0.0.0"),
        distributed.engine_of(None, engine.client.scheduler.address),
    ):
        pass


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch, capsys, folder):
    np.save("rows.npy", rows_of())
    monkeypatch.setitem(sys.modules, "dask", None)
    assert "pip install 'specaudit[dask]'" in refused(capsys, "fit", "rows.npy", "--workers", "2")


ENDS = {"SIGINT": 130, "SIGTERM": -signal.SIGTERM, "SIGHUP": -signal.SIGHUP, "SIGKILL": -signal.SIGKILL}


@pytest.mark.parametrize("name", ENDS)
def test_a_signal_ends_a_local_cluster_and_leaves_nothing(folder, name):
    np.save("rows.npy", np.random.default_rng(0).standard_normal((200_000, 16), np.float32))
    command = [sys.executable, "-m", "specaudit", "fit", "rows.npy", "--workers", "1", "--max-rows", "8000", "-v"]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, bufsize=1,
        env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    assert run.stderr is not None
    told = next(line for line in run.stderr if line.startswith("specaudit: scan: "))
    # A terminal interrupts all processes of a run, a scheduler ends the first.
    (os.killpg if name == "SIGINT" else os.kill)(run.pid, getattr(signal, name))
    out, err = run.communicate(timeout=60)
    assert told
    assert run.returncode == ENDS[name]
    assert [line for line in (out + err).splitlines() if not line.startswith("specaudit: ")] == []
    if name == "SIGINT":
        assert err == ""
        assert [path.name for path in folder.iterdir()] == ["rows.npy"]

    def left() -> list[tuple[str, int, int]]:
        found = map(status_of, Path("/proc").glob("[0-9]*"))
        return [status for status in found if status and status[1:] == (run.pid, run.pid)]

    for _ in range(100):  # the tracker of the run's resources ends after it, and what removes its folder
        if left() or len(list(folder.iterdir())) > 1:
            time.sleep(0.1)
    assert not left()
    assert [path.name for path in folder.iterdir()] == ["rows.npy"]


def test_a_local_cluster_says_nothing_on_stderr(folder):
    np.save("rows.npy", rows_of())
    command = [sys.executable, "-m", "specaudit", "scan", "rows.npy", "-o", "a.scan", "--workers", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "600 rows of 1 shard scanned to a.scan, which keeps 528 of them\n"
