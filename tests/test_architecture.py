"""The layout and the import table of docs/decisions.md, held to the code."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.paths import ROOT

OURS = ("rag_flywheel", "ingest", "eval")
LINES = 400  # of a file, at most
FUNCTION = 60  # lines of a function, at most
PARAMETERS = 7  # of a function, at most

FOUNDATION = ("domain", "errors")
PORTS = (*FOUNDATION, "ports", "config")
PACKAGES = ("search", "privacy", "access", "feedback", "golden_set", "rollout", "answering", "cycle", "replay")
"""Low to high: each may import those before it."""
OFFLINE = {"golden_set", "rollout", "cycle", "replay"}
"""Those that may import `ingest` and `eval`."""
DOORS = (*PORTS, *PACKAGES, "services", "wiring")

MAY_IMPORT = {
    "domain": (),
    "errors": (),
    "ports": FOUNDATION,
    "config": FOUNDATION,
    "services": (*PORTS, "search"),
    "ingest": (*PORTS, "search"),
    "eval": (*PORTS, "search"),
    "adapters": (*FOUNDATION, "ports"),
    "wiring": (*PORTS, "services", "adapters", "answering"),
    "mcp": (),
    "api": (*DOORS, "eval", "web", "mcp"),
    "web": (*DOORS, "eval", "api"),
    "client": ("errors",),
    "cli": (*DOORS, "api", "client", "eval", "mcp"),
    "__main__": ("cli",),
    **{
        name: (*PORTS, *PACKAGES[:at], *(("services",) if name != "search" else ()))
        + (("ingest", "eval") if name in OFFLINE else ())
        for at, name in enumerate(PACKAGES)
    },
}
"""What each part may import of ours, besides itself: packages and modules of `rag_flywheel`, and the offline ones."""


def _part(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "rag_flywheel" and len(parts) > 1 else parts[0]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name.startswith(OURS) and _is_module(name) else node.module for name in names)


def _paths() -> list[Path]:
    return [path for top in OURS for path in sorted((ROOT / top).rglob("*.py")) if path.stat().st_size]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_module_imports_only_what_the_table_allows() -> None:
    wrong = [
        f"{_module(path)} may not import {name}"
        for path in _paths()
        for name in set(_imports(path))
        if name.split(".")[0] in OURS and _part(name) not in (_part(_module(path)), *MAY_IMPORT[_part(_module(path))])
    ]
    assert wrong == []


def test_the_decisions_show_the_same_table() -> None:
    page = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    table = page.partition("| part | may import |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = (re.findall(r"`(\w+)`", row) for row in table)
    assert {part: set(may) for part, *may in rows} == {
        part: set(may) for part, may in MAY_IMPORT.items() if part != "__main__"
    }


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph = {
        _module(path): {name for name in _imports(path) if name.split(".")[0] in OURS} - {_module(path)}
        for path in _paths()
    }
    circle: list[str] = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


def test_the_foundation_needs_the_standard_library_only() -> None:
    files = [ROOT / "rag_flywheel" / "errors.py", *(ROOT / "rag_flywheel" / "domain").glob("*.py")]
    outside = {name.split(".")[0] for path in files for name in _imports(path)} - sys.stdlib_module_names
    assert outside <= {"rag_flywheel"}


def test_the_top_level_is_the_fixed_one() -> None:
    for name in ("rag_flywheel", "ingest", "eval", "tests", "config.yaml", "pyproject.toml", "README.md"):
        assert (ROOT / name).exists(), f"{name} is missing at the top level"


def test_files_and_functions_can_be_read_in_one_sitting() -> None:
    long = [f"{path} has {count} lines" for path in _paths() if (count := len(path.read_text().splitlines())) > LINES]
    long += [
        f"{path}:{node.lineno} {node.name} has {lines} lines"
        for path in _paths()
        for node in _functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION
    ]
    assert long == []


def test_calls_take_few_parameters() -> None:
    """But for commands, whose parameters are their options."""
    many = []
    for path in _paths():
        for node in _functions(path):
            names = [given.arg for given in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            if count > PARAMETERS and "context" not in names:
                many.append(f"{path}:{node.lineno} {node.name} takes {count}")
    assert many == []


def test_no_signature_takes_keyword_catch_alls() -> None:
    for path in _paths():
        for node in _functions(path):
            vendor_shape = node.name == "on_step_end"  # transformers calls it so
            assert node.args.kwarg is None or vendor_shape, (
                f"{path}:{node.lineno} {node.name} hides options in **{node.args.kwarg}"
            )
