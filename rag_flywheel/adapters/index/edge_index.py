"""The passage index embedded in this process: Qdrant Edge, one immutable folder a version, and a file for the alias.

    <folder>/<version>/            a complete version
    <folder>/<version>.partial/    a build that is under way, or whose process died
    <folder>/<version>.deleted/    a version that is being removed
    <folder>/live                  the name that the alias holds; live.lock guards its moves

What qdrant-edge-py 0.9 was found to do, and what follows for us:
- A query, an update and an optimisation hold the interpreter (the GIL) from beginning to end. So threads may share a
  shard without a lock of ours, many threads search no faster than one, and a large build (5 s of HNSW for 16,000
  passages) stops all other threads: build in another process than the one that serves.
- The vendor means a folder for one shard at a time. Opening and closing one that has no write-ahead log and nothing to
  optimise rewrites a few files, each with equal content or by a rename, so several processes may open one version;
  1,200 openings by four processes at once left every byte of its data as it was.
- Its files are mapped into memory and full of holes: 250 MB by their length and 0.5 MB on the disk for 30 passages, and
  there is no setting for the length (32 MB pages). A write into a hole for which the disk has no block left ends the
  whole process (SIGBUS), which no program can catch. So a build looks for `ROOM` before each step, and gives up.
- A shard that loses its last reference closes itself. An explicit `close` would fail the searches in flight, so a shard
  that is no longer wanted is only let go: the last search that holds it ends it.
"""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import qdrant_edge as edge
from cachetools import LRUCache
from filelock import FileLock, Timeout

from rag_flywheel.adapters.index import folders, points, shards
from rag_flywheel.adapters.index.shards import Written, scroll, unreadable, unwritten
from rag_flywheel.adapters.index.sparse import Sparse
from rag_flywheel.domain import Candidate, Chunk, Groups, VersionId
from rag_flywheel.errors import Damaged, IndexUnavailable, NotFound, check_room, on_disk
from rag_flywheel.ports import ALL_ENGLISH, Entry, Like, Vectors

PARTIAL = ".partial"
DELETED = ".deleted"
ALIAS = "live"
OPEN_AT_ONCE = 4  # live, candidate, and the ones a rollback goes between
LOCK_SECONDS = 10.0
ROOM = 64_000_000  # bytes that have to be free before each write; a batch of AT_ONCE points takes 12 MB at most


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    shard: edge.EdgeShard
    vectors: frozenset[str]  # their names; versions of older releases have not all of them
    apart: bool  # whether anything in it is not for everybody

    def ask(self, requests: Mapping[str, edge.QueryRequest], version: VersionId) -> dict[str, list[edge.ScoredPoint]]:
        if not requests:
            return {}
        with unreadable(version):
            found = self.shard.query_batch(edge.QueryBatchRequest(list(requests.values())))
        return dict(zip(requests, found, strict=True))


