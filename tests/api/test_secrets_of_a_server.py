"""No secret is shown by a server: not in replies, headers and logs, and not in what it writes, whatever fails."""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg
import pytest

from rag_flywheel.config import Secrets
from tests.paths import ROOT
from tests.postgres import PostgresServer

RECEIPT_KEY = "5ec2e7" * 10 + "0d15"
REVEAL_KEY = "5ec2ea" * 10 + "0d15"
PSEUDONYM_KEYS = " ".join(("5ec2e8" * 10 + "0d15", "5ec2e9" * 10 + "0d15"))
SECRETS = {
    "RAG_FLYWHEEL_LLM_API_KEY": "MARK-llm-key",
    "RAG_FLYWHEEL_JUDGE_API_KEY": "MARK-judge-key",
    "RAG_FLYWHEEL_EMBEDDER_API_KEY": "MARK-embedder-key",
    "RAG_FLYWHEEL_QDRANT_API_KEY": "MARK-qdrant-key",
    "RAG_FLYWHEEL_WEBHOOK_URLS": "http://MARK-user:MARK-word@127.0.0.1:1/x?token=MARK-token",
    "RAG_FLYWHEEL_WEBHOOK_SECRET": "MARK-webhook-secret-long-enough",
    "RAG_FLYWHEEL_OIDC_CLIENT_SECRET": "MARK-client-secret",
    "RAG_FLYWHEEL_SLACK_SIGNING_SECRET": "MARK-slack-signing-secret",
    "RAG_FLYWHEEL_SLACK_BOT_TOKEN": "xoxb-MARK-slack-token",
    "RAG_FLYWHEEL_RECEIPT_KEY": RECEIPT_KEY,
    "RAG_FLYWHEEL_PSEUDONYM_KEYS": PSEUDONYM_KEYS,
    "RAG_FLYWHEEL_REVEAL_KEY": REVEAL_KEY,
    "RAG_FLYWHEEL_API_KEY": "rf_MARK0000_MARKMARKMARK",
    "RAG_FLYWHEEL_METRICS_KEY": "MARK-metrics-key",
    "PGPASSWORD": "MARK-of-postgres",
    "READER_TOKEN": "MARK-reader-token",
}
MARKS = (
    *(b"MARK", RECEIPT_KEY.encode(), REVEAL_KEY.encode(), *PSEUDONYM_KEYS.encode().split()),
    base64.b64encode(b"rag:MARK-client-secret"),
)
READER = (
    "class Reader:\n"
    "    def __init__(self, token, url): self.token = token\n"
    "    def load_data(self): raise RuntimeError(f'cannot log in with {self.token}')\n"
)
LAUNCHER = """
import os
from rag_flywheel.cli.app import main
from rag_flywheel.feedback import gaps

def broken(**arguments):
    try:
        raise ValueError("cannot log in with " + os.environ["RAG_FLYWHEEL_LLM_API_KEY"])
    except ValueError as cause:
        raise RuntimeError(" ".join(f"{name}={value}" for name, value in os.environ.items())) from cause

gaps.gaps = broken
main()
"""
SETTINGS = """
sources:
- docs
- {{reader: 'leaky:Reader', args: {{token: '${{READER_TOKEN}}', url: 'https://h/?k=MARK-query'}}}}
generator: {{kind: openai_like, model: m, url: '{url}/v1?key=MARK-query', retries: 0}}
access:
  oidc: {{issuer: '{url}', client_id: rag, audience: rag}}
privacy: {{consent: assumed}}
"""
ASKED = "How do I put the previous version back?"
TOKEN = "eyJhbGciOiJSUzUxMiIsImtpZCI6Im0ifQ.eyJpc3MiOiJNQVJLIn0.MARKMARKMARK"
SENT = [
    {"Authorization": "Bearer rf_0123456789ab_MARKMARKMARKMARKMARKMARKMARKMARKMARKMARKMAR"},
    {"Authorization": "Bearer rf_MARK"},
    {"Authorization": "Bearer sk-MARKMARKMARK"},
    {"Authorization": f"Bearer {TOKEN}"},
    {"Authorization": "Basic MARKMARKMARK"},
    {"Cookie": "rag-session=MARKMARKMARKMARKMARKMARKMARKMARKMARKMARKMAR"},
    {"X-Api-Key": "MARK", "X-Forwarded-User": "MARK", "Idempotency-Key": "MARK"},
]


