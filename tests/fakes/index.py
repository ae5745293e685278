"""A passage index in memory: cosine and BM25 by brute force, written from their definitions."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from rag_flywheel.domain import Candidate, Chunk, ChunkId, Groups, Scores, VersionId
from rag_flywheel.errors import AliasMoved, NotFound, VersionInUse
from rag_flywheel.ports import ALL_ENGLISH, Entry, Like, Vectors

K1, B = 1.2, 0.75


class MemoryIndex:
    """Versions as lists of entries. An unfinished build is kept aside until it is discarded."""

    def __init__(self, *, titles: bool = True) -> None:
        self._titles = titles
        self._versions: dict[VersionId, list[Entry]] = {}
        self._partial: dict[VersionId, list[Entry]] = {}
        self._recipes: dict[VersionId, str] = {}
        self._live: VersionId | None = None

    def takes_over(self, version: VersionId, *, recipe: str) -> bool:
        return version in self._versions and self._recipes[version] == recipe

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
        if not re.fullmatch(r"[A-Za-z0-9._-]+", version) or version in self._versions or version in self._partial:
            raise ValueError(f"{version!r} cannot name a new version")
        self._recipes[version] = recipe
        entries = self._partial[version] = []
        if like is not None:
            gone = {chunk.chunk_id for chunk in like.without}
            entries += [entry for entry in self._versions[like.version] if entry.chunk.chunk_id not in gone]
        for batch in batches:
            for entry in batch:
                if {vector.shape for vector in (entry.vector, entry.question_vector) if vector is not None} != {
                    (dimension,)
                }:
                    raise ValueError(f"chunk {entry.chunk.chunk_id} has a vector that is not of {dimension} numbers")
                entries.append(entry)
        if len({entry.chunk.chunk_id for entry in entries}) != len(entries):
            raise ValueError(f"version {version}: chunk ids must differ")
        self._versions[version] = self._partial.pop(version)
        return len(entries)

    def versions(self) -> list[VersionId]:
        return sorted(self._versions)

    def discard_partial(self) -> list[str]:
        left = sorted(self._partial)
        self._partial.clear()
        return [*left]

    def live(self) -> VersionId | None:
        return self._live

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        self._entries(to)
        if self._live != expected:
            raise AliasMoved(f"the alias names {self._live}, not {expected}")
        self._live = to

    def delete(self, version: VersionId) -> None:
        if version == self._live:
            raise VersionInUse(f"version {version} is live")
        self._versions.pop(version, None)

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
        entries = [entry for entry in self._entries(version) if entry.chunk.is_for(groups)]
        passages = [entry for entry in entries if not entry.chunk.by_question]
        known = [entry for entry in entries if entry.chunk.by_question]
        dense = _best({passage.chunk.chunk_id: float(passage.vector @ vector) for passage in passages}, limit)
        sparse = _best(self._bm25(text, passages), limit)
        question = _best(
            {
                entry.chunk.chunk_id: float(entry.question_vector @ vector)
                for entry in known
                if entry.question_vector is not None
            },
            limit,
        )
        answer = _best({entry.chunk.chunk_id: float(entry.vector @ vector) for entry in known}, limit)
        both = {
            entry.chunk.chunk_id: (float(entry.question_vector @ vector), float(entry.vector @ vector))
            for entry in known
            if entry.question_vector is not None
            and (entry.chunk.chunk_id in question or entry.chunk.chunk_id in answer)
        }
        chunks = {entry.chunk.chunk_id: entry.chunk for entry in entries}
        sentence = {
            passage.chunk.chunk_id: float(
                (passage.vector[None] if passage.sentences is None else passage.sentences).dot(vector).max()
            )
            for passage in passages
            if passage.chunk.chunk_id in dense or passage.chunk.chunk_id in sparse
        }
        late = {
            entry.chunk.chunk_id: float((tokens @ entry.tokens.T).max(axis=1).mean())
            for entry in entries
            if tokens is not None and len(tokens) and entry.tokens is not None and len(entry.tokens)
            if entry.chunk.chunk_id in sentence or entry.chunk.chunk_id in both
        }
        ranked = [*dense, *(key for key in sparse if key not in dense), *sorted(both, key=lambda key: -both[key][0])]
        return [
            Candidate(
                chunk=chunks[key],
                scores=Scores(
                    dense=dense.get(key),
                    sparse=sparse.get(key),
                    sentence=sentence.get(key),
                    tokens=late.get(key),
                    question=both[key][0] if key in both else None,
                    answer=both[key][1] if key in both else None,
                    words=None if (asked := chunks[key].question) is None else _dice(text, asked),
                ),
            )
            for key in ranked
        ]

    def shared_terms(self, text: str, question: str, *, languages: Mapping[str, float] = ALL_ENGLISH) -> float:
        return _dice(text, question)

    def chunks(self, version: VersionId) -> Iterator[Chunk]:
        return iter([entry.chunk for entry in self._entries(version)])

    def close(self) -> None:
        """There is nothing to release; what was built stays."""

    def _entries(self, version: VersionId) -> list[Entry]:
        if version not in self._versions:
            raise NotFound(f"no version {version}")
        return self._versions[version]

    def _bm25(self, query: str, passages: Sequence[Entry]) -> dict[ChunkId, float]:
        bags = {passage.chunk.chunk_id: Counter(_words(self._text(passage.chunk))) for passage in passages}
        average = float(np.mean([bag.total() for bag in bags.values()])) if bags else 1.0
        scores: dict[ChunkId, float] = {}
        for word in set(_words(query)):
            holding = sum(word in bag for bag in bags.values())
            idf = np.log(1.0 + (len(bags) - holding + 0.5) / (holding + 0.5))
            for key, bag in bags.items():
                if word in bag:
                    held = bag[word] * (K1 + 1) / (bag[word] + K1 * (1 - B + B * bag.total() / average))
                    scores[key] = scores.get(key, 0.0) + float(idf * held)
        return scores

    def _text(self, chunk: Chunk) -> str:
        return " ".join([chunk.title, *chunk.headings, chunk.text]) if self._titles else chunk.text


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _dice(text: str, other: str) -> float:
    """2 |A and B| / (|A| + |B|) of their words (Dice, 1945)."""
    first, second = set(_words(text)), set(_words(other))
    return 2 * len(first & second) / max(len(first) + len(second), 1)


def _best(scores: dict[ChunkId, float], limit: int) -> dict[ChunkId, float]:
    """The best `limit`, best first; ties by chunk id."""
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit])
