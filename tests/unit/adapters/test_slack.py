"""What is said in Slack, over a real socket."""

import pytest

from rag_flywheel.adapters.web.slack import HttpSlack
from rag_flywheel.errors import InvalidInput, Unavailable
from tests.fakes.slack import Workspace, workspace


def slack(there: Workspace) -> HttpSlack:
    return HttpSlack(
        url=f"http://{there.host}/api", token="xoxb-1", response_hosts=[there.host], pauses=(0.0, 0.0, 0.0)
    )


def test_what_slack_does_not_take_at_first_is_sent_again() -> None:
    with workspace() as there:
        there.status = [503, 429]
        slack(there).respond(there.response_url, {"text": "x"})
        assert there.messages() == [{"text": "x"}] * 3


@pytest.mark.parametrize("status", [302, 404, 410])
def test_what_slack_refuses_is_not_sent_again_and_a_redirect_not_followed(status: int) -> None:
    with workspace() as there:
        there.status = [status]
        with pytest.raises(Unavailable, match=str(status)):
            slack(there).respond(there.response_url, {"text": "x"})
        assert [path for path, _ in there.said] == ["/commands/1234/5678"]


def test_a_slack_that_does_not_answer_is_told_without_the_url() -> None:
    with workspace() as there:
        url = there.response_url
    with pytest.raises(Unavailable) as raised:
        slack(there).respond(url, {"text": "x"})
    assert "1234" not in str(raised.value)


@pytest.mark.parametrize("reply", [{"ok": False, "error": "not_in_channel"}, {"ok": "true"}, {}])
def test_a_method_that_slack_refuses_in_its_reply_has_failed(reply: dict[str, object]) -> None:
    with workspace() as there:
        there.reply = reply
        with pytest.raises(Unavailable, match=r"chat\.postMessage") as raised:
            slack(there).call("chat.postMessage", {"channel": "C1"})
        assert ("not_in_channel" in str(raised.value)) == ("error" in reply)
        assert "xoxb" not in str(raised.value)


def test_the_token_goes_to_slacks_own_api_alone() -> None:
    with workspace() as there:
        slack(there).respond(there.response_url, {"text": "x"})
        slack(there).call("views.open", {})
        assert there.tokens == [None, "Bearer xoxb-1"]


def test_by_default_replies_go_to_slack_alone() -> None:
    made = HttpSlack(url="https://slack.com/api", token="", response_hosts=["hooks.slack.com"])
    made.refuse_elsewhere("https://hooks.slack.com/commands/1/2/3")
    for url in ("https://hooks.slack.com:8443/x", "https://slack.com/x", "https://HOOKS.slack.com.x/"):
        with pytest.raises(InvalidInput):
            made.refuse_elsewhere(url)
