"""Web servers that break off, stall, lie or go round in circles, over real sockets."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.cli import main
from specaudit.embeddings import Embeddings, Shard, open_embeddings, remote, web
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.unopened import Unopened
from specaudit.errors import ExitCode, InputError
from specaudit.scan import scan

Array = np.ndarray[Any, Any]
ROWS = np.random.default_rng(0).standard_normal((211, 6)).astype("f4")


def npy(values: Array = ROWS) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


class Exchange(BaseHTTPRequestHandler):
    """One request, and the pieces of an answer to it."""

    protocol_version = "HTTP/1.1"

    @property
    def wanted(self) -> tuple[int, int] | None:
        """First and last byte that are asked for."""
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return None if found is None else (int(found[1]), int(found[2]))

    def head(self, status: int, length: int | None, **more: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def ranged(self, data: bytes, **more: str) -> None:
        """Answer as a good server does."""
        low, high = self.wanted or (0, len(data) - 1)
        part = data[low : high + 1]
        if self.wanted:
            more["Content_Range"] = f"bytes {low}-{low + len(part) - 1}/{len(data)}"
        self.head(206 if self.wanted else 200, len(part), **more)
        if self.command == "GET":
            self.wfile.write(part)

    def cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def log_message(self, format: str, *args: Any) -> None:
        pass


Answer = Callable[[Exchange], None]


@dataclass
class Server:
    """A server of one file; what it does is a test's to say."""

    url: str = ""
    data: bytes = field(default_factory=npy)
    head: Answer | None = None
    get: Answer | None = None
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)  # ends what stalls


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    state = Server()

    class Handler(Exchange):
        def do_HEAD(self) -> None:
            state.asked.append("HEAD")
            (state.head or (lambda exchange: exchange.ranged(state.data)))(self)

        def do_GET(self) -> None:
            state.asked.append(f"GET {self.headers.get('Range', '')}".strip())
            (state.get or (lambda exchange: exchange.ranged(state.data)))(self)

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{listening.server_port}/emb.npy"
    yield state
    state.over.set()
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    found: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", found.append)
    return found


def refusal(server: Server) -> str:
    with pytest.raises(InputError) as caught, open_embeddings(server.url) as embeddings:
        list(embeddings.blocks())
    assert str(caught.value).isprintable()
    assert caught.value.next_step
    return str(caught.value)


def short_range(exchange: Exchange, data: bytes) -> None:
    low, high = exchange.wanted or (0, len(data) - 1)
    high = min(high, len(data) - 1)
    exchange.head(206, high + 1 - low, Content_Range=f"bytes {low}-{high}/{len(data)}")
    exchange.wfile.write(data[low : high - 50])
    exchange.cut()


def short_whole(exchange: Exchange, data: bytes) -> None:
    exchange.head(200, len(data))
    exchange.wfile.write(data[:-50])
    exchange.cut()


def short_chunks(exchange: Exchange, data: bytes) -> None:
    exchange.head(200, None, Transfer_Encoding="chunked")
    exchange.wfile.write(b"%x\r\n" % (len(data) - 50) + data[:-50] + b"\r\n")
    exchange.cut()


@pytest.mark.parametrize("broken", [short_range, short_whole, short_chunks])
def test_a_transfer_that_breaks_is_tried_again(
    server: Server, waits: list[float], read_all: Callable[..., Array], broken: Callable[[Exchange, bytes], None]
) -> None:
    left = 3

    def get(exchange: Exchange) -> None:
        nonlocal left
        left -= broken is short_range or exchange.wanted is None
        if left >= 0:
            broken(exchange, server.data)
        elif broken is short_range:
            exchange.ranged(server.data)
        else:
            exchange.head(200, len(server.data))
            exchange.wfile.write(server.data)

    server.get = get
    with open_embeddings(server.url) as found:
        np.testing.assert_array_equal(read_all(found), ROWS)
    assert waits == list(remote.WAITS[:3])
    server.get = lambda exchange: broken(exchange, server.data)
    waits.clear()
    assert f"{server.url}: cannot be read: the connection broke off; check the network" in refusal(server)
    assert waits == list(remote.WAITS)


def test_redirects_without_end(server: Server, waits: list[float]) -> None:
    server.head = server.get = lambda exchange: exchange.head(302, 0, Location="/emb.npy")
    assert f"{server.url}: the server redirects without end; check the URL" in refusal(server)
    assert waits == []


