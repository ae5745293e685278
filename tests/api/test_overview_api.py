"""The overview over HTTP: its numbers, whom they are for, its files, and the week's digest."""

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import (
    Confidence,
    CorrectionId,
    Interaction,
    InteractionId,
    Readership,
    Role,
    VersionId,
    VersionState,
)
from rag_flywheel.domain.anchors import Fate, Followed
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.domain.probes import Found, Probe, Reworded
from rag_flywheel.rollout.promotion import act_of, hold_out, promote
from rag_flywheel.services import Services
from tests.contract.rows import an_erasure
from tests.fakes.doors import door, key
from tests.fakes.encoder import HashingEncoder
from tests.fakes.keys import keys_in
from tests.fakes.samples import NOON, chunk, correction, decision, interaction, manifest, review, shown, span
from tests.fakes.services import DIMENSION, entries, publish, services
from tests.fakes.signals import say

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MAY = {"from": "2026-05-01", "to": "2026-05-31"}


def asked(name: str, **given: object) -> Interaction:
    return replace(interaction(name, ranking=[shown("install", 1)]), **given)  # type: ignore[arg-type]


@pytest.fixture
def made(tmp_path: Path) -> Services:
    """Four answers of two versions, and two corrections of them, one of which is live."""
    made = services(tmp_path)
    ledger = made.ledger
    publish(made, "v1")
    ledger.add_interaction(asked("i1"))
    ledger.add_interaction(asked("i2", confidence=Confidence.LOW, group="beta"))
    ledger.add_interaction(asked("i3", answered=False, citations=()))
    ledger.add_interaction(asked("i4", asked=NOON + 8 * DAY, version_id=VersionId("v2")))
    say(ledger, "thumb", "up", of=InteractionId("i1"))
    say(ledger, "thumb", "down", of=InteractionId("i2"))
    ledger.add_correction(correction("c1", of="i2", supersedes=[span("install")], evidence=[span("backup")]))
    ledger.add_correction(correction("c2", of="i3"))
    ledger.add_review(review("c1", reviewed=NOON + HOUR))
    followed = Followed(of="correction:c1", superseded=False, was=span("backup"), now=(), fate=Fate.STALE)
    ledger.add_version(replace(manifest("v2", corrections=["c1"], created=NOON + 2 * HOUR), followed=(followed,)))
    probe = Probe(
        correction_id=CorrectionId("c1"), own=Found.AND_USED, rewordings=(Reworded(found=Found.NOT_FOUND, made=True),)
    )
    ledger.add_decision(replace(decision("v2"), report={"corrections": {"probes": [probe.as_json()]}}))
    made.index.build(
        VersionId("v2"), dimension=DIMENSION, batches=[entries([chunk("install")], HashingEncoder(DIMENSION))]
    )
    made.index.move_live(VersionId("v2"), expected=VersionId("v1"))
    ledger.set_state(VersionId("v2"), VersionState.LIVE, at=NOON + 5 * HOUR)
    return made


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


def test_answers_are_told_by_version_and_by_time_with_intervals(http: TestClient) -> None:
    told = http.get("/insights/overview", params={**MAY, "every": "week"}).json()
    assert [(line["name"], line["answers"]) for line in told["versions"]] == [("v2", 1), ("v1", 3)]
    assert [(line["name"], line["answers"]) for line in told["times"]] == [("2026-04-27", 3), ("2026-05-04", 1)]
    total = told["total"]
    assert (total["answered"]["value"], total["refused"]["value"], total["doubtful"]["value"]) == (0.75, 0.25, 0.25)
    assert total["good"] == {
        "value": 0.5,
        "n": 2,
        "low": pytest.approx(0.0945, abs=0.001),  # Wilson's of 1 of 2
        "high": pytest.approx(0.9055, abs=0.001),
    }
    months = http.get("/insights/overview", params={**MAY, "every": "month"}).json()["times"]
    assert [(line["name"], line["answers"]) for line in months] == [("2026-05-01", 4)]


@pytest.mark.parametrize(("every", "empty"), [("day", 31), ("week", 4), ("month", 0)])
def test_a_stretch_in_which_nobody_asked_is_told_and_breaks_the_line(made: Services, every: str, empty: int) -> None:
    made.ledger.add_interaction(asked("i5", asked=NOON + 40 * DAY))
    http, chosen = door(made), {"from": "2026-05-02", "to": "2026-06-30", "every": every}
    times = http.get("/insights/overview", params=chosen).json()["times"]
    assert [line["answers"] for line in times] == [1, *[0] * empty, 1]
    assert [line["answered"]["value"] for line in times] == [1, *[None] * empty, 1]
    assert [line["name"] for line in times] == sorted({line["name"] for line in times})
    page = http.get("/insights", params=chosen, headers={"Accept": "text/html"}).text
    assert ("<polyline" in page) is (empty == 0)


