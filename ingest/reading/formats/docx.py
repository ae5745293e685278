"""Word to text."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

from ingest.reading.formats.office import office_title
from ingest.reading.llama import llama_readers
from ingest.reading.raw import Content, Unreadable


def read(path: Path) -> Content:
    try:
        documents = llama_readers().DocxReader().load_data(path)
        title = office_title(path)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError, ValueError, EOFError) as error:
        raise Unreadable(f"is no Word document, damaged, or encrypted ({type(error).__name__})") from error
    return Content(title=title, text="\n\n".join(document.text for document in documents))
