"""Commands on gaps: topics of questions that were not surely or not well answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, Url, invoked, reply_to, segment, send, show, span
from rag_flywheel.errors import DiskUnavailable

group = typer.Typer(help="What people ask and the documents do not answer, by topic.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The topic's id, which `gaps list` prints.")]
Who = Annotated[str | None, typer.Option(help="Who decides; your login name if not given. Local files only.")]
State = Annotated[
    Literal["open", "addressed", "dismissed", "back again"] | None,
    typer.Option(help="How they stand; if not given, those that are open or back again."),
]
OffTopic = Annotated[bool, typer.Option("--off-topic", help="The questions that no document is about instead.")]
SHOWN = 10
"""Questions of a topic that are shown at most."""


@group.command("list", epilog="Example: rag-flywheel gaps list --limit 10")
def gaps_list(
    context: typer.Context,
    state: State = None,
    off_topic: OffTopic = False,
    limit: Annotated[int, typer.Option(help="Topics at most.", min=1, max=1000)] = 20,
    json: Json = False,
    url: Url = "",
) -> None:
    """Topics that the documents do not surely answer, those that most people asked first."""
    invocation = invoked(context, json, url)
    params = {"state": state, "off_topic": off_topic, "limit": limit}
    show(invocation, send(invocation, "GET", "/gaps", params=params), _list)


@group.command("show", epilog="Example: rag-flywheel gaps show 3f2a9c01b7d4")
def gaps_show(context: typer.Context, id: Id, json: Json = False, url: Url = "") -> None:
    """One topic with its questions, what is likely to be wrong, and what can be done."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/gaps/{segment(id)}"), _one)


@group.command("dismiss", epilog="Example: rag-flywheel gaps dismiss 3f2a9c01b7d4 --why 'not our product'")
def gaps_dismiss(
    context: typer.Context,
    id: Id,
    why: Annotated[str, typer.Option("--why", help="Why nothing is to be done.")],
    who: Who = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say that nothing is to be done. It comes back when somebody asks again."""
    _rule(id, {"state": "dismissed", "why": why}, who, invoked(context, json, url))


@group.command("address", epilog="Example: rag-flywheel gaps address 3f2a9c01b7d4 --document docs/export.md")
def gaps_address(
    context: typer.Context,
    id: Id,
    document: Annotated[
        str | None, typer.Option(help="The document of the live version that holds the answer.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="What was done.")] = "it is in the documents",
    who: Who = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say that it is addressed, and by which document. It comes back when somebody asks again."""
    _rule(id, {"state": "addressed", "why": why, "document_id": document}, who, invoked(context, json, url))


@group.command("reopen", epilog="Example: rag-flywheel gaps reopen 3f2a9c01b7d4 --why 'the document was wrong'")
def gaps_reopen(
    context: typer.Context,
    id: Id,
    why: Annotated[str, typer.Option("--why", help="Why it is open after all.")],
    who: Who = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say that it is open after all."""
    _rule(id, {"state": "open", "why": why}, who, invoked(context, json, url))


@group.command("answer", epilog='Example: rag-flywheel gaps answer 3f2a9c01b7d4 --answer "Choose File, then Export."')
def gaps_answer(
    context: typer.Context,
    id: Id,
    answer: Annotated[str, typer.Option(help="The right answer.")],
    question: Annotated[
        str | None,
        typer.Option(help="The interaction's id of the question that it answers; else the most typical one."),
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option(help="DOCUMENT:START:END, a span that supports it; may be repeated.")
    ] = None,
    who: Who = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Answer it here: a correction, which waits for a review."""
    invocation = invoked(context, json, url)
    body = {"answer": answer, "interaction_id": question, "evidence": [span(text) for text in evidence or []]}
    show(invocation, send(invocation, "POST", f"/gaps/{segment(id)}/answer", body=body, who=who), terminal.fields)


@group.command("check", epilog="Example: rag-flywheel gaps check 3f2a9c01b7d4")
def gaps_check(context: typer.Context, id: Id, json: Json = False, url: Url = "") -> None:
    """Did it close? Its questions are asked again of the live version, and nothing of it is recorded."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", f"/gaps/{segment(id)}/check"), _check)


@group.command("export", epilog="Example: rag-flywheel gaps export gaps.csv")
def gaps_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    state: State = None,
    off_topic: OffTopic = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """Write the topics as a table for a spreadsheet."""
    invocation = invoked(context, json, url)
    table = reply_to(invocation, "GET", "/gaps/export", params={"state": state, "off_topic": off_topic}).content
    try:
        file.write_bytes(table)
    except OSError as error:
        raise DiskUnavailable(f"{file} cannot be written: {error.strerror}") from error
    show(invocation, {"file": str(file), "bytes": len(table)}, terminal.fields)


def _rule(id: str, ruling: Mapping[str, Any], who: str | None, invocation: Invocation) -> None:
    show(invocation, send(invocation, "POST", f"/gaps/{segment(id)}/ruling", body=ruling, who=who), _one)


def _list(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        terminal.line("no gaps: every question was answered, or is addressed or dismissed")
    for topic in found:
        _head(topic)
        terminal.line(f"  {topic['finding']} {topic['recommendation']}", style="dim")


def _head(topic: Mapping[str, Any]) -> None:
    asked = _counted(topic["times"], "question"), _counted(topic["people"], "person", "people")
    terminal.line(f"{topic['id']}  {topic['name']}", style="bold")
    terminal.line(f"  {topic['question']}")
    terminal.line(
        f"  {topic['state']}, {topic['kind']}; {asked[0]} of {asked[1]}, {topic['trend']}, last {topic['last'][:10]}"
    )


def _one(topic: Mapping[str, Any]) -> None:
    _head(topic)
    terminal.line(f"  first asked {topic['first'][:10]}; by week: {' '.join(map(str, topic['weeks']))}")
    terminal.line(f"  {topic['finding']}")
    terminal.line(f"  {topic['recommendation']}")
    ruling = topic["ruling"]
    if ruling is not None:
        of = f" ({ruling['document_id']})" if ruling["document_id"] else ""
        terminal.line(f"  {ruling['state']}{of} by {ruling['who']} on {ruling['at'][:10]}: {ruling['why']}")
    for correction in topic["corrections"]:
        terminal.line(f"  answered by correction {correction['id']}: {correction['status']}")
    for wording in topic["wordings"][:SHOWN]:
        terminal.line(
            f"    {wording['times']} x {wording['question']} ({wording['answered']}; {wording['interaction_id']})"
        )
    if len(topic["wordings"]) > SHOWN:
        terminal.line(f"    and {len(topic['wordings']) - SHOWN} more")


def _check(found: Mapping[str, Any]) -> None:
    terminal.line(f"{found['closed']} of {found['asked']} closed on {found['version']}", style="bold")
    for asked in found["questions"]:
        mark = "closed" if asked["closed"] else "open"
        terminal.line(f"  {mark}: {asked['question']}")
        terminal.line(f"    {asked['before']} -> {asked['now']} {', '.join(asked['cited'])}", style="dim")


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
