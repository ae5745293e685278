"""Judged questions from and to the files of other tools."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from eval.exchange import beir, hub, ragas
from eval.exchange.judged import Context, Judged, Passage, Question, bodies
from rag_flywheel.errors import Conflict, InvalidInput

Format = Literal["beir", "ragas", "datasets"]
WRITE: Mapping[Format, Callable[[Path, Judged], None]] = {
    "beir": beir.write,
    "ragas": ragas.write,
    "datasets": hub.write,
}
READ: Mapping[Format, Callable[[Path], Judged]] = {"beir": beir.read, "ragas": ragas.read, "datasets": hub.read}
CANNOT_HOLD: Mapping[Format, str] = {
    "beir": "where questions come from, their role in the gate, who judged them and when",
    "ragas": "ids and clusters of questions, passages that answer none, evidence whose words are gone; "
    "where questions come from, their role in the gate, who judged them and when",
    "datasets": "where questions come from, their role in the gate, who judged them and when",
}
"""What a format cannot hold, or only so that no tool would look for it."""


def refuse_filled(folder: Path) -> None:
    """Raises InvalidInput where there is something already: an old corpus would be taken for a part of the new one."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is there and not empty; name a new folder")


def passages(page: Callable[[int], Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every passage with the version that it is of; `page` asks for those after a number."""
    after: int | None = 0
    while after is not None:
        reply = page(after)
        yield from ((reply["version"], passage) for passage in reply["passages"])
        after = reply["after"]


def written(
    reply: Mapping[str, Any], pages: Iterator[tuple[str, Mapping[str, Any]]], folder: Path, form: Format
) -> dict[str, Any]:
    """Write the folder; what came of it, in numbers. Raises Conflict where another version went live meanwhile."""
    corpus: dict[str, Passage] = {}
    for version, passage in pages:
        if version != reply["version"]:
            raise Conflict(f"{version} went live while {reply['version']} was exported: export again")
        corpus[passage["id"]] = Passage(
            passage_id=passage["id"],
            title=passage["title"],
            text=passage["text"],
            document_id=passage["document_id"],
            start=passage["start"],
            end=passage["end"],
        )
    judged = Judged(questions=tuple(map(_question, reply["cases"])), passages=corpus)
    WRITE[form](folder, judged)
    held = {question.name: _held(question, form) for question in judged.questions if question.answerable}
    return {
        "folder": str(folder),
        "format": form,
        "version": reply["version"],
        "questions": len(judged.questions),
        "passages": len(corpus),
        "judgements": sum(held.values()),
        "without_judgement": [name for name, count in held.items() if not count],
        "left_out": reply["left_out"],
        "cannot_hold": CANNOT_HOLD[form],
    }


def read(folder: Path, form: Format) -> tuple[dict[str, Any], list[str]]:
    """The body of an import, and the ids of questions without a judgement, which are left out. Raises InvalidInput with
    file and line.
    """
    judged = READ[form](folder)
    cases, found = bodies(judged)
    return {"cases": cases, "passages": found}, [f"golden:{name}" for name in judged.unjudged]


def _held(question: Question, form: Format) -> int:
    """How many things that answer it other tools find in the files."""
    if form == "ragas":
        return sum(context.text is not None for context in question.contexts)
    return len(question.passages)


def _question(case: Mapping[str, Any]) -> Question:
    retrieved = case["retrieved"]
    return Question(
        name=case["id"],
        text=case["question"],
        answer=case["answer"],
        cluster=case["cluster"],
        answerable=case["answerable"],
        passages=tuple(case["passages"]),
        contexts=tuple(Context(name=each["name"], text=each["text"]) for each in case["contexts"]),
        retrieved=None if retrieved is None else tuple(retrieved),
    )
