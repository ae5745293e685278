"""Judged questions as a folder of Hugging Face `datasets`: the tables queries, corpus and qrels.

It is the form in which retrieval benchmarks stand on the hub, with what answers a question beside it, as in `beir`.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.exchange import beir
from eval.exchange.judged import Context, Judged, Passage, Question
from rag_flywheel.errors import InvalidInput

TABLES = ("queries", "corpus", "qrels")


def write(folder: Path, judged: Judged) -> None:
    """A DatasetDict, which `datasets.load_from_disk` reads."""
    from datasets import Dataset, DatasetDict, Features, Value, disable_progress_bars

    disable_progress_bars()  # which would stand on the terminal between what the command says
    text, number = Value("string"), Value("int64")
    forms = {
        "queries": Features(
            {
                "_id": text,
                "text": text,
                "answer": text,
                "answerable": Value("bool"),
                "cluster": text,
                beir.CONTEXTS: [{"name": text, "text": text}],
                beir.RETRIEVED: [text],
            }
        ),
        "corpus": Features(
            {"_id": text, "title": text, "text": text, "document_id": text, "start": number, "end": number}
        ),
        "qrels": Features({"query-id": text, "corpus-id": text, "score": number}),
    }
    rows: dict[str, list[dict[str, Any]]] = {
        "queries": [_query(question) for question in judged.questions],
        "corpus": [_piece(passage) for passage in judged.passages.values()],
        "qrels": [
            {"query-id": question.name, "corpus-id": name, "score": 1}
            for question in judged.questions
            for name in question.passages
        ],
    }
    tables = {name: Dataset.from_list(rows[name], features=forms[name]) for name in TABLES}
    DatasetDict(tables).save_to_disk(str(folder))


def read(folder: Path) -> Judged:
    """What `save_to_disk` wrote, or parquet files named after the tables, such as `queries/0.parquet`. Raises
    InvalidInput with the table and the row.
    """
    with tempfile.TemporaryDirectory() as cache:
        tables = {name: list(rows) for name, rows in _tables(folder, cache)}
    if "queries" not in tables or "qrels" not in tables:
        raise InvalidInput(f"{folder} should have the tables queries and qrels, found {', '.join(tables) or 'none'}")
    corpus = [
        beir.passage(_as_beir(row), f"{folder}: corpus, row {number}")
        for number, row in enumerate(tables.get("corpus", ()), start=1)
    ]
    judged: dict[str, list[str]] = {}
    for number, row in enumerate(tables["qrels"], start=1):
        try:
            query, name, score = str(row["query-id"]), str(row["corpus-id"]), int(row["score"])
        except (KeyError, TypeError, ValueError):
            told = f"{folder}: qrels, row {number}: expected query-id, corpus-id and a whole score"
            raise InvalidInput(told) from None
        if score > 0:
            judged.setdefault(query, []).append(name)
    questions = [
        _question(row, judged, f"{folder}: queries, row {number}")
        for number, row in enumerate(tables["queries"], start=1)
    ]
    kept = [each for each in questions if each.is_judged]
    if not kept:
        raise InvalidInput(f"{folder}: none of {len(questions)} queries is judged in qrels; add judgements")
    return Judged(
        questions=tuple(kept),
        passages={passage.passage_id: passage for passage in corpus},
        unjudged=tuple(each.name for each in questions if not each.is_judged),
    )


def _tables(folder: Path, cache: str) -> Iterator[tuple[str, Any]]:
    import datasets

    if (folder / "dataset_dict.json").exists():
        try:
            yield from datasets.load_from_disk(str(folder), keep_in_memory=True).items()
        except (OSError, ValueError, KeyError) as error:
            raise InvalidInput(f"{folder} cannot be read as a DatasetDict: {type(error).__name__}") from error
        return
    for name in TABLES:
        files = sorted({*folder.glob(f"{name}*.parquet"), *folder.glob(f"{name}/*.parquet")})
        if files:
            try:
                paths = [str(file) for file in files]
                yield name, datasets.Dataset.from_parquet(paths, cache_dir=cache, keep_in_memory=True)
            except (OSError, ValueError, datasets.exceptions.DatasetGenerationError) as error:
                raise InvalidInput(f"{files[0]} cannot be read as parquet: {type(error).__name__}") from error


def _query(question: Question) -> dict[str, Any]:
    return {
        "_id": question.name,
        "text": question.text,
        "answer": question.answer,
        "answerable": question.answerable,
        "cluster": question.cluster,
        beir.CONTEXTS: [{"name": context.name, "text": context.text} for context in question.contexts],
        beir.RETRIEVED: None if question.retrieved is None else list(question.retrieved),
    }


def _piece(passage: Passage) -> dict[str, Any]:
    row = beir.corpus_row(passage)
    return {**{name: row[name] for name in ("_id", "title", "text")}, **row["metadata"]}


def _as_beir(row: Mapping[str, Any]) -> dict[str, Any]:
    name = row.get("_id", row.get("id"))
    return {**row, "_id": name, "metadata": row}


def _question(row: Mapping[str, Any], judged: Mapping[str, list[str]], where: str) -> Question:
    name, text = row.get("_id", row.get("id")), row.get("text")
    if not isinstance(name, str | int) or not isinstance(text, str) or not text.strip():
        raise InvalidInput(f"{where}: a question should have _id and text")
    answerable = row.get("answerable")
    return Question(
        name=str(name),
        text=text,
        answer=row.get("answer") or None,
        cluster=row.get("cluster") or None,
        answerable=True if answerable is None else bool(answerable),
        passages=tuple(dict.fromkeys(judged.get(str(name), ()))),
        contexts=tuple(Context(name=each["name"], text=each["text"]) for each in row.get(beir.CONTEXTS) or ()),
    )
