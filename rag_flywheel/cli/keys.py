"""Commands for who may do what: API keys."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, Url, invoked, segment, send, show
from rag_flywheel.errors import InvalidInput

group = typer.Typer(help="API keys: who may do what.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The key's id, which `keys list` prints.")]


@group.command("create", epilog="Example: rag-flywheel keys create ada --role reviewer")
def keys_create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose it is; reviews and acts are recorded under this name.")],
    role: Annotated[list[str], typer.Option(help="asker, reviewer, operator or admin; may be given more than once.")],
    for_others: Annotated[
        bool, typer.Option("--for-others", help="Of an application that asks for the people it names.")
    ] = False,
    group: Annotated[
        list[str] | None, typer.Option(help="Of documents that it may read, or ask for; may be given more than once.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="For how long it opens; until it is revoked if not given.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose documents it opens, where there are tenants.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Make a key. It is printed here, once: nobody can look it up later."""
    invocation = _of_the_deployment(context, json, url)
    body = {"name": name, "roles": role, "for_others": for_others, "groups": group, "days": days, "tenant": tenant}
    show(invocation, send(invocation, "POST", "/keys", body=body), _new)


@group.command("list", epilog="Example: rag-flywheel keys list")
def keys_list(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """All keys: whose they are, what they open, until when, and when they were used last."""
    invocation = _of_the_deployment(context, json, url)
    show(invocation, send(invocation, "GET", "/keys"), _table)


@group.command("rotate", epilog="Example: rag-flywheel keys rotate 3f2a9c01b7d4 --overlap-hours 1")
def keys_rotate(
    context: typer.Context,
    id: Id,
    overlap_hours: Annotated[float, typer.Option(help="For how long the old key goes on opening.", min=0)] = 24.0,
    json: Json = False,
    url: Url = "",
) -> None:
    """Make a new key like this one, which goes on opening for a while."""
    invocation = _of_the_deployment(context, json, url)
    body = {"overlap_hours": overlap_hours}
    show(invocation, send(invocation, "POST", f"/keys/{segment(id)}/rotate", body=body), _new)


@group.command("revoke", epilog="Example: rag-flywheel keys revoke 3f2a9c01b7d4")
def keys_revoke(context: typer.Context, id: Id, json: Json = False, url: Url = "") -> None:
    """Let a key open nothing any more."""
    invocation = _of_the_deployment(context, json, url)
    show(invocation, send(invocation, "POST", f"/keys/{segment(id)}/revoke"), terminal.fields)


def _of_the_deployment(context: typer.Context, json: bool, url: str) -> Invocation:
    """Keys of all tenants are the deployment's. Raises InvalidInput where a tenant is named before the command."""
    invocation = invoked(context, json, url)
    if invocation.tenant:
        raise InvalidInput("keys are kept by the deployment: say `keys create NAME --tenant TENANT`, without it before")
    return invocation


def _new(key: Mapping[str, Any]) -> None:
    terminal.fields({name: value for name, value in key.items() if name != "key"})
    terminal.line("the key, which is told only now; send it as `Authorization: Bearer KEY`:", style="yellow")
    terminal.line(key["key"])


def _table(keys: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "name", "roles", "groups", "tenant", "opens", "expires", "used")
    rows = (
        [
            key["id"],
            key["name"],
            " ".join(key["roles"]) + (" for others" if key["for_others"] else ""),
            " ".join(key["groups"]),
            key["tenant"] or "",
            "yes" if key["opens"] else "no",
            (key["expires"] or "")[:16],
            (key["used"] or "never")[:16],
        ]
        for key in keys
    )
    terminal.rows(
        "Keys", columns, rows, "there is no key yet: `rag-flywheel keys create NAME --role operator` makes one"
    )
