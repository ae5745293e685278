"""What is known of questions and their answers, as lessons; lessons and rankings to training pairs.

A lesson comes from an accepted correction, a confirmed answer, a judged question of the tuning half, or a question made
from the corpus. Its hard negatives are the passages that ranked high and do not support the answer (Xiong et al., 2021,
arXiv:2007.00808, mine them from the index in use, and so do we).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_flywheel.domain import Chunk, DocumentId, Evidence, Passage
from rag_flywheel.ports import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A question with what is known of its answer."""

    question: str
    cluster: str  # wordings of one question share it
    answer: str | None
    documents: frozenset[DocumentId]  # whole documents that answer it
    evidence: tuple[Evidence, ...]  # spans that answer it
    rejected: tuple[Evidence, ...] = ()  # spans that were shown for it and did not answer it
    corrected: bool = False  # `answer` is an accepted correction's
    made: bool = False  # made from the corpus, not asked by anyone
    weight: float = 1.0  # how much it counts beside the others; what people did with the answer moves it a little

    def answered_by(self, chunk: Chunk) -> bool:
        """Whether the chunk is known to answer the question."""
        return chunk.document_id in self.documents or any(chunk.span.overlaps(span) for span in self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What a version may learn from."""

    corrections: tuple[Lesson, ...]  # those that it holds
    others: tuple[Lesson, ...]  # questions of other answers: with the corrections they calibrate admission
    ranking: tuple[Lesson, ...]  # for fusion and reranker: none whose cluster the gate will test


def pairs(lessons: Sequence[Lesson], rank: Callable[[str], Sequence[Passage]], *, negatives: int) -> list[Pair]:
    """Training pairs: every text known to answer, and for each lesson its `negatives` hardest passages that do not.

    `rank` gives the passages for a question, best first. Those that were shown and rejected come before other near
    misses. A lesson without a positive, or without a negative, gives none: nothing could be told apart.
    """
    made: list[Pair] = []
    for lesson in lessons:
        passages = [passage for passage in rank(lesson.question) if not passage.chunk.by_question]
        right = [passage.chunk.text for passage in passages if any(map(lesson.answered_by, passage.chunks))]
        right += [lesson.answer] if lesson.corrected and lesson.answer else []
        wrong = [passage.chunk for passage in passages if not any(map(lesson.answered_by, passage.chunks))]
        wrong.sort(key=lambda chunk: not any(chunk.span.overlaps(span) for span in lesson.rejected))
        if right and wrong:
            made += [Pair(query=lesson.question, text=text, relevant=True, cluster=lesson.cluster) for text in right]
            made += [
                Pair(query=lesson.question, text=chunk.text, relevant=False, cluster=lesson.cluster)
                for chunk in wrong[:negatives]
            ]
    return made
