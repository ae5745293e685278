"""When a known question is taken for a query, learned for each version from questions about something else."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from ingest.learning.pairs import Lesson
from rag_flywheel.domain import Admission, Candidate, Chunk
from rag_flywheel.domain.equivalence import is_traceable, same_question
from rag_flywheel.ports import Vectors
from rag_flywheel.search.admission import fits, with_known
from rag_flywheel.search.fusion import features, fuse
from rag_flywheel.search.retrieval import search
from rag_flywheel.search.versions import Searcher

PASSAGE = 0.5  # weight of the best passage's cosine; nothing but rewordings could teach it, and there are none
SAY = 0.5  # how much the shared words have to say beside the cosine
WORDS = 0.4  # their weight before there are questions to learn it from
DOUBT = 20  # questions for which that first weight counts
LEAST = 1 / 3  # share of the error that is spent however much the passages answer
NEVER = -2.0  # below every fit
HALF = 0.5  # share of corrected questions without an answer from which there is enough to gain for the whole error
ASKED_AT_MOST = 1000  # questions that calibrate; more would not move the quantile, and each is a search


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A question with what a search brings for it: some of the known questions, and the passages."""

    lesson: Lesson
    known: Sequence[Candidate]
    passages: Sequence[Candidate]

    @property
    def nearest(self) -> Candidate:
        return max(self.known, key=lambda candidate: candidate.scores.question or 0.0)

    def fit(self, admission: Admission) -> float:
        """How well the best of the known questions fits."""
        return fits(self.known, self.passages, admission)[0].fit

    def intrusion(self, admission: Admission) -> float:
        """The same of those that are nearer than every passage; NEVER where there is none."""
        fitting = fits(self.known, self.passages, admission)
        return max((known.fit for known in fitting if known.nearest), default=NEVER)

    def is_answered(self, fusion: Mapping[str, float]) -> bool:
        """Whether the first passage answers the question."""
        if not self.passages:
            return False
        scores = fuse(features([candidate.scores for candidate in self.passages]), fusion)
        return self.lesson.answered_by(self.passages[int(np.argmax(scores))].chunk)


def calibrate(
    corrections: Sequence[Lesson],
    others: Sequence[Lesson],
    *,
    searcher: Searcher,
    vectors: Mapping[str, Vectors],
    fusion: Mapping[str, float],
    errors: Sequence[float],
) -> list[Admission]:
    """An admission of one version for each of the falling `errors`; none where it knows no question, or there is
    nothing to calibrate on.

    Split conformal calibration (Vovk et al., 2005; Angelopoulos and Bates, 2021, arXiv:2107.07511): of questions known
    to be about something else, at most a share `error` is taken for a known one. Such questions are the `others` and
    the corrected ones, each against the known questions that another answer belongs to. Questions made from the corpus
    do not count: they lie further off than those that people ask. With fewer than 1/error - 1 asked ones nothing can be
    promised, and the threshold is the largest margin: half-way between the best fit to a question about something
    else, made ones too, and the least fit of a correction to its own question. `vectors` holds each question's unit
    vector.

    The error is spent in proportion to what there is to gain: in full where the passages, ranked by `fusion`, answer at
    most half of the corrected questions first, and less where they answer more of them, down to a third: what was
    found may still have been answered badly. Questions of which nobody can tell, as their answers are too short to be
    found in a passage, do not count.

    The threshold lies half-way between that quantile and the next better fit: where few fit so well, a wide margin
    costs nothing. The weight of the words is half the ratio of the spreads of cosine and words over the same questions,
    so that it suits any embedder.
    """
    lessons = _at_most([*corrections, *others], ASKED_AT_MOST)
    strange = [found for lesson in lessons if (found := _strange(lesson, searcher, vectors)) is not None]
    if not strange:
        return []
    asked = [found for found in strange if not found.lesson.made]
    weights = Admission(threshold=0.0, words=_words_weight(asked), passage=PASSAGE)
    own = [found for lesson in corrections if (found := _own(lesson, searcher, vectors)) is not None]
    nearest = max(found.fit(weights) for found in strange)
    widest = (nearest + min((found.fit(weights) for found in own), default=nearest)) / 2.0
    intrusions = sorted(found.intrusion(weights) for found in asked)
    gain = _to_gain(own, fusion)

    def threshold(error: float) -> float:
        if len(asked) < 1.0 / error - 1.0:
            return widest
        place = min(math.ceil((len(asked) + 1) * (1.0 - error * gain)), len(asked))
        return (intrusions[place - 1] + intrusions[min(place, len(asked) - 1)]) / 2.0

    thresholds = accumulate((threshold(error) for error in errors), max)  # a smaller error never admits more
    return [replace(weights, threshold=rising) for rising in thresholds]


def _to_gain(own: Sequence[_Found], fusion: Mapping[str, float]) -> float:
    """The share of the error that is worth spending, from what the passages answer already."""
    telling = [found for found in own if found.lesson.evidence or is_traceable(found.lesson.answer or "")]
    unanswered = float(np.mean([not found.is_answered(fusion) for found in telling])) if telling else 0.0
    return min(1.0, max(unanswered / HALF, LEAST))


def _strange(lesson: Lesson, searcher: Searcher, vectors: Mapping[str, Vectors]) -> _Found | None:
    """With the known questions that are about something else, None where there is none."""
    return _search(lesson, searcher, vectors, answering=False)


def _own(lesson: Lesson, searcher: Searcher, vectors: Mapping[str, Vectors]) -> _Found | None:
    """With the known questions of the same answer, None where the search brings none of them."""
    return _search(lesson, searcher, vectors, answering=True)


def _search(lesson: Lesson, searcher: Searcher, vectors: Mapping[str, Vectors], *, answering: bool) -> _Found | None:
    found = search(lesson.question, vectors[lesson.question], searcher=searcher)
    strange = [
        candidate for candidate in found if candidate.chunk.by_question and not _belongs(candidate.chunk, lesson)
    ]
    own = [candidate for candidate in found if candidate.chunk.by_question and _belongs(candidate.chunk, lesson)]
    known = own if answering else strange
    passages = with_known([candidate for candidate in found if not candidate.chunk.by_question], strange)
    return _Found(lesson=lesson, known=known, passages=passages) if known else None


def _belongs(known: Chunk, lesson: Lesson) -> bool:
    """Whether a known question has the lesson's answer, or is the lesson's very question: what was confirmed may have
    moved since, or have been confirmed of another passage later, and nobody is misled by their own question.
    """
    return lesson.answered_by(known) or same_question(known.question or "") == same_question(lesson.question)


def _words_weight(asked: Sequence[_Found]) -> float:
    """Their say times the ratio of the spreads, drawn towards WORDS where few questions tell."""
    cosines = [found.nearest.scores.question or 0.0 for found in asked]
    words = [found.nearest.scores.words or 0.0 for found in asked]
    spread = float(np.std(words)) if asked else 0.0
    weight = SAY * float(np.std(cosines)) / spread if spread > 0.0 else WORDS
    return (len(asked) * weight + DOUBT * WORDS) / (len(asked) + DOUBT)


def _at_most(lessons: Sequence[Lesson], most: int) -> list[Lesson]:
    """All, or as many of them as are asked for, always the same ones."""
    by_chance = sorted(lessons, key=lambda lesson: hashlib.sha256(lesson.question.encode()).digest())
    return by_chance[:most]
