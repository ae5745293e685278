"""PDF to text, through LlamaIndex's reader."""

import re
from pathlib import Path

from ingest.reading.llama import llama_readers
from ingest.reading.raw import PAGE_BREAK, Content, Unreadable


def read(path: Path) -> Content:
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError, PyPdfError
    from tenacity import RetryError

    try:
        pages = [page.text for page in llama_readers().PDFReader().load_data(path)]
    except RetryError as error:  # the reader's own wrapper around whatever went wrong
        cause = error.last_attempt.exception()
        if isinstance(cause, FileNotDecryptedError):
            raise Unreadable("is encrypted; save it without a password") from error
        raise Unreadable(f"is a damaged PDF ({type(cause).__name__})") from error
    try:
        metadata = PdfReader(path).metadata
        title = (metadata.title if metadata else None) or ""
    except (PyPdfError, ValueError, TypeError, AttributeError, KeyError):
        title = ""  # the pages were read, so a damaged title is no reason to leave the document out
    if re.search(r"(?i)^(?:untitled|microsoft word\b.*|.*\.\w{3,4})$", title.strip()):
        title = ""
    text = f"\n{PAGE_BREAK}\n".join(pages) if any(page.strip() for page in pages) else ""
    return Content(title=title, text=text)
