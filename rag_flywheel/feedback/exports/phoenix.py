"""Exports of Arize Phoenix: spans with the names of OpenInference, and their annotations.

From its API (`/v1/projects/{project}/spans`, `/span_annotations`), or from the tables that its client makes of them, as
JSON records or CSV.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rag_flywheel.feedback.exports.rows import Problem, Row, rows
from rag_flywheel.feedback.exports.said import mark, moment, named
from rag_flywheel.feedback.exports.traces import Mark, Read, Traces, joined, subject, valued

DEFAULT: Mapping[str, str] = {
    **dict.fromkeys(("user-feedback", "user_feedback", "user feedback", "feedback", "thumb", "thumbs"), "thumb"),
    **dict.fromkeys(("correction", "corrected answer"), "correction"),
    "note": "comment",
}
"""What annotations of these names are, where nothing else is said."""
HUMAN = "HUMAN"


def read(files: Iterable[Path], kinds: Mapping[str, str]) -> Traces:
    """`kinds` says what annotations are, by their names. Raises InvalidInput for a file that cannot be read."""
    found = Read()
    for file in files:
        for row in rows(file):
            if isinstance(row, Problem):
                found.problems.append(row)
            elif "annotator_kind" in row.fields:
                _annotation(row, found, {**DEFAULT, **kinds})
            else:
                _span(row, found)
    return joined(found)


def _span(row: Row, found: Read) -> None:
    fields, context = row.fields, row.fields.get("context")
    name = context.get("span_id") if isinstance(context, dict) else named(fields, "context.span_id", "span_id")
    if name is None:
        found.problems.append(row.problem("is no span and no annotation: expected context.span_id or annotator_kind"))
        return
    asked = moment(named(fields, "start_time", "startTime"))
    said = attribute(fields, "input.value"), attribute(fields, "output.value")
    who = attribute(fields, "user.id"), attribute(fields, "session.id")
    subject(found, name=str(name), said=said, asked=asked, who=who)


def attribute(fields: Mapping[str, Any], name: str) -> Any:
    """An attribute of a span by its OpenInference name, however deep its parts are nested."""
    held = fields.get("attributes")
    places: list[tuple[Any, str]] = [(fields, f"attributes.{name}"), (held, name)]
    first, _, rest = name.partition(".")
    places += [(fields.get(f"attributes.{first}"), rest)]
    places += [(held.get(first), rest)] if isinstance(held, dict) else []
    values = (named(place, key) for place, key in places if isinstance(place, dict))
    return next((value for value in values if value is not None), None)


def _annotation(row: Row, found: Read, kinds: Mapping[str, str]) -> None:
    fields = row.fields
    title, span = str(named(fields, "name", "annotation_name") or ""), named(fields, "span_id", "context.span_id")
    kind = kinds.get(title)
    if fields["annotator_kind"] != HUMAN or kind is None:
        judged = fields["annotator_kind"] != HUMAN
        found.passed_over["given by a model" if judged else f"annotation {title[:60]!r} is named no kind"] += 1
        return
    given = moment(named(fields, "updated_at", "created_at"))
    label, score, told = (_result(fields, name) for name in ("label", "score", "explanation"))
    text = told if isinstance(told, str) else None
    if kind in ("thumb", "stars"):  # the label where it is such a mark, else the score
        value, text = valued(kind, label if mark(kind, label) is not None else score, text)
    else:  # the explanation is the text, or else the label
        value, text = mark(kind, text or label), None
    if span is None or given is None:
        found.problems.append(row.problem("expected an annotation with a span_id, and created_at or updated_at"))
    elif value is None:
        found.problems.append(row.problem(f"its result is no {kind}"))
    else:
        name = named(fields, "id") or f"{span}:{title}:{named(fields, 'identifier') or ''}"
        by = named(fields, "user_id")
        author = None if by is None else str(by)
        found.marks.append(
            Mark(row=row, name=str(name), of=str(span), kind=kind, value=value, text=text, given=given, by=author)
        )


def _result(fields: Mapping[str, Any], name: str) -> Any:
    result = fields.get("result")
    return named(result, name) if isinstance(result, dict) else named(fields, f"result.{name}", name)
