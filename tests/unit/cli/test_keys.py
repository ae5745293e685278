"""Keys: made, listed, replaced and revoked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_flywheel.cli.invocation import API_KEY
from tests.paths import ROOT
from tests.unit.cli.conftest import Run


def test_a_key_is_made_used_replaced_and_revoked(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create = ("keys", "create", "bob", "--role", "operator", "--role", "reviewer", "--days", "2")
    made = json.loads(run("--url", url, "--json", *create)[1])
    assert (made["name"], made["roles"], made["for_others"]) == ("bob", ["operator", "reviewer"], False)
    with monkeypatch.context() as patched:
        patched.setenv(API_KEY, made["key"])
        assert run("--url", url, "freeze", "--why", "a test")[0] == 0
        assert run("--url", url, "unfreeze", "--why", "a test")[0] == 0
        code, out, _ = run("--url", url, "--json", "keys", "list")
        assert (code, json.loads(out)["error"]) == (9, "NotAllowed")
    listed = run("--url", url, "keys", "list")[1]
    assert "bob" in listed
    assert made["key"] not in listed
    new = run("--url", url, "keys", "rotate", made["id"], "--overlap-hours", "0")[1]
    assert "which is told only now" in new
    assert run("--url", url, "keys", "revoke", made["id"])[0] == 6  # it ended with the overlap


def test_without_a_key_a_command_says_what_it_takes(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY)
    code, _, said = run("--url", url, "review", "list")
    assert (code, "say who you are" in said) == (9, True)


def test_a_tenant_named_before_the_command_makes_no_key_that_the_server_does_not_know(run: Run, url: str) -> None:
    code, _, said = run("--tenant", "acme", "--url", url, "keys", "create", "zoe", "--role", "asker")
    assert (code, "keys are kept by the deployment" in said) == (2, True)


def test_the_list_of_keys_says_whose_documents_each_opens(run: Run, url: str) -> None:
    assert "tenant" in run("--url", url, "keys", "list")[1]


def test_what_commands_write_nobody_else_on_the_machine_reads(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("tenants: {acme: acme.yaml}\n")
    (tmp_path / "acme.yaml").write_text("data_dir: acme\nprivacy: {consent: assumed}\n")
    command = 'umask 000; exec "$0" -m rag_flywheel keys create ada --role asker --tenant acme'
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=tmp_path, env=environ, capture_output=True)
    assert done.returncode == 0, done.stderr
    written = [file for folder in ("data", "acme") for file in [tmp_path / folder, *(tmp_path / folder).rglob("*")]]
    assert {"ledger.db", "data"} <= {file.name for file in written}
    assert [file for file in written if file.stat().st_mode & 0o077] == []
