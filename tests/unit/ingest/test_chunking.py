"""Documents to chunks, and superseded spans out of them."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunking import chunk, hide
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Chunk, CorrectionId, Document, DocumentId, Evidence, InteractionId, Provenance

SMALL = Ingest(chunk_words=20, chunk_overlap_words=5)


def document(text: str, source: str = "a.md") -> Document:
    return Document(document_id=DocumentId("a"), title="Pump", text=text, source=source)


def correction(answer: str) -> Document:
    provenance = Provenance(
        correction_id=CorrectionId("c1"),
        interaction_id=InteractionId("i1"),
        feedback_ids=(),
        reviewer="rita",
        reviewed=datetime(2026, 1, 1, tzinfo=UTC),
        supersedes=(),
    )
    return Document(
        document_id=DocumentId("correction:c1"),
        title="How?",
        text=answer,
        source="correction",
        question="How?",
        provenance=provenance,
    )


def assert_exact(text: str, chunks: list[Chunk]) -> None:
    covered: set[int] = set()
    for piece in chunks:
        assert text[piece.start : piece.end] == piece.text
        assert piece.chunk_id == f"a#{piece.start}-{piece.end}"
        covered.update(range(piece.start, piece.end))
    assert "".join(letter for place, letter in enumerate(text) if place not in covered).strip() == ""


SENTENCES = " ".join(f"Sentence number {number} tells of part {number * 7}." for number in range(40))


def test_chunks_are_spans_of_the_text_that_leave_nothing_out_and_overlap() -> None:
    chunks = chunk(document(SENTENCES), Ingest(chunk_words=30, chunk_overlap_words=8))
    assert_exact(SENTENCES, chunks)
    assert all(len(piece.text.split()) <= 30 for piece in chunks)
    assert all(piece.text.startswith("Sentence") and piece.text.endswith(".") for piece in chunks)
    assert all(later.start < earlier.end for earlier, later in pairwise(chunks))


def test_a_text_that_repeats_itself_is_covered_to_its_end() -> None:
    text = "Press it. " * 200
    assert_exact(text, chunk(document(text), SMALL))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from('ab.# \n`-。電…"1'), max_size=400))
def test_any_text_is_covered_by_exact_spans(text: str) -> None:
    assert_exact(text, chunk(document(text), SMALL))


def test_a_word_without_end_is_divided() -> None:
    text = "x" * 5000
    chunks = chunk(document(text), SMALL)
    assert_exact(text, chunks)
    assert max(len(piece.text) for piece in chunks) <= 20 * 24


def test_a_chunk_stays_below_one_heading_and_carries_the_path_of_headings() -> None:
    text = "Before.\n\n# Pump\n\nIt pumps.\n\n## Reset\n\nHold it.\n\n### Fast ###\n\nBoth.\n\n## Clean\n\nRinse it.\n"
    chunks = chunk(document(text), Ingest())
    assert_exact(text, chunks)
    assert [piece.headings for piece in chunks] == [
        (),
        ("Pump",),
        ("Pump", "Reset"),
        ("Pump", "Reset", "Fast"),
        ("Pump", "Clean"),
    ]
    assert chunks[2].text == "## Reset\n\nHold it."


def test_a_heading_with_nothing_below_it_goes_with_the_next_one() -> None:
    chunks = chunk(document("# Pump\n\n## Reset\n\nHold it."), Ingest())
    assert [(piece.headings, piece.text) for piece in chunks] == [(("Pump", "Reset"), "# Pump\n\n## Reset\n\nHold it.")]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_a_comment_in_code_is_no_heading(fence: str) -> None:
    text = f"# Pump\n\n{fence}sh\n# comment\n`` #x\nrun\n{fence}\n\nEnd.\n\n## Next\n\nMore."
    assert [piece.headings for piece in chunk(document(text), Ingest())] == [("Pump",), ("Pump", "Next")]


def test_a_plain_text_has_no_headings() -> None:
    assert [
        piece.headings for piece in chunk(document("# a comment\n\nText.\n\n# more\n\nText.", "a.txt"), Ingest())
    ] == [()]


def test_a_chunk_of_a_pdf_says_on_which_page_it_begins() -> None:
    text = "\n\f\n".join(
        f"Page {word} tells of twelve things that a reader wants to know at once today." for word in "abc"
    )
    chunks = chunk(document(text, "a.pdf"), SMALL)
    assert_exact(text, chunks)
    assert [piece.headings for piece in chunks] == [("page 1",), ("page 2",), ("page 3",)]


def test_a_correction_is_one_chunk_with_its_question_and_provenance_however_long_it_is() -> None:
    answer = correction(f"# Answer\n\n{SENTENCES}")
    chunks = chunk(answer, SMALL)
    assert [(piece.text, piece.start, piece.end) for piece in chunks] == [(answer.text, 0, len(answer.text))]
    assert (chunks[0].question, chunks[0].provenance) == ("How?", answer.provenance)
    assert chunks[0].chunk_id == f"correction:c1#0-{len(answer.text)}"


def test_the_same_document_gives_the_same_chunks() -> None:
    assert chunk(document(SENTENCES), SMALL) == chunk(document(SENTENCES), SMALL)


def test_a_text_of_white_space_has_no_chunks() -> None:
    assert chunk(document(" \n\n "), SMALL) == []


def test_chunking_opens_no_connection() -> None:
    code = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from ingest.chunking import chunk\n"
        "from rag_flywheel.config import Ingest\n"
        "from rag_flywheel.domain import Document\n"
        "text = 'One sentence of six words here. ' * 50\n"
        "print(len(chunk(Document(document_id='a', title='', text=text, source='a.md'), Ingest(chunk_words=50))))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5
    assert done.stderr == ""


# --- hiding ---------------------------------------------------------------------------------------------------------

TEXT = "The pump is fast. Hold it for five seconds. It then restarts by itself."
ONE = chunk(document(TEXT), Ingest())[0]


def span(part: str) -> Evidence:
    start = TEXT.index(part)
    return Evidence(document_id=DocumentId("a"), start=start, end=start + len(part))


def test_a_superseded_span_is_cut_out_and_the_offsets_stay() -> None:
    (left,) = hide([ONE], [span("Hold it for five seconds.")], 4)
    assert left.text == "The pump is fast. It then restarts by itself."
    assert replace(left, text=ONE.text) == ONE


def test_spans_that_overlap_touch_or_reach_beyond_the_chunk_are_cut_once() -> None:
    spans = [
        span("It then restarts by itself."),
        span("Hold it for"),
        span("for five seconds."),
        Evidence(document_id=DocumentId("a"), start=60, end=900),
    ]
    assert [piece.text for piece in hide([ONE], spans, 4)] == ["The pump is fast."]
    assert [piece.text for piece in hide([ONE], [span("The pump is fast.")], 4)] == [
        TEXT.removeprefix("The pump is fast. ")
    ]


def test_lines_stay_divided_where_a_line_is_cut() -> None:
    text = "Line one is here.\nLine two is old.\nLine three is here."
    (whole,) = chunk(document(text), Ingest())
    old = Evidence(document_id=DocumentId("a"), start=18, end=34)
    assert [piece.text for piece in hide([whole], [old], 4)] == ["Line one is here.\nLine three is here."]


def test_a_chunk_with_too_few_words_left_is_dropped() -> None:
    spans = [span("The pump is fast. Hold it for five seconds. It then")]
    assert hide([ONE], spans, 4) == []
    assert [piece.text for piece in hide([ONE], spans, 3)] == ["restarts by itself."]


def test_spans_of_other_documents_or_other_places_change_nothing() -> None:
    elsewhere = [
        Evidence(document_id=DocumentId("b"), start=0, end=50),
        Evidence(document_id=DocumentId("a"), start=len(TEXT), end=len(TEXT) + 9),
    ]
    short = replace(ONE, text="Two words")
    assert hide([ONE, short], elsewhere, 4) == [ONE, short]


def test_a_superseded_correction_disappears() -> None:
    (old,) = chunk(correction("Hold it for three seconds."), Ingest())
    assert hide([old], [Evidence(document_id=DocumentId("correction:c1"), start=0, end=26)], 1) == []
