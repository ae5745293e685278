"""Code that goes on over the end of a page is one block."""

from ingest.cleaning.code_over_pages import with_whole_code
from ingest.cleaning.screening import Cleaned, clean
from ingest.reading.raw import PAGE_BREAK, RawDocument
from rag_flywheel.domain import DocumentId

FIRST, SECOND = "open(tank)\nfill(tank)", "close(tank)"


def test_code_at_the_end_of_a_page_and_at_the_start_of_the_next_is_one_block() -> None:
    text = f"Call:\n\n```\n{FIRST}\n```\n\n{PAGE_BREAK}\n\n```\n{SECOND}\n```\n\nThen wait."
    assert with_whole_code(text) == (f"Call:\n\n```\n{FIRST}\n{PAGE_BREAK}\n{SECOND}\n```\n\nThen wait.", ())


def test_remarks_that_code_goes_on_are_taken_out_and_listed() -> None:
    below, above = "(continues on next page)", "(continued from previous page)"
    text = f"```\n{FIRST}\n```\n\n{below}\n\n{PAGE_BREAK}\n{above}\n\n```\n{SECOND}\n```"
    whole, [removal] = with_whole_code(text)
    assert whole == f"```\n{FIRST}\n{PAGE_BREAK}\n{SECOND}\n```"
    assert (removal.count, removal.lines) == (2, (below, above))


def test_code_with_text_between_stays_apart() -> None:
    for between in (f"Or:\n\n{PAGE_BREAK}", f"{PAGE_BREAK}\nOr:\n", f"(see below)\n{PAGE_BREAK}\n"):
        text = f"```\n{FIRST}\n```\n{between}\n```\n{SECOND}\n```"
        assert with_whole_code(text) == (text, ())


def test_text_between_two_blocks_that_a_page_break_parts_is_no_code() -> None:
    text = f"```\n{FIRST}\n```\nThen\n{PAGE_BREAK}\nwait.\n```\n{SECOND}\n```"
    assert with_whole_code(text) == (text, ())


def test_a_head_of_the_page_between_them_does_not_part_code() -> None:
    said = "Each page says something that the others do not say, in a line of words."
    pages = [f"Handbook of pumps\n\n{said} {number}\n\n```\n{FIRST}\n```\n{number}" for number in range(1, 7)]
    pages[1] = f"Handbook of pumps\n\n```\n{SECOND}\n```\n\n{said} {said}\n2"
    raw = RawDocument(document_id=DocumentId("a.pdf"), title="", text=f"\n{PAGE_BREAK}\n".join(pages), source="a.pdf")
    cleaned = clean(raw)
    assert isinstance(cleaned, Cleaned)
    assert f"```\n{FIRST}\n{PAGE_BREAK}\n{SECOND}\n```" in cleaned.document.text
