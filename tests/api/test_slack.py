"""Slack: what people ask, rate and correct there, and what is refused."""

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.testclient import TestClient

from rag_flywheel import config
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.api.app import create_app
from rag_flywheel.domain import FeedbackKind
from rag_flywheel.errors import ConfigError
from tests.fakes.doors import door
from tests.fakes.keys import keys_in
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated, served
from tests.fakes.slack import (
    OTHER,
    TEAM,
    USER,
    App,
    block_actions,
    command,
    installed,
    mention,
    signature,
    view_submission,
    with_slack,
    workspace,
)

QUESTION = "How do I roll back to the previous version?"
URL_VERIFICATION = (
    b'{"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY", "type": "url_verification"}'
)


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """Values by the buttons' names."""
    rows = [block["elements"] for block in message["blocks"] if block["type"] == "actions"]
    return {button["action_id"]: button.get("value", "") for row in rows for button in row}


def texts(message: dict[str, Any]) -> str:
    pieces = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    pieces += [each["text"] for block in message["blocks"] if block["type"] == "context" for each in block["elements"]]
    return "\n".join(pieces)


def asked(app: App) -> str:
    """The answer's id."""
    assert app.ask(QUESTION).status_code == 200
    return buttons(app.there.messages()[-1])["thumb_up"]


# --- a command ------------------------------------------------------------------------------------------------------


