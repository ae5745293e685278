"""The process that a reader of LlamaIndex runs in: its documents to JSON lines, `{_id, title, text, groups}`, in order
of ids.

It takes the request on standard input and says on standard output why it failed: what is wrong and where, never what
the reader said, which may hold a secret or a text. What the reader itself prints goes nowhere.
"""

import codecs
import hashlib
import importlib
import inspect
import json
import os
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ingest.reading.formats import html
from ingest.reading.raw import Unreadable
from rag_flywheel.config.source import SECRET, VARIABLE
from rag_flywheel.domain.groups import group_names

MEMORY = 4 << 30  # bytes that a reader may fill
LONGEST = 500  # signs of an id or a title
SHORTEST_SECRET = 6  # signs that a secret must have to be hidden wherever it stands
PLACES = ("url", "URL", "source_url", "link", "permalink", "web_url", "file_path", "path", "page_id", "id")
"""Metadata that says which document this is, the surest first."""
TITLES = ("title", "Title", "page_title", "subject", "file_name", "name")
GROUPS = "groups"
"""Metadata that says who may read the document."""
PAGES = ("page_label", "page", "page_number")
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL
)


class Failed(Exception):
    """What is wrong, in words that name no text and no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    """What a function can be given by name."""

    named: frozenset[str]
    needed: frozenset[str]
    any_name: bool


def main() -> None:
    """Serve the one request, and end at once, whatever threads the reader has left behind."""
    request = json.load(sys.stdin)
    sys.path.append(os.getcwd())  # the config file's folder, where a project may keep a reader of its own
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold texts and secrets
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    failed, unread = "", 0
    try:
        secrets: list[str] = []
        arguments = _expanded(request["args"], secrets)
        load = _prepared(request["reader"], arguments)
        if request["path"] is not None:
            unread = _write(Path(request["path"]), request["name"], _loaded(load), secrets)
    except Failed as error:
        failed = str(error)
    os.write(answer, json.dumps({"failed": failed, "unread": unread}).encode())
    os._exit(0)


def _expanded(value: Any, secrets: list[str]) -> Any:
    """The arguments with the environment's values in the place of `${NAME}`; the values come into `secrets`."""
    if isinstance(value, dict):
        return {key: _expanded(below, secrets) for key, below in value.items()}
    if isinstance(value, list):
        return [_expanded(below, secrets) for below in value]
    if not isinstance(value, str):
        return value

    def put(match: re.Match[str]) -> str:
        held = os.environ.get(match[1])
        if held is None:
            raise Failed(f"the variable {match[1]}, which its args name, is not set")
        if SECRET.search(match[1]) and len(held) >= SHORTEST_SECRET:
            secrets.append(held)
        return held

    return VARIABLE.sub(put, value)


def _prepared(reader: str, arguments: Mapping[str, Any]) -> Callable[[], Iterable[Any]]:
    """What loads the documents. Raises Failed where the reader is not there or does not take the arguments."""
    try:
        kind = _class(reader)
        made, loaded = _shared_out(kind, arguments)
    except Failed:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # other people's code may raise anything
        raise Failed(_explained(error)) from None
    return lambda: kind(**made).load_data(**loaded)


def _loaded(load: Callable[[], Iterable[Any]]) -> list[Any]:
    try:
        documents = list(load())
    except MemoryError:
        raise Failed(f"it took more than {MEMORY >> 30} GB of memory") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
        raise Failed(_explained(error)) from None
    if not documents:
        raise Failed("it gave no documents")
    return documents


def _class(reader: str) -> Any:
    module, _, name = reader.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise Failed(f"it needs the module {missing}, which is not installed") from None
        package = re.match(r"llama_index\.readers\.(\w+)", module)
        hint = f": `pip install llama-index-readers-{package[1].replace('_', '-')}`" if package else ""
        raise Failed(f"the module {module} is not installed{hint}") from None
    if not callable(getattr(found, "load_data", None)):
        raise Failed(f"{module} has no reader {name}: a class with `load_data`")
    return found


