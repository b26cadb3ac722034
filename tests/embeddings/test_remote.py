"""Objects in a bucket and files of a web server, over real sockets: moto's S3 and a server of our own."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import s3fs.core
import zarr
from fsspec import asyn
from moto.server import ThreadedMotoServer
from safetensors.numpy import save

from specaudit.cli import main
from specaudit.embeddings import concatenated, open_embeddings, remote
from specaudit.errors import ExitCode, InputError
from specaudit.scan import scan

Array = np.ndarray[Any, Any]
ROWS = np.random.default_rng(0).standard_normal((211, 6)).astype("f4")
NAMES = [f"r{k}" for k in range(len(ROWS))]

WITHOUT_KEYS: dict[str, Any] = {}  # as long as all the others, whose sessions end with the process


def npy(values: Array = ROWS) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, emb=ROWS, n=np.arange(3))
    return stream.getvalue()


def hdf5(**options: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("emb", data=ROWS, **options)
    return stream.getvalue()


def arrow(write: Callable[..., None], **options: Any) -> bytes:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(ROWS.reshape(-1)), ROWS.shape[1])
    sink = pa.BufferOutputStream()
    write(pa.table({"id": NAMES, "embedding": lists}), sink, **options)
    return sink.getvalue().to_pybytes()


def stream(table: pa.Table, sink: Any) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=50)


FORMATS: dict[str, Callable[[], bytes]] = {
    "emb.npy": npy,
    "emb.npy.gz": lambda: gzip.compress(npy()),
    "emb.npz": npz,
    "emb.fbin": lambda: np.array(ROWS.shape, "<u4").tobytes() + ROWS.tobytes(),
    "emb.csv": lambda: "".join(",".join(map(repr, row)) + "\n" for row in ROWS.tolist()).encode(),
    "emb.jsonl": lambda: "".join(f"{row}\n" for row in ROWS.tolist()).encode(),
    "emb.parquet": lambda: arrow(pyarrow.parquet.write_table, row_group_size=50),
    "emb.feather": lambda: arrow(pyarrow.feather.write_feather, chunksize=50),
    "emb.arrow": lambda: arrow(stream),
    "emb.safetensors": lambda: save({"emb": ROWS}),
    "emb.h5": hdf5,
    "chunked.h5": lambda: hdf5(chunks=(20, 6), compression="gzip"),
}


class Bucket:
    """A bucket of moto's S3 server."""

    name = "data"

    def __init__(self, endpoint: str) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=endpoint, **keys)
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, data: bytes) -> str:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)
        return f"s3://{self.name}/{key}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def shared_bucket(s3_server: str) -> Bucket:
    return Bucket(s3_server)


