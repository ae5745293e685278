"""Index versions over HTTP."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.domain import Admission, Decision, LearnedRanking, Outcome, VersionId, VersionState
from rag_flywheel.rollout.promotion import LOCK
from rag_flywheel.services import Services
from tests.fakes.doors import door, signed
from tests.fakes.samples import NOON, correction, interaction, review
from tests.fakes.services import publish, services


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    publish(
        made,
        "v2",
        corrections={"c1": ("q", "a")},
        learned=LearnedRanking(admission=Admission(threshold=0.8, words=0.5, passage=0.5)),
    )
    publish(made, "v3", live=False)
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


def test_versions_are_listed_oldest_first(http: TestClient) -> None:
    found = http.get("/versions").json()
    assert [(version["version"], version["state"], version["parent"]) for version in found] == [
        ("v1", "retired", None),
        ("v2", "live", "v1"),
        ("v3", "built", "v2"),
    ]
    assert {"version", "state", "created", "counts"} <= set(found[0])
    assert set(found[0]["counts"]) == {"documents", "passages", "corrections", "superseded", "skipped"}


def test_deleted_versions_are_listed_when_asked_for(http: TestClient, made: Services) -> None:
    made.ledger.set_state(VersionId("v1"), VersionState.DELETED, at=made.now())
    assert [version["version"] for version in http.get("/versions").json()] == ["v2", "v3"]
    assert len(http.get("/versions", params={"deleted": True}).json()) == 3


def test_a_version_is_shown_with_manifest_states_and_decision(http: TestClient, made: Services) -> None:
    made.ledger.add_decision(
        Decision(
            version_id=VersionId("v2"),
            control=VersionId("v1"),
            decided=NOON,
            outcome=Outcome.REFUSED,
            reasons=("untouched questions fell",),
            report={},
        )
    )
    said = http.get("/versions/v2").json()
    assert (said["version"], said["state"]) == ("v2", "live")
    assert said["gate"] == {
        "outcome": "refused",
        "reasons": ["untouched questions fell"],
        "decided": "2026-05-01T12:00:00+00:00",
    }
    assert said["manifest"]["corrections"] == ["c1"]
    assert [state for _, state in said["states"]] == ["built", "live"]


def test_a_difference_names_what_came_and_went(http: TestClient) -> None:
    there, back = http.get("/versions/v1/diff/v2").json(), http.get("/versions/v2/diff/v1").json()
    assert there["corrections"] == {"added": ["c1"], "removed": []}
    assert back["corrections"] == {"added": [], "removed": ["c1"]}
    assert there["counts"]["corrections"] == [0, 1]
    assert [learned["admission"] for learned in there["learned"]] == [
        None,
        {"threshold": 0.8, "words": 0.5, "passage": 0.5}
        | dict.fromkeys(("sentence", "answer", "tokens"), 0.0)
        | {"offered": None},
    ]
    assert (there["sources"], there["settings"]) == ({"added": [], "removed": [], "changed": []}, [])
    assert (there["superseded"], back["superseded"]) == ({}, {})


def test_a_difference_names_the_correction_that_took_the_place_of_another(made: Services, http: TestClient) -> None:
    made.ledger.add_interaction(interaction("i1"))
    for name in ("c1", "c2"):
        made.ledger.add_correction(correction(name))
        made.ledger.add_review(review(name, reviewed=made.now()))
    publish(made, "v4", corrections={"c2": ("q", "b")})
    assert http.get("/versions/v2/diff/v4").json()["superseded"] == {"c1": "c2"}
    assert http.get("/versions/v4/diff/v2").json()["superseded"] == {}


def test_a_difference_names_files_and_settings(http: TestClient, made: Services) -> None:
    before = made.ledger.version(VersionId("v1")).manifest
    after = replace(
        before,
        version_id=VersionId("v4"),
        sources={"guide.md": "11", "new.md": "22"},
        settings={**before.settings, "retrieval": {"passages": 9}},
    )
    made.ledger.add_version(after)
    found = http.get("/versions/v1/diff/v4").json()
    assert found["sources"] == {"added": ["new.md"], "removed": [], "changed": ["guide.md"]}
    assert found["settings"] == ["retrieval"]
    assert http.get("/versions/v4/diff/v1").json()["sources"]["removed"] == ["new.md"]


def test_a_version_is_promoted_and_rolled_back(http: TestClient, made: Services) -> None:
    assert http.post("/promote", json={"version": "v3"}, headers=signed(http, "ada")).json() == {
        "live": "v3",
        "was": "v2",
    }
    assert http.post("/rollback", json={}).json() == {"live": "v2", "was": "v3"}
    assert http.post("/rollback", json={"to": "v3"}).json() == {"live": "v3", "was": "v2"}
    assert [entry.action for entry in made.ledger.audit(limit=3)] == ["roll back", "roll back", "promote"]
    assert made.ledger.audit(limit=3)[2].who == "ada"


def test_answers_follow_the_alias_at_once(http: TestClient) -> None:
    seen = []
    for to in ("v1", "v2", "v1"):
        http.post("/promote", json={"version": to})
        seen.append(http.post("/chat", json={"question": "How do I roll back?"}).json()["version"])
    assert seen == ["v1", "v2", "v1"]


def test_a_switch_while_another_is_on_is_a_conflict(http: TestClient, made: Services) -> None:
    with made.ledger.lock(LOCK):
        reply = http.post("/rollback", json={})
    assert (reply.status_code, reply.json()["error"]) == (409, "AlreadyRunning")


def test_what_is_unknown_is_not_found(http: TestClient) -> None:
    found = [
        http.get("/versions/v9"),
        http.get("/versions/v1/diff/v9"),
        http.get("/versions/v9/diff/v1"),
        http.post("/promote", json={"version": "v9"}),
        http.post("/rollback", json={"to": "v9"}),
        http.get("/reports/v9"),
    ]
    assert [reply.status_code for reply in found] == [404] * 6


def test_before_the_first_version_there_is_nothing_to_roll_back_from(tmp_path: Path) -> None:
    http = door(services(tmp_path))
    assert http.get("/versions").json() == []
    reply = http.post("/rollback", json={})
    assert (reply.status_code, reply.json()["error"]) == (503, "NothingLive")


@pytest.mark.parametrize(
    ("format", "kind"), [("json", "application/json"), ("md", "text/markdown"), ("html", "text/html")]
)
def test_a_report_is_given_in_each_form(http: TestClient, made: Services, format: str, kind: str) -> None:
    folder = made.reports / "v2"
    folder.mkdir(parents=True)
    (folder / f"report.{format}").write_text(json.dumps({"report": "of v2"}))
    reply = http.get("/reports/v2", params={"format": format})
    assert (reply.status_code, reply.text) == (200, '{"report": "of v2"}')
    assert reply.headers["content-type"].startswith(kind)


def test_a_version_without_a_report_and_an_unknown_form_are_refused(http: TestClient) -> None:
    assert http.get("/reports/v2").status_code == 404
    assert http.get("/reports/v2", params={"format": "exe"}).status_code == 422


@pytest.mark.parametrize("name", ["..%2f", "%2e%2e", "..%2f..%2fetc", "%2fetc%2fpasswd"])
def test_a_report_cannot_be_named_out_of_its_folder(http: TestClient, made: Services, name: str) -> None:
    made.reports.mkdir(parents=True)
    (made.reports.parent / "report.json").write_text("{}")
    assert http.get(f"/reports/{name}").status_code == 404
