"""When a known question is taken for a query: calibrated on others, so that it intrudes on few of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.learning.admission import ANSWER, DOUBT, MANY, PASSAGE, SAY, SENTENCE, WHOLE_FROM, WORDS, calibrate
from ingest.learning.pairs import Lesson
from rag_flywheel.domain import Admission, Candidate, DocumentId, Evidence, LearnedRanking, Scores, VersionId
from rag_flywheel.search.versions import Searcher
from tests.fakes.encoder import HashingEncoder
from tests.fakes.rankings import ScriptedIndex
from tests.fakes.samples import chunk, confirmed_chunk, correction_chunk, span


def lesson(
    question: str,
    *,
    answered_by: Sequence[str] = (),
    evidence: Sequence[Evidence] = (),
    answer: str = "Hold the reset button for five seconds",
    made: bool = False,
) -> Lesson:
    return Lesson(
        question=question,
        cluster=question,
        answer=answer,
        documents=frozenset(DocumentId(f"correction:{name}") for name in answered_by),
        evidence=tuple(evidence),
        made=made,
    )


def correction(name: str, cosine: float, words: float = 0.0, answer: float | None = None) -> Candidate:
    scores = Scores(question=cosine, words=words, answer=answer)
    return Candidate(chunk=correction_chunk(name, name, "answer"), scores=scores)


def confirmed(document: str, cosine: float, words: float = 0.0, *, by: str = "i1") -> Candidate:
    """A known question that a person confirmed to be answered by the first four characters of the document."""
    known = confirmed_chunk(chunk(document, "text"), f"What about {document}?", by=by)
    return Candidate(chunk=known, scores=Scores(question=cosine, words=words))


def passage(cosine: float, name: str = "manual") -> Candidate:
    return Candidate(chunk=chunk(name, "text"), scores=Scores(dense=cosine))


def learned(
    corrections: Sequence[Lesson],
    others: Sequence[Lesson],
    found: Mapping[str, Sequence[Candidate]],
    *,
    error: float,
) -> Admission | None:
    """What is learned where each question finds what is written down for it."""
    admissions = calibrated(corrections, others, found, errors=[error])
    return admissions[0] if admissions else None


def calibrated(
    corrections: Sequence[Lesson],
    others: Sequence[Lesson],
    found: Mapping[str, Sequence[Candidate]],
    *,
    errors: Sequence[float],
) -> list[Admission]:
    """The same for several errors."""
    searcher = Searcher(
        version=VersionId("v1"),
        index=ScriptedIndex(found),
        encoder=HashingEncoder(),
        learned=LearnedRanking(),
        reranker=None,
        candidates=50,
        reranked=10,
        shown=5,
    )
    vectors = {question: searcher.encoder.encode_queries([question])[0] for question in found}
    return calibrate(corrections, others, searcher=searcher, vectors=vectors, fusion={}, errors=errors)


OWN = lesson("c", answered_by=["c"])
ITSELF = {"c": [correction("c", 1.0, 1.0)]}
NAMES = [f"c{number}" for number in range(WHOLE_FROM)]


def asked(fits: Iterable[float], names: Sequence[str] = NAMES) -> tuple[list[Lesson], dict[str, list[Candidate]]]:
    """Questions about something else, each with one of the known questions at that fit."""
    found = {f"o{at}": [correction(names[at % len(names)], float(fit))] for at, fit in enumerate(fits)}
    return [lesson(question) for question in found], found


def crowd(size: int = 600, *, seed: int = 7) -> NDArray[np.float64]:
    """Fits as they are found: most far off, a few near."""
    return np.random.default_rng(seed).normal(0.1, 0.15, size=size)


# --- many questions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_of_many_questions_about_something_else_about_the_share_asked_for_is_admitted(error: float) -> None:
    shares = []
    for seed in range(40):
        others, found = asked(crowd(seed=seed))
        admission = learned([OWN], others, ITSELF | found, error=error)
        assert admission is not None
        shares.append(float(np.mean(crowd(20_000, seed=1000 + seed) > admission.threshold)))
    assert float(np.mean(shares)) == pytest.approx(error, rel=0.15)


def test_a_corpus_whose_questions_lie_close_together_raises_the_threshold() -> None:
    """Where a twentieth of the questions is nearer than any tail would have it, what was seen is believed."""
    fits = crowd()
    close = np.where(np.arange(len(fits)) % 20 == 0, 0.9, fits)
    thresholds = []
    for world in (fits, close):
        others, found = asked(world)
        admission = learned([OWN], others, ITSELF | found, error=0.02)
        assert admission is not None
        thresholds.append(admission.threshold)
    assert thresholds[0] < 0.8 < 0.9 <= thresholds[1]


def test_the_error_is_spent_in_proportion_to_what_there_is_to_gain() -> None:
    """Four corrections; the passages answer none, three or all of their questions first."""
    names = [f"c{number}" for number in range(4)]
    corrections = [
        replace(
            lesson(name, answered_by=names),
            documents=frozenset({DocumentId(f"correction:{known}") for known in names} | {DocumentId("right")}),
        )
        for name in names
    ]
    fits = crowd(2000)
    others, strange = asked(fits)
    # Of error 0.2 all, half (a quarter unanswered), or a third.
    for answered, spent in ((0, 0.2), (3, 0.1), (4, 0.2 / 3)):
        own = {
            name: [correction(name, 1.0), passage(0.5, "right" if place < answered else "wrong")]
            for place, name in enumerate(names)
        }
        admission = learned(corrections, others, own | strange, error=0.2)
        assert admission is not None
        assert float(np.mean(fits > admission.threshold)) == pytest.approx(spent, rel=0.1), answered


def test_an_answer_too_short_to_be_found_in_a_passage_tells_nothing_of_what_there_is_to_gain() -> None:
    fits = crowd(2000)
    others, found = asked(fits)
    for answer, spent in (("Ten.", 0.2 / 3), ("Hold the reset button for ten seconds.", 0.2)):
        corrected = lesson("c", answered_by=["c"], answer=answer)
        admission = learned([corrected], others, ITSELF | found, error=0.2)
        assert admission is not None
        assert float(np.mean(fits > admission.threshold)) == pytest.approx(spent, rel=0.1), answer


def test_where_a_passage_is_nearer_no_correction_intrudes() -> None:
    """The same fits, but a nearer passage beside all of them: nothing was seen to intrude, so less keeps out."""
    others, far = asked(0.3 + crowd())
    near = {question: [*known, passage(0.99)] for question, known in far.items()}
    above = {question: [*known, passage(-1.0)] for question, known in far.items()}
    first, second = (learned([OWN], others, ITSELF | found, error=0.05) for found in (above, near))
    assert first is not None
    assert second is not None
    assert second.threshold + SENTENCE * 0.99 < first.threshold


def test_made_questions_do_not_count_where_many_were_asked() -> None:
    others, found = asked(crowd())
    made = [lesson(f"m{number}", made=True) for number in range(600)]
    far = {question.question: [correction("c1", 0.05 + 0.1 * (at % 2))] for at, question in enumerate(made)}
    without = learned([OWN], others, ITSELF | found, error=0.1)
    with_made = learned([OWN], [*others, *made], ITSELF | found | far, error=0.1)
    assert without is not None
    assert with_made is not None
    assert with_made.threshold == pytest.approx(without.threshold, abs=0.02)


# --- few known questions ----------------------------------------------------------------------------------------------


def test_a_few_corrections_are_taken_for_a_query_that_is_near_enough_in_a_corpus_where_little_is_near() -> None:
    """Six corrections, nothing asked beside them, and the questions made from the documents."""
    names = [f"c{number}" for number in range(6)]
    corrections = [lesson(name, answered_by=[name]) for name in names]
    random = np.random.default_rng(3)

    def others_at(name: str) -> list[Candidate]:
        return [correction(other, float(random.normal(0.1, 0.12)), answer=0.1) for other in names if other != name]

    found = {name: [correction(name, 1.0, 1.0, answer=0.9), *others_at(name)] for name in names}
    made = [lesson(f"m{number}", made=True) for number in range(100)]
    found |= {question.question: others_at("") for question in made}
    admission = learned(corrections, made, found, error=0.1)
    assert admission is not None
    largest_margin = (max(known.scores.question or 0.0 for known in found["m0"]) + 1.0 + admission.words + ANSWER) / 2
    assert 0.4 < admission.threshold < largest_margin
    # A free wording: half as near, few words shared, and its answer speaks of what is asked.
    assert 0.6 + admission.words * 0.2 + ANSWER * 0.6 > admission.threshold


def test_the_more_is_known_the_more_may_be_taken_for_it() -> None:
    """All together, not each: ten times the questions intrude more often than one, and bring more."""
    shares = []
    fits = crowd(5000)
    for known in (6, 60):
        near, found = asked(fits[: MANY - 10], NAMES[:known])
        made = {f"m{at}": [correction(NAMES[at % known], float(fit))] for at, fit in enumerate(fits[:300])}
        others = [*near, *(lesson(question, made=True) for question in made)]
        admission = learned([OWN], others, ITSELF | found | made, error=0.9)
        assert admission is not None
        shares.append(float(np.mean(fits > admission.threshold)))
    assert 0.0 < 2 * shares[0] < shares[1]


def test_made_questions_lie_further_off_than_asked_ones_and_count_as_if_they_did_not() -> None:
    twice = crowd(2 * (MANY - 10)).reshape(-1, 2)
    found = {
        f"o{at}": [correction(f"c{at % 6}", float(a)), correction(f"d{at % 6}", float(b))]
        for at, (a, b) in enumerate(twice)
    }
    thresholds = []
    for made in (False, True):
        admission = learned([OWN], [lesson(question, made=made) for question in found], ITSELF | found, error=0.9)
        assert admission is not None
        thresholds.append(admission.threshold)
    assert thresholds[1] > thresholds[0]


# --- too few to tell --------------------------------------------------------------------------------------------------


def test_with_few_questions_the_threshold_is_half_way_to_the_corrections_own_question() -> None:
    found = ITSELF | {"o1": [correction("c", 0.3)], "o2": [correction("c", 0.7)], "m": [correction("c", 0.8)]}
    few, made = [lesson("o1"), lesson("o2")], lesson("m", made=True)
    for others, nearest in ((few, 0.7), ([*few, made], 0.8)):
        admission = learned([OWN], others, found, error=0.02)
        assert admission is not None
        assert admission.threshold == pytest.approx((nearest + 1.0 + admission.words) / 2)


def test_with_few_questions_a_passage_that_is_nearer_leaves_the_margin_where_it_was() -> None:
    found = ITSELF | {"o": [correction("c", 0.3), passage(0.6)]}
    admission = learned([OWN], [lesson("o")], found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx((0.3 - SENTENCE * 0.6 + 1.0 + admission.words) / 2)


def test_a_correction_whose_own_question_is_well_served_by_a_passage_is_not_locked_out_by_the_margin() -> None:
    found = {
        "c": [correction("c", 1.0, 1.0), passage(0.9)],
        "d": [correction("d", 1.0, 1.0)],
        "o": [correction("c", 0.3)],
    }
    admission = learned([OWN, lesson("d", answered_by=["d"])], [lesson("o")], found, error=0.02)
    assert admission is not None
    assert admission.threshold < 1.0 + admission.words - SENTENCE * 0.9


def test_of_several_corrections_the_one_that_would_intrude_counts() -> None:
    found = ITSELF | {"o": [correction("c", 0.6), correction("d", 0.7)]}
    admission = learned([OWN], [lesson("o")], found, error=0.25)
    assert admission is not None
    assert admission.threshold == pytest.approx((0.7 + 1.0 + admission.words) / 2)


def test_corrections_of_different_matters_calibrate_each_other() -> None:
    found = {
        "c": [correction("c", 1.0), correction("d", 0.4)],
        "d": [correction("d", 1.0), correction("c", 0.4)],
    }
    admission = learned([OWN, lesson("d", answered_by=["d"])], [], found, error=0.4)
    assert admission is not None
    assert admission.threshold == pytest.approx((0.4 + 1.0) / 2)


def test_an_answer_that_speaks_of_what_is_asked_counts_for_its_question() -> None:
    found = ITSELF | {"o": [correction("c", 0.3, answer=0.4)]}
    admission = learned([OWN], [lesson("o")], found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx((0.3 + ANSWER * 0.4 + 1.0 + admission.words) / 2)


def test_a_question_that_the_correction_answers_does_not_calibrate_it() -> None:
    found = ITSELF | {"o": [correction("c", 0.9)]}
    assert learned([OWN], [lesson("o", answered_by=["c"])], found, error=0.1) is None


def test_without_known_questions_there_is_nothing_to_admit() -> None:
    assert learned([], [lesson("o")], {"o": []}, error=0.1) is None
    assert learned([], [lesson("o")], {"o": [passage(0.4)]}, error=0.1) is None


def test_without_any_correction_the_confirmed_questions_have_an_admission() -> None:
    others = [lesson(f"o{tenth}") for tenth in range(1, 4)]
    found = {f"o{tenth}": [confirmed("manual", tenth / 10)] for tenth in range(1, 4)}
    admission = learned([], others, found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.3)


def test_a_confirmed_question_does_not_intrude_on_itself_nor_on_what_its_passage_answers() -> None:
    own = lesson("p", evidence=[span("manual", 0, 4)])
    found = {"p": [confirmed("manual", 1.0, 1.0)], "o": [confirmed("manual", 0.3)]}
    assert learned([], [own], found, error=0.1) is None
    admission = learned([], [own, lesson("o", evidence=[span("leaflet", 0, 4)])], found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.3)


def test_a_confirmed_question_near_one_about_something_else_raises_the_threshold() -> None:
    other = lesson("o", evidence=[span("leaflet", 0, 4)])
    for near in (0.2, 0.6):
        found = ITSELF | {"o": [correction("c", 0.1), confirmed("manual", near)]}
        admission = learned([OWN], [other], found, error=0.2)
        assert admission is not None
        assert admission.threshold == pytest.approx((near + 1.0 + admission.words) / 2)


def test_a_corrected_question_calibrates_the_confirmed_ones() -> None:
    found = {"c": [correction("c", 1.0), confirmed("manual", 0.4)]}
    admission = learned([OWN], [], found, error=0.5)
    assert admission is not None
    assert admission.threshold == pytest.approx((0.4 + 1.0) / 2)


def test_a_correction_alone_in_the_world_is_not_shown() -> None:
    assert learned([OWN], [], ITSELF, error=0.1) is None


def test_words_get_the_say_that_their_spread_gives_them() -> None:
    """Cosines that lie ten times closer together than the shares of words make a weight of about a tenth."""
    random = np.random.default_rng(5)
    others = [lesson(f"o{number}") for number in range(400)]
    words = random.uniform(0, 1, size=len(others))
    found = ITSELF | {
        other.question: [correction("c", float(0.8 + share / 10), float(share))]
        for other, share in zip(others, words, strict=True)
    }
    admission = learned([OWN], others, found, error=0.1)
    assert admission is not None
    expected = (400 * SAY * 0.1 + DOUBT * WORDS) / (400 + DOUBT)
    assert admission.words == pytest.approx(expected, rel=0.02)


def test_a_confirmed_question_does_not_intrude_on_itself_where_its_passage_moved() -> None:
    moved = lesson("What about manual", evidence=[span("manual", 100, 104)])  # case and punctuation are no difference
    found = {"What about manual": [confirmed("manual", 1.0, 1.0)], "o": [confirmed("manual", 0.3)]}
    admission = learned([], [moved, lesson("o")], found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.3)


# --- several errors -------------------------------------------------------------------------------------------------


def test_each_error_has_the_admission_that_it_would_have_alone() -> None:
    others, found = asked(crowd())
    errors = [0.2, 0.1, 0.05]
    together = calibrated([OWN], others, ITSELF | found, errors=errors)
    alone = [calibrated([OWN], others, ITSELF | found, errors=[error])[0] for error in errors]
    assert together == [replace(admission, offered=together[0].offered) for admission in alone]


def test_errors_differ_in_the_threshold_alone() -> None:
    others, found = asked(crowd())
    admissions = calibrated([OWN], others, ITSELF | found, errors=[0.2, 0.1, 0.05])
    thresholds = [admission.threshold for admission in admissions]
    assert thresholds == sorted(set(thresholds))
    assert len({replace(admission, threshold=0.0) for admission in admissions}) == 1


def test_what_is_asked_back_for_is_further_off_than_what_is_taken_and_nearer_than_most() -> None:
    fits = crowd(5000)
    others, found = asked(fits)
    taken, cautious = calibrated([OWN], others, ITSELF | found, errors=[0.02, 0.01])
    assert taken.offered is not None
    assert float(np.mean(fits > taken.offered)) == pytest.approx(0.2, rel=0.1)
    assert cautious.offered == taken.offered < taken.threshold < cautious.threshold


def test_where_a_passage_is_nearer_no_more_is_asked_back_for() -> None:
    others, far = asked(0.3 + crowd())
    near = {question: [*known, passage(0.99)] for question, known in far.items()}
    first, second = (learned([OWN], others, ITSELF | found, error=0.02) for found in (far, near))
    assert first is not None
    assert second is not None
    assert first.offered == pytest.approx((second.offered or 0.0) + PASSAGE * 0.99)


def test_without_known_questions_no_error_has_an_admission() -> None:
    assert calibrated([], [lesson("o")], {"o": [passage(0.4)]}, errors=[0.2, 0.1]) == []
