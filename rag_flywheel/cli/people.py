"""Commands for what is kept of people: show it, what they agree to, erase it, and check the receipt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, Url, invoked, local_services, login, send, show
from rag_flywheel.errors import InvalidInput

commands = typer.Typer()
group = typer.Typer(help="What is kept of a person.", no_args_is_help=True)
consent_group = typer.Typer(help="What a person agrees to.", no_args_is_help=True)
receipt_group = typer.Typer(help="Receipts of erasures.", no_args_is_help=True)
User = Annotated[str, typer.Argument(help="Whose data: the name that they ask with.")]


@commands.command(epilog="Example: rag-flywheel forget ada --dry-run")
def forget(
    context: typer.Context,
    user: User,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be found, and change nothing.")] = False,
    conversation: Annotated[str | None, typer.Option(help="Of this session alone.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on, such as 2026-05-01T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this moment.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Erase a person's data: at once what no version holds, the rest when the next reindex has made a good one."""
    invocation = invoked(context, json, url)
    params = {"dry_run": dry_run, "session_id": conversation, "since": since, "until": until}
    show(invocation, send(invocation, "DELETE", f"/users/{quote(user, safe='')}/data", params=params), _progress)


@commands.command(epilog="Example: rag-flywheel expire")
def expire(context: typer.Context, json: Json = False) -> None:
    """Delete what is older than `retention` in the settings allows, as each nightly run does. Local files only."""
    from rag_flywheel.cycle import expiring
    from rag_flywheel.cycle.reindex import LOCK

    invocation = invoked(context, json)
    with local_services(invocation) as services, services.ledger.lock(LOCK):
        done = {kind.value: number for kind, number in expiring.expire(services).items()}
    show(
        invocation,
        {"deleted": done},
        lambda found: terminal.rows(
            "Deleted", ("what", "how many"), found["deleted"].items(), "nothing was old enough"
        ),
    )


