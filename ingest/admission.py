"""When a correction is shown, learned for each version from questions that are known to be about something else."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.pairs import Lesson
from rag_flywheel.attribution import is_traceable
from rag_flywheel.domain import Admission, Candidate
from rag_flywheel.ports import Vectors
from rag_flywheel.retrieval import Searcher, features, fits, fuse

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
    """A question with what a search brings for it: some of the corrections, and the passages."""

    lesson: Lesson
    corrections: Sequence[Candidate]
    passages: Sequence[Candidate]

    @property
    def nearest(self) -> Candidate:
        return max(self.corrections, key=lambda one: one.scores.question or 0.0)

    def fit(self, admission: Admission) -> float:
        """How well the best of the corrections fits."""
        return fits(self.corrections, self.passages, admission)[0].fit

    def intrusion(self, admission: Admission) -> float:
        """The same of the corrections that are nearer than every passage; NEVER where there is none."""
        fitting = fits(self.corrections, self.passages, admission)
        return max((one.fit for one in fitting if one.nearest), default=NEVER)

    def is_answered(self, fusion: Mapping[str, float]) -> bool:
        """Whether the first passage answers the question."""
        if not self.passages:
            return False
        scores = fuse(features([one.scores for one in self.passages]), fusion)
        return self.lesson.answered_by(self.passages[int(np.argmax(scores))].chunk)


def calibrate(
    corrections: Sequence[Lesson],
    others: Sequence[Lesson],
    *,
    searcher: Searcher,
    vectors: Mapping[str, Vectors],
    fusion: Mapping[str, float],
    error: float,
) -> Admission | None:
    """The admission of one version; None where it has no correction, or nothing to calibrate on.

    Split conformal calibration (Vovk et al., 2005; Angelopoulos and Bates, 2021, arXiv:2107.07511): of questions known
    to be about something else, at most a share `error` sees a correction. Such questions are the `others`, and each
    corrected question against the other corrections. Questions made from the corpus do not count: they lie further off
    than those that people ask. With fewer than 1/error - 1 asked ones nothing can be promised, and the threshold is
    the largest margin: half-way between the best fit to a question about something else, made ones too, and the
    least fit of a correction to its own question. `vectors` holds each question's unit vector.

    The error is spent in proportion to what there is to gain: in full where the passages, ranked by `fusion`, answer at
    most half of the corrected questions first, and less where they answer more of them, down to a third: what was
    found may still have been answered badly. Questions of which nobody can tell, as their answers are too short to be
    found in a passage, do not count.

    The threshold lies half-way between that quantile and the next better fit: where few fit so well, a wide margin
    costs nothing. The weight of the words is half the ratio of the spreads of cosine and words over the same questions,
    so that it suits any embedder.
    """
    if not corrections:
        return None
    known = _at_most([*corrections, *others], ASKED_AT_MOST)
    strange = [one for lesson in known if (one := _strange(lesson, searcher, vectors)) is not None]
    if not strange:
        return None
    asked = [one for one in strange if not one.lesson.made]
    weights = Admission(threshold=0.0, words=_words_weight(asked), passage=PASSAGE)
    own = [one for lesson in corrections if (one := _own(lesson, searcher, vectors)) is not None]
    if len(asked) < 1.0 / error - 1.0:
        nearest = max(one.fit(weights) for one in strange)
        threshold = (nearest + min((one.fit(weights) for one in own), default=nearest)) / 2.0
    else:
        telling = [one for one in own if one.lesson.evidence or is_traceable(one.lesson.answer or "")]
        unanswered = float(np.mean([not one.is_answered(fusion) for one in telling])) if telling else 0.0
        spent = error * min(1.0, max(unanswered / HALF, LEAST))
        place = min(math.ceil((len(asked) + 1) * (1.0 - spent)), len(asked))
        ordered = sorted(one.intrusion(weights) for one in asked)
        threshold = (ordered[place - 1] + ordered[min(place, len(ordered) - 1)]) / 2.0
    return Admission(threshold=threshold, words=weights.words, passage=weights.passage)


def _strange(lesson: Lesson, searcher: Searcher, vectors: Mapping[str, Vectors]) -> _Found | None:
    """With the corrections that are about something else, None where there is none."""
    return _search(lesson, searcher, vectors, answering=False)


def _own(lesson: Lesson, searcher: Searcher, vectors: Mapping[str, Vectors]) -> _Found | None:
    """With the corrections that answer the question, None where the search brings none of them."""
    return _search(lesson, searcher, vectors, answering=True)


def _search(lesson: Lesson, searcher: Searcher, vectors: Mapping[str, Vectors], *, answering: bool) -> _Found | None:
    found = searcher.index.search(
        searcher.version, text=lesson.question, vector=vectors[lesson.question], limit=searcher.candidates
    )
    corrections = [one for one in found if one.chunk.is_correction and lesson.answered_by(one.chunk) == answering]
    passages = [one for one in found if not one.chunk.is_correction]
    return _Found(lesson=lesson, corrections=corrections, passages=passages) if corrections else None


def _words_weight(asked: Sequence[_Found]) -> float:
    """Their say times the ratio of the spreads, drawn towards WORDS where few questions tell."""
    cosines = [one.nearest.scores.question or 0.0 for one in asked]
    words = [one.nearest.scores.words or 0.0 for one in asked]
    spread = float(np.std(words)) if asked else 0.0
    weight = SAY * float(np.std(cosines)) / spread if spread > 0.0 else WORDS
    return (len(asked) * weight + DOUBT * WORDS) / (len(asked) + DOUBT)


def _at_most(lessons: Sequence[Lesson], most: int) -> list[Lesson]:
    """All, or as many of them as are asked for, always the same ones."""
    by_chance = sorted(lessons, key=lambda one: hashlib.sha256(one.question.encode()).digest())
    return by_chance[:most]