class Echo(BaseHTTPRequestHandler):
    """A language model and an identity provider that say to whoever calls what they were sent, with an error."""

    def do_GET(self) -> None:
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if self.path.startswith("/.well-known"):
            told = {name: f"{url}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            self._reply(200, {"issuer": url, "id_token_signing_alg_values_supported": ["RS256"], **told})
        else:
            self._reply(200, {"keys": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        said = f"wrong: {self.path} {self.headers} {body}"
        self._reply(401, {"error": {"message": said, "type": said, "code": said}, "error_description": said})

    def _reply(self, status: int, told: Mapping[str, Any]) -> None:
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder with settings, and how commands are started there."""

    folder: Path
    environ: Mapping[str, str]

    def start(self, *arguments: str, into: int | IO[bytes] = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(self.folder / "launcher.py"), *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=dict(self.environ), stdout=into, stderr=into)

    def said(self, *arguments: str) -> bytes:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=300)
        return out + b"\n" + err


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def place(tmp_path: Path, echo: str, postgres_server: PostgresServer, postgres_database: str) -> Place:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Rollback\n\nTo put the previous version back, run rollback.\n")
    (tmp_path / "leaky.py").write_text(READER)
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    (tmp_path / "config.yaml").write_text(SETTINGS.format(url=echo))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_FLYWHEEL_")}
    url = postgres_server.url(postgres_database).replace("flywheel@", "flywheel:MARK-pg-word@")
    more = {"HF_HUB_OFFLINE": "1", "RAG_FLYWHEEL_LEDGER__URL": url, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    return Place(folder=tmp_path, environ={**kept, **SECRETS, **more})


@contextlib.contextmanager
def serving(place: Place, log: Path) -> Iterator[str]:
    with log.open("wb") as written, place.start("serve", "--port", "0", into=written) as process:
        try:
            for _ in range(1200):
                found = re.search(rb"serving on (http://\S+)", log.read_bytes())
                if found or process.poll() is not None:
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            assert found, log.read_text()
            yield found[1].decode()
        finally:
            process.terminate()


def replies(url: str, key: str) -> Iterator[httpx.Response]:
    """To requests of every kind, right ones and wrong ones."""
    admin = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, timeout=120) as http:
        document = http.get("/openapi.json", headers=admin)
        yield document
        for path, methods in document.json()["paths"].items():
            at = re.sub(r"\{\w+\}", "none", path)
            for method in methods:
                body = {"json": {}} if method == "post" and path not in ("/reindex", "/canary/tick") else {}
                yield http.request(method, at, headers=admin, **body)
                for headers in SENT:
                    yield http.request(method, at, headers=headers, **body)
        for body in ({"question": ASKED}, {"question": ASKED, "stream": True}, {"api_key": "MARK", "question": []}):
            yield http.post("/chat", json=body, headers=admin)
        messages = [{"role": "user", "content": ASKED}]
        for stream in (False, True):
            body = {"model": "rag-flywheel", "messages": messages, "stream": stream}
            yield http.post("/v1/chat/completions", json=body, headers=admin)
        for content in (b'{"question": "MARK"', b"MARK", b'{"days": "MARK", "name": "MARK|", "roles": ["MARK"]}'):
            for path in ("/chat", "/keys", "/v1/chat/completions"):
                yield http.post(path, content=content, headers=admin | {"Content-Type": "application/json"})
        yield http.get("/versions", headers=admin, params={"api_key": "MARK"})
        yield http.get("/nowhere", headers=SENT[0])
        begun = http.get("/login", params={"next": "/docs"})
        yield begun
        state = httpx.URL(begun.headers["location"]).params["state"]
        yield http.get("/login/callback", params={"code": "MARK", "state": state})
        yield http.get("/login/callback", params={"code": "MARK", "state": "MARK"})
        yield http.post("/rollback", json={"why": "to tell the receivers of webhooks"}, headers=admin)


def assert_unmarked(said: bytes, where: object) -> None:
    for mark in MARKS:
        assert mark not in said, f"{where}: ...{said[max(0, said.index(mark) - 300) : said.index(mark) + 100]!r}..."


def test_every_secret_that_the_environment_may_hold_is_marked() -> None:
    assert {f"RAG_FLYWHEEL_{name.upper()}" for name in Secrets.model_fields} <= SECRETS.keys()


def test_nothing_that_a_server_says_or_writes_holds_a_secret_whatever_fails(
    place: Place, tmp_path: Path, postgres_server: PostgresServer, postgres_database: str
) -> None:
    assert_unmarked(place.said("reindex"), "reindex")
    key = json.loads(place.said("keys", "create", "root", "--role", "admin", "--json").split(b"\n}\n")[0] + b"}")["key"]
    log = tmp_path / "log"
    with serving(place, log) as url:
        statuses = set()
        for reply in replies(url, key):
            said = f"{reply.status_code} {reply.headers} {reply.text}".encode()
            assert_unmarked(said, f"{reply.request.method} {reply.request.url.path}")
            statuses.add(reply.status_code)
        assert {200, 400, 401, 404, 422, 500, 503} <= statuses
        with psycopg.connect(postgres_server.url(postgres_database).replace("+psycopg", "")) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
                assert_unmarked(repr(rows).encode(), table)
            assert {("audit",), ("access_keys",)} <= set(tables)
        postgres_server.execute(f"ALTER DATABASE {postgres_database} WITH ALLOW_CONNECTIONS false")
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{postgres_database}'"
        postgres_server.execute(ended)
        for path in ("/audit", "/keys", "/gaps"):
            gone = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=60)
            assert gone.status_code == 503
            assert_unmarked(f"{gone.headers} {gone.text}".encode(), path)
    assert b"RuntimeError" in log.read_bytes()
    assert_unmarked(log.read_bytes(), "the log")
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or not any(mark in file.read_bytes() for mark in MARKS), file


@pytest.mark.parametrize(
    "broken",
    [
        {"RAG_FLYWHEEL_INDEX__URL": "http://MARK-user:MARK-word@127.0.0.1:1/?k=MARK-query"},
        {"RAG_FLYWHEEL_LEDGER__URL": "postgresql+psycopg://MARK-user:MARK-word@127.0.0.1:1/x?options=MARK-option"},
        {"RAG_FLYWHEEL_RECEIPT_KEY": "MARK-that-is-no-key"},
        {"RAG_FLYWHEEL_PSEUDONYM_KEYS": "MARK-that-is-no-key"},
        {"RAG_FLYWHEEL_WEBHOOK_SECRET": "MARK"},
    ],
)
def test_a_server_that_cannot_start_shows_none(place: Place, tmp_path: Path, broken: dict[str, str]) -> None:
    log = tmp_path / "log"
    lame = Place(folder=place.folder, environ={**place.environ, **broken})
    with log.open("wb") as written, lame.start("serve", "--port", "0", into=written) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.terminate()
    assert log.read_bytes()
    assert_unmarked(log.read_bytes(), broken)
