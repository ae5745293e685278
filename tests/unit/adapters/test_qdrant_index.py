"""The server adapter's own duties: names on a shared server, a cached alias, and what its failures become."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from rag_flywheel.adapters.index.qdrant_index import Layout, QdrantIndex, connect
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, VersionId
from rag_flywheel.errors import Damaged, IndexUnavailable, NotFound
from rag_flywheel.ports import Entry
from tests.fakes.qdrant_server import QdrantServer

# The adapter makes payload indexes for the server; in-memory mode says that it needs none.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]

V1, V2 = VersionId("v1"), VersionId("v2")
QUERY = np.eye(4, dtype=np.float32)[0]
PRIVATE = "zygote"


def build(index: QdrantIndex, version: VersionId) -> None:
    chunk = Chunk(
        chunk_id=ChunkId("d#0"),
        document_id=DocumentId("d"),
        title="",
        headings=(),
        text="words",
        start=0,
        end=5,
        source="d.md",
    )
    index.build(version, dimension=4, batches=[[Entry(chunk=chunk, vector=QUERY)]])


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    opened = QdrantClient(":memory:")
    yield opened
    opened.close()


@contextmanager
def server(status: int, body: bytes, *, headers: dict[str, str] | None = None) -> Iterator[str]:
    """A server on loopback that gives every request one answer."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


@pytest.mark.parametrize("prefix", ["", "a--b", "a-", "a b", "../a"])
def test_a_prefix_that_would_blur_the_names_is_refused(client: QdrantClient, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        QdrantIndex(client, prefix=prefix)


def test_indexes_with_prefixes_that_begin_alike_leave_each_other_alone(client: QdrantClient) -> None:
    short, long = QdrantIndex(client, prefix="rag"), QdrantIndex(client, prefix="rag-flywheel")
    build(long, V1)
    long.move_live(V1, expected=None)
    client.create_collection("rag-flywheel--v2", vectors_config={})  # an unfinished build of the other one
    client.create_collection("other", vectors_config={})
    assert short.versions() == []
    assert short.live() is None
    assert short.discard_partial() == []
    short.delete(V1)
    assert long.versions() == [V1]
    assert long.discard_partial() == ["rag-flywheel--v2"]
    assert client.collection_exists("other")


def test_the_alias_that_another_process_moved_is_seen_at_once(client: QdrantClient) -> None:
    """Or a canary would be ended, or a version deleted, by what was live a moment ago."""
    mine, other = QdrantIndex(client, prefix="rag"), QdrantIndex(client, prefix="rag")
    build(mine, V1)
    build(mine, V2)
    mine.move_live(V1, expected=None)
    assert mine.live() == V1
    other.move_live(V2, expected=V1)
    assert mine.live() == V2


def test_the_alias_names_the_versions_collection_for_other_programs(client: QdrantClient) -> None:
    index = QdrantIndex(client, prefix="rag")
    build(index, V1)
    index.move_live(V1, expected=None)
    assert client.query_points("rag-live", query=QUERY.tolist(), using="dense").points[0].score == pytest.approx(1.0)


def test_an_alias_that_names_a_foreign_collection_is_damage(client: QdrantClient) -> None:
    client.create_collection("other", vectors_config={})
    create = models.CreateAlias(collection_name="other", alias_name="rag-live")
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])
    with pytest.raises(Damaged, match="rag-live names the collection other"):
        QdrantIndex(client, prefix="rag").live()


def test_a_payload_that_holds_no_chunk_is_damage_and_its_text_is_not_shown(client: QdrantClient) -> None:
    index = QdrantIndex(client, prefix="rag")
    build(index, V1)
    ids = [record.id for record in client.scroll("rag--v1")[0]]
    client.set_payload("rag--v1", {"chunk": f'{{"text": "{PRIVATE}"}}'}, points=ids)
    with pytest.raises(Damaged, match="v1") as raised:
        index.search(V1, text="words", vector=QUERY, limit=5, groups=None)
    assert PRIVATE not in str(raised.value)


