"""Query to passages: fusion, admission, reranking, and one version at a time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag_flywheel.domain import (
    UNTUNED,
    Admission,
    Candidate,
    ChunkId,
    InteractionId,
    LearnedRanking,
    Passage,
    Scores,
    VersionId,
)
from rag_flywheel.ports import Reranker
from rag_flywheel.search.admission import FARTHER, fits, is_confirmed, is_known
from rag_flywheel.search.fusion import DENSE, KNOWN, RERANK, SPARSE
from rag_flywheel.search.retrieval import OFFERED_AT_MOST, offered, rank, retrieve
from rag_flywheel.search.versions import Searcher
from tests.fakes.encoder import HashingEncoder
from tests.fakes.rankings import ScriptedIndex, ScriptedReranker
from tests.fakes.samples import chunk, confirmed_chunk, correction_chunk


def found(name: str, *, dense: float | None = None, sparse: float | None = None, text: str = "") -> Candidate:
    return Candidate(chunk=chunk(name, text or f"text {name}"), scores=Scores(dense=dense, sparse=sparse))


def correction(name: str, cosine: float, words: float = 0.0) -> Candidate:
    return Candidate(chunk=correction_chunk(name, "q", f"answer {name}"), scores=Scores(question=cosine, words=words))


def by_token(name: str, *, question: float, tokens: float | None) -> Candidate:
    """A correction of which the tokens are known too."""
    known = correction(name, question)
    return replace(known, scores=replace(known.scores, tokens=tokens))


def confirmed(name: str, cosine: float, *, by: str = "i1", question: str = "p", words: float = 0.0) -> Candidate:
    """The known question that leads to the passage that `found` makes of the same name."""
    known = confirmed_chunk(chunk(name, f"text {name}"), question, by=by)
    return Candidate(chunk=known, scores=Scores(question=cosine, words=words))


def above(threshold: float, *, words: float = 0.0, passage: float = 0.0) -> Admission:
    return Admission(threshold=threshold, words=words, passage=passage)


def searcher(
    candidates: Sequence[Candidate],
    learned: LearnedRanking | None = None,
    *,
    reranker: Reranker | None = None,
    reranked: int = 20,
) -> Searcher:
    return Searcher(
        version=VersionId("v1"),
        index=ScriptedIndex({"q": candidates}),
        encoder=HashingEncoder(),
        learned=learned or LearnedRanking(),
        reranker=reranker,
        candidates=50,
        reranked=reranked,
        shown=5,
    )


def documents(passages: Sequence[Passage]) -> list[str]:
    return [passage.chunk.document_id for passage in passages]


# --- admission ------------------------------------------------------------------------------------------------------


def test_no_correction_is_shown_before_a_threshold_was_learned() -> None:
    assert documents(retrieve("q", searcher=searcher([correction("c", 1.0), found("a", dense=0.1)]))) == ["a"]


def test_a_correction_is_shown_above_the_threshold_and_not_at_it() -> None:
    candidates = [correction("at", 0.8), correction("above", 0.8000001), correction("below", 0.79)]
    searching = searcher(candidates, LearnedRanking(admission=above(0.8)))
    ranking = rank("q", searching.encoder.encode_queries(["q"])[0], searcher=searching)
    assert documents(ranking.passages) == ["correction:above"]
    assert [fitting.candidate.chunk.document_id for fitting in ranking.kept_out] == [
        "correction:at",
        "correction:below",
    ]


def test_the_best_fit_comes_first_and_names_decide_a_tie() -> None:
    candidates = [correction("b", 0.5), correction("a", 0.5), correction("c", 0.9)]
    passages = retrieve("q", searcher=searcher(candidates, LearnedRanking(admission=above(0.1))))
    assert [passage.chunk.document_id[-1] for passage in passages] == ["c", "a", "b"]


def test_fit_is_cosine_and_shared_words_less_the_best_passages_cosine() -> None:
    passages = [found("a", dense=0.6), found("b", dense=0.2), found("c", sparse=9.0)]
    [fitting, other] = fits(
        [correction("x", 0.7, words=0.5), correction("y", 0.8)], passages, above(0.0, words=0.4, passage=0.5)
    )
    assert (fitting.candidate.chunk.document_id, fitting.fit) == (
        "correction:x",
        pytest.approx(0.7 + 0.4 * 0.5 - 0.5 * 0.6),
    )
    assert (other.candidate.chunk.document_id, other.fit) == ("correction:y", pytest.approx(0.8 - 0.5 * 0.6))


def test_a_near_passage_keeps_out_a_correction_that_a_far_one_lets_in() -> None:
    learned = LearnedRanking(admission=above(0.5, passage=0.5))
    for cosine, first in ((0.2, "correction:c"), (0.8, "a")):
        candidates = [found("a", dense=cosine), correction("c", 0.7)]
        assert documents(retrieve("q", searcher=searcher(candidates, learned)))[0] == first


def test_a_correction_is_kept_out_where_a_passage_is_much_nearer_token_by_token() -> None:
    def shown(correction: float | None, passage: float | None) -> list[str]:
        known = by_token("near", question=0.9, tokens=correction)
        source = Candidate(chunk=chunk("a", "text a"), scores=Scores(dense=0.5, tokens=passage))
        return documents(retrieve("q", searcher=searcher([known, source], LearnedRanking(admission=above(0.5)))))

    assert shown(0.5, 0.5 + FARTHER + 0.01) == ["a"]
    assert shown(0.5, 0.5 + FARTHER - 0.01)[0] == shown(0.5, 0.4)[0] == "correction:near"
    assert shown(None, 0.9)[0] == shown(0.1, None)[0] == "correction:near"  # as versions of older releases have them


def test_the_lead_token_by_token_counts_by_its_weight() -> None:
    known = [by_token("behind", question=0.8, tokens=0.3), by_token("ahead", question=0.7, tokens=0.6)]
    source = Candidate(chunk=chunk("a", "text a"), scores=Scores(dense=0.1, tokens=0.4))
    ahead, behind = fits(known, [source], replace(above(0.0), tokens=1.0))
    assert ahead.candidate.chunk.document_id == "correction:ahead"
    assert (ahead.lead, behind.lead) == pytest.approx((0.2, -0.1))
    assert (ahead.fit, behind.fit) == pytest.approx((0.9, 0.7))


@pytest.mark.parametrize("fusion", [{}, {DENSE: 9.0}])
def test_an_admitted_correction_stands_before_every_source_passage(fusion: dict[str, float]) -> None:
    learned = LearnedRanking(admission=above(0.5), fusion=fusion)
    passages = retrieve("q", searcher=searcher([found("a", dense=0.5, sparse=50.0), correction("c", 0.6)], learned))
    assert documents(passages) == ["correction:c", "a"]
    assert [passage.rank for passage in passages] == [1, 2]
    assert passages[0].score > passages[1].score


def test_an_answer_that_speaks_of_what_is_asked_brings_its_question_near() -> None:
    near = correction("c", 0.4)
    near = replace(near, scores=replace(near.scores, answer=0.8))
    passages = [found("a", dense=0.6), replace(found("b", dense=0.5), scores=Scores(dense=0.5, sentence=0.7))]
    [fitting] = fits([near], passages, Admission(threshold=0.0, words=0.0, sentence=0.5, answer=0.75))
    assert fitting.fit == pytest.approx(0.4 + 0.75 * 0.8 - 0.5 * 0.7)
    assert (fitting.cosine, fitting.nearest) == (0.8, True)
    [without] = fits([near], passages, Admission(threshold=0.0, words=0.0, sentence=0.5))
    assert (without.cosine, without.nearest) == (0.4, False)


# --- suggestions ------------------------------------------------------------------------------------------------------


def suggested(candidates: Sequence[Candidate], admission: Admission | None) -> list[str]:
    searching = searcher(candidates, LearnedRanking(admission=admission))
    ranking = rank("q", searching.encoder.encode_queries(["q"])[0], searcher=searching)
    return [chunk.document_id for chunk in offered(ranking, admission)]


def test_corrections_that_are_near_but_not_near_enough_are_suggested_best_first() -> None:
    near = [correction(name, cosine) for name, cosine in (("a", 0.6), ("b", 0.7), ("c", 0.5), ("far", 0.3))]
    admission = replace(above(0.8), offered=0.4)
    assert suggested(near, admission) == ["correction:b", "correction:a", "correction:c"]
    assert suggested(near, replace(admission, threshold=0.65)) == [], "one is taken"
    assert suggested(near, above(0.8)) == suggested(near, None) == []
    assert len(suggested([correction(f"c{n}", 0.7) for n in range(9)], admission)) == OFFERED_AT_MOST


def test_what_people_merely_confirmed_is_not_suggested() -> None:
    other = correction("a", 0.6)
    asked = replace(other.chunk, chunk_id=ChunkId("a?i7"), question="my own words", confirmed=InteractionId("i7"))
    own_words = Candidate(chunk=asked, scores=Scores(question=0.7))
    admission = replace(above(0.8), offered=0.4)
    assert suggested([confirmed("b", 0.7), own_words, other], admission) == ["correction:a"]


# --- confirmed answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", [{}, {DENSE: 9.0}])
def test_an_admitted_confirmed_question_puts_its_passage_first_and_once(fusion: dict[str, float]) -> None:
    learned = LearnedRanking(admission=above(0.6), fusion=fusion)
    candidates = [found("a", dense=0.5, sparse=50.0), found("b", dense=0.1), confirmed("b", 0.7, by="i7")]
    passages = retrieve("q", searcher=searcher(candidates, learned))
    assert documents(passages) == ["b", "a"]
    assert [passage.rank for passage in passages] == [1, 2]
    assert passages[0].score > passages[1].score
    assert (passages[0].chunk.confirmed, passages[1].chunk.confirmed) == ("i7", None)


def test_a_confirmed_question_that_is_kept_out_leaves_its_passage_where_it_was() -> None:
    candidates = [found("a", dense=0.5), found("b", dense=0.1), confirmed("b", 0.6)]
    for admission in (None, above(0.6)):
        passages = retrieve("q", searcher=searcher(candidates, LearnedRanking(admission=admission)))
        assert documents(passages) == ["a", "b"]
        assert [passage.chunk.confirmed for passage in passages] == [None, None]


def test_a_confirmed_passage_that_no_other_channel_found_comes_first_too() -> None:
    candidates = [found("a", dense=0.5), confirmed("b", 0.7)]
    assert documents(retrieve("q", searcher=searcher(candidates, LearnedRanking(admission=above(0.6))))) == ["b", "a"]


def test_another_piece_of_the_confirmed_passages_document_is_still_listed() -> None:
    other = Candidate(chunk=chunk("b", "text", start=100), scores=Scores(dense=0.2))
    searching = searcher([found("b", dense=0.3), other, confirmed("b", 0.7)], LearnedRanking(admission=above(0.6)))
    assert [piece.chunk.start for piece in retrieve("q", searcher=searching)] == [0, 100]


def test_the_reranker_does_not_score_a_passage_that_a_known_question_put_first() -> None:
    model = ScriptedReranker(lambda query, text: 1.0)
    learned = LearnedRanking(admission=above(0.6), fusion={RERANK: 1.0}, reranker="digest")
    candidates = [found("a", dense=0.5, text="other"), found("b", dense=0.1), confirmed("b", 0.7)]
    retrieve("q", searcher=searcher(candidates, learned, reranker=model))
    assert model.scored == [("q", ("other",))]


def test_of_two_known_questions_of_one_answer_the_better_one_gives_it_its_only_place() -> None:
    fixed = correction("c", 0.8)
    wording = replace(fixed, chunk=confirmed_chunk(fixed.chunk, "p", by="i9"), scores=Scores(question=0.95))
    candidates = [confirmed("b", 0.7, by="i1"), confirmed("b", 0.9, by="i2"), fixed, wording, found("b", dense=0.1)]
    searching = searcher(candidates, LearnedRanking(admission=above(0.6)))
    ranking = rank("q", searching.encoder.encode_queries(["q"])[0], searcher=searching)
    assert documents(ranking.passages) == ["correction:c", "b"]
    assert [piece.chunk.confirmed for piece in ranking.passages] == ["i9", "i2"]
    assert [piece.scores.question for piece in ranking.passages] == [0.95, 0.9]
    assert [known.candidate.chunk.chunk_id for known in ranking.kept_out] == ["correction:c#0", "b#0?i1"]


def test_the_nearest_passage_counts_against_the_known_question_that_leads_to_it() -> None:
    """A passage that is as near as the question needs no help, and is told among the source passages."""
    searching = searcher([found("b", dense=0.7), confirmed("b", 0.7)], LearnedRanking(admission=above(0.0)))
    ranking = rank("q", searching.encoder.encode_queries(["q"])[0], searcher=searching)
    assert (ranking.admitted, ranking.nearest) == ((), 0.7)
    assert [piece.chunk.confirmed for piece in ranking.passages] == [None]


def test_corrections_and_confirmed_answers_compete_by_how_well_they_fit() -> None:
    learned = LearnedRanking(admission=above(0.5, words=0.4))
    for share, first in ((0.0, ["correction:c", "b"]), (0.5, ["b", "correction:c"])):
        candidates = [correction("c", 0.8), confirmed("b", 0.7, words=share), found("b", dense=0.1)]
        assert documents(retrieve("q", searcher=searcher(candidates, learned))) == first


def test_as_new_leaves_out_what_was_confirmed_for_this_very_question_and_nothing_else() -> None:
    candidates = [
        confirmed("a", 1.0, question=" Q?"),
        confirmed("b", 0.9, question="q now"),
        correction("c", 0.8),  # its question is "q": a correction is meant to be found by it
        found("a", dense=0.1),
    ]
    searching = searcher(candidates, LearnedRanking(admission=above(0.6)))
    assert documents(retrieve("q", searcher=searching)) == ["a", "b", "correction:c"]
    vector = searching.encoder.encode_queries(["q"])[0]
    assert documents(rank("q", vector, searcher=searching, without=is_confirmed).passages) == ["b", "correction:c", "a"]


# --- retrieve -------------------------------------------------------------------------------------------------------


def test_without_anything_learned_the_order_is_that_of_the_untuned_weights() -> None:
    candidates = [found("a", dense=0.9), found("b", dense=0.8, sparse=5.0), found("c", sparse=9.0)]
    passages = retrieve("q", searcher=searcher(candidates))
    assert passages == retrieve("q", searcher=searcher(candidates, LearnedRanking(fusion=dict(UNTUNED))))
    assert documents(passages)[0] == "c"


def test_a_version_of_an_older_release_that_learned_nothing_ranks_by_reciprocal_rank_fusion() -> None:
    candidates = [found("a", dense=0.9), found("b", dense=0.8, sparse=5.0), found("c", sparse=9.0)]
    passages = retrieve("q", searcher=searcher(candidates, LearnedRanking(fusion={})))
    assert documents(passages) == ["b", "a", "c"]  # b: 1/62 + 1/62; a and c: 1/61, in the order in which they came
    assert passages[0].score == pytest.approx((2 / 62) * 61 / 2)


def test_learned_weights_decide_the_order() -> None:
    candidates = [found("a", dense=0.9), found("b", dense=0.8, sparse=5.0), found("c", sparse=9.0)]
    assert documents(retrieve("q", searcher=searcher(candidates, LearnedRanking(fusion={SPARSE: 3.0})))) == [
        "c",
        "b",
        "a",
    ]


def test_each_channel_brings_what_the_version_was_built_for() -> None:
    searching = searcher([found("a", dense=0.5)])
    retrieve("q", searcher=replace(searching, candidates=7))
    assert isinstance(searching.index, ScriptedIndex)
    assert searching.index.searches == [("q", 7)]


def test_nothing_found_is_an_empty_ranking_with_a_reranker_too() -> None:
    learned = LearnedRanking(fusion={RERANK: 1.0}, reranker="digest")
    assert retrieve("q", searcher=searcher([])) == []
    assert retrieve("q", searcher=searcher([], learned, reranker=ScriptedReranker(lambda query, text: 0.0))) == []


def test_the_reranker_scores_the_best_few_and_the_others_count_as_its_worst() -> None:
    model = ScriptedReranker(lambda query, text: {"t0": -1.0, "t1": 2.0, "t2": 5.0, "t3": 9.0}[text])
    candidates = [found(f"d{at}", dense=0.9 - at / 10, text=f"t{at}") for at in range(4)]
    learned = LearnedRanking(fusion={RERANK: 1.0}, reranker="digest")
    passages = retrieve("q", searcher=searcher(candidates, learned, reranker=model, reranked=3))
    assert model.scored == [("q", ("t0", "t1", "t2"))]
    assert documents(passages) == ["d2", "d1", "d0", "d3"]
    assert [passage.scores.rerank for passage in passages] == [5.0, 2.0, -1.0, None]


def test_corrections_are_not_reranked() -> None:
    model = ScriptedReranker(lambda query, text: 1.0)
    learned = LearnedRanking(admission=above(0.5), fusion={RERANK: 1.0}, reranker="digest")
    retrieve("q", searcher=searcher([correction("c", 0.9), found("a", dense=0.4)], learned, reranker=model))
    assert model.scored == [("q", ("text a",))]


def test_a_reranker_and_its_digest_go_together() -> None:
    with pytest.raises(ValueError, match="go together"):
        searcher([], LearnedRanking(reranker="digest"))
    with pytest.raises(ValueError, match="go together"):
        searcher([], reranker=ScriptedReranker(lambda query, text: 0.0))


# --- what known questions that are not meant tell of passages -------------------------------------------------------


def holding(name: str, cosine: float, *holders: Candidate) -> Candidate:
    """A correction whose answer these passages hold too."""
    fixed = correction(name, cosine)
    assert fixed.chunk.provenance is not None
    provenance = replace(fixed.chunk.provenance, holders=tuple(holder.chunk.span for holder in holders))
    return replace(fixed, chunk=replace(fixed.chunk, provenance=provenance))


def test_a_passage_is_as_near_as_the_nearest_known_question_that_it_answers() -> None:
    a, b, c = (found(name, dense=0.5) for name in "abc")
    candidates = [a, b, c, confirmed("a", 0.4), holding("c1", 0.6, a), holding("c2", 0.7, b), correction("c3", 0.9)]
    searching = searcher(candidates, LearnedRanking(fusion={KNOWN: 1.0}))
    passages = retrieve("q", searcher=searching)
    assert {piece.chunk.document_id: piece.scores.known for piece in passages} == {"b": 0.7, "a": 0.6, "c": None}
    assert documents(passages) == ["b", "a", "c"]


def test_known_questions_order_nothing_before_it_is_learned_how_much_they_tell() -> None:
    a, b = found("a", dense=0.5), found("b", dense=0.4)
    assert documents(retrieve("q", searcher=searcher([a, b, holding("c", 0.9, b)]))) == ["a", "b"]


def test_what_is_known_of_this_very_question_can_be_left_out() -> None:
    a, b = found("a", dense=0.5), found("b", dense=0.4)
    candidates = [a, b, holding("c", 1.0, b), confirmed("a", 1.0, question="Q!"), confirmed("a", 0.3, question="p")]
    searching = searcher(candidates, LearnedRanking(fusion={KNOWN: 1.0}))
    ranking = rank("q", searching.encoder.encode_queries(["q"])[0], searcher=searching, without=is_known)
    assert [(piece.chunk.document_id, piece.scores.known) for piece in ranking.passages] == [("a", 0.3), ("b", None)]


# --- passages that say the same --------------------------------------------------------------------------------------

LONG = "Press and hold the power button until the lamp turns green, then release it and wait for the pump to restart."


def test_of_passages_that_say_the_same_one_is_shown_with_the_best_scores_and_names_the_others() -> None:
    candidates = [
        found("a", dense=0.9, text=LONG),
        found("b", dense=0.8, text="Something else."),
        found("c", dense=0.7, sparse=9.0, text=f"{LONG} "),
        found("d", sparse=1.0, text=LONG.replace("Press", "Please press")),
    ]
    passages = retrieve("q", searcher=replace(searcher(candidates), near_duplicate=0.8))
    assert documents(passages) == ["a", "b"]
    assert [twin.document_id for twin in passages[0].also] == ["c", "d"]
    assert (passages[0].scores.dense, passages[0].scores.sparse) == (0.9, 9.0)
    assert passages[1].also == ()


def test_passages_that_say_something_else_in_nearly_the_same_words_are_all_shown() -> None:
    texts = [LONG, LONG.replace("green", "red"), f"{LONG} Not now.", LONG.replace("Press", "Press 2 times")]
    candidates = [found(name, dense=0.5, text=text) for name, text in zip("abcd", texts, strict=True)]
    passages = retrieve("q", searcher=replace(searcher(candidates), near_duplicate=0.5))
    assert documents(passages) == ["a", "b", "c", "d"]
