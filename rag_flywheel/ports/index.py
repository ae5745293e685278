"""Index versions as they are stored and searched."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.domain import Candidate, Chunk, Groups, VersionId

Vectors = NDArray[np.float32]

ALL_ENGLISH: Mapping[str, float] = MappingProxyType({})
"""No languages: of a version that a release built by the rules of English, whatever its passages are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A chunk with its vectors, ready to be indexed. `question_vector` is that of the chunk's known question, and
    `vector` then that of the question together with the chunk's text.
    """

    chunk: Chunk
    vector: Vectors  # (dimension,)
    question_vector: Vectors | None = None  # (dimension,)
    sentences: Vectors | None = None  # (sentences, dimension); None where there are none
    tokens: Vectors | None = None  # (tokens, token dimension); None where there are none

    def __post_init__(self) -> None:
        if self.chunk.by_question != (self.question_vector is not None):
            raise ValueError(f"chunk {self.chunk.chunk_id}: a question and its vector go together")


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """A version of which a new one takes most entries over."""

    version: VersionId
    without: tuple[Chunk, ...]  # what it holds, and the new one does not, or not as it is there


class PassageIndex(Protocol):
    """Immutable index versions, and one alias, `live`, that names one of them."""

    def takes_over(self, version: VersionId, *, recipe: str) -> bool:
        """Whether a build can take entries over from the version: it is there, and was built by the same recipe. False
        in an index that writes every version anew.
        """

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
        """Write a whole version and return its number of entries; with 0 as `token_dimension` they have no tokens.

        `recipe` names all that decides how a chunk becomes an entry. A version that is `like` another holds the entries
        of that one but those `without`, and those of the batches; only one that `takes_over` may be named. What is
        taken out cannot be found, but its bytes may stay in the version's files.

        The version appears in `versions` only when it is complete and durable; where `batches` raises, or the process
        dies, nothing of it is listed and `discard_partial` removes what is left. Raises ValueError if the version
        exists.
        """

    def versions(self) -> list[VersionId]:
        """The complete versions, oldest name first."""

    def discard_partial(self) -> list[str]:
        """Remove what unfinished builds left behind; returns the names. Call it only under the reindex lock."""

    def live(self) -> VersionId | None:
        """The version that the alias names. Cheap enough to call for every question."""

    def move_live(self, to: VersionId, *, expected: VersionId | None) -> None:
        """Point the alias at `to`. Raises AliasMoved unless it names `expected`, NotFound if `to` does not exist."""

    def delete(self, version: VersionId) -> None:
        """Remove a version; one that does not exist is no error. Raises VersionInUse when the alias names it."""

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
        """The union of the best `limit` passages by dense cosine, the best `limit` by BM25, the best `limit` known
        questions by their cosine, and the best `limit` by the cosine of question and answer together, each with the
        chunk that answers it. Known questions carry both cosines, and the Dice coefficient of the query's and their
        own terms, as BM25 sees them; passages carry none of these, and known questions no other score but for tokens.
        Order: passages by dense then sparse score, then known questions by that of the question.

        Nothing but what `Chunk.is_for` the `groups` is looked at, before anything is ranked or counted off: what
        others may read takes nobody's place. Of a version that an older release built, people find nothing, since
        nobody can tell what is for whom; it is `None` that finds all of it.

        `languages` are those of the version's passages, each with how likely the text is in it, relative to the
        likeliest. `tokens` are the vectors of the query's tokens: with them both carry the mean of each one's best dot
        product, where the version holds any. Versions of older releases have none of known questions, or no cosine of
        question and answer.
        Raises NotFound if the version does not exist.
        """

    def shared_terms(self, text: str, question: str, *, languages: Mapping[str, float] = ALL_ENGLISH) -> float:
        """The Dice coefficient that `search` for the text gives a known question, in a version of these languages."""

    def chunks(self, version: VersionId) -> Iterator[Chunk]:
        """Every chunk of the version, in any order. Raises NotFound when the version does not exist."""

    def close(self) -> None:
        """Release files and connections."""