def test_a_server_that_is_not_there_is_unavailable_for_every_call() -> None:
    with server(200, b"") as url:
        pass  # the port is free again
    calls: list[Callable[[QdrantIndex], object]] = [
        QdrantIndex.versions,
        QdrantIndex.live,
        QdrantIndex.discard_partial,
        lambda index: build(index, V1),
        lambda index: index.move_live(V1, expected=None),
        lambda index: index.delete(V1),
        lambda index: index.search(V1, text=PRIVATE, vector=QUERY, limit=5, groups=None),
        lambda index: index.chunks(V1),
    ]
    for call in calls:
        index = connect(url, api_key="", timeout=2, prefix="rag")  # each one's first request: later ones are spared
        with pytest.raises(IndexUnavailable, match="does not answer") as raised:
            call(index)
        assert raised.value.__cause__ is not None
        assert PRIVATE not in str(raised.value)
        index.close()


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (500, b"zygote", {}, "answered 500"),
        (401, b"zygote", {}, "answered 401 .* API key"),
        (200, b"<html>zygote</html>", {}, "not JSON"),
        (200, b'{"result": "zygote"}', {}, "does not answer"),
        (429, b'{"status": {"error": "zygote"}}', {"Retry-After": "3"}, "does not answer"),
    ],
)
def test_a_server_that_fails_is_unavailable_and_its_words_are_not_repeated(
    status: int, body: bytes, headers: dict[str, str], said: str
) -> None:
    with server(status, body, headers=headers) as url:
        index = connect(url, api_key="", timeout=2, prefix="rag")
        with pytest.raises(IndexUnavailable, match=said) as raised:
            index.search(V1, text="words", vector=QUERY, limit=5, groups=None)
        assert PRIVATE not in str(raised.value)
        index.close()


def test_a_version_that_the_server_does_not_know_is_not_found() -> None:
    with server(404, b'{"status": {"error": "Not found: Collection"}}') as url:
        index = connect(url, api_key="", timeout=2, prefix="rag")
        with pytest.raises(NotFound, match="v1"):
            index.search(V1, text="words", vector=QUERY, limit=5, groups=None)
        index.close()


def test_a_version_lies_on_the_server_as_the_layout_says() -> None:
    layout = Layout(shards=3, replicas=2, write_consistency=2, on_disk=True, int8=True)
    with QdrantServer() as running:
        index = connect(running.url, api_key="", timeout=5, prefix="rag", layout=layout)
        build(index, V1)
        asked = running.created["rag--v1"]
        index.close()
    assert (asked.shard_number, asked.replication_factor, asked.write_consistency_factor) == (3, 2, 2)
    vectors = asked.vectors
    assert isinstance(vectors, dict)
    assert {name: params.on_disk for name, params in vectors.items()} == dict.fromkeys(vectors, True)
    small = {name for name, params in vectors.items() if params.quantization_config is not None}
    assert small == {"dense", "question", "answer"}


def test_what_was_found_in_small_vectors_is_scored_with_the_whole_ones() -> None:
    with QdrantServer() as running:
        build(index := connect(running.url, api_key="", timeout=5, prefix="rag", layout=Layout(int8=True)), V1)
        index.close()
        index = connect(running.url, api_key="", timeout=5, prefix="rag")  # a later release of the settings
        index.search(V1, text="words", vector=QUERY, limit=5, groups=None)
        index.close()
    near = [query for query in running.asked if query.using in ("dense", "question", "answer")]
    inner = [each for query in near if isinstance(query.prefetch, list) for each in query.prefetch]
    assert {query.using for query in inner} == {"question", "answer"}
    for query in [*near, *inner]:
        assert query.params is not None
        assert query.params.quantization is not None
        assert query.params.quantization.rescore


def test_without_a_layout_the_server_chooses_the_shards_and_keeps_whole_vectors_in_memory() -> None:
    with QdrantServer() as running:
        index = connect(running.url, api_key="", timeout=5, prefix="rag")
        build(index, V1)
        asked = running.created["rag--v1"]
        index.close()
    assert (asked.shard_number, asked.replication_factor, asked.write_consistency_factor) == (None, 1, 1)
    assert isinstance(asked.vectors, dict)
    assert not any(params.on_disk or params.quantization_config for params in asked.vectors.values())
