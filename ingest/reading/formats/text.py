"""Plain text."""

from pathlib import Path

from ingest.reading.raw import Content, decode


def read(path: Path) -> Content:
    return Content(title="", text=decode(path.read_bytes()))