def test_a_server_that_stalls(
    server: Server, waits: list[float], read_all: Callable[..., Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SILENCE", 2.0)
    left = 2

    def stall(exchange: Exchange) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            exchange.ranged(server.data)
            return
        low, high = exchange.wanted or (0, len(server.data) - 1)
        exchange.head(206, high + 1 - low, Content_Range=f"bytes {low}-{high}/{len(server.data)}")
        exchange.wfile.write(server.data[low : low + 50])
        server.over.wait()

    server.get = stall
    with open_embeddings(server.url) as found:
        np.testing.assert_array_equal(read_all(found), ROWS)
    assert waits == list(remote.WAITS[:2])
    left = 100
    monkeypatch.setattr(web, "SILENCE", 0.1)
    waits.clear()
    assert f"{server.url}: cannot be read: the server sends nothing; check the network" in refusal(server)
    assert waits == list(remote.WAITS)


@pytest.mark.parametrize("methods", [("head",), ("head", "get")])
def test_a_server_that_does_not_answer(
    server: Server, waits: list[float], methods: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SILENCE", 0.1 if "get" in methods else 2.0)
    for method in methods:
        setattr(server, method, lambda exchange: server.over.wait())
    if "get" in methods:
        assert f"{server.url}: cannot be read: the server sends nothing" in refusal(server)
        assert waits == list(remote.WAITS)
    else:  # the beginning of an answer to GET tells as much
        with open_embeddings(server.url) as found:
            np.testing.assert_array_equal(found.take([5]), ROWS[[5]])


def test_a_whole_file_that_stalls(server: Server, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SILENCE", 0.1)

    def whole(exchange: Exchange) -> None:
        exchange.head(200, len(server.data), Accept_Ranges="none")
        if exchange.command == "GET":
            exchange.wfile.write(server.data[:50])
            server.over.wait()

    server.head = server.get = whole
    assert f"{server.url}: cannot be read: the server sends nothing" in refusal(server)
    assert waits == list(remote.WAITS)


def answering(
    shift: tuple[int, int] = (0, 0), total: int | str = "*", extra: bytes = b"", span: bool = True, **more: str
) -> Callable[[Exchange, bytes], None]:
    """An answer that says it is of other bytes than those that were asked for, or sends more than it says."""

    def answer(exchange: Exchange, data: bytes) -> None:
        low, high = exchange.wanted or (0, len(data) - 1)
        low, high = max(0, low + shift[0]), min(high + shift[1], len(data) - 1)
        part = data[low : high + 1] + extra
        if span:
            more["Content_Range"] = f"bytes {low}-{high}/{total}"
        exchange.head(206, len(part), **more)
        exchange.wfile.write(part)

    return answer


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (answering(shift=(4, 4)), r"was asked for bytes 0-5191 and sends bytes 4-5191/\*"),
        (answering(shift=(0, -4)), r"was asked for bytes 0-5191 and sends bytes 0-5187/\*"),
        (answering(extra=b"more"), "was asked for bytes 0-5191 and sends more bytes"),
        (answering(span=False), "was asked for bytes 0-5191 and sends no Content-Range"),
        (answering(Content_Encoding="compress"), "was asked for bytes 0-5191 and sends them as compress"),
        (answering(total=9999), "changed while it was read"),
        (lambda exchange, data: exchange.head(416, 0), "changed while it was read"),
    ],
)
def test_a_range_that_is_not_the_one_asked_for(
    server: Server, waits: list[float], answer: Callable[[Exchange, bytes], None], says: str
) -> None:
    assert len(server.data) == 5192
    server.get = lambda exchange: answer(exchange, server.data)
    assert re.search(f"{server.url}: .*{says}; ", refusal(server))
    assert waits == []


def test_a_range_whose_total_is_not_told(server: Server, read_all: Callable[..., Array]) -> None:
    server.get = lambda exchange: answering()(exchange, server.data)
    with open_embeddings(server.url) as found:
        np.testing.assert_array_equal(read_all(found), ROWS)


def test_ranges_that_are_said_to_be_read_and_are_not(server: Server, read_all: Callable[..., Array]) -> None:
    rows = np.random.default_rng(1).standard_normal((1 << 15, 40), np.float32)  # more than one block
    server.data = npy(rows)
    server.head = lambda exchange: exchange.head(200, len(server.data), Accept_Ranges="bytes")

    def whole(exchange: Exchange) -> None:
        exchange.head(200, len(server.data))
        exchange.wfile.write(server.data)

    server.get = whole
    with open_embeddings(server.url) as found:
        np.testing.assert_array_equal(read_all(found), rows)
        np.testing.assert_array_equal(found.take([30_000, 2]), rows[[30_000, 2]])


@pytest.mark.parametrize("name", ["ETag", "Last_Modified"])
def test_a_file_that_changes_under_a_weak_version(server: Server, name: str) -> None:
    rows = np.zeros((1 << 14, 128), np.float32)
    server.data = npy(rows)
    server.head = server.get = lambda exchange: exchange.ranged(
        server.data, **{name: f'W/"{hashlib.sha256(server.data).hexdigest()}"'}
    )
    with open_embeddings(server.url) as found:
        blocks = found.blocks(1 << 20)
        next(blocks)
        server.data = npy(rows + 1)
        with pytest.raises(InputError, match=r"emb\.npy: changed while it was read"):
            list(blocks)


def changing(server: Server, last: int) -> None:
    """Let other rows of the same size take the place of the file after so many reads of it; no version tells."""
    old, new, reads = server.data, npy(ROWS + 1), 0

    def get(exchange: Exchange) -> None:
        nonlocal reads
        reads += 1
        exchange.ranged(old if reads <= last else new)

    server.asked.clear()
    server.get = get


@pytest.mark.parametrize("command", [["fit"], ["compare", "before.npy"], ["scan"]])
def test_a_file_without_a_version_that_changes_after_the_scan(
    server: Server, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("before.npy", ROWS)
    name = "found.scan" if command == ["scan"] else "found.json"
    arguments = [*command, server.url, "-q", "-o", name]
    changing(server, 10**9)
    assert main(arguments) != ExitCode.ERROR
    reads = sum(asked.startswith("GET") for asked in server.asked)
    assert reads >= 3  # the header, the scan, and rows again
    if command == ["fit"]:
        assert json.loads(Path(name).read_text())["dataset"]["source_version"] is None
    Path(name).unlink()
    for last in range(2, reads):
        changing(server, last)
        assert main(arguments) == ExitCode.ERROR
        assert f"{server.url}: changed since it was first read" in capsys.readouterr().err
        assert not Path(name).exists()


def test_rows_that_workers_read_again_are_held_to_the_scan(server: Server) -> None:
    options = Options()
    part = Part(path=remote.Remote(url=server.url), label="emb.npy", suffix=".npy")
    matrix = Unopened.of(part, options, "a run")
    shard = Shard(name="emb.npy", rows=len(ROWS), start=0, dtype=ROWS.dtype, part=part, options=options)
    embeddings = Embeddings(
        name="emb.npy", rows=len(ROWS), dimensions=6, dtype=ROWS.dtype, shards=(shard,), matrices=(matrix,)
    )
    with embeddings:
        found = scan(embeddings)
        held = embeddings.held_to(found.contents, found.usable)
        np.testing.assert_array_equal(held.take([7, 3]), ROWS[[7, 3]])
        server.data = npy(ROWS + 1)
        with pytest.raises(InputError, match=r"emb\.npy: changed since it was first read; run again"):
            held.take([7])
        with pytest.raises(InputError, match=r"emb\.npy: changed since it was first read; run again"):
            list(held.band(held.bands()[0]).blocks())


def test_a_file_that_changes_in_place_during_a_pass(folder: Path) -> None:
    np.save("emb.npy", ROWS)
    with open_embeddings("emb.npy") as embeddings:
        found = scan(embeddings)
        held = embeddings.held_to(found.contents, found.usable)
        blocks = held.blocks(1024)
        next(blocks)
        np.lib.format.open_memmap("emb.npy", "r+")[-1, -1] += 1
        with pytest.raises(InputError, match=r"emb\.npy: changed since it was first read"):
            list(blocks)


def test_rows_that_could_not_be_used_are_not_held_to_anything(folder: Path) -> None:
    rows = ROWS.copy()
    rows[3] = np.nan
    np.save("emb.npy", rows)
    with open_embeddings("emb.npy") as embeddings:
        found = scan(embeddings, drop_bad_rows=True)
        held = embeddings.held_to(found.contents, found.usable)
        np.testing.assert_array_equal(np.concatenate([block.values.copy() for block in held.blocks()]), rows)
        np.testing.assert_array_equal(held.take([3, 9]), rows[[3, 9]])
