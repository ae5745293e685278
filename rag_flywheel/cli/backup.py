"""Commands that take a backup of everything, and put one back. Both work on the local files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.backups.folders import LEFT_OUT
from rag_flywheel.cli.invocation import Json, invoked, local_services, login, settings_of, show

commands = typer.Typer()
Place = Annotated[str, typer.Argument(help="The backup's folder, or a URL such as s3://bucket/monday.tar.gz.")]


@commands.command(epilog="Example: rag-flywheel backup /backups/monday --apart /safe/flywheel --yes")
def backup(
    context: typer.Context,
    place: Place,
    apart: Annotated[
        Path | None, typer.Option(help="Also keep the newest keys and receipts, in this folder and not in the backup.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace a backup that is there.")] = False,
    json: Json = False,
) -> None:
    """Write everything into a folder, or an archive at a URL, while servers answer: ledger, versions, rerankers,
    reports, receipts, settings. Local files only.

    Exit codes: 0 done, 6 the folder is taken, or a reindex runs.
    """
    from rag_flywheel.cli.backups import elsewhere, saving

    invocation = invoked(context, json)
    with local_services(invocation) as services, elsewhere.written(place, replaces=yes) as folder:
        saved = saving.save(services, folder, apart=apart, replaces=yes, who=login())
    contents = saved.contents
    result = {
        "backup": place if elsewhere.is_url(place) else str(saved.place),
        "made": contents.made.isoformat(),
        "live": contents.live,
        "index": contents.store,
        "bytes": saved.size,
        "apart": None if saved.apart is None else str(saved.apart),
    }
    show(invocation, result, _saved)


@commands.command(epilog="Example: rag-flywheel restore /backups/monday --apart /safe/flywheel")
def restore(
    context: typer.Context,
    place: Place,
    apart: Annotated[
        Path | None, typer.Option(help="What was kept apart from it, for keys and receipts that are not here.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace what is here.")] = False,
    json: Json = False,
) -> None:
    """Put a backup back, here or on an empty machine; whoever was erased since is erased again. End all servers first.
    Local files only.

    Exit codes: 0 done, 2 a key or a setting does not fit, 6 something is here already, 8 the backup is damaged.
    """
    from rag_flywheel import config
    from rag_flywheel.cli.backups import elsewhere, restoring

    invocation = invoked(context, json)
    with elsewhere.read(place) as folder:
        settings_put = not invocation.tenant and restoring.put_config(folder, invocation.config)
        restored = restoring.restore(
            settings_of(invocation), config.secrets(), folder, apart=apart, replaces=yes, who=login()
        )
    result = {
        "restored": place,
        "made": restored.contents.made.isoformat(),
        "by": restored.contents.software,
        "live": restored.live,
        "versions": list(restored.versions),
        "settings": str(invocation.config) if settings_put else None,
        "erasures": list(restored.erasures),
        "notes": list(restored.notes),
    }
    show(invocation, result, _restored)


def _saved(result: Mapping[str, Any]) -> None:
    terminal.fields(result)
    if result["index"] == LEFT_OUT:
        terminal.line(
            "the index is not in it, since a snapshot of a Qdrant cluster is of one node alone: after a restore "
            "`rag-flywheel reindex` builds it again, or the vendor's own backup brings it back",
            style="yellow",
        )
    if result["apart"] is None:
        terminal.line("keys are not in it: keep a copy apart from it, as --apart does", style="yellow")


def _restored(result: Mapping[str, Any]) -> None:
    terminal.fields({name: value for name, value in result.items() if name not in ("notes", "erasures")})
    for note in result["notes"]:
        terminal.line(f"  - {note}")
    if result["erasures"]:
        terminal.line(
            f"{len(result['erasures'])} erasures are under way: `rag-flywheel reindex` builds a version without them",
            style="yellow",
        )
