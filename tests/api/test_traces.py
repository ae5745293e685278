"""Traces of requests, as a collector gets them over OTLP."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes

from rag_flywheel.api.observed import HEADER
from rag_flywheel.domain import LearnedRanking
from rag_flywheel.ports import Pair, telemetry
from rag_flywheel.services import Services
from tests.fakes.collector import Collector, Got, traced
from tests.fakes.doors import door, laptop
from tests.fakes.openai_server import Die, OpenAIServer
from tests.fakes.services import HANDBOOK, publish, services
from tests.fakes.serving import served
from tests.unit.adapters.language_models import Models

QUESTION = "How do I put the previous version back?"
SECRET = "xylophonequux"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def models() -> Iterator[Models]:
    made = Models()
    yield made
    made.close()


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


def by_name(spans: list[Got]) -> dict[str, Got]:
    found = {span.name: span for span in spans}
    assert len(found) == len(spans)
    return found


def above(span: Got, spans: list[Got]) -> str:
    """The names of the spans that it lies within, from the outermost."""
    parents = {each.span_id: each for each in spans}
    if span.parent not in parents:
        return span.name
    return f"{above(parents[span.parent], spans)} > {span.name}"


def test_an_answer_is_a_tree_of_spans_with_ids_counts_and_scores(made: Services) -> None:
    """Each tells what kind of work it is in the words of OpenInference, and the passages that were found by id."""
    http = door(made)
    with Collector() as collector, traced(collector.url):
        reply = http.post("/chat", json={"question": QUESTION}).json()
        spans = collector.spans()
    found = by_name(spans)
    assert {above(span, spans) for span in spans} == {
        "POST /chat",
        "POST /chat > answer",
        "POST /chat > answer > rewrite",
        "POST /chat > answer > retrieve",
        "POST /chat > answer > retrieve > embed",
        "POST /chat > answer > generate",
    }
    assert len({span.trace_id for span in spans}) == 1
    assert found["answer"].attributes == {
        "openinference.span.kind": "CHAIN",
        "rag_flywheel.interaction_id": reply["interaction_id"],
        "rag_flywheel.version": "v1",
        "rag_flywheel.arm": "control",
        "rag_flywheel.outcome": "answered",
        "rag_flywheel.passages.shown": 3,
        "rag_flywheel.passages.cited": len(reply["citations"]),
    }
    retrieved = found["retrieve"].attributes
    assert retrieved["openinference.span.kind"] == "RETRIEVER"
    assert retrieved["retrieval.documents.0.document.id"].startswith("rollback")
    assert retrieved["retrieval.documents.0.document.score"] > retrieved["retrieval.documents.1.document.score"]
    assert found["POST /chat"].attributes["http.response.status_code"] == 200


def test_a_model_and_the_check_of_what_it_said_are_spans_of_their_own(made: Services, models: Models) -> None:
    """Beside each other, as the check reads along; the model's has the names of the GenAI conventions."""
    reply = "Run rag-flywheel rollback [1]. Wombats dig burrows underground at night [1]."
    with OpenAIServer(reply=reply) as model:
        generating = replace(made, generator=models(model.url, unsupported="mark"))
        with Collector() as collector, traced(collector.url):
            with served(generating) as url:
                httpx.post(f"{url}/chat", json={"question": QUESTION}).raise_for_status()
            spans = collector.spans()
    found = by_name(spans)
    assert above(found["model"], spans) == "POST /chat > answer > generate > model"
    assert above(found["check"], spans) == "POST /chat > answer > generate > check"
    said = found["model"].attributes
    assert said["openinference.span.kind"] == "LLM"
    assert (said["gen_ai.operation.name"], said["gen_ai.request.model"]) == ("chat", "test-model")
    checked = found["check"].attributes
    assert checked["openinference.span.kind"] == "GUARDRAIL"
    assert (checked["rag_flywheel.sentences.supported"], checked["rag_flywheel.sentences.unsupported"]) == (1, 1)


def test_a_streamed_answer_has_the_same_spans_and_ends_them(made: Services, models: Models) -> None:
    """Its pieces are made one by one, each in whichever thread is free."""
    with OpenAIServer(reply="Run rag-flywheel rollback [1]. It takes one second [1].") as model:
        generating = replace(made, generator=models(model.url, unsupported="mark"))
        with Collector() as collector, traced(collector.url):
            with served(generating) as url:
                body = {"question": QUESTION, "stream": True}
                assert "event: done" in httpx.post(f"{url}/chat", json=body).raise_for_status().text
            spans = collector.spans()
    assert {above(span, spans) for span in spans} >= {
        "POST /chat > answer > retrieve > embed",
        "POST /chat > answer > generate > model",
        "POST /chat > answer > generate > check",
    }
    inside = [span for span in spans if span.parent]
    assert all(span.start <= span.end for span in inside)


def test_a_reranker_has_a_span_within_the_search(made: Services) -> None:
    pairs = [Pair(query="q", text=text, relevant=text == "a", cluster="q") for text in "ab"]
    digest = made.rerankers.tune(pairs, seed=0, on_step=lambda done, total: None)
    publish(made, "v2", learned=LearnedRanking(reranker=digest))
    with Collector() as collector, traced(collector.url):
        door(made).post("/chat", json={"question": QUESTION})
        spans = collector.spans()
    rerank = by_name(spans)["rerank"]
    assert above(rerank, spans) == "POST /chat > answer > retrieve > rerank"
    assert rerank.attributes["openinference.span.kind"] == "RERANKER"


