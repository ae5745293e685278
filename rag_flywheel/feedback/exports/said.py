"""What was said in a trace: the texts of questions and answers, moments, and what marks on them mean."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

Role = Literal["user", "assistant"]
ASKED = ("question", "query", "input", "user_input", "message", "prompt", "text", "content")
ANSWERED = ("answer", "output", "response", "result", "text", "content", "completion", "message")
UP = frozenset({"up", "thumbs-up", "thumbs_up", "thumbs up", "👍", "good", "positive", "like", "true", "1", "yes"})
DOWN = frozenset({"down", "thumbs-down", "thumbs_down", "thumbs down", "👎", "bad", "negative", "dislike", "false"})
NO = DOWN | {"0", "-1", "no"}
DEPTH = 6


def text_of(value: Any, role: Role, *, depth: int = DEPTH) -> str | None:
    """The text that a person typed, or was told, None where nothing tells which it is.

    A text as it is, JSON in a text, the last message of a role in a list of them, or the one field of an object that
    goes by such a name.
    """
    if depth == 0 or value is None:
        return None
    if isinstance(value, str):
        return _of_text(value, role, depth)
    if isinstance(value, list):
        return _of_messages(value, role, depth)
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("messages"), list):
        return _of_messages(value["messages"], role, depth)
    if isinstance(value.get("choices"), list) and value["choices"]:
        return text_of(value["choices"][0], role, depth=depth - 1)
    named = [value[name] for name in (ASKED if role == "user" else ANSWERED) if value.get(name) not in (None, "")]
    if not named and len(value) == 1:
        named = list(value.values())
    return text_of(named[0], role, depth=depth - 1) if named else None


def _of_text(value: str, role: Role, depth: int) -> str | None:
    if value.lstrip()[:1] in ("{", "[", '"'):
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, dict | list | str):
            return read.strip() or None if isinstance(read, str) else text_of(read, role, depth=depth - 1)
    return value.strip() or None


def _of_messages(messages: list[Any], role: Role, depth: int) -> str | None:
    """The last message of the role; of parts of a message the texts."""
    parts = [part.get("text") for part in messages if isinstance(part, dict) and part.get("type") == "text"]
    if parts and all(isinstance(part, str) for part in parts):
        return "\n".join(str(part) for part in parts).strip() or None
    roles = {"user": ("user", "human"), "assistant": ("assistant", "ai", "model")}[role]
    for message in reversed(messages):
        whole = message.get("message", message) if isinstance(message, dict) else None
        if isinstance(whole, dict) and str(whole.get("role", whole.get("type", ""))).lower() in roles:
            return text_of(whole.get("content", whole.get("parts")), role, depth=depth - 1)
    return text_of(messages[0], role, depth=depth - 1) if len(messages) == 1 and role == "assistant" else None


def moment(value: Any) -> datetime | None:
    """In UTC, where it names no zone: as ISO 8601, or in milliseconds since 1970; None where it is neither."""
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and value.isdigit()):
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        found = datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def mark(kind: str, value: Any) -> str | int | None:
    """A score or a label as feedback of a kind, None where it is none of that kind."""
    if kind == "thumb":
        return _thumb(value)
    if kind == "stars":
        try:
            stars = float(value)
        except (TypeError, ValueError, OverflowError):
            return None
        return int(stars) if stars in (1, 2, 3, 4, 5) else None
    return value.strip() if isinstance(value, str) and value.strip() else None


def _thumb(value: Any) -> str | None:
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in UP or word in NO:
            return "up" if word in UP else "down"
        try:
            value = float(word)
        except ValueError:
            return None
    if isinstance(value, bool | int | float) and value in (1, 0, -1):
        return "up" if value == 1 else "down"
    return None


def named(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of the fields that says something; empty cells of CSV say nothing."""
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)