def test_a_command_is_answered_to_who_gave_it_with_sources_that_open_here(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        reply = app.ask(QUESTION)
        assert (reply.status_code, reply.json()["response_type"]) == (200, "ephemeral")
        [message] = app.there.messages()
        assert message["response_type"] == "ephemeral"
        assert "run rag-flywheel rollback" in texts(message)
        assert "<http://localhost/documents/rollback?span=" in texts(message)
        assert buttons(message).keys() == {"thumb_up", "thumb_down", "correct", "keep_nothing"}


def test_slack_has_its_reply_before_the_answer_is_made(tmp_path: Path) -> None:
    generator = Dictated(["Turn it ", "off."])
    generator.go_on.clear()
    with workspace() as there:
        made = services(tmp_path, generator=generator)
        publish(made, "v1")
        with served(with_slack(made, there)) as url:
            body = command(there, QUESTION)
            headers = signature(body, int(made.now().timestamp())) | {
                "Content-Type": "application/x-www-form-urlencoded"
            }
            begun = time.monotonic()
            reply = httpx.post(f"{url}/integrations/slack/commands", content=body, headers=headers)
            assert reply.status_code == 200
            assert time.monotonic() - begun < 3
            assert there.messages() == []
            generator.go_on.set()
            for _ in range(100):
                if there.messages():
                    break
                time.sleep(0.05)
            assert "Turn it off." in texts(there.messages()[0])


def test_a_command_without_a_question_says_how_to_ask(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        assert "Write a question" in app.ask("  ").json()["text"]
        assert app.there.said == []


def test_slack_may_look_whether_anybody_is_there(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        assert app.send("command", b"ssl_check=1&token=gIkuvaNzQIHg97ATvDxqgjtO").status_code == 200


def test_where_nothing_is_live_who_asked_is_told_so(tmp_path: Path) -> None:
    with workspace() as there:
        made = with_slack(services(tmp_path), there)
        app = App(made=made, there=there, http=TestClient(create_app(made), base_url="http://localhost"))
        assert app.ask(QUESTION).status_code == 200
        assert "Not available right now" in there.messages()[0]["text"]


def test_what_documents_say_names_nobody_in_slack_and_calls_no_channel(tmp_path: Path) -> None:
    said = "To roll back to the previous version tell <!channel> and <@U1> & wait."
    with installed(tmp_path, texts={"rollback": said}) as app:
        app.ask(QUESTION)
        told = json.dumps(app.there.messages())
        assert "<!" not in told
        assert "<@" not in told
        assert "&lt;!channel&gt;" in told


def test_a_long_answer_fits_into_the_blocks_that_slack_takes(tmp_path: Path) -> None:
    with installed(tmp_path, generator=Dictated(["<&>" * 6000, "\n\nThe end."])) as app:
        app.ask(QUESTION)
        [message] = app.there.messages()
        assert len(message["blocks"]) <= 50
        assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"] if block["type"] == "section")


# --- a mention ------------------------------------------------------------------------------------------------------


def test_a_mention_is_answered_in_its_thread(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        assert app.send("event", mention(QUESTION)).status_code == 200
        [message] = app.there.messages("/api/chat.postMessage")
        assert (message["channel"], message["thread_ts"]) == ("C123ABC456", "1515449522.000016")
        assert "run rag-flywheel rollback" in texts(message)
        assert app.there.tokens == ["Bearer xoxb-1"]
        assert app.made.ledger.interactions(limit=1)[0].question == QUESTION


def test_an_event_that_slack_sends_again_is_answered_once(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        body = mention(QUESTION)
        app.send("event", body)
        for number in "12":
            reply = app.send("event", body, X_Slack_Retry_Num=number, X_Slack_Retry_Reason="http_timeout")
            assert reply.status_code == 200
        assert app.send("event", body).status_code == 409
        assert len(app.there.messages("/api/chat.postMessage")) == 1
        assert len(app.made.ledger.interactions(limit=5)) == 1


def test_an_event_that_reaches_several_servers_is_answered_by_one_of_them(tmp_path: Path) -> None:
    """Over sockets, with the database that they share."""
    ledger = open_ledger(
        sqlite_url(tmp_path / "ledger.db"), timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks")
    )
    with contextlib.closing(ledger), workspace() as there:
        made = with_slack(services(tmp_path, ledger=ledger), there)
        publish(made, "v1")
        body = mention(QUESTION)
        headers = signature(body, int(made.now().timestamp())) | {"Content-Type": "application/json"}
        with served(made) as one, served(made) as other, ThreadPoolExecutor(4) as pool:
            for url in (one, other):  # FastAPI makes its routes at the first request, and hides warnings of all threads
                assert httpx.get(f"{url}/nowhere").status_code == 404
            retried = headers | {"X-Slack-Retry-Num": "1"}
            places = [f"{url}/integrations/slack/events" for url in (one, other, one, other)]
            sent = pool.map(lambda url: httpx.post(url, content=body, headers=retried, timeout=30), places)
            assert [reply.status_code for reply in sent] == [200] * 4
        assert len(there.messages("/api/chat.postMessage")) == 1
        assert [asked.question for asked in ledger.interactions(limit=5)] == [QUESTION]


@pytest.mark.parametrize(
    "more", [{"bot_id": "B1"}, {"type": "message"}, {"user": None}, {"text": "<@U0LAN0Z89>"}], ids=str
)
def test_what_is_no_question_of_a_person_is_passed_over(tmp_path: Path, more: dict[str, Any]) -> None:
    with installed(tmp_path) as app:
        assert app.send("event", mention(QUESTION, **more)).status_code == 200
        assert app.there.said == []


def test_the_url_is_verified_and_other_events_are_acknowledged(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        assert app.send("event", URL_VERIFICATION).json() == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY"}
        assert app.send("event", b'{"type": "app_rate_limited", "team_id": "T1"}').status_code == 200


def test_without_a_token_nothing_is_said_in_channels_and_no_correction_offered(tmp_path: Path) -> None:
    with installed(tmp_path, token="") as app:
        assert app.send("event", mention(QUESTION)).status_code == 200
        assert app.there.said == []
        app.ask(QUESTION)
        assert "correct" not in buttons(app.there.messages()[0])


# --- who may read what ----------------------------------------------------------------------------------------------


def test_people_of_a_workspace_read_what_its_groups_may_and_channels_what_everybody_may(tmp_path: Path) -> None:
    with installed(tmp_path, text=f"slack: {{groups: {{{TEAM}: [staff]}}}}") as app:
        app.ask(QUESTION)
        app.send("event", mention(QUESTION))
        in_channel, alone = app.made.ledger.interactions(limit=2)
        if in_channel.groups:
            in_channel, alone = alone, in_channel
        assert (alone.groups, in_channel.groups) == (frozenset({"staff"}), frozenset())


def test_somebody_in_slack_is_a_person_of_their_own_whose_data_are_shown_and_go_like_everybodys(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        app.ask(QUESTION)
        app.ask(QUESTION, user_id=OTHER)
        assert len({asked.user for asked in app.made.ledger.interactions(limit=5)}) == 2
        assert USER not in " ".join(map(str, app.made.ledger.interactions(limit=5)))
        admin, mine = door(app.made), quote(f"slack|{TEAM}:{USER}")
        assert len(admin.get(f"/users/{mine}/data").json()["interactions"]) == 1
        assert admin.delete(f"/users/{mine}/data").status_code == 200
        assert len(app.made.ledger.interactions(limit=5)) == 1


# --- buttons --------------------------------------------------------------------------------------------------------


def test_thumbs_are_recorded_and_who_gave_them_is_thanked(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        name = asked(app)
        for action in ("thumb_up", "thumb_down"):
            assert app.press(action, name).status_code == 200
        given = [signal.value for signal in app.made.ledger.feedback() if signal.kind is FeedbackKind.THUMB]
        assert given == ["up", "down"]
        assert [message["text"] for message in app.there.messages()[1:]] == ["Thank you. It is recorded."] * 2
        assert all(message["replace_original"] is False for message in app.there.messages()[1:])


def test_nobody_rates_or_corrects_what_somebody_else_asked(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        name = asked(app)
        for action in ("thumb_up", "correct"):
            app.press(action, name, user=OTHER)
            assert "Only who asked" in app.there.messages()[-1]["text"]
        metadata = json.dumps({"answer": name, "url": app.there.response_url})
        app.send("view", view_submission(metadata, "Mine.", user=OTHER))
        assert "Only who asked" in app.there.messages()[-1]["text"]
        assert list(app.made.ledger.feedback()) == []
        assert list(app.made.ledger.corrections()) == []


def test_a_correction_is_written_in_a_view_and_handed_in(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        name = asked(app)
        app.press("correct", name)
        [opened] = app.there.messages("/api/views.open")
        assert opened["trigger_id"].startswith("12321423423.")
        field = next(block for block in opened["view"]["blocks"] if block["type"] == "input")
        assert "run rag-flywheel rollback" in field["element"]["initial_value"]
        assert "[1]" not in field["element"]["initial_value"]
        body = view_submission(opened["view"]["private_metadata"], "Run rag-flywheel rollback; it takes a second.")
        reply = app.send("view", body)
        assert (reply.status_code, reply.content) == (200, b"")
        [correction] = app.made.ledger.corrections()
        assert correction.correction.answer == "Run rag-flywheel rollback; it takes a second."
        assert correction.correction.user == app.made.ledger.interactions(limit=1)[0].user
        assert app.there.messages()[-1]["text"] == "Thank you. A reviewer reads it."


@pytest.mark.parametrize("text", [None, "  "])
def test_an_empty_correction_is_told_beside_the_field(tmp_path: Path, text: str | None) -> None:
    with installed(tmp_path) as app:
        metadata = json.dumps({"answer": asked(app), "url": app.there.response_url})
        reply = app.send("view", view_submission(metadata, text))
        assert reply.json() == {"response_action": "errors", "errors": {"better": "Write the better answer."}}


def test_what_is_kept_is_said_and_changed_with_a_button(tmp_path: Path) -> None:
    with installed(tmp_path, text="privacy: {consent: required}") as app:
        app.ask(QUESTION)
        first = app.there.messages()[-1]
        assert "Your questions are not kept." in texts(first)
        assert buttons(first).keys() == {"keep"}
        app.press("keep")
        app.ask(QUESTION)
        assert "Your questions are kept." in texts(app.there.messages()[-1])
        assert app.made.ledger.interactions(limit=1)[0].question == QUESTION
        app.press("keep_nothing")
        app.ask(QUESTION)
        assert "Your questions are not kept." in texts(app.there.messages()[-1])
        assert [bool(asked.question) for asked in app.made.ledger.interactions(limit=5)].count(True) <= 1


def test_where_nothing_is_ever_kept_nothing_is_offered(tmp_path: Path) -> None:
    with installed(tmp_path, text="privacy: {consent: off}") as app:
        app.ask(QUESTION)
        [message] = app.there.messages()
        assert "Nothing that you ask is kept here." in texts(message)
        assert buttons(message) == {}


def test_a_button_that_nobody_knows_is_acknowledged(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        assert app.press("dance").status_code == 200
        assert app.there.said == []


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["command", "event", "action"])
def test_what_slack_has_not_signed_or_not_just_now_is_refused(tmp_path: Path, what: str) -> None:
    with installed(tmp_path) as app:
        body = {
            "command": command(app.there, QUESTION),
            "event": mention(QUESTION),
            "action": block_actions(app.there, "keep", ""),
        }[what]
        now = int(app.made.now().timestamp())
        assert app.send(what, body, at=now - 400).status_code == 401
        assert app.send(what, body, at=now + 400).status_code == 401
        for headers in (
            signature(body, now, "another secret"),
            signature(body + b"x", now),
            signature(body, now) | {"X-Slack-Request-Timestamp": str(now + 1)},
            signature(body, now) | {"X-Slack-Signature": ""},
            signature(body, now) | {"X-Slack-Request-Timestamp": "9" * 5000},
            signature(body, now) | {"X-Slack-Request-Timestamp": "noon"},
        ):
            assert app.send(what, body, **headers).status_code == 401
        assert app.there.said == []
        assert app.made.ledger.interactions(limit=1) == []


def test_a_request_that_is_played_again_is_refused(tmp_path: Path) -> None:
    with installed(tmp_path) as app:
        body, at = command(app.there, QUESTION), int(app.made.now().timestamp())
        assert app.send("command", body, at=at).status_code == 200
        assert app.send("command", body, at=at).status_code == 409
        name = buttons(app.there.messages()[0])["thumb_up"]
        body = block_actions(app.there, "thumb_up", name)
        assert [app.send("action", body, at=at).status_code for _ in range(2)] == [200, 409]
        assert len(list(app.made.ledger.feedback())) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://169.254.169.254/latest/meta-data",
        "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@evil.example/x",
        "http://127.0.0.1:9/x",
        "http://hooks.slack.com/x",
        "file:///etc/passwd",
        "",
    ],
)
def test_replies_go_to_no_other_host(tmp_path: Path, url: str) -> None:
    with installed(tmp_path) as app:
        assert app.ask(QUESTION, response_url=url).status_code == 422
        metadata = json.dumps({"answer": "x", "url": url})
        assert app.send("view", view_submission(metadata, "Mine.")).status_code == 422
        assert app.there.said == []
        assert app.made.ledger.interactions(limit=1) == []


@pytest.mark.parametrize("body", [b"", b"payload=", b"payload={}", b"payload=" + b"[" * 100, b"payload=%22%5Cud800%22"])
def test_what_has_another_form_is_refused(tmp_path: Path, body: bytes) -> None:
    with installed(tmp_path) as app:
        assert app.send("action", body).status_code in (415, 422)
        assert app.send("command", body).status_code in (415, 422)
        assert app.send("event", b"[1]").status_code == 422


def test_one_person_in_slack_asks_as_often_as_any_other(tmp_path: Path) -> None:
    with installed(tmp_path, text="limits: {person_per_minute: 2}") as app:
        assert [app.ask(QUESTION, trigger_id=str(n)).status_code for n in range(3)] == [200, 200, 429]
        assert app.ask(QUESTION, user_id=OTHER).status_code == 200


@pytest.mark.parametrize("what", ["commands", "events", "interactivity"])
def test_without_its_secret_nobody_asks_from_slack(tmp_path: Path, what: str) -> None:
    http = TestClient(create_app(services(tmp_path)), base_url="http://localhost")
    body = mention(QUESTION)
    headers = signature(body, int(services(tmp_path).now().timestamp()), "") | {"Content-Type": "application/json"}
    assert http.post(f"/integrations/slack/{what}", content=body, headers=headers).status_code == 404


def test_a_wrong_workspace_or_url_in_the_settings_is_refused(tmp_path: Path) -> None:
    for number, wrong in enumerate(
        ("groups: {acme: [staff]}", "url: http://slack.com/api", "response_hosts: ['https://x']")
    ):
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"privacy: {{consent: assumed}}\nslack: {{{wrong}}}")
        with pytest.raises(ConfigError, match="slack"):
            config.load(file, {})
