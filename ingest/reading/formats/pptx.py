"""PowerPoint to text."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

from ingest.reading.formats.office import office_title
from ingest.reading.llama import llama_readers
from ingest.reading.raw import Content, Unreadable


def read(path: Path) -> Content:
    reader = llama_readers().PptxReader(num_workers=0, raise_on_error=True)
    try:
        slides = reader.load_data(path)
        title = office_title(path)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, RuntimeError, ValueError, EOFError) as error:
        raise Unreadable(f"is no PowerPoint file, damaged, or encrypted ({type(error).__name__})") from error
    titles = [str(slide.metadata["title"]).strip() for slide in slides]
    bodies = [_slide_body(slide.text, of) for slide, of in zip(slides, titles, strict=True)]
    text = "\n\n".join(f"## {of}\n\n{body}" if of else body for of, body in zip(titles, bodies, strict=True))
    return Content(title=title or next(filter(None, titles), ""), text=text)


def _slide_body(text: str, title: str) -> str:
    """What the reader made of a slide, without the title that it repeats and the rules that it draws."""
    parts = [part.strip() for part in text.split("\n-----\n") if not part.startswith("Title: ")]
    return "\n\n".join(part.removeprefix(title).strip() for part in parts)
