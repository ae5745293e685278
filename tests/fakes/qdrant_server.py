"""Qdrant's REST API over a real loopback socket, for tests where no Qdrant server can be had.

    with QdrantServer() as server:
        ...  # server.url is what `index.url` wants

Requests are read into the vendor's own models, and what they ask for is done by the in-memory mode of qdrant-client,
one request at a time, so that the moves of one aliases request are seen together, as on the real server. Only what the
adapter sends is known; whatever else comes in is answered 404. `hold` makes searches wait, as a slow server does.
"""

import contextlib
import copy
import pickle
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from qdrant_client import QdrantClient, models

COLLECTION = "/collections/{name}"
KEPT = ("collections", "aliases")  # what the local mode of qdrant-client holds


class QdrantServer:
    """The server in a thread of its own, until the end of the block. `searches` is how many were begun, `created` what
    was asked for with each collection, `asked` every search. It says of itself that it is one of `nodes`.
    """

    def __init__(self, *, nodes: int = 1) -> None:
        self.nodes = nodes
        self.searches = 0
        self.created: dict[str, models.CreateCollection] = {}
        self.asked: list[models.QueryRequest] = []
        self._go_on = threading.Event()
        self._go_on.set()
        self._store = QdrantClient(":memory:")
        self._server = uvicorn.Server(uvicorn.Config(self._app(), port=0, log_config=None, log_level="error"))
        self._thread = threading.Thread(target=self._server.run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def kept(self) -> object:
        """All collections with their aliases as they are now, for `put_back`: a snapshot of the whole store."""
        return copy.deepcopy([getattr(self._store._client, name) for name in KEPT])

    def put_back(self, kept: object) -> None:
        """The store as it was when `kept` was taken."""
        assert isinstance(kept, list)
        for name, value in zip(KEPT, kept, strict=True):
            setattr(self._store._client, name, value)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Searches that come in wait until the end of the block."""
        self._go_on.clear()
        try:
            yield
        finally:
            self._go_on.set()

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._go_on.set()
        self._server.should_exit = True
        self._thread.join()
        self._store.close()

    def _app(self) -> FastAPI:
        app, store, one_at_a_time = FastAPI(), self._store, threading.Lock()

        def done(act: Callable[[], Any]) -> Response:
            """The envelope of every answer; what the in-memory mode refuses gets the server's status."""
            try:
                with one_at_a_time, warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant")
                    warnings.filterwarnings("ignore", "Local mode performs exact")
                    result = act()
            except ValueError as error:
                status = 404 if str(error).endswith(" not found") else 409
                return JSONResponse({"status": {"error": str(error)}, "time": 0.0}, status_code=status)
            return JSONResponse({"result": jsonable_encoder(result), "status": "ok", "time": 0.0})

        @app.get("/cluster")
        def cluster() -> Response:
            return done(lambda: _cluster(self.nodes))

        @app.get("/collections")
        def collections() -> Response:
            return done(store.get_collections)

        @app.get("/aliases")
        def aliases() -> Response:
            return done(store.get_aliases)

        @app.post("/collections/aliases")
        def move(body: models.ChangeAliasesOperation) -> Response:
            return done(lambda: store.update_collection_aliases(body.actions))

        @app.get(COLLECTION + "/exists")
        def exists(name: str) -> Response:
            return done(lambda: models.CollectionExistence(exists=store.collection_exists(name)))

        @app.get(COLLECTION)
        def told(name: str) -> Response:
            return done(lambda: store.get_collection(name))

        @app.put(COLLECTION)
        def create(name: str, body: models.CreateCollection) -> Response:
            self.created[name] = body
            return done(
                lambda: store.create_collection(
                    name, vectors_config=body.vectors, sparse_vectors_config=body.sparse_vectors
                )
            )

        @app.delete(COLLECTION)
        def delete(name: str) -> Response:
            return done(lambda: store.delete_collection(name))

        @app.put(COLLECTION + "/index")
        def index(name: str, body: models.CreateFieldIndex) -> Response:
            return done(lambda: store.create_payload_index(name, body.field_name, body.field_schema))

        @app.put(COLLECTION + "/points")
        def upsert(name: str, body: models.PointsList) -> Response:
            return done(lambda: store.upsert(name, body.points))

        @app.put(COLLECTION + "/points/vectors")
        def vectors(name: str, body: models.UpdateVectors) -> Response:
            return done(lambda: store.update_vectors(name, body.points))

        @app.post(COLLECTION + "/points/count")
        def count(name: str, body: models.CountRequest) -> Response:
            return done(lambda: store.count(name, count_filter=body.filter, exact=True))

        @app.post(COLLECTION + "/points/scroll")
        def scroll(name: str, body: models.ScrollRequest) -> Response:
            def page() -> models.ScrollResult:
                records, following = store.scroll(
                    name,
                    scroll_filter=body.filter,
                    limit=body.limit or 10,
                    offset=body.offset,
                    with_payload=True if body.with_payload is None else body.with_payload,
                )
                return models.ScrollResult(points=records, next_page_offset=following)

            return done(page)

        @app.post(COLLECTION + "/points/query/batch")
        def query(name: str, body: models.QueryRequestBatch) -> Response:
            self.searches += 1
            self.asked += body.searches
            self._go_on.wait()
            return done(lambda: store.query_batch_points(name, body.searches))

        snapshots: dict[str, bytes] = {}

        @app.post(COLLECTION + "/snapshots")
        def snapshot(name: str) -> Response:
            def made() -> models.SnapshotDescription:
                store.get_collection(name)
                kept = _collections(store)[name]
                snapshots[taken := f"{name}-{len(snapshots)}.snapshot"] = pickle.dumps(kept)
                return models.SnapshotDescription(name=taken, size=len(snapshots[taken]))

            return done(made)

        @app.get(COLLECTION + "/snapshots/{taken}")
        def fetched(taken: str) -> Response:
            return Response(snapshots[taken], media_type="application/octet-stream")

        @app.delete(COLLECTION + "/snapshots/{taken}")
        def dropped(taken: str) -> Response:
            return done(lambda: snapshots.pop(taken) is not None)

        @app.post(COLLECTION + "/snapshots/upload")
        async def uploaded(name: str, request: Request) -> Response:
            async with request.form() as form:
                file = form["snapshot"]
                assert not isinstance(file, str)
                sent = await file.read()

            def put() -> bool:
                _collections(store)[name] = pickle.loads(sent)  # noqa: S301  # this module wrote it
                return True

            return done(put)

        return app


def _cluster(nodes: int) -> dict[str, Any]:
    """What a server says of its cluster."""
    if nodes == 1:
        return {"status": "disabled"}
    return {
        "status": "enabled",
        "peer_id": 1,
        "peers": {str(peer): {"uri": f"http://node-{peer}:6335/"} for peer in range(1, nodes + 1)},
        "raft_info": {"term": 1, "commit": 1, "pending_operations": 0, "leader": 1, "role": "Leader", "is_voter": True},
        "consensus_thread_status": {"consensus_thread_status": "working", "last_update": "2026-11-30T00:00:00Z"},
        "message_send_failures": {},
    }


def _collections(store: QdrantClient) -> dict[str, Any]:
    """By name, as the local mode holds them."""
    held: dict[str, Any] = getattr(store._client, KEPT[0])
    return held
