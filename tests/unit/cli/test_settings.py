"""Checking and showing the settings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.unit.cli.conftest import Run


def test_config_check_says_that_the_settings_are_sound(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: []")
    code, out, _ = run("config", "check", "--json")
    assert code == 0
    assert json.loads(out) == {
        "file": str(tmp_path / "config.yaml"),
        "ok": True,
        "unknown_variables": [],
        "sources": [],
    }


def test_config_check_names_variables_that_do_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("sources: []")
    monkeypatch.setenv("RAG_FLYWHEEL_SOURCE", "[]")
    assert json.loads(run("config", "check", "--json")[1])["unknown_variables"] == ["RAG_FLYWHEEL_SOURCE"]


def test_config_check_says_of_every_source_which_files_it_gives_and_what_it_leaves_out(
    run: Run, tmp_path: Path
) -> None:
    for name in ("a.md", "b.md", "c.html", "d.draft.md", "old/e.md", "f.png", ".g.md"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text("x")
    (tmp_path / "config.yaml").write_text("sources: [{path: docs, exclude: ['*.draft.md', old/]}]")
    code, out, _ = run("config", "check", "--json")
    assert code == 0
    (source,) = json.loads(out)["sources"]
    assert source == {
        "source": "docs",
        "reader": None,
        "problem": None,
        "fetched": None,
        "files": 3,
        "kinds": {".md": 2, ".html": 1},
        "excluded": ["docs/d.draft.md", "docs/old/"],
        "passed_over": [
            {"name": "docs/.g.md", "reason": "is hidden: its name begins with a dot"},
            {"name": "docs/f.png", "reason": "has the suffix .png, which is none that can be read"},
        ],
    }
    said = run("config", "check")[1]
    assert "docs: 2 .md, 1 .html" in said
    assert "docs/f.png" in said


def test_a_source_that_is_missing_or_empty_or_no_reader_makes_config_check_end_with_exit_code_2(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "config.yaml").write_text("sources: [nowhere, empty, {reader: 'llama_index.readers.none:Wiki'}]")
    code, out, _ = run("config", "check", "--json")
    assert (code, json.loads(out)["ok"]) == (2, False)
    problems = {source["source"]: source["problem"] for source in json.loads(out)["sources"]}
    assert "neither a file nor a folder" in problems["nowhere"]
    assert "no file" in problems["empty"]
    assert "pip install llama-index-readers-none" in problems["Wiki"]
    assert not (tmp_path / "data").exists(), "a check leaves nothing behind"
    code, out, _ = run("config", "check")
    assert code == 2
    assert "nowhere: is neither" in out


def test_config_show_shows_a_source_as_it_is_written_and_no_secret_of_its_reader(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKI_TOKEN", "hunter2")
    reader = {"reader": "wikis:Wiki", "args": {"token": "${WIKI_TOKEN}"}}
    (tmp_path / "config.yaml").write_text(json.dumps({"sources": ["docs", {"path": "faq", "trust": "public"}, reader]}))
    assert json.loads(run("config", "show", "--json")[1])["sources"] == [
        "docs",
        {"path": "faq", "trust": "public"},
        reader,
    ]
    assert "hunter2" not in "".join(run("config", "show")[1:])
    (tmp_path / "config.yaml").write_text("sources: [{reader: 'wikis:Wiki', args: {deep: [{api_key: hunter2}]}}]")
    code, out, err = run("config", "show")
    assert (code, out) == (2, "")
    assert "`args.deep.0.api_key` holds a secret" in err
    assert "hunter2" not in err


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_mistake_in_the_settings_is_one_json_document_and_exit_code_2(run: Run, tmp_path: Path, where: str) -> None:
    (tmp_path / "config.yaml").write_text("ledgr: {}")
    code, out, err = run(
        *(["--json"] if where == "before" else []), "config", "check", *(["--json"] * (where == "after"))
    )
    assert (code, err) == (2, "")
    assert json.loads(out)["error"] == "ConfigError"
    assert "did you mean `ledger`" in json.loads(out)["detail"]


def test_without_json_a_mistake_goes_to_standard_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("ledgr: {}")
    code, out, err = run("config", "check")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "did you mean `ledger`" in err


def test_a_config_file_is_named_by_option_or_variable(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.yaml").write_text("api: {port: 1}")
    assert json.loads(run("--config", "other.yaml", "config", "show", "--json")[1])["api"]["port"] == 1
    monkeypatch.setenv("RAG_FLYWHEEL_CONFIG", str(tmp_path / "other.yaml"))
    assert json.loads(run("config", "show", "--json")[1])["api"]["port"] == 1
    assert run("--config", "none.yaml", "config", "show")[0] == 2


def test_config_show_wraps_no_line(run: Run, tmp_path: Path) -> None:
    name = "a" * 150
    (tmp_path / "config.yaml").write_text(f"golden: {name}")
    assert f"golden: {name}" in run("config", "show")[1].splitlines()


def test_config_commands_load_no_model_library() -> None:
    code = (
        "import sys; sys.argv = ['rag-flywheel', 'config', 'check']\n"
        "from rag_flywheel.cli import app as cli\n"
        "try: cli.main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "heavy = {'torch', 'transformers', 'llama_index', 'presidio_analyzer', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, timeout=60)
