"""Chunks as points hold them, and how many are written at a time."""

import json

import numpy as np
import pytest

from rag_flywheel.adapters.index.points import (
    AT_ONCE,
    CHUNK,
    NUMBERS_AT_ONCE,
    TOKENS,
    TOKENS_ASKED,
    chunk_of,
    of_tokens,
    payload,
    pieces,
)
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, Evidence, VersionId
from rag_flywheel.ports import Entry

SPAN = Evidence(document_id=DocumentId("d"), start=0, end=3)
ROWS = Chunk(
    chunk_id=ChunkId("d#9-12"),
    document_id=DocumentId("d"),
    title="",
    headings=(),
    text="a b\n1 2",
    start=9,
    end=12,
    source="d.md",
    repeated=(SPAN,),
)


@pytest.mark.parametrize("repeated", [{"document_id": "d", "start": 0, "end": 3}, None])
def test_a_chunk_is_read_that_a_version_before_holds_with_one_stretch_of_repeated_lines_or_none(
    repeated: dict[str, object] | None,
) -> None:
    stored = payload(ROWS)
    assert chunk_of(stored, VersionId("v1")) == ROWS
    old = json.dumps(json.loads(stored[CHUNK]) | {"repeated": repeated})
    assert chunk_of({CHUNK: old}, VersionId("v1")).repeated == ((SPAN,) if repeated else ())


@pytest.mark.parametrize(("numbers", "most"), [(1, AT_ONCE), (NUMBERS_AT_ONCE // 10, 10), (NUMBERS_AT_ONCE + 1, 1)])
def test_a_request_has_no_more_entries_or_numbers_than_a_server_takes(numbers: int, most: int) -> None:
    entry = Entry(chunk=ROWS, vector=np.zeros(0, np.float32), tokens=np.zeros((numbers, 1), np.float32))
    sizes = [len(piece) for piece in pieces([[entry] * (2 * most + 1), [], [entry]])]
    assert sizes == [most, most, 1, 1]


def test_of_a_very_long_query_the_first_tokens_are_compared() -> None:
    asked = of_tokens(np.ones((5 * TOKENS_ASKED, 3), np.float32), {TOKENS})
    assert (len(asked), sum(map(sum, asked))) == (TOKENS_ASKED, pytest.approx(3.0))
