"""Judged questions as a BEIR folder (Thakur et al., 2021, arXiv:2104.08663) with passages for its corpus.

What the qrels cannot say, a judged span or a document as a whole, stands in the `metadata` of a question, which other
tools pass over. Where the two differ the qrels count, for it is those that people edit.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval.exchange.judged import Context, Judged, Passage, Question
from eval.questions.beir import parsed, read_lines, read_qrels, read_queries
from rag_flywheel.errors import InvalidInput

CONTEXTS, RETRIEVED = "judged_contexts", "retrieved_contexts"
"""Fields of a question's metadata."""


def write(folder: Path, judged: Judged) -> None:
    """corpus.jsonl, queries.jsonl and qrels/test.tsv."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _lines(folder / "corpus.jsonl", map(corpus_row, judged.passages.values()))
    _lines(folder / "queries.jsonl", map(_query, judged.questions))
    rows = (f"{question.name}\t{name}\t1" for question in judged.questions for name in question.passages)
    text = "\n".join(["query-id\tcorpus-id\tscore", *rows])
    (folder / "qrels" / "test.tsv").write_text(f"{text}\n", encoding="utf-8")


def read(folder: Path) -> Judged:
    """Raises InvalidInput with file and line, also where no question is judged. A folder without a corpus names our
    documents by their ids.
    """
    queries = dict(read_queries(folder / "queries.jsonl"))
    qrels = read_qrels(folder / "qrels" / "test.tsv", queries.keys())
    questions, unjudged = [], []
    for name, query in queries.items():
        contexts = _contexts(query.get("metadata"), f"{folder / 'queries.jsonl'}: question {name}")
        question = Question(
            name=name,
            text=query["text"],
            answer=query.get("answer") or None,
            cluster=query.get("cluster") or None,
            answerable=query.get("answerable", True),
            passages=tuple(sorted(qrels.get(name, ()))),
            contexts=contexts,
        )
        if question.is_judged:
            questions.append(question)
        else:
            unjudged.append(name)
    if not questions:
        raise InvalidInput(f"{folder}: none of {len(queries)} queries is judged in test.tsv; add judgements")
    return Judged(questions=tuple(questions), passages=_corpus(folder / "corpus.jsonl"), unjudged=tuple(unjudged))


def corpus_row(passage: Passage) -> dict[str, Any]:
    place = {"document_id": passage.document_id, "start": passage.start, "end": passage.end}
    return {"_id": passage.passage_id, "title": passage.title, "text": passage.text, "metadata": place}


def passage(row: Mapping[str, Any], where: str) -> Passage:
    """Of a row of a corpus, ours or another's. Raises InvalidInput."""
    name, text, place = row.get("_id"), row.get("text"), row.get("metadata")
    if not isinstance(name, str | int) or isinstance(name, bool) or not isinstance(text, str):
        raise InvalidInput(
            f"{where}: a passage should have _id and text, found {', '.join(map(str, row)) or 'nothing'}"
        )
    ours = place if isinstance(place, dict) and isinstance(place.get("document_id"), str) else {}
    start, end = ours.get("start"), ours.get("end")
    return Passage(
        passage_id=str(name),
        title=str(row.get("title") or ""),
        text=text,
        document_id=ours.get("document_id"),
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
    )


def _query(question: Question) -> dict[str, Any]:
    told: dict[str, Any] = {"_id": question.name, "text": question.text}
    if question.answer is not None:
        told["answer"] = question.answer
    told["answerable"] = question.answerable
    if question.cluster is not None:
        told["cluster"] = question.cluster
    metadata: dict[str, Any] = {CONTEXTS: [{"name": each.name, "text": each.text} for each in question.contexts]}
    if question.retrieved is not None:
        metadata[RETRIEVED] = list(question.retrieved)
    return {**told, "metadata": metadata}


def _contexts(metadata: object, where: str) -> tuple[Context, ...]:
    listed = metadata.get(CONTEXTS, []) if isinstance(metadata, dict) else []
    if not isinstance(listed, list) or not all(
        isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("text"), str | None)
        for each in listed
    ):
        raise InvalidInput(f"{where}: metadata.{CONTEXTS} should be a list of names with their texts")
    return tuple(Context(name=each["name"], text=each["text"]) for each in listed)


def _corpus(file: Path) -> dict[str, Passage]:
    if not file.exists():
        return {}
    found: dict[str, Passage] = {}
    for number, line in read_lines(file):
        where = f"{file}:{number}"
        row = parsed(line, where)
        if not isinstance(row, dict):
            raise InvalidInput(f"{where}: expected an object with _id and text, found a {type(row).__name__}")
        piece = passage(row, where)
        found[piece.passage_id] = piece
    return found


def _lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as opened:
        opened.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
