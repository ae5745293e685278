"""What is left of an answer in a prompt that is too small: `python benchmarks/filling.py DATA`, the folder of the sets.

Each answerable question gets the passage that holds its answer and the four others with most words of the question:
that passage first, or at a place drawn by chance, with scores that fall as 1/rank. They are put into a quarter, a half
and three quarters of the room that all would take: whole by rank as long as they fit, and by shares. The measure is the
share of the answer's longer words in what the model is told, of those that stand in its passage.
"""

import itertools
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rag_flywheel.adapters.models import prompt
from rag_flywheel.domain import Passage
from tests.fakes.samples import found

SETS = ("emanual-tv", "clapnq-dev", "mtragun-fiqa-clapnq")
PLACES = ("first", "by chance")
PARTS = (0.25, 0.5, 0.75)


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{4,}", text.casefold()))


def cost(passage: Passage) -> int:
    told, _ = prompt.answering("", [passage], room=10**6, key=b"k")
    return prompt.tokens(told.user)


def by_rank(passages: Sequence[Passage], room: int) -> str:
    """The text of the first ones, as many as fit; the very first cut if it must be."""
    texts: list[str] = []
    for passage in passages:
        room -= cost(passage)
        if room < 0:
            texts += (
                [passage.chunk.text.encode()[: 3 * (room + cost(passage))].decode(errors="ignore")] if not texts else []
            )
            break
        texts.append(passage.chunk.text)
    return "\n".join(texts)


def measure(folder: Path, rng: random.Random) -> None:
    corpus = {row["_id"]: row["text"] for row in lines(folder / "corpus.jsonl")}
    held = {key: words(text) for key, text in corpus.items()}
    judged = defaultdict(list)
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, score = line.split("\t")
        if int(score) > 0:
            judged[question].append(document)
    kept: dict[tuple[str, float, str], list[float]] = defaultdict(list)
    asked = [row for row in lines(folder / "queries.jsonl") if row.get("answer") and judged[row["_id"]]]
    for row in rng.sample(asked, min(200, len(asked))):
        gold = judged[row["_id"]][0]
        sought = words(row["answer"]) & held[gold]
        if not sought:
            continue
        own = words(row["text"])
        near = sorted((key for key in corpus if key not in judged[row["_id"]]), key=lambda key: -len(own & held[key]))[
            :4
        ]
        for place in PLACES:
            order = list(near)
            order.insert(0 if place == "first" else rng.randrange(5), gold)
            passages = [found(corpus[key], rank, headings=()) for rank, key in enumerate(order, start=1)]
            whole = sum(map(cost, passages))
            for part in PARTS:
                room = int(part * whole)
                told, _ = prompt.answering(row["text"], passages, room=room, key=b"k")
                for way, text in (("by rank", by_rank(passages, room)), ("by shares", told.user)):
                    kept[place, part, way].append(len(sought & words(text)) / len(sought))
    for place, part in itertools.product(PLACES, PARTS):
        shares = [kept[place, part, way] for way in ("by rank", "by shares")]
        means = " | ".join(f"{sum(each) / len(each):.3f}" for each in shares)
        print(f"| {folder.name} | {place} | {part} | {means} |")


if __name__ == "__main__":
    print("| set | its place | room | whole, by rank | by shares |\n| --- | --- | --- | --- | --- |")
    for name in SETS:
        measure(Path(sys.argv[1]) / name, random.Random(16))
