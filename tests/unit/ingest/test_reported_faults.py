"""Faults that people reported of other products: small inputs and what is right, in the data set `cases`."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from ingest import build
from ingest.corrections import Accepted
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.config import Config, Privacy, Source
from rag_flywheel.domain import Chunk, Document
from tests.fakes.rankings import MemoryCache
from tests.paths import DATA

CASES = DATA / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases in {DATA}: set RAG_FLYWHEEL_DATA")
EXPECTED: list[dict[str, Any]] = json.loads((CASES / "expect.json").read_text()) if CASES.is_dir() else []
PRIVACY = Privacy()


@dataclass(frozen=True)
class Found:
    """What a folder comes to, as a reindex sees it."""

    documents: tuple[Document, ...]
    chunks: tuple[Chunk, ...]

    def of(self, file: str) -> "Found":
        return Found(
            documents=tuple(document for document in self.documents if document.document_id == file),
            chunks=tuple(chunk for chunk in self.chunks if chunk.document_id == file),
        )

    @property
    def text(self) -> str:
        return "\n".join(document.text for document in self.documents)


@cache
def found(case: str) -> Found:
    config = Config(file=CASES / case / "config.yaml", sources=(Source(path="."),))
    files = list_files(config).files
    redactor = PresidioRedactor(PRIVACY.entities, PRIVACY.minimum_score, "", policy="dangerous")
    corpus = build.collect(
        files,
        fingerprint(files),
        settings=config.ingest,
        cache=MemoryCache(),
        redactor=lambda source: redactor,
        on_step=lambda done, total: None,
    )
    encoder = SentenceEncoder(config.embedder.model, batch=8, query_prefix="", document_prefix="")
    nothing = Accepted(documents=(), hiding=(), superseded=())
    forms, _ = build.cut(
        corpus.documents, nothing, skipped=0, settings=config.ingest, counter=encoder, cache=MemoryCache()
    )
    return Found(documents=corpus.documents, chunks=forms.chunks)


@pytest.mark.parametrize(
    "case",
    [case for case in EXPECTED if "ask" not in case],
    ids=lambda case: f"{case['case']} {case.get('file', '')}".strip(),
)
def test_what_a_reader_would_miss_is_there(case: dict[str, Any]) -> None:
    checks = {check: wanted for check, wanted in case.items() if check in CHECKS}
    assert checks, "an expectation that no check knows"
    whole = found(case["case"])
    for check, wanted in checks.items():
        CHECKS[check](whole.of(case["file"]) if "file" in case else whole, wanted)


def _keeps(here: Found, wanted: list[str]) -> None:
    assert [words for words in wanted if words not in here.text] == []


def _drops(here: Found, wanted: list[str]) -> None:
    assert [words for words in wanted if words in here.text] == []


def _keeps_cells_apart(here: Found, wanted: list[str]) -> None:
    cells = [cell.strip() for line in here.text.splitlines() for cell in line.split("|")]
    assert [cell for cell in wanted if cell not in cells] == []


def _row(here: Found, wanted: dict[str, str] | list[str]) -> None:
    lines = [f"{column}: {value}" for column, value in wanted.items()] if isinstance(wanted, dict) else None
    row = "| " + " | ".join(wanted) + " |"
    holding = [chunk for chunk in here.chunks if all(line in chunk.text for line in lines or [row])]
    assert holding, f"no chunk holds {lines or row}"


def _sections(here: Found, wanted: int) -> None:
    assert len({chunk.headings for chunk in here.chunks}) == wanted


def _documents_kept(here: Found, wanted: int) -> None:
    assert len(here.documents) == wanted


def _every_chunk_keeps(here: Found, wanted: list[str]) -> None:
    assert len(here.chunks) > 1
    assert [chunk.chunk_id for chunk in here.chunks if any(words not in chunk.text for words in wanted)] == []


def _chunks_at_most(here: Found, wanted: int) -> None:
    assert 1 <= len(here.chunks) <= wanted


CHECKS = {
    "keeps": _keeps,
    "drops": _drops,
    "keeps_cells_apart": _keeps_cells_apart,
    "row": _row,
    "sections": _sections,
    "documents_kept": _documents_kept,
    "every_chunk_keeps": _every_chunk_keeps,
    "chunks_at_most": _chunks_at_most,
}
