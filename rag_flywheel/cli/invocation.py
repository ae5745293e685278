"""What all commands share: the options that stand before or after any of them, sending the request, showing the reply.

It imports nothing heavy, and neither do the modules of commands: what only local files need comes in where it is used.
"""

import contextlib
import getpass
import json as json_format
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from rag_flywheel.errors import Damaged, InvalidInput, NothingLive

if TYPE_CHECKING:
    import httpx

    from rag_flywheel.config import Config
    from rag_flywheel.services import Services

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Url = Annotated[str, typer.Option("--url", help="A running server, instead of the local files.")]
Why = Annotated[str, typer.Option(help="For the audit log.")]
User = Annotated[str | None, typer.Option("--user", help="Who you are; only a keyed hash of it is stored.")]
Key = Annotated[str | None, typer.Option(help="Idempotency key: a repeated request is recorded once.")]


API_KEY = "RAG_FLYWHEEL_API_KEY"
"""The variable that holds the key for the server that --url names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How the program was called, whatever the command: the settings' file, the server's URL or "", the form, and a
    tenant's name or "".
    """

    config: Path
    url: str
    json: bool
    tenant: str = ""


def invoked(context: typer.Context, json: bool = False, url: str = "") -> Invocation:
    """What stood before the command, and what stands after it on top."""
    before: Invocation = context.obj
    return replace(before, url=url or before.url, json=json or before.json)


DEMO = ".rag-flywheel-demo"
"""The file that a folder of the demo's data holds."""


def in_the_demo(data: Path) -> str:
    """How to get at what the demo has left, for who finds nothing in the data folder; empty where it left nothing."""
    folder = data / "demo"
    return f"; what the demo left is seen with RAG_FLYWHEEL_DATA_DIR={folder}" if (folder / DEMO).exists() else ""


def settings_of(invocation: Invocation) -> "Config":
    """The settings, of the tenant where one is named. Raises ConfigError."""
    from rag_flywheel import config

    settings = config.load(invocation.config)
    return config.of_tenant(settings, invocation.tenant) if invocation.tenant else settings


@contextlib.contextmanager
def local_services(invocation: Invocation) -> Iterator["Services"]:
    """The services over the local files, closed at the end of the block."""
    from rag_flywheel import config
    from rag_flywheel.config.hiding import hide, known_secrets
    from rag_flywheel.wiring import services

    settings = settings_of(invocation)
    hide(known_secrets(settings))
    with services(settings, config.secrets()) as opened:
        yield opened


def reply_to(
    invocation: Invocation,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
    who: str | None = None,
) -> "httpx.Response":
    """The HTTP reply, of the server named or of the app over the local files, where `who` works with them (the login
    name if not given). Raises InvalidInput for a name that a server would not take.
    """
    from rag_flywheel.cli import client

    if invocation.url and who is not None:
        raise InvalidInput("a server takes your name from your API key: leave it out, or work with the local files")
    if invocation.url:
        api_key = os.environ.get(API_KEY, "")
        return client.call(method, path, to=invocation.url, who=api_key, body=body, params=params, key=key)
    with local_services(invocation) as opened:
        try:
            return client.call(method, path, to=opened, who=who or login(), body=body, params=params, key=key)
        except NothingLive as error:
            raise NothingLive(f"{error}{in_the_demo(opened.config.data)}") from error


def send(
    invocation: Invocation,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
    who: str | None = None,
) -> Any:
    """The reply's JSON. Raises the error that the reply names, and Damaged where it is no JSON."""
    reply = reply_to(invocation, method, path, body=body, params=params, key=key, who=who)
    try:
        return reply.json()
    except ValueError as error:
        raise Damaged(f"{invocation.url} replied with no JSON: is it a rag-flywheel server?") from error


def segment(name: str) -> str:
    """An id as one part of a path, so that it never names another one. Raises InvalidInput for what is no id."""
    if not name.strip(".") or "/" in name or not name.isprintable():
        raise InvalidInput(f"{name[:40]!r} is no id: the commands that list things print theirs")
    return quote(name, safe="")


def show(invocation: Invocation, result: Any, render: Callable[[Any], None]) -> None:
    """Print the result: one JSON document for scripts, else as `render` does for people."""
    if invocation.json:
        print(json_format.dumps(result, indent=2, ensure_ascii=False))  # noqa: T201  # the one JSON document
    else:
        render(result)


def login() -> str:
    """Who works here, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def span(text: str) -> dict[str, Any]:
    """DOCUMENT:START:END as the API takes it. Raises InvalidInput."""
    document, start, end = [*text.rsplit(":", 2), "", ""][:3]
    if not (start.isdigit() and end.isdigit()):
        raise InvalidInput(f"{text!r} is no span; expected DOCUMENT:START:END, such as docs/install.md:120:264")
    return {"document_id": document, "start": int(start), "end": int(end)}
