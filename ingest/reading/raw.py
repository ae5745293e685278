"""What the readers of all formats share: documents as their files give them, reports of what is left out, decoding."""

from dataclasses import dataclass

from rag_flywheel.domain import DocumentId, shown

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
    language: str = ""  # the tag that the file itself names, which may be left over from a template
    groups: tuple[str, ...] = ()  # that the file itself says it is for


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """A document as its file gives it: neither normalised nor masked, so it is never stored or logged."""

    document_id: DocumentId
    title: str
    text: str
    source: str  # the file's name
    removed: tuple[Removal, ...] = ()
    language: str = ""  # a tag such as de or pt-BR, as the file or its source names it
    declared: bool = False  # whether its source does
    groups: tuple[str, ...] = ()  # that it says it is for itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What is left out of the corpus, and why. The reason never holds text of a document."""

    name: str  # a file, a file and line, an entry of `sources`, or a document's id
    reason: str
    same_as: DocumentId | None = None  # the document that says the same, where it is left out as a duplicate

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name))  # names of files hold anything, and reports show these


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


_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\v\x1b")
_SAMPLE = 256 * 1024  # bytes that say what encoding a file is in
_BAD = "\ufffd"


def decode(data: bytes) -> str:
    """The text, by its byte order mark, else as UTF-16 where zero bytes say so, else as UTF-8 if most of it is, else
    by the statistics of charset-normalizer. A byte that is wrong becomes U+FFFD and does not spoil the others."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if wide := _wide(data[:_SAMPLE]):
        return _text(data.decode(wide, "replace"))
    if len(data) - len(data.translate(None, _CONTROLS)) > len(data) / 100:
        raise Unreadable("is no text: it holds control characters")
    text = data.decode("utf-8", "replace")
    bad = text.count(_BAD) - data.count(_BAD.encode())
    return text if bad == 0 or _accents(text) - bad >= 2 * bad else _legacy(data)


def _wide(sample: bytes) -> str:
    """The kind of UTF-16 or UTF-32 that the places of zero bytes tell, or nothing."""
    quarters = [sample[place::4].count(0) * 4 / max(1, len(sample)) for place in range(4)]
    high = [share > 0.5 for share in quarters]
    kinds = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return kinds.get((high[0], high[1], high[2], high[3]), "")


def _text(text: str) -> str:
    controls = sum(text.count(chr(byte)) for byte in _CONTROLS)
    if controls + text.count(_BAD) > len(text) / 100:
        raise Unreadable("is no text: it holds control characters")
    return text


def _accents(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _legacy(data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = data[:_SAMPLE]
    best = from_bytes(sample).best()
    # A few accents are too little for statistics, and then nearly always the Western code page.
    accents = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    if best is None or accents < 20:
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            pass
    if best is None:
        raise Unreadable("is in no encoding that is known; save it as UTF-8")
    return data.decode(best.encoding, "replace")
