"""Slack: whose people may ask, in which groups they are, and what they agree to."""

import json
from pathlib import Path

from rag_flywheel.access import slack
from rag_flywheel.config import Slack
from rag_flywheel.domain.consent import Purpose
from tests.fakes.slack import TEAM, installed, mention

QUESTION = "How do I roll back to the previous version?"
GUEST = "T0002EXAMPLE"


def test_somebody_of_another_workspace_in_a_shared_channel_is_in_none_of_its_groups() -> None:
    settings = Slack(groups={TEAM: ("staff",), GUEST: ("theirs",)})
    groups = [slack.person(TEAM, "U1", home, settings=settings).groups for home in (TEAM, None, GUEST)]
    assert groups == [{"staff"}, {"staff"}, frozenset()]


def test_people_of_workspaces_that_the_settings_do_not_name_are_refused(tmp_path: Path) -> None:
    with installed(tmp_path, text=f"slack: {{teams: [{TEAM}]}}") as app:
        assert app.ask(QUESTION).status_code == 200
        assert app.ask(QUESTION, team_id=GUEST).status_code == 403
        assert app.press("keep", home=GUEST).status_code == 403
        before = len(app.there.said)
        for number, more in enumerate(({"team": GUEST}, {"user_team": GUEST})):
            assert app.send("event", mention(QUESTION, event_id=f"Ev{number}", **more)).status_code == 200
        assert len(app.there.said) == before
        app.send("event", mention(QUESTION))
        assert len(app.there.said) == before + 1


def test_the_button_to_keep_questions_agrees_to_what_it_says_and_the_one_to_keep_nothing_withdraws_all(
    tmp_path: Path,
) -> None:
    with installed(tmp_path, text="privacy: {consent: required}") as app:
        app.press("keep")
        app.ask(QUESTION)
        assert app.made.ledger.interactions(limit=1)[0].purposes == frozenset({Purpose.ANSWER, Purpose.LEARN})
        app.press("keep_nothing")
        app.ask(QUESTION)
        assert "Your questions are not kept." in json.dumps(app.there.messages()[-1])


def test_who_keeps_questions_and_the_privacy_notice_stand_above_the_button(tmp_path: Path) -> None:
    text = "privacy_notice: {controller: Acme & Sons, url: 'https://example.org/privacy'}"
    with installed(tmp_path, text=text) as app:
        app.ask(QUESTION)
        words = json.dumps(app.there.messages()[-1]["blocks"])
    assert "Who keeps it: Acme &amp; Sons. <https://example.org/privacy|Privacy notice>" in words