@pytest.fixture
def bucket(shared_bucket: Bucket, s3_server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that the environment has the keys of; no test waits to try again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return shared_bucket


@dataclass
class Web:
    """A web server on this machine, and what it is to do."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    tags: bool = True
    refused: bool = False  # whatever is asked: 400
    failures: list[int] = field(default_factory=list)  # statuses of the next answers; 0 cuts the connection
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def web(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            state.asked.append(f"{self.command} {self.headers.get('Range', '')}")
            if state.refused:
                return self.send(400, b"")
            if body and state.failures:
                status = state.failures.pop(0)
                if status == 0:
                    self.close_connection = True
                    return None
                return self.send(status, b"")
            data = state.files.get(self.path.partition("?")[0])
            if data is None:
                return self.send(404, b"")
            tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
            if self.headers.get("If-Match", tag) != tag:
                return self.send(412, b"")
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if wanted and state.ranges:
                low, high = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
                span = f"bytes {low}-{high}/{len(data)}"
                return self.send(206, data[low : high + 1], tag, body, {"Content-Range": span})
            return self.send(200, data, tag, body, {"Accept-Ranges": "bytes"} if state.ranges else {})

        def send(
            self, status: int, data: bytes, tag: str = "", body: bool = True, more: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if tag and state.tags:
                self.send_header("ETag", tag)
            for name, value in (more or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    found: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", found.append)
    return found


def refusal(source: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught, open_embeddings(source, **options) as embeddings:
        list(embeddings.blocks())
    assert str(caught.value).isprintable()
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_an_object_has_the_rows_of_the_file(bucket: Bucket, read_all: Callable[..., Array], name: str) -> None:
    with open_embeddings(bucket.put(f"formats/{name}", FORMATS[name]())) as found:
        np.testing.assert_array_equal(read_all(found), ROWS)
        np.testing.assert_array_equal(found.take([200, 3, 3]), ROWS[[200, 3, 3]])
        assert found.name == f"s3://data/formats/{name}"
        assert scan(found).digest == scan(open_embeddings(ROWS)).digest


def test_versions_of_several_objects_are_one_digest(bucket: Bucket) -> None:
    source = bucket.put("versions/a.npy", npy())
    list_of_two = Path("list")
    list_of_two.write_text(f"{source}\n{bucket.put('versions/b.npy', npy(ROWS + 1))}\n")
    with open_embeddings("@list") as found, open_embeddings(source) as one:
        first = found.version or ""
        both = concatenated(one, open_embeddings(ROWS + 2))
        assert both.version == f"{one.version} + local"
    bucket.put("versions/b.npy", npy(ROWS + 2))
    with open_embeddings("@list") as found:
        assert re.fullmatch("2 files [0-9a-f]{32}", first)
        assert re.fullmatch("2 files [0-9a-f]{32}", found.version or "")
        assert found.version != first


def test_a_scan_keeps_what_the_stores_call_its_shards(bucket: Bucket) -> None:
    sources = [bucket.put(f"scanned/{name}.npy", npy(ROWS[start::3])) for start, name in enumerate("abc")]
    np.save("d.npy", ROWS + 1)
    sources.append("d.npy")
    for number, source in enumerate(sources):
        assert main(["scan", source, "-o", f"{number}.scan", "-q"]) == ExitCode.PASS
    assert main(["scan", "0.scan", "1.scan", "-o", "pair.scan", "-q"]) == ExitCode.PASS
    for shards, scans in (
        (sources[:1], ["0.scan"]),
        (sources, ["pair.scan", "2.scan", "3.scan"]),
        (["d.npy"], ["3.scan"]),
    ):
        with open_embeddings(shards) as direct, open_embeddings(scans) as found:
            assert found.version == direct.version
            assert (direct.version is None) == (shards == ["d.npy"])
    versions = []
    for source in (["fit", *sources], ["fit", "pair.scan", "2.scan", "3.scan"]):
        assert main([*source, "-q", "-o", "fit.json"]) == ExitCode.PASS
        versions.append(json.loads(Path("fit.json").read_text())["dataset"]["source_version"])
    assert versions[0] == versions[1]
    assert re.fullmatch("4 files [0-9a-f]{32}", versions[0])


def test_a_member_of_an_object(bucket: Bucket, read_all: Callable[..., Array]) -> None:
    with open_embeddings(bucket.put("members/two.npz", npz()) + "::emb") as found:
        np.testing.assert_array_equal(read_all(found), ROWS)
    assert "two.npz::other: no such key" in refusal("s3://data/members/two.npz::other")


def test_a_zarr_store_in_a_bucket(bucket: Bucket, read_all: Callable[..., Array]) -> None:
    group = zarr.open_group("emb.zarr", mode="w")
    group.create_array("emb", shape=ROWS.shape, dtype="f4", chunks=(40, 6))[:] = ROWS
    files = [path for path in Path("emb.zarr").rglob("*") if path.is_file()]
    for path in files:
        bucket.put(f"stores/{path}", path.read_bytes())
    for source in ("s3://data/stores/emb.zarr", "s3://data/stores/emb.zarr/", "s3://data/stores/emb.zarr::emb"):
        with open_embeddings(source) as found:
            np.testing.assert_array_equal(read_all(found), ROWS)
            np.testing.assert_array_equal(found.take([200, 3, 3]), ROWS[[200, 3, 3]])
    with open_embeddings("s3://data/stores/emb.zarr") as found:
        bucket.put("stores/emb.zarr/emb/c/1/0", b"other")
        with pytest.raises(InputError, match=r"emb\.zarr::emb: changed since it was first read"):
            found.take([0])
    bucket.client.delete_object(Bucket="data", Key="stores/emb.zarr/emb/c/1/0")
    assert "emb.zarr::emb: 1 of its 6 chunks are not there" in refusal("s3://data/stores/emb.zarr")
    assert "s3://data/stores/none.zarr: not a readable zarr store" in refusal("s3://data/stores/none.zarr")
    assert "do not list the files of a zarr store" in refusal("http://127.0.0.1:9/emb.zarr")


def test_a_saved_data_set_in_a_bucket(bucket: Bucket, read_all: Callable[..., Array]) -> None:
    bucket.put("saved/dataset_dict.json", b'{"splits": ["train"]}')
    bucket.put("saved/train/state.json", b'{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    bucket.put("saved/train/data-00000-of-00001.arrow", FORMATS["emb.arrow"]())
    bucket.put("saved/train/cache-1.arrow", b"x")
    with open_embeddings("s3://data/saved/") as found:
        np.testing.assert_array_equal(read_all(found), ROWS)


@pytest.mark.parametrize("source", ["s3://data/shards/", "s3://data/shards", "s3://data/shards/**/part-*", "@list"])
def test_shards_and_partitions_come_in_natural_order(
    bucket: Bucket, read_all: Callable[..., Array], source: str
) -> None:
    keys = [f"shards/day={day}/part-{number}.npy" for day in (2, 10) for number in (1, 9, 10)]
    for number, key in enumerate(keys):
        bucket.put(key, npy(ROWS[number * 10 :][:10]))
    for key in ("_SUCCESS", "day=2/.part-1.crc", "day=2/_metadata", "_temporary/0/part-7.npy", "notes/part-8.npy"):
        if "**" not in source or "npy" not in key:
            bucket.put(f"shards/{key}", npy())
        else:
            bucket.client.delete_object(Bucket="data", Key=f"shards/{key}")
    Path("list").write_text("\n".join(f"s3://data/{key}" for key in keys))
    with open_embeddings(source) as found:
        np.testing.assert_array_equal(read_all(found), ROWS[:60])


def test_a_directory_with_the_suffix_of_a_file_as_spark_writes_it(
    bucket: Bucket, read_all: Callable[..., Array]
) -> None:
    bucket.put("spark.parquet/part-00000.snappy.parquet", FORMATS["emb.parquet"]())
    bucket.put("spark.parquet/_SUCCESS", b"")
    with open_embeddings("s3://data/spark.parquet/") as found:
        np.testing.assert_array_equal(read_all(found), ROWS)
    assert "s3://data/spark.parquet: is a directory, expected a file; end it with a slash" in refusal(
        "s3://data/spark.parquet"
    )


def test_a_list_in_the_bucket_names_objects_beside_it(bucket: Bucket, read_all: Callable[..., Array]) -> None:
    bucket.put("lists/a.npy", npy(ROWS[:5]))
    bucket.put("lists/sub/b.npy", npy(ROWS[5:9]))
    source = "@" + bucket.put("lists/list.txt", b"a.npy\ns3://data/lists/sub/b.npy\n")
    with open_embeddings(source, ids=bucket.put("lists/ids.txt", "\n".join(NAMES[:9]).encode())) as found:
        np.testing.assert_array_equal(read_all(found), ROWS[:9])
        assert found.locate(6) == "b.npy row 1 (id 'r6')"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges that S3 was asked for."""
    found: list[tuple[int, int]] = []

    def fetch(self: Any, start: int, end: int) -> bytes:
        found.append((start, end))
        return original(self, start, end)

    original = s3fs.core.S3File._fetch_range
    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", fetch)
    return found


def test_ranges_are_read_and_blocks_of_them_kept(bucket: Bucket, fetched: list[tuple[int, int]]) -> None:
    rows = np.random.default_rng(1).standard_normal((1 << 15, 128), np.float32)  # 16 MiB
    with open_embeddings(bucket.put("large/emb.npy", npy(rows))) as found:
        assert fetched == [(0, remote.BLOCK)]
        fetched.clear()
        wanted = np.array([20_001, 20_000, 20_500])
        np.testing.assert_array_equal(found.take(wanted), rows[wanted])
        assert fetched == [(2 * remote.BLOCK, 3 * remote.BLOCK)]
        fetched.clear()
        list(found.blocks())
        assert len(fetched) == len(set(fetched)) == 5


def test_columns_of_numbers_that_lie_far_apart_are_fetched_once(
    bucket: Bucket, read_all: Callable[..., Array], fetched: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "BLOCK", 1 << 18)
    monkeypatch.setattr(remote, "BLOCKS", 2)
    rows = np.random.default_rng(1).standard_normal((40_000, 24), np.float32)  # 3.8 MB, in one row group
    sink = pa.BufferOutputStream()
    table = pa.table({f"e{k}": rows[:, k] for k in range(24)})
    pa.parquet.write_table(table, sink, use_dictionary=False, compression="none")
    with open_embeddings(bucket.put("large/e.parquet", sink.getvalue().to_pybytes()), column="e") as found:
        np.testing.assert_array_equal(read_all(found), rows)
        np.testing.assert_array_equal(found.take([30_000, 5]), rows[[30_000, 5]])
    assert len(fetched) <= len(set(fetched)) + 1  # the footer's block may come again


@pytest.mark.parametrize("name", ["emb.npy", "emb.parquet", "emb.safetensors", "chunked.h5"])
def test_an_object_that_changes_between_two_passes(bucket: Bucket, name: str) -> None:
    data = FORMATS[name]()
    with open_embeddings(bucket.put(f"changing/{name}", data)) as found:
        list(found.blocks())
        bucket.put(f"changing/{name}", data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(InputError, match=f"changing/{name}: changed since it was first read"):
            found.take([0])


def test_an_object_that_changes_while_it_is_read(bucket: Bucket, waits: list[float]) -> None:
    rows = np.zeros((1 << 14, 128), np.float32)  # 8 MiB: three blocks
    with open_embeddings(bucket.put("changing/large.npy", npy(rows))) as found:
        blocks = found.blocks(1 << 20)
        next(blocks)
        bucket.put("changing/large.npy", npy(rows + 1))
        with pytest.raises(InputError, match=r"changing/large\.npy: changed while it was read"):
            list(blocks)
    assert waits == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("s3://data/missing.npy", "s3://data/missing.npy: no such file"),
        ("s3://data/missing/*.npy", "s3://data/missing/*.npy: no file matches"),
        ("s3://data/missing/", "s3://data/missing/: "),
        ("s3://nothing/a.npy", "s3://nothing/a.npy: no such file"),
        ("s3://data/bad/empty.npy", "s3://data/bad/empty.npy: the file is empty"),
        ("s3://data/bad/cut.npy", "s3://data/bad/cut.npy: truncated"),
        ("s3://data/bad/cut.parquet", "s3://data/bad/cut.parquet: not a readable Parquet file"),
        ("s3://data/bad/rows.csv", "s3://data/bad/rows.csv line 2 column 1: 'x' is not a number"),
        ("s3://data/bad/a.pkl", "may run code when it is loaded"),
        ("s3://data/bad/", "the directory holds files of several formats (.csv, .npy, .parquet)"),
        (
            "ftp://data/a.npy",
            "ftp://data/a.npy: URLs of this kind cannot be read; use one of s3, gs, hf",
        ),
        ("s3://key:secret@data/a.npy", "a URL has credentials in it"),
        (
            "s3://data/a.npy?X-Amz-Signature=secret",
            "s3://data/a.npy: no file matches; name a signed address by https",
        ),
        (
            "S3://data/a.npz?X-Amz-Signature=secret",
            "S3://data/a.npz: no file matches; name a signed address by https",
        ),
        ("@s3://data/list?X-Amz-Signature=secret", "@s3://data/list: no such file"),
        ("gcs://data/a.npy?secret", "gcs://data/a.npy: URLs of this kind cannot be read"),
        ("s3://data/bad/none-?.npy", "s3://data/bad/none-?.npy: no file matches; check the pattern"),
    ],
)
def test_what_cannot_be_read_is_named(bucket: Bucket, waits: list[float], source: str, says: str) -> None:
    bucket.put("bad/empty.npy", b"")
    bucket.put("bad/cut.npy", npy()[:-1])
    bucket.put("bad/cut.parquet", FORMATS["emb.parquet"]()[:-1])
    bucket.put("bad/rows.csv", b"1,2\nx,3\n")
    bucket.put("bad/a.pkl", b"x")
    message = refusal(source)
    assert says in message
    assert "secret" not in message
    assert waits == []


