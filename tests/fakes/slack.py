"""Slack from outside: what it sends, in the shapes that its documentation has, and a server that takes what is said."""

import contextlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi.testclient import TestClient
from httpx import Response

from rag_flywheel import config
from rag_flywheel.adapters.web.slack import HttpSlack
from rag_flywheel.api.app import create_app
from rag_flywheel.ports import Generator
from rag_flywheel.services import Services
from tests.fakes.services import publish, services

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "xoxb-1"
TEAM, USER, OTHER = "T0001EXAMPLE", "U2147483697", "U0000000002"
PATHS = {"command": "commands", "event": "events", "action": "interactivity", "view": "interactivity"}


@dataclass
class Workspace:
    """A server in Slack's place: `said` is what was sent there, by path."""

    port: int
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    status: list[int] = field(default_factory=list)  # of the next replies; then 200
    reply: dict[str, Any] = field(default_factory=lambda: {"ok": True})

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def response_url(self) -> str:
        return f"http://{self.host}/commands/1234/5678"

    def messages(self, path: str = "/commands/1234/5678") -> list[dict[str, Any]]:
        return [body for to, body in self.said if to == path]


@contextlib.contextmanager
def workspace() -> Iterator[Workspace]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            there.tokens.append(self.headers["authorization"])
            there.said.append((self.path, body))
            reply = json.dumps(there.reply).encode()
            self.send_response(there.status.pop(0) if there.status else 200)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Workspace(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app as it is installed in a workspace, and what Slack sends to it."""

    made: Services
    there: Workspace
    http: TestClient

    def send(self, what: str, body: bytes, *, at: int | None = None, **headers: str) -> Response:
        """A request that Slack signs at that moment."""
        seconds = int(self.made.now().timestamp()) if at is None else at
        kind = "application/json" if what == "event" else "application/x-www-form-urlencoded"
        given = {
            "Content-Type": kind,
            **signature(body, seconds),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return self.http.post(f"/integrations/slack/{PATHS[what]}", content=body, headers=given)

    def ask(self, text: str, **more: str) -> Response:
        return self.send("command", command(self.there, text, **more))

    def press(self, action: str, value: str = "", *, user: str = USER, home: str = TEAM) -> Response:
        return self.send("action", block_actions(self.there, action, value, user=user, home=home))


@contextlib.contextmanager
def installed(
    folder: Path, *, text: str = "", token: str = TOKEN, generator: Generator | None = None, **published: Any
) -> Iterator[App]:
    with workspace() as there:
        made = services(folder, text=text, generator=generator)
        publish(made, "v1", **published)
        made = with_slack(made, there, token=token)
        client = TestClient(create_app(made), base_url="http://localhost", client=("10.0.0.7", 1))
        yield App(made=made, there=there, http=client)


def with_slack(made: Services, there: Workspace, *, token: str = TOKEN) -> Services:
    url, hosts = f"http://{there.host}/api", [there.host]
    slack = HttpSlack(url=url, token=token, response_hosts=hosts, pauses=(0.0, 0.0))
    return replace(made, slack=slack, secrets=config.secrets({"RAG_FLYWHEEL_SLACK_SIGNING_SECRET": SECRET}))


def signature(body: bytes, seconds: int, secret: str = SECRET) -> dict[str, str]:
    signed = hmac.digest(secret.encode(), b"v0:%d:%s" % (seconds, body), "sha256").hex()
    return {"X-Slack-Request-Timestamp": str(seconds), "X-Slack-Signature": f"v0={signed}"}


def command(there: Workspace, text: str, **more: str) -> bytes:
    sent = {
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "team_id": TEAM,
        "team_domain": "example",
        "channel_id": "C2147483705",
        "channel_name": "test",
        "user_id": USER,
        "user_name": "Steve",
        "command": "/ask",
        "text": text,
        "api_app_id": "A123456",
        "is_enterprise_install": "false",
        "response_url": there.response_url,
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
    }
    return urlencode({**sent, **more}).encode()


def mention(text: str, /, *, event_id: str = "Ev08MFMKH6", **more: Any) -> bytes:
    event = {
        "type": "app_mention",
        "user": USER,
        "text": f"<@U0LAN0Z89> {text}",
        "ts": "1515449522.000016",
        "channel": "C123ABC456",
        "team": TEAM,
        "event_ts": "1515449522000016",
    }
    sent = {
        "token": "ZZZZZZWSxiZZZ2yIvs3peJ",
        "team_id": TEAM,
        "api_app_id": "A123ABC456",
        "event": {**event, **more},
        "type": "event_callback",
        "event_id": event_id,
        "event_time": 1515449522,
        "authed_users": ["U0LAN0Z89"],
    }
    return json.dumps(sent).encode()


def block_actions(there: Workspace, action: str, value: str, *, user: str = USER, home: str = TEAM) -> bytes:
    pressed = {
        "action_id": action,
        "block_id": "=qXel",
        "text": {"type": "plain_text", "text": "A button", "emoji": True},
        "value": value,
        "type": "button",
        "action_ts": "1548426417.840180",
    }
    sent = {
        "type": "block_actions",
        "team": {"id": TEAM, "domain": "example"},
        "user": {"id": user, "username": "steve", "name": "steve", "team_id": home},
        "api_app_id": "A123456",
        "token": "Nj2rfC2hU8mAfgaJLemZgO7H",
        "container": {"type": "message", "message_ts": "1548261231.000200", "channel_id": "C1", "is_ephemeral": True},
        "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
        "channel": {"id": "C2147483705", "name": "test"},
        "response_url": there.response_url,
        "actions": [pressed if value else {**pressed, "value": ""}],
    }
    return urlencode({"payload": json.dumps(sent)}).encode()


def view_submission(metadata: str, text: str | None, *, user: str = USER, view: str = "VNHU13V36") -> bytes:
    sent = {
        "type": "view_submission",
        "team": {"id": TEAM, "domain": "example"},
        "user": {"id": user, "username": "steve", "name": "steve", "team_id": TEAM},
        "api_app_id": "A123456",
        "view": {
            "id": view,
            "type": "modal",
            "callback_id": "correct",
            "private_metadata": metadata,
            "hash": "156663117.cd33ad1f",
            "title": {"type": "plain_text", "text": "Correct this answer"},
            "state": {"values": {"better": {"text": {"type": "plain_text_input", "value": text}}}},
            "blocks": [],
        },
    }
    return urlencode({"payload": json.dumps(sent)}).encode()
