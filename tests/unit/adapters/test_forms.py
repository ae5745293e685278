"""Rows of older and newer forms, as the ledger reads them."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import SqlLedger, open_ledger
from rag_flywheel.domain import VersionId
from rag_flywheel.domain.versions import MANIFEST_FORM
from rag_flywheel.errors import Damaged
from tests.contract.rows import NOON, a_golden_case, a_manifest
from tests.fakes.keys import keys_in


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    opened = open_ledger(sqlite_url(tmp_path / "ledger.db"), timeout=10, lock_folder=tmp_path, keys=keys_in(tmp_path))
    yield opened
    opened.close()


def put(folder: Path, table: str, row: Mapping[str, Any]) -> None:
    """Write a row past the adapter, as another release would have written it."""
    columns = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in row.items()}
    with closing(sqlite3.connect(folder / "ledger.db")) as connection, connection:
        names, places = ", ".join(columns), ", ".join("?" for _ in columns)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", [*columns.values()])


def put_manifest(folder: Path, body: dict[str, Any]) -> None:
    put(folder, "versions", {"version_id": "v1", "created": NOON, "body": body})
    put(folder, "version_states", {"version_id": "v1", "at": NOON, "state": "built"})


def as_json(value: object) -> dict[str, Any]:
    body: dict[str, Any] = TypeAdapter(type(value)).dump_python(value, mode="json")
    return body


def test_a_manifest_says_its_form_in_the_row(ledger: SqlLedger, tmp_path: Path) -> None:
    ledger.add_version(a_manifest())
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        [[body]] = connection.execute("SELECT body FROM versions").fetchall()
    assert json.loads(body)["form"] == MANIFEST_FORM


def test_a_manifest_that_says_no_form_is_of_the_first(ledger: SqlLedger, tmp_path: Path) -> None:
    body = as_json(a_manifest())
    del body["form"]
    put_manifest(tmp_path, body)
    assert ledger.version(VersionId("v1")).manifest.form == 1


def test_a_manifest_of_a_newer_form_is_refused_and_says_what_to_do(ledger: SqlLedger, tmp_path: Path) -> None:
    put_manifest(tmp_path, as_json(a_manifest()) | {"form": MANIFEST_FORM + 1, "counts": "otherwise"})
    message = "version v1 was written by a newer release: .*form 4.* up to 3: use the release that wrote it"
    with pytest.raises(Damaged, match=message):
        ledger.version(VersionId("v1"))
    with pytest.raises(Damaged, match=message):
        ledger.versions()


def test_a_field_that_the_domain_has_no_longer_is_passed_over(ledger: SqlLedger, tmp_path: Path) -> None:
    body = as_json(a_manifest())
    put_manifest(tmp_path, body | {"colour": "red", "counts": body["counts"] | {"tables": 3}})
    assert ledger.version(VersionId("v1")).manifest == a_manifest()


def test_a_golden_case_whose_cluster_was_called_its_group_is_read(ledger: SqlLedger, tmp_path: Path) -> None:
    body = as_json(a_golden_case())
    body["group"] = body.pop("cluster")
    put(tmp_path, "golden_cases", {"case_id": "golden:q1", "added": NOON, "body": body})
    assert ledger.golden_cases() == [a_golden_case()]


def test_exposures_of_the_interleaved_arm_which_is_gone_are_left_out(ledger: SqlLedger, tmp_path: Path) -> None:
    for arm in ("control", "interleaved", "treatment"):
        row = {"at": NOON, "unit": "ann", "arm": arm, "step": 0, "answered": 0, "failed": 1, "seconds": 0.5}
        put(tmp_path, "exposures", row)
    assert [met.arm.value for met in ledger.exposures()] == ["control", "treatment"]