@pytest.mark.parametrize("key", ["w[1]/a.npy", "w2/b*.npy", "w2/c?.npy"])
def test_a_key_with_characters_of_a_pattern_is_taken_as_it_is(
    bucket: Bucket, read_all: Callable[..., Array], key: str
) -> None:
    source = bucket.put(f"literal/{key}", npy(ROWS[:9]))
    for other in ("w1/a.npy", "w2/b1.npy", "w2/c1.npy"):
        bucket.put(f"literal/{other}", npy(ROWS[9:]))
    with open_embeddings(source) as found:
        np.testing.assert_array_equal(read_all(found), ROWS[:9])
        assert found.name == source
    bucket.client.delete_object(Bucket="data", Key=f"literal/{key}")
    with open_embeddings(source) as found:
        np.testing.assert_array_equal(read_all(found), ROWS[9:])


def test_members_and_directories_with_characters_of_a_pattern(bucket: Bucket, read_all: Callable[..., Array]) -> None:
    source = bucket.put("folder[1]/two.npz", npz())
    for name in (f"{source}::emb", "s3://data/folder[1]/*.npy", "s3://data/folder[[]1]/one.npy"):
        bucket.put("folder[1]/one.npy", npy())
        bucket.put("folder1/one.npy", npy())
        with open_embeddings(name) as found:
            np.testing.assert_array_equal(read_all(found), ROWS)
    bucket.client.delete_object(Bucket="data", Key="folder[1]/two.npz")
    with open_embeddings("s3://data/folder[1]/") as found:
        np.testing.assert_array_equal(read_all(found), ROWS)


