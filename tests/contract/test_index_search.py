"""What `PassageIndex` promises of its search."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.index.qdrant_index import QdrantIndex
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Entry, PassageIndex, Vectors
from tests.contract.entries import (
    CORRECTED,
    ENCODER,
    ENTRIES,
    TEXTS,
    V1,
    V2,
    build,
    by_sparse,
    confirmed,
    correction,
    passage,
    search,
)

# The adapter makes payload indexes for the server; in-memory mode says that it needs none.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")


def test_dense_scores_are_cosines_and_bring_the_nearest_passages_in_order(index: PassageIndex) -> None:
    build(index)
    passages, _ = search(index, "remote control batteries")
    vector = ENCODER.encode_queries(["remote control batteries"])[0]
    cosines = {entry.chunk.chunk_id: float(entry.vector @ vector) for entry in ENTRIES if not entry.chunk.by_question}
    scores = [candidate.scores.dense for candidate in passages]
    assert all(score is not None for score in scores)
    assert {candidate.chunk.chunk_id: candidate.scores.dense for candidate in passages} == pytest.approx(
        cosines, abs=1e-3
    )
    assert scores == sorted(scores, key=lambda score: -(score or 0.0))


def test_question_scores_are_cosines_of_the_corrections_questions_in_order(index: PassageIndex) -> None:
    build(index)
    query = "what does the error E203 mean here"
    _, corrections = search(index, query)
    vector = ENCODER.encode_queries([query])[0]
    cosines = [float(ENCODER.encode_queries([CORRECTED[name]])[0] @ vector) for name in ("c2", "c1")]
    assert [candidate.chunk.document_id for candidate in corrections] == ["correction:c2", "correction:c1"]
    assert [candidate.scores.question for candidate in corrections] == pytest.approx(cosines, abs=1e-3)


def test_a_correction_says_what_share_of_its_questions_words_the_query_has(index: PassageIndex) -> None:
    """Dice's coefficient: twice the shared terms over the terms of both. Passages have no such score."""
    build(index, entries=[*ENTRIES, correction("spare", "drain green valve")])
    shares = {"drain green valve": 1.0, "drain blue valve": 2 / 3, "Drain! drain?": 0.5, "x": 0.0}
    for query, expected in shares.items():
        passages, corrections = search(index, query)
        [share] = [
            candidate.scores.words for candidate in corrections if candidate.chunk.document_id == "correction:spare"
        ]
        assert share == pytest.approx(expected), query
        assert {candidate.scores.words for candidate in passages} == {None}


def test_what_a_known_question_shares_with_a_query_is_told_of_any_question(index: PassageIndex) -> None:
    build(index)
    for query in ("how do I reset my pump", "pump", "what is this"):
        for found in search(index, query)[1]:
            assert found.chunk.question is not None
            assert index.shared_terms(query, found.chunk.question) == pytest.approx(found.scores.words)


def test_a_correction_is_found_by_its_question_alone_and_a_passage_never_by_a_question(index: PassageIndex) -> None:
    words = "unmistakable zygote"
    build(index, entries=[*ENTRIES, correction("c3", "Something else", answer=words), passage("p", words)])
    passages, corrections = search(index, words)
    assert {candidate.chunk.document_id for candidate in passages} == {*TEXTS, "p"}
    assert {candidate.chunk.document_id for candidate in corrections} == {
        f"correction:{name}" for name in (*CORRECTED, "c3")
    }
    assert by_sparse(passages) == ["p"]
    assert all(candidate.scores.question is None for candidate in passages)
    for candidate in corrections:
        assert (candidate.scores.dense, candidate.scores.sparse, candidate.scores.rerank) == (None, None, None)
        assert candidate.scores.question == pytest.approx(
            float(ENCODER.encode_queries([str(candidate.chunk.question)])[0] @ ENCODER.encode_queries([words])[0]),
            abs=1e-3,
        )


def test_a_confirmed_passage_is_found_by_its_question_and_the_passage_itself_by_its_text(index: PassageIndex) -> None:
    asked = "Why does the red light blink?"
    codes = passage("codes", TEXTS["codes"])
    build(index, entries=[*(passage(name, text) for name, text in TEXTS.items()), confirmed(codes, asked)])
    passages, [known] = search(index, asked)
    assert (known.chunk.chunk_id, known.chunk.text) == ("codes#0?i7", TEXTS["codes"])
    assert known.scores.question == pytest.approx(1.0, abs=1e-3)
    assert known.scores.words == pytest.approx(1.0)
    assert (known.scores.dense, known.scores.sparse) == (None, None)
    [itself] = [candidate for candidate in passages if candidate.chunk.document_id == "codes"]
    assert (itself.chunk, itself.scores.question, itself.scores.words) == (codes.chunk, None, None)
    assert itself.scores.dense == pytest.approx(float(codes.vector @ ENCODER.encode_queries([asked])[0]), abs=1e-3)


