"""The passage index on a Qdrant server: one collection a version, and aliases.

    <prefix>--<version>              the collection
    <prefix>--<version>--complete    an alias of it, made as the last step of a build
    <prefix>-live                    the alias that names the live version

A collection without its `--complete` alias is an unfinished build. Searches go through that alias, so an unfinished
version is as absent as a missing one, at no further request. Neither prefix nor version may hold two dashes in a row,
so that indexes with prefixes such as `rag` and `rag-flywheel` share a server without touching each other.
"""

import contextlib
import json
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cachetools import LRUCache
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from rag_flywheel.adapters.breaker import Breaker
from rag_flywheel.adapters.index import points
from rag_flywheel.adapters.index.sparse import Sparse
from rag_flywheel.domain import Candidate, Chunk, Groups, VersionId
from rag_flywheel.errors import REFUSED_ALONE, Damaged, IndexUnavailable, NotFound
from rag_flywheel.ports import ALL_ENGLISH, Entry, Like, Vectors

COMPLETE = "--complete"
LIVE = "-live"
_RESCORED = models.SearchParams(quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0))
"""Twice as many are found in the small vectors as are wanted; the whole ones say which, and the scores. A version that
has none passes it over: it is sent always, since a version keeps the layout of its time.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a version that is built lies on the server. A version keeps the layout that it was built with."""

    shards: int | None = None  # None: as many as the server chooses, one for each node
    replicas: int = 1  # copies of each shard, on as many nodes
    write_consistency: int = 1  # replicas that must have what is written before it counts
    on_disk: bool = False  # vectors, instead of in memory
    int8: bool = False  # search in vectors of a byte a number, which stay in memory, and score with the whole ones


def connect(
    url: str, *, api_key: str, timeout: float, prefix: str, titles: bool = True, layout: Layout | None = None
) -> "QdrantIndex":
    """An index on the server at `url`; `timeout` in seconds, rounded up, for each request. Sends nothing yet."""
    client = QdrantClient(
        url=url,
        api_key=api_key or None,
        timeout=math.ceil(timeout),
        # The check would send a request from the constructor, and only warn where there is no server.
        check_compatibility=False,
    )
    return QdrantIndex(client, prefix=prefix, titles=titles, layout=layout)


@dataclass(frozen=True, slots=True)
class _Known:
    vectors: frozenset[str]  # their names; versions of older releases have not all of them
    apart: bool  # whether anything in it is not for everybody


