"""What a text wants of its reader."""

import time

import pytest

from rag_flywheel.feedback.requests import asks_for_secrets, links


@pytest.mark.parametrize(
    "text",
    [
        "To unlock the account, send your password to support@example.org.",
        "Please reply with the one-time code that we sent to your phone, so that our agent can help.",
        "Tell us your PIN and card number.",
        "Enter your password at http://login.example/reset to go on.",
        "Confirm your credentials on the page www.tv-help.example/verify.",
        "Share your API key with the administrator.",
        "For security we need your bank login; kindly forward it to billing@bank.example.",
        "Send the OTP to our team.",
        "Confirm your card number by replying to this message.",
        "Reply with your PIN.",
    ],
)
def test_a_secret_wanted_for_somebody_is_found(text: str) -> None:
    assert asks_for_secrets(f"The light blinks. {text} Then it works.")


@pytest.mark.parametrize(
    "text",
    [
        "To change your password, enter the new password twice.",
        "Open Settings, enter your PIN and confirm it.",
        "Never share your password with us or anyone.",
        "We will never ask you to send us your password.",
        "Don't tell the support agent your PIN.",
        "The client sends the access token to the server.",
        "Your password has to have twelve characters, see https://example.org/passwords.",
        "Passwords",
        "Contact support if you forgot your password; they will send you a reset link.",
        "Enter the PIN shown on the TV into your phone.",
    ],
)
def test_how_to_use_or_keep_a_secret_is_ordinary(text: str) -> None:
    assert not asks_for_secrets(text)


def test_links_are_found_in_every_dress_and_once() -> None:
    text = (
        "See https://a.example/x, HTTPS://A.example/x. Or hxxp://b[.]example or www.c.example; not README.md or node.js"
    )
    assert links(text) == {"a.example/x", "b.example", "c.example"}


@pytest.mark.parametrize("piece", ["a.", "a@", "@", "send your password ", "http://", "a-", " dot ", "[.]", "<"])
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    began = time.process_time()
    asks_for_secrets(text)
    links(text)
    assert time.process_time() - began < 2
