"""Commands by which reviewers share the work: who has what in hand, second reviews, how far they are."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, segment, send, show
from rag_flywheel.cli.review import group, review_item

__all__ = ["group"]

Id = Annotated[str, typer.Argument(help="The correction's id.")]
Reviewer = Annotated[str | None, typer.Option(help="Who does it; your login name if not given. Local files only.")]


@group.command("next", epilog="Example: rag-flywheel review next")
def review_next(context: typer.Context, reviewer: Reviewer = None, json: Json = False, url: Url = "") -> None:
    """Take the first correction that you can decide on: what you have in hand, or else what nobody has."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", "/review/next", who=reviewer), _next)


@group.command("take", epilog="Example: rag-flywheel review take ID")
def review_take(context: typer.Context, id: Id, reviewer: Reviewer = None, json: Json = False, url: Url = "") -> None:
    """Have a correction in hand for a while: nobody else decides on it meanwhile."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", f"/review/{segment(id)}/take", who=reviewer), review_item)


@group.command("leave", epilog="Example: rag-flywheel review leave ID")
def review_leave(context: typer.Context, id: Id, reviewer: Reviewer = None, json: Json = False, url: Url = "") -> None:
    """Put a correction back, for others to decide on."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", f"/review/{segment(id)}/leave", who=reviewer), review_item)


@group.command("skip", epilog="Example: rag-flywheel review skip ID")
def review_skip(context: typer.Context, id: Id, reviewer: Reviewer = None, json: Json = False, url: Url = "") -> None:
    """Put a correction back, and not be given it again for twelve hours."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", f"/review/{segment(id)}/skip", who=reviewer), review_item)


@group.command("assign", epilog="Example: rag-flywheel review assign ID --to grace")
def review_assign(
    context: typer.Context,
    id: Id,
    to: Annotated[str, typer.Option(help="The reviewer who is to decide on it.")],
    reviewer: Reviewer = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Give a correction to a reviewer, who has it in hand for as long as `review.assigned_hours` says."""
    invocation = invoked(context, json, url)
    path = f"/review/{segment(id)}/assign"
    show(invocation, send(invocation, "POST", path, body={"reviewer": to}, who=reviewer), review_item)


@group.command("undo", epilog="Example: rag-flywheel review undo ID")
def review_undo(context: typer.Context, id: Id, reviewer: Reviewer = None, json: Json = False, url: Url = "") -> None:
    """Take your latest verdict back, as long as no version was built with it."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", f"/review/{segment(id)}/undo", who=reviewer), review_item)


@group.command("touches", epilog="Example: rag-flywheel review touches ID")
def review_touches(context: typer.Context, id: Id, json: Json = False, url: Url = "") -> None:
    """What a correction would touch if it went live: which of the nearest questions would be shown something else."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/review/{segment(id)}/touches"), _touches)


@group.command("progress", epilog="Example: rag-flywheel review progress --days 30")
def review_progress(
    context: typer.Context,
    days: Annotated[int, typer.Option(help="Days that are looked at.", min=1, max=3650)] = 7,
    json: Json = False,
    url: Url = "",
) -> None:
    """What waits in each queue, and what each reviewer decided lately."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/review/progress", params={"days": days}), _progress)


@group.command("second", epilog="Example: rag-flywheel review second ID --verdict reject")
def review_second(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(help="The correction's id; without one the next one is shown.")] = None,
    verdict: Annotated[
        str | None, typer.Option(help="accept, reject or quarantine: how you would have decided.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    reviewer: Reviewer = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Decide once more on what another reviewer decided, without knowing how: it tells how far reviewers agree."""
    invocation = invoked(context, json, url)
    if id is None:
        show(invocation, send(invocation, "GET", "/review/second", who=reviewer), _second)
        return
    body = {"verdict": verdict, "note": note}
    show(
        invocation, send(invocation, "POST", f"/review/second/{segment(id)}", body=body, who=reviewer), terminal.fields
    )


@group.command("agreement", epilog="Example: rag-flywheel review agreement")
def review_agreement(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """How far second reviewers agree with first ones, with Cohen's kappa, and where they do not."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/review/agreement"), _agreement)


def _next(reply: Mapping[str, Any]) -> None:
    if reply["item"] is None:
        terminal.line("nothing is left that you can decide on")
    else:
        review_item(reply["item"])


def _touches(reply: Mapping[str, Any]) -> None:
    others = sum(not near["wording"] for near in reply["questions"])
    threshold = reply["threshold"]
    if threshold is None:
        terminal.line(f"version {reply['version']} has not learned when a correction is meant, and admits none yet")
    elif reply["place"] is None:
        terminal.line(
            f"its own question would not find it in version {reply['version']}: it fits {reply['fit']:.2f}, and "
            f"{threshold:.2f} is needed"
        )
    else:
        terminal.line(f"its own question would find it at rank {reply['place']} in version {reply['version']}")
    terminal.line(f"of {others} other questions near it {reply['changed']} would be shown something else first")
    rows = (
        [f"{near['cosine']:.2f}", _effect(near), near["question"], _title(near["before"]), _title(near["after"])]
        for near in reply["questions"]
    )
    columns = ("likeness", "effect", "question", "first now", "first then")
    terminal.rows("Questions near it", columns, rows, "nobody has asked anything else yet")


def _effect(near: Mapping[str, Any]) -> str:
    return ("meant" if near["wording"] else "changed") if near["changed"] else "none"


def _title(first: Mapping[str, Any] | None) -> str | None:
    return None if first is None else str(first["title"] or first["document_id"])


def _progress(reply: Mapping[str, Any]) -> None:
    queues = ([queue[name] for name in ("name", "waiting", "in_hand", "oldest")] for queue in reply["queues"])
    terminal.rows("Queues", ("queue", "waiting", "in hand", "oldest"), queues, "no queue")
    terminal.line(f"{reply['handed_in']} handed in and {reply['decided']} verdicts in the last {reply['days']} days")
    names = ("reviewer", "accepted", "rejected", "quarantined", "in_hand", "second", "agreed", "compared", "hours")
    rows = ([each[name] for name in names] for each in reply["reviewers"])
    terminal.rows("Reviewers", [name.replace("_", " ") for name in names], rows, "nobody decided on anything")


def _second(replies: Sequence[Mapping[str, Any]]) -> None:
    if not replies:
        terminal.line("nothing waits for you as the second reviewer")
    for item in replies:
        terminal.fields(
            {name: item[name] for name in ("id", "question", "answered", "answer", "evidence", "supersedes")}
        )
        for concern in item["concerns"]:
            terminal.line(f"{item['id']}: look twice ({concern['kind']}): {concern['said']}", style="yellow")


def _agreement(reply: Mapping[str, Any]) -> None:
    if not reply["pairs"]:
        terminal.line("nothing was decided twice yet: `rag-flywheel review second`")
        return
    terminal.line(f"{reply['agreed']} of {reply['pairs']} second verdicts agree {_interval(reply['share_interval'])}")
    kappa = "not defined, as all verdicts are the same one" if reply["kappa"] is None else f"{reply['kappa']:.2f}"
    terminal.line(f"Cohen's kappa: {kappa} {_interval(reply['kappa_interval'])}")
    names = ("id", "first_reviewer", "first_verdict", "reviewer", "verdict", "note")
    rows = ([each[name] for name in names] for each in reply["disagreed"])
    terminal.rows("Not agreed on", [name.replace("_", " ") for name in names], rows, "they agree on all")


def _interval(ends: Sequence[float]) -> str:
    low, high = ends
    return f"(95% interval {low:.2f} to {high:.2f})"
