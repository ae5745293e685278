"""The passage index's contract, on the fake, Qdrant Edge, and a Qdrant server (QDRANT_URL) or a stand-in for one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.index.qdrant_index import QdrantIndex, connect
from rag_flywheel.domain import (
    Candidate,
    Chunk,
    ChunkId,
    CorrectionId,
    DocumentId,
    Evidence,
    FeedbackId,
    InteractionId,
    Provenance,
    VersionId,
)
from rag_flywheel.errors import AliasMoved, NotFound, VersionInUse
from rag_flywheel.ports import Entry, PassageIndex
from tests.fakes.encoder import HashingEncoder
from tests.fakes.index import MemoryIndex
from tests.qdrant import KEY

# The adapter makes payload indexes for the server; in-memory mode says that it needs none.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")

V1, V2, V3 = (VersionId(f"v20261124T06150{n}-ab12c{n}") for n in (1, 2, 3))
ENCODER = HashingEncoder(64)
TEXTS = {
    "pump": "Hold the reset button for five seconds until the pump beeps",
    "port": "The USB-C port charges the remote control",
    "codes": "Error E203 means that the filter is clogged",
    "clock": "Set the clock before the first recording",
    "remote": "The remote control needs two batteries of 1.5 volts",
}
CORRECTED = {"c1": "How do I reset the pump", "c2": "What does error E203 mean"}
Place = Callable[[], PassageIndex]


def passage(name: str, text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> Entry:
    chunk = Chunk(
        chunk_id=ChunkId(f"{name}#0"),
        document_id=DocumentId(name),
        title=title,
        headings=headings,
        text=text,
        start=0,
        end=len(text),
        source=f"{name}.md",
    )
    return Entry(chunk=chunk, vector=ENCODER.encode_documents([text])[0])


def correction(name: str, question: str, answer: str = "Do it twice") -> Entry:
    provenance = Provenance(
        correction_id=CorrectionId(name),
        interaction_id=InteractionId("i1"),
        feedback_ids=(FeedbackId("f1"), FeedbackId("f2")),
        reviewer="grace",
        reviewed=datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC),
        supersedes=(Evidence(document_id=DocumentId("pump"), start=3, end=9),),
    )
    chunk = Chunk(
        chunk_id=ChunkId(f"correction:{name}#0"),
        document_id=DocumentId(f"correction:{name}"),
        title=question,
        headings=(),
        text=answer,
        start=0,
        end=len(answer),
        source="correction",
        question=question,
        provenance=provenance,
    )
    return Entry(
        chunk=chunk,
        vector=ENCODER.encode_documents([answer])[0],
        question_vector=ENCODER.encode_queries([question])[0],
    )


def confirmed(answer: Entry, question: str, *, by: str = "i7") -> Entry:
    name = ChunkId(f"{answer.chunk.chunk_id}?{by}")
    chunk = replace(answer.chunk, chunk_id=name, question=question, confirmed=InteractionId(by))
    return Entry(chunk=chunk, vector=answer.vector, question_vector=ENCODER.encode_queries([question])[0])


ENTRIES = [
    *(passage(name, text) for name, text in TEXTS.items()),
    *(correction(name, question) for name, question in CORRECTED.items()),
]


@pytest.fixture(params=["memory", "edge", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Opens an index over one storage, as often as it is called."""
    if request.param == "memory":
        memory = MemoryIndex()
        yield lambda: memory
    elif request.param == "edge":
        yield lambda: EdgeIndex(tmp_path / "index")
    else:
        url, prefix = request.getfixturevalue("qdrant_url"), request.getfixturevalue("qdrant_prefix")
        yield lambda: connect(url, api_key=KEY, timeout=30, prefix=prefix)


@pytest.fixture
def index(place: Place) -> Iterator[PassageIndex]:
    opened = place()
    yield opened
    opened.close()


def build(index: PassageIndex, version: VersionId = V1, entries: Sequence[Entry] = ENTRIES) -> int:
    return index.build(version, dimension=64, batches=[entries[:3], entries[3:]])


def search(
    index: PassageIndex, query: str, *, version: VersionId = V1, limit: int = 10
) -> tuple[list[Candidate], list[Candidate]]:
    """The passages and the known questions of what was found."""
    found = index.search(version, text=query, vector=ENCODER.encode_queries([query])[0], limit=limit)
    kinds = [one.chunk.by_question for one in found]
    assert kinds == sorted(kinds), "passages come before known questions"
    return [one for one in found if not one.chunk.by_question], [one for one in found if one.chunk.by_question]