def test_a_clock_that_was_far_off_makes_no_endless_table(made: Services) -> None:
    made.ledger.add_interaction(asked("i5", asked=NOON.replace(year=2900)))
    times = door(made).get("/insights/overview", params={"to": "2999-12-31", "from": "2026-05-02"}).json()["times"]
    assert (len(times), times[-1]["name"]) == (368, "2900-05-01")


def test_time_and_group_choose_the_answers(http: TestClient) -> None:
    assert http.get("/insights/overview", params={"to": "2026-05-01"}).json()["total"]["answers"] == 3
    beta = http.get("/insights/overview", params={**MAY, "group": "beta"}).json()
    assert (beta["total"]["answers"], beta["groups"], beta["corrections"]["handed_in"]) == (1, ["beta"], 1)
    assert http.get("/insights/overview", params={"from": "2026-05-02", "to": "2026-05-01"}).status_code == 422


@pytest.mark.parametrize("path", ["overview", "export", "digest"])
def test_days_at_either_end_of_what_is_allowed_are_told_of_and_days_beyond_are_refused(
    http: TestClient, path: str
) -> None:
    for first, last, status in (
        ("1970-01-01", "1970-01-01", 200),
        ("2999-12-31", "2999-12-31", 200),
        ("0001-01-01", "0001-01-01", 422),
        ("9999-12-31", "9999-12-31", 422),
    ):
        asked_for = {"since": first} if path == "digest" else {"from": first, "to": last, "every": "week"}
        asked_for |= {"table": "times"} if path == "export" else {}
        assert http.get(f"/insights/{path}", params=asked_for).status_code == status
    assert http.get("/insights/overview", params={"to": "1970-01-01"}).status_code == 200
    assert http.get("/insights/overview", params={"to": "0001-01-01"}).status_code == 422
    assert http.post("/insights/digest", json={"since": "9999-12-31"}).status_code == 422


def test_corrections_are_told_with_their_lag_and_whether_they_are_found_and_used(http: TestClient) -> None:
    told = http.get("/insights/overview", params=MAY).json()
    corrections = told["corrections"]
    assert (corrections["handed_in"], corrections["accepted"], corrections["went_live"]) == (2, 1, 1)
    assert (corrections["lag_p50"], corrections["lag_p95"]) == (4.0, 4.0)
    assert (corrections["found"]["value"], corrections["used"]["value"]) == (0.5, 1.0)
    stages = {line["stage"]: (line["answers"], line["corrections"]) for line in told["stages"]}
    assert stages["missing"] == (0, 2)
    assert sum(answers for answers, _ in stages.values()) == 1


def test_a_correction_that_was_accepted_again_after_it_went_live_has_no_lag(made: Services) -> None:
    made.ledger.add_review(review("c1", name="again", reviewed=NOON + 2 * DAY))
    corrections = door(made).get("/insights/overview", params=MAY).json()["corrections"]
    assert (corrections["accepted"], corrections["went_live"]) == (1, 1)
    assert (corrections["lag_p50"], corrections["lag_p95"]) == (None, None)
    page = door(made).get("/insights", params=MAY, headers={"Accept": "text/html"}).text
    assert "was accepted again since" in page


def test_what_somebody_did_counts_on_its_day_in_utc_wherever_their_clock_was(made: Services) -> None:
    elsewhere = datetime.fromisoformat("2026-05-21T01:00:00+02:00")
    made.ledger.add_correction(replace(correction("c3", of="i4"), submitted=elsewhere))
    days = {"from": "2026-05-20", "to": "2026-05-20"}
    assert door(made).get("/insights/overview", params=days).json()["corrections"]["handed_in"] == 1


def test_documents_are_told_by_the_answers_that_cite_them_and_the_stale_ones_by_their_corrections(
    http: TestClient,
) -> None:
    told = http.get("/insights/overview", params=MAY).json()
    [useful], [useless] = told["useful"], told["useless"]
    assert useful == useless
    assert (useful["document_id"], useful["answers"], useful["good"]["value"]) == ("guide", 3, 0.5)
    assert told["stale"] == [{"document_id": "install", "corrections": ["c1"], "answers": 0}]
    assert told["changed"] == [{"correction_id": "c1", "document_id": "backup", "fate": "stale", "replaced": False}]


