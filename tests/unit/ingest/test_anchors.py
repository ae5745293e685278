"""Spans found again: what happens to documents, and what must not be mistaken for them."""

from collections.abc import Sequence

import pytest

from ingest.anchors import Arrivals, Trail, copies, follow, still_superseded
from ingest.quotes import same_statement
from rag_flywheel.domain import Document, DocumentId, Evidence, Fate
from rag_flywheel.domain.documents import QUOTED, text_digest

SAID = "Five versions are kept at any time."
PAGE = f"""# Versions

The service keeps old versions on disk. {SAID} Older ones are deleted at night.

## Going back

See the rollback page for how to go back to one of them.
"""


def document(name: str, text: str = PAGE) -> Document:
    return Document(document_id=DocumentId(name), title=name, text=text, source=name)


def named(words: str = SAID, text: str = PAGE, name: str = "docs/versions.md") -> Evidence:
    start = text.index(words)
    return Evidence(document_id=DocumentId(name), start=start, end=start + len(words)).quoted(text)


def trail(span: Evidence, *documents: Document, before: dict[DocumentId, str] | None = None) -> Trail:
    """What becomes of the span where all documents came in tonight."""
    arrivals = Arrivals(documents=documents, before=before or {})
    [found] = follow([span], documents, arrivals=lambda gone: arrivals).of
    return found


def said(found: Trail, *documents: Document) -> str:
    assert found.span is not None
    [text] = [document.text for document in documents if document.document_id == found.span.document_id]
    return text[found.span.start : found.span.end]


FIRST_LINE = f"A first line.\n\n{PAGE}"
SPLIT = PAGE[PAGE.index(SAID) :]


@pytest.mark.parametrize(
    ("documents", "fate", "words"),
    [
        ([document("docs/versions.md")], Fate.SAME, SAID),
        ([document("docs/kept.md")], Fate.MOVED, SAID),
        ([document("handbook/versions.md", FIRST_LINE)], Fate.MOVED, SAID),
        ([document("docs/versions.md", FIRST_LINE)], Fate.MOVED, SAID),
        ([document("docs/versions.md", PAGE.replace("# Versions", "# What is kept"))], Fate.MOVED, SAID),
        (
            [document("docs/versions.md", "# Versions\n\nMoved."), document("new.md", f"# New\n\n{SPLIT}")],
            Fate.MOVED,
            SAID,
        ),
        ([document("all.md", f"# Backups\n\nBackups are made at noon.\n\n{PAGE}")], Fate.MOVED, SAID),
        (
            [document("docs/versions.md", PAGE.replace(SAID, "**Five versions** are\nkept at   _any_ time."))],
            Fate.MOVED,
            "**Five versions** are\nkept at   _any_ time.",
        ),
        (
            [
                document(
                    "docs/versions.html", PAGE.replace("# ", "").replace("## ", "").replace("service", "**service**")
                )
            ],
            Fate.MOVED,
            SAID,
        ),
        (
            [document("docs/versions.md", PAGE.replace("kept", "keept"))],
            Fate.EDITED,
            SAID.replace("kept", "keept"),
        ),
    ],
    ids=[
        "unchanged",
        "renamed",
        "moved and edited elsewhere",
        "a paragraph before",
        "another title",
        "split",
        "merged",
        "formatted anew",
        "another format",
        "small edit",
    ],
)
def test_a_span_follows_its_text(documents: Sequence[Document], fate: Fate, words: str) -> None:
    found = trail(named(), *documents)
    assert (found.fate, said(found, *documents)) == (fate, words)


@pytest.mark.parametrize(
    "documents",
    [
        [document("docs/versions.md", PAGE.replace(f"{SAID} ", ""))],
        [document("other.md", f"# Other\n\nSomething else stands here. {SAID} And goes on.")],
        [document(f"page{at}.md", f"# Page {at}\n\nThis is about {at}. {SAID} Over.") for at in range(19)],
        [document(f"page{at}.md", f"{PAGE}\n\nPage {at} of many.") for at in range(2)],
    ],
    ids=["deleted", "said elsewhere in other words around it", "said in 19 pages", "two pages that became it alike"],
)
def test_a_span_that_is_gone_jumps_nowhere(documents: Sequence[Document]) -> None:
    assert trail(named(), *documents) == Trail(span=None, fate=Fate.STALE)


def test_of_pages_with_the_same_words_around_it_the_one_that_its_document_became_holds_it() -> None:
    pages = {DocumentId(f"page{at}.md"): f"Chapter {at} tells of thing {at}.\n\n{PAGE}" for at in range(5)}
    span = named(text=pages[DocumentId("page3.md")], name="page3.md")
    tonight = [document(f"new/{name}", f"Edited. {text}") for name, text in pages.items()]
    found = trail(span, *tonight, before=pages)
    assert found.span is not None
    assert (found.fate, found.span.document_id) == (Fate.MOVED, "new/page3.md")


def test_what_stood_elsewhere_all_along_is_no_place_to_move_to() -> None:
    elsewhere = document("copy.md", FIRST_LINE)
    [found] = follow([named()], [elsewhere], arrivals=lambda gone: Arrivals(documents=[], before={})).of
    assert found.fate is Fate.STALE


def test_of_the_same_words_in_one_document_those_with_the_words_around_them_are_meant() -> None:
    text = "Press start. Wait for the lamp.\n\nOpen the lid. Wait for the lamp.\n\nClose it. Wait for the lamp."
    start = text.rindex("Wait for the lamp.", 0, text.index("Close"))
    span = Evidence(document_id=DocumentId("a"), start=start, end=start + 18).quoted(text)
    now = document("a", "Wait for the lamp. First of all.\n\n" + text)
    found = trail(span, now)
    assert found.span is not None
    assert now.text[: found.span.start].endswith("Open the lid. ")


