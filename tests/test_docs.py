"""What the README, the handbook and the deployment files say, held to the code."""

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from eval.gate import Finding
from eval.guardrails.checks import Invariant
from eval.questions.golden import Slice
from eval.report.churn import Change
from eval.scores.ragas_metrics import JUDGED
from ingest.reading.formats import SUFFIXES
from rag_flywheel import errors
from rag_flywheel.access.roles import ROLES
from rag_flywheel.api import openai
from rag_flywheel.api.app import OURS
from rag_flywheel.cli import app
from rag_flywheel.cli.checkup.every import EVERY
from rag_flywheel.cli.checkup.finding import Level
from rag_flywheel.config import Config, Gate, Privacy, Secrets, Source, known_keys
from rag_flywheel.domain import CorrectionState, FeedbackKind, Guardrail, Outcome, Role, Stage, VersionState
from rag_flywheel.errors import FlywheelError
from rag_flywheel.feedback.second_look import ConcernKind
from rag_flywheel.golden_set.health import Fault
from rag_flywheel.golden_set.listing import Origin, State
from rag_flywheel.web import pages
from tests.paths import ROOT

PROGRAM = "rag-flywheel"
HANDBOOK = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *HANDBOOK]
DEPLOYMENT = [
    *(ROOT / "deploy" / name for name in ("Dockerfile", "compose.yaml", "watch.yaml", "crontab")),
    *sorted((ROOT / "deploy" / "systemd").iterdir()),
    *sorted((ROOT / "deploy" / "kubernetes").iterdir()),
]
FILE_SUFFIXES = {"yaml", "yml", "md", "db", "html", "json", "jsonl", "tsv", "htm"}
"""What stands after the dot in a file's name; elsewhere in backticks a dot stands in a key."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _fenced(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _inline(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def _rows(text: str) -> Iterator[list[str]]:
    """The tables' rows, cells without their backticks."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]


# --- commands -------------------------------------------------------------------------------------------------------


def _arguments(line: str) -> list[str] | None:
    """What stands after the program's name on a line of shell or of a crontab, None where it is not called."""
    splitter = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    splitter.whitespace_split = True
    words = list(splitter)
    at = next((at for at, word in enumerate(words) if word.rpartition("/")[2] == PROGRAM), None)
    if at is None:
        return None
    rest = words[at + 1 :]
    end = next((at for at, word in enumerate(rest) if set(word) <= set("|;&<>")), len(rest))
    return rest[:end]


def _called(path: Path) -> list[list[str]]:
    """Every call of the program in a page's fenced blocks, or on a crontab's lines."""
    text = path.read_text(encoding="utf-8")
    blocks = _fenced(text) if path.suffix == ".md" else [text]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    called = (_arguments(line.lstrip("# ")) for line in lines if PROGRAM in line and "{" not in line)
    return [arguments for arguments in called if arguments]


def _parse(arguments: Sequence[str]) -> str:
    """Let typer read the arguments, as far as running the command, and tell which it is. Raises TyperException where it
    would refuse them.
    """
    command: Any = typer.main.get_command(app.app)
    name, rest, above = PROGRAM, list(arguments), None
    while True:
        context = command.make_context(name, rest, parent=above)
        if not hasattr(command, "commands"):
            return str(name)
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        above = context


CALLS = [(path, arguments) for path in [*PAGES, ROOT / "deploy" / "crontab"] for arguments in _called(path)]