@pytest.mark.parametrize(
    "table", ["versions", "times", "stages", "corrections", "useful", "useless", "stale", "changed"]
)
def test_every_table_is_a_file_in_two_forms_with_the_same_columns(http: TestClient, table: str) -> None:
    reply = http.get("/insights/export", params={**MAY, "table": table})
    assert reply.headers["content-type"].startswith("text/csv")
    assert f"{table}-2026-05-01-2026-05-31.csv" in reply.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    as_json = http.get("/insights/export", params={**MAY, "table": table, "format": "json"}).json()
    assert rows
    assert [list(row) for row in rows] == [list(row) for row in as_json]
    assert [row[next(iter(row))] for row in rows] == [str(row[next(iter(row))]) for row in as_json]


def test_a_table_without_rows_has_its_columns_and_a_cell_is_no_formula(http: TestClient, made: Services) -> None:
    nothing = http.get("/insights/export", params={"table": "useful", "from": "2026-01-01", "to": "2026-01-02"})
    assert nothing.text == "document_id,answers,good,good_n,good_low,good_high\r\n"
    cited = replace(interaction().citations[0], document_id="=cmd")  # type: ignore[arg-type]
    made.ledger.add_interaction(asked("i9", citations=(cited,)))
    assert "\r\n'=cmd," in http.get("/insights/export", params={**MAY, "table": "useful"}).text


def test_what_somebody_may_not_read_is_in_none_of_their_numbers(tmp_path: Path) -> None:
    made = services(tmp_path, text="sources: [{path: docs, groups: {'x/': [hr]}}]\n")
    ledger = made.ledger
    apart = replace(chunk("pay", "What people earn."), groups=("hr",))
    made.index.build(
        VersionId("v1"), dimension=DIMENSION, batches=[entries([chunk("open"), apart], HashingEncoder(DIMENSION))]
    )
    ledger.add_version(replace(manifest("v1"), readership=Readership(open=1, groups={"hr": 1})))
    ledger.add_decision(decision("v1"))
    act = act_of("t", "t", at=made.now())
    promote(VersionId("v1"), expected=None, index=made.index, ledger=ledger, act=act)
    for name, document in (("i1", "open"), ("i2", "pay"), ("i3", "pay")):
        cited = replace(interaction().citations[0], document_id=document)  # type: ignore[arg-type]
        seen = replace(shown(document, 1), groups=("hr",) if document == "pay" else ())
        given = replace(interaction(name, ranking=[seen]), citations=(cited,), groups=frozenset())
        ledger.add_interaction(replace(given, group=f"of-{document}"))
        ledger.add_correction(replace(correction(f"c{name}", of=name, evidence=[span(document)]), groups=()))
    http, rita = door(made), key(made, "rita", Role.REVIEWER)
    told = http.get("/insights/overview", params=MAY, headers=rita).json()
    assert (told["total"]["answers"], told["groups"]) == (1, ["of-open"])
    assert [line["document_id"] for line in told["useful"]] == ["open"]
    assert told["corrections"]["handed_in"] == 1
    everything = http.get("/insights/overview", params=MAY).json()
    assert (everything["total"]["answers"], everything["corrections"]["handed_in"]) == (3, 3)
    assert "pay" not in http.get("/insights/digest?since=2026-05-01", headers=rita).text


def test_the_gain_over_a_hold_out_is_told_where_everything_may_be_counted_and_to_nobody_else(tmp_path: Path) -> None:
    sources = ("{path: docs, groups: {'x/': [hr]}}", "{path: docs, sensitive: true}")
    for place, source in enumerate(sources):
        folder = tmp_path / str(place)
        folder.mkdir()
        made = services(folder, text=f"sources: [{source}]\n")
        publish(made, "v1")
        publish(made, "v2")
        act = act_of("t", "t", at=made.now())
        hold_out(VersionId("v1"), share=0.1, index=made.index, ledger=made.ledger, act=act)
        http, rita = door(made), key(made, "rita", Role.REVIEWER)
        told = [
            http.get("/insights/overview", params=MAY, headers=who).json()["holdout"] is not None for who in ({}, rita)
        ]
        assert told == [place == 0, False]
        page = http.get("/insights", headers={**rita, "Accept": "text/html"}).text
        assert "The gain is measured on everybody" in page
        assert "Nobody is held out" not in page


