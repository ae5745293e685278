"""How often a sentence of an answer is called unsupported: `python benchmarks/support.py DATA [--cosine]`, the
folder of the sets. With the cosine it takes 60 questions of each set.

The sentences are those of the sets' judged answers. Where they cite the passages that were judged to hold the answer,
each that is called unsupported is a false alarm (of mtragun, whose answers also say what no passage does, at most).
Where they cite another passage, or a number or a name is another, it is an alarm that there should be. A near passage
is that of the others with most words of the answer; where it holds half of the sentence's words it is left out, as a
manual repeats itself.
"""

import json
import random
import re
import sys
from collections import defaultdict
from pathlib import Path

from rag_flywheel.adapters.models.encoder import BUNDLED, SentenceEncoder
from rag_flywheel.answering.support import Near, nearness, read, supported
from rag_flywheel.domain.sentences import quotable

SETS = ("emanual-tv", "clapnq-dev", "mtragun-fiqa-clapnq")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w.,]*\w)")


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{4,}", text.casefold()))


def measure(folder: Path, rng: random.Random, near_by: Near | None) -> dict[str, list[bool | None]]:
    """What `supported` says, by what was cited."""
    corpus = {row["_id"]: f"{row.get('title', '')}\n{row['text']}" for row in lines(folder / "corpus.jsonl")}
    held = {key: words(text) for key, text in corpus.items()}
    judged = defaultdict(list)
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, score = line.split("\t")
        if int(score) > 0:
            judged[question].append(document)
    names = sorted({name for text in corpus.values() for name in _NAME.findall(text)})
    said: dict[str, list[bool | None]] = defaultdict(list)
    seen = set()
    rows = lines(folder / "queries.jsonl")
    for row in rows if near_by is None else rng.sample(rows, 60):  # the encoder takes its time
        answer, asked, gold = row.get("answer") or "", row["text"], judged[row["_id"]]
        if not (row.get("answerable") and answer and gold):
            continue
        own = words(answer)
        others = sorted(key for key in corpus if key not in gold)
        near = max(others, key=lambda key: (len(own & held[key]), key))
        right = read([corpus[key] for key in gold], asked)
        wrong = {
            "a near passage": read([corpus[near]], asked),
            "any passage": read([corpus[rng.choice(others)]], asked),
        }
        for start, end in quotable(answer, 0, len(answer)):
            sentence = answer[start:end]
            if (sentence, *gold) in seen:
                continue
            seen.add((sentence, *gold))
            verdict = supported(sentence, right, near=near_by)
            said["the judged passages"].append(verdict)
            if verdict is False and "--show" in sys.argv:
                print(f"- {asked} -> {sentence}")
            for kind, passages in wrong.items():
                if kind == "any passage" or 2 * len(words(sentence) & held[near]) < len(words(sentence)):
                    said[kind].append(supported(sentence, passages, near=near_by))
            if verdict:
                for kind, pattern, put in (
                    ("another number", _NUMBER, "7431"),
                    ("another name", _NAME, rng.choice(names)),
                ):
                    changed = pattern.sub(put, sentence, count=1)
                    if changed != sentence:
                        said[kind].append(supported(changed, right, near=near_by))
    return said


if __name__ == "__main__":
    print("| set | cites | sentences | claim nothing | called unsupported |\n| --- | --- | --- | --- | --- |")
    bundled = SentenceEncoder(BUNDLED, batch=8, query_prefix="", document_prefix="")
    near_by = nearness(bundled) if "--cosine" in sys.argv else None
    for name in SETS:
        for kind, verdicts in measure(Path(sys.argv[1]) / name, random.Random(16), near_by).items():
            nothing, wrong = verdicts.count(None), verdicts.count(False)
            claims = max(1, len(verdicts) - nothing)
            print(f"| {name} | {kind} | {len(verdicts)} | {nothing / len(verdicts):.3f} | {wrong / claims:.3f} |")
