"""Files that do harm to their readers, made by code. Each holds MARK where it holds text, so that leaks are seen."""

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from email.message import EmailMessage

MARK = "zanzibar"
SECRET = "the-file-beside-says-marzipan"
"""What a file beside them holds: `beside.secret`."""
BOMB_MB = 60
"""What the archives and streams that are bombs come to, unpacked."""

_WORDS = f"{MARK} and some more words of a sentence that is read. "
_LAUGHS = (
    '<!DOCTYPE b [<!ENTITY a0 "zanzibar">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)
_OUTSIDE = '<!DOCTYPE b [<!ENTITY x SYSTEM "beside.secret">]>'

Make = Callable[[], bytes]


# --- texts ------------------------------------------------------------------------------------------------------------

TEXTS: Mapping[str, Make] = {
    "empty.txt": lambda: b"",
    "spaces.txt": lambda: b" \t\n" * 10_000,
    "gzip.txt": lambda: gzip.compress(_WORDS.encode() * 100),
    "picture.txt": lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + MARK.encode() + bytes(range(256)) * 40,
    "controls.txt": lambda: (MARK + "\x01\x02\x03\x04\xff").encode("latin-1") * 1000,
    "replaced.txt": lambda: ("\ufffd" * 50 + " " + MARK).encode() * 100,
    "signs.txt": lambda: b"=+-*/ " * 5000,
    "no-words.html": lambda: f"<html><script>{MARK}</script></html>".encode(),
}
"""Those that hold nothing to read, and must be named."""

ENDURED_TEXTS: Mapping[str, Make] = {
    "utf16-without-bom.txt": lambda: (_WORDS * 50).encode("utf-16-le"),
    "one-line.txt": lambda: _WORDS.encode() * 20_000,
    "one-word.txt": lambda: MARK.encode() * 100_000,
    "line-ends.txt": lambda: _WORDS.encode() + b"\n" * 500_000 + _WORDS.encode(),
    "gap.txt": lambda: (_WORDS + " " * 2_000_000 + _WORDS).encode(),
    "gaps.txt": lambda: (_WORDS + " \t" * 50_000 + "\n").encode() * 20,
    "marks.txt": lambda: (_WORDS + "e" + "\u0301\u0323" * 100_000).encode(),
    "half.txt": lambda: _WORDS.encode() * 50 + b"\xe2\x82",
    "hyphens.txt": lambda: (MARK + "-\n" * 50_000 + _WORDS).encode(),
    "front.md": lambda: b"---\n" + b"title: [unclosed\n" * 30_000 + _WORDS.encode(),
    "quotes.md": lambda: (">" * 100_000 + " " + _WORDS).encode(),
    "brackets.md": lambda: (_WORDS + "[" * 200_000 + "]" * 200_000).encode(),
    "links.md": lambda: (_WORDS + "[a](" * 100_000).encode(),
    "pictures.md": lambda: (_WORDS + "![a](data:image/png;base64,").encode() + b"QUJD" * 250_000,
    "stars.md": lambda: (_WORDS + "*a_" * 100_000).encode(),
    "fences.md": lambda: (_WORDS + "\n```\n~~~\n" * 30_000).encode(),
    "ticks.md": lambda: (_WORDS + "".join("`" * (n % 500) + "a" for n in range(5_000))).encode(),
    "headings.md": lambda: b"".join(b"# a\n" for _ in range(50_000)) + _WORDS.encode(),
    "underlines.md": lambda: ("a\n===\n" * 20_000 + _WORDS).encode(),
    "wide-table.md": lambda: ("|a" * 100_000 + "|\n" + "|-" * 100_000 + "|\n" + _WORDS).encode(),
    "comments.md": lambda: (_WORDS + "<!--" * 200_000).encode(),
    "laughs.md": lambda: (
        "---\na0: &a0 [zanzibar]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
        + f"title: *a9\n---\n{_WORDS}"
    ).encode(),
    "unclosed.mdx": lambda: ("<Note>" * 50_000 + "{" * 50_000 + _WORDS).encode(),
    "imports.mdx": lambda: ('import {a} from "b"\nexport const x = {\n' * 50_000 + _WORDS).encode(),
    "deep.html": lambda: ("<div>" * 100_000 + _WORDS).encode(),
    "deep-list.html": lambda: ("<ul><li>" * 20_000 + _WORDS).encode(),
    "deep-table.html": lambda: ("<table><tr><td>" * 3_000 + _WORDS).encode(),
    "unclosed.html": lambda: (f"<p>{_WORDS}" + "<b><i><a href=x>" * 30_000).encode(),
    "attributes.html": lambda: (f"<p {' '.join(f'a{n}=1' for n in range(50_000))}>{_WORDS}").encode(),
    "comment.html": lambda: (f"<p>{_WORDS}<!--" + "-" * 500_000).encode(),
    "less.html": lambda: (f"<p>{_WORDS}</p>" + "<" * 100_000).encode(),
    "lies.html": lambda: f'<meta charset="utf-16"><p>{_WORDS}'.encode(),
    "nonsense.html": lambda: f'<meta charset="rot13"><p>{_WORDS}'.encode(),
    "laughs.html": lambda: (_LAUGHS + f"<p>&a11; {_WORDS}").encode(),
    "zeros.html": lambda: f"<p>{_WORDS}\0\0".encode(),
    "wide.csv": lambda: (",".join(f"c{n}" for n in range(100_000)) + "\n" + ",".join("a" * 100_000) + "\n").encode(),
    "wide-rows.csv": lambda: b"a,b\n" + (b"," * 20_000 + b"x\n") * 50,
    "quote.csv": lambda: ('a,b\n1,"' + _WORDS * 40_000).encode(),
    "quotes.csv": lambda: b"a,b\n" + b'"' * 2_000_001,
    "zeros.csv": lambda: f"a,b\n{_WORDS},\0\n".encode(),
    "sniff.csv": lambda: ('"' + "a;b,c\t|" * 100_000).encode(),
    "include.rst": lambda: f".. include:: beside.secret\n\n.. raw:: html\n   :file: beside.secret\n\n{_WORDS}".encode(),
    "table.rst": lambda: f".. csv-table::\n   :file: beside.secret\n\n{_WORDS}".encode(),
    "circle.rst": lambda: f".. |a| replace:: |b|\n.. |b| replace:: |a|\n\n|a| {_WORDS}".encode(),
    "deep.rst": lambda: "".join(" " * n + "- a\n\n" for n in range(0, 4_000, 2)).encode() + _WORDS.encode(),
    "titles.rst": lambda: ("a\n=\n\n" * 50_000 + _WORDS).encode(),
    "unclosed.rst": lambda: (_WORDS + "*a `b |c " * 50_000).encode(),
    "include.adoc": lambda: f"= A\n\ninclude::beside.secret[]\n\n{_WORDS}".encode(),
    "circle.adoc": lambda: f"= A\n:a: {{b}}\n:b: {{a}}\n\n{{a}} {_WORDS}".encode(),
    "unclosed.adoc": lambda: ("====\n|===\n----\n" * 30_000 + _WORDS).encode(),
    "nested.ipynb": lambda: b'{"cells": ' + b"[" * 100_000,
    "shape.ipynb": lambda: json.dumps({"cells": {"a": [MARK]}, "nbformat": "x", "metadata": []}).encode(),
    "output.ipynb": lambda: _notebook("a" * 1_000_000),
    "deep.eml": lambda: _nested_mail(400),
    "charset.eml": lambda: f"Subject: a\nContent-Type: text/plain; charset=rot13\n\n{_WORDS}".encode(),
    "base64.eml": lambda: f"Subject: a\nContent-Transfer-Encoding: base64\n\n{_WORDS * 100}".encode(),
    "header.eml": lambda: ("Subject: " + "=?utf-8?q?a?= " * 100_000 + f"\n\n{_WORDS}").encode(),
    "headers.eml": lambda: ("X-A: b\n" * 100_000 + f"\n{_WORDS}").encode(),
    "boundary.eml": lambda: ("Content-Type: multipart/mixed; boundary=a\n\n" + "--a\n\nb\n" * 50_000).encode(),
}


def _notebook(output: str) -> bytes:
    cell = {"cell_type": "code", "source": [_WORDS], "metadata": {}, "execution_count": 1}
    outputs = [{"output_type": "stream", "name": "stdout", "text": [output]}]
    cells = [{**cell, "outputs": outputs}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def _nested_mail(depth: int) -> bytes:
    message = EmailMessage()
    message.set_content(_WORDS)
    head = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(depth))
    return b"Subject: a\n" + head + message.as_bytes()


# --- JSON lines -------------------------------------------------------------------------------------------------------


def line(identity: str, more: str = "") -> bytes:
    """A line that is good, where the id, written in JSON, is."""
    return _line(identity, json.dumps(f"{_WORDS}{more}"))


def _line(identity: str, text: str = json.dumps(_WORDS)) -> bytes:
    return f'{{"_id": {identity}, "text": {text}}}\n'.encode()


LINES: Mapping[str, Make] = {
    "nested.jsonl": lambda: b'{"_id": "a", "text": ' + b"[" * 100_000 + b"\n",
    "objects.jsonl": lambda: b'{"a":' * 100_000 + b"\n",
    "digits.jsonl": lambda: _line("1" * 5_000),
    "surrogate.jsonl": lambda: _line(r'"a\ud800b"'),
    "infinity.jsonl": lambda: _line("-Infinity") + _line("NaN") + _line("1e400") + _line("null") + _line("[]"),
    "controls.jsonl": lambda: _line(r'"a\u001b[31mb"') + _line(r'"a\u0000"') + _line(r'"a\u2028b"'),
    "long-id.jsonl": lambda: _line(f'"{"a" * 10_000}"'),
    "twice.jsonl": lambda: b'{"_id": "a", "_id": "b", "text": "zanzibar and more words"}\n',
    "unclosed.jsonl": lambda: b'{"_id": "a", "text": "' + MARK.encode() * 500_000 + b"\n",
    "latin.jsonl": lambda: '{"_id": "ä", "text": "zanzibar é"}\n'.encode("latin-1"),
    "texts.jsonl": lambda: _line('"n"', "5") + _line('"l"', "[]") + _line('"e"', '""') + _line('"s"', r'"\ud800"'),
    "values.ndjson": lambda: b'5\n"zanzibar"\n[]\nnull\ntrue\nNaN\n',
    "many.jsonl": lambda: b"zanzibar\n" * 50_000,
    "zeros.jsonl": lambda: b"\0" * 100_000 + b"\n",
}
"""Files whose lines are bad and must be named. A good one may be put after them."""


# --- archives ---------------------------------------------------------------------------------------------------------


def archive(files: Mapping[str, bytes], bomb: str = "") -> bytes:
    """A ZIP archive, with a member that unpacks to BOMB_MB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, data in files.items():
            made.writestr(name, data)
        if bomb:
            with made.open(bomb, "w") as member:
                for _ in range(BOMB_MB):
                    member.write(b" " * (1 << 20))
    return packed.getvalue()


def _types(main: str, kind: str) -> dict[str, bytes]:
    office = "http://schemas.openxmlformats.org"
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{office}/package/2006/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType='
            f'"application/xml"/><Override PartName="/{main}" ContentType="{kind}"/></Types>'
        ).encode(),
        "_rels/.rels": (
            f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" Type='
            f'"{office}/officeDocument/2006/relationships/officeDocument" Target="{main}"/></Relationships>'
        ).encode(),
    }


_KINDS = {
    ".docx": ("word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
    ".pptx": (
        "ppt/presentation.xml",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    ),
    ".xlsx": ("xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
    ".epub": ("OPS/package.opf", "application/oebps-package+xml"),
}
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _office(suffix: str, main: bytes, more: Mapping[str, bytes] = {}) -> bytes:
    name, kind = _KINDS[suffix]
    container = (
        b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile '
        b'full-path="OPS/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    book = {"mimetype": b"application/epub+zip", "META-INF/container.xml": container} if suffix == ".epub" else {}
    return archive({**book, **_types(name, kind), name: main, **more})


def _of_every_kind(suffix: str) -> dict[str, Make]:
    name, kind = _KINDS[suffix]
    whole = lambda: _office(suffix, f"<a>{_WORDS}</a>".encode() * 1)  # noqa: E731
    return {
        f"bomb{suffix}": lambda: archive(_types(name, kind), bomb=name),
        f"bomb-beside{suffix}": lambda: archive({**_types(name, kind), name: b"<a/>"}, bomb="media/image.bin"),
        f"laughs{suffix}": lambda: _office(suffix, f"{_LAUGHS}<a>&a11;</a>".encode()),
        f"outside{suffix}": lambda: _office(suffix, f"{_OUTSIDE}<a>&x;</a>".encode()),
        f"deep{suffix}": lambda: _office(suffix, b"<a>" * 100_000 + b"</a>" * 100_000),
        f"cut{suffix}": lambda: whole()[:200],
        f"no-archive{suffix}": lambda: _WORDS.encode(),
        f"missing{suffix}": lambda: archive({"a.txt": _WORDS.encode()}),
        f"members{suffix}": lambda: archive({f"{n}.xml": b"" for n in range(5_000)}),
        f"lies{suffix}": lambda: _lying(archive({**_types(name, kind), name: b"<a>" + b" " * 10_000_000 + b"</a>"})),
        f"crypt{suffix}": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4_000,
    }


def _lying(packed: bytes) -> bytes:
    """The archive, whose members are said to unpack to one byte."""
    size = (10_000_007).to_bytes(4, "little")
    assert size in packed
    return packed.replace(size, b"\x01\0\0\0")


ARCHIVES: Mapping[str, Make] = {name: make for suffix in _KINDS for name, make in _of_every_kind(suffix).items()}
"""Those that hold nothing that their format means, and must be named."""

ENDURED_ARCHIVES: Mapping[str, Make] = {
    "laughs-inside.docx": lambda: _office(
        ".docx",
        f"{_LAUGHS}<w:document {_W}><w:body><w:p><w:r><w:t>{_WORDS}&a11;</w:t></w:r></w:p></w:body>".encode()
        + b"</w:document>",
    ),
    "outside-inside.docx": lambda: _office(
        ".docx",
        f"{_OUTSIDE}<w:document {_W}><w:body><w:p><w:r><w:t>{_WORDS}&x;</w:t></w:r></w:p></w:body>".encode()
        + b"</w:document>",
    ),
    "tables.docx": lambda: _office(
        ".docx",
        f"<w:document {_W}><w:body>".encode()
        + b"<w:tbl><w:tr><w:tc>" * 500
        + f"<w:p><w:r><w:t>{_WORDS}</w:t></w:r></w:p>".encode()
        + b"</w:tc></w:tr></w:tbl>" * 500
        + b"</w:body></w:document>",
    ),
    "up.epub": lambda: archive({"mimetype": b"application/epub+zip", "../../beside.secret": _WORDS.encode()}),
}


# --- PDF --------------------------------------------------------------------------------------------------------------


def pdf(content: bytes, *, kids: str = "3 0 R", count: str = "1", stream: str = "") -> bytes:
    """A PDF of one page."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(content)}{stream}>>\nstream\n".encode() + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    made, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(f"{len(made):010} 00000 n \n")
        made += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{''.join(places)}"
    return made + f"{table}trailer\n<</Root 1 0 R/Size 6>>\nstartxref\n{len(made)}\n%%EOF\n".encode()


def _shown(text: str) -> bytes:
    return f"BT /F 12 Tf 20 700 Td ({text}) Tj ET\n".encode()


def _inflating() -> bytes:
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(BOMB_MB))
    return packed + packer.flush()


