"""GET /metrics, as Prometheus reads it."""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from rag_flywheel.api.app import create_app
from rag_flywheel.config import secrets
from rag_flywheel.cycle import record
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.domain import CorrectionState, Notice, Role
from rag_flywheel.errors import LedgerUnavailable
from rag_flywheel.services import Services
from tests.fakes.doors import door, key, laptop
from tests.fakes.ledger import MemoryLedger
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


def scraped(http: TestClient) -> Series:
    reply = http.get("/metrics")
    assert reply.status_code == 200, reply.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def one(series: Series, name: str, **labels: str) -> float:
    return series.get((name, tuple(sorted(labels.items()))), 0.0)


def test_questions_feedback_and_corrections_are_counted(made: Services) -> None:
    http = door(made)
    before = scraped(http)
    asked = http.post("/chat", json={"question": QUESTION}).json()["interaction_id"]
    http.post("/chat", json={"question": "Which wombat sings opera at midnight?"})
    http.post("/feedback", json={"interaction_id": asked, "kind": "thumb", "value": "down"})
    http.post("/corrections", json={"interaction_id": asked, "answer": "Run rag-flywheel rollback."})
    after = scraped(http)

    def rise(name: str, **labels: str) -> float:
        return one(after, name, **labels) - one(before, name, **labels)

    assert rise("rag_flywheel_requests_total", route="POST /chat", status="200") == 2
    assert rise("rag_flywheel_request_seconds_count", route="POST /chat") == 2
    assert rise("rag_flywheel_answers_total", outcome="answered", arm="control") == 1
    assert rise("rag_flywheel_answers_total", outcome="refused", arm="control") == 1
    for stage in ("answer", "rewrite", "retrieve", "embed", "generate"):
        assert rise("rag_flywheel_stage_seconds_count", stage=stage) == 2, stage
    assert rise("rag_flywheel_feedback_total", kind="thumb", value="down") == 1
    assert rise("rag_flywheel_corrections_handed_in_total") == 1
    assert one(after, "rag_flywheel_corrections", tenant="", state="pending") == 1
    assert one(after, "rag_flywheel_review_queue", tenant="", queue="pending") == 1
    assert one(after, "rag_flywheel_review_oldest_seconds", tenant="") > 0


def test_how_things_stand_is_told(made: Services) -> None:
    """The live version, disk, freeze, cycles by outcome from 0 on, and every state of a correction."""
    http = door(made)
    made.config.data.mkdir()
    with record.recorded(made.config.data, lambda what, done, total: None, made.now) as (step, ended):
        step("deciding", 0, 1)
        ended(_result(CycleDecision.UNDECIDED))
    series = scraped(http)
    assert one(series, "rag_flywheel_live_version_info", tenant="", version="v1") == 1
    assert one(series, "rag_flywheel_known", tenant="") == 1
    assert one(series, "rag_flywheel_versions", tenant="") == 1
    assert (
        0
        < one(series, "rag_flywheel_disk_free_bytes", tenant="")
        < one(series, "rag_flywheel_disk_size_bytes", tenant="")
    )
    cycles = {
        dict(labels)["outcome"]: value
        for (name, labels), value in series.items()
        if name == "rag_flywheel_cycles_total"
    }
    assert cycles == {**dict.fromkeys(CycleDecision, 0), "failed": 0, "undecided": 1}
    assert one(series, "rag_flywheel_cycle_seconds_count", tenant="") == 1
    assert one(series, "rag_flywheel_cycle_last_timestamp_seconds", tenant="", outcome="undecided") > 1e9
    states = {dict(labels)["state"] for name, labels in series if name == "rag_flywheel_corrections"}
    assert states == set(CorrectionState)


def test_a_second_version_takes_the_place_of_the_first_label(made: Services) -> None:
    """However many nights there are, one version is named."""
    http = door(made)
    scraped(http)
    publish(made, "v2")
    named = [dict(labels)["version"] for name, labels in scraped(http) if name == "rag_flywheel_live_version_info"]
    assert named == ["v2"]


def test_notices_that_wait_are_told_by_number_and_age(made: Services) -> None:
    class Receivers:
        receivers = ("https://hooks.example.org/secret-path",)

        def send(self, notice: Notice, *, receiver: str, at: object) -> int | None:
            raise AssertionError("nothing is sent while it is looked at")

    waiting = Notice(notice_id="n1", at=made.now() - timedelta(hours=2), kind="gate", data={})
    made.ledger.add_notice(waiting)
    reply = door(replace(made, webhooks=Receivers())).get("/metrics").text
    assert 'rag_flywheel_outbox_notices{tenant=""} 2.0' in reply  # v1 was promoted, too
    assert 'rag_flywheel_outbox_oldest_seconds{tenant=""} 72' in reply
    assert "secret-path" not in reply


