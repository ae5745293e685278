"""Checking and showing the settings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.unit.cli.conftest import Run


def test_config_check_says_that_the_settings_are_sound(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [manuals]")
    code, out, _ = run("config", "check", "--json")
    assert code == 0
    assert json.loads(out) == {"file": str(tmp_path / "config.yaml"), "ok": True, "unknown_variables": []}


def test_config_check_names_variables_that_do_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("")
    monkeypatch.setenv("RAG_FLYWHEEL_SOURCE", "[]")
    assert json.loads(run("config", "check", "--json")[1])["unknown_variables"] == ["RAG_FLYWHEEL_SOURCE"]


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