PDFS: Mapping[str, Make] = {
    "cut.pdf": lambda: pdf(_shown(_WORDS))[:120],
    "no-pdf.pdf": lambda: _WORDS.encode(),
    "no-text.pdf": lambda: pdf(b"0 0 m 100 100 l S"),
    "bomb.pdf": lambda: pdf(_inflating(), stream="/Filter/FlateDecode"),
    "no-root.pdf": lambda: b"%PDF-1.7\ntrailer\n<</Root 9 0 R>>\n%%EOF\n",
    "xref-circle.pdf": lambda: b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Prev 9/Root 1 0 R>>\nstartxref\n9\n%%EOF\n",
}
ENDURED_PDFS: Mapping[str, Make] = {
    "circle.pdf": lambda: pdf(_shown(_WORDS), kids="2 0 R 3 0 R"),
    "pages.pdf": lambda: pdf(_shown(_WORDS), kids="3 0 R " * 300, count="99999999"),
    "arrays.pdf": lambda: pdf(b"[" * 100_000 + b"]" * 100_000 + b" TJ " + _shown(_WORDS)),
    "operators.pdf": lambda: pdf(b"q " * 100_000 + _shown(_WORDS)),
    "double-bomb.pdf": lambda: pdf(zlib.compress(_inflating()), stream="/Filter[/FlateDecode/FlateDecode]"),
}

MUST_BE_NAMED: Mapping[str, Make] = {**TEXTS, **LINES, **ARCHIVES, **PDFS}
MAY_BE_READ: Mapping[str, Make] = {**ENDURED_TEXTS, **ENDURED_ARCHIVES, **ENDURED_PDFS}