def test_what_a_caller_makes_up_is_no_label(made: Services) -> None:
    """Neither a path nor a method nor a header of theirs makes a series."""
    http = door(made)
    for path in ("/wombat", "/corrections/wombat", "/users/wombat/data", "/static/wombat.js"):
        http.get(path)
    http.request("WOMBAT", "/chat")
    http.get("/health", headers={"X-Request-Id": "wombat-wombat-wombat"})
    text = http.get("/metrics").text
    assert "wombat" not in text.lower()
    assert 'route="other"' in text


def test_operators_read_it_and_askers_do_not(made: Services) -> None:
    app = create_app(made)
    http = TestClient(app, base_url="http://localhost")
    assert http.get("/metrics", headers=key(made, "olga", Role.OPERATOR)).status_code == 200
    assert http.get("/metrics", headers=key(made, "ada", Role.ASKER)).status_code == 403
    assert laptop(made).get("/metrics").status_code == 401


def test_the_key_of_the_metrics_opens_them_and_nothing_else(made: Services) -> None:
    """So that what watches over the service cannot roll anything back."""
    watched = replace(made, secrets=secrets({"RAG_FLYWHEEL_METRICS_KEY": "only-for-prometheus"}))
    http = TestClient(create_app(watched), base_url="http://localhost")
    headers = {"Authorization": "Bearer only-for-prometheus"}
    assert http.get("/metrics", headers=headers).status_code == 200
    assert http.get("/audit", headers=headers).status_code == 401
    assert http.post("/rollback", json={}, headers=headers).status_code == 401
    for wrong in ("only-for-prometheu", "", "ünicode"):
        assert http.get("/metrics", headers={"Authorization": f"Bearer {wrong}".encode()}).status_code == 401


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestClient, Services]:
    made = services(tmp_path_factory.mktemp("root"), text="tenants: {acme: acme.yaml}")
    acme = services(tmp_path_factory.mktemp("acme"))
    publish(made, "v1")
    publish(acme, "v7")
    return TestClient(create_app(made, tenants={"acme": acme}), base_url="http://localhost"), made


def test_tenants_are_told_apart_and_read_nothing_of_each_other(
    shared: tuple[TestClient, Services],
) -> None:
    """All are in the deployment's metrics, which a tenant's operator may not read."""
    http, made = shared
    text = http.get("/metrics", headers=key(made, "olga")).text
    assert 'rag_flywheel_live_version_info{tenant="",version="v1"} 1.0' in text
    assert 'rag_flywheel_live_version_info{tenant="acme",version="v7"} 1.0' in text
    body = {"name": "acme-admin", "roles": list(Role), "for_others": True, "tenant": "acme"}
    theirs = http.post("/keys", json=body, headers=key(made, "rita")).json()["key"]
    assert http.get("/me", headers={"Authorization": f"Bearer {theirs}"}).json()["tenant"] == "acme"
    assert http.get("/metrics", headers={"Authorization": f"Bearer {theirs}"}).status_code == 403


def test_a_ledger_that_does_not_answer_is_told_beside_all_that_is_known(tmp_path: Path) -> None:
    """An alert needs the numbers most when something is down."""

    class Away(MemoryLedger):
        away = False

        def corrections_mark(self) -> str:
            if self.away:
                raise LedgerUnavailable("the database does not answer")
            return super().corrections_mark()

    ledger = Away()
    made = services(tmp_path, ledger=ledger)
    publish(made, "v1")
    http = door(made)
    assert one(scraped(http), "rag_flywheel_known", tenant="") == 1
    ledger.away = True
    series = scraped(http)
    assert one(series, "rag_flywheel_known", tenant="") == 0
    assert one(series, "rag_flywheel_disk_size_bytes", tenant="") > 0
    assert not math.isnan(one(series, "rag_flywheel_cycle_seconds_sum", tenant=""))


def test_openmetrics_is_given_to_who_asks_for_it(made: Services) -> None:
    reply = door(made).get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    assert reply.text.endswith("# EOF\n")


def _result(decision: CycleDecision) -> "record.CycleResult":
    return record.CycleResult(decision=decision, version=None, reasons=())
