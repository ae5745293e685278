"""What the two Qdrant adapters share: names of versions, points, and three channels to one list of candidates.

A point has only the vectors that its kind is searched by: `dense`, `sentences`, `tokens` and `bm25` for a passage,
`question`, `answer` and `tokens` for a known question, which leads to a correction or to the passage that was confirmed
to answer it. So no channel can return the other kind, neither the graphs nor the document frequencies of BM25 mix the
two, and a search needs no filter for that. Sentences and tokens are no channels: they tell more of what the others
found.

Who may find a point stands in its payload, indexed, and every part of a search is filtered by it in the store.
"""

import functools
import math
import re
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from rag_flywheel.domain import OPERATORS, Candidate, Chunk, Groups, Scores, VersionId
from rag_flywheel.domain.groups import own
from rag_flywheel.errors import AliasMoved, Damaged, VersionInUse
from rag_flywheel.ports import Entry, Vectors

DENSE = "dense"
SPARSE = "bm25"
QUESTION = "question"
ANSWER = "answer"  # of a known question together with its answer
SENTENCES = "sentences"  # of a passage; the nearest of them counts, for passages that a channel found
TOKENS = "tokens"  # of what a channel found, likewise: for each token of the query the nearest counts
KIND = "kind"  # payload: PASSAGE or KNOWN, indexed
PASSAGE = "passage"
KNOWN = "known question"
GROUPS, ONLY, UNLESS = "groups", "only", "unless"  # payload: as the chunk's, indexed
ALL = "*"  # in the place of no group; none is named so
INDEXED = (KIND, GROUPS, ONLY, UNLESS)
CHUNK = "chunk"  # payload: the whole chunk as JSON
AT_ONCE = 256  # points in a request
NUMBERS_AT_ONCE = 1_000_000  # of their vectors: about 20 MB, of the 32 that a server takes
TOKENS_ASKED = 64  # of a query: a longer one seldom asks for more, and each is compared with all of a passage

_NAME = re.compile(r"[A-Za-z0-9._]+(-[A-Za-z0-9._]+)*")
_RESERVED = re.compile(r"\.{1,2}|live|live\..*|.*\.(partial|deleted)")


def _as_now(stored: Any) -> Any:
    """A chunk as versions before held it: with one stretch of repeated lines, or none."""
    if isinstance(stored, dict) and not isinstance(stored.get("repeated", []), list):
        return stored | {"repeated": [stored["repeated"]] if stored["repeated"] else []}
    return stored


_CHUNK: TypeAdapter[Chunk] = TypeAdapter(Annotated[Chunk, BeforeValidator(_as_now)])
_NAMESPACE = uuid.UUID("6f1c1d5e-8f0b-5d0a-9c55-4a9f5f1b7a5e")


class Found(Protocol):
    """What both vendors return of a point."""

    @property
    def id(self) -> object: ...

    @property
    def score(self) -> float: ...

    @property
    def payload(self) -> dict[str, Any] | None: ...


def is_version(name: str) -> bool:
    """Whether the name can be a version's, which becomes part of the name of a folder or collection."""
    return bool(_NAME.fullmatch(name)) and not _RESERVED.fullmatch(name)


def check_version(version: VersionId) -> None:
    """Raises ValueError unless it can be a version's name."""
    if not is_version(version):
        raise ValueError(
            f"{version!r} cannot name a version: letters, digits, dots and underscores, single dashes between them; "
            "not `live`, and not ending in .partial or .deleted"
        )


def check_count(version: VersionId, *, entries: int, stored: int) -> None:
    """Raises ValueError when points are missing, which two entries with one chunk id bring about."""
    if stored != entries:
        raise ValueError(f"version {version}: {entries} entries made {stored} points; chunk ids must differ")


def check_expected(*, found: VersionId | None, expected: VersionId | None) -> None:
    if found != expected:
        raise AliasMoved(
            f"the alias names {found or 'no version'}, expected {expected or 'none'}: look again, then decide anew"
        )


def check_unused(version: VersionId, *, live: VersionId | None) -> None:
    if version == live:
        raise VersionInUse(f"version {version} is live: promote another one before deleting it")


def point_id(chunk: Chunk) -> uuid.UUID:
    """The same for the same chunk id, so that a build is deterministic."""
    return uuid.uuid5(_NAMESPACE, chunk.chunk_id)


def dense_vectors(entry: Entry, *, dimension: int) -> dict[str, list[float] | list[list[float]]]:
    """The vectors that the entry is searched by, under their names. Raises ValueError when one has another size."""
    for vector in (entry.vector, entry.question_vector, *(() if entry.sentences is None else entry.sentences)):
        if vector is not None and vector.shape != (dimension,):
            raise ValueError(f"chunk {entry.chunk.chunk_id} has a vector of shape {vector.shape}, not ({dimension},)")
    whole = entry.vector.tolist()
    tokens = {} if entry.tokens is None or not len(entry.tokens) else {TOKENS: entry.tokens.tolist()}
    if entry.question_vector is not None:
        return {QUESTION: entry.question_vector.tolist(), ANSWER: whole} | tokens
    return {DENSE: whole, SENTENCES: [whole] if entry.sentences is None else entry.sentences.tolist()} | tokens


