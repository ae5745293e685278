"""Commands on index versions: list, show and compare them, and read the gate's report on one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import (
    Invocation,
    Json,
    Url,
    in_the_demo,
    invoked,
    reply_to,
    segment,
    send,
    settings_of,
    show,
)
from rag_flywheel.errors import NotFound

COUNTED = ("documents", "passages", "corrections")

commands = typer.Typer()
group = typer.Typer(help="List, show and compare index versions.", no_args_is_help=True)


@group.command("list", epilog="Example: rag-flywheel versions list --deleted")
def versions_list(
    context: typer.Context,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are gone too.")] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """The index versions, oldest first."""
    invocation = invoked(context, json, url)
    found = send(invocation, "GET", "/versions", params={"deleted": deleted})
    show(invocation, found, lambda versions: _versions_table(versions, nothing=f"no version yet: {_first(invocation)}"))


@group.command("show", epilog="Example: rag-flywheel versions show VERSION --json")
def versions_show(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The version's name.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """The manifest, the states and the gate's decision of a version."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/versions/{segment(version)}"), terminal.document)


@group.command("diff", epilog="Example: rag-flywheel versions diff OLD NEW")
def versions_diff(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The one before.")],
    other: Annotated[str, typer.Argument(help="The one after.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """What changed from one version to another."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/versions/{segment(version)}/diff/{segment(other)}"), terminal.document)


@commands.command(epilog="Example: rag-flywheel report --html report.html")
def report(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(help="The version; the newest one if not given.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """The gate's report on a version, also of one that was refused."""
    invocation = invoked(context, json, url)
    name = version or _newest(invocation)
    if html is not None:
        html.write_text(
            reply_to(invocation, "GET", f"/reports/{segment(name)}", params={"format": "html"}).text, encoding="utf-8"
        )
        show(invocation, {"version": name, "html": str(html.resolve())}, terminal.fields)
    elif invocation.json:
        show(invocation, send(invocation, "GET", f"/reports/{segment(name)}"), terminal.document)
    else:
        terminal.line(reply_to(invocation, "GET", f"/reports/{segment(name)}", params={"format": "md"}).text)


def _newest(invocation: Invocation) -> str:
    known = send(invocation, "GET", "/versions", params={"deleted": True})
    if not known:
        raise NotFound(f"there is no version yet: {_first(invocation)}")
    return str(known[-1]["version"])


def _first(invocation: Invocation) -> str:
    """How to get one."""
    return "run `rag-flywheel reindex`" + ("" if invocation.url else in_the_demo(settings_of(invocation).data))


def _versions_table(found: Sequence[Mapping[str, Any]], *, nothing: str) -> None:
    rows = (
        [version["version"], version["state"], version["created"][:19], *(version["counts"][name] for name in COUNTED)]
        for version in found
    )
    terminal.rows("Index versions", ("version", "state", "created", *COUNTED), rows, nothing)
