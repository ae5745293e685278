"""Markdown and MDX: the source as it is written, without what a page made from it would not show.

A CommonMark parser says what is code, what is HTML and where each piece stands, so only those pieces change.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from ingest.reading.formats import markdown_tags
from ingest.reading.formats.front_matter import front_matter
from ingest.reading.formats.markdown_dialects import marks, without_indented_marks
from ingest.reading.formats.markdown_pieces import Edit, Piece, edited, pieces, shown
from ingest.reading.raw import Content, Removal, decode

_LONGEST_HEADING = 200  # characters with a line below them; more are a paragraph above a rule
_ATTRIBUTES = re.compile(rb"[ \t]*\{:?[ \t]*[#.][^{}\n]{0,200}\}[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"\n[ \t>]*(?:=+|-+)\s*\Z")
_DEFINITION = re.compile(
    rb"^ {0,3}\[((?!\^)[^\[\]\n]{1,999})\]:[ \t]*\S+(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
_BADGE = re.compile(r"(?i)(?:^|[/._-])(?:badges?|badgen|shields)(?:$|[/._-])")
_WORDS = re.compile(rb"!\[([^\[\]]*)\]")
_CALLED = re.compile(rb"(?i)\bbadge\s*$")
_ELSEWHERE = re.compile(r"(?i)(?:https?:)?//[^?#]*(?:\?|\.svg(?:#|$))")  # a drawing, or made for the one who asks
_BETWEEN = re.compile(rb"\n[ \t>]*\n")  # paragraphs
_LINKED = re.compile(rb"\](?:\([^()\s]*(?:\s+\"[^\"\n]*\")?\)|\[[^\[\]\n]*\])")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#*)?$", re.MULTILINE)


def read(path: Path) -> Content:
    return from_markdown(decode(path.read_bytes()), mdx=path.suffix.lower() == ".mdx")


def from_markdown(text: str, *, mdx: bool = False) -> Content:
    """The text with headings that begin with #, without comments, tags, components, pictures in place and front matter.

    What tags and components hold stays, and so does what they show of their own (`title`, `label`, `alt`). The title
    comes from the front matter, else from the first heading. Raises Unreadable where the front matter names groups that
    cannot be read.
    """
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    fields = front_matter(text)
    source = without_indented_marks(fields.text).encode()
    found = list(pieces(source))
    edits = [edit for piece in found for edit in _edit(source, piece)]
    edits += markdown_tags.edits(source, found)
    badges = list(_badges(source, found))
    edits += _definitions(source, found, badges)
    edits += [(*_linked(source, badge), b"") for badge in badges]
    left_alone = [(piece.start, piece.end) for piece in found if piece.kind in ("code", "html")]
    marked, removed = marks(source, left_alone, mdx=mdx)
    text = edited(source, [*edits, *marked]).decode()
    return Content(
        title=fields.title or _heading(source, found, edits),
        text=text,
        removed=removed if not badges else (*removed, _listed(source, badges)),
        language=fields.language,
        groups=fields.groups,
    )


def _heading(source: bytes, found: list[Piece], edits: list[Edit]) -> str:
    """The first heading that has words, of Markdown or in a block of HTML, without its marks and tags."""
    instead = {start: new for start, _, new in edits}
    for piece in found:
        if piece.kind == "heading":
            inside = [(a - piece.start, b - piece.start, new) for a, b, new in edits if piece.start <= a < piece.end]
            heading = edited(source[piece.start : piece.end], inside).decode()
            heading = shown(_UNDERLINE.sub("", heading))
            if heading.strip("#"):  # else of pictures without a word
                return heading
        if piece.kind == "html" and (first := _HEADING.search(instead[piece.start].decode())):
            return shown(first[1])
    return ""


def _edit(source: bytes, piece: Piece) -> Iterator[Edit]:
    """What becomes of a piece that is neither code nor HTML."""
    if piece.kind == "picture" and piece.text.lower().startswith("data:"):
        shown = re.match(rb"!\[([^\[\]]*)\]", source[piece.start : piece.end])
        yield piece.start, piece.end, shown[1] if shown else b""
    elif piece.kind == "character" and (piece.text in "<>&\"'" or not piece.text.isascii()):
        yield piece.start, piece.end, piece.text.encode()
    elif piece.kind == "heading":
        lines = source[piece.start : piece.end].rstrip().split(b"\n")
        end = piece.start + len(lines[0])
        if attributes := _ATTRIBUTES.search(lines[0]):
            yield piece.start + attributes.start(), end, b""
        if len(lines) == 2 and len(lines[0]) <= _LONGEST_HEADING:
            yield piece.start, piece.start, b"#" * int(piece.text[1:]) + b" "
            yield end, end + 1 + len(lines[1]), b""


def _badges(source: bytes, found: list[Piece]) -> Iterator[Piece]:
    """Pictures that show a state of today: those whose address calls them badges, and linked ones whose words do, where
    they come from elsewhere as badges do, or stand in a paragraph with one of the first."""
    pictures = [piece for piece in found if piece.kind == "picture"]
    between = [match.start() for match in _BETWEEN.finditer(source)]
    surely = {piece.start for piece in pictures if _BADGE.search(piece.text)}
    paragraphs = {bisect_right(between, start) for start in surely}
    for piece in pictures:
        words = _WORDS.match(source, piece.start, piece.end)
        called = words and _CALLED.search(words[1]) and source[piece.start - 1 : piece.start] == b"["
        likely = _ELSEWHERE.match(piece.text) or bisect_right(between, piece.start) in paragraphs
        if piece.start in surely or (called and likely):
            yield piece


def _linked(source: bytes, badge: Piece) -> tuple[int, int]:
    """Where it stands with the link around it."""
    link = _LINKED.match(source, badge.end)
    if link and source[badge.start - 1 : badge.start] == b"[":
        return badge.start - 1, link.end()
    return badge.start, badge.end


def _listed(source: bytes, badges: list[Piece]) -> Removal:
    shown = tuple(source[badge.start : badge.end].decode()[:200] for badge in badges[:20])
    return Removal(what="badges", count=len(badges), lines=shown)


def _definitions(source: bytes, found: list[Piece], badges: list[Piece]) -> Iterator[Edit]:
    """Links by reference lead where their definitions say, which a page does not show, nor those of badges."""
    labels: set[str] = set()
    for piece in found:
        if piece.kind == "reference" and not re.search(r"[\s()<>]", piece.text):
            end = piece.end + 2 * (source[piece.end : piece.end + 2] == b"[]")
            inner = source.rfind(b"][", piece.start, end)
            if inner < 0 or b"]" in source[inner + 2 : end - 1]:
                inner = end - 1
            yield inner + 1, end, f"({piece.text})".encode()
            labels.add(_label(piece.label))
    labels |= {_label(badge.label) for badge in badges}
    gone = {badge.start for badge in badges}
    labels -= {_label(piece.label) for piece in found if piece.kind == "picture" and piece.start not in gone}
    code = [(piece.start, piece.end) for piece in found if piece.kind in ("code", "html")]
    for definition in _DEFINITION.finditer(source):
        before = bisect_right(code, (definition.start(), len(source))) - 1
        inside = before >= 0 and definition.start() < code[before][1]
        if _label(definition[1].decode()) in labels and not inside:
            yield definition.start(), definition.end(), b""


def _label(name: str) -> str:
    return " ".join(name.split()).casefold()