def test_known_questions_are_in_no_passages_way_and_change_no_passages_score(index: PassageIndex) -> None:
    """However many questions lead to a passage, it fills one place of the dense channel and one of BM25's."""
    codes = passage("codes", TEXTS["codes"])
    known = [confirmed(codes, f"E203 filter question {number}", by=f"i{number}") for number in range(5)]
    build(index, V1, ENTRIES)
    build(index, V2, [*ENTRIES, *known])
    for query in ("E203 means a clogged filter", "remote control batteries"):
        vector = ENCODER.encode_queries([query])[0]
        before, after = (
            [
                candidate
                for candidate in index.search(version, text=query, vector=vector, limit=3, groups=None)
                if not candidate.chunk.by_question
            ]
            for version in (V1, V2)
        )
        assert [candidate.chunk for candidate in after] == [candidate.chunk for candidate in before]
        for candidate, other in zip(before, after, strict=True):
            assert other.scores.dense == pytest.approx(candidate.scores.dense)
            assert other.scores.sparse == pytest.approx(candidate.scores.sparse)


def test_each_channel_brings_at_most_the_limit_and_the_union_has_each_chunk_once(index: PassageIndex) -> None:
    build(index)
    vector = ENCODER.encode_queries([TEXTS["remote"]])[0]
    passages = [
        candidate
        for candidate in index.search(V1, text="E203", vector=vector, limit=1, groups=None)
        if not candidate.chunk.by_question
    ]
    assert [candidate.chunk.document_id for candidate in passages] == ["remote", "codes"]
    assert (passages[0].scores.sparse, passages[1].scores.dense) == (None, None)
    both = index.search(V1, text="batteries", vector=vector, limit=1, groups=None)
    known = [candidate.chunk.chunk_id for candidate in both if candidate.chunk.by_question]
    assert [candidate.chunk.by_question for candidate in both] == [False, *(True for _ in known)]
    assert 1 <= len(set(known)) == len(known) <= 2  # by the question, and by question and answer together
    assert both[0].scores.dense is not None
    assert both[0].scores.sparse is not None


def test_passages_that_only_bm25_found_follow_by_their_bm25_score(index: PassageIndex) -> None:
    near = passage("near", "alpha beta gamma")
    far = [
        Entry(chunk=passage(f"far{n}", "delta " * n + "filler " * (9 - n)).chunk, vector=-near.vector) for n in (1, 3)
    ]
    build(index, entries=[*far, near])
    found = index.search(V1, text="delta", vector=near.vector, limit=2, groups=None)
    assert found[0].chunk.document_id == "near"
    assert [candidate.scores.dense is None for candidate in found] == [False, False, True]
    scores: dict[str, float] = {candidate.chunk.document_id: candidate.scores.sparse or 0.0 for candidate in found}
    assert scores["far3"] > scores["far1"] > 0.0


def test_a_passage_that_was_found_tells_how_near_the_nearest_of_its_sentences_is(index: PassageIndex) -> None:
    near, far = ENCODER.encode_documents(["The pump beeps", "Winter comes late"])
    told = passage("told", "Winter comes late. The pump beeps.")
    whole = passage("whole", "The clock is set")
    build(index, entries=[replace(told, sentences=np.stack([far, near])), whole])
    found = {
        found.chunk.document_id: found.scores
        for found in index.search(V1, text="clock", vector=near, limit=2, groups=None)
    }
    assert found["told"].sentence == pytest.approx(1.0, abs=1e-3)
    assert found["whole"].sentence == pytest.approx(float(whole.vector @ near), abs=1e-3)