def by_sparse(passages: Sequence[Candidate]) -> list[str]:
    scored = [(one.scores.sparse, one.chunk.document_id) for one in passages if one.scores.sparse is not None]
    return [name for _, name in sorted(scored, reverse=True)]


# --- building -------------------------------------------------------------------------------------------------------


def test_a_build_returns_the_number_of_its_entries_and_is_listed(index: PassageIndex) -> None:
    assert index.versions() == []
    assert build(index) == len(ENTRIES)
    assert index.versions() == [V1]


def test_versions_are_listed_by_name(index: PassageIndex) -> None:
    for version in (V2, V3, V1):
        build(index, version)
    assert index.versions() == [V1, V2, V3]


def test_chunks_come_back_equal_with_their_headings_and_provenance(index: PassageIndex) -> None:
    odd = passage("été/§ 1 «ü».md?x=1#y", 'Zeile\n\t\u00a0\u2028日本語 🎛 "quoted"', title="T", headings=("a", "b/c"))
    build(index, entries=[*ENTRIES, odd])
    expected = {entry.chunk.chunk_id: entry.chunk for entry in [*ENTRIES, odd]}
    assert {chunk.chunk_id: chunk for chunk in index.chunks(V1)} == expected
    passages, corrections = search(index, "quoted pump", limit=20)
    for one in [*passages, *corrections]:
        assert one.chunk == expected[one.chunk.chunk_id]


def test_a_known_question_comes_back_equal_with_whose_answer_was_confirmed(index: PassageIndex) -> None:
    pump, fixed = ENTRIES[0], ENTRIES[-1]
    known = [confirmed(pump, "Why does it not start?"), confirmed(fixed, "What is E203?", by="i8")]
    build(index, entries=[*ENTRIES, *known])
    expected = {entry.chunk.chunk_id: entry.chunk for entry in [*ENTRIES, *known]}
    assert {chunk.chunk_id: chunk for chunk in index.chunks(V1)} == expected
    _, found = search(index, "Why does it not start?")
    assert {one.chunk.chunk_id: one.chunk for one in found} == {
        name: chunk for name, chunk in expected.items() if chunk.question is not None
    }
    assert {one.chunk.confirmed for one in found} == {None, "i7", "i8"}


def test_every_chunk_of_a_version_larger_than_a_page_comes_back_once(index: PassageIndex) -> None:
    build(index, entries=[passage(f"d{number}", f"word{number}") for number in range(700)])
    assert sorted(chunk.document_id for chunk in index.chunks(V1)) == sorted(f"d{number}" for number in range(700))


def test_a_version_may_be_empty(index: PassageIndex) -> None:
    assert index.build(V1, dimension=64, batches=[]) == 0
    assert index.versions() == [V1]
    assert search(index, "anything") == ([], [])
    assert list(index.chunks(V1)) == []


def test_a_version_may_hold_corrections_alone(index: PassageIndex) -> None:
    build(index, entries=[correction("c1", "How do I reset it")])
    passages, corrections = search(index, "How do I reset it")
    assert (len(passages), len(corrections)) == (0, 1)


def test_a_version_that_exists_is_not_built_again(index: PassageIndex) -> None:
    build(index)
    with pytest.raises(ValueError, match=V1):
        build(index, entries=ENTRIES[:1])
    assert len(list(index.chunks(V1))) == len(ENTRIES)


