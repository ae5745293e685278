"""Judged questions as the JSON lines of a RAGAS EvaluationDataset (ragas 0.4, SingleTurnSample).

A sample has no id and no cluster. What answers it stands in `reference_contexts`, and where that is in
`reference_context_ids`: a document's id, or `document:start:end`. Two empty lists say that nothing answers it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.exchange.judged import Context, Judged, Passage, Question
from eval.questions.beir import parsed, read_lines
from rag_flywheel.errors import InvalidInput

FILE = "samples.jsonl"


def write(folder: Path, judged: Judged) -> None:
    """One file, which `ragas.EvaluationDataset.from_jsonl` reads. A context whose words are not there is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("w", encoding="utf-8") as opened:
        for question in judged.questions:
            opened.write(f"{json.dumps(_sample(question), ensure_ascii=False)}\n")


def read(place: Path) -> Judged:
    """Of a folder with one file of JSON lines, or of that file. Raises InvalidInput with file and line."""
    file = _file(place)
    questions: dict[str, Question] = {}
    passages: dict[str, Passage] = {}
    unjudged = []
    for number, line in read_lines(file):
        where = f"{file}:{number}"
        question, texts = _question(_row(line, where), where)
        if not question.is_judged:
            unjudged.append(f"line {number}")
            continue
        questions[question.name] = question
        passages |= {name: Passage(passage_id=name, title="", text=text) for name, text in texts.items()}
    if not questions:
        raise InvalidInput(f"{file}: no sample has reference_contexts or reference_context_ids, so none is judged")
    return Judged(questions=tuple(questions.values()), passages=passages, unjudged=tuple(unjudged))


def _sample(question: Question) -> dict[str, Any]:
    told = [context for context in question.contexts if context.text is not None]
    sample: dict[str, Any] = {
        "user_input": question.text,
        "reference_contexts": [context.text for context in told],
        "reference_context_ids": [context.name for context in told],
    }
    if question.answer is not None:
        sample["reference"] = question.answer
    if question.retrieved is not None:
        sample["retrieved_contexts"] = list(question.retrieved)
    return sample


def _file(place: Path) -> Path:
    if place.is_file():
        return place
    found = sorted(place.glob("*.jsonl"))
    if len(found) != 1:
        raise InvalidInput(f"{place} should be a file of JSON lines, or a folder with one; found {len(found)}")
    return found[0]


def _row(line: str, where: str) -> Mapping[str, Any]:
    row = parsed(line, where)
    if not isinstance(row, dict) or not isinstance(row.get("user_input"), str) or not row["user_input"].strip():
        raise InvalidInput(f"{where}: user_input should be one question; conversations of several turns are not taken")
    if not isinstance(row.get("reference"), str | None):
        raise InvalidInput(f"{where}: reference should be a text, found a {type(row['reference']).__name__}")
    return row


def _question(row: Mapping[str, Any], where: str) -> tuple[Question, dict[str, str]]:
    """The sample, and the contexts of which nothing is known but their words, by names that are made of these."""
    texts, ids = row.get("reference_contexts"), row.get("reference_context_ids")
    for name, listed in (("reference_contexts", texts), ("reference_context_ids", ids)):
        if listed is not None and not (isinstance(listed, list) and all(isinstance(it, str | int) for it in listed)):
            raise InvalidInput(f"{where}: {name} should be a list of texts")
    if texts is not None and ids is not None and len(texts) != len(ids):
        raise InvalidInput(f"{where}: {len(texts)} reference_contexts have {len(ids)} reference_context_ids")
    places = [Context(name=str(name), text=None) for name in ids or ()]
    if texts is not None and ids is not None:
        places = [Context(name=str(name), text=str(text)) for name, text in zip(ids, texts, strict=True)]
    alone = {} if ids is not None else {f"context-{_digest(str(text))}": str(text) for text in texts or ()}
    question = Question(
        name=f"ragas-{_digest(json.dumps([row['user_input'], ids, texts]))}",
        text=row["user_input"],
        answer=row.get("reference") or None,
        cluster=None,
        answerable=not (texts == [] and ids == []),
        passages=tuple(alone),
        contexts=tuple(places),
    )
    return question, alone


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
