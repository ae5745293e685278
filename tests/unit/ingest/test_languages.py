"""In which language documents and their chunks are."""

from dataclasses import replace

from ingest import languages
from rag_flywheel.domain import Chunk, Document, DocumentId
from tests.fakes.samples import chunk

GERMAN = "Nach drei falschen Eingaben wird die Karte gesperrt. Zum Entsperren brauchen Sie die achtstellige Nummer."
ENGLISH = "After three wrong entries the card is blocked. To unblock it you need the number with eight digits."


def document(text: str, *, language: str = "", declared: bool = False) -> Document:
    return Document(
        document_id=DocumentId("a"), title="A", text=text, source="a.md", language=language, declared=declared
    )


def told(*documents: Document) -> list[str]:
    return [found.language for found in languages.of_corpus([*map(languages.told, documents)])]


def cut(document: Document) -> list[Chunk]:
    return [chunk("a", text=text, start=at) for at, text in enumerate(document.text.split("\n"))]


def test_a_document_is_in_the_language_of_its_text_whatever_its_file_names() -> None:
    assert told(document(GERMAN), document(ENGLISH, language="de")) == ["de", "en"]


def test_a_text_that_tells_no_language_is_in_that_of_its_file_or_in_that_of_most_of_the_corpus() -> None:
    table = document("640 x 480 60 Hz")
    assert told(table, document(GERMAN * 2), document(ENGLISH)) == ["de", "de", "en"]
    assert told(replace(table, language="fr"), document(GERMAN)) == ["fr", "de"]
    assert told(table) == ["en"]


def test_a_file_cannot_make_up_a_language() -> None:
    assert told(document("640 x 480", language="xqz"), document(GERMAN)) == ["de", "de"]


def test_what_a_source_declares_holds_for_all_of_a_document() -> None:
    declared = document(ENGLISH, language="gsw", declared=True)
    assert told(declared) == ["gsw"]
    assert [piece.language for piece in languages.of_chunks([declared], cut)] == ["gsw"]


def test_a_document_may_hold_chunks_in_several_languages() -> None:
    both = document(f"{GERMAN}\n{ENGLISH}\n640 x 480", language="de")
    assert [piece.language for piece in languages.of_chunks([both], cut)] == ["de", "en", "de"]


def test_a_short_correction_is_in_the_language_of_the_corpus() -> None:
    [answer] = languages.of_answers([document("Ja, 30")], languages.of_corpus([languages.told(document(GERMAN))]))
    assert answer.language == "de"