def test_a_number_of_three_characters_is_found_by_what_stands_around_it() -> None:
    text = "The timeout of the pump is 4 h in winter, and 4 h in summer as well."
    span = named("4 h", text)
    found = trail(span, document("docs/versions.md", f"New words come first. {text}"))
    assert found.span is not None
    assert found.span.start == span.start + len("New words come first. ")


def test_a_long_span_is_found_whole_where_it_is_unchanged_and_else_by_its_beginning() -> None:
    text = " ".join(f"Sentence number {at} says this much." for at in range(1500))
    span = Evidence(document_id=DocumentId("a"), start=30, end=50_030).quoted(text)
    assert span.quote is not None
    assert len(span.quote.exact) == QUOTED
    moved = trail(span, document("b", f"New. {text}"))
    assert moved.span is not None
    assert (moved.span.start, moved.span.end) == (35, 50_035)
    end = trail(span, document("a", f"New. {text[:40_000]} Here it is another text. {text[40_000:]}"))
    assert end.span is not None
    assert (end.span.start, end.span.end) == (35, 35 + QUOTED)


MASKED = "Write to <EMAIL_ADDRESS> or call <PHONE_NUMBER> first."
BARE = "Write to ada@example.org or call +44 20 7946 0958 first."


@pytest.mark.parametrize(("old", "new"), [(MASKED, BARE), (BARE, MASKED)], ids=["unmasked", "masked"])
def test_a_mask_may_stand_for_anything(old: str, new: str) -> None:
    before, after = (f"This is the page of the help desk.\n\n{line}\n\nIt is open all day long." for line in (old, new))
    found = trail(named(old, before), document("docs/versions.md", after))
    assert found.span is not None
    assert said(found, document("docs/versions.md", after)) == new
    assert still_superseded(found, after, said_instead="Nobody answers.") == [found.span]


def test_a_judged_document_that_is_renamed_and_edited_is_known_again() -> None:
    before = {DocumentId("old.md"): PAGE * 3, DocumentId("gone.md"): "Nothing of this is left anywhere at all."}
    tonight = [document("new.md", f"Edited. {PAGE * 3}"), document("other.md", "Some other page with other words.")]
    trails = follow([], tonight, named=before, arrivals=lambda gone: Arrivals(documents=tonight, before=before))
    assert trails.renamed == {"old.md": "new.md"}


# --- what is superseded ---------------------------------------------------------------------------------------------


def hidden(old: str, new: str, *, instead: str = "The right answer.") -> list[str]:
    """Which texts of the page that says `new` are hidden where `old` was superseded."""
    before, after = (f"One two three four.\n\n{said}\n\nFive six seven eight." for said in (old, new))
    found = trail(named(old, before), document("docs/versions.md", after))
    parts = still_superseded(found, after, said_instead=instead)
    return [after[part.start : part.end] for part in parts]


@pytest.mark.parametrize(
    "new",
    [
        "Six versions are kept at any given time here.",
        "Five versions are not kept at any given time.",
        "Seven versions are kept at any given time.",
        "5 versions are kept at any given time.",
        "Five backups are kept at any given time.",
        "",
    ],
)
def test_a_superseded_sentence_that_says_something_else_by_now_is_shown(new: str) -> None:
    assert hidden("Five versions are kept at any given time.", new, instead="Six or seven.") == []


@pytest.mark.parametrize(
    "new", ["Five versions are keept at any given time.", "Five versions are kept here at any given time."]
)
def test_a_superseded_sentence_whose_spelling_or_a_word_changed_stays_hidden(new: str) -> None:
    assert hidden("Five versions are kept at any given time.", new) == [new]


def test_of_a_superseded_section_the_sentences_that_are_new_are_shown() -> None:
    old = "The tap is on the left side. Turn it slowly to the right. Then wait until it is warm. It takes five minutes."
    new = old.replace("Then wait", "Wear thick gloves all the time. Then wait").replace("five minutes", "an hour")
    parts = hidden(old, new)
    assert parts == ["The tap is on the left side.", "Turn it slowly to the right.", "Then wait until it is warm."]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("The timeout is 30 seconds.", "The timeout is 60 seconds.", False),
        ("It is written in C#.", "It is written in C++.", False),
        ("Store it at -20 degrees.", "Store it at 20 degrees.", False),
        ("The office is in Oslo.", "The office is in Malmö.", False),
        ("The door is open.", "The door is not open.", False),
        ("This is supported by all.", "This is unsupported by all.", False),
        ("The colour of the lamp is red.", "The color of the lamp is red.", True),
        ("- The lamp is **red**.", "The lamp is red.", True),
    ],
)
def test_a_statement_is_another_one_when_a_fact_in_it_changed(old: str, new: str, same: bool) -> None:
    assert same_statement(old, new, said_instead="") is same


def test_a_superseded_span_is_hidden_in_equal_copies_and_in_no_other_document_that_says_it() -> None:
    copy = document("copy.md", PAGE.replace("\n\n", "\n\n\n"))
    edited = document("v1/versions.md", FIRST_LINE)
    by_digest = {text_digest(copy.text): [document("docs/versions.md"), copy], text_digest(edited.text): [edited]}
    [found] = copies(named(), by_digest, PAGE)
    assert found.document_id == "copy.md"
    assert copy.text[found.start : found.end] == SAID
