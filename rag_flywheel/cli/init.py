"""The first command: five questions, and a config.yaml of the answers."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, invoked, login, send, show
from rag_flywheel.errors import Conflict, InvalidInput, on_disk

if TYPE_CHECKING:
    from rag_flywheel.config.first_file import Answers
    from rag_flywheel.cycle.source_check import Look

commands = typer.Typer()

Audience = Literal["machine", "network"]
Consent = Literal["required", "assumed", "off"]
Kind = Literal["extractive", "openai_like"]
Reviewers = Literal["one", "several"]
Word = TypeVar("Word", bound=str)

LLM_KEY = "RAG_FLYWHEEL_LLM_API_KEY"
USUAL_FOLDER = "docs"
AUDIENCES: Mapping[Audience, str] = {
    "machine": "only this machine",
    "network": "other machines too; whoever asks from there needs a key",
}
KINDS: Mapping[Kind, str] = {
    "extractive": "sentences of your documents; no language model is needed",
    "openai_like": "a language model behind any OpenAI-compatible server",
}
REVIEWERS: Mapping[Reviewers, str] = {
    "one": "you alone: you may accept your own corrections",
    "several": "nobody accepts their own, and what gives reason to look twice takes two",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the command line answers; whoever is `asked` answers the rest."""

    documents: Sequence[str]
    audience: Audience | None
    consent: Consent | None
    answers: Kind | None
    url: str | None
    model: str | None
    reviewers: Reviewers | None
    asked: bool


@commands.command(epilog="Example: rag-flywheel init --yes --documents manuals --consent required")
def init(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Where config.yaml goes; if not given, here, or to the file of --config.")
    ] = None,
    documents: Annotated[
        list[str] | None, typer.Option(help="A file, folder or glob to answer from; may be given more than once.")
    ] = None,
    audience: Annotated[Audience | None, typer.Option(help="Who uses it: this machine, or others too.")] = None,
    consent: Annotated[
        Consent | None, typer.Option(help="Whether people's texts are kept: after a yes, unless they say no, never.")
    ] = None,
    answers: Annotated[
        Kind | None, typer.Option(help="Sentences of the documents, or those of a language model.")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(help="The model's server, such as http://localhost:11434/v1.")] = None,
    llm_model: Annotated[str | None, typer.Option(help="The model's name there.")] = None,
    reviewers: Annotated[Reviewers | None, typer.Option(help="How many people review corrections.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: the usual answer where none is given.")] = False,
    json: Json = False,
) -> None:
    """Ask five questions and write config.yaml. Nothing is overwritten.

    With --yes, with --json and without a terminal nothing is asked; --consent then has to be given.
    """
    invocation = invoked(context, json)
    given = _Given(
        documents=documents or (),
        audience=audience,
        consent=consent,
        answers=answers,
        url=llm_url,
        model=llm_model,
        reviewers=reviewers,
        asked=not (yes or invocation.json) and sys.stdin.isatty(),
    )
    show(invocation, _begun((folder / "config.yaml" if folder else invocation.config).absolute(), given), _told)


