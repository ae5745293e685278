"""Readers as LlamaIndex has them, each with what can be odd about one."""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Page:
    """What is read of LlamaIndex's documents. Its id is random where the reader gives none, as LlamaIndex has it."""

    text: str
    metadata: dict[str, Any] = field(default_factory=dict)
    id_: str = field(default_factory=lambda: str(uuid.uuid4()))


class Wiki:
    """Pages that stand in a file, `[[text, metadata, id or null], ...]`, so that a test may change them."""

    def __init__(self, file: str) -> None:
        self.file = file

    def load_data(self, token: str = "") -> list[Page]:
        print("said", token)  # noqa: T201  # as readers do
        print("said", token, file=sys.stderr)  # noqa: T201
        pages = json.loads(Path(self.file).read_text())
        return [Page(text, metadata) if name is None else Page(text, metadata, name) for text, metadata, name in pages]


class Given:
    """One page that says what the reader was given."""

    def __init__(self, base: str, both: int = 0) -> None:
        self.made = {"base": base, "both": both}

    def load_data(self, query: str, both: int = 0, **others: object) -> list[Page]:
        return [Page(json.dumps([self.made, {"query": query, "both": both, **others}]), id_="given")]


class Strict:
    def load_data(self, query: str) -> list[Page]:
        return [Page(query, id_="strict")]


class Many:
    """As many pages as one asks for, one at a time."""

    def load_data(self, count: int) -> Iterator[Page]:
        return (Page(f"Page {number}.", {"url": f"https://w/{number}"}) for number in range(count))


class Broken:
    """A reader that fails in a way of its own."""

    def __init__(self, how: str) -> None:
        self.how = how

    def load_data(self) -> list[Page]:
        if self.how == "raises":
            try:
                raise ConnectionRefusedError(111, "Connection refused: https://secret.example.org")
            except OSError as error:
                raise RuntimeError("no answer from https://secret.example.org") from error
        if self.how == "exits":
            sys.exit(1)
        if self.how == "crashes":
            os.abort()
        if self.how == "hangs":
            if os.fork() == 0:
                time.sleep(600)
            time.sleep(600)
        if self.how == "fills the memory":
            return [Page("x" * (1 << 33))]
        return [] if self.how == "gives nothing" else [Page(" ")]
