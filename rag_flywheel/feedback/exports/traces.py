"""Questions of another tool with what people said of the answers, as `POST /feedback/import` takes them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rag_flywheel.feedback.exports.rows import Problem, Row
from rag_flywheel.feedback.exports.said import mark, text_of

TEXT_AT_MOST = 20_000  # characters
NAME_AT_MOST = 200  # characters
MARKS_AT_MOST = 100  # signals, and as many corrections, of one question
KINDS = ("thumb", "stars", "comment", "issue", "missing_knowledge", "correction")
"""What a mark of another tool can be here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What marks are about: a question with its answer."""

    name: str  # its id there
    asked: datetime
    question: str
    answer: str
    user: str | None
    session: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A score or an annotation of a person."""

    row: Row
    name: str  # its id there
    of: str  # the name of its subject
    kind: str
    value: Any
    text: str | None  # what was written beside it
    given: datetime
    by: str | None  # None: not known
    by_asker: bool = False  # whether it is of who asked


@dataclass(slots=True)
class Read:
    """What files hold, as far as it is read. `passed_over` counts what is no person's word, or not named a kind."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Those with something to take in, and what is not."""

    bodies: tuple[dict[str, Any], ...]
    rows: Mapping[str, Row]  # of each mark, by its id, and of each question the first of its marks
    problems: tuple[Problem, ...]
    passed_over: Mapping[str, int]


def subject(read: Read, *, name: str, said: tuple[Any, Any], asked: datetime | None, who: Sequence[Any]) -> None:
    """Keep what marks can be about. A row of which no question can be told is missed only where it is marked."""
    question, answer = text_of(said[0], "user"), text_of(said[1], "assistant") or ""
    user, session = (None if each is None else str(each) for each in who)
    if question is None or asked is None:
        return
    read.subjects[name] = Subject(name=name, asked=asked, question=question, answer=answer, user=user, session=session)


def joined(read: Read) -> Traces:
    """Each question with its marks. One that is about nothing, or that no server takes, is a problem of its own row."""
    bodies: dict[str, dict[str, Any]] = {}
    problems, rows = list(read.problems), dict[str, Row]()
    for made in read.marks:
        of = read.subjects.get(made.of)
        reason = "the question that it is about is in none of the files" if of is None else _wrong(of, made)
        signals, corrections = ([], []) if of is None else _sent(of, made)
        body = bodies.get(made.of)
        if body and max(len(body["signals"] + signals), len(body["corrections"] + corrections)) > MARKS_AT_MOST:
            reason = reason or f"the question has more than {MARKS_AT_MOST} marks before it"
        if of is None or reason:
            problems.append(made.row.problem(reason))
            continue
        body = bodies.setdefault(of.name, body or _body(of))
        body["signals"] += signals
        body["corrections"] += corrections
        rows.setdefault(of.name, made.row)
        rows.update({mark["id"]: made.row for mark in (*signals, *corrections)})
    return Traces(
        bodies=tuple(bodies.values()), rows=rows, problems=tuple(problems), passed_over=dict(read.passed_over)
    )


def _sent(of: Subject, made: Mark) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Its signals, and its corrections."""
    common = {"given": made.given.isoformat(), "user_id": of.user if made.by_asker else made.by}
    if made.kind == "correction":
        return [], [{"id": made.name, "answer": made.value, **common}]
    signals = [{"id": made.name, "kind": made.kind, "value": made.value, **common}]
    if made.text:
        signals.append({"id": f"{made.name}:text", "kind": "comment", "value": made.text, **common})
    return signals, []


def valued(kind: str, value: Any, text: str | None) -> tuple[Any, str | None]:
    """What a mark of a kind says, None where nothing does, and what was written beside it. A text is the value of a
    kind that wants one, where nothing else is.
    """
    found = mark(kind, value)
    if found is None and kind not in ("thumb", "stars"):
        return mark(kind, text), None
    return found, text if text and text.strip() else None


def _wrong(of: Subject, made: Mark) -> str:
    """Why a server would refuse it, and all that is sent with it; empty where it would not."""
    texts = (of.question, of.answer, made.value if isinstance(made.value, str) else "", made.text or "")
    longest = max(map(len, texts))
    if longest > TEXT_AT_MOST:
        return f"a text has {longest} characters; at most {TEXT_AT_MOST} are taken"
    names = [of.name, f"{made.name}:text" if made.text else made.name]
    names += [name for name in (of.user, of.session, made.by) if name is not None]
    if not all(name.strip() and len(name.strip()) <= NAME_AT_MOST for name in names):
        return f"an id of it, its user or its session is blank, or has more than {NAME_AT_MOST} characters"
    try:
        "".join((*texts, *names)).encode()
    except UnicodeEncodeError:
        return "a text or an id holds half of a character"
    return ""


def _body(of: Subject) -> dict[str, Any]:
    return {
        "id": of.name,
        "asked": of.asked.isoformat(),
        "question": of.question,
        "answer": of.answer,
        "user_id": of.user,
        "session_id": of.session,
        "signals": [],
        "corrections": [],
    }


def batches(bodies: Iterable[dict[str, Any]], *, most: int) -> Iterable[list[dict[str, Any]]]:
    """So many at a time."""
    held: list[dict[str, Any]] = []
    for body in bodies:
        held.append(body)
        if len(held) == most:
            yield held
            held = []
    if held:
        yield held
