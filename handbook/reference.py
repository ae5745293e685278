"""What pages of the handbook say beyond their text, taken from the code: settings, commands, routes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from fastapi.openapi.utils import get_openapi
from typer.cli import get_docs_for_click

from handbook.schema import in_words, resolved
from rag_flywheel.access.roles import EVERYBODY, ROLES
from rag_flywheel.api import openai
from rag_flywheel.api.app import OURS
from rag_flywheel.cli import app
from rag_flywheel.config import Config

PROGRAM = "rag-flywheel"
METHODS = ("get", "post", "put", "patch", "delete")


def with_settings(page: str, file: str) -> str:
    """The page on settings with what each takes, from the schema, and the whole `file` at its end."""
    schema = Config.model_json_schema()
    lines = []
    for line in page.splitlines():
        cells = line.strip("|").split(" | ")
        if line.startswith("| key | default |"):
            cells.insert(2, "takes")
        elif line.startswith("| --- | --- | --- |"):
            cells.insert(2, "---")
        elif line.startswith("| `") and (takes := _takes(cells[0].strip().strip("`"), schema)):
            cells.insert(2, takes)
        else:
            lines.append(line)
            continue
        lines.append(f"|{' | '.join(cells)}|")
    return "\n".join([*lines, "", "## The whole file", "", "```yaml", file.rstrip(), "```", ""])


def _takes(key: str, schema: dict[str, Any]) -> str:
    """What a setting takes, nothing where the key names none."""
    definitions, at = schema["$defs"], schema
    for step in key.split("."):
        if step not in at.get("properties", {}):
            return ""
        at = dict(resolved(at["properties"][step], definitions))
    return in_words(at, definitions, link=lambda _: "an entry").replace(" or ", ", or ").replace("|", "\\|")


def with_commands(page: str) -> str:
    """The page on commands, and each command as its `--help` has it."""
    root: Any = typer.main.get_command(app.app)
    context = typer.Context(root, info_name=PROGRAM)
    return "\n".join([page, "## Every command, with its options", "", *_commands(root, context, PROGRAM)])


def _commands(group: Any, context: typer.Context, above: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _commands(command, context, f"{above} {name}")
        else:
            told = get_docs_for_click(obj=command, ctx=context, indent=2, call_prefix=above)
            example = r"^(?:Examples?): (rag-flywheel .+)$"
            yield re.sub(example, r"```bash\n\1\n```", told, flags=re.MULTILINE)


def with_routes(page: str) -> str:
    """The page on the HTTP API, each route of it, and the forms of what is sent and answered."""
    routes = [route for door in (*OURS, openai) for route in door.routes.routes]
    document = get_openapi(title=PROGRAM, version="", routes=routes)
    forms = document["components"]["schemas"]
    lines = ["## Routes", ""]
    for path, methods in sorted(document["paths"].items()):
        for method in METHODS:
            if method in methods:
                lines += _route(f"{method.upper()} {path}", methods[method], forms)
    lines += ["## Forms", ""]
    for name in sorted(forms):
        if "properties" in forms[name] and name not in ("HTTPValidationError", "ValidationError"):
            lines += _form(name, forms[name], forms)
    return "\n".join([page, *lines])


def _route(title: str, operation: Mapping[str, Any], forms: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"### {title}", "", _plain(operation.get("description", "")), "")
    roles = "everybody" if title in EVERYBODY else ", ".join(sorted(f"`{role}`" for role in ROLES[title]))
    yield from (f"For: {roles}.", "")
    parameters = [(each["name"], each["in"], each) for each in operation.get("parameters", [])]
    if parameters:
        yield from ("| parameter | in | takes |", "| --- | --- | --- |")
        for name, place, each in parameters:
            need = ", needed" if each["required"] else ""
            yield f"| `{name}` | {place} | {_said(each['schema'], forms)}{_default(each['schema'])}{need} |"
        yield ""
    sent = _bodies(operation.get("requestBody", {}), forms)
    answered = {status: _bodies(reply, forms) for status, reply in operation["responses"].items() if status[0] == "2"}
    if sent:
        yield from (f"Takes {sent}.", "")
    for status, form in answered.items():
        yield from (f"Answers {status}{f' with {form}' if form else ''}.", "")


def _bodies(holder: Mapping[str, Any], forms: Mapping[str, Any]) -> str:
    """What a body or a reply is, by its media types."""
    every = {media: _said(content["schema"], forms) for media, content in holder.get("content", {}).items() if content}
    return ", or ".join(
        f"{said}{'' if media == 'application/json' else f' (`{media}`)'}" for media, said in every.items()
    )


def _form(name: str, schema: Mapping[str, Any], forms: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"### {_title(name)}", "", _plain(schema.get("description", "")), "")
    yield from ("| field | takes |", "| --- | --- |")
    needed = schema.get("required", ())
    for field, each in schema["properties"].items():
        more = f" {_plain(each['description'])}" if "description" in each else ""
        need = "" if field in needed else " (may be left out)"
        yield f"| `{field}`{need} | {_said(each, forms)}{_default(each)}{more} |"
    yield ""


def _said(schema: Mapping[str, Any], forms: Mapping[str, Any]) -> str:
    return in_words(schema, forms, link=_link).replace("|", "\\|")


def _link(name: str) -> str:
    return f"[{_title(name)}](#{_title(name).lower().replace(' ', '-')})"


def _title(name: str) -> str:
    """A form's name; FastAPI puts the module before one that two modules have."""
    module, _, short = name.rpartition("__")
    return f"{short} of {module.rpartition('__')[2]}" if module else name


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else f"; `{json.dumps(default)}` if not given"


def _plain(text: str) -> str:
    """A docstring as one line of a page: what looks like HTML is none."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
