"""No secret is shown: not in settings, not in errors, not in logs, and not in tracebacks."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_flywheel import config
from rag_flywheel.config.hiding import Hidden, hidden, known_secrets
from rag_flywheel.config.urls import masked_url, secrets_in
from tests.fakes.services import ASSUMED
from tests.paths import ROOT

URLS = [
    ("postgresql+psycopg://ada:MARK@db:5432/name", "postgresql+psycopg://***@db:5432/name"),
    ("postgresql://ada:MA/R?K#@db/name", "postgresql://***@db/name"),
    ("postgresql://ada:a@MARK@db/name", "postgresql://***@db/name"),
    ("postgresql://db/name?password=MARK&sslmode=MARK", "postgresql://db/name?password=***&sslmode=***"),
    ("https://MARK@example.org/x", "https://***@example.org/x"),
    ("https://example.org/x?MARK", "https://example.org/x?***"),
    ("https://example.org/x?a=MARK;b=MARK#token=MARK", "https://example.org/x?a=***;b=***#token=***"),
    ("http://[::1:MARK@x", "http://***@x"),
    ("see https://a:MARK@h/p?k=MARK, and go on", "see https://***@h/p?k=*** and go on"),
    ("http://localhost:6333/path", "http://localhost:6333/path"),
    ("http://[::1]:6333", "http://[::1]:6333"),
    ("no url", "no url"),
    ("docs/*.md?", "docs/*.md?"),
]


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_who_calls_and_the_values_of_the_query_are_hidden_and_nothing_else(url: str, shown: str) -> None:
    assert masked_url(url) == shown
    assert bool(secrets_in(url)) == (url != shown)
    assert not any(secret in shown for secret in secrets_in(url) if "MA" in secret)


def test_every_url_and_every_named_secret_of_the_settings_is_masked(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "sources:\n"
        "- reader: 'm:C'\n"
        "  args: {url: 'https://example.org/?key=MARK', api_key: '${MARK_NAME}', deep: [{u: 'https://MARK@h'}]}\n"
        "generator: {url: 'http://MARK@h/v1?x=MARK'}\n"
        "judge: {url: 'http://h/v1?x=MARK'}\n",
        encoding="utf-8",
    )
    environ = {
        "RAG_FLYWHEEL_LEDGER__URL": "postgresql://a:MARK@h/db?password=MARK",
        "RAG_FLYWHEEL_INDEX__URL": "http://MARK:MARK@h?x=MARK",
    }
    loaded = config.load(tmp_path / "config.yaml", environ | ASSUMED)
    assert "MARK" in loaded.model_dump_json()
    for shown in (json.dumps(config.shown(loaded)), config.masked(loaded).model_dump_json()):
        assert "MARK" not in shown.replace("${MARK_NAME}", "")
        assert "https://example.org/?key=***" in shown


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer MARK.MARK.MARKMARK",
        "headers={'authorization': 'Basic MARKMARKMARK='}",
        "key rf_0123456789_MARKMARK was sent",
        "api_key='sk-MARKMARKMARK'",
        "token eyJMARKMARKMARK.eyJMARK.MARK",
        "the password is MARK-of-the-environment",
    ],
)
def test_keys_and_known_secrets_are_hidden_wherever_they_stand(said: str) -> None:
    known = known_secrets(environ={"PGPASSWORD": "MARK-of-the-environment"})
    assert "MARK" not in hidden(said, known)


def test_what_a_collector_of_traces_asks_for_is_a_secret() -> None:
    """OpenTelemetry's SDK repeats the variable where it cannot read it."""
    known = known_secrets(environ={"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20MARK,x-scope=MARK-two"})
    assert hidden("authorization=Basic%20MARK,x-scope=MARK-two", known) == "authorization=***,x-scope=***"


def test_a_log_with_a_traceback_shows_none() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(Hidden(written, frozenset({"MARK-secret"})))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise RuntimeError("could not connect to https://ada:MARK@h with MARK-secret")
    except RuntimeError:
        logger.exception("failed with %s", "MARK-secret")
    assert "RuntimeError" in written.getvalue()
    assert "MARK" not in written.getvalue()


SECRETS = {
    "RAG_FLYWHEEL_LLM_API_KEY": "MARK-llm-key",
    "RAG_FLYWHEEL_JUDGE_API_KEY": "MARK-judge-key",
    "RAG_FLYWHEEL_QDRANT_API_KEY": "MARK-qdrant-key",
    "RAG_FLYWHEEL_WEBHOOK_URLS": "https://MARK-user:MARK-word@127.0.0.1:1/x?token=MARK-token",
    "RAG_FLYWHEEL_WEBHOOK_SECRET": "MARK-webhook-secret-long-enough",
    "RAG_FLYWHEEL_API_KEY": "rf_MARK0000_MARKMARKMARK",
    "READER_TOKEN": "MARK-reader-token",
}
READER = (
    "class Reader:\n"
    "    def __init__(self, token, url): self.token = token\n"
    "    def load_data(self): raise RuntimeError(f'cannot log in with {self.token}')\n"
)
SETTINGS = (
    "sources:\n- docs\n- {reader: 'leaky:Reader', args: {token: '${READER_TOKEN}', url: 'https://h/?k=MARK-query'}}\n"
    "generator: {kind: openai_like, model: m, url: 'http://127.0.0.1:1/v1?key=MARK-query', retries: 0}\n"
)
POSTGRES = {"RAG_FLYWHEEL_LEDGER__URL": "postgresql+psycopg://MARK-user:MARK-word@127.0.0.1:1/x?options=MARK-option"}
QDRANT = {"RAG_FLYWHEEL_INDEX__URL": "http://MARK-user:MARK-word@127.0.0.1:1/?k=MARK-query"}
RUNS: list[tuple[tuple[str, ...], dict[str, str]]] = [
    (("config", "show"), POSTGRES | QDRANT),
    (("config", "check"), {}),
    (("config", "show"), {"RAG_FLYWHEEL_API__PORT": "https://a:MARK-word@h/?k=MARK-query"}),
    (("versions", "list"), POSTGRES),
    (("ask", "How?"), QDRANT),
    (("reindex",), {}),
    (("ask", "How do I put the previous version back?"), {}),
    (("ask", "How?", "--url", "http://MARK-user:MARK-word@127.0.0.1:1/?k=MARK-query"), {}),
]


def test_nothing_that_commands_say_or_write_holds_a_secret_whether_they_work_or_fail(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Rollback\n\nTo put the previous version back, run rollback.\n")
    (tmp_path / "leaky.py").write_text(READER)
    (tmp_path / "config.yaml").write_text(SETTINGS)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_FLYWHEEL_")}
    environ = {**kept, "HF_HUB_OFFLINE": "1", **SECRETS, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    for arguments, more in RUNS:
        done = subprocess.run(
            [sys.executable, "-m", "rag_flywheel", *arguments],
            cwd=tmp_path,
            env={**environ, **more},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stdout + done.stderr
        assert "MARK" not in done.stdout + done.stderr, arguments
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or b"MARK" not in file.read_bytes(), file
