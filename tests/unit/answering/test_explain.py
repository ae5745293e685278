"""Why a ranking is as it is: what was recorded, what it was made of, and what cannot be said any more."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.answering.chat import Chat
from rag_flywheel.answering.explain import Explanation, explain
from rag_flywheel.api.state import make_state
from rag_flywheel.domain import (
    Admission,
    Interaction,
    InteractionId,
    LearnedRanking,
    Question,
    VersionId,
    VersionState,
)
from rag_flywheel.errors import Damaged, NotFound
from rag_flywheel.search.fusion import DENSE, FEATURES, KNOWN, RERANK, RRF, SENTENCE, SPARSE, TOKENS
from rag_flywheel.services import Services
from tests.fakes.ledger import MemoryLedger
from tests.fakes.rankings import MemoryRerankers
from tests.fakes.samples import NOON
from tests.fakes.services import HANDBOOK, publish, services

ASKED = "How do I put the previous version back?"
ADMISSION = Admission(threshold=0.5, words=0.5, passage=0.5)
CORRECTIONS = {
    "near": ("How do I put the previous version back now?", "Run rag-flywheel rollback."),
    "far": ("Is there a dark theme?", "No, there is none."),
}
CONFIRMED = {"past": ("How do I put the previous version back now?", "rollback")}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    return services(tmp_path)


def asked(made: Services, name: str = "i1", *, consent: bool = True) -> Chat:
    """A chat that has answered the question once."""
    chat = make_state(made).chat
    chat.answer(Question(text=ASKED, asked=NOON, consent=consent), interaction_id=InteractionId(name))
    return chat


def explained(chat: Chat, *, limit: int = 10) -> Explanation:
    return explain(InteractionId("i1"), chat=chat, limit=limit)


def rewritten(made: Services, interaction: Interaction) -> Chat:
    """A chat over the same services whose ledger remembers another interaction."""
    ledger = MemoryLedger()
    for record in made.ledger.versions():
        ledger.add_version(record.manifest)
    ledger.add_interaction(interaction)
    return make_state(replace(made, ledger=ledger)).chat


def test_the_recorded_ranking_is_told_with_its_texts_and_its_use(made: Services) -> None:
    publish(made, "v1")
    chat = asked(made)
    recorded = made.ledger.interaction(InteractionId("i1"))
    said = explained(chat)
    assert (said.question, said.query, said.version, said.live) == (ASKED, ASKED, "v1", True)
    assert (said.repeated, said.notes) == (True, ())
    assert [(passage.rank, passage.score, passage.scores) for passage in said.passages] == [
        (shown.rank, shown.score, shown.scores) for shown in recorded.ranking
    ]
    assert [passage.text for passage in said.passages] == [HANDBOOK[passage.document_id] for passage in said.passages]
    assert [passage.cited for passage in said.passages] == [True, False, False]
    assert all(passage.shown for passage in said.passages)


def test_the_languages_of_the_version_are_told_with_how_likely_the_query_is_in_each(made: Services) -> None:
    publish(made, "v1")
    chat = asked(made)
    assert explained(chat).languages == {}
    assert {passage.language for passage in explained(chat).passages} == {None}, "it is as of an older release"
    ledger = MemoryLedger()
    for record in made.ledger.versions():
        ledger.add_version(replace(record.manifest, languages=("de", "en")))
    ledger.add_interaction(made.ledger.interaction(InteractionId("i1")))
    told = explained(make_state(replace(made, ledger=ledger)).chat)
    assert told.languages == {"de": 0.1, "en": 1.0}


def test_of_an_older_version_without_learned_weights_reciprocal_rank_fusion_is_the_whole_score(made: Services) -> None:
    publish(made, "v1", learned=LearnedRanking(fusion={}))
    for passage in explained(asked(made)).passages:
        assert [part.name for part in passage.features] == list(FEATURES)
        assert {part.name: part.weight for part in passage.features} == {
            RRF: 1.0,
            DENSE: 0.0,
            SPARSE: 0.0,
            SENTENCE: 0.0,
            TOKENS: 0.0,
            KNOWN: 0.0,
            RERANK: 0.0,
        }
        assert sum(part.contribution for part in passage.features) == pytest.approx(passage.score)


def test_with_learned_weights_the_contributions_make_the_scores(made: Services) -> None:
    rerankers = made.rerankers
    assert isinstance(rerankers, MemoryRerankers)
    rerankers.tuned["digest"] = []
    learned = LearnedRanking(admission=ADMISSION, fusion={DENSE: 2.0, SPARSE: -1.5, RERANK: 1.0}, reranker="digest")
    publish(made, "v1", corrections=CORRECTIONS, learned=learned)
    said = explained(asked(made))
    assert said.learned == learned
    correction, *sources = said.passages
    assert (correction.correction_id, correction.features) == ("near", ())
    assert {source.correction_id for source in sources} == {None}
    sums = [sum(part.contribution for part in source.features) for source in sources]
    whole = sum(math.exp(fused) for fused in sums)
    assert [source.score for source in sources] == pytest.approx([math.exp(fused) / whole for fused in sums])
    for source in sources:
        assert [part.contribution for part in source.features] == pytest.approx(
            [part.value * part.weight for part in source.features]
        )


def test_a_correction_says_what_its_fit_is_made_of_and_why_it_was_admitted_or_kept_out(made: Services) -> None:
    publish(made, "v1", corrections=CORRECTIONS, learned=LearnedRanking(admission=ADMISSION))
    said = explained(asked(made))
    near, far = said.questions
    assert (near.correction_id, near.question, near.admitted) == ("near", CORRECTIONS["near"][0], True)
    assert (far.correction_id, far.question, far.admitted) == ("far", CORRECTIONS["far"][0], False)
    best = max(passage.scores.dense for passage in said.passages if passage.scores.dense is not None)
    for question in said.questions:
        assert (question.passage, question.threshold) == (best, 0.5)
        assert question.fit == pytest.approx(question.cosine + 0.5 * question.words - 0.5 * best)
    assert near.fit is not None
    assert said.passages[0].score == pytest.approx(1.0 + near.fit)
    assert near.reason == (
        f"no passage is nearer, and it fits {near.fit:.2f}, above the 0.50 that a known question needs: "
        "its answer stands first"
    )
    assert far.reason == (
        f"a passage is nearer to the query ({best:.2f}) than the known question ({far.cosine:.2f}), "
        f"and it fits {far.fit:.2f}, not above the 0.50 that a known question needs"
    )


def test_a_second_correction_is_shown_at_its_own_rank(made: Services) -> None:
    twins = {"a": ("How do I put the previous version back now?", "x"), "b": (ASKED, "y")}
    publish(made, "v1", corrections=twins, learned=LearnedRanking(admission=ADMISSION))
    said = explained(asked(made))
    assert [question.correction_id for question in said.questions] == ["b", "a"]
    assert said.questions[1].reason.endswith("needs: its answer stands at rank 2")


def test_two_numbers_get_as_many_digits_as_tell_them_apart(made: Services) -> None:
    publish(made, "v1", corrections={"same": (ASKED, "x")}, learned=LearnedRanking(admission=ADMISSION))
    fit = explained(asked(made)).questions[0].fit
    assert fit is not None
    narrow = Admission(threshold=fit + 0.0004, words=0.5, passage=0.5)
    publish(made, "v2", corrections={"same": (ASKED, "x")}, learned=LearnedRanking(admission=narrow))
    chat = asked(made, "i2")
    [same] = explain(InteractionId("i2"), chat=chat, limit=10).questions
    has, needs = same.reason.removeprefix("it fits ").split(", not above the ")
    assert has != needs.split()[0]


def test_a_passage_that_is_as_near_as_the_corrected_question_keeps_it_out(made: Services) -> None:
    publish(
        made,
        "v1",
        {"faq": ASKED},
        corrections={"same": (ASKED, "x")},
        learned=LearnedRanking(admission=replace(ADMISSION, threshold=0.0)),
    )
    [same] = explained(asked(made)).questions
    assert same.reason == "a passage is as near to the query (1.00) as the known question (1.00)"


def test_a_confirmed_answer_that_is_admitted_stands_first_and_names_its_interaction(made: Services) -> None:
    publish(made, "v1", confirmed=CONFIRMED, learned=LearnedRanking(admission=ADMISSION))
    said = explained(asked(made))
    first, *others = said.passages
    assert (first.document_id, first.correction_id, first.confirmed, first.features) == ("rollback", None, "past", ())
    assert first.text == HANDBOOK["rollback"]
    assert {other.document_id for other in others} == {"install", "backup"}
    assert {(other.confirmed, len(other.features)) for other in others} == {(None, len(FEATURES))}
    [past] = said.questions
    assert (past.correction_id, past.confirmed, past.question) == (None, "past", CONFIRMED["past"][0])
    assert past.admitted
    assert past.reason == (
        f"no passage is nearer, and it fits {past.fit:.2f}, above the 0.50 that a known question needs: "
        "its answer stands first"
    )


def test_the_passage_that_a_confirmed_answer_led_to_counts_as_the_nearest_one_all_the_same(made: Services) -> None:
    publish(made, "v1")
    plain = explained(asked(made))
    nearest = next(passage for passage in plain.passages if passage.document_id == "rollback").scores.dense
    assert nearest is not None
    publish(made, "v2", confirmed=CONFIRMED, learned=LearnedRanking(admission=ADMISSION))
    chat = asked(made, "i2")
    [past] = explain(InteractionId("i2"), chat=chat, limit=10).questions
    assert past.passage == nearest
    assert past.fit == pytest.approx(past.cosine + 0.5 * past.words - 0.5 * nearest)


def test_a_confirmed_answer_that_does_not_fit_is_kept_out_and_its_passage_is_weighed(made: Services) -> None:
    strange = {"past": ("Is there a dark theme?", "rollback")}
    publish(made, "v1", confirmed=strange, learned=LearnedRanking(admission=ADMISSION))
    said = explained(asked(made))
    assert said.passages[0].document_id == "rollback"
    assert {(passage.confirmed, len(passage.features)) for passage in said.passages} == {(None, len(FEATURES))}
    [past] = said.questions
    assert (past.confirmed, past.correction_id, past.admitted) == ("past", None, False)
    assert past.reason == (
        f"a passage is nearer to the query ({past.passage:.2f}) than the known question ({past.cosine:.2f}), "
        f"and it fits {past.fit:.2f}, not above the 0.50 that a known question needs"
    )


def test_of_two_questions_that_come_to_the_same_correction_the_worse_one_says_that_it_was_outdone(
    made: Services,
) -> None:
    publish(
        made,
        "v1",
        corrections={"near": CORRECTIONS["near"]},
        confirmed={"past": (ASKED, "correction:near")},
        learned=LearnedRanking(admission=ADMISSION),
    )
    said = explained(asked(made))
    assert (said.passages[0].correction_id, said.passages[0].confirmed) == ("near", "past")
    assert [passage.correction_id for passage in said.passages[1:]] == [None] * 3
    wording, own = said.questions
    assert (wording.correction_id, wording.confirmed, wording.admitted) == ("near", "past", True)
    assert (own.correction_id, own.confirmed, own.admitted) == ("near", None, False)
    assert own.reason == (
        f"it fits well enough ({own.fit:.2f}), but another known question comes to the same answer "
        f"and fits better ({wording.fit:.2f})"
    )


def test_of_two_wordings_that_fit_alike_the_second_says_that_another_fits_as_well(made: Services) -> None:
    same = {"i8": (ASKED, "rollback"), "i9": (ASKED, "rollback")}
    publish(made, "v1", confirmed=same, learned=LearnedRanking(admission=ADMISSION))
    first, second = explained(asked(made)).questions
    assert (first.confirmed, first.admitted, second.confirmed, second.admitted) == ("i8", True, "i9", False)
    assert second.reason.endswith(f"comes to the same answer and fits as well ({second.fit:.2f})")


def test_the_record_alone_tells_an_admitted_question_but_not_whose_answer_was_confirmed(made: Services) -> None:
    publish(made, "v1", confirmed=CONFIRMED, learned=LearnedRanking(admission=ADMISSION))
    [before] = explained(asked(made)).questions
    said = explain(InteractionId("i2"), chat=asked(made, "i2", consent=False), limit=10)
    assert {passage.confirmed for passage in said.passages} == {None}
    [past] = said.questions
    assert (past.correction_id, past.confirmed, past.question, past.admitted) == (None, None, None, True)
    assert (past.cosine, past.words, past.reason) == (before.cosine, before.words, before.reason)
    assert past.fit == pytest.approx(before.fit)
    assert said.notes[0].endswith("which known questions were kept out, nor whose confirmed answers were admitted")


def test_before_a_version_has_learned_admission_it_says_that_it_uses_none(made: Services) -> None:
    publish(made, "v1", corrections=CORRECTIONS)
    said = explained(asked(made))
    assert [(question.admitted, question.threshold) for question in said.questions] == [(False, None)] * 2
    assert "has not learned how well a known question must fit" in said.questions[0].reason


def test_the_limit_holds_for_passages_and_for_known_questions(made: Services) -> None:
    publish(made, "v1", corrections=CORRECTIONS)
    said = explained(asked(made), limit=1)
    assert ([passage.rank for passage in said.passages], len(said.questions)) == ([1], 1)


def test_a_version_that_is_not_live_any_more_explains_its_own_answer(made: Services) -> None:
    publish(made, "v1")
    chat = asked(made)
    publish(made, "v2", {"other": "Something else altogether."})
    said = explained(chat)
    assert (said.version, said.live, said.repeated) == ("v1", False, True)


def test_without_consent_the_record_alone_is_explained_and_that_is_said(made: Services) -> None:
    publish(made, "v1", corrections=CORRECTIONS, learned=LearnedRanking(admission=ADMISSION))
    told = explained(asked(made))
    said = explain(InteractionId("i2"), chat=asked(made, "i2", consent=False), limit=10)
    assert (said.question, said.query, said.repeated) == (None, None, None)
    assert [(passage.rank, passage.document_id, passage.score) for passage in said.passages] == [
        (passage.rank, passage.document_id, passage.score) for passage in told.passages
    ]
    assert {(passage.title, passage.text, passage.features, passage.cited) for passage in said.passages} == {
        (None, None, (), None)
    }
    [shown] = said.questions
    before = told.questions[0]
    assert (shown.correction_id, shown.question, shown.passage, shown.reason) == ("near", None, None, before.reason)
    assert shown.fit == pytest.approx(before.fit)
    assert (shown.cosine, shown.words) == (before.cosine, before.words)
    [note] = said.notes
    assert note.startswith("the question was not kept, because there was no consent, so only what was recorded")


def test_a_fit_below_zero_is_not_in_the_record_and_is_not_made_up(made: Services) -> None:
    lenient = Admission(threshold=-9.0, words=-3.0, passage=0.0)
    publish(made, "v1", corrections={"near": CORRECTIONS["near"]}, learned=LearnedRanking(admission=lenient))
    told = explained(asked(made))
    assert told.questions[0].fit is not None
    assert told.questions[0].fit < 0
    [shown] = explain(InteractionId("i2"), chat=asked(made, "i2", consent=False), limit=10).questions
    assert (shown.fit, shown.admitted) == (None, True)
    assert shown.reason == "no passage is nearer, and it fits well enough: its answer stands first"


def test_a_deleted_version_leaves_the_record(made: Services) -> None:
    publish(made, "v1")
    chat = asked(made)
    publish(made, "v2")
    made.index.delete(VersionId("v1"))
    made.ledger.set_state(VersionId("v1"), VersionState.DELETED, at=NOON)
    said = explained(chat)
    assert said.notes[0].startswith("version v1 was deleted, so only what was recorded is explained")
    assert [passage.text for passage in said.passages] == [None] * 3
    assert [passage.cited for passage in said.passages] == [True, False, False]


def test_a_version_of_which_a_part_is_gone_leaves_the_record(made: Services) -> None:
    publish(made, "v1")
    chat = asked(made)
    publish(made, "v2")
    made.index.delete(VersionId("v1"))
    assert explained(chat).notes[0].startswith("a part of version v1 is gone (no version v1), so only")


@pytest.mark.parametrize("change", ["score", "order", "length"])
def test_a_ranking_that_does_not_come_out_again_is_reported_with_the_place(made: Services, change: str) -> None:
    publish(made, "v1")
    asked(made)
    recorded = made.ledger.interaction(InteractionId("i1"))
    first, second, third = recorded.ranking
    other = {
        "score": (first, replace(second, score=second.score + 0.01), third),
        "order": (first, replace(third, rank=2), replace(second, rank=3)),
        "length": (first,),
    }[change]
    said = explained(rewritten(made, replace(recorded, ranking=other)))
    assert said.repeated is False
    assert "searched again, version v1 ranks otherwise from rank 2 on" in said.notes[0]
    assert [(passage.rank, passage.document_id, passage.score) for passage in said.passages] == [
        (shown.rank, shown.document_id, shown.score) for shown in other
    ]


def test_the_last_digits_of_a_score_may_differ(made: Services) -> None:
    publish(made, "v1")
    asked(made)
    recorded = made.ledger.interaction(InteractionId("i1"))
    other = tuple(replace(shown, score=shown.score + 1e-6) for shown in recorded.ranking)
    assert explained(rewritten(made, replace(recorded, ranking=other))).repeated


def test_an_unknown_interaction_is_not_found(made: Services) -> None:
    with pytest.raises(NotFound):
        explained(make_state(made).chat)


def test_a_version_that_the_ledger_does_not_know_is_damage(made: Services) -> None:
    publish(made, "v1")
    asked(made)
    ledger = MemoryLedger()
    ledger.add_interaction(made.ledger.interaction(InteractionId("i1")))
    with pytest.raises(Damaged, match="which the ledger does not know"):
        explained(make_state(replace(made, ledger=ledger)).chat)
