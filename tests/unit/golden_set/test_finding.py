"""Passages of other corpora, found again in our documents or told to be nowhere."""

import pytest

from rag_flywheel.domain import Document, DocumentId, Evidence
from rag_flywheel.golden_set.finding import NamedPassage, Place, find

ROLLBACK = "# Roll back\n\nRun the rollback command, then check the report. It takes one second. Wait for it.\n"
INSTALL = "# Install\n\nTo install the service on Linux, create a virtual environment and install it there.\n"
SENTENCE = INSTALL.partition("\n\n")[2].strip()


def document(name: str, text: str) -> Document:
    return Document(document_id=DocumentId(name), title=name, text=text, source=name)


HELD = [document("a.md", ROLLBACK), document("b.md", INSTALL)]


def found(
    text: str, of: str | None = None, start: int | None = None, *, name: str = "p1", held: list[Document] = HELD
) -> Place | None:
    end = None if start is None else start + len(text)
    document_id = None if of is None else DocumentId(of)
    passage = NamedPassage(name=name, text=text, document_id=document_id, start=start, end=end)
    return find([passage], held).get(name)


def words(place: Place | None) -> str:
    assert isinstance(place, Evidence)
    assert place.quote is not None
    text = {each.document_id: each.text for each in HELD}[place.document_id]
    assert text[place.start : place.end] == place.quote.exact
    return place.quote.exact


def test_a_passage_of_ours_is_found_at_its_place() -> None:
    text = "check the report"
    assert words(found(text, "a.md", ROLLBACK.index(text))) == text


def test_one_that_has_moved_in_its_document_is_found_by_its_words() -> None:
    assert words(found("It takes one second.", "a.md", 2)) == "It takes one second."


def test_a_passage_of_another_corpus_is_found_by_its_words_alone() -> None:
    place = found(SENTENCE)
    assert isinstance(place, Evidence)
    assert (place.document_id, words(place)) == ("b.md", SENTENCE)


def test_one_that_is_a_whole_document_of_ours_is_found_by_that() -> None:
    assert isinstance(found(" ".join(ROLLBACK.split())), Evidence)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [("a.md", "", "a.md"), ("a.md", ROLLBACK, "a.md"), ("a.md", "Quite another page of the same name here.", None)],
)
def test_an_id_that_is_a_document_s_means_it_where_it_says_the_same(name: str, text: str, place: str | None) -> None:
    assert found(text, name=name) == place


def test_a_document_that_is_named_as_a_whole_is_meant_as_a_whole() -> None:
    assert found("anything", "b.md") == "b.md"


@pytest.mark.parametrize(
    "text",
    ["Run the", "To install the service on Linux, create a virtual disk and install it there.", "Never said here."],
)
def test_what_is_too_short_only_like_it_or_nowhere_is_not_found(text: str) -> None:
    assert found(text) is None


def test_what_stands_in_two_documents_is_in_neither() -> None:
    assert found(SENTENCE, held=[*HELD, document("c.md", f"# Other\n\n{SENTENCE}\n")]) is None


def test_what_stands_twice_in_its_document_and_not_at_its_place_is_not_found() -> None:
    twice = document("a.md", "# Twice\n\nPress the red button now. Then wait. Press the red button now.\n")
    assert found("Press the red button now.", "a.md", 0, held=[twice]) is None
    assert found("Press the red button now.", "a.md", 9, held=[twice]) is not None
