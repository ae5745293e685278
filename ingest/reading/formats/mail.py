"""E-mail: its subject, who wrote to whom and when, its text, and what is attached."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import webencodings

from ingest.reading import formats
from ingest.reading.formats.calendars import events
from ingest.reading.formats.html import decode_html, from_html
from ingest.reading.raw import Content, Unreadable, decode

_HEADERS = ("From", "To", "Cc", "Date")
_REST = re.compile(rb"\r?\n\r?\n")  # begins what is below the headers
_SUFFIXES = {"csv": ".csv", "tab-separated-values": ".tsv", "markdown": ".md", "x-rst": ".rst"}
"""Of parts that are text of a kind and have no name of a file."""
_WORD = re.compile(r"\w+")
_TABLE = "\n| --- |"
_SIGNATURE = re.compile(r"(?<=\S)\n-- ?$", re.MULTILINE)  # which Markdown would take for a heading's underline


def read(path: Path) -> Content:
    """The message as Markdown: its text, or its HTML where it has no text. What it answers to stays quoted in it."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(_with_utf8_headers(path.read_bytes()))
        if not isinstance(message, EmailMessage) or not message.keys():
            raise Unreadable("is no e-mail: it has no headers")
        contents = list(_contents(message))
    except RecursionError as error:
        raise Unreadable("holds messages in messages too deep") from error
    return Content(
        title=_header(message, "Subject"),
        text="\n\n".join(filter(None, (content.text.strip("\n") for content in contents))) + "\n",
        removed=tuple(removal for content in contents for removal in content.removed),
    )


def _contents(message: EmailMessage) -> Iterator[Content]:
    heads = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
    yield Content(title="", text="\n".join(heads))
    yield from _parts(message)


def _parts(part: EmailMessage) -> Iterator[Content]:
    kind, children = part.get_content_type(), part.get_payload()
    if isinstance(children, list):
        inner = [child for child in children if isinstance(child, EmailMessage)]
        if kind == "message/rfc822":
            for child in inner:
                yield Content(title="", text=f"Forwarded: {_header(child, 'Subject')}")
                yield from _contents(child)
        elif kind == "multipart/alternative" and inner:
            yield from _fullest([child for child in inner if not _is_calendar(child)])
            for child in filter(_is_calendar, inner):
                yield from _parts(child)
        elif kind == "message/delivery-status":
            heads = ["\n".join(f"{key}: {_header(child, key)}" for key in child) for child in inner]
            yield Content(title="", text="\n\n".join(heads))
        else:
            for child in inner:
                yield from _parts(child)
    elif name := " ".join(str(part.get_filename() or "").split()):
        yield Content(title="", text=f"Attached: {name}")
        if _is_calendar(part):
            yield Content(title="", text=events(_text(part)))
        else:
            yield from _read_by_suffix(Path(name).suffix.lower(), part)
    elif kind == "text/html":
        yield from_html(_text(part))
    elif _is_calendar(part):
        yield Content(title="", text=events(_text(part)))
    elif part.get_content_maintype() == "text":
        suffix = _SUFFIXES.get(part.get_content_subtype(), "")
        yield from _read_by_suffix(suffix, part) if suffix else [Content(title="", text=_unmarked(_text(part)))]
    else:
        yield Content(title="", text=f"Attached: {kind}")


def _is_calendar(part: EmailMessage) -> bool:
    """Whether it is an invitation, which stands beside the text, also as one of its alternatives."""
    return part.get_content_type() == "text/calendar" or str(part.get_filename() or "").lower().endswith(".ics")


def _fullest(alternatives: Sequence[EmailMessage]) -> Sequence[Content]:
    """The plain text, or the last alternative where that says more, or the same with tables."""
    if not alternatives:
        return ()
    plain = next((part for part in alternatives if part.get_content_type() == "text/plain"), alternatives[-1])
    short = list(_parts(plain))
    if plain is alternatives[-1]:
        return short
    full = list(_parts(alternatives[-1]))
    words, others = _words(short), _words(full)
    lost, gained = (words - others).total(), (others - words).total()
    has_table = any(_TABLE in content.text for content in full)
    return full if gained > lost or (has_table and not lost) else short


def _words(contents: Sequence[Content]) -> Counter[str]:
    return Counter(word for content in contents for word in _WORD.findall(content.text))


def _read_by_suffix(suffix: str, part: EmailMessage) -> Iterator[Content]:
    """What it says, where a reader is for the suffix."""
    payload = part.get_payload(decode=True)
    if suffix in formats.SUFFIXES and isinstance(payload, bytes):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"attached{suffix}"
            path.write_bytes(payload)
            documents, _ = formats.read(suffix, path)
        yield from (Content(title="", text=document.text, removed=document.removed) for document in documents)


def _with_utf8_headers(data: bytes) -> bytes:
    """The message with headers in UTF-8: no standard lets bytes of an older code page stand there, but they do."""
    below = _REST.search(data)
    end = below.start() if below else len(data)
    try:
        data[:end].decode()
    except UnicodeDecodeError:
        return decode(data[:end]).encode() + data[end:]
    return data


def _text(part: EmailMessage) -> str:
    """The text in the character set that the message declares, unless it is UTF-8 throughout."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        encoding = webencodings.lookup(str(part.get_param("charset") or ""))
    if encoding is not None and not encoding.name.startswith("utf-"):
        return webencodings.decode(data, encoding)[0]
    return decode_html(data) if part.get_content_type() == "text/html" else decode(data)


def _unmarked(text: str) -> str:
    """Plain text whose lines are no headings."""
    text = _SIGNATURE.sub("\n\n-- ", text.replace("\r\n", "\n"))
    return re.sub(r"^( {0,3})(#{1,6}[ \t])", r"\1\\\2", text, flags=re.MULTILINE)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name) or "").split())
    except (ValueError, LookupError, AttributeError, TypeError):
        return ""  # headers that the standard library cannot take apart are no reason to leave a message out
