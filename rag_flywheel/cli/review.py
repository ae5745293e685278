"""Commands of reviewers: look at corrections and decide on them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, reply_to, segment, send, show
from rag_flywheel.errors import InvalidInput

group = typer.Typer(help="Look at corrections and decide on them.", no_args_is_help=True)


@group.command("list", epilog="Example: rag-flywheel review list --status quarantined")
def review_list(
    context: typer.Context,
    status: Annotated[
        str | None,
        typer.Option(help="pending, held, accepted, rejected or quarantined; if not given, what waits for a decision."),
    ] = None,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Only those that another correction contradicts, in any state.")
    ] = False,
    stage: Annotated[
        str | None, typer.Option(help="Where the answer failed: missing, not_retrieved, mis_ranked or mis_generated.")
    ] = None,
    concern: Annotated[str | None, typer.Option(help="With this reason to look twice, such as number.")] = None,
    document: Annotated[str | None, typer.Option(help="That name a span of this document.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="That this reviewer decided on last.")] = None,
    in_hand: Annotated[str | None, typer.Option(help="Of whom it is in hand: me, others or nobody.")] = None,
    since: Annotated[str | None, typer.Option(help="Handed in from then on, such as 2026-05-01T12:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Handed in up to then.")] = None,
    order: Annotated[str, typer.Option(help="worth, oldest or newest first.")] = "worth",
    limit: Annotated[int, typer.Option(help="Corrections at most.", min=1, max=1000)] = 100,
    csv: Annotated[bool, typer.Option("--csv", help="Print a table for a spreadsheet instead.")] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """The corrections that wait for a decision, those that a verdict is worth most on first."""
    invocation = invoked(context, json, url)
    said = {
        "status": status,
        "stage": stage,
        "concern": concern,
        "document": document,
        "reviewer": reviewer,
        "in_hand": in_hand,
        "since": since,
        "until": until,
        "order": order,
        "limit": limit,
    }
    params = {name: value for name, value in said.items() if value is not None} | {"conflicts": conflicts}
    if csv:
        terminal.whole(reply_to(invocation, "GET", "/review.csv", params=params).text)
        return
    show(invocation, send(invocation, "GET", "/review", params=params), review_table)


@group.command("show", epilog="Example: rag-flywheel review show ID")
def review_show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The correction's id.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """One correction beside what was answered, what contradicts it, and what to look at twice."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/review/{segment(id)}"), review_item)


@group.command("decide", epilog="Example: rag-flywheel review decide ID --verdict accept")
def review_decide(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The correction's id, or those of several.")],
    verdict: Annotated[str, typer.Option(help="accept, reject or quarantine.")],
    answer: Annotated[str | None, typer.Option(help="Accept it in these words instead.")] = None,
    note: Annotated[str | None, typer.Option(help="Why; its author sees it.")] = None,
    reviewer: Annotated[
        str | None, typer.Option(help="Who decides; your login name if not given. Local files only.")
    ] = None,
    seen: Annotated[
        str | None, typer.Option(help="The review that `show` told; refused where somebody decided since.")
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Accept, reject or quarantine a correction. The latest verdict counts; the next reindex acts on it.

    What gives reason to look twice is held until a second reviewer accepts it.
    """
    invocation = invoked(context, json, url)
    if len(ids) > 1:
        if answer is not None or seen is not None:
            raise InvalidInput("a wording and what was seen are of one correction: give one id, or leave them out")
        several = {"ids": ids, "verdict": verdict, "note": note}
        show(invocation, send(invocation, "POST", "/review", body=several, who=reviewer), _decided)
        return
    body = {"verdict": verdict, "answer": answer, "note": note, "seen": seen}
    show(invocation, send(invocation, "POST", f"/review/{segment(ids[0])}", body=body, who=reviewer), review_item)


@group.command("start", epilog="Example: rag-flywheel review start")
def review_start(
    context: typer.Context,
    status: Annotated[
        str | None, typer.Option(help="As of `review list`; if not given, what waits for a decision.")
    ] = None,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="Only those that another one contradicts.")] = False,
    limit: Annotated[int, typer.Option(help="Corrections at most.", min=1, max=1000)] = 100,
    reviewer: Annotated[
        str | None, typer.Option(help="Who decides; your login name if not given. Local files only.")
    ] = None,
    url: Url = "",
) -> None:
    """Go through the queue at the terminal, one correction after the other: a letter decides, and `u` takes it back."""
    from rag_flywheel.cli.reviewing import Decided, walk

    invocation = invoked(context, False, url)
    if invocation.json or not sys.stdin.isatty():
        raise InvalidInput("this asks somebody at a terminal: `review list` and `review decide` are for scripts")
    params = {"status": status, "conflicts": conflicts, "limit": limit}
    items = send(invocation, "GET", "/review", params=params)

    def decide(decided: Decided) -> None:
        body = {"verdict": decided.verdict, "answer": decided.answer, "note": decided.note}
        body["seen"] = decided.item["review"]
        send(invocation, "POST", f"/review/{segment(decided.item['id'])}", body=body, who=reviewer)

    done = walk(items, decide)
    counted = ", ".join(f"{number} {verdict}" for verdict, number in done.items())
    terminal.line(f"\ndecided: {counted or 'nothing'}" if items else "no correction is in this state")


def _decided(replies: Sequence[Mapping[str, Any]]) -> None:
    rows = ([reply["id"], reply["status"], reply["detail"]] for reply in replies)
    terminal.rows("Decided", ("id", "status", "why not"), rows, "nothing was decided")


def review_table(corrections: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "status", "stage", "question", "was answered", "correction")
    rows = (
        [correction[name] for name in ("id", "status", "stage", "question", "answered", "answer")]
        for correction in corrections
    )
    terminal.rows("Corrections", columns, rows, "no correction is in this state")
    for correction in corrections:
        _remarks(correction)


def review_item(correction: Mapping[str, Any]) -> None:
    apart = ("conflicts", "alike", "concerns", "ranking")
    terminal.fields({name: value for name, value in correction.items() if name not in apart})
    for found in correction.get("ranking", ()):
        place = f"{found['document_id']}:{found['start']}:{found['end']}"
        marks = [name for name in ("shown", "evidence", "superseded") if found[name]]
        terminal.line(f"  {found['rank']}. {place} {found['score']:.3f} {', '.join(marks)}", style="dim")
    _remarks(correction)


def _remarks(correction: Mapping[str, Any]) -> None:
    """What a reviewer should know before deciding."""
    for concern in correction["concerns"]:
        terminal.line(f"{correction['id']}: look twice ({concern['kind']}): {concern['said']}", style="yellow")
    if correction["status"] == "held":
        terminal.line(
            f"{correction['id']} is held: {correction['reviewer']} accepted it, and it waits for a second reviewer"
        )
    if correction["in_hand_of"] is not None:
        terminal.line(
            f"{correction['id']} is in hand of {correction['in_hand_of']} until {correction['in_hand_until']}"
        )
    for other in correction["alike"]:
        terminal.line(f"{correction['id']} says the same as {other['id']} ({other['status']}): {other['question']}")
    for other in correction["conflicts"]:
        same = "the very same question: the one accepted last supersedes the other"
        near = f"nearly the same question: both stay until one is rejected: {other['question']}"
        said = f"{correction['id']} is in conflict with {other['id']} ({other['status']}): {other['answer']}"
        terminal.line(said)
        terminal.line(f"  {same if other['same_question'] else near}", style="dim")