class QdrantIndex:
    """A `PassageIndex` on a Qdrant server. Every method raises IndexUnavailable when the server does not answer.

    The server cannot compare and set an alias: `move_live` and `delete` look and then act, under a lock of this
    process. Across processes it is the ledger's promotion lock that keeps them apart, and promotion holds it. The move
    itself is one request, so a reader sees the old version or the new one. `live` asks the server each time: what acts
    on the alias must not go by what it was. `titles` says whether BM25 searches a passage's title and headings too.
    Every filter is on a payload field that is indexed, so a server's strict mode has nothing to refuse.
    """

    def __init__(self, client: QdrantClient, *, prefix: str, titles: bool = True, layout: Layout | None = None) -> None:
        if not points.is_version(prefix):
            raise ValueError(
                f"{prefix!r} cannot be a prefix: letters, digits, dots, underscores, single dashes between"
            )
        self._client = client
        self._prefix = f"{prefix}--"
        self._alias = f"{prefix}{LIVE}"
        self._sparse = Sparse(titles=titles)
        self._layout = layout or Layout()
        self._moving = threading.Lock()
        self._guard = threading.Lock()  # of _known; held for a moment only
        self.breakers = aliases, searches = Breaker("index", IndexUnavailable), Breaker("search", IndexUnavailable)
        self._reads, self._searches = aliases, searches  # a search may hang where aliases can be read
        self._known: LRUCache[VersionId, _Known] = LRUCache(100)

    def takes_over(self, version: VersionId, *, recipe: str) -> bool:
        return False  # a server has no cheap copy of a collection

    def build(
        self,
        version: VersionId,
        *,
        dimension: int,
        batches: Iterable[Sequence[Entry]],
        token_dimension: int = 0,
        recipe: str = "",
        like: Like | None = None,
    ) -> int:
        points.check_version(version)
        collection = self._prefix + version
        with _translated(version):
            if self._client.collection_exists(collection):
                raise ValueError(f"version {version} exists already, or its unfinished build does: choose another name")
            layout, sparse = self._layout, models.SparseVectorParams(modifier=models.Modifier.IDF)
            self._client.create_collection(
                collection,
                vectors_config=_vectors(layout, dimension=dimension, token_dimension=token_dimension),
                sparse_vectors_config={points.SPARSE: sparse},
                on_disk_payload=True,
                shard_number=layout.shards,
                replication_factor=layout.replicas,
                write_consistency_factor=layout.write_consistency,
            )
            for field in points.INDEXED:
                self._client.create_payload_index(collection, field, field_schema=models.PayloadSchemaType.KEYWORD)
        count = self._write(version, dimension, batches)
        with _translated(version):
            points.check_count(version, entries=count, stored=self._client.count(collection, exact=True).count)
            self._client.update_collection_aliases([_create(collection + COMPLETE, collection)])
        return count

    def versions(self) -> list[VersionId]:
        marked = (alias for alias in self._aliases() if alias.startswith(self._prefix) and alias.endswith(COMPLETE))
        return sorted(VersionId(alias.removeprefix(self._prefix).removesuffix(COMPLETE)) for alias in marked)

    def discard_partial(self) -> list[str]:
        complete = {self._prefix + version for version in self.versions()}
        with _translated():
            collections = [found.name for found in self._client.get_collections().collections]
            left = sorted(name for name in collections if self._is_ours(name) and name not in complete)
            for name in left:
                self._client.delete_collection(name)
        return left

    def live(self) -> VersionId | None:
        collection = self._aliases().get(self._alias)
        if collection is None:
            return None
        if not self._is_ours(collection):
            raise Damaged(
                f"the alias {self._alias} names the collection {collection}, which is no version of this index "
                f"(those are named {self._prefix}...): delete the alias, then promote a version"
            )
        return VersionId(collection.removeprefix(self._prefix))

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        with self._moving:
            if to not in self.versions():
                raise _missing(to)
            points.check_expected(found=self.live(), expected=expected)
            moves: list[models.AliasOperations] = [_create(self._alias, self._prefix + to)]
            if expected is not None:
                moves.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._alias)))
            with _translated(to):
                self._client.update_collection_aliases(moves)

    def delete(self, version: VersionId) -> None:
        if not points.is_version(version):
            return
        with self._moving:
            points.check_unused(version, live=self.live())
            with _translated(version):
                self._client.delete_collection(self._prefix + version)

    def search(
        self,
        version: VersionId,
        *,
        text: str,
        vector: Vectors,
        limit: int,
        groups: Groups,
        languages: Mapping[str, float] = ALL_ENGLISH,
        tokens: Vectors | None = None,
    ) -> list[Candidate]:
        known = self._told(version)
        wanted, vectors = _reach(groups) if known.apart else None, known.vectors
        words = self._sparse.query(text, languages)
        near = vector.tolist()
        queries: dict[str, list[float] | models.SparseVector] = {
            points.DENSE: near,
            points.SPARSE: models.SparseVector(indices=words.indices, values=words.values),
            points.QUESTION: near,
            points.ANSWER: near,
        }
        requests = {
            name: models.QueryRequest(
                query=query, using=name, limit=limit, filter=wanted, params=_RESCORED, with_payload=[points.CHUNK]
            )
            for name, query in queries.items()
            if name in (points.SPARSE, *vectors)
        }
        if points.ANSWER in vectors:  # both cosines of what either of them found
            for name in (points.QUESTION, points.ANSWER):
                both = [
                    models.Prefetch(query=near, using=other, limit=limit, filter=wanted, params=_RESCORED)
                    for other in (points.QUESTION, points.ANSWER)
                ]
                requests[name] = requests[name].model_copy(update={"limit": 2 * limit, "prefetch": both})
        found = self._ask(version, requests)
        ids = points.ids(found)
        parts = {points.SENTENCES: [near], points.TOKENS: points.of_tokens(tokens, vectors)}
        among = models.Filter(must=[models.HasIdCondition(has_id=ids)])
        found |= self._ask(
            version,
            {
                name: models.QueryRequest(query=several, using=name, limit=len(ids), filter=among)
                for name, several in parts.items()
                if ids and several and name in vectors
            },
        )
        return points.candidates(found, version, self._sparse.shared(text, languages))

    def shared_terms(self, text: str, question: str, *, languages: Mapping[str, float] = ALL_ENGLISH) -> float:
        return self._sparse.shared(text, languages)(question)

    def chunks(self, version: VersionId) -> Iterator[Chunk]:
        if version not in self.versions():
            raise _missing(version)
        return (
            points.chunk_of(record.payload, version)
            for records in self._scroll(self._complete(version), version)
            for record in records
        )

    def close(self) -> None:
        self._client.close()

    def _write(self, version: VersionId, dimension: int, batches: Iterable[Sequence[Entry]]) -> int:
        """Store every entry and return their number; in two passes, as in `EdgeIndex`."""
        collection, count, lengths = self._prefix + version, 0, []
        for batch in points.pieces(batches):
            written = [
                models.PointStruct(
                    id=str(points.point_id(entry.chunk)),
                    vector={**points.dense_vectors(entry, dimension=dimension)},
                    payload={**points.payload(entry.chunk)},
                )
                for entry in batch
            ]
            with _translated(version):
                self._client.upsert(collection, written, wait=True)
            count += len(batch)
            lengths += self._sparse.lengths(entry.chunk for entry in batch if not entry.chunk.by_question)
        weigh = self._sparse.weights(average=sum(lengths) / max(len(lengths), 1))
        for records in self._scroll(collection, version, kind=points.PASSAGE):
            weights = []
            for record in records:
                words = weigh(points.chunk_of(record.payload, version))
                sparse = models.SparseVector(indices=words.indices, values=words.values)
                weights.append(models.PointVectors(id=record.id, vector={points.SPARSE: sparse}))
            with _translated(version):
                self._client.update_vectors(collection, weights, wait=True)
        return count

    def _ask(
        self, version: VersionId, requests: Mapping[str, models.QueryRequest]
    ) -> dict[str, list[models.ScoredPoint]]:
        if not requests:
            return {}
        with self._searches.asked(), _translated(version):
            found = self._client.query_batch_points(self._complete(version), list(requests.values()))
        return {name: response.points for name, response in zip(requests, found, strict=True)}

    def _told(self, version: VersionId) -> "_Known":
        """Asked once: a version never changes."""
        with self._guard:
            known = self._known.get(version)
        if known is None:
            collection = self._complete(version)
            every = [
                models.FieldCondition(key=key, match=models.MatchAny(any=[points.ALL])) for key in points.OPEN_TO_ALL
            ]
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=points.UNLESS))
            with self._searches.asked(), _translated(version):
                vectors = self._client.get_collection(collection).config.params.vectors
                stored = self._client.count(collection, exact=True).count
                opened = self._client.count(collection, models.Filter(must=[*every, empty]), exact=True).count
            names = frozenset(vectors) if isinstance(vectors, dict) else frozenset()
            known = _Known(vectors=names, apart=opened < stored)
            with self._guard:
                self._known[version] = known
        return known

    def _scroll(
        self, collection: str, version: VersionId, *, kind: str | None = None
    ) -> Iterator[Sequence[models.Record]]:
        """Every point with its chunk, some at a time; none of them empty."""
        wanted = None
        if kind is not None:
            match = models.FieldCondition(key=points.KIND, match=models.MatchValue(value=kind))
            wanted = models.Filter(must=[match])
        offset: models.ExtendedPointId | None = None
        while True:
            with _translated(version):
                records, following = self._client.scroll(
                    collection, scroll_filter=wanted, limit=points.AT_ONCE, offset=offset, with_payload=[points.CHUNK]
                )
            if records:
                yield records
            if following is None:
                return
            offset = following

    def _is_ours(self, collection: str) -> bool:
        return collection.startswith(self._prefix) and points.is_version(collection.removeprefix(self._prefix))

    def _complete(self, version: VersionId) -> str:
        if not points.is_version(version):
            raise _missing(version)
        return self._prefix + version + COMPLETE

    def _aliases(self) -> dict[str, str]:
        with self._reads.asked(), _translated():
            return {alias.alias_name: alias.collection_name for alias in self._client.get_aliases().aliases}