def test_what_was_found_tells_how_near_its_tokens_are_to_those_of_the_query_on_average(
    index: PassageIndex,
) -> None:
    asked = ENCODER.encode_queries(["pump", "beeps"])
    entries = [
        replace(passage(name, text), tokens=ENCODER.encode_documents(text.split()))
        for name, text in (("all", "the pump beeps"), ("half", "the pump rests"))
    ]
    known = replace(
        correction("c1", "Why does the pump beep"), tokens=ENCODER.encode_documents(["the", "pump", "beeps"])
    )
    others = [known, correction("c2", "Why does it beep"), passage("none", "the pump")]
    index.build(V1, dimension=64, token_dimension=64, batches=[[*entries, *others]])
    found = index.search(V1, text="pump", vector=asked[0], limit=5, groups=None, tokens=asked)
    told = {candidate.chunk.document_id: candidate.scores.tokens for candidate in found}
    rest = float((asked[1] @ ENCODER.encode_documents(["the", "pump", "rests"]).T).max())
    assert told["all"] == pytest.approx(1.0, abs=2e-3)
    assert told["half"] == pytest.approx((1.0 + rest) / 2, abs=2e-3)
    assert told["correction:c1"] == pytest.approx(1.0, abs=2e-3)
    assert told["none"] is told["correction:c2"] is None


@pytest.mark.parametrize("tokens", [None, np.zeros((0, 64), dtype=np.float32)])
def test_tokens_tell_nothing_where_the_version_or_the_query_has_none(
    index: PassageIndex, tokens: Vectors | None
) -> None:
    build(index)
    vector = ENCODER.encode_queries(["pump"])[0]
    assert all(
        found.scores.tokens is None for found in index.search(V1, text="pump", vector=vector, limit=5, groups=None)
    )
    of_query = ENCODER.encode_queries(["pump"])
    found = index.search(V1, text="pump", vector=vector, limit=5, groups=None, tokens=of_query)
    assert all(candidate.scores.tokens is None for candidate in found)
    entry = replace(passage("pump", "the pump"), tokens=of_query)
    index.build(V2, dimension=64, token_dimension=64, batches=[[entry]])
    [alone] = index.search(V2, text="pump", vector=vector, limit=5, groups=None, tokens=tokens)
    assert alone.scores.tokens is None


def test_a_passage_that_no_channel_found_is_not_found_by_its_sentences(index: PassageIndex) -> None:
    [near] = ENCODER.encode_documents(["The pump beeps"])
    hidden = Entry(chunk=passage("hidden", "Nothing alike").chunk, vector=-near, sentences=np.stack([near]))
    build(index, entries=[hidden, passage("pump", "The pump beeps loudly")])
    assert [found.chunk.document_id for found in index.search(V1, text="pump", vector=near, limit=1, groups=None)] == [
        "pump"
    ]


def test_a_known_question_is_found_by_its_answer_too_and_tells_how_near_both_are(index: PassageIndex) -> None:
    by_question = correction("q", "The pump beeps", "Nothing alike")
    by_answer = correction("a", "Winter comes late", "The pump beeps loudly")
    far = correction("f", "Set the clock", "Before the first recording")
    build(index, entries=[by_question, by_answer, far, passage("x", "Some other text")])
    [near] = ENCODER.encode_queries(["The pump beeps"])
    found = index.search(V1, text="The pump beeps", vector=near, limit=1, groups=None)
    known = {found.chunk.document_id: found.scores for found in found if found.chunk.by_question}
    assert set(known) == {"correction:q", "correction:a"}
    for entry in (by_question, by_answer):
        scores, vector = known[entry.chunk.document_id], entry.question_vector
        assert vector is not None
        assert (scores.question, scores.answer) == (
            pytest.approx(float(vector @ near), abs=1e-3),
            pytest.approx(float(entry.vector @ near), abs=1e-3),
        )


@pytest.mark.parametrize(
    ("query", "name"),
    [("E203", "codes"), ("usb-c", "port"), ("USB C", "port"), ("1.5", "remote"), ("what about beeps?", "pump")],
)
def test_bm25_finds_an_exact_rare_word_a_code_and_a_number(index: PassageIndex, query: str, name: str) -> None:
    build(index)
    passages, _ = search(index, query)
    assert by_sparse(passages)[0] == name


def test_bm25_leaves_out_passages_without_a_word_of_the_query(index: PassageIndex) -> None:
    build(index)
    passages, _ = search(index, "clogged filter")
    assert by_sparse(passages) == ["codes"]
    assert all(candidate.scores.sparse is None for candidate in passages if candidate.chunk.document_id != "codes")


