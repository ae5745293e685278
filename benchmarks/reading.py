"""How the time of reading, cleaning and chunking grows with a file: it should be a line.

Files of each kind are made, of words drawn by Zipf's law, and taken through the three stages in this process, one after
the other. Shown are seconds of processor time for a megabyte of the file, and their ratio to those of the smallest file
of its kind: near 1 the growth is linear, and near the ratio of the sizes it is quadratic. A stage that has taken longer
than `--most` is left out for larger files. Usage:

    python benchmarks/reading.py [--sizes 1 5 10 25 50] [--kinds txt md html csv jsonl pdf] [--most 60]
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ingest import chunking
from ingest.cleaning.screening import Cleaned, clean
from ingest.reading import formats
from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Document

STAGES = ("read", "clean", "chunk")
VOCABULARY = 20_000
_PAGE = 5000  # bytes of a PDF, about
SETTINGS = Ingest()
ENCODER = SentenceEncoder("all-MiniLM-L6-v2", batch=8, query_prefix="", document_prefix="")  # its tokens are counted

Sentences = Callable[[int], list[str]]
"""Gets how many, gives new ones."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 5, 10, 25, 50], help="megabytes")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--most", type=float, default=60, help="seconds that a stage may take before it is given up")
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} processors"
    )
    print("| file | " + " | ".join(f"{stage}, s/MB | ratio" for stage in STAGES) + " |")
    print("| --- |" + " ---: | ---: |" * len(STAGES))
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds:
            _show(kind, options.sizes, options.most, Path(folder))


def _show(kind: str, sizes: list[float], most: float, folder: Path) -> None:
    first: dict[str, float] = {}
    given_up: set[str] = set()
    _measured(kind, _made(kind, 0.05, folder), given_up)  # imports cost nothing later
    for size in sizes:
        path = _made(kind, size, folder)
        megabytes = path.stat().st_size / (1 << 20)
        cells = []
        for stage, seconds in _measured(kind, path, given_up).items():
            pace = seconds / megabytes
            cells.append(f"{pace:.3f} | {pace / first.setdefault(stage, pace):.1f}")
            if seconds > most:
                given_up |= set(STAGES[STAGES.index(stage) :])
        cells += ["- | -"] * (len(STAGES) - len(cells))
        print(f"| {kind}, {megabytes:.0f} MB | {' | '.join(cells)} |", flush=True)
        path.unlink()


def _measured(kind: str, path: Path, given_up: set[str]) -> dict[str, float]:
    """Seconds of processor time by stage."""
    seconds: dict[str, float] = {}
    if "read" in given_up:
        return seconds
    started = time.process_time()
    raw, _ = formats.read(path.name, path)
    seconds["read"] = time.process_time() - started
    assert raw, f"nothing was read of {path.name}"
    if "clean" in given_up:
        return seconds
    started = time.process_time()
    cleaned = [clean(document) for document in raw]
    seconds["clean"] = time.process_time() - started
    documents: list[Document] = [kept.document for kept in cleaned if isinstance(kept, Cleaned)]
    assert documents, f"nothing is left of {path.name}"
    if "chunk" in given_up:
        return seconds
    started = time.process_time()
    for document in documents:
        chunking.chunk(document, SETTINGS, ENCODER)
    seconds["chunk"] = time.process_time() - started
    return seconds


# --- files ------------------------------------------------------------------------------------------------------------


def _made(kind: str, megabytes: float, folder: Path) -> Path:
    path = folder / f"made.{kind}"
    path.write_bytes(KINDS[kind](int(megabytes * (1 << 20)), _sentences()))
    return path


def _sentences() -> Sentences:
    random = np.random.default_rng(1)
    words = np.array([f"w{number}" for number in range(VOCABULARY)])

    def some(count: int) -> list[str]:
        drawn = words[random.zipf(1.3, size=(count, 12)) % VOCABULARY]
        return [" ".join(row).capitalize() + "." for row in drawn]

    return some


def _until(size: int, part: Callable[[int], str]) -> bytes:
    parts: list[str] = []
    length = 0
    while length < size:
        parts.append(part(len(parts)))
        length += len(parts[-1])
    return "".join(parts).encode()


def _text(size: int, some: Sentences) -> bytes:
    return _until(size, lambda number: " ".join(some(5)) + "\n\n")


def _markdown(size: int, some: Sentences) -> bytes:
    def part(number: int) -> str:
        items = "\n".join(f"- {sentence}" for sentence in some(3))
        return f"## Part {number}\n\n{' '.join(some(4))}\n\n{items}\n\n```\ncode {number}\n```\n\n"

    return _until(size, part)


def _html(size: int, some: Sentences) -> bytes:
    def part(number: int) -> str:
        row = "".join(f"<td>{sentence}</td>" for sentence in some(2))
        return f"<h2>Part {number}</h2><p>{' '.join(some(4))}</p><ul><li>{some(1)[0]}</ul><table><tr>{row}</table>\n"

    return b"<!doctype html><title>Made</title><body>" + _until(size, part)


def _csv(size: int, some: Sentences) -> bytes:
    return b"part,what,why\n" + _until(size, lambda number: f"{number},{some(1)[0]},{some(1)[0]}\n")


def _json_lines(size: int, some: Sentences) -> bytes:
    return _until(size, lambda number: f'{{"_id": {number}, "title": "T", "text": "{" ".join(some(8))}"}}\n')


def _pdf(size: int, some: Sentences) -> bytes:
    """Pages of 60 lines each, not packed."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    pages = []
    for _ in range(0, size, _PAGE):
        content = "BT /F 8 Tf 10 TL 40 800 Td " + "".join(f"({sentence}) '\n" for sentence in some(60)) + "ET"
        pages.append(f"{len(objects) + 2} 0 R")
        objects += [
            f"<</Length {len(content)}>>\nstream\n{content}\nendstream",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 820]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {len(objects) + 1} 0 R>>",
        ]
    objects[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(pages)}]>>"
    parts, places, length = ["%PDF-1.7\n"], [], 9
    for number, body in enumerate(objects, start=1):
        places.append(f"{length:010} 00000 n \n")
        parts.append(f"{number} 0 obj\n{body}\nendobj\n")
        length += len(parts[-1])
    parts.append(f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{''.join(places)}")
    parts.append(f"trailer\n<</Root 1 0 R/Size {len(places) + 1}>>\nstartxref\n{length}\n%%EOF\n")
    return "".join(parts).encode()


KINDS: Mapping[str, Callable[[int, Sentences], bytes]] = {
    "txt": _text,
    "md": _markdown,
    "html": _html,
    "csv": _csv,
    "jsonl": _json_lines,
    "pdf": _pdf,
}

if __name__ == "__main__":
    main()
