"""How often a reviewer is asked to look twice: at published answers, at altered ones, and at published poison.

    python benchmarks/second_look.py ../shared/data/emanual-tv ../shared/data/poison-msmarco

A folder with corpus.jsonl, queries.jsonl and qrels/test.tsv has ordinary answers: each is a correction of its question,
the first of its author, beside the judged passage (its evidence) and the four others that share most with the question,
all of an official source. Altered ones have one number, one unit, or one negation changed. A folder with poison.jsonl
has texts that argue for a wrong answer, beside a passage with the right one.
"""

import argparse
import json
import math
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag_flywheel.domain import Correction, CorrectionId, InteractionId, ReviewedCorrection, Stage
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.feedback.second_look import Beside, Concern, ConcernKind, Peers, concerns, survey

SHOWN = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = {
    "seconds": "minutes", "minutes": "hours", "hours": "days", "days": "weeks", "months": "years", "years": "months",
    "inches": "feet", "feet": "inches", "miles": "metres", "km": "miles", "cm": "mm", "GB": "MB", "MB": "GB",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    question: str
    answer: str
    passages: tuple[str, ...]
    author: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for folder in arguments.folders:
        if (folder / "poison.jsonl").is_file():
            _poisoned(folder)
        else:
            _ordinary(folder, random.Random(arguments.seed))


def _ordinary(folder: Path, chance: random.Random) -> None:
    cases = list(_answered(folder))
    _tell(f"{folder.name}: answers", cases)
    for name, alter in (("number", other_number), ("unit", other_unit), ("negation", other_negation)):
        altered = [
            Case(question=case.question, answer=answer, passages=case.passages, author=case.author)
            for case in cases
            if (answer := alter(case.answer, chance)) is not None
        ]
        _tell(f"{folder.name}: another {name}", altered, of={ConcernKind.NUMBER, ConcernKind.NEGATION})


def _poisoned(folder: Path) -> None:
    cases = [
        Case(
            question=line["question"],
            answer=text,
            passages=(f"{line['question']} {line['correct_answer']}",),
            author=f"{line['_id']}-{number}",
        )
        for line in _lines(folder / "poison.jsonl")
        for number, text in enumerate(line["poison_texts"])
    ]
    _tell(f"{folder.name}: several authors", cases)
    one = [Case(question=case.question, answer=case.answer, passages=case.passages, author="m") for case in cases]
    _tell(f"{folder.name}: one author", one)


def _tell(name: str, cases: Sequence[Case], *, of: set[ConcernKind] | None = None) -> None:
    given = [_correction(number, case) for number, case in enumerate(cases)]
    peers, began = survey(given), time.process_time()
    found = [_looked_at(reviewed, case, peers) for reviewed, case in zip(given, cases, strict=True)]
    spent = 1000 * (time.process_time() - began) / max(1, len(cases))
    counted = Counter(concern.kind for those in found for concern in those)
    held = sum(any(of is None or concern.kind in of for concern in those) for those in found)
    told = ", ".join(f"{kind} {count}" for kind, count in counted.most_common())
    print(f"{name}: {held} of {len(cases)} looked at twice ({told}), {spent:.1f} ms each", flush=True)


def _looked_at(reviewed: ReviewedCorrection, case: Case, peers: Peers) -> tuple[Concern, ...]:
    beside = Beside(passages=case.passages, official=case.passages, replaces_official=False)
    return concerns(reviewed, case.answer, beside=beside, peers=peers)


def _correction(number: int, case: Case) -> ReviewedCorrection:
    correction = Correction(
        correction_id=CorrectionId(f"c{number}"),
        interaction_id=InteractionId(f"i{number}"),
        submitted=NOW,
        user=case.author,
        question=case.question,
        answer=case.answer,
        evidence=(),
        supersedes=(),
        stage=Stage.MISSING,
    )
    return ReviewedCorrection(correction=correction, review=None)


def _answered(folder: Path) -> Iterator[Case]:
    """One question of each cluster of rewordings: several share one answer, word for word."""
    texts = {line["_id"]: line["text"] for line in _lines(folder / "corpus.jsonl")}
    judged: dict[str, list[str]] = defaultdict(list)
    for row in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, relevance = row.split("\t")
        if int(relevance) > 0:
            judged[query].append(document)
    words = {name: set(normalised(text).split()) for name, text in texts.items()}
    spread = Counter(word for own in words.values() for word in own)
    seen: set[str] = set()
    for line in _lines(folder / "queries.jsonl"):
        cluster = line.get("cluster") or line["_id"]
        if cluster not in seen and line.get("answer") and judged[line["_id"]]:
            seen.add(cluster)
            asked = set(normalised(line["text"]).split())
            near = sorted(words, key=lambda name: -sum(math.log(len(words) / spread[w]) for w in asked & words[name]))
            names = dict.fromkeys([*judged[line["_id"]], *near[: SHOWN - 1]])
            passages = tuple(texts[name] for name in names)
            yield Case(question=line["text"], answer=line["answer"], passages=passages, author=line["_id"])


def other_number(answer: str, chance: random.Random) -> str | None:
    """With one digit of a number changed, of a year one of the last two."""
    found = list(re.finditer(r"(?<![\w.,:])\d+(?:,\d+)*(?![\w:])", answer))
    if not found:
        return None
    match = chance.choice(found)
    at = match.start() + (2 if re.fullmatch(r"1[5-9]\d\d|20\d\d", match[0]) else 0)
    return answer[:at] + str(int(answer[at]) % 9 + 1) + answer[at + 1 :]


def other_unit(answer: str, chance: random.Random) -> str | None:
    found = list(re.finditer(rf"(?<=\d )(?:{'|'.join(UNITS)})\b", answer))
    if not found:
        return None
    match = chance.choice(found)
    return answer[: match.start()] + UNITS[match[0]] + answer[match.end() :]


def other_negation(answer: str, chance: random.Random) -> str | None:
    """With a "not" put in, or taken away."""
    found = list(re.finditer(r"\b(is|are|can|was|were|will|may|does|do|must|should|has|have)( not)?\b", answer))
    if not found:
        return None
    match = chance.choice(found)
    return answer[: match.start()] + (match[1] if match[2] else f"{match[1]} not") + answer[match.end() :]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    main()
