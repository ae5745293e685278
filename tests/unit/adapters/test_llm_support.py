"""What an answer of a language model becomes where the passages do not support it."""

from rag_flywheel.adapters.models.prompt import REFUSAL
from rag_flywheel.domain import Confidence
from tests.fakes.openai_server import OpenAIServer
from tests.unit.adapters.language_models import Models, ask, passage

PASSAGES = (passage("The alias moves back in one step."), passage("A canary gets a share of 10 percent.", 2))


def test_an_answer_is_marked_where_the_settings_say_so(models: Models) -> None:
    with OpenAIServer(reply="The alias moves back in one step [1]. A canary gets a share of 50 percent [2].") as server:
        pieces, draft = ask(models(server.url, unsupported="mark"), PASSAGES)
    assert draft.text == (
        "The alias moves back in one step [1]. A canary gets a share of 50 percent [2]. [unsupported]"
    )
    assert "".join(pieces) == draft.text
    assert draft.confidence is None


def test_what_is_cut_is_not_cited(models: Models) -> None:
    with OpenAIServer(reply="The alias moves back in one step [1]. A canary gets a share of 50 percent [2].") as server:
        _, draft = ask(models(server.url, unsupported="cut"), PASSAGES)
    assert draft.text == "The alias moves back in one step [1]. "
    assert [citation.number for citation in draft.citations] == [1]


def test_an_answer_of_which_all_was_cut_is_a_refusal(models: Models) -> None:
    with OpenAIServer(reply="A golden watch costs 50 dollars [2].") as server:
        _, draft = ask(models(server.url, unsupported="cut"), PASSAGES)
    assert (draft.text, draft.answered, draft.citations) == (REFUSAL, False, ())


def test_an_answer_of_which_nothing_is_supported_is_doubtful(models: Models) -> None:
    with OpenAIServer(reply="A golden watch costs 50 dollars [2].") as server:
        _, draft = ask(models(server.url, unsupported="mark"), PASSAGES)
    assert (draft.answered, draft.confidence) == (True, Confidence.LOW)