def test_where_the_pattern_itself_may_not_be_asked_for_it_is_matched(
    bucket: Bucket, read_all: Callable[..., Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(self: Any, path: str) -> bool:
        raise PermissionError("Forbidden")

    bucket.put("allowed/part-1.npy", npy())
    monkeypatch.setattr(s3fs.S3FileSystem, "_exists", forbidden)
    monkeypatch.setattr(s3fs.S3FileSystem, "exists", lambda self, path: asyn.sync(self.loop, self._exists, path))
    with open_embeddings("s3://data/allowed/part-*.npy") as found:
        np.testing.assert_array_equal(read_all(found), ROWS)


@pytest.mark.parametrize("source", ["s3://data/a.npy", "s3://data/*.npy", "{url}/a.npy?signature=secret"])
def test_a_store_that_refuses_the_request_is_no_matter_of_the_network(
    bucket: Bucket, web: Web, waits: list[float], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    web.refused = True
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url)
    monkeypatch.setattr(s3fs.S3FileSystem, "_cache", WITHOUT_KEYS.setdefault("refusing", {}))
    message = refusal(source.format(url=web.url))
    assert "the store refused the request: " in message
    assert "Bad Request" in message
    assert message.endswith("check the credentials, which may have expired, and the URL")
    assert "secret" not in message
    assert waits == []


def test_without_credentials(bucket: Bucket, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    source = bucket.put("private/emb.npy", npy())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "nowhere")
    monkeypatch.setattr(s3fs.S3FileSystem, "_cache", WITHOUT_KEYS)  # what is kept from other tests has their keys
    assert f"{source}: permission denied; set credentials in the environment" in refusal(source)
    assert waits == []


def test_a_web_server(web: Web, read_all: Callable[..., Array]) -> None:
    web.files = {f"/data/{name}": make() for name, make in FORMATS.items()}
    for name in FORMATS:
        with open_embeddings(f"{web.url}/data/{name}?signature=secret") as found:
            np.testing.assert_array_equal(read_all(found), ROWS)
            np.testing.assert_array_equal(found.take([9, 2]), ROWS[[9, 2]])
            assert found.name == f"{web.url}/data/{name}"
    web.files["/data/list"] = b"emb.npy\nemb.fbin\n"
    with open_embeddings(f"@{web.url.upper()}/data/list?signature=secret") as found:
        np.testing.assert_array_equal(read_all(found), np.concatenate([ROWS, ROWS]))
        assert "secret" not in found.name


def test_a_web_server_that_sends_only_whole_files(web: Web, read_all: Callable[..., Array]) -> None:
    web.ranges = False
    rows = np.random.default_rng(1).standard_normal((1 << 15, 40), np.float32)  # more than one block
    web.files = {"/emb.npy": npy(rows)}
    with open_embeddings(f"{web.url}/emb.npy") as found:
        np.testing.assert_array_equal(read_all(found), rows)
        asked = len(web.asked)
        np.testing.assert_array_equal(found.take([30_000, 2]), rows[[30_000, 2]])
    assert len(web.asked) == asked  # the temporary copy is read


def test_reads_that_fail_are_tried_again(web: Web, waits: list[float], read_all: Callable[..., Array]) -> None:
    web.files = {"/emb.npy": npy()}
    web.failures = [503, 429, 500]
    with open_embeddings(f"{web.url}/emb.npy") as found:
        assert waits == list(remote.WAITS[:3])
        np.testing.assert_array_equal(read_all(found), ROWS)
    web.failures = [0, 0, 0]  # connections are cut; the client below may try again too
    with open_embeddings(f"{web.url}/emb.npy") as found:
        np.testing.assert_array_equal(read_all(found), ROWS)
    assert web.failures == []


@pytest.mark.parametrize(
    ("failures", "says", "waited"),
    [
        ([503] * 9, "cannot be read: 503", list(remote.WAITS)),
        ([403], "permission denied", []),
        ([404], "no such file", []),
    ],
)
def test_reads_that_fail_for_good(
    web: Web, waits: list[float], failures: list[int], says: str, waited: list[float]
) -> None:
    web.files = {"/emb.npy": npy()}
    web.failures = failures
    message = refusal(f"{web.url}/emb.npy?signature=secret")
    assert f"{web.url}/emb.npy: {says}" in message
    assert "secret" not in message
    assert waits == waited


@pytest.mark.parametrize("tags", [True, False])
def test_a_web_file_that_changes(web: Web, waits: list[float], tags: bool) -> None:
    web.tags = tags
    rows = np.zeros((1 << 14, 128), np.float32)
    web.files = {"/emb.npy": npy(rows)}
    with open_embeddings(f"{web.url}/emb.npy") as found:
        blocks = found.blocks(1 << 20)
        next(blocks)
        web.files = {"/emb.npy": npy(rows + 1) + b"1" * (not tags)}
        if tags:  # else a change shows at the next opening, if the size tells
            with pytest.raises(InputError, match=r"emb\.npy: changed while it was read"):
                list(blocks)
        with pytest.raises(InputError, match=r"emb\.npy: changed since it was first read"):
            found.take([0])


def test_a_server_that_is_not_there(folder: Path, waits: list[float]) -> None:
    assert "http://127.0.0.1:9/emb.npy: cannot be read: Cannot connect" in refusal("http://127.0.0.1:9/emb.npy")
    assert waits == list(remote.WAITS)


def test_the_command_reads_a_bucket(bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    data = FORMATS["emb.parquet"]()
    source = bucket.put("command/emb.parquet", data)
    assert main(["fit", source, "-q", "-o", "fit.json"]) == ExitCode.PASS
    found = json.loads(Path("fit.json").read_text())["dataset"]
    assert found["source"] == source
    assert found["source_version"] == f"ETag {hashlib.md5(data).hexdigest()}"
    assert main(["fit", "s3://data/command/none.npy"]) == ExitCode.ERROR
    assert "s3://data/command/none.npy: no such file" in capsys.readouterr().err


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == "fsspec"]:
        monkeypatch.setitem(sys.modules, module, None)
    assert "s3://data/a.npy: needs fsspec" in refusal("s3://data/a.npy")
    assert "pip install 'specaudit[remote]'" in refusal("s3://data/a.npy")


def test_a_missing_library_of_one_store(folder: Path) -> None:
    assert "Please install gcsfs" in refusal("gs://data/a.npy")
    assert "pip install 'specaudit[remote]'" in refusal("gs://data/a.npy")
