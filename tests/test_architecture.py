"""The import table of docs/decisions.md and the layout, held to the code."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("rag_flywheel", "ingest", "eval")

FOUNDATION = {"rag_flywheel.domain", "rag_flywheel.errors"}
PORTS = FOUNDATION | {"rag_flywheel.ports", "rag_flywheel.config"}
PURE = {
    "rag_flywheel.attribution",
    "rag_flywheel.trust",
    "rag_flywheel.privacy",
    "rag_flywheel.outcomes",
    "rag_flywheel.sequential",
    "rag_flywheel.signals",
    "rag_flywheel.standing",
    "rag_flywheel.wording",
}
USE_CASES = {
    "rag_flywheel.retrieval",
    "rag_flywheel.feedback",
    "rag_flywheel.review",
    "rag_flywheel.canary",
    "rag_flywheel.promotion",
    "rag_flywheel.upkeep",
    "rag_flywheel.interleaving",
    "rag_flywheel.notices",
    "rag_flywheel.erasure",
    "rag_flywheel.extractive",
    "rag_flywheel.history",
}
COMPOSERS = {
    "rag_flywheel.chat",
    "rag_flywheel.explain",
    "rag_flywheel.goldens",
    "rag_flywheel.golden_check",
    "rag_flywheel.judging",
    "rag_flywheel.snapshot",
    "rag_flywheel.questions",
    "rag_flywheel.marking",
    "rag_flywheel.examination",
    "rag_flywheel.shadowing",
    "rag_flywheel.deployment",
    "rag_flywheel.reindex",
}
REPLAY = {"rag_flywheel.simulation", "rag_flywheel.replay"}
DOORS = {
    "rag_flywheel.cli",
    "rag_flywheel.client",
    "rag_flywheel.demo",
    "rag_flywheel.printed",
    "rag_flywheel.progress",
    "rag_flywheel.server",
    "rag_flywheel.__main__",
}

# A module (or package, for what ends in a dot) -> what it may import of ours.
MAY_IMPORT: list[tuple[str, set[str]]] = [
    ("rag_flywheel.domain", set()),
    ("rag_flywheel.errors", set()),
    ("rag_flywheel.ports", FOUNDATION),
    ("rag_flywheel.config", FOUNDATION),
    *((name, FOUNDATION | PURE) for name in sorted(PURE)),
    *((name, PORTS | PURE | USE_CASES) for name in sorted(USE_CASES)),
    ("rag_flywheel.chat", PORTS | PURE | USE_CASES),
    ("rag_flywheel.explain", PORTS | PURE | USE_CASES | {"rag_flywheel.chat"}),
    *(
        (
            name,
            PORTS | PURE | {"rag_flywheel.feedback", "rag_flywheel.goldens", "rag_flywheel.wiring", "ingest.", "eval."},
        )
        for name in ("rag_flywheel.goldens", "rag_flywheel.golden_check")
    ),
    ("rag_flywheel.judging", PORTS | {"rag_flywheel.wording", "ingest.", "eval."}),
    ("rag_flywheel.snapshot", PORTS | PURE | {"rag_flywheel.feedback", "rag_flywheel.wiring", "ingest.", "eval."}),
    *(
        (name, PORTS | PURE | USE_CASES | COMPOSERS | {"rag_flywheel.wiring", "ingest.", "eval."})
        for name in (
            "rag_flywheel.questions",
            "rag_flywheel.marking",
            "rag_flywheel.examination",
            "rag_flywheel.shadowing",
            "rag_flywheel.deployment",
            "rag_flywheel.reindex",
        )
    ),
    *(
        (name, PORTS | PURE | USE_CASES | COMPOSERS | REPLAY | {"rag_flywheel.wiring", "ingest.", "eval."})
        for name in sorted(REPLAY)
    ),
    ("rag_flywheel.adapters.", FOUNDATION | {"rag_flywheel.ports", "rag_flywheel.adapters."}),
    ("rag_flywheel.wiring", PORTS | USE_CASES | {"rag_flywheel.adapters."}),
    (
        "rag_flywheel.api.",
        PORTS | PURE | USE_CASES | COMPOSERS | {"rag_flywheel.wiring", "rag_flywheel.api.", "eval.report"},
    ),
    *(
        (
            name,
            PORTS
            | PURE
            | USE_CASES
            | COMPOSERS
            | REPLAY
            | DOORS
            | {"rag_flywheel.wiring", "rag_flywheel.api.", "eval.report", "eval.replay.page"},
        )
        for name in sorted(DOORS)
    ),
    ("ingest.", PORTS | PURE | {"rag_flywheel.retrieval", "ingest."}),
    ("eval.", PORTS | {"rag_flywheel.retrieval", "rag_flywheel.wording", "eval."}),
]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if _is_module(name) else node.module for name in names)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.startswith(OURS) and (path.with_suffix(".py").exists() or path.is_dir())


def _modules() -> list[Path]:
    return [path for top in OURS for path in sorted((ROOT / top).rglob("*.py")) if path.stat().st_size]


def _covers(pattern: str, module: str) -> bool:
    return module.startswith(pattern) or module == pattern.rstrip(".") if pattern.endswith(".") else module == pattern


@pytest.mark.parametrize("path", _modules(), ids=_module)
def test_a_module_imports_only_what_the_table_allows(path: Path) -> None:
    module = _module(path)
    rows = [allowed for pattern, allowed in MAY_IMPORT if _covers(pattern, module)]
    assert rows, f"{module} stands in no row of the import table"
    for name in set(_imports(path)):
        if name.split(".")[0] in OURS and name != module:
            assert any(_covers(pattern, name) for pattern in rows[0]), f"{module} may not import {name}"


@pytest.mark.parametrize("name", ["rag_flywheel/domain.py", "rag_flywheel/errors.py"])
def test_the_foundation_needs_the_standard_library_only(name: str) -> None:
    outside = {module.split(".")[0] for module in _imports(ROOT / name)} - sys.stdlib_module_names
    assert outside == set()


def test_the_top_level_is_the_fixed_one() -> None:
    for name in ("rag_flywheel", "ingest", "eval", "tests", "config.yaml", "pyproject.toml", "README.md"):
        assert (ROOT / name).exists(), f"{name} is missing at the top level"


def test_no_signature_takes_keyword_catch_alls() -> None:
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                vendor_shape = node.name == "on_step_end"  # transformers calls it so
                assert node.args.kwarg is None or vendor_shape, (
                    f"{path}:{node.lineno} {node.name} hides options in **{node.args.kwarg}"
                )
