"""What the readers of all formats share: documents as their files give them, reports of what is left out, decoding."""

from dataclasses import dataclass

from rag_flywheel.domain import DocumentId

PAGE_BREAK = "\f"
"""Divides the pages in the text of a PDF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What was taken out of a file, though a reader of it could see it, because it is no content: never in silence."""

    what: str  # such as "running heads", "navigation"
    count: int
    lines: tuple[str, ...] = ()  # the lines themselves, where these are what an operator should look at


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file says, as Markdown; `title` is empty where it names none."""

    title: str
    text: str  # pages, where the format has them, are divided by PAGE_BREAK
    removed: tuple[Removal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """A document as its file gives it: neither normalised nor masked, so it is never stored or logged."""

    document_id: DocumentId
    title: str
    text: str
    source: str  # the file's name
    removed: tuple[Removal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What is left out of the corpus, and why. The reason never holds text of a document."""

    name: str  # a file, a file and line, an entry of `sources`, or a document's id
    reason: str
    same_as: DocumentId | None = None  # the document that says the same, where it is left out as a duplicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some whole lines of a file that holds a document a line."""

    start: int  # bytes, inclusive
    end: int  # bytes, exclusive
    first: int  # the number of its first line in the file
    last: int
    digest: str  # SHA-256 of its bytes

    @property
    def lines(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


class Unreadable(Exception):
    """A file or line that cannot be read, with the reason for the report. It never leaves this package."""


def decode(data: bytes) -> str:
    """The text, as UTF-8 where it is, else by its byte order mark, else by the statistics of charset-normalizer."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data:
        raise Unreadable("holds zero bytes, so it is no text")
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return _legacy(data)


def _legacy(data: bytes) -> str:
    from charset_normalizer import from_bytes

    controls = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in data)
    if controls > len(data) / 100:
        raise Unreadable("is no text: it holds control characters")
    best = from_bytes(data).best()
    # A few accents are too little for statistics, and then nearly always the Western code page.
    accents = sum(byte > 127 for byte in data)
    if best is None or accents < 20:
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            pass
    if best is None:
        raise Unreadable("is in no encoding that is known; save it as UTF-8")
    return str(best)
