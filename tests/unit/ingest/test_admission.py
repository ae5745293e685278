"""When a known question is taken for a query: calibrated on others, so that it intrudes on few of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from ingest.learning.admission import DOUBT, NEVER, PASSAGE, SAY, WORDS, calibrate
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


def correction(name: str, cosine: float, words: float = 0.0) -> Candidate:
    return Candidate(chunk=correction_chunk(name, name, "answer"), scores=Scores(question=cosine, words=words))


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


def test_the_threshold_is_the_conformal_quantile_computed_by_hand() -> None:
    others = [lesson(f"o{tenth}") for tenth in range(1, 10)]
    found = ITSELF | {f"o{tenth}": [correction("c", tenth / 10)] for tenth in range(1, 10)}
    # Of cosines 0.1 .. 0.9 at error 0.2 the ceil((9 + 1) * 0.8) = 8th smallest, at 0.5 the 5th; half-way to the next.
    for error, expected in ((0.2, 0.85), (0.5, 0.55)):
        admission = learned([OWN], others, found, error=error)
        assert admission is not None
        assert admission.threshold == pytest.approx(expected)


def test_a_near_passage_makes_up_for_a_near_correction() -> None:
    others = [lesson(f"o{number}") for number in range(9)]
    found = ITSELF | {other.question: [correction("c", 0.8), passage(0.6)] for other in others}
    admission = learned([OWN], others, found, error=0.2)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.8 - PASSAGE * 0.6)


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
    others = [lesson(f"o{place}") for place in range(1, 100)]
    strange = {f"o{place}": [correction("c0", place / 100)] for place in range(1, 100)}
    # Of error 0.2 and 99 questions: all of it is the 80th, half (a quarter unanswered) the 90th, a third the 94th.
    for answered, expected in ((0, 0.805), (3, 0.905), (4, 0.945)):
        own = {
            name: [correction(name, 1.0), passage(0.5, "right" if place < answered else "wrong")]
            for place, name in enumerate(names)
        }
        admission = learned(corrections, others, own | strange, error=0.2)
        assert admission is not None
        assert admission.threshold == pytest.approx(expected), answered


def test_an_answer_too_short_to_be_found_in_a_passage_tells_nothing_of_what_there_is_to_gain() -> None:
    others = [lesson(f"o{place}") for place in range(1, 100)]
    found = ITSELF | {f"o{place}": [correction("c", place / 100)] for place in range(1, 100)}
    for answer, expected in (("Ten.", 0.945), ("Hold the reset button for ten seconds.", 0.805)):
        admission = learned([lesson("c", answered_by=["c"], answer=answer)], others, found, error=0.2)
        assert admission is not None
        assert admission.threshold == pytest.approx(expected), answer


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
    assert admission.threshold == pytest.approx((0.3 - PASSAGE * 0.6 + 1.0 + admission.words) / 2)


def test_where_a_passage_is_nearer_no_correction_intrudes() -> None:
    others = [lesson(f"o{number}") for number in range(19)]
    found = ITSELF | {other.question: [correction("c", 0.5), passage(0.6)] for other in others[:-1]}
    found |= {others[-1].question: [correction("c", 0.4), passage(0.1)]}
    admission = learned([OWN], others, found, error=0.1)  # the 18th of 19: one question alone sees a correction at all
    assert admission is not None
    intruder = 0.4 - PASSAGE * 0.1
    assert admission.threshold == pytest.approx((NEVER + intruder) / 2)


def test_a_correction_whose_own_question_is_well_served_by_a_passage_is_not_locked_out_by_the_margin() -> None:
    found = {
        "c": [correction("c", 1.0, 1.0), passage(0.9)],
        "d": [correction("d", 1.0, 1.0)],
        "o": [correction("c", 0.3)],
    }
    admission = learned([OWN, lesson("d", answered_by=["d"])], [lesson("o")], found, error=0.02)
    assert admission is not None
    assert admission.threshold < 1.0 + admission.words - PASSAGE * 0.9


def test_made_questions_do_not_count_where_enough_were_asked() -> None:
    asked = [lesson(f"o{tenth}") for tenth in range(1, 10)]
    made = [lesson(f"m{number}", made=True) for number in range(20)]
    found = ITSELF | {f"o{tenth}": [correction("c", tenth / 10)] for tenth in range(1, 10)}
    found |= {question.question: [correction("c", 0.05)] for question in made}
    # With the made ones the quantile of error 0.2 would be the ceil(30 * 0.8) = 24th of 29, which is 0.4.
    admission = learned([OWN], [*asked, *made], found, error=0.2)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.85)


def test_of_several_corrections_the_one_that_would_intrude_counts() -> None:
    others = [lesson(f"o{number}") for number in range(3)]
    found = ITSELF | {other.question: [correction("c", 0.6), correction("d", 0.7)] for other in others}
    admission = learned([OWN], others, found, error=0.25)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.7)


def test_corrections_of_different_matters_calibrate_each_other() -> None:
    found = {
        "c": [correction("c", 1.0), correction("d", 0.4)],
        "d": [correction("d", 1.0), correction("c", 0.4)],
    }
    admission = learned([OWN, lesson("d", answered_by=["d"])], [], found, error=0.4)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.4)


def test_a_question_that_the_correction_answers_does_not_calibrate_it() -> None:
    found = ITSELF | {"o": [correction("c", 0.9)]}
    assert learned([OWN], [lesson("o", answered_by=["c"])], found, error=0.1) is None


def test_without_known_questions_there_is_nothing_to_admit() -> None:
    assert learned([], [lesson("o")], {"o": []}, error=0.1) is None
    assert learned([], [lesson("o")], {"o": [passage(0.4)]}, error=0.1) is None


def test_without_any_correction_the_confirmed_questions_have_an_admission() -> None:
    others = [lesson(f"o{tenth}") for tenth in range(1, 10)]
    found = {f"o{tenth}": [confirmed("manual", tenth / 10)] for tenth in range(1, 10)}
    # As nothing tells what there is to gain, a third of the error is spent: of 9 the ceil(10 * 0.8) = 8th at 0.6.
    admission = learned([], others, found, error=0.6)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.85)
    few = learned([], others[:3], found, error=0.02)  # too few to promise anything: the best fit of the three
    assert few is not None
    assert few.threshold == pytest.approx(0.3)


def test_a_confirmed_question_does_not_intrude_on_itself_nor_on_what_its_passage_answers() -> None:
    own = lesson("p", evidence=[span("manual", 0, 4)])
    found = {"p": [confirmed("manual", 1.0, 1.0)], "o": [confirmed("manual", 0.3)]}
    assert learned([], [own], found, error=0.1) is None
    admission = learned([], [own, lesson("o", evidence=[span("leaflet", 0, 4)])], found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.3)


def test_a_confirmed_question_near_one_about_something_else_raises_the_threshold() -> None:
    others = [lesson(f"o{number}", evidence=[span("leaflet", 0, 4)]) for number in range(9)]
    thresholds = []
    for near in (0.2, 0.6):
        found = ITSELF | {other.question: [correction("c", 0.1), confirmed("manual", near)] for other in others}
        admission = learned([OWN], others, found, error=0.2)
        assert admission is not None
        thresholds.append(admission.threshold)
    assert thresholds == pytest.approx([0.2, 0.6])


def test_a_corrected_question_calibrates_the_confirmed_ones() -> None:
    found = {"c": [correction("c", 1.0), confirmed("manual", 0.4)]}
    admission = learned([OWN], [], found, error=0.5)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.4)


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


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_the_share_of_strange_questions_admitted_is_the_one_asked_for(error: float) -> None:
    """Split conformal prediction promises error - 1/(n+1) < expected share <= error; checked by simulation."""
    random = np.random.default_rng(7)
    questions, repeats = 60, 400
    exceeded = 0.0
    others = [lesson(str(number)) for number in range(questions)]
    for _ in range(repeats):
        cosines = random.beta(2, 5, size=questions)
        found = ITSELF | {str(number): [correction("c", float(cosine))] for number, cosine in enumerate(cosines)}
        admission = learned([OWN], others, found, error=error)
        assert admission is not None
        exceeded += float(np.mean(random.beta(2, 5, size=2000) > admission.threshold))
    share = exceeded / repeats
    deviation = 3 * np.sqrt(error * (1 - error) / questions / repeats)
    assert error - 1 / (questions + 1) - deviation < share < error + deviation


def test_a_confirmed_question_does_not_intrude_on_itself_where_its_passage_moved() -> None:
    moved = lesson("What about manual", evidence=[span("manual", 100, 104)])  # case and punctuation are no difference
    found = {"What about manual": [confirmed("manual", 1.0, 1.0)], "o": [confirmed("manual", 0.3)]}
    admission = learned([], [moved, lesson("o")], found, error=0.02)
    assert admission is not None
    assert admission.threshold == pytest.approx(0.3)


# --- several errors -------------------------------------------------------------------------------------------------


def test_each_error_has_the_admission_that_it_would_have_alone() -> None:
    others = [lesson(f"o{place}") for place in range(1, 100)]
    found = ITSELF | {f"o{place}": [correction("c", place / 100)] for place in range(1, 100)}
    errors = [0.2, 0.1, 0.05]
    together = calibrated([OWN], others, found, errors=errors)
    assert together == [learned([OWN], others, found, error=error) for error in errors]
    assert [admission.threshold for admission in together] == pytest.approx([0.805, 0.905, 0.955])


def test_errors_differ_in_the_threshold_alone() -> None:
    others = [lesson(f"o{place}") for place in range(1, 100)]
    found = ITSELF | {f"o{place}": [correction("c", place / 100, place % 7 / 7)] for place in range(1, 100)}
    admissions = calibrated([OWN], others, found, errors=[0.2, 0.1, 0.05])
    assert len({admission.threshold for admission in admissions}) == 3
    assert len({(admission.words, admission.passage) for admission in admissions}) == 1


def test_the_threshold_does_not_fall_where_a_smaller_error_has_too_few_questions() -> None:
    """Of fits 0.6 .. 1.2 the fifth and the next give 1.05; half-way from 1.2 to the correction's own 0.5 is less."""
    corrections, others = [OWN], [lesson(f"o{place}") for place in range(6, 13)]
    found = {"c": [correction("c", 0.5)]} | {f"o{place}": [correction("c", place / 10)] for place in range(6, 13)}
    alone = learned(corrections, others, found, error=0.05)
    assert alone is not None
    assert alone.threshold == pytest.approx(0.85)
    admissions = calibrated(corrections, others, found, errors=[0.4, 0.05])
    assert [admission.threshold for admission in admissions] == pytest.approx([1.05, 1.05])


def test_without_known_questions_no_error_has_an_admission() -> None:
    assert calibrated([], [lesson("o")], {"o": [passage(0.4)]}, errors=[0.2, 0.1]) == []
