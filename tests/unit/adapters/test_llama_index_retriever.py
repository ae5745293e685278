import asyncio
import threading

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import MetadataMode
from llama_index.llms.openai_like import OpenAILike

from rag_flywheel.adapters.index.llama_index_retriever import FlywheelRetriever
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, Passage, Scores, VersionId
from tests.fakes.openai_server import OpenAIServer


def passage(text: str, rank: int) -> Passage:
    chunk = Chunk(
        chunk_id=ChunkId(f"chunk-{rank}"),
        document_id=DocumentId(f"document-{rank}"),
        title=f"Title {rank}",
        headings=(),
        text=text,
        start=10 * rank,
        end=10 * rank + len(text),
        source="docs/guide.md",
    )
    return Passage(chunk=chunk, rank=rank, score=1 / rank, scores=Scores())


FOUND = {"rollback": [passage("Run the rollback command.", 1), passage("The alias moves.", 2)], "weather": []}


def test_passages_become_nodes_with_span_and_score_in_order() -> None:
    nodes = FlywheelRetriever(FOUND.__getitem__).retrieve("rollback")
    assert [(found.node.node_id, found.text, found.score) for found in nodes] == [
        ("chunk-1", "Run the rollback command.", 1.0),
        ("chunk-2", "The alias moves.", 0.5),
    ]
    assert nodes[0].metadata == {"document_id": "document-1", "title": "Title 1", "start": 10, "end": 35}


def test_a_pinned_version_is_named_in_the_metadata() -> None:
    nodes = FlywheelRetriever(FOUND.__getitem__, version=VersionId("v7")).retrieve("rollback")
    assert {found.metadata["version"] for found in nodes} == {"v7"}


def test_of_the_metadata_a_model_reads_the_title_only() -> None:
    node = FlywheelRetriever(FOUND.__getitem__, version=VersionId("v7")).retrieve("rollback")[0].node
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert node.get_content(mode) == "title: Title 1\n\nRun the rollback command."


def test_nothing_found_is_no_node() -> None:
    assert FlywheelRetriever(FOUND.__getitem__).retrieve("weather") == []


def test_an_async_search_runs_beside_the_event_loop() -> None:
    threads: list[int] = []

    def search(query: str) -> list[Passage]:
        threads.append(threading.get_ident())
        return FOUND[query]

    nodes = asyncio.run(FlywheelRetriever(search).aretrieve("rollback"))
    assert [found.node.node_id for found in nodes] == ["chunk-1", "chunk-2"]
    assert threads[0] != threading.get_ident()


def test_what_the_search_raises_reaches_the_caller() -> None:
    with pytest.raises(KeyError):
        FlywheelRetriever(FOUND.__getitem__).retrieve("unknown")


def test_a_query_engine_answers_from_the_passages() -> None:
    engine = RetrieverQueryEngine(
        FlywheelRetriever(FOUND.__getitem__), response_synthesizer=get_response_synthesizer(llm=MockLLM())
    )
    response = engine.query("rollback")
    assert "Run the rollback command." in str(response)  # MockLLM says its prompt
    assert [found.node.node_id for found in response.source_nodes] == ["chunk-1", "chunk-2"]


def test_a_query_engine_over_a_server_sends_it_the_passages() -> None:
    with OpenAIServer(reply="Run it.") as server:
        llm = OpenAILike(model="test-model", api_base=server.url, api_key="none", is_chat_model=True, max_retries=0)
        engine = RetrieverQueryEngine(
            FlywheelRetriever(FOUND.__getitem__), response_synthesizer=get_response_synthesizer(llm=llm)
        )
        assert str(engine.query("rollback")) == "Run it."
        [received] = server.requests
    assert "The alias moves." in received.prompt