def _shared_out(kind: Any, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the class itself and of its load_data: each goes where its name is known, to both if need be.

    What neither names goes to the one that takes any name. Raises Failed where there is none, or a value is missing.
    """
    loading = kind.load_data
    if getattr(loading, "__qualname__", "") == "BaseReader.load_data":
        loading = kind.lazy_load_data  # which it hands all that it gets
    making, loading = _parameters(kind), _parameters(loading)
    made = {name: value for name, value in arguments.items() if name in making.named}
    loaded = {name: value for name, value in arguments.items() if name in loading.named}
    others = {name: value for name, value in arguments.items() if name not in made and name not in loaded}
    if others and not (making.any_name or loading.any_name):
        known = ", ".join(sorted(making.named | loading.named))
        raise Failed(f"it takes no argument {' and no '.join(sorted(others))}; known ones are {known}")
    missing = sorted((making.needed | loading.needed) - arguments.keys())
    if missing:
        raise Failed(f"its args lack {' and '.join(missing)}")
    return (made, loaded | others) if loading.any_name else (made | others, loaded)


def _parameters(function: Callable[..., Any]) -> _Parameters:
    parameters = [parameter for name, parameter in inspect.signature(function).parameters.items() if name != "self"]
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    return _Parameters(
        named=frozenset(each.name for each in named),
        needed=frozenset(each.name for each in named if each.default is each.empty),
        any_name=any(each.kind is each.VAR_KEYWORD for each in parameters),
    )


def _explained(error: BaseException) -> str:
    """The kinds of errors, outermost first, with the numbers that they carry: never their messages."""
    kinds: list[str] = []
    step: BaseException | None = error
    while step is not None and len(kinds) < 5:
        status = getattr(getattr(step, "response", None), "status_code", None)
        detail = f" {status}" if isinstance(status, int) else ""
        if isinstance(step, OSError) and isinstance(step.errno, int):
            detail = f" ({os.strerror(step.errno)})"
        kinds.append(type(step).__name__ + detail)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    return f"it raised {' from '.join(kinds)}"


def _write(path: Path, name: str, documents: Iterable[Any], secrets: Sequence[str]) -> int:
    """A line for each document that holds a text; returns how many do not. Raises Failed where none does."""
    lines: dict[str, str] = {}
    seen = Counter[str]()
    unread = 0
    for document in documents:
        try:
            metadata = {key: str(value) for key, value in document.metadata.items() if isinstance(value, str | int)}
            groups = group_names(document.metadata.get(GROUPS))  # who names them wrongly wants it kept from somebody
            title, text = map(_paired, _said(document, metadata))
            key = _clean(_paired(f"{name}/{_identity(document, metadata, text)}"), secrets)
        except MemoryError:
            raise Failed(f"it took more than {MEMORY >> 30} GB of memory") from None
        except Exception:  # noqa: BLE001  # as above; and one bad document is one bad document
            text = ""
        if not text.strip():
            unread += 1
            continue
        seen[key] += 1
        if seen[key] > 1:
            key = f"{key}#{seen[key]}"
        held = {"_id": key, "title": _clean(title, secrets), "text": _hidden(text, secrets), GROUPS: groups}
        lines[key] = json.dumps(held, ensure_ascii=False)
    if not lines:
        raise Failed("none of its documents holds a text")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{lines[key]}\n" for key in sorted(lines))
    return unread


def _said(document: Any, metadata: Mapping[str, str]) -> tuple[str, str]:
    """Title and text. A whole page of HTML becomes what a reader of the page sees."""
    title = next((metadata[key] for key in TITLES if metadata.get(key)), "")
    text = str(document.text or "")
    if not _HTML.match(text):
        return title, text
    with tempfile.NamedTemporaryFile(suffix=".html") as file:
        file.write(codecs.BOM_UTF8 + text.encode("utf-8", "replace"))
        file.flush()
        try:
            content = html.read(Path(file.name))
        except Unreadable:
            return title, text
    return title or content.title, content.text


def _identity(document: Any, metadata: Mapping[str, str], text: str) -> str:
    """What names the document in every fetch alike. LlamaIndex's own id is random where the reader gives none."""
    own = str(getattr(document, "id_", None) or "")
    if own and (not _random(own) or own in metadata.values()):
        return own
    named = [metadata[key] for key in PLACES if metadata.get(key)]
    named += [metadata["source"]] if "/" in metadata.get("source", "") else []  # else it may be the same for all
    named += [metadata[key] for key in TITLES if metadata.get(key)]
    if not named:
        return hashlib.sha256(text.encode()).hexdigest()[:32]
    page = next((f"#{metadata[key]}" for key in PAGES if metadata.get(key)), "")
    return named[0] + page


def _random(name: str) -> bool:
    try:
        return str(UUID(name)) == name and UUID(name).version == 4
    except ValueError:
        return False


def _paired(text: str) -> str:
    """The text without halves of surrogate pairs, which cannot be stored."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(text: str, secrets: Sequence[str]) -> str:
    """The text in one line, of a length that can be stored."""
    line = "".join(sign if sign.isprintable() else " " for sign in _hidden(text, secrets))
    line = " ".join(line.split())
    if len(line) <= LONGEST:
        return line
    return line[: LONGEST - 17] + "-" + hashlib.sha256(line.encode()).hexdigest()[:16]


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


if __name__ == "__main__":
    main()