def _vectors(layout: Layout, *, dimension: int, token_dimension: int) -> dict[str, models.VectorParams]:
    int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
    near = models.VectorParams(
        size=dimension,
        distance=models.Distance.COSINE,
        on_disk=layout.on_disk or None,
        quantization_config=models.ScalarQuantization(scalar=int8) if layout.int8 else None,
    )
    several = {points.SENTENCES: _several(layout, dimension, models.Distance.COSINE)}
    if token_dimension:
        several[points.TOKENS] = _several(layout, token_dimension, models.Distance.DOT)
    return {points.DENSE: near, points.QUESTION: near, points.ANSWER: near, **several}


def _several(layout: Layout, dimension: int, distance: models.Distance) -> models.VectorParams:
    """Vectors of a passage's parts: only passages that a channel found are asked for them, so there is no graph."""
    return models.VectorParams(
        size=dimension,
        distance=distance,
        on_disk=layout.on_disk or None,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
        datatype=models.Datatype.FLOAT16,
        hnsw_config=models.HnswConfigDiff(m=0),
    )


def _create(alias: str, collection: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(alias_name=alias, collection_name=collection))


def _reach(groups: Groups) -> models.Filter:
    reach = points.reach(groups)
    within, without = (
        [models.FieldCondition(key=key, match=models.MatchAny(any=values)) for key, values in some.items()]
        for some in (reach.within, reach.without)
    )
    return models.Filter(must=[*within], must_not=[*without])


def _missing(version: VersionId) -> NotFound:
    return NotFound(f"the index has no version {version}: `rag-flywheel versions list` shows those it has")


@contextlib.contextmanager
def _translated(version: VersionId | None = None) -> Iterator[None]:
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code == 404 and version is not None:
            raise _missing(version) from error
        raise IndexUnavailable(
            f"the Qdrant server answered {error.status_code} {error.reason_phrase}: check index.url, API key and log",
            refused=error.status_code in REFUSED_ALONE,
        ) from error
    except (ApiException, QdrantException) as error:
        raise IndexUnavailable(
            f"the Qdrant server does not answer ({_reason(error)}): see that it runs at index.url, and try again"
        ) from error
    except json.JSONDecodeError as error:
        raise IndexUnavailable(
            "what answers at index.url is no Qdrant server (its answer is not JSON): see whether the URL is right, and "
            "what a proxy in between says"
        ) from error
    except ValueError as error:
        # The client's in-memory mode says so of a missing collection.
        if version is not None and str(error).endswith(" not found"):
            raise _missing(version) from error
        raise


def _reason(error: Exception) -> str:
    """What kind of failure it was; the message of the client may quote what was sent."""
    return type(getattr(error, "source", error)).__name__
