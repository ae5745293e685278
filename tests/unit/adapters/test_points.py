"""Chunks as points hold them."""

import json

import pytest

from rag_flywheel.adapters.index.points import CHUNK, chunk_of, payload
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, Evidence, VersionId

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