class EdgeIndex:
    """A `PassageIndex` in a local folder, for any number of threads and processes.

    A version's name is for one build only: other processes may still hold what it named. `titles` says whether BM25
    searches a passage's title and headings too.
    """

    def __init__(self, folder: Path, *, titles: bool = True) -> None:
        self._folder = folder
        self._sparse = Sparse(titles=titles)
        self._shards: LRUCache[VersionId, _Opened] = LRUCache(OPEN_AT_ONCE)
        self._guard = threading.Lock()  # of _shards; held for a moment only
        self._loading = threading.Lock()  # so that a version is opened once, however many threads ask for it
        with on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def takes_over(self, version: VersionId, *, recipe: str) -> bool:
        folder = self._folder / version
        held = shards.written(folder)
        if held is None or held.recipe != shards.recipe(recipe) or not held.may_be_copied:
            return False
        with on_disk(self._folder):
            return held.is_whole(folder)

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
        target = self._folder / version
        partial = target.with_name(target.name + PARTIAL)
        if target.exists() or partial.exists():
            raise ValueError(f"version {version} exists already, or its unfinished build does: choose another name")
        try:
            written = (
                self._built(partial, version, (dimension, token_dimension), batches)
                if like is None
                else self._copied(partial, version, dimension, batches, like)
            )
            with on_disk(self._folder):
                replace(written, recipe=shards.recipe(recipe)).save(partial)
                folders.sync_tree(partial)
            partial.rename(target)
        except BaseException:
            folders.remove(partial)  # and with it what it took of the disk
            raise
        folders.sync(self._folder)
        return written.entries

    def versions(self) -> list[VersionId]:
        with os.scandir(self._folder) as found:
            names = [entry.name for entry in found if points.is_version(entry.name) and entry.is_dir()]
        return [VersionId(name) for name in sorted(names)]

    def discard_partial(self) -> list[str]:
        left = sorted(path for path in self._folder.iterdir() if path.suffix in (PARTIAL, DELETED) and path.is_dir())
        for path in left:
            folders.remove(path)
        return [path.name for path in left]

    def live(self) -> VersionId | None:
        alias = self._folder / ALIAS
        try:
            held = alias.read_bytes()
        except FileNotFoundError:
            return None
        name = held.decode("ascii", errors="replace").removesuffix("\n")
        if not points.is_version(name):
            raise Damaged(
                f"the alias file {alias} holds {len(held)} bytes that name no version: write the name of a version "
                "into it, or delete it and promote one (`rag-flywheel versions list` shows them)"
            )
        return VersionId(name)

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        with self._alias_lock(), on_disk(self._folder):
            self._existing(to)
            points.check_expected(found=self.live(), expected=expected)
            temporary = self._folder / f"{ALIAS}.new"
            with temporary.open("w", encoding="ascii") as file:
                file.write(f"{to}\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._folder / ALIAS)
            folders.sync(self._folder)

    def delete(self, version: VersionId) -> None:
        if not points.is_version(version):
            return
        folder = self._folder / version
        removed = folder.with_name(folder.name + DELETED)
        with self._alias_lock():
            points.check_unused(version, live=self.live())
            folders.remove(removed)
            with contextlib.suppress(FileNotFoundError):
                folder.rename(removed)
            folders.sync(self._folder)
        self._forget(version)
        folders.remove(removed)

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
        opened = self._opened(version)
        wanted = shards.reach(groups) if opened.apart else None
        near = vector.tolist()
        words = self._sparse.query(text, languages)
        queries = {
            name: edge.Query.Nearest(query, using=name)
            for name, query in (
                (points.DENSE, near),
                (points.SPARSE, words),
                (points.QUESTION, near),
                (points.ANSWER, near),
            )
            if name in (points.SPARSE, *opened.vectors)
        }
        requests = {
            name: edge.QueryRequest(limit=limit, query=query, filter=wanted, with_payload=[points.CHUNK])
            for name, query in queries.items()
        }
        if points.ANSWER in opened.vectors:  # both cosines of what either of them found
            for name in (points.QUESTION, points.ANSWER):
                both = [
                    edge.Prefetch(limit=limit, query=queries[other], filter=wanted)
                    for other in (points.QUESTION, points.ANSWER)
                ]
                requests[name] = edge.QueryRequest(
                    limit=2 * limit, query=queries[name], prefetches=both, filter=wanted, with_payload=[points.CHUNK]
                )
        found = opened.ask(requests, version)
        ids = points.ids(found)
        parts = {points.SENTENCES: [near], points.TOKENS: points.of_tokens(tokens, opened.vectors)}
        among = edge.Filter(must=[edge.HasIdCondition(set(ids))])
        found |= opened.ask(
            {
                name: edge.QueryRequest(limit=len(ids), query=edge.Query.Nearest(several, using=name), filter=among)
                for name, several in parts.items()
                if ids and several and name in opened.vectors
            },
            version,
        )
        return points.candidates(found, version, self._sparse.shared(text, languages))

    def shared_terms(self, text: str, question: str, *, languages: Mapping[str, float] = ALL_ENGLISH) -> float:
        return self._sparse.shared(text, languages)(question)

    def chunks(self, version: VersionId) -> Iterator[Chunk]:
        shard = self._opened(version).shard
        return (points.chunk_of(record.payload, version) for some in scroll(shard, version) for record in some)

    def close(self) -> None:
        with self._guard:
            self._shards.clear()

    def _built(
        self, folder: Path, version: VersionId, dimensions: tuple[int, int], batches: Iterable[Sequence[Entry]]
    ) -> Written:
        """Fill the folder; the entries are on the disk then. `dimensions`: of vectors, of tokens."""
        with on_disk(self._folder):
            self._check_room()
            folder.mkdir()
            with unwritten(version):
                shard = edge.EdgeShard.create(str(folder), shards.config(*dimensions))
            with contextlib.closing(shard):
                written = self._write(shard, version, dimensions[0], batches)
                self._finish(shard, folder, version, entries=written.entries)
        return written

    def _copied(
        self, folder: Path, version: VersionId, dimension: int, batches: Iterable[Sequence[Entry]], like: Like
    ) -> Written:
        """Fill the folder with another version's files, take out what it has not, and add the entries.

        Its weights of BM25 stay, so those of new passages are made by the same average, unless that is far off now.
        """
        source = self._existing(like.version)
        before = shards.written(source)
        if before is None:
            raise Damaged(f"version {like.version} does not say how it was written: run reindex --force")
        with on_disk(self._folder):
            self._check_room(folders.allocated(source))
            folders.copy(source, folder)
            with unreadable(like.version):
                shard = edge.EdgeShard.load(str(folder))
            with contextlib.closing(shard):
                gone: list[edge.PointId] = [points.point_id(chunk) for chunk in like.without]
                for some in (gone[at : at + points.AT_ONCE] for at in range(0, len(gone), points.AT_ONCE)):
                    with unwritten(version):
                        shard.update(edge.UpdateOperation.delete_points(some))
                lost = self._sparse.lengths(chunk for chunk in like.without if not chunk.by_question)
                count, lengths = self._insert(shard, version, dimension, batches, average=before.average)
                written = replace(
                    before,
                    entries=before.entries - len(gone) + count,
                    passages=before.passages - len(lost) + len(lengths),
                    terms=before.terms - sum(lost) + sum(lengths),
                    dead=before.dead + len(gone),
                )
                written = self._weighed(written, shard, version) if written.has_drifted else written
                self._finish(shard, folder, version, entries=written.entries)
        return written

    def _finish(self, shard: edge.EdgeShard, folder: Path, version: VersionId, *, entries: int) -> None:
        self._check_room(folders.allocated(folder))  # what is optimised is written anew
        with unwritten(version):
            shard.optimize()
            shard.flush()
            stored = shard.info().points_count
        points.check_count(version, entries=entries, stored=stored)

    def _check_room(self, needed: int = 0) -> None:
        check_room(self._folder, ROOM + needed)

    def _write(
        self, shard: edge.EdgeShard, version: VersionId, dimension: int, batches: Iterable[Sequence[Entry]]
    ) -> Written:
        """Store every entry.

        BM25 needs the average length of all passages in every weight, so it has a pass of its own over what the first
        one stored: the memory of a build does not grow with the version.
        """
        with unwritten(version):
            for field in points.INDEXED:
                shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
        count, lengths = self._insert(shard, version, dimension, batches, average=None)
        return self._weighed(
            Written(recipe="", entries=count, passages=len(lengths), terms=sum(lengths), average=1.0), shard, version
        )

    def _weighed(self, written: Written, shard: edge.EdgeShard, version: VersionId) -> Written:
        """What was written, with weights of BM25 by the average of all passages."""
        average = written.average_now
        weigh = self._sparse.weights(average=average)
        for records in scroll(shard, version, kind=points.PASSAGE):
            weights = [
                edge.PointVectors(record.id, {points.SPARSE: weigh(points.chunk_of(record.payload, version))})
                for record in records
            ]
            self._check_room()
            with unwritten(version):
                shard.update(edge.UpdateOperation.update_vectors(weights))
        return replace(written, average=average)

    def _insert(
        self,
        shard: edge.EdgeShard,
        version: VersionId,
        dimension: int,
        batches: Iterable[Sequence[Entry]],
        *,
        average: float | None,
    ) -> tuple[int, list[float]]:
        """Store the entries, with their weights where the average is known; how many, and the terms of the passages."""
        weigh = None if average is None else self._sparse.weights(average=average)
        count, lengths = 0, []
        for batch in points.pieces(batches):
            written = [
                edge.Point(
                    points.point_id(entry.chunk),
                    {
                        **points.dense_vectors(entry, dimension=dimension),
                        **({points.SPARSE: weigh(entry.chunk)} if weigh and not entry.chunk.by_question else {}),
                    },
                    points.payload(entry.chunk),
                )
                for entry in batch
            ]
            self._check_room()
            with unwritten(version):
                shard.update(edge.UpdateOperation.upsert_points(written))
            count += len(batch)
            lengths += self._sparse.lengths(entry.chunk for entry in batch if not entry.chunk.by_question)
        return count, lengths

    def _opened(self, version: VersionId) -> "_Opened":
        """The version, opened. Whoever holds it may go on searching after it was deleted or let go."""
        try:
            folder = self._existing(version)
        except NotFound:
            self._forget(version)
            raise
        with self._guard:
            if version in self._shards:
                return self._shards[version]
        with self._loading:
            with self._guard:
                if version in self._shards:
                    return self._shards[version]
            try:
                with unreadable(version):
                    shard = edge.EdgeShard.load(str(folder))
            except Damaged:
                self._existing(version)  # it may have been deleted just now, which is no damage
                raise
            opened = _Opened(shard=shard, vectors=shards.vectors(folder), apart=shards.apart(shard, version))
            with self._guard:
                self._shards[version] = opened
        return opened

    def _existing(self, version: VersionId) -> Path:
        folder = self._folder / version
        if not points.is_version(version) or not folder.is_dir():
            raise NotFound(f"the index has no version {version}: `rag-flywheel versions list` shows those it has")
        return folder

    def _forget(self, version: VersionId) -> None:
        with self._guard:
            self._shards.pop(version, None)

    @contextlib.contextmanager
    def _alias_lock(self) -> Iterator[None]:
        try:
            with FileLock(self._folder / f"{ALIAS}.lock", timeout=LOCK_SECONDS, poll_interval=0.005):
                yield
        except Timeout as error:
            raise IndexUnavailable(
                f"another process has held {error.lock_file} for {LOCK_SECONDS:.0f} seconds: try again, or end it"
            ) from error
