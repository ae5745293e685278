"""A BEIR folder whose queries say which of them are wordings of one question: what a replay is made of."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.questions.beir import parsed, read_lines, read_qrels, read_queries
from rag_flywheel.domain import DocumentId
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.errors import InvalidInput

_log = logging.getLogger(__name__)

CLUSTERS_AT_LEAST = 4
"""Half of them are corrected; with fewer than two on a side there is nothing to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document of the corpus, as its file gives it."""

    document_id: DocumentId
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A judged question with its gold answer. Wordings of one question share a `cluster`."""

    query_id: str
    text: str
    answer: str
    cluster: str
    relevant: frozenset[DocumentId]  # at least one


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The corpus and its judged questions, both in the order of their files."""

    name: str
    documents: tuple[Source, ...]
    queries: tuple[Query, ...]


def load(folder: Path) -> Dataset:
    """The data set of a BEIR folder (Thakur et al., 2021, arXiv:2104.08663).

    `corpus.jsonl` holds {_id, title?, text} lines, `queries.jsonl` {_id, text, answer, answerable?, cluster?} lines and
    `qrels/test.tsv` the document-level judgements. Questions that nothing answers, or without an answer text, or
    without a judged document of the corpus have nothing to replay and are left out; the log says how many. A question
    without a cluster is one of its own. Raises InvalidInput with file and line, and where too few questions have a
    second wording.
    """
    corpus, queries_file = folder / "corpus.jsonl", folder / "queries.jsonl"
    if not corpus.is_file():
        raise InvalidInput(
            f"{corpus} does not exist: a data set is a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv"
        )
    documents = tuple(read_documents(corpus))
    known = {source.document_id for source in documents}
    asked = dict(read_queries(queries_file))
    judged = read_qrels(folder / "qrels" / "test.tsv", asked.keys())
    queries = tuple(
        Query(
            query_id=query_id,
            text=query["text"],
            answer=query["answer"],
            cluster=query.get("cluster") or normalised(query["text"]),
            relevant=frozenset(judged[query_id] & known),
        )
        for query_id, query in asked.items()
        if query.get("answerable", True) and query.get("answer", "").strip() and judged.get(query_id, set()) & known
    )
    wordings = Counter(query.cluster for query in queries)
    reworded = sum(count >= 2 for count in wordings.values())
    if reworded < CLUSTERS_AT_LEAST:
        raise InvalidInput(
            f"{queries_file}: {reworded} questions have two or more wordings that are judged and have an answer text; "
            f"a replay needs at least {CLUSTERS_AT_LEAST}: give wordings of one question the same `cluster`, an "
            "`answer` each, and a line each in qrels/test.tsv"
        )
    if len(queries) < len(asked):
        _log.warning("replay: %d of %d questions are not usable: left out", len(asked) - len(queries), len(asked))
    return Dataset(name=folder.resolve().name, documents=documents, queries=queries)


def read_documents(file: Path) -> Iterator[Source]:
    seen = set()
    for number, line in read_lines(file):
        where = f"{file}:{number}"
        document = parsed(line, where)
        if not isinstance(document, dict):
            raise InvalidInput(f"{where}: expected an object with _id and text, found a {type(document).__name__}")
        document_id, title, text = document.get("_id"), document.get("title") or "", document.get("text")
        if not isinstance(document_id, str | int) or isinstance(document_id, bool) or not str(document_id).strip():
            found = type(document_id).__name__
            raise InvalidInput(f"{where}: _id should be a text that is not empty, found a {found}")
        if not isinstance(title, str) or not isinstance(text, str):
            raise InvalidInput(f"{where}: title and text should be texts")
        if str(document_id) in seen:
            raise InvalidInput(f"{where}: _id {document_id} came before; ids are used once")
        seen.add(str(document_id))
        if text.strip():  # BEIR's own sets hold a few empty ones
            yield Source(document_id=DocumentId(str(document_id)), title=title, text=text)
