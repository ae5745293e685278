"""The last door for words: what this process says on standard error, and in errors, without any secret.

Messages of our own hold none. What vendors say, log and raise may: a traceback shows what was called with what.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from rag_flywheel.config.secret_values import Secrets
from rag_flywheel.config.sections import Config
from rag_flywheel.config.source import SECRET, VARIABLE
from rag_flywheel.config.urls import HIDDEN, masked_url, secrets_in

ENV_PREFIX = "RAG_FLYWHEEL_"
SHORTEST = 6  # characters; what is shorter would hide half of all words
_KEY = re.compile(r"\brf_[\w.-]{8,}|(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}|\bsk-[\w-]{8,}|\beyJ[\w-]{8,}\.[\w.-]+")
"""Our keys, what a header `Authorization` holds, the keys of language models' servers, and signed tokens."""
_HEADERS = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?HEADERS")  # which OpenTelemetry's SDK logs where it cannot read them


class Hidden:
    """A text stream that writes to another one, without the secrets."""

    def __init__(self, below: TextIO, secrets: frozenset[str]) -> None:
        self._below = below
        self.secrets = secrets

    def write(self, text: str) -> int:
        self._below.write(hidden(text, self.secrets))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


def hidden(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """The text without these secrets, without what is secret in URLs, and without what looks like a key."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _KEY.sub(HIDDEN, masked_url(text))


def known_secrets(config: Config | None = None, environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """All that is secret in the environment and in the settings."""
    found: set[str] = set()
    for name, value in environ.items():
        ours = name.removeprefix(ENV_PREFIX).lower() in Secrets.model_fields and name.startswith(ENV_PREFIX)
        found.update([value, *value.split()] if ours or SECRET.search(name) else [])
        found.update(secrets_in(value) if name.startswith(ENV_PREFIX) else [])
        found.update(pair.partition("=")[2] for pair in value.split(",") if _HEADERS.fullmatch(name))
    for text in () if config is None else _texts(config.model_dump(mode="json")):
        found.update(secrets_in(text))
        found.update(environ.get(name, "") for name in VARIABLE.findall(text))
    return frozenset(secret for secret in found if len(secret) >= SHORTEST)


def hide(secrets: frozenset[str]) -> None:
    """From here on nothing on standard error shows these secrets: messages, logs, warnings, and tracebacks."""
    before = sys.stderr
    if isinstance(before, Hidden):
        before.secrets |= secrets
        return
    sys.stderr = now = Hidden(before, secrets)
    every = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    for handler in {handler for each in every for handler in each.handlers}:
        if isinstance(handler, logging.StreamHandler) and handler.stream is before:
            handler.setStream(now)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)
