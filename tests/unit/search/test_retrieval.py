"""Query to passages: fusion, admission, reranking, and one version at a time."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.config import Retrieval
from rag_flywheel.domain import Admission, Candidate, Chunk, LearnedRanking, Passage, Scores, VersionId
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Entry, Reranker
from rag_flywheel.search.admission import fits, is_confirmed, is_known
from rag_flywheel.search.fusion import DENSE, FEATURES, KNOWN, RERANK, RRF, SPARSE, features, fuse
from rag_flywheel.search.retrieval import rank, retrieve
from rag_flywheel.search.texts import searched_text
from rag_flywheel.search.versions import Searcher, open_version
from tests.fakes.encoder import HashingEncoder
from tests.fakes.index import MemoryIndex
from tests.fakes.rankings import MemoryRerankers, ScriptedIndex, ScriptedReranker
from tests.fakes.samples import chunk, confirmed_chunk, correction_chunk, manifest, settings


def found(name: str, *, dense: float | None = None, sparse: float | None = None, text: str = "text") -> Candidate:
    return Candidate(chunk=chunk(name, text), scores=Scores(dense=dense, sparse=sparse))


def correction(name: str, cosine: float, words: float = 0.0) -> Candidate:
    return Candidate(chunk=correction_chunk(name, "q", f"answer {name}"), scores=Scores(question=cosine, words=words))


def confirmed(name: str, cosine: float, *, by: str = "i1", question: str = "p", words: float = 0.0) -> Candidate:
    """The known question that leads to the passage that `found` makes of the same name."""
    known = confirmed_chunk(chunk(name, "text"), question, by=by)
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


# --- features and fusion --------------------------------------------------------------------------------------------

COSINES = st.none() | st.floats(-1, 1)
BM25 = st.none() | st.floats(0, 100)
LOGITS = st.none() | st.floats(-30, 30)
SCORES = st.builds(Scores, dense=COSINES, sparse=BM25, rerank=LOGITS)


def test_reciprocal_rank_fusion_is_the_papers_over_its_greatest_value() -> None:
    # Ranks by dense: a 1, b 2, c absent; by BM25: b 1, c 2, a absent. Greatest possible: 2 / 61.
    scores = [Scores(dense=0.9), Scores(dense=0.5, sparse=7.0), Scores(sparse=3.0)]
    expected = [1 / 61, 1 / 62 + 1 / 61, 1 / 62]
    assert features(scores)[:, FEATURES.index(RRF)] == pytest.approx(np.array(expected) * 61 / 2)


def test_the_first_of_both_channels_has_the_greatest_fused_score() -> None:
    assert fuse(features([Scores(dense=0.2, sparse=1.0), Scores(dense=0.1)]), {})[0] == pytest.approx(1.0)


def test_each_feature_by_hand() -> None:
    made = features([Scores(dense=0.9, sparse=4.0, rerank=0.0), Scores(dense=0.6), Scores(sparse=8.0, rerank=-2.0)])
    assert made[:, FEATURES.index(DENSE)] == pytest.approx([1.0, 0.7, 0.7])  # absent: the lowest seen
    assert made[:, FEATURES.index(SPARSE)] == pytest.approx([0.5, 0.0, 1.0])  # absent: 0
    absent = 1 / (1 + np.exp(2.0))
    assert made[:, FEATURES.index(RERANK)] == pytest.approx([0.5, absent, absent])


def test_features_of_nothing_are_an_empty_table() -> None:
    assert features([]).shape == (0, len(FEATURES))
    assert fuse(features([]), {}).shape == fuse(features([]), {DENSE: 1.0}).shape == (0,)


@given(st.lists(SCORES, min_size=1, max_size=30))
def test_features_are_finite_and_in_their_ranges(scores: list[Scores]) -> None:
    made = features(scores)
    assert made.shape == (len(scores), len(FEATURES))
    assert np.isfinite(made).all()
    for name, least in ((RRF, 0.0), (DENSE, -1.0), (SPARSE, 0.0), (RERANK, 0.0)):
        column = made[:, FEATURES.index(name)]
        assert column.min() >= least - 1e-9, name
        assert column.max() <= 1.0 + 1e-9, name


@given(st.lists(SCORES, min_size=1, max_size=30))
def test_the_order_of_the_candidates_changes_no_feature_that_is_no_rank(scores: list[Scores]) -> None:
    backwards = features(scores[::-1])[::-1]
    for name in (DENSE, SPARSE, RERANK):
        at = FEATURES.index(name)
        assert features(scores)[:, at] == pytest.approx(backwards[:, at])


@given(
    st.lists(SCORES, min_size=1, max_size=20),
    st.dictionaries(st.sampled_from(FEATURES), st.floats(-50, 50), min_size=1),
)
def test_fused_scores_are_probabilities(scores: list[Scores], fusion: dict[str, float]) -> None:
    fused = fuse(features(scores), fusion)
    assert ((fused >= 0.0) & (fused <= 1.0)).all()


def test_fusion_is_the_softmax_of_the_weighted_sum() -> None:
    values = np.array([[0.5, 1.0, 0.25, 0.0, 0.75], [0.0, 1.0, 1.0, 0.0, 0.0]])
    odds = np.exp([2 * 0.5 - 1 * 0.25, -1.0])
    assert fuse(values, {RRF: 2.0, SPARSE: -1.0}) == pytest.approx(odds / odds.sum())


def test_great_weights_tell_apart_what_is_nearly_alike() -> None:
    values = np.array([[1.0, 0.90, 0.0, 0.0, 0.0], [1.0, 0.95, 0.0, 0.0, 0.0]])
    low, high = fuse(values, {RRF: 500.0, DENSE: 9.0})
    assert low < high


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


@pytest.mark.parametrize("fusion", [{}, {DENSE: 9.0}])
def test_an_admitted_correction_stands_before_every_source_passage(fusion: dict[str, float]) -> None:
    learned = LearnedRanking(admission=above(0.5), fusion=fusion)
    passages = retrieve("q", searcher=searcher([found("a", dense=0.5, sparse=50.0), correction("c", 0.6)], learned))
    assert documents(passages) == ["correction:c", "a"]
    assert [passage.rank for passage in passages] == [1, 2]
    assert passages[0].score > passages[1].score


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


def test_without_anything_learned_the_order_is_reciprocal_rank_fusion() -> None:
    candidates = [found("a", dense=0.9), found("b", dense=0.8, sparse=5.0), found("c", sparse=9.0)]
    passages = retrieve("q", searcher=searcher(candidates))
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
    assert model.scored == [("q", ("text",))]


def test_a_reranker_and_its_digest_go_together() -> None:
    with pytest.raises(ValueError, match="go together"):
        searcher([], LearnedRanking(reranker="digest"))
    with pytest.raises(ValueError, match="go together"):
        searcher([], reranker=ScriptedReranker(lambda query, text: 0.0))


# --- a version as it was built --------------------------------------------------------------------------------------


def built(index: MemoryIndex, version: str, *texts: str) -> None:
    encoder = HashingEncoder()
    chunks = [chunk(f"{version}-{at}", text) for at, text in enumerate(texts)]
    vectors = encoder.encode_documents(texts)
    entries = [Entry(chunk=piece, vector=vector) for piece, vector in zip(chunks, vectors, strict=True)]
    index.build(VersionId(version), dimension=encoder.dimension, batches=[entries])


def test_a_searcher_finds_in_its_own_version_whatever_the_alias_names() -> None:
    index = MemoryIndex()
    built(index, "v1", "the old manual")
    built(index, "v2", "the new manual")
    index.move_live(VersionId("v2"), expected=None)
    searching = open_version(
        manifest("v1"), index=index, encoders=lambda settings: HashingEncoder(), rerankers=MemoryRerankers()
    )
    assert documents(retrieve("manual", searcher=searching)) == ["v1-0"]
    index.delete(VersionId("v1"))
    with pytest.raises(NotFound):
        retrieve("manual", searcher=searching)


def test_a_searcher_has_the_settings_that_its_version_was_built_with() -> None:
    shaped = settings(retrieval=Retrieval(candidates=7, passages=3), reranker=RerankerSettings(candidates=4))
    searching = open_version(
        manifest("v1", shaped=shaped),
        index=MemoryIndex(),
        encoders=lambda settings: HashingEncoder(),
        rerankers=MemoryRerankers(),
    )
    assert (searching.candidates, searching.shown, searching.reranked) == (7, 3, 4)


def test_a_version_whose_reranker_is_gone_cannot_be_opened() -> None:
    lost = manifest("v1", learned=LearnedRanking(fusion={RERANK: 1.0}, reranker="gone"))
    with pytest.raises(NotFound):
        open_version(lost, index=MemoryIndex(), encoders=lambda settings: HashingEncoder(), rerankers=MemoryRerankers())


@pytest.mark.parametrize(
    ("title", "headings", "titles", "expected"),
    [
        ("Guide", ("Install", "Linux"), True, "Guide > Install > Linux\ntext"),
        ("Guide", ("Guide", "Linux"), True, "Guide > Linux\ntext"),
        ("", (), True, "text"),
        ("Guide", ("Install",), False, "text"),
    ],
)
def test_a_chunk_is_embedded_under_its_title_and_headings(
    title: str, headings: tuple[str, ...], titles: bool, expected: str
) -> None:
    piece: Chunk = replace(chunk("guide", "text"), title=title, headings=headings)
    assert searched_text(piece, titles=titles) == expected


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
