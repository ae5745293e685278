"""What the files of office programs share."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.raw import Unreadable

if TYPE_CHECKING:
    from lxml import etree

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what old office files begin with, and new ones that a password encrypts

_PLACEHOLDERS = ("Word Document", "PowerPoint Presentation")


def office_title(path: Path) -> str:
    """The title among the properties of a file in Office Open XML, or nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            core = part(archive, "docProps/core.xml")
    except SyntaxError:  # a damaged part that only names the file costs no more than the title
        return ""
    title = "" if core is None else (core.findtext("{http://purl.org/dc/elements/1.1/}title") or "").strip()
    return "" if title in _PLACEHOLDERS else title


def part(archive: zipfile.ZipFile, name: str) -> "etree._Element | None":
    """The root of a part in XML; None where the file has no such part.

    The parser opens nothing and expands no entities, so that no file can make it read or grow without end.
    """
    from lxml import etree

    try:
        data = archive.read(name)
    except KeyError:
        return None
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


def unreadable(path: Path, kind: str, error: Exception) -> Unreadable:
    """Why a file that its parser gave up on cannot be read, as far as its first bytes tell."""
    with path.open("rb") as stream:
        begin = stream.read(len(OLE))
    if begin == OLE and path.suffix.lower() not in (".xls", ".ppt", ".doc"):
        return Unreadable("is encrypted, or in an old format under a new name; save it anew without a password")
    if not begin.startswith(b"PK") and begin != OLE:
        return Unreadable(f"is no {kind}")
    return Unreadable(f"is a damaged {kind} ({type(error).__name__})")