@pytest.mark.parametrize(
    ("path", "arguments"), CALLS, ids=[f"{_name(path)}: {' '.join(words)}" for path, words in CALLS]
)
def test_a_command_that_is_shown_is_one_that_typer_takes(path: Path, arguments: list[str]) -> None:
    assert _parse(arguments) in arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["reindx"],
        ["reindex", "--fast"],
        ["serve", "--port", "many"],
        ["versions", "show"],
        ["gaps", "list", "--limit", "0"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_would_be_noticed(arguments: list[str]) -> None:
    with pytest.raises(typer.TyperException):
        _parse(arguments)


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_command_named_in_the_text_exists_with_its_options(path: Path) -> None:
    for code in _inline(path.read_text(encoding="utf-8")):
        if not code.startswith(f"{PROGRAM} "):
            continue
        words = code.split()[1:]
        command: Any = typer.main.get_command(app.app)
        while words and hasattr(command, "commands") and re.fullmatch(r"[a-z]+", words[0]):
            assert words[0] in command.commands, f"{_name(path)}: `{code}` names no command"
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            assert not word.startswith("-") or word.partition("=")[0] in known, f"{_name(path)}: `{code}`: {word}"


def test_the_handbook_names_every_command() -> None:
    root: Any = typer.main.get_command(app.app)
    every = {
        f"{PROGRAM} {name}" + (f" {below}" if below else "")
        for name, command in root.commands.items()
        for below in getattr(command, "commands", {"": None})
    }
    assert every - set(_inline(_page("commands.md"))) == set()


def test_the_handbook_gives_the_exit_codes_that_the_program_documents() -> None:
    assert app.__doc__ is not None
    documented = set(re.findall(r"\b(\d+) [a-z]", app.__doc__))
    assert {row[0] for row in _rows(_page("reindex.md")) if row[0].isdigit()} == documented


# --- settings -------------------------------------------------------------------------------------------------------


def _plain(value: object) -> Any:
    return yaml.safe_load(value) if isinstance(value, str) else value


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """By dotted key, sections themselves left out."""
    keys = known_keys()
    sections = {key for key in keys if any(other.startswith(f"{key}.") for other in keys)}

    def below(place: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, value in place.items():
            if prefix + name in sections:
                yield from below(value, f"{prefix}{name}.")
            else:
                yield prefix + name, value

    return dict(below(values, ""))


def _defaults() -> dict[str, Any]:
    """Every key's default, dotted."""
    return _flat(Config(file=ROOT / "config.yaml").model_dump(mode="json"))


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_setting_named_in_a_page_exists(path: Path) -> None:
    for code in _inline(path.read_text(encoding="utf-8")):
        dotted = re.fullmatch(r"[a-z_]+\.(?:oidc\.)?([a-z_]+)", code)
        if dotted and dotted[1] not in FILE_SUFFIXES and code != "eval.report":
            assert code in known_keys(), f"{_name(path)} names `{code}`, which is no setting"


@pytest.mark.parametrize("path", [*PAGES, *DEPLOYMENT], ids=_name)
def test_a_variable_named_in_a_page_is_read_by_the_program(path: Path) -> None:
    known = {f"RAG_FLYWHEEL_{key.upper().replace('.', '__')}" for key in [*known_keys(), *Secrets.model_fields]}
    known |= {"RAG_FLYWHEEL_CONFIG"}
    named = set(re.findall(r"RAG_FLYWHEEL_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_the_settings_in_a_yaml_example_are_accepted(path: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        written = yaml.safe_load(block)
        accepted = Config.model_validate({**written, "file": ROOT / "config.yaml"})
        assert accepted.model_fields_set == {*written, "file"}


def test_every_setting_stands_in_the_project_s_config_file_with_its_default() -> None:
    written: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    flat = _flat(written)
    of_the_demo = {
        "golden": "eval/golden",
        "sources": [{"path": "docs", "exclude": ["decisions.md", "measurements.md", "pictures/"]}],
    }
    assert {key: flat.pop(key) for key in of_the_demo} == of_the_demo
    assert flat == {key: value for key, value in _defaults().items() if key not in of_the_demo}


def test_every_setting_stands_in_the_handbook_with_its_default() -> None:
    keys = set(known_keys())
    written = {row[0]: _plain(row[1]) for row in _rows(_page("configuration.md")) if row[0] in keys}
    assert written == _defaults()


# --- errors and HTTP ------------------------------------------------------------------------------------------------


def test_every_error_stands_in_the_handbook_with_its_status_and_exit_code() -> None:
    every = {
        name: (value.http_status, value.exit_code)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, FlywheelError)
    }
    rows = [row for row in _rows(_page("errors.md")) if len(row) == 4 and row[1].isdigit()]
    assert {row[0]: (int(row[1]), int(row[2])) for row in rows} == every


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_an_error_named_in_a_page_exists(path: Path) -> None:
    named = set(re.findall(r"\bthe error (\w+)", path.read_text(encoding="utf-8")))
    assert {name for name in named if not hasattr(errors, name)} == set()


def _api() -> list[APIRoute]:
    every = [route for router in (*OURS, openai, *pages.PAGES) for route in router.routes.routes]
    return [route for route in every if isinstance(route, APIRoute)]


def _routes() -> set[tuple[str, str]]:
    """(method, path) of everything that the app serves."""
    return {(method, route.path) for route in _api() for method in route.methods or ()}


def _served(method: str, path: str) -> bool:
    return any(
        method in ("", known) and re.fullmatch(re.sub(r"\{\w+(:path)?\}", r"[^/]+", pattern), path)
        for known, pattern in _routes()
    )


def _curls(path: Path) -> Iterator[list[str]]:
    """The words of each curl command in a page."""
    for block in _fenced(path.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("curl "):
                yield shlex.split(line)


CURLS = [(path, words) for path in PAGES for words in _curls(path)]


@pytest.mark.parametrize(("path", "words"), CURLS, ids=[f"{_name(path)}: {words[2]}" for path, words in CURLS])
def test_a_curl_command_sends_a_body_that_its_route_takes(path: Path, words: list[str]) -> None:
    target = re.sub(r"^localhost:8000", "", words[2])
    body = words[words.index("-d") + 1]
    route = next(
        route
        for route in _api()
        if "POST" in (route.methods or ()) and re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", route.path), target)
    )
    (parameter,) = route.dependant.body_params
    kind: Any = parameter.field_info.annotation
    taken: Any = TypeAdapter(kind).validate_json(body)
    assert taken.model_fields_set == json.loads(body).keys()  # nothing that is sent is ignored


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_route_named_in_a_page_is_served(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for method, route in re.findall(r"`(GET|POST|PUT|DELETE|PATCH) (/[\w/{}.-]*)", text):
        assert _served(method, route), f"{_name(path)} names {method} {route}, which is not served"
    for route in re.findall(r"localhost:8000(/[\w/-]+)", text):
        assert route == "/v1" or _served("", route), f"{_name(path)} names {route}, which is not served"


def test_the_handbook_names_every_route() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in HANDBOOK)
    named = {
        (method, re.sub(r"\{\w+\}", "{}", route))
        for method, route in re.findall(r"\b(GET|POST|PUT|DELETE) (/(?:[\w/{}.-]*[\w}])?)", text)
    }
    every = {(method, re.sub(r"\{\w+(:path)?\}", "{}", route)) for method, route in _routes()}
    assert every - named - {("GET", "/v1/models/{}")} == set()


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("gate.md", Slice),
        ("gate.md", Outcome),
        ("gate.md", Finding),
        ("gate.md", Change),
        ("guardrails.md", Guardrail),
        ("guardrails.md", Invariant),
        ("golden.md", Origin),
        ("golden.md", State),
        ("golden.md", Fault),
        ("feedback.md", FeedbackKind),
        ("concepts.md", Stage),
        ("corrections.md", CorrectionState),
        ("review.md", ConcernKind),
        ("versions.md", VersionState),
    ],
)
def test_a_page_has_a_row_for_each_word_that_the_program_uses(page: str, words: type[StrEnum]) -> None:
    assert {str(word) for word in words} - {row[0] for row in _rows(_page(page))} == set()


def test_the_handbook_says_which_role_may_call_which_route() -> None:
    shown = {
        row[0]: {role for role, mark in zip(Role, row[1:], strict=True) if mark == "yes"}
        for row in _rows(_page("access.md"))
        if " /" in row[0]
    }
    assert shown == ROLES


def test_the_handbook_has_a_row_for_each_guarded_metric() -> None:
    assert set(Gate().guarded_metrics) - {row[0] for row in _rows(_page("gate.md"))} == set()


def test_the_handbook_has_a_row_for_each_check_of_the_doctor() -> None:
    assert {"settings", *EVERY, *Level} - {row[0] for row in _rows(_page("doctor.md"))} == set()


def test_the_handbook_has_a_row_for_each_metric_of_a_judge() -> None:
    assert set(JUDGED) - {row[0] for row in _rows(_page("judge.md"))} == set()


def test_the_handbook_has_a_row_for_each_kind_of_file_that_is_read() -> None:
    cells = " ".join(row[0] for row in _rows(_page("sources.md")))
    assert set(re.findall(r"\.\w+", cells)) == set(SUFFIXES)


def test_the_handbook_has_a_row_for_each_key_of_a_source() -> None:
    assert set(Source.model_fields) - {row[0] for row in _rows(_page("sources.md"))} == set()


def test_the_handbook_has_a_row_for_each_entity_that_is_masked_by_default() -> None:
    assert set(Privacy().entities) - {row[0] for row in _rows(_page("privacy.md"))} == set()


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_what_a_python_example_imports_exists(path: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


# --- links, the demo's question -------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_a_relative_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{_name(path)} links to {target}, which does not exist"
        assert not anchor or anchor in _anchors(linked), f"{_name(path)} links to {target}, which has no such heading"


@pytest.mark.parametrize("path", HANDBOOK, ids=_name)
def test_no_page_answers_the_demo_s_question(path: Path) -> None:
    """The demo shows how a correction fills a gap, so the gap must be there."""
    assert re.search(r"\bwindows\b|task scheduler", path.read_text(encoding="utf-8"), re.IGNORECASE) is None