def test_what_is_sensitive_is_in_nobodys_numbers(tmp_path: Path) -> None:
    text = "sources: [docs, {path: ward, sensitive: true}]\nprivacy: {sensitive_groups: [patients]}\n"
    made = services(tmp_path, text=text)
    publish(made, "v1", {"ward/visits.md": "Visits end at eight.", "docs/a.md": "The door is blue."})
    answers = (("i1", "ward/visits.md", None), ("i2", "docs/a.md", "patients"), ("i3", "docs/a.md", None))
    for name, document, group in answers:
        asked_of = interaction(name, ranking=[shown(document, 1)], citations=0)
        made.ledger.add_interaction(replace(asked_of, group=group))
        made.ledger.add_correction(correction(f"c{name}", of=name, evidence=[span(document)]))
    told = door(made).get("/insights/overview", params=MAY).json()
    assert (told["total"]["answers"], told["corrections"]["handed_in"], told["groups"]) == (1, 1, [])
    assert door(made).get("/insights/overview", params={**MAY, "group": "patients"}).json()["total"]["answers"] == 0


def test_what_is_deleted_is_gone_at_once_however_much_is_added_meanwhile(made: Services) -> None:
    http = door(made)
    made.ledger.add_interaction(asked("i5", user="bob", answered=False, citations=()))
    made.ledger.add_interaction(asked("i6"))
    assert http.get("/insights/overview", params=MAY).json()["total"]["refused"]["value"] == 2 / 6
    made.ledger.erase(Scope(user="bob"))
    made.ledger.add_interaction(asked("i7"))
    assert http.get("/insights/overview", params=MAY).json()["total"]["refused"]["value"] == 1 / 6


def test_who_asked_last_is_gone_at_once_where_the_next_answer_gets_the_same_number(tmp_path: Path) -> None:
    keys = keys_in(tmp_path / "keys")
    url = sqlite_url(tmp_path / "ledger.sqlite")
    ledger = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys)
    http = door(services(tmp_path, ledger=ledger))
    ledger.add_interaction(asked("i1", user="bob", answered=False, citations=()))
    assert http.get("/insights/overview", params=MAY).json()["total"]["refused"]["value"] == 1
    ledger.erase(Scope(user="bob"))
    ledger.add_erasure(an_erasure())
    ledger.add_interaction(asked("i2"))
    assert http.get("/insights/overview", params=MAY).json()["total"]["refused"]["value"] == 0
    ledger.close()


# --- the digest -----------------------------------------------------------------------------------------------------


def test_the_digest_tells_a_week_beside_the_week_before_on_a_page_of_markdown(http: TestClient) -> None:
    reply = http.get("/insights/digest", params={"since": "2026-05-08"})
    assert reply.headers["content-type"].startswith("text/markdown")
    assert "# Week of 2026-05-08 to 2026-05-14" in reply.text
    assert "| questions | 1 | | 3 |" in reply.text
    assert "`install`: 1 corrections replace what it says" in reply.text


def test_a_week_is_left_for_the_webhooks_once_however_often_it_is_asked_for(http: TestClient, made: Services) -> None:
    first = http.post("/insights/digest", json={"since": "2026-04-24"}).json()
    assert (first["state"], first["since"]) == ("sent", "2026-04-24")
    assert http.post("/insights/digest", json={"since": "2026-04-24"}).json()["state"] == "known"
    left = [notice for notice, _ in made.ledger.undelivered("crm", attempts=1)]
    [notice] = [notice for notice in left if notice.kind == "digest"]
    assert notice.data["subject"] == "2026-04-24"
    assert "# Week of 2026-04-24 to 2026-04-30" in str(notice.data["markdown"])
    assert "roll back" not in json.dumps(dict(notice.data))
    assert [entry["action"] for entry in http.get("/audit").json()].count("digest") == 1
    assert http.post("/insights/digest", json={}).json()["since"] == "2026-04-20"


def test_a_week_that_is_not_over_is_not_sent_and_only_operators_send(http: TestClient, made: Services) -> None:
    assert http.post("/insights/digest", json={"since": "2026-04-28"}).status_code == 422
    asker, reviewer, operator = (key(made, role, role) for role in (Role.ASKER, Role.REVIEWER, Role.OPERATOR))
    sent = [http.post("/insights/digest", json={}, headers=who).status_code for who in (asker, reviewer, operator)]
    assert sent == [403, 403, 200]
    read = [http.get("/insights/digest", headers=who).status_code for who in (asker, reviewer, operator)]
    assert read == [403, 200, 200]
