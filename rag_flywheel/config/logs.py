"""Logs: events with ids, counts and durations, as lines for people or as JSON. No text of anybody is in them."""

import json
import logging
import time
import traceback
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from opentelemetry import trace

from rag_flywheel.config.watching import Logs

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered."""
OURS = "rag_flywheel"
"""The loggers that `logs.level` is about: what vendors say at level info may hold anything."""
_PLAIN = frozenset(vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName", "color_message"})


def configure(logs: Logs, *, always: bool = False) -> bool:
    """Write all logs of this process as the settings say. False where they say nothing and all stays as it is, unless
    it is `always` to be done.
    """
    if logs == Logs() and not always:
        return False
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if logs.format == "json" else Lines())
    logging.getLogger().handlers = [handler]
    logging.getLogger(OURS).setLevel(logs.level.upper())
    return True


def event(record: logging.LogRecord) -> dict[str, Any]:
    """What is said beside the message: what it was logged with, and of which request and trace it is."""
    said = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    request, span = REQUEST_ID.get(), trace.get_current_span().get_span_context()
    if request is not None:
        said["request_id"] = request
    if span.is_valid:
        said["trace_id"], said["span_id"] = f"{span.trace_id:032x}", f"{span.span_id:016x}"
    return said


def place_of(error: BaseException) -> str:
    """Its kind and where it was raised, without its words, which may repeat what was sent."""
    return " at ".join([type(error).__name__, *_frames(error.__traceback__)[-1:]])


class Lines(logging.Formatter):
    """`2026-11-30T03:00:12.345Z INFO rag_flywheel.api request route=... seconds=0.012`

    Of an error it tells what JsonLines tells, a frame a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        said = " ".join(f"{name}={value}" for name, value in event(record).items())
        line = f"{_when(record)} {record.levelname} {record.name} {record.getMessage()} {said}".rstrip()
        if not record.exc_info or record.exc_info[0] is None:
            return line
        return "\n".join(
            [f"{line} error={record.exc_info[0].__name__}", *map("  {}".format, _frames(record.exc_info[2]))]
        )


class JsonLines(logging.Formatter):
    """One object a line. Of an error it tells the kind and where it was raised, and not its words, which may repeat
    what was sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage().strip(),
            **event(record),
        }
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__name__
            said["where"] = _frames(record.exc_info[2])
        return json.dumps(said, ensure_ascii=False, default=str)


def _frames(trace: TracebackType | None) -> list[str]:
    """Where it was raised, from the outermost."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def _when(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