def of_tokens(tokens: Vectors | None, stored: Container[str]) -> list[list[float]]:
    """What asks for the mean of each token's best dot product: empty where there are no tokens, or none are stored."""
    asked = () if tokens is None or TOKENS not in stored else tokens[:TOKENS_ASKED]
    return [(token / len(asked)).tolist() for token in asked]


def payload(chunk: Chunk) -> dict[str, str | list[str]]:
    return {
        KIND: KNOWN if chunk.by_question else PASSAGE,
        GROUPS: [*chunk.groups] or [ALL],
        ONLY: [*chunk.only] or [ALL],
        UNLESS: [*chunk.unless],
        CHUNK: _CHUNK.dump_json(chunk).decode(),
    }


OPEN_TO_ALL = (GROUPS, ONLY)
"""Where a point says ALL, and is empty under UNLESS, everybody finds it. A version of such points needs no filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What somebody finds: points with one of the values under each of the `within`, and none of the `without`."""

    within: Mapping[str, list[str]]
    without: Mapping[str, list[str]]


def reach(groups: Groups) -> Reach:
    """As `Chunk.is_for` says it of one chunk."""
    if groups is None:
        return Reach(within={}, without={UNLESS: [OPERATORS]})
    named = sorted(own(groups))
    return Reach(within={GROUPS: [ALL, *named], ONLY: [ALL, *named]}, without={UNLESS: named} if named else {})


def chunk_of(stored: Mapping[str, Any] | None, version: VersionId) -> Chunk:
    """The chunk that a point's payload holds, equal to the one indexed. Raises Damaged."""
    try:
        return _CHUNK.validate_json((stored or {}).get(CHUNK, ""))
    except ValidationError as error:
        # pydantic's message quotes the text, so it is neither shown nor chained.
        raise Damaged(
            f"version {version} holds a point whose chunk cannot be read ({error.error_count()} mistakes): "
            "roll back to another version, or run reindex"
        ) from None


@functools.lru_cache(2_000)
def _found_often(stored: str, version: VersionId) -> Chunk:
    """The passages that are found most are read once."""
    return chunk_of({CHUNK: stored}, version)


def pieces(batches: Iterable[Sequence[Entry]]) -> Iterator[Sequence[Entry]]:
    """The batches, cut: none has more than AT_ONCE entries, and only a single entry has more than NUMBERS_AT_ONCE."""
    for batch in batches:
        start = numbers = 0
        for at, entry in enumerate(batch):
            size = sum(part.size for part in (entry.vector, entry.sentences, entry.tokens) if part is not None)
            if at > start and (at - start == AT_ONCE or numbers + size > NUMBERS_AT_ONCE):
                yield batch[start:at]
                start, numbers = at, 0
            numbers += size
        if batch:
            yield batch[start:]


def ids(found: Mapping[str, Sequence[Found]]) -> list[Any]:
    """Those of the points that the channels found, each once: what their sentences and tokens are asked of."""
    return list({point.id: None for channel in found.values() for point in channel})


def candidates(
    found: Mapping[str, Sequence[Found]], version: VersionId, shared_words: Callable[[str], float]
) -> list[Candidate]:
    """One candidate for each point that a channel found, in the order of `PassageIndex.search`; ties by chunk id.

    `shared_words` gives the Dice coefficient of the query's terms and those of a known question.
    """
    chunks: dict[object, Chunk] = {}
    scores: dict[object, dict[str, float]] = {}
    for channel, ranking in found.items():
        for point in ranking:
            if point.id not in chunks:
                chunks[point.id] = _found_often((point.payload or {}).get(CHUNK, ""), version)
            scores.setdefault(point.id, {})[channel] = point.score
    merged = [
        Candidate(
            chunk=chunks[key],
            scores=Scores(
                dense=by.get(DENSE),
                sparse=by.get(SPARSE),
                sentence=by.get(SENTENCES),
                tokens=by.get(TOKENS),
                question=by.get(QUESTION),
                answer=by.get(ANSWER),
                words=None if (question := chunks[key].question) is None else shared_words(question),
            ),
        )
        for key, by in scores.items()
    ]
    return sorted(merged, key=_order)


def _order(candidate: Candidate) -> tuple[bool, float, float, float, str]:
    scores = candidate.scores
    dense, sparse, question = (
        math.inf if score is None else -score for score in (scores.dense, scores.sparse, scores.question)
    )
    return candidate.chunk.by_question, dense, sparse, question, candidate.chunk.chunk_id