@group.command("export", epilog="Example: rag-flywheel people export ada")
def people_export(context: typer.Context, user: User, json: Json = False, url: Url = "") -> None:
    """All that is kept of a person, as JSON: what they asked, said and corrected, and what they agreed to."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/users/{quote(user, safe='')}/data"), terminal.document)


@group.command("rekey", epilog="Example: rag-flywheel people rekey")
def people_rekey(context: typer.Context, json: Json = False) -> None:
    """Store all pseudonyms anew under a new key, while servers answer; goes on where it was ended. Local files only."""
    from rag_flywheel.privacy import rekeying

    invocation = invoked(context, json)
    with local_services(invocation) as services:
        rows = rekeying.rekey(ledger=services.ledger, by=login(), now=services.now())
    show(invocation, {"rows": rows}, lambda found: terminal.line(f"{found['rows']} rows are stored under a new key"))


@group.command("drop-keys", epilog="Example: rag-flywheel people drop-keys")
def people_drop_keys(context: typer.Context, json: Json = False) -> None:
    """Drop the keys of before the last new one: backups of the ledger from then cannot be used without. Local files
    only.
    """
    from rag_flywheel.privacy import rekeying

    invocation = invoked(context, json)
    with local_services(invocation) as services:
        keys = rekeying.drop_keys(ledger=services.ledger, by=login(), now=services.now())
    show(invocation, {"keys": keys}, lambda found: terminal.line(f"{found['keys']} keys were dropped"))


@group.command("reveal", epilog='Example: rag-flywheel people reveal 3f2a --why "the court asks"')
def people_reveal(
    context: typer.Context,
    interaction: Annotated[str, typer.Argument(help="The interaction's id.")],
    why: Annotated[str, typer.Option(help="For the audit log.")],
    json: Json = False,
) -> None:
    """What was masked in an interaction and in what was said of it, with the key of `privacy.reversible`. Local files
    only.
    """
    from rag_flywheel.domain import InteractionId
    from rag_flywheel.privacy.sealing import reveal

    invocation = invoked(context, json)
    with local_services(invocation) as services:
        found = reveal(InteractionId(interaction), who=login(), why=why, services=services)
    show(invocation, found, terminal.document)


PURPOSES = ("answer", "learn", "evaluate")
Purposes = Annotated[
    list[str] | None, typer.Option("--purpose", help=f"{', '.join(PURPOSES)}; several times, or all if not given.")
]
Conversation = Annotated[str | None, typer.Option(help="Of this session alone.")]
Notice = Annotated[str, typer.Option(help="Version of the text that they had before them.")]


@consent_group.command("show", epilog="Example: rag-flywheel consent show ada")
def consent_show(
    context: typer.Context, user: User, conversation: Conversation = None, json: Json = False, url: Url = ""
) -> None:
    """What a person agreed to, and when and how they said so."""
    invocation = invoked(context, json, url)
    params = {"session_id": conversation}
    show(invocation, send(invocation, "GET", f"/users/{quote(user, safe='')}/consent", params=params), _agreed)


@consent_group.command("give", epilog="Example: rag-flywheel consent give ada --purpose learn")
def consent_give(
    context: typer.Context,
    user: User,
    purpose: Purposes = None,
    conversation: Conversation = None,
    notice: Notice = "",
    json: Json = False,
    url: Url = "",
) -> None:
    """Record that a person agrees: it counts for what they ask from now on."""
    _say(invoked(context, json, url), user, True, purpose, conversation, notice)


@consent_group.command("withdraw", epilog="Example: rag-flywheel consent withdraw ada --purpose learn")
def consent_withdraw(
    context: typer.Context,
    user: User,
    purpose: Purposes = None,
    conversation: Conversation = None,
    notice: Notice = "",
    json: Json = False,
    url: Url = "",
) -> None:
    """Record that a person does not agree: every later version is made without what they said until now, too."""
    _say(invoked(context, json, url), user, False, purpose, conversation, notice)


def _say(
    invocation: Invocation, user: str, word: bool, purposes: list[str] | None, conversation: str | None, notice: str
) -> None:
    wrong = sorted(set(purposes or ()) - set(PURPOSES))
    if wrong:
        raise InvalidInput(f"there is no purpose {', '.join(wrong)}; there are {', '.join(PURPOSES)}")
    body = {
        "purposes": dict.fromkeys(purposes or PURPOSES, word),
        "session_id": conversation,
        "notice": notice,
        "how": "command",
    }
    show(invocation, send(invocation, "PUT", f"/users/{quote(user, safe='')}/consent", body=body), _agreed)


def _agreed(found: Mapping[str, Any]) -> None:
    terminal.rows(
        f"Consent of {found['user']}; the setting is {found['setting']}",
        ("purpose", "said", "in force"),
        (
            [name, {True: "yes", False: "no", None: ""}[held["said"]], "yes" if held["in_force"] else "no"]
            for name, held in found["purposes"].items()
        ),
        "",
    )
    columns = ("event_state", "purposes", "event_time", "collection_method", "entity")
    for record in found["records"]:
        terminal.rows(
            "In one conversation" if record["conversation"] else "In all that they ask",
            ("what", "for", "when", "how", "by"),
            ([_word(event[name]) for name in columns] for event in record["events"]),
            "",
        )
    if not found["records"]:
        terminal.line("nothing was said")


def _word(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


@receipt_group.command("list", epilog="Example: rag-flywheel receipt list")
def receipt_list(context: typer.Context, json: Json = False) -> None:
    """The erasures that were asked for, how far they are, and where the receipts lie. Local files only."""
    from rag_flywheel.cycle.erasing import folder

    invocation = invoked(context, json)
    with local_services(invocation) as services:
        place = folder(services)
        found = [
            {
                "id": entry.erasure_id,
                "state": entry.state.value,
                "received": entry.received.isoformat(),
                "due": entry.due.isoformat(),
                "receipt": str(file) if (file := place / f"erasure-{entry.erasure_id}.json").exists() else None,
            }
            for entry in services.ledger.erasures()
        ]
    columns = ("id", "state", "received", "due", "receipt")
    show(
        invocation,
        found,
        lambda rows: terminal.rows(
            "Erasures", columns, ([row[name] or "" for name in columns] for row in rows), "nobody asked to be forgotten"
        ),
    )


@receipt_group.command("verify", epilog="Example: rag-flywheel receipt verify receipt.json --key public.key")
def receipt_verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The receipt.")],
    key: Annotated[Path | None, typer.Option(help="The public key; if not given, public.key beside the file.")] = None,
    json: Json = False,
) -> None:
    """Whether a receipt is what was signed. Exit codes: 0 it is, 8 it is not."""
    from rag_flywheel.privacy import receipts

    receipt = receipts.read(file)
    public = key or file.parent / receipts.PUBLIC_FILE
    try:
        text = public.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{public} cannot be read as a public key: name it with --key") from error
    receipts.verify(receipt, text)
    show(
        invoked(context, json),
        {"verified": True, **{name: receipt.get(name) for name in ("id", "received", "due", "done", "software")}},
        terminal.fields,
    )


def _progress(found: Mapping[str, Any]) -> None:
    terminal.fields({name: found[name] for name in ("id", "state", "received", "due") if found[name] is not None})
    terminal.rows("Records", ("where", "how many"), found["records"].items(), "nothing of theirs was found")
    if found["versions"]:
        terminal.line(f"versions that hold something of theirs: {', '.join(found['versions'])}")
    if found["state"] in ("asked", "swept"):
        terminal.line("the rest goes with these versions: `rag-flywheel reindex` builds one without", style="yellow")
