"""Which language each document and each of its chunks is in.

What a source declares holds. Else the text tells, where it does so clearly; then what the file itself names, which is
often left over from a template; then the language that most of the corpus is in.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from rag_flywheel.domain import Chunk, Document
from rag_flywheel.search.languages import DEFAULT, language_of, tellable


def told(document: Document) -> Document:
    """The document with the language that it says, or its text, or its file; without one where nothing tells."""
    if document.declared:
        return document
    named = document.language if document.language in tellable() else ""  # a file may name anything
    return replace(document, language=language_of(document.text) or named)


def of_corpus(documents: Sequence[Document]) -> list[Document]:
    """The documents, which are `told`, each with a language."""
    return _filled(documents, main(documents))


def of_answers(documents: Iterable[Document], corpus: Sequence[Document]) -> list[Document]:
    """Corrections to a corpus, each with a language."""
    return _filled([told(document) for document in documents], main(corpus))


def of_chunks(documents: Iterable[Document], cut: Callable[[Document], Iterable[Chunk]]) -> list[Chunk]:
    """The chunks of the documents, each with its language: one manual may say the same in several."""
    return [
        replace(
            piece, language=document.language if document.declared else language_of(piece.text) or document.language
        )
        for document in documents
        for piece in cut(document)
    ]


def main(documents: Iterable[Document]) -> str:
    """The language that most of the text is in, as far as it is known."""
    characters = Counter[str]()
    for document in documents:
        characters[document.language] += len(document.text) if document.language else 0
    return max(sorted(characters), key=lambda language: characters[language], default="") or DEFAULT


def _filled(documents: Sequence[Document], usual: str) -> list[Document]:
    return [document if document.language else replace(document, language=usual) for document in documents]
