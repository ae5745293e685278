import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.answering.answerable import FEATURES, Rule, Weights
from rag_flywheel.answering.extractive import DOUBT, REFUSAL, Extractive
from rag_flywheel.answering.markup import read_markup
from rag_flywheel.answering.quoting import quotables
from rag_flywheel.domain import Confidence, Draft, Passage, Scores, Searched, Turn
from rag_flywheel.ports import Vectors
from tests.fakes.samples import found

ROLLBACK = (
    "A version that proves bad can be put back. Run `rag-flywheel rollback` to go back to the previous version. "
    "The alias moves in one step and no question fails meanwhile. Reports of old versions are kept for a year."
)
CANARY = (
    "A canary gets a small share of the traffic. Each person stays on one side, chosen by a salted hash. "
    "The verdict falls when enough answers were rated."
)
SETUP = """# Installing

The service needs Python 3.11. To install it from the sources:

1. Clone the repository.
2. Create a virtual environment.
3. Run `make setup`, which installs what is pinned.

Logs go to standard error. They hold no text of a question.
"""


class CountingEncoder:
    """The real encoder, keeping the texts that it was given."""

    def __init__(self, inner: SentenceEncoder) -> None:
        self.name = inner.name
        self.dimension = inner.dimension
        self.documents: list[str] = []
        self.calls = 0  # for documents
        self._inner = inner

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.documents.extend(texts)
        self.calls += 1
        return self._inner.encode_documents(texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._inner.encode_queries(texts)


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder("all-MiniLM-L6-v2", batch=32, query_prefix="", document_prefix="")


@pytest.fixture
def generator(encoder: SentenceEncoder) -> Extractive:
    return Extractive(encoder, minimum_similarity=0.4, sentences=3)


def ask(generator: Extractive, question: str, *passages: Passage) -> tuple[list[str], Draft]:
    *pieces, draft = generator.answer(question, passages)
    assert isinstance(draft, Draft)
    texts = [piece for piece in pieces if isinstance(piece, str)]
    assert len(texts) == len(pieces)
    return texts, draft


def sentences(text: str) -> list[str]:
    return [text[found.start : found.end] for found in quotables(read_markup(text))]


@pytest.mark.parametrize(
    ("question", "passages"),
    [
        ("How do I roll back to the previous version?", (found(CANARY), found(ROLLBACK, 2))),
        ("What is the capital of France?", (found(CANARY), found(ROLLBACK, 2))),
        ("How do I go back?", (found("Use the\n  undo button. It is [1] red. ", correction=True),)),
        ("How do I install it?", (found(SETUP),)),
        ("How do I install it?", ()),
    ],
    ids=["answer", "refusal", "correction", "procedure", "nothing found"],
)
def test_the_pieces_together_are_the_drafts_text(
    generator: Extractive, question: str, passages: tuple[Passage, ...]
) -> None:
    pieces, draft = ask(generator, question, *passages)
    assert "".join(pieces) == draft.text
    assert draft.text


def test_an_answer_quotes_the_sentence_that_answers_and_marks_it(generator: Extractive) -> None:
    _, draft = ask(generator, "How do I roll back to the previous version?", found(CANARY), found(ROLLBACK, 2))
    assert draft.answered
    assert "Run `rag-flywheel rollback` to go back to the previous version." in draft.text
    assert [f"[{citation.number}]" in draft.text for citation in draft.citations] == [True] * len(draft.citations)
    assert "document-2" in {citation.document_id for citation in draft.citations}


@pytest.mark.parametrize(
    "question", ["What is the capital of France?", "Who won the football match?", "Is milk healthy?"]
)
def test_a_question_about_something_else_is_refused(generator: Extractive, question: str) -> None:
    pieces, draft = ask(generator, question, found(CANARY), found(ROLLBACK, 2), found(SETUP, 3))
    assert (pieces, draft) == ([REFUSAL], Draft(text=REFUSAL, answered=False, citations=()))


def test_without_passages_it_refuses(generator: Extractive) -> None:
    assert ask(generator, "How do I roll back?")[1] == Draft(text=REFUSAL, answered=False, citations=())


def test_passages_far_from_the_question_count_against_an_answer(encoder: SentenceEncoder) -> None:
    """The passage's own cosine is averaged with the sentence's, so a stray sentence in a foreign text does not do."""
    generator = Extractive(encoder, minimum_similarity=0.4, sentences=3)
    question = "How do I roll back to the previous version?"
    assert ask(generator, question, found(ROLLBACK, dense=0.6))[1].answered
    assert not ask(generator, question, found(ROLLBACK, dense=-0.2))[1].answered


def weighing(encoder: SentenceEncoder, log_odds: float) -> Extractive:
    """It finds every question answerable by the same odds: below 0 it refuses, below 1 it doubts."""
    none = (0.0,) * len(FEATURES)
    weights = Weights(
        centre=none, spread=(1.0,) * len(FEATURES), weight=none, bias=log_odds, few=none, few_bias=log_odds,
        levels={0.05: 0.0, 0.15: 1.0}, conversation=0.0,
    )  # fmt: skip
    rule = Rule(weights=weights, refused=0.05, doubted=0.15)
    return Extractive(encoder, minimum_similarity=0.4, sentences=3, rule=rule)


def ask_by_odds(generator: Extractive, question: str, *passages: Passage) -> tuple[list[str], Draft]:
    *pieces, draft = generator.answer(question, passages, searched=Searched(ranking=passages))
    assert isinstance(draft, Draft)
    return [piece for piece in pieces if isinstance(piece, str)], draft


def test_a_doubtful_answer_says_so_and_shows_the_nearest_sentence_of_each_passage_citing_it_whole(
    encoder: SentenceEncoder,
) -> None:
    pieces, draft = ask_by_odds(
        weighing(encoder, 0.5), "How do I roll back to the previous version?", found(CANARY), found(ROLLBACK, 2)
    )
    assert (draft.answered, draft.confidence, draft.log_odds) == (True, Confidence.LOW, 0.5)
    first, second, third = draft.text.split("\n\n")
    assert first == DOUBT
    assert second == "Run `rag-flywheel rollback` to go back to the previous version. [1]"
    assert third.endswith("[2]")
    assert [citation.text for citation in draft.citations] == [ROLLBACK, CANARY]
    assert "".join(pieces) == draft.text


def test_the_whole_search_decides_where_it_is_known_and_a_likeness_where_it_is_not(encoder: SentenceEncoder) -> None:
    generator = weighing(encoder, -0.5)
    question = "How do I roll back to the previous version?"
    _, draft = ask_by_odds(generator, question, found(ROLLBACK))
    assert draft == Draft(text=REFUSAL, answered=False, citations=(), log_odds=-0.5)
    assert ask(generator, question, found(ROLLBACK))[1].answered


def test_what_somebody_confirmed_or_corrected_is_never_doubted(encoder: SentenceEncoder) -> None:
    generator = weighing(encoder, -9.0)
    confirmed = replace(found(ROLLBACK), scores=Scores(question=0.95))
    assert ask_by_odds(generator, "Roll back?", confirmed)[1].confidence is Confidence.HIGH
    corrected = found("Press undo.", correction=True)
    assert ask_by_odds(generator, "Roll back?", corrected)[1].confidence is Confidence.HIGH


def test_a_citation_is_the_span_of_the_document_that_was_quoted(generator: Extractive) -> None:
    document = "x" * 70 + ROLLBACK
    _, draft = ask(generator, "How do I roll back to the previous version?", found(ROLLBACK, start=70))
    for citation in draft.citations:
        assert document[citation.start : citation.end] == citation.text
        assert f"{citation.text} [{citation.number}]" in draft.text


def test_a_passage_with_a_hidden_part_is_cited_whole(generator: Extractive) -> None:
    shortened = found(ROLLBACK, start=30, hidden=25)
    _, draft = ask(generator, "How do I roll back to the previous version?", shortened)
    assert {(c.start, c.end) for c in draft.citations} == {(30, 30 + len(ROLLBACK) + 25)}
    assert all(citation.text in ROLLBACK for citation in draft.citations)


def test_a_correction_that_ranks_first_is_given_as_written(generator: Extractive) -> None:
    text = "  Press undo.\n\n* Then *wait*. "
    pieces, draft = ask(generator, "How do I go back?", found(text, correction=True), found(ROLLBACK, 2))
    assert pieces == [text]
    assert draft.text == text
    [citation] = draft.citations
    assert (citation.number, citation.document_id, citation.text) == (1, "document-1", text)
    assert (citation.start, citation.end) == (0, len(text))


def test_a_correction_further_down_is_quoted_like_any_passage(generator: Extractive) -> None:
    text = "Run `rag-flywheel rollback --to VERSION` to go back to any previous version."
    _, draft = ask(
        generator, "How do I roll back to a previous version?", found(CANARY), found(text, 2, correction=True)
    )
    assert f"{text} [" in draft.text


def test_the_steps_of_a_procedure_come_together_and_in_order(generator: Extractive) -> None:
    _, draft = ask(generator, "How do I install the service from the sources?", found(SETUP))
    steps = SETUP[SETUP.index("To install") : SETUP.index("Logs go")].rstrip()
    assert steps in draft.text


def test_no_more_sentences_than_asked_for(encoder: SentenceEncoder) -> None:
    generator = Extractive(encoder, minimum_similarity=0.0, sentences=2)
    pieces, draft = ask(generator, "How do I roll back to the previous version?", found(ROLLBACK), found(CANARY, 2))
    assert len(pieces) == 2
    assert sum(len(sentences(citation.text)) for citation in draft.citations) == 2


def test_a_sentence_that_two_passages_share_is_quoted_once(generator: Extractive) -> None:
    _, draft = ask(generator, "How do I roll back to the previous version?", found(ROLLBACK), found(ROLLBACK, 2))
    assert draft.text.count("Run `rag-flywheel rollback`") == 1


def test_a_heading_is_no_answer(generator: Extractive) -> None:
    text = "# How do I roll back to the previous version\n\nRun `rag-flywheel rollback`; the alias moves back."
    _, draft = ask(generator, "How do I roll back to the previous version?", found(text, dense=0.8))
    assert draft.text == "Run `rag-flywheel rollback`; the alias moves back. [1]"


def test_a_sentence_is_weighed_below_its_nearest_heading(encoder: SentenceEncoder) -> None:
    """Manuals say "run `make setup`" below "Installing": the heading carries what the question asks for."""
    generator = Extractive(encoder, minimum_similarity=0.4, sentences=1)
    check, setup = found("Run `make check` in the folder."), found("Run `make setup` in the folder.", 2)
    check = replace(check, chunk=replace(check.chunk, headings=("Installing", "Testing")))
    setup = replace(setup, chunk=replace(setup.chunk, headings=("Quickstart", "Installing")))
    assert ask(generator, "How do I install the program?", check, setup)[1].text == f"{setup.chunk.text} [1]"


def test_a_marker_leaves_a_code_block_whole(generator: Extractive) -> None:
    text = "To roll back to the previous version, run:\n\n```sh\nrag-flywheel rollback\n```"
    _, draft = ask(generator, "How do I roll back to the previous version?", found(text))
    assert draft.text == f"{text}\n[1]"


def test_known_sentences_are_not_embedded_again(encoder: SentenceEncoder) -> None:
    counting = CountingEncoder(encoder)
    generator = Extractive(counting, minimum_similarity=0.4, sentences=3)
    first = ask(generator, "How do I roll back to the previous version?", found(ROLLBACK))
    embedded = list(counting.documents)
    assert ask(generator, "How do I roll back to the previous version?", found(ROLLBACK)) == first
    assert sorted(embedded) == sorted(f"Title 1\n{sentence}" for sentence in sentences(ROLLBACK))
    assert counting.documents == embedded


def test_what_is_prepared_is_embedded_in_one_call_and_answers_the_same(encoder: SentenceEncoder) -> None:
    question = "How do I roll back to the previous version?"
    searched = [(found(ROLLBACK), found(CANARY, 2)), (), (found("Use the undo button.", correction=True),)]
    expected = [ask(Extractive(encoder, minimum_similarity=0.4, sentences=3), question, *some) for some in searched]
    counting = CountingEncoder(encoder)
    generator = Extractive(counting, minimum_similarity=0.4, sentences=3)
    generator.prepare(searched)
    assert len(counting.documents) == len(sentences(ROLLBACK)) + len(sentences(CANARY))
    assert [ask(generator, question, *some) for some in searched] == expected
    assert counting.calls == 1


def test_a_passage_far_behind_the_best_is_not_read_unless_it_ranks_first(encoder: SentenceEncoder) -> None:
    counting = CountingEncoder(encoder)
    generator = Extractive(counting, minimum_similarity=0.1, sentences=3)
    passages = [
        found("First of all.", 1, dense=0.3),
        found("Nearest by its vector.", 2, dense=0.6),
        found("Near enough to be read.", 3, dense=0.46),
        found("Too far to be read.", 4, dense=0.44),
        found("Found by its words.", 5),
    ]
    ask(generator, "Which are read?", *passages)
    assert {text.split("\n")[1] for text in counting.documents} == {
        "First of all.",
        "Nearest by its vector.",
        "Near enough to be read.",
        "Found by its words.",
    }


def test_many_threads_get_the_answers_that_one_gets(encoder: SentenceEncoder) -> None:
    asked = [
        ("How do I roll back to the previous version?", found(ROLLBACK)),
        ("Who gets the canary?", found(CANARY)),
        ("How do I install it from the sources?", found(SETUP)),
    ] * 4
    alone = Extractive(encoder, minimum_similarity=0.2, sentences=3)
    expected = [ask(alone, question, found) for question, found in asked]
    shared = Extractive(encoder, minimum_similarity=0.2, sentences=3)
    got: dict[int, tuple[list[str], Draft]] = {}

    def ask_shared(number: int) -> None:
        got[number] = ask(shared, *asked[number])

    threads = [threading.Thread(target=ask_shared, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[number] for number in range(len(asked))] == expected


def test_a_follow_up_becomes_a_standalone_query(generator: Extractive) -> None:
    history = [Turn(role="user", text="What is a canary release?"), Turn(role="assistant", text="A small share.")]
    assert generator.rewrite("Who gets it?", history) == "Who gets it? (canary release)"


def test_an_answer_of_no_sentences_is_refused_at_construction(encoder: SentenceEncoder) -> None:
    with pytest.raises(ValueError, match="at least 1 sentence"):
        Extractive(encoder, minimum_similarity=0.4, sentences=0)
