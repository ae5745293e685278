"""Commands on the settings: check and show them."""

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, send, show

group = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@group.command("check", epilog="Example: rag-flywheel --config config.yaml config check")
def config_check(context: typer.Context, json: Json = False) -> None:
    """Read the settings and say what is wrong with them."""
    from rag_flywheel import config as settings

    invocation = invoked(context, json)
    file = settings.load(invocation.config).file
    result = {"file": str(file), "ok": True, "unknown_variables": settings.unknown_variables()}
    show(invocation, result, terminal.fields)


@group.command("show", epilog="Example: rag-flywheel config show --json")
def config_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """The settings as they are in force, environment included, passwords masked."""
    invocation = invoked(context, json, url)
    if invocation.url:
        in_force = send(invocation, "GET", "/config")
    else:
        from rag_flywheel import config as settings

        in_force = settings.shown(settings.load(invocation.config))
    show(invocation, in_force, terminal.document)