@pytest.mark.parametrize("name", ["", "../v1", "a/b", "v 1", "v1\n", "vé"])
def test_a_name_that_could_leave_its_folder_names_no_version(index: PassageIndex, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        build(index, VersionId(name))
    with pytest.raises(NotFound):
        search(index, "pump", version=VersionId(name))
    index.delete(VersionId(name))
    assert index.versions() == []


def test_a_build_whose_batches_fail_is_not_listed_and_is_discarded(index: PassageIndex) -> None:
    def batches() -> Iterator[list[Entry]]:
        yield ENTRIES[:3]
        raise RuntimeError("the source went away")

    build(index, V1)
    with pytest.raises(RuntimeError, match="the source went away"):
        index.build(V2, dimension=64, batches=batches())
    assert index.versions() == [V1]
    with pytest.raises(NotFound):
        search(index, "pump", version=V2)
    with pytest.raises(NotFound):
        index.move_live(V2, expected=None)
    left = index.discard_partial()
    assert len(left) == 1
    assert V2 in left[0]
    assert index.discard_partial() == []
    assert index.versions() == [V1]
    assert build(index, V2) == len(ENTRIES)


def test_a_vector_of_another_size_is_refused_and_nothing_is_listed(index: PassageIndex) -> None:
    with pytest.raises(ValueError, match="vector"):
        index.build(V1, dimension=32, batches=[ENTRIES])
    assert index.versions() == []


def test_two_entries_with_one_chunk_id_are_refused_and_nothing_is_listed(index: PassageIndex) -> None:
    with pytest.raises(ValueError, match="chunk ids must differ"):
        build(index, entries=[*ENTRIES, ENTRIES[0]])
    assert index.versions() == []


# --- searching ------------------------------------------------------------------------------------------------------


def test_dense_scores_are_cosines_and_bring_the_nearest_passages_in_order(index: PassageIndex) -> None:
    build(index)
    passages, _ = search(index, "remote control batteries")
    vector = ENCODER.encode_queries(["remote control batteries"])[0]
    cosines = {one.chunk.chunk_id: float(one.vector @ vector) for one in ENTRIES if not one.chunk.by_question}
    scores = [one.scores.dense for one in passages]
    assert all(score is not None for score in scores)
    assert {one.chunk.chunk_id: one.scores.dense for one in passages} == pytest.approx(cosines, abs=1e-3)
    assert scores == sorted(scores, key=lambda score: -(score or 0.0))


def test_question_scores_are_cosines_of_the_corrections_questions_in_order(index: PassageIndex) -> None:
    build(index)
    query = "what does the error E203 mean here"
    _, corrections = search(index, query)
    vector = ENCODER.encode_queries([query])[0]
    cosines = [float(ENCODER.encode_queries([CORRECTED[name]])[0] @ vector) for name in ("c2", "c1")]
    assert [one.chunk.document_id for one in corrections] == ["correction:c2", "correction:c1"]
    assert [one.scores.question for one in corrections] == pytest.approx(cosines, abs=1e-3)


def test_a_correction_says_what_share_of_its_questions_words_the_query_has(index: PassageIndex) -> None:
    """Dice's coefficient: twice the shared terms over the terms of both. Passages have no such score."""
    build(index, entries=[*ENTRIES, correction("spare", "drain green valve")])
    shares = {"drain green valve": 1.0, "drain blue valve": 2 / 3, "Drain! drain?": 0.5, "x": 0.0}
    for query, expected in shares.items():
        passages, corrections = search(index, query)
        [share] = [one.scores.words for one in corrections if one.chunk.document_id == "correction:spare"]
        assert share == pytest.approx(expected), query
        assert {one.scores.words for one in passages} == {None}


def test_a_correction_is_found_by_its_question_alone_and_a_passage_never_by_a_question(index: PassageIndex) -> None:
    words = "unmistakable zygote"
    build(index, entries=[*ENTRIES, correction("c3", "Something else", answer=words), passage("p", words)])
    passages, corrections = search(index, words)
    assert {one.chunk.document_id for one in passages} == {*TEXTS, "p"}
    assert {one.chunk.document_id for one in corrections} == {f"correction:{name}" for name in (*CORRECTED, "c3")}
    assert by_sparse(passages) == ["p"]
    assert all(one.scores.question is None for one in passages)
    for one in corrections:
        assert (one.scores.dense, one.scores.sparse, one.scores.rerank) == (None, None, None)
        assert one.scores.question == pytest.approx(
            float(ENCODER.encode_queries([str(one.chunk.question)])[0] @ ENCODER.encode_queries([words])[0]), abs=1e-3
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
    [itself] = [one for one in passages if one.chunk.document_id == "codes"]
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
            [one for one in index.search(version, text=query, vector=vector, limit=3) if not one.chunk.by_question]
            for version in (V1, V2)
        )
        assert [one.chunk for one in after] == [one.chunk for one in before]
        for one, other in zip(before, after, strict=True):
            assert other.scores.dense == pytest.approx(one.scores.dense)
            assert other.scores.sparse == pytest.approx(one.scores.sparse)


def test_each_channel_brings_at_most_the_limit_and_the_union_has_each_chunk_once(index: PassageIndex) -> None:
    build(index)
    vector = ENCODER.encode_queries([TEXTS["remote"]])[0]
    passages = [one for one in index.search(V1, text="E203", vector=vector, limit=1) if not one.chunk.by_question]
    assert [one.chunk.document_id for one in passages] == ["remote", "codes"]
    assert (passages[0].scores.sparse, passages[1].scores.dense) == (None, None)
    both = index.search(V1, text="batteries", vector=vector, limit=1)
    assert [one.chunk.by_question for one in both] == [False, True]
    assert both[0].scores.dense is not None
    assert both[0].scores.sparse is not None


def test_passages_that_only_bm25_found_follow_by_their_bm25_score(index: PassageIndex) -> None:
    near = passage("near", "alpha beta gamma")
    far = [
        Entry(chunk=passage(f"far{n}", "delta " * n + "filler " * (9 - n)).chunk, vector=-near.vector) for n in (1, 3)
    ]
    build(index, entries=[*far, near])
    found = index.search(V1, text="delta", vector=near.vector, limit=2)
    assert found[0].chunk.document_id == "near"
    assert [one.scores.dense is None for one in found] == [False, False, True]
    scores: dict[str, float] = {one.chunk.document_id: one.scores.sparse or 0.0 for one in found}
    assert scores["far3"] > scores["far1"] > 0.0


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
    assert all(one.scores.sparse is None for one in passages if one.chunk.document_id != "codes")


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
        one.chunk.document_id: one.scores.sparse or 0.0 for one in search(index, "kettle toaster")[0]
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
    assert all(one.scores.dense is not None and one.scores.sparse is None for one in passages)
    assert len(corrections) == 1


def test_a_version_knows_nothing_of_another_one(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2, [passage("other", "zeppelin")])
    assert [one.chunk.document_id for one in search(index, "zeppelin", version=V2)[0]] == ["other"]
    assert by_sparse(search(index, "zeppelin", version=V1)[0]) == []


def test_a_version_that_does_not_exist_is_not_found(index: PassageIndex) -> None:
    build(index)
    with pytest.raises(NotFound, match=V2):
        search(index, "pump", version=V2)
    with pytest.raises(NotFound, match=V2):
        index.chunks(V2)


# --- the alias ------------------------------------------------------------------------------------------------------


def test_the_alias_names_nothing_at_first_and_then_what_it_was_moved_to(index: PassageIndex) -> None:
    assert index.live() is None
    build(index, V1)
    build(index, V2)
    assert index.live() is None
    index.move_live(V1, expected=None)
    assert index.live() == V1
    index.move_live(V2, expected=V1)
    assert index.live() == V2
    index.move_live(V1, expected=V2)
    index.move_live(V1, expected=V1)
    assert index.live() == V1


def test_the_alias_stays_where_it_is_unless_it_names_what_was_expected(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2)
    with pytest.raises(AliasMoved):
        index.move_live(V1, expected=V2)
    assert index.live() is None
    index.move_live(V1, expected=None)
    for expected in (None, V2, V3):
        with pytest.raises(AliasMoved):
            index.move_live(V2, expected=expected)
    assert index.live() == V1


def test_the_alias_cannot_name_a_version_that_does_not_exist(index: PassageIndex) -> None:
    build(index, V1)
    index.move_live(V1, expected=None)
    with pytest.raises(NotFound, match=V2):
        index.move_live(V2, expected=V1)
    assert index.live() == V1


def test_versions_and_alias_survive_closing_and_opening_again(place: Place) -> None:
    first = place()
    build(first, V1)
    build(first, V2)
    first.move_live(V2, expected=None)
    first.close()
    second = place()
    assert second.versions() == [V1, V2]
    assert second.live() == V2
    assert by_sparse(search(second, "clogged", version=V2)[0]) == ["codes"]
    second.close()


# --- deleting -------------------------------------------------------------------------------------------------------


def test_a_deleted_version_is_gone_and_may_be_deleted_again(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2)
    search(index, "pump")
    index.delete(V1)
    index.delete(V1)
    index.delete(V3)
    assert index.versions() == [V2]
    with pytest.raises(NotFound):
        search(index, "pump")
    with pytest.raises(NotFound):
        index.chunks(V1)
    assert search(index, "pump", version=V2)[0]
    assert index.discard_partial() == []


def test_the_live_version_cannot_be_deleted_until_the_alias_has_moved(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2)
    index.move_live(V1, expected=None)
    with pytest.raises(VersionInUse, match=V1):
        index.delete(V1)
    assert index.versions() == [V1, V2]
    assert search(index, "pump")[0]
    index.move_live(V2, expected=V1)
    index.delete(V1)
    assert index.versions() == [V2]


# --- one ranking whatever the store ---------------------------------------------------------------------------------


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
            {one.chunk.chunk_id: (one.scores.dense, one.scores.sparse, one.scores.question) for one in some}
            for some in (
                index.search(V1, text=query, vector=ENCODER.encode_queries([query])[0], limit=100)
                for index in (edge, server)
            )
        ]
        assert found[0].keys() == found[1].keys()
        for key, scores in found[0].items():
            assert scores == pytest.approx(found[1][key], abs=1e-3)
    edge.close()
    server.close()
