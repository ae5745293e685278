"""What the files of office programs share."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree


def office_title(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return ""
        core = ElementTree.fromstring(archive.read("docProps/core.xml"))
    title = core.findtext("{http://purl.org/dc/elements/1.1/}title") or ""
    return "" if title.strip() in ("Word Document", "PowerPoint Presentation") else title.strip()
