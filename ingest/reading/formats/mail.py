"""E-mail: its subject, who wrote to whom and when, its text, and what is attached."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import webencodings

from ingest.reading import formats
from ingest.reading.formats.html import decode_html, from_html
from ingest.reading.raw import Content, Unreadable, decode

_STUB = 2  # times as many words as its plain text: then the HTML says what that does not
_HEADERS = ("From", "To", "Cc", "Date")


def read(path: Path) -> Content:
    """The message as Markdown: its text, or its HTML where it has no text. What it answers to stays quoted in it."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
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
            yield from _fullest(inner)
        else:
            for child in inner:
                yield from _parts(child)
    elif name := part.get_filename():
        yield from _attached(" ".join(str(name).split()), part)
    elif kind in ("text/plain", "text/html"):
        payload = part.get_payload(decode=True)
        text = _text(part, payload if isinstance(payload, bytes) else b"", html=kind == "text/html")
        yield from_html(text) if kind == "text/html" else Content(title="", text=_unmarked(text))


def _fullest(alternatives: Sequence[EmailMessage]) -> Sequence[Content]:
    """The plain text, or the last alternative where that says far more: then the plain one is a stub."""
    plain = next((part for part in alternatives if part.get_content_type() == "text/plain"), alternatives[-1])
    short, full = list(_parts(plain)), list(_parts(alternatives[-1])) if plain is not alternatives[-1] else []
    return full if _words(full) > _STUB * _words(short) else short


def _words(contents: Sequence[Content]) -> int:
    return sum(len(content.text.split()) for content in contents)


def _attached(name: str, part: EmailMessage) -> Iterator[Content]:
    """The name of the file, and what it says where it can be read."""
    yield Content(title="", text=f"Attached: {name}")
    payload = part.get_payload(decode=True)
    suffix = Path(name).suffix.lower()
    if suffix in formats.SUFFIXES and isinstance(payload, bytes):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"attached{suffix}"
            path.write_bytes(payload)
            documents, _ = formats.read(name, path)
        yield from (Content(title="", text=document.text, removed=document.removed) for document in documents)


def _text(part: EmailMessage, data: bytes, *, html: bool) -> str:
    """The text in the character set that the message declares, unless it is UTF-8 throughout."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        encoding = webencodings.lookup(str(part.get_param("charset") or ""))
    if encoding is not None and not encoding.name.startswith("utf-"):
        return webencodings.decode(data, encoding)[0]
    return decode_html(data) if html else decode(data)


def _unmarked(text: str) -> str:
    """Plain text whose lines are no headings."""
    return re.sub(r"^( {0,3})(#{1,6}[ \t])", r"\1\\\2", text.replace("\r\n", "\n"), flags=re.MULTILINE)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name) or "").split())
    except (ValueError, LookupError, AttributeError, TypeError):
        return ""  # headers that the standard library cannot take apart are no reason to leave a message out
