"""A language model behind a server: what it is told, and what is made of what it says."""

import re

import pytest

from rag_flywheel.adapters.models.prompt import REFUSAL
from rag_flywheel.adapters.models.refusal import TOKEN
from rag_flywheel.domain import (
    Draft,
    Turn,
)
from rag_flywheel.errors import ConfigError, InvalidInput, LanguageModelUnavailable
from tests.fakes.openai_server import Fail, OpenAIServer
from tests.unit.adapters.language_models import HISTORY, KEY, PASSAGES, QUESTION, Models, ask, passage

# --- answers and citations ------------------------------------------------------------------------------------------


def test_the_models_words_are_streamed_and_together_are_the_draft(models: Models) -> None:
    with OpenAIServer(reply="\n Move the alias back [1].\nIt is quick. ") as server:
        pieces, draft = ask(models(server.url))
    assert len(pieces) > 3
    assert "".join(pieces) == draft.text == "Move the alias back [1].\nIt is quick. "
    assert draft.answered


def test_markers_become_citations_in_order_of_mention_and_unknown_ones_are_passed_over(models: Models) -> None:
    with OpenAIServer(reply="First [3], then [1, 2] and [3] again, not [9], [0] or [x].") as server:
        _, draft = ask(models(server.url))
    assert [citation.number for citation in draft.citations] == [3, 1, 2]
    first = draft.citations[1]
    assert (first.document_id, first.title, first.text) == ("document-1", "Title 1", PASSAGES[0].chunk.text)
    assert (first.start, first.end, first.score) == (100, 100 + len(first.text), 1.0)


def test_an_answer_without_markers_cites_nothing(models: Models) -> None:
    with OpenAIServer(reply="Just move it back.") as server:
        _, draft = ask(models(server.url))
    assert (draft.answered, draft.citations) == (True, ())


@pytest.mark.parametrize("said", [TOKEN, f"**{TOKEN}**", f"{TOKEN}. The passages are about cats [1]."])
def test_the_agreed_word_is_a_refusal_in_our_words(models: Models, said: str) -> None:
    with OpenAIServer(reply=said) as server:
        pieces, draft = ask(models(server.url))
    assert (pieces, draft) == ([REFUSAL], Draft(text=REFUSAL, answered=False, citations=()))


def test_a_refusal_after_words_that_cite_nothing_is_told_below_them(models: Models) -> None:
    with OpenAIServer(reply=f"I am sorry. {TOKEN}") as server:
        pieces, draft = ask(models(server.url))
    assert draft == Draft(text=f"I am sorry.\n\n{REFUSAL}", answered=False, citations=())
    assert "".join(pieces) == draft.text


def test_a_refusal_after_a_cited_sentence_ends_an_answer(models: Models) -> None:
    with OpenAIServer(reply=f"Move the alias back [1].\n{TOKEN}") as server:
        _, draft = ask(models(server.url))
    assert (draft.text, draft.answered) == ("Move the alias back [1].", True)


def test_a_refusal_in_the_models_own_words_is_not_guessed_at(models: Models) -> None:
    with OpenAIServer(reply="I do not know.") as server:
        assert ask(models(server.url))[1].answered


def test_without_passages_the_model_is_not_asked(models: Models) -> None:
    with OpenAIServer() as server:
        pieces, draft = ask(models(server.url), ())
        assert server.requests == []
    assert (pieces, draft) == ([REFUSAL], Draft(text=REFUSAL, answered=False, citations=()))


def test_the_generator_is_named_after_its_model(models: Models) -> None:
    assert models("http://127.0.0.1:9/v1", model="tiny").name == "openai_like:tiny"


# --- what the model is told -----------------------------------------------------------------------------------------


def test_passages_are_numbered_and_the_settings_are_sent(models: Models) -> None:
    with OpenAIServer() as server:
        ask(models(server.url))
        [received] = server.requests
    body = received.body
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == ("test-model", 256, 0.0, True)
    system, user = (message["content"] for message in body["messages"])
    [mark] = re.findall(r"begins with (\S+) is quoted", system)
    for number, known in enumerate(PASSAGES, start=1):
        assert f"Passage {number}:\n{mark} Title: Title {number} > Part\n{mark} {known.chunk.text}\n" in user
    assert f"The question:\n{mark} {QUESTION}\n" in user
    assert f"reply with the one word {TOKEN} and nothing else" in system


def test_a_reviewed_correction_is_marked_as_one(models: Models) -> None:
    with OpenAIServer() as server:
        ask(models(server.url), (passage("Press undo.", correction=True), *PASSAGES[1:]))
        [received] = server.requests
    lines = received.body["messages"][-1]["content"].splitlines()
    assert lines[0] == "Passage 1, a reviewed correction:"
    assert lines[2].endswith(" Answers the question: How to go back?")
    assert received.prompt.count(", a reviewed correction:") == 1


