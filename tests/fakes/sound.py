"""Files with nothing wrong, one or more for every format, made by code."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import PurePath

from ingest.reading.formats import SUFFIXES
from tests.fakes.hostile import archive, pdf

Make = Callable[[str], bytes]
"""A file that says the sentence it is given."""


def _docx(text: str) -> bytes:
    import docx

    document, made = docx.Document(), io.BytesIO()
    document.add_heading("A heading")
    document.add_paragraph(text)
    document.save(made)
    return made.getvalue()


def _pptx(text: str) -> bytes:
    import pptx

    presentation, made = pptx.Presentation(), io.BytesIO()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "A heading"
    slide.placeholders[1].text = text
    presentation.save(made)
    return made.getvalue()


def _xlsx(text: str) -> bytes:
    import openpyxl

    book, made = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["part", "what it does"])
    book.active.append(["lever", text])
    book.save(made)
    return made.getvalue()


def _epub(text: str) -> bytes:
    page = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body><p>{text}</p></body></html>'
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile '
        'full-path="OPS/p.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="i">i</dc:identifier><dc:title>T</dc:title>'
        '<dc:language>en</dc:language></metadata><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+'
        'xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    parts = {"META-INF/container.xml": container, "OPS/p.opf": package, "OPS/a.xhtml": page}
    return archive({"mimetype": b"application/epub+zip", **{name: part.encode() for name, part in parts.items()}})


def _notebook(text: str) -> bytes:
    cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


FORMATS: Mapping[str, Make] = {
    ".md": lambda text: f"# A heading\n\n{text}\n".encode(),
    ".mdx": lambda text: f"# A heading\n\n<Note>\n\n{text}\n\n</Note>\n".encode(),
    ".txt": lambda text: text.encode(),
    ".html": lambda text: f"<!doctype html><title>T</title><h1>A heading</h1><p>{text}".encode(),
    ".htm": lambda text: f"<p>{text}</p>".encode(),
    ".csv": lambda text: f'part,what it does\nlever,"{text}"\nbolt,holds the lever\n'.encode(),
    ".jsonl": lambda text: json.dumps({"_id": text, "text": text}).encode(),
    ".ndjson": lambda text: json.dumps({"_id": f"{text}!", "text": text}).encode(),
    ".rst": lambda text: f"A heading\n=========\n\n{text}\n".encode(),
    ".adoc": lambda text: f"= A heading\n\n{text}\n".encode(),
    ".ipynb": _notebook,
    ".eml": lambda text: f"From: a@example.org\nSubject: A heading\nContent-Type: text/plain\n\n{text}\n".encode(),
    ".pdf": lambda text: pdf(f"BT /F 12 Tf 20 700 Td ({text}) Tj ET".encode()),
    ".docx": _docx,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
    ".epub": _epub,
}


def sentences() -> dict[str, str]:
    """The sentence of each good file, by the file's name. No two have the same words."""
    return {
        f"{number}{suffix}": f"The {number} lever of kind{suffix[1:]} lifts the {number}{suffix[1:]} lid."
        for suffix in FORMATS
        if suffix in SUFFIXES
        for number in ("first", "second", "third", "fourth")
    }


def files() -> dict[str, bytes]:
    """Four good files of each format that can be read, by their names."""
    return {name: FORMATS[PurePath(name).suffix](text) for name, text in sentences().items()}