def test_the_trace_of_the_caller_goes_on(made: Services) -> None:
    """By W3C's header traceparent; the reply names the request, by the id that the caller gave it."""
    with Collector() as collector, traced(collector.url):
        headers = {"traceparent": CALLER, HEADER: "order-2026-11-30"}
        reply = door(made).post("/chat", json={"question": QUESTION}, headers=headers)
        [request] = [span for span in collector.spans() if span.name == "POST /chat"]
    assert (request.trace_id, request.parent) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert reply.headers[HEADER] == request.attributes["rag_flywheel.request_id"] == "order-2026-11-30"


def test_the_trace_that_a_caller_without_a_key_names_is_passed_over(made: Services) -> None:
    with Collector() as collector, traced(collector.url):
        laptop(made).post("/chat", json={"question": QUESTION}, headers={"traceparent": CALLER})
        spans = collector.spans()
    [request] = [span for span in spans if span.name == "POST /chat"]
    assert request.trace_id != CALLER.split("-")[1]
    assert request.parent == ""
    assert {span.trace_id for span in spans} == {request.trace_id}


@pytest.mark.parametrize("given", ["", "short", "a b c d e f g h", "ä" * 10, "x" * 65])
def test_what_is_no_id_of_a_request_is_replaced(made: Services, given: str) -> None:
    """It would come back in headers and logs."""
    reply = door(made).get("/health", headers={HEADER: given.encode()})
    assert reply.headers[HEADER] not in ("", given)
    assert len(reply.headers[HEADER]) == 32


def test_no_text_of_anybody_leaves_with_a_trace(tmp_path: Path, models: Models) -> None:
    """A word that is in the question, the history, the document, its title and the answer is nowhere in the bytes."""
    made = services(tmp_path)
    publish(made, "v1", {**HANDBOOK, "planted": f"The {SECRET} is put back by turning the {SECRET} key twice."})
    turns = [{"role": "user", "content": f"What is a {SECRET}?"}, {"role": "assistant", "content": f"A {SECRET}."}]
    body = {"question": f"How do I put the {SECRET} back?", "user_id": f"{SECRET}@example.org", "history": turns}
    with OpenAIServer(reply=[f"How do I put the {SECRET} back?", f"Turn the {SECRET} key [1]."]) as model:
        generating = replace(made, generator=models(model.url, unsupported="mark"))
        with Collector() as collector, traced(collector.url):
            http = door(generating)
            reply = http.post("/chat", json=body)
            http.post("/feedback", json={"interaction_id": "id1", "kind": "comment", "value": SECRET})
            http.get(f"/corrections/{SECRET}", params={SECRET: SECRET})
            http.get(f"/{SECRET}")
            sent = b"".join(collector.bodies())
    assert SECRET in reply.json()["answer"]
    assert b"retrieval.documents.0.document.id" in sent
    assert SECRET.encode() not in sent


def test_a_failure_is_told_by_its_name_alone(made: Services, models: Models) -> None:
    """What vendors raise may repeat what was sent."""
    with OpenAIServer(reply=Die()) as model:
        generating = replace(made, generator=models(model.url, retries=0))
        with Collector() as collector, traced(collector.url):
            assert door(generating).post("/chat", json={"question": QUESTION}).status_code == 503
            found = by_name(collector.spans())
    for name in ("model", "generate", "answer", "POST /chat"):
        assert found[name].failed, name
    assert found["model"].attributes["error.type"] == "LanguageModelUnavailable"
    assert found["answer"].attributes["rag_flywheel.outcome"] == "failed"


def test_the_names_are_those_of_the_conventions() -> None:
    """OpenInference's and OpenTelemetry's packages say the same."""
    assert telemetry.KIND == SpanAttributes.OPENINFERENCE_SPAN_KIND
    assert telemetry.EMBEDDING_MODEL == SpanAttributes.EMBEDDING_MODEL_NAME
    assert telemetry.LLM_MODEL == SpanAttributes.LLM_MODEL_NAME
    assert telemetry.LLM_TOKENS_IN == SpanAttributes.LLM_TOKEN_COUNT_PROMPT
    assert telemetry.LLM_TOKENS_OUT == SpanAttributes.LLM_TOKEN_COUNT_COMPLETION
    assert telemetry.DOCUMENT_ID.startswith(f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.")
    assert {str(kind) for kind in telemetry.Kind} <= {kind.value for kind in OpenInferenceSpanKindValues}
    assert telemetry.OPERATION == gen_ai_attributes.GEN_AI_OPERATION_NAME
    assert telemetry.PROVIDER == gen_ai_attributes.GEN_AI_PROVIDER_NAME
    assert telemetry.MODEL == gen_ai_attributes.GEN_AI_REQUEST_MODEL
    assert telemetry.TOKENS_IN == gen_ai_attributes.GEN_AI_USAGE_INPUT_TOKENS
    assert telemetry.TOKENS_OUT == gen_ai_attributes.GEN_AI_USAGE_OUTPUT_TOKENS
    assert telemetry.METHOD == http_attributes.HTTP_REQUEST_METHOD
    assert telemetry.ROUTE == http_attributes.HTTP_ROUTE
    assert telemetry.STATUS == http_attributes.HTTP_RESPONSE_STATUS_CODE
    assert telemetry.ERROR == error_attributes.ERROR_TYPE