@pytest.mark.parametrize(("key", "sent"), [(KEY, f"Bearer {KEY}"), ("", "Bearer none")])
def test_the_key_is_the_one_given_whatever_the_environment_holds(
    models: Models, monkeypatch: pytest.MonkeyPatch, key: str, sent: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    with OpenAIServer() as server:
        ask(models(server.url, api_key=key))
        assert server.requests[0].headers["authorization"] == sent


def test_passages_that_do_not_fit_are_dropped_from_the_end(models: Models) -> None:
    long = tuple(passage(f"Passage {rank}. " + "word " * 200, rank) for rank in range(1, 9))
    with OpenAIServer(reply="All of it [1][8].") as server:
        _, draft = ask(models(server.url, context_window=1024), long)
        [received] = server.requests
    told = [rank for rank in range(1, 9) if f"Passage {rank}." in received.prompt]
    assert told == list(range(1, len(told) + 1))
    assert 1 <= len(told) < 8
    assert QUESTION in received.prompt
    assert [citation.number for citation in draft.citations] == [1], "a passage the model never saw is not cited"


def test_a_passage_that_is_too_long_is_cut_and_leaves_the_others_their_room(models: Models) -> None:
    with OpenAIServer() as server:
        ask(models(server.url, context_window=1280), (passage("начало " + "слово " * 3000), *PASSAGES[1:]))
        [received] = server.requests
    assert "начало слово" in received.prompt
    assert len(received.prompt.encode()) / 3 < 1280
    assert all(known.chunk.text in received.prompt for known in PASSAGES[1:])


def test_a_question_that_fills_the_window_is_refused_without_its_text(models: Models) -> None:
    with OpenAIServer() as server, pytest.raises(InvalidInput, match=r"generator\.context_window") as caught:
        ask(models(server.url, context_window=1024), question="secret " * 2000)
    assert "secret" not in str(caught.value)


def test_a_window_without_room_is_a_mistake_in_the_configuration(models: Models) -> None:
    with pytest.raises(ConfigError, match=r"generator\.context_window"):
        models("http://127.0.0.1:9/v1", context_window=512, max_tokens=500)


# --- rewriting ------------------------------------------------------------------------------------------------------


def test_a_follow_up_is_rewritten_by_the_model(models: Models) -> None:
    with OpenAIServer(reply='\n"How do I roll back a canary?"\nBecause it says so.') as server:
        assert models(server.url).rewrite(QUESTION, HISTORY) == "How do I roll back a canary?"
        [received] = server.requests
    said = re.sub(r"^[A-Z]{8} ", "", received.body["messages"][-1]["content"], flags=re.MULTILINE)
    assert said.startswith("The user said:\nWhat is a canary?\nThe assistant said:\nA share of the traffic.\n")


def test_without_history_the_question_is_the_query(models: Models) -> None:
    with OpenAIServer() as server:
        assert models(server.url).rewrite(QUESTION, ()) == QUESTION
        assert server.requests == []


@pytest.mark.parametrize(
    "useless",
    [
        " ",
        '""',
        "-",
        "I think " * 200,
        "I'm sorry, but I cannot help with that request",
        "You roll back a canary with the command for promotion.",
        "The documents do not hold the answer to this question.",
        "Certainly! Here comes my rewritten version:",
        "<think>",
    ],
)
def test_an_answer_a_refusal_or_a_lecture_instead_of_a_question_falls_back_to_the_rules(
    models: Models, useless: str
) -> None:
    with OpenAIServer(reply=useless) as server:
        assert models(server.url).rewrite(QUESTION, HISTORY) == f"What is a canary? {QUESTION}"


@pytest.mark.parametrize(
    ("asked", "before", "query"),
    [
        ("And on weekends?", "When is the city library open?", "When is the city library open on weekends?"),
        ("And on weekends?", "When is the city library open?", "city library weekend"),
        ("Why?", "Der Drucker druckt nicht mehr.", "Warum druckt der Drucker nicht mehr?"),
        ("周末呢?", "市图书馆几点开门?", "市图书馆周末几点开门?"),
        ("Tell me more.", "What is a canary?", "Tell me more about canaries."),
    ],
)
def test_a_rewrite_in_the_words_of_the_conversation_is_the_query(
    models: Models, asked: str, before: str, query: str
) -> None:
    with OpenAIServer(reply=query) as server:
        assert models(server.url).rewrite(asked, [Turn(role="user", text=before)]) == query


def test_a_rewrite_does_not_hide_that_the_server_is_down(models: Models) -> None:
    with OpenAIServer(reply=Fail(status=503)) as server, pytest.raises(LanguageModelUnavailable):
        models(server.url, retries=0).rewrite(QUESTION, HISTORY)


def test_a_question_is_put_in_other_words_one_a_line(models: Models) -> None:
    with OpenAIServer(
        reply='1. How to go back?\n\n- "What undoes a promotion?"\n* Undo a release\n4. Too many'
    ) as server:
        wordings = models(server.url).rephrase(QUESTION, 3)
        [received] = server.requests
    assert wordings == ["How to go back?", "What undoes a promotion?", "Undo a release"]
    assert QUESTION in received.prompt
    assert received.prompt.endswith("Write it in 3 other wordings.")


def test_a_lecture_is_no_wording(models: Models) -> None:
    with OpenAIServer(reply="Go back how?\n" + "I think " * 40) as server:
        assert models(server.url).rephrase(QUESTION, 3) == ["Go back how?"]


def test_rephrasing_does_not_hide_that_the_server_is_down(models: Models) -> None:
    with OpenAIServer(reply=Fail(status=503)) as server, pytest.raises(LanguageModelUnavailable):
        models(server.url, retries=0).rephrase(QUESTION, 3)


def test_a_text_that_fills_the_window_is_not_rephrased(models: Models) -> None:
    with OpenAIServer() as server, pytest.raises(InvalidInput):
        models(server.url, context_window=1024).rephrase("word " * 2000, 3)


def test_the_latest_turns_are_told_when_not_all_fit(models: Models) -> None:
    history = [Turn(role="user", text=f"Turn {number}. " + "word " * 100) for number in range(30)]
    with OpenAIServer() as server:
        models(server.url, context_window=2048).rewrite(QUESTION, history)
        [received] = server.requests
    told = [number for number in range(30) if f"Turn {number}." in received.prompt]
    assert told == list(range(told[0], 30))
    assert told[0] > 0
