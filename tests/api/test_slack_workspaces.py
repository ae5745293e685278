"""Slack: whose people may ask, and in which groups they are."""

from pathlib import Path

from rag_flywheel.access import slack
from rag_flywheel.config import Slack
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
