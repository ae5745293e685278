"""When a known question is taken for a query, learned for each version from questions about something else."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ingest.learning.pairs import Lesson
from rag_flywheel.domain import Admission, Candidate, Chunk
from rag_flywheel.domain.equivalence import is_traceable, same_question
from rag_flywheel.ports import Vectors
from rag_flywheel.search.admission import fits, with_known
from rag_flywheel.search.fusion import features, fuse
from rag_flywheel.search.retrieval import search
from rag_flywheel.search.versions import Searcher

PASSAGE = 0.5  # weight of the best passage's cosine where many questions were asked
TOKENS = 1.0  # weight of the lead token by token, there
MANY = 100  # questions about something else that were asked, from which they alone decide
SENTENCE = 0.8  # weight of the nearest sentence's cosine: these two are learned from rewordings in nine domains,
ANSWER = 1.0  # which no version's own questions could teach (docs/measurements.md)
SAY = 0.5  # how much the shared words have to say beside the cosine
WORDS = 0.4  # their weight before there are questions to learn it from
OFFERED = 10.0  # times the error may be spent on questions that are only asked back for
DOUBT = 20  # questions for which that first weight counts, and the tail that is expected of any corpus
TAIL = 1.1  # shape of that tail, by the same nine domains
MADE = 0.25  # by how much of the tail's scale made questions lie further off than asked ones, by four of them
SCALED_FROM = 100  # pairs of a question and a known one, from which the tail's scale can be told
WHOLE_FROM = 200  # known questions that share the error; fewer have the less to spend, and bring the less
LEAST = 1 / 3  # share of the error that is spent however much the passages answer
NEVER, ALWAYS = -2.0, 3.0  # below and above every fit
STEPS = 10_001  # thresholds that are tried between these
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

    def fits(self, admission: Admission) -> list[float]:
        """How well each of the known questions fits, the best first."""
        return [fitting.fit for fitting in fits(self.known, self.passages, admission)]

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
    nothing to calibrate on. `vectors` holds each question's unit vector.

    Of questions known to be about something else, at most a share `error` is to be taken for a known one. Such
    questions are the `others` and the corrected ones, each against the known questions that another answer belongs to.
    How many of them fit better than a threshold is counted (split conformal calibration: Vovk et al., 2005;
    Angelopoulos and Bates, 2021, arXiv:2107.07511), and drawn to what is to be expected of any corpus, as if DOUBT
    questions more had been asked: see `_expected`. So few corrections can be used at once. From MANY on what was seen
    decides alone.

    Questions made from the corpus are not counted: they lie further off than those that people ask. They only help to
    tell what is to be expected, and where even that cannot be told the threshold is the largest margin: half-way
    between the best fit to a question about something else and the least fit of a correction to its own.

    The error is spent in proportion to what there is to gain. Few known questions are asked for seldom: below
    WHOLE_FROM each has its part of the error. It is spent in full where the passages, ranked by `fusion`, answer at
    most half of the corrected questions first, and less where they answer more of them, down to a third: what was
    found may still have been answered badly. Questions of which nobody can tell, as their answers are too short to be
    found in a passage, do not count.

    Below the threshold, down to where OFFERED times the first error is spent (half of the questions at most), a known
    question is asked back for.

    The weight of the words is half the ratio of the spreads of cosine and words over the same questions, so that it
    suits any embedder.
    """
    lessons = _at_most([*corrections, *others], ASKED_AT_MOST)
    strange = [found for lesson in lessons if (found := _strange(lesson, searcher, vectors)) is not None]
    if not strange:
        return []
    asked = [found for found in strange if not found.lesson.made]
    weights = Admission(threshold=0.0, words=_words_weight(asked), sentence=SENTENCE, answer=ANSWER)
    own = [found for lesson in corrections if (found := _own(lesson, searcher, vectors)) is not None]
    if len(asked) >= MANY:
        return _by_what_was_asked(asked, _to_gain(own, fusion), errors)
    known = len({candidate.chunk.chunk_id for found in [*strange, *own] for candidate in found.known})
    pairs = [(fit, found.lesson.made) for found in strange for fit in found.fits(weights)]
    if len(pairs) < SCALED_FROM:
        nearest, _ = max(pairs)
        least = min((found.fits(weights)[0] for found in own), default=nearest)
        return [replace(weights, threshold=(nearest + least) / 2.0, offered=nearest) for _ in errors]
    tried = np.linspace(NEVER, ALWAYS, STEPS)
    intrusions = np.array([found.intrusion(weights) for found in asked])
    seen = (intrusions[:, None] > tried).sum(axis=0)
    share = (seen + DOUBT * _expected(tried, pairs, len(strange))) / (len(asked) + DOUBT)
    spent = _to_gain(own, fusion) * min(1.0, known / WHOLE_FROM)
    thresholds = [float(tried[share <= error * spent].min(initial=ALWAYS)) for error in errors]
    offered = float(tried[share <= min(OFFERED * errors[0] * spent, HALF)].min(initial=ALWAYS))
    return [replace(weights, threshold=rising, offered=offered) for rising in accumulate(thresholds, max)]


def _by_what_was_asked(asked: Sequence[_Found], gain: float, errors: Sequence[float]) -> list[Admission]:
    """Split conformal calibration alone; each threshold half-way between the quantile and the next better fit.

    Answers are no second way here: with many known questions they were measured to take more than they give. What is
    only asked back for need not be nearer than the passages, so there every fit counts.
    """
    weights = Admission(threshold=0.0, words=_words_weight(asked), passage=PASSAGE, tokens=TOKENS)
    intrusions = sorted(found.intrusion(weights) for found in asked)
    best = sorted(found.fits(weights)[0] for found in asked)

    def threshold(fits: Sequence[float], share: float) -> float:
        place = min(math.ceil((len(fits) + 1) * (1.0 - share)), len(fits))
        return (fits[place - 1] + fits[min(place, len(fits) - 1)]) / 2.0

    offered = threshold(best, min(OFFERED * errors[0] * gain, HALF))
    rising = accumulate((threshold(intrusions, error * gain) for error in errors), max)  # a smaller error: never more
    return [replace(weights, threshold=value, offered=offered) for value in rising]


def _expected(tried: NDArray[np.float64], pairs: Sequence[tuple[float, bool]], questions: int) -> NDArray[np.float64]:
    """The share (n,) of questions about something else that some known question fits better than each of the thresholds
    `tried` (n,), by the tail of the fits of single `pairs` of so many questions, each with whether it was made.

    A tail beyond a high quantile has one form whatever the distribution (Pickands, 1975). From the 90th to the 99th
    percentile it falls tenfold, and that distance is its scale in this corpus; how it goes on, a Weibull tail of shape
    TAIL, hardly differed over nine domains.
    """
    fits, made = np.array([fit for fit, _ in pairs]), np.array([is_made for _, is_made in pairs])
    start, rarer = np.quantile(fits, [0.9, 0.99])
    start, rarer = np.quantile(fits + MADE * (rarer - start) * made, [0.9, 0.99])
    beyond = np.maximum(tried - start, 0.0) / max(float(rarer - start), 1e-9)
    single = np.where(tried < start, 1.0, 0.1 ** (1.0 + beyond**TAIL))
    expected: NDArray[np.float64] = np.minimum(1.0, len(pairs) / questions * single)
    return expected


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
