"""A small BEIR folder with wordings of the same questions, written for tests of the replay."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

THINGS = (
    ("boiler pilot flame", "hold ignition ten seconds"),
    ("dishwasher salt container", "refill monthly and tighten"),
    ("freezer drawer ice", "thaw overnight with open door"),
    ("printer cartridge lamp", "swap when orange blinks"),
    ("router reset pin", "press using a needle"),
    ("kettle lime rinse", "cook vinegar twice"),
    ("thermostat holiday dial", "turn towards snowflake"),
    ("vacuum foam filter", "wash under tap"),
    ("toaster crumb tray", "shake over sink"),
    ("blender jar lock", "twist clockwise until clicking"),
    ("camera battery port", "charge below lens"),
    ("scooter brake start", "squeeze both then kick"),
)
"""A thing, and what its page says of it; no two pages share a word."""

WORDINGS = ("Explain {}", "{} please?", "Quick help about {}")


def queries() -> list[dict[str, Any]]:
    """Three wordings of a question about each thing, with the page's text as the gold answer."""
    return [
        {
            "_id": f"{_name(thing)}-{number}",
            "text": wording.format(thing),
            "answer": _page(thing, text),
            "cluster": _name(thing),
        }
        for thing, text in THINGS
        for number, wording in enumerate(WORDINGS)
    ]


def documents() -> list[dict[str, Any]]:
    return [
        {"_id": f"page-{_name(thing)}", "title": _name(thing).title(), "text": _page(thing, text)}
        for thing, text in THINGS
    ]


def judgements() -> list[tuple[str, str, int]]:
    return [(str(query["_id"]), f"page-{query['cluster']}", 1) for query in queries()]


def write(
    folder: Path,
    *,
    asked: Sequence[Mapping[str, Any]] | None = None,
    pages: Sequence[Mapping[str, Any]] | None = None,
    judged: Sequence[tuple[str, str, int]] | None = None,
) -> Path:
    """The folder, with what is given in the place of the small set's own."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    lines(folder / "corpus.jsonl", documents() if pages is None else pages)
    lines(folder / "queries.jsonl", queries() if asked is None else asked)
    rows = [
        "query-id\tcorpus-id\tscore",
        *("\t".join(map(str, row)) for row in (judgements() if judged is None else judged)),
    ]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def lines(file: Path, values: Sequence[Mapping[str, Any]]) -> None:
    file.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def _name(thing: str) -> str:
    return thing.partition(" ")[0]


def _page(thing: str, text: str) -> str:
    return f"{thing.capitalize()}: {text}."
