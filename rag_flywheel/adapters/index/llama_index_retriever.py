"""Our retrieval as a LlamaIndex retriever, for those who bring a query engine of their own."""

import asyncio
from collections.abc import Callable, Sequence

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from rag_flywheel.domain import Passage, VersionId


class FlywheelRetriever(BaseRetriever):
    """The passages that `retrieve` finds, as nodes, best first.

    A node's id is the chunk's; its metadata has document_id, title, start and end (characters of the document). Give
    `version` where `retrieve` always searches that one: it is in the metadata then. A node's score is the passage's,
    comparable within one ranking only.
    """

    def __init__(self, retrieve: Callable[[str], Sequence[Passage]], *, version: VersionId | None = None) -> None:
        super().__init__()
        self._passages = retrieve
        self._version = version

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(passage, self._version) for passage in self._passages(query_bundle.query_str)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """In a thread, so that a search does not hold up the event loop."""
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(passage: Passage, version: VersionId | None) -> NodeWithScore:
    chunk = passage.chunk
    metadata = {"document_id": chunk.document_id, "title": chunk.title, "start": chunk.start, "end": chunk.end}
    if version is not None:
        metadata["version"] = version
    node = TextNode(
        id_=chunk.chunk_id,
        text=chunk.text,
        metadata=metadata,
        # Numbers and ids tell a model nothing; the title does.
        excluded_llm_metadata_keys=[key for key in metadata if key != "title"],
        excluded_embed_metadata_keys=[key for key in metadata if key != "title"],
    )
    return NodeWithScore(node=node, score=passage.score)
