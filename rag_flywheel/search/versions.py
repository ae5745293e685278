"""Index versions, opened to be searched."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from cachetools import LRUCache
from pydantic import BaseModel

from rag_flywheel.config import Embedder, Ingest, Retrieval
from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.domain import Groups, LearnedRanking, Manifest, VersionId
from rag_flywheel.ports import Encoder, PassageIndex, Reranker, RerankerStore

Section = TypeVar("Section", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """One index version with all that decides its ranking. Cheap to make; holds no state of its own."""

    version: VersionId
    index: PassageIndex
    encoder: Encoder
    learned: LearnedRanking
    reranker: Reranker | None  # the one that `learned` names
    candidates: int  # passages of each channel
    reranked: int  # how many of the fused candidates the reranker scores
    shown: int  # passages that the generator sees
    languages: tuple[str, ...] = ()  # of its passages; none: as Manifest.languages says
    near_duplicate: float = 1.0  # similarity from which passages are shown as one
    groups: Groups = None  # of who searches: what they may not read is not found
    grouped: bool = True  # whether its documents say whom they are for; what older releases built does not

    def __post_init__(self) -> None:
        if (self.learned.reranker is None) != (self.reranker is None):
            raise ValueError(f"version {self.version}: the reranker and its digest go together")

    def seen_by(self, groups: Groups) -> "Searcher":
        """The same version for somebody in these groups."""
        return replace(self, groups=groups)


def open_version(
    manifest: Manifest,
    *,
    index: PassageIndex,
    encoders: Callable[[Embedder], Encoder],
    rerankers: RerankerStore,
) -> Searcher:
    """A version with all that it was built with, whatever is configured now. Raises NotFound when its reranker is not
    kept.
    """
    retrieval = _built_with(manifest, "retrieval", Retrieval)
    reranker = _built_with(manifest, "reranker", RerankerSettings)
    digest = manifest.learned.reranker
    return Searcher(
        version=manifest.version_id,
        index=index,
        encoder=encoders(_built_with(manifest, "embedder", Embedder)),
        learned=manifest.learned,
        reranker=None if digest is None else rerankers.load(digest),
        candidates=retrieval.candidates,
        reranked=reranker.candidates,
        shown=retrieval.passages,
        languages=manifest.languages,
        near_duplicate=_built_with(manifest, "ingest", Ingest).near_duplicate,
        grouped=manifest.readership is not None,
    )


def _built_with(manifest: Manifest, section: str, kind: type[Section]) -> Section:
    """A section of the version's settings. One that a later release has cut is no reason not to open the version."""
    stored = manifest.settings[section]
    assert isinstance(stored, dict)
    return kind.model_validate({name: value for name, value in stored.items() if name in kind.model_fields})


class OpenVersions:
    """The few versions that were used last, open. Safe under threads."""

    def __init__(self, most: int = 4) -> None:
        self._lock = threading.Lock()
        self._open: LRUCache[VersionId, Searcher] = LRUCache(most)

    def get(self, version: VersionId, make: Callable[[VersionId], Searcher]) -> Searcher:
        """The version, made where it is not open. Raises what `make` raises."""
        with self._lock:
            if version not in self._open:
                self._open[version] = make(version)
            return self._open[version]
