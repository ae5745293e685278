"""One shard of Qdrant Edge: how it is laid out, what its folder says of it, and reading all of it."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version as release
from pathlib import Path

import qdrant_edge as edge

from rag_flywheel.adapters.index import folders, points
from rag_flywheel.domain import Groups, VersionId
from rag_flywheel.errors import Damaged, DiskUnavailable, FlywheelError

LAYOUT = "2"  # raise it whenever the same entry could be written otherwise
WRITTEN = "written.json"
VECTORS = ".mmap"  # how such files end; some others change when a version is opened
DEAD_AT_MOST = 0.1  # of a version's entries: what was taken out of a copy stays in its files, and in the counts of BM25
DRIFT_AT_MOST = 0.02  # of the average length of passages, by which the weights of BM25 were made


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a version's folder says of how it was written."""

    recipe: str
    entries: int
    passages: int
    terms: float  # of all passages
    average: float  # terms of a passage, as the weights take it
    dead: int = 0  # entries that were taken out of the version that it was copied from, or that one's
    lengths: dict[str, int] = field(default_factory=dict)  # in bytes, of the files of vectors

    @property
    def average_now(self) -> float:
        """What the weights take it for where all are made anew."""
        return max(self.terms / max(self.passages, 1), 1.0)

    @property
    def has_drifted(self) -> bool:
        return abs(self.average_now / self.average - 1.0) > DRIFT_AT_MOST

    @property
    def may_be_copied(self) -> bool:
        return self.dead <= DEAD_AT_MOST * self.entries

    def is_whole(self, folder: Path) -> bool:
        """Whether each file of vectors is as long as it was written: a copy would carry on what is missing."""
        return self.lengths == folders.lengths(folder, suffix=VECTORS)

    def save(self, folder: Path) -> None:
        told = replace(self, lengths=folders.lengths(folder, suffix=VECTORS))
        (folder / WRITTEN).write_text(json.dumps(asdict(told)), encoding="utf-8")


def written(folder: Path) -> Written | None:
    """None where an older release wrote it, or where it cannot be read."""
    try:
        return Written(**json.loads((folder / WRITTEN).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def recipe(given: str) -> str:
    """The recipe of entries with that of this adapter."""
    return f"{LAYOUT}|{release('qdrant-edge-py')}|{given}"


def config(dimension: int, token_dimension: int) -> edge.EdgeConfig:
    near = edge.EdgeVectorParams(dimension, edge.Distance.Cosine)
    vectors = {points.DENSE: near, points.QUESTION: near, points.ANSWER: near}
    vectors[points.SENTENCES] = _several(dimension, edge.Distance.Cosine)
    if token_dimension:
        vectors[points.TOKENS] = _several(token_dimension, edge.Distance.Dot)
    return edge.EdgeConfig(
        vectors=vectors,
        sparse_vectors={points.SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        wal_enabled=False,  # a version is written once; without the log, several processes may open it
    )


def _several(dimension: int, distance: edge.Distance) -> edge.EdgeVectorParams:
    """Vectors of a passage's parts: only passages that a channel found are asked for them, so there is no graph."""
    return edge.EdgeVectorParams(
        dimension,
        distance,
        multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim),
        datatype=edge.VectorStorageDatatype.Float16,
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
    )


def apart(shard: edge.EdgeShard, version: VersionId) -> bool:
    every = [edge.FieldCondition(key, match=edge.MatchAny([points.ALL])) for key in points.OPEN_TO_ALL]
    opened = edge.Filter(must=[*every, edge.IsEmptyCondition(points.UNLESS)])
    with unreadable(version):
        return shard.count(edge.CountRequest(filter=opened)) < shard.info().points_count


def reach(groups: Groups) -> edge.Filter:
    found = points.reach(groups)
    within, without = (
        [edge.FieldCondition(key, match=edge.MatchAny(values)) for key, values in some.items()]
        for some in (found.within, found.without)
    )
    return edge.Filter(must=[*within], must_not=[*without])


def vectors(folder: Path) -> frozenset[str]:
    """The names of the version's vectors as the vendor wrote them; where that cannot be read, those of the oldest."""
    try:
        return frozenset(json.loads((folder / "edge_config.json").read_text(encoding="utf-8"))["vectors"])
    except (OSError, ValueError, LookupError, TypeError):
        return frozenset((points.DENSE, points.QUESTION))


def scroll(shard: edge.EdgeShard, version: VersionId, *, kind: str | None = None) -> Iterator[list[edge.Record]]:
    """Every point with its chunk, some at a time."""
    wanted = edge.Filter(must=[edge.FieldCondition(points.KIND, match=edge.MatchValue(kind))]) if kind else None
    offset: edge.PointId | None = None
    while True:
        request = edge.ScrollRequest(
            offset=offset, limit=points.AT_ONCE, filter=wanted, with_payload=[points.CHUNK], with_vector=False
        )
        with unreadable(version):
            records, offset = shard.scroll(request)
        yield records
        if offset is None:
            return


def unreadable(version: VersionId) -> contextlib.AbstractContextManager[None]:
    return _translated(
        Damaged, f"version {version} cannot be read; roll back to another version, or run reindex to build a new one"
    )


def unwritten(version: VersionId) -> contextlib.AbstractContextManager[None]:
    return _translated(DiskUnavailable, f"version {version} cannot be written; see to the disk, then run reindex")


@contextlib.contextmanager
def _translated(kind: type[FlywheelError], message: str) -> Iterator[None]:
    """The vendor raises a bare `Exception` for all that goes wrong below it; any narrower one is a mistake of ours."""
    try:
        yield
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise kind(f"{message} (Qdrant Edge: {error})") from error
