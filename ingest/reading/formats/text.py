"""Plain text."""

import re
from pathlib import Path

from ingest.reading.raw import Content, decode

_LOOKS = re.compile(r"\x1b\[[\d;]{0,40}m")  # colours and bold letters of a terminal (ECMA-48)


def read(path: Path) -> Content:
    return Content(title="", text=_LOOKS.sub("", decode(path.read_bytes())))
