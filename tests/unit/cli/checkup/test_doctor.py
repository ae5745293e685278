"""The doctor, as the entry point runs it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_an_installation_in_order_is_exit_code_0_and_nothing_is_changed(run: Run, folder: Path) -> None:
    before = _files(folder)
    code, out, _ = run("doctor", "--json", "--seconds", "200")
    findings = {found["check"]: found["level"] for found in json.loads(out)["findings"]}
    assert (code, json.loads(out)["ok"]) == (0, True), out
    assert {"settings", "disk", "port", "sources", "ledger", "clock", "locks", "index", "embedder"} <= findings.keys()
    assert set(findings.values()) <= {"ok", "skipped"}
    assert _files(folder) == before


def _files(folder: Path) -> list[Path]:
    """All but those of versions, which the store renames whenever it opens one."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if "segments" not in path.parts)


def test_a_version_whose_files_are_damaged_is_one_finding_and_exit_code_10(run: Run, folder: Path) -> None:
    for path in (folder / "data" / "index" / "v2").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff" * 64)
    code, out, _ = run("doctor", "--only", "index", "--only", "retention")
    assert code == 10
    assert "wrong    index: " in out
    assert "do: `rag-flywheel promote v1`" in out
    assert "ok       retention: " in out


def test_a_mistake_in_the_settings_is_the_only_finding(run: Run, folder: Path) -> None:
    (folder / "config.yaml").write_text("ledgr: {}")
    code, out, _ = run("doctor", "--json")
    (found,) = json.loads(out)["findings"]
    assert (code, found["level"], "did you mean `ledger`" in found["found"]) == (10, "wrong", True)


def test_a_variable_that_does_nothing_and_a_tenant_without_a_file_are_told(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_FLYWHEEL_SOURCE", "[]")
    with (folder / "config.yaml").open("a") as file:
        file.write("tenants: {acme: none.yaml}\n")
    code, out, _ = run("doctor", "--only", "settings")
    assert code == 10
    assert "RAG_FLYWHEEL_SOURCE, which no setting reads" in out
    assert "none.yaml" in out


def test_no_secret_is_told(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_FLYWHEEL_LEDGER__URL", "postgresql+psycopg://me:hunter2hunter2@127.0.0.1:9/none")
    monkeypatch.setenv("RAG_FLYWHEEL_INDEX__URL", "http://127.0.0.1:9/?api_key=hunter3hunter3")
    code, out, err = run("doctor", "--only", "ledger", "--only", "index", "--only", "locks")
    assert code == 10
    assert "hunter" not in out + err


def test_a_check_that_there_is_not_names_those_that_there_are(run: Run, folder: Path) -> None:
    code, _, err = run("doctor", "--only", "liver")
    assert code == 2
    assert "there is no check liver; there are settings, disk" in err
