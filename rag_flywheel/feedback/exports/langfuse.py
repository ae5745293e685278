"""Exports of Langfuse: traces, observations and scores, from its pages, its API or blob storage, as JSON or CSV.

Names of fields are in camelCase in the first two and in snake_case in the third. Of an export of enriched observations
the one without a parent stands for its trace.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rag_flywheel.feedback.exports.rows import Problem, Row, rows
from rag_flywheel.feedback.exports.said import moment, named
from rag_flywheel.feedback.exports.traces import Mark, Read, Traces, joined, subject, valued

THUMBS = ("user-feedback", "user_feedback", "user feedback", "feedback", "thumb", "thumbs")
DEFAULT: Mapping[str, str] = dict.fromkeys(THUMBS, "thumb")
"""What scores of these names are, where nothing else is said."""
CORRECTION = "CORRECTION"
"""The type of a score that is a corrected output."""
JUDGES = "EVAL"
"""The source of scores that no person gave."""


def read(files: Iterable[Path], kinds: Mapping[str, str]) -> Traces:
    """`kinds` says what scores are, by their names. Raises InvalidInput for a file that cannot be read."""
    found = Read()
    for file in files:
        for row in rows(file):
            if isinstance(row, Problem):
                found.problems.append(row)
            else:
                _take(row, found, {**DEFAULT, **kinds})
    return joined(found)


def _take(row: Row, found: Read, kinds: Mapping[str, str]) -> None:
    fields = row.fields
    if _is_score(fields):
        _score(row, fields, found, kinds)
        return
    name = named(fields, "id")
    if name is None or not ("input" in fields or "output" in fields):
        found.problems.append(row.problem("is no trace, observation or score: expected an id with input and output"))
        return
    asked = moment(named(fields, "timestamp", "startTime", "start_time"))
    who = named(fields, "userId", "user_id"), named(fields, "sessionId", "session_id")
    trace = named(fields, "traceId", "trace_id")
    said = fields.get("input"), fields.get("output")
    is_first = named(fields, "parentObservationId", "parent_observation_id") is None
    if trace is not None and is_first and f"trace:{trace}" not in found.subjects:
        subject(found, name=f"trace:{trace}", said=said, asked=asked, who=who)
    kind = "trace" if trace is None else "observation"
    subject(found, name=f"{kind}:{name}", said=said, asked=asked, who=who)
    for score in fields.get("scores") or ():  # of a trace with all its details, as the API gives it
        if isinstance(score, dict):
            _score(row, {"traceId": name, **score}, found, kinds)


def _is_score(fields: Mapping[str, Any]) -> bool:
    typed = named(fields, "dataType", "data_type", "stringValue", "string_value") is not None
    return typed or ("value" in fields and "source" in fields)


def _score(row: Row, fields: Mapping[str, Any], found: Read, kinds: Mapping[str, str]) -> None:
    name, title = named(fields, "id"), str(named(fields, "name") or "")
    data_type, source = str(named(fields, "dataType", "data_type") or ""), str(named(fields, "source") or "")
    kind = "correction" if data_type == CORRECTION else kinds.get(title)
    if source == JUDGES or kind is None:
        why = "given by a model" if source == JUDGES else f"score {title[:60]!r} is named no kind"
        found.passed_over[why] += 1
        return
    of, given = _about(fields), moment(named(fields, "timestamp", "createdAt", "created_at"))
    comment = named(fields, "comment")
    value, text = valued(kind, _value(fields), comment if isinstance(comment, str) else None)
    if name is None or of is None or given is None:
        found.problems.append(row.problem("expected a score with an id, a timestamp, and a trace or an observation"))
    elif value is None:
        found.problems.append(row.problem(f"its value is no {kind}"))
    else:
        by = named(fields, "authorUserId", "author_user_id", "authorUserName")
        found.marks.append(
            Mark(
                row=row,
                name=str(name),
                of=of,
                kind=kind,
                value=value,
                text=text,
                given=given,
                by=None if by is None else str(by),
                by_asker=by is None and source != "ANNOTATION",
            )
        )


def _about(fields: Mapping[str, Any]) -> str | None:
    """The subject's name, None for a score of a whole session or of an experiment."""
    whole = fields.get("subject")
    if isinstance(whole, dict):
        known = whole.get("kind") in ("trace", "observation") and whole.get("id")
        return f"{whole['kind']}:{whole['id']}" if known else None
    observation, trace = named(fields, "observationId", "observation_id"), named(fields, "traceId", "trace_id")
    if observation is not None:
        return f"observation:{observation}"
    return None if trace is None else f"trace:{trace}"


def _value(fields: Mapping[str, Any]) -> Any:
    """A text where there is one: beside it, a score that is no number has 0 for its value."""
    text = named(fields, "longStringValue", "long_string_value", "stringValue", "string_value")
    return named(fields, "value") if text is None else text
