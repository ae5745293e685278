"""Commands that ask, and explain an answer."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, User, invoked, segment, send, show

EXCERPT = 80  # characters of a passage in a table

commands = typer.Typer()


@commands.command(epilog='Example: rag-flywheel ask "How do I roll back?" --user ada')
def ask(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="The question.")],
    user: User = None,
    group: Annotated[
        str | None, typer.Option(help="The group of people you belong to: a plan, a region, a team; never a person.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="The conversation it belongs to.")] = None,
    consent: Annotated[
        bool | None, typer.Option("--consent/--no-consent", help="Whether the texts may be kept and learned from.")
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Ask a question; the answer comes with citations and the id of the interaction."""
    invocation = invoked(context, json, url)
    body = {
        "question": text,
        "user_id": user,
        "user_group": group,
        "session_id": session,
        "consent": consent,
    }
    show(invocation, send(invocation, "POST", "/chat", body=body), _answer)


@commands.command(epilog="Example: rag-flywheel explain INTERACTION --limit 5")
def explain(
    context: typer.Context,
    interaction: Annotated[str, typer.Argument(help="The interaction's id, which `ask` prints.")],
    limit: Annotated[int, typer.Option(help="Passages at most, and known questions.", min=1, max=1000)] = 10,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say why an answer's passages rank as they do, and which known questions were admitted or kept out, and why."""
    invocation = invoked(context, json, url)
    reply = send(invocation, "GET", f"/interactions/{segment(interaction)}/explain", params={"limit": limit})
    show(invocation, reply, _explanation)


def _answer(reply: Mapping[str, Any]) -> None:
    terminal.line(reply["answer"])
    if reply.get("fallback"):
        terminal.line("the language model is away: these are sentences of the documents", style="dim")
    for citation in reply["citations"]:
        terminal.line(f"  [{citation['number']}] {citation['title']} ({_place(citation)})", style="dim")
    for offered in reply["suggestions"]:
        terminal.line(f"did you mean: {offered['question']} (correction {offered['correction_id']})")
    terminal.line(f"interaction {reply['interaction_id']}, version {reply['version']}", style="dim")


def _explanation(said: Mapping[str, Any]) -> None:
    learned, admission = said["learned"], said["learned"]["admission"]
    weights = (f"{name.replace('_', ' ')} {weight:.2f}" for name, weight in learned["fusion"].items())
    needed = "no known question is used"
    if admission is not None:
        signs = [("+", "words", "words"), ("+", "answer", "question and answer"), ("+", "tokens", "lead by tokens")]
        signs += [("-", "passage", "best passage"), ("-", "sentence", "nearest sentence")]
        weighed = [f" {sign} {admission[key]:.2f} x {name}" for sign, key, name in signs if admission[key]]
        above = f"cosine{''.join(weighed)} is above {admission['threshold']:.2f}"
        needed = f"a known question is used where {above}, and no passage is nearer"
    lines = [
        said["question"] or "question not kept",
        *([f"searched for: {said['query']}"] if said["query"] != said["question"] else []),
        f"version {said['version']}, {'live' if said['live'] else 'not live'}",
        f"fusion: {', '.join(weights) or 'reciprocal rank fusion'}; reranker: {learned['reranker'] or 'none'}",
        f"admission: {needed}",
    ]
    for line in lines:
        terminal.line(line)
    for note in said["notes"]:
        terminal.line(f"note: {note}", style="yellow")
    passages = ([passage["rank"], *_ranked(passage)] for passage in said["passages"])
    terminal.rows("Ranking", ("rank", "passage", "score", "why", "used"), passages, "nothing was found")
    judged = ([_known(question), question["question"], *_fitted(question)] for question in said["questions"])
    columns = ("answered by", "known question", "fit", "why")
    terminal.rows("Known questions near the query", columns, judged, "no known question is near the query")


def _ranked(passage: Mapping[str, Any]) -> Iterator[str]:
    """The cells of a passage after its rank."""
    text = " ".join((passage["text"] or "").split())
    excerpt = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    yield "\n".join(line for line in (passage["title"], _place(passage), excerpt) if line)
    yield f"{passage['score']:.3f}"
    weighed = (
        f"{feature['name'].replace('_', ' ')} {feature['value']:.2f} x {feature['weight']:.2f}"
        f" = {feature['contribution']:.2f}"
        for feature in passage["features"]
        if feature["weight"]
    )
    admitted = [] if passage["scores"]["question"] is None else [_known(passage)]
    yield "\n".join([_numbers(passage["scores"]), *admitted, *weighed])
    yield "cited" if passage["cited"] else "shown" if passage["shown"] else ""


def _fitted(question: Mapping[str, Any]) -> Iterator[str]:
    """The cells of a known question after the question itself."""
    yield "-" if question["fit"] is None else f"{question['fit']:.2f}"
    named = {"cosine": "cosine", "words": "words", "answer": "question and answer", "passage": "best passage"}
    parts = {name: question[key] for key, name in named.items()}
    yield f"{question['reason']}\n{_numbers(parts)}"


def _known(found: Mapping[str, Any]) -> str:
    """Where the answer to a known question comes from, the ids on lines of their own."""
    confirmed, correction = found["confirmed"], found["correction_id"]
    parts = [f"confirmed answer of interaction\n{confirmed}"] if confirmed is not None else []
    parts += [f"correction\n{correction}"] if correction is not None else []
    return "\n".join(parts) or "confirmed answer"


def _numbers(named: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in named.items() if value is not None)


def _place(span: Mapping[str, Any]) -> str:
    """A span as `correct --evidence` takes it."""
    return f"{span['document_id']}:{span['start']}:{span['end']}"