def test_bm25_weighs_a_word_by_its_count_its_rarity_and_the_length_of_the_passage(index: PassageIndex) -> None:
    texts = {
        "once": "kettle lamp lamp lamp",
        "twice": "kettle kettle lamp lamp",
        "long": "kettle " + "lamp " * 40,
        "rare": "toaster lamp lamp lamp",
    }
    build(index, entries=[passage(name, text) for name, text in texts.items()])
    assert by_sparse(search(index, "kettle")[0]) == ["twice", "once", "long"]
    scores: dict[str, float] = {
        candidate.chunk.document_id: candidate.scores.sparse or 0.0 for candidate in search(index, "kettle toaster")[0]
    }
    assert scores["rare"] > scores["once"]


def test_bm25_searches_title_and_headings_too(index: PassageIndex) -> None:
    build(index, entries=[*ENTRIES, passage("d", "Press play", title="Zeppelin manual", headings=("Gondola",))])
    for query in ("zeppelin", "gondola"):
        assert by_sparse(search(index, query)[0]) == ["d"]


@pytest.mark.parametrize("query", ["the", "???", "wordthatisnowhere"])
def test_a_query_that_gives_bm25_nothing_still_searches_by_vector(index: PassageIndex, query: str) -> None:
    build(index, entries=[passage("a", "alpha"), passage("b", "beta"), correction("c", "gamma")])
    passages, corrections = search(index, query)
    assert len(passages) == 2
    assert all(candidate.scores.dense is not None and candidate.scores.sparse is None for candidate in passages)
    assert len(corrections) == 1


def test_a_version_knows_nothing_of_another_one(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2, [passage("other", "zeppelin")])
    assert [candidate.chunk.document_id for candidate in search(index, "zeppelin", version=V2)[0]] == ["other"]
    assert by_sparse(search(index, "zeppelin", version=V1)[0]) == []


def test_a_version_that_does_not_exist_is_not_found(index: PassageIndex) -> None:
    build(index)
    with pytest.raises(NotFound, match=V2):
        search(index, "pump", version=V2)
    with pytest.raises(NotFound, match=V2):
        index.chunks(V2)


@pytest.fixture(params=["edge", "server"])
def searched_by_words(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PassageIndex]:
    index = EdgeIndex(tmp_path) if request.param == "edge" else QdrantIndex(QdrantClient(":memory:"), prefix="test")
    yield index
    index.close()


def test_a_version_in_two_languages_is_searched_by_the_words_of_both_and_the_likelier_comes_first(
    searched_by_words: PassageIndex,
) -> None:
    texts = {"de": "Die Lampen des Routers leuchten", "en": "The lights of the router are on"}
    entries = [passage(name, text) for name, text in texts.items()]
    entries = [replace(entry, chunk=replace(entry.chunk, language=entry.chunk.document_id)) for entry in entries]
    build(searched_by_words, entries=[*entries, passage("none", "alpha beta gamma delta")])

    def found(query: str, languages: Mapping[str, float]) -> list[str]:
        vector = ENCODER.encode_queries([query])[0]
        candidates = searched_by_words.search(V1, text=query, vector=vector, limit=3, groups=None, languages=languages)
        best = sorted(candidates, key=lambda candidate: -(candidate.scores.sparse or 0.0))
        return [candidate.chunk.document_id for candidate in best if candidate.scores.sparse]

    assert found("Lampe", {"de": 1.0, "en": 0.1})[0] == "de"
    assert found("Lampe", {"de": 0.1, "en": 1.0})[0] == "de", "a wrong guess loses no answer"
    assert found("Router", {"de": 1.0, "en": 0.1})[:2] == ["de", "en"]
    assert found("Router", {"de": 0.1, "en": 1.0})[0] == "en"


def test_edge_and_server_adapters_score_alike(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(60)]
    random = np.random.default_rng(7)
    entries = [
        passage(f"d{number}", " ".join(random.choice(words, size=int(random.integers(5, 60)))), title="Words running")
        for number in range(80)
    ]
    edge, server = EdgeIndex(tmp_path), QdrantIndex(QdrantClient(":memory:"), prefix="test")
    for index in (edge, server):
        build(index, entries=[*entries, *ENTRIES])
    for query in ("word3 word17", "the run of word5, word9 and word33", "reset"):
        found = [
            {
                candidate.chunk.chunk_id: (candidate.scores.dense, candidate.scores.sparse, candidate.scores.question)
                for candidate in some
            }
            for some in (
                index.search(V1, text=query, vector=ENCODER.encode_queries([query])[0], limit=100, groups=None)
                for index in (edge, server)
            )
        ]
        assert found[0].keys() == found[1].keys()
        for key, scores in found[0].items():
            assert scores == pytest.approx(found[1][key], abs=1e-3)
    edge.close()
    server.close()