def _begun(file: Path, given: _Given) -> dict[str, Any]:
    """Ask, write, look, and say what was found. Raises Conflict where there is a file, and InvalidInput."""
    from rag_flywheel.config.first_file import written

    if os.path.lexists(file):
        check = f"rag-flywheel --config {shlex.quote(str(file))} config check"
        raise Conflict(
            f"{file} exists and stays as it is: change it with an editor (`{check}` finds mistakes), or name another "
            "folder"
        )
    if given.asked:
        terminal.line(f"Five questions; then {file} is written. Enter takes what stands in brackets.")
    answers, looks = _answered(file, given)
    problem = _model_problem(answers)
    try:
        with on_disk(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                new.write(written(answers))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written ({error.strerror}): name a folder that can") from error
    key = None
    if answers.audience == "network":
        body = {"name": login(), "roles": ["admin"]}
        local = Invocation(config=file, url="", json=True)
        key = send(local, "POST", "/keys", body=body)["key"]
    return {
        "file": str(file),
        "sources": [look.as_json() for look in looks],
        "model_problem": problem or None,
        "key": key,
        "next": _next(file, answers),
    }


def _answered(file: Path, given: _Given) -> "tuple[Answers, list[Look]]":
    from rag_flywheel.config.first_file import CONSENTS, Answers

    paths, looks = _documents(file, given)
    audience = given.audience or _choice("2. Who uses it", AUDIENCES, "--audience", "machine", asked=given.asked)
    question = "3. May people's texts be kept and learned from"
    consent = given.consent or _choice(question, CONSENTS, "--consent", None, asked=given.asked)
    kind = given.answers or _choice("4. What are answers", KINDS, "--answers", "extractive", asked=given.asked)
    url, model = _server(given) if kind == "openai_like" else ("", "")
    question = "5. Who reviews corrections"
    reviewers = given.reviewers or _choice(question, REVIEWERS, "--reviewers", "several", asked=given.asked)
    answers = Answers(
        documents=paths, audience=audience, consent=consent, answers=kind, url=url, model=model, reviewers=reviewers
    )
    return answers, looks


def _documents(file: Path, given: _Given) -> "tuple[tuple[str, ...], list[Look]]":
    """What is to stand in `sources`, and what each entry gives. Raises InvalidInput for one that gives nothing."""
    while True:
        named = given.documents
        if not named and given.asked:
            named = [_typed("1. Where are your documents (a file, a folder or a glob)", USUAL_FOLDER)]
        # What somebody names is relative to where they are, and the usual folder to the file.
        paths = tuple(_from(file.parent, path) for path in named) or (USUAL_FOLDER,)
        looks = [_look(path, file) for path in paths]
        problem = "; ".join(f"{look.source} {look.problem}" for look in looks if look.problem)
        if not problem:
            for look in looks if given.asked else ():
                _found(look.as_json())
            return paths, looks
        if given.documents or not given.asked:
            raise InvalidInput(f"{problem}: name a file, a folder or a glob with documents after --documents")
        terminal.line(f"   {problem}", style="yellow")


def _from(folder: Path, path: str) -> str:
    """A path that is relative to here, as the settings write it: relative to their folder where it is below."""
    whole = Path(os.path.abspath(Path(path).expanduser()))
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else whole.as_posix()


def _look(path: str, file: Path) -> "Look":
    from rag_flywheel.config import Config, Source
    from rag_flywheel.cycle.source_check import look_at

    source = Source(path=path)
    return look_at(source, Config(file=file, sources=(source,)))


def _server(given: _Given) -> tuple[str, str]:
    """The model's server and its name there. Raises InvalidInput where one is missing or holds a password."""
    from rag_flywheel.config.urls import password_in

    url, model = given.url, given.model
    if given.asked:
        url = url or _typed("   The server's base URL", "http://localhost:11434/v1")
        model = model or _typed("   The model's name there", None)
    if not url or not model:
        raise InvalidInput("answers of a language model need --llm-url and --llm-model")
    if password_in(url) is not None:
        raise InvalidInput(f"the model's URL holds a password: set {LLM_KEY} to the server's key, and leave it out")
    return url, model


def _model_problem(answers: "Answers") -> str:
    """Why the model does not answer now; empty where it does, and where there is none."""
    if answers.answers == "extractive":
        return ""
    from rag_flywheel.cli.reachable import model_problem
    from rag_flywheel.config import secrets

    return model_problem(url=answers.url, model=answers.model, key=secrets().llm_api_key, variable=LLM_KEY)


def _choice(question: str, meanings: Mapping[Word, str], option: str, usual: Word | None, *, asked: bool) -> Word:
    """The word that somebody chooses by its number or itself; the usual one where nobody is asked.

    Raises InvalidInput where nobody is asked and nothing is usual.
    """
    words = list(meanings)
    if not asked and usual is not None:
        return usual
    if not asked:
        every = "; ".join(f"{word}: {meaning}" for word, meaning in meanings.items())
        raise InvalidInput(f"{option} has to be given, since nothing is usual there. {every}")
    terminal.line(f"\n{question}?")
    for number, (word, meaning) in enumerate(meanings.items(), start=1):
        terminal.line(f"   {number} {word}: {meaning}")
    while True:
        typed = _typed("  ", usual).casefold()
        chosen = [word for number, word in enumerate(words, start=1) if typed in (str(number), word)]
        if chosen:
            return chosen[0]
        terminal.line(f"   one of {', '.join(words)}, or its number", style="yellow")


def _typed(question: str, usual: str | None) -> str:
    """A line that somebody types, not an empty one."""
    said: str = typer.prompt(question, default=usual)
    return said.strip()


def _next(file: Path, answers: "Answers") -> list[str]:
    """The commands to go on with."""
    here = file == Path.cwd() / "config.yaml"
    program = "rag-flywheel" if here else f"rag-flywheel --config {shlex.quote(str(file))}"
    key = [f"export {LLM_KEY}=..."] if answers.answers == "openai_like" and not os.environ.get(LLM_KEY) else []
    return [
        *key,
        f"{program} doctor",
        f"{program} reindex",
        f'{program} ask "..."',
        f"{program} serve",
    ]


def _told(result: Mapping[str, Any]) -> None:
    terminal.line(f"\nwrote {result['file']}", style="green")
    for look in result["sources"]:
        _found(look)
    if result["model_problem"]:
        terminal.line(f"the language model's server {result['model_problem']}", style="yellow")
    if result["key"]:
        said = "your key, an admin's, which is told only now; send it as `Authorization: Bearer KEY`:"
        terminal.line(said, style="yellow")
        terminal.line(result["key"])
    terminal.line("\nwhat to do next:")
    for command in result["next"]:
        terminal.line(f"  {command}")


def _found(look: Mapping[str, Any]) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in look["kinds"].items())
    passed_over = len(look["passed_over"])
    rest = f"; {passed_over} passed over (`rag-flywheel config check` says why)" if passed_over else ""
    terminal.line(f"   {look['source']}: files that can be read: {kinds}{rest}", style="dim")
