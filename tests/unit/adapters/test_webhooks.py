"""Webhooks over a real socket: what a receiver gets, and what becomes of one that does not answer well."""

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rag_flywheel.adapters.web.webhooks import HttpWebhooks, sign
from rag_flywheel.domain import Notice
from rag_flywheel.errors import ConfigError
from tests.fakes.receiver import Receiver

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
AT = datetime(2026, 3, 1, 12, 0, 30, 999_000, tzinfo=UTC)
NOTICE = Notice(
    notice_id="n1",
    at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    kind="canary.rolled_back",
    data={"version": "v2", "reasons": ["60% bad outcomes, 20% before"], "share": 0.25},
)


def send(url: str, *, secret: str = SECRET, timeout: float = 5.0) -> int | None:
    webhooks = HttpWebhooks([url], secret=secret, timeout=timeout)
    return webhooks.send(NOTICE, receiver=webhooks.receivers[0], at=AT)


@contextlib.contextmanager
def trickling() -> Iterator[str]:
    """A receiver that begins a reply and sends a byte of it every 50 ms, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopped = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
                    while not stopped.wait(0.05):
                        connection.sendall(b"a")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            stopped.set()
            thread.join()


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_a_receiver_gets_type_timestamp_and_data_as_json() -> None:
    with Receiver() as receiver:
        assert send(receiver.url + "/hooks/ours") == 200
    (got,) = receiver.requests
    assert got.path == "/hooks/ours"
    assert got.headers["content-type"] == "application/json"
    assert json.loads(got.body) == {
        "type": "canary.rolled_back",
        "timestamp": "2026-03-01T12:00:00Z",
        "data": {"version": "v2", "reasons": ["60% bad outcomes, 20% before"], "share": 0.25},
    }


def test_the_signature_is_the_published_one_for_the_published_message() -> None:
    """The vector of the specification's reference libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(b'{"test": 2432232314}', key=key, notice_id="msg_p5jXN8AQM9LWM0D4loKWxJek", seconds=1614265330)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(("secret", "key"), [(SECRET, KEY), ("a secret of our own, as it is", None)])
def test_the_signature_covers_id_time_of_the_attempt_and_body(secret: str, key: bytes | None) -> None:
    with Receiver() as receiver:
        send(receiver.url, secret=secret)
    (got,) = receiver.requests
    assert got.headers["webhook-id"] == "n1"
    assert got.headers["webhook-timestamp"] == str(int(AT.timestamp())) == "1772366430"
    mac = hmac.new(key or secret.encode(), b"n1.1772366430." + got.body, hashlib.sha256)
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(mac.digest()).decode()


def test_the_same_notice_has_the_same_id_and_body_at_each_attempt_and_another_time() -> None:
    with Receiver() as receiver:
        webhooks = HttpWebhooks([receiver.url], secret=SECRET)
        for at in (AT, AT + timedelta(seconds=5)):
            webhooks.send(NOTICE, receiver=webhooks.receivers[0], at=at)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_a_user_and_a_password_in_a_url_are_sent_as_basic_authentication() -> None:
    with Receiver() as receiver:
        send(receiver.url.replace("http://", "http://ada:pass%20word@"))
    expected = base64.b64encode(b"ada:pass word").decode()
    assert receiver.requests[0].headers["authorization"] == f"Basic {expected}"


def test_what_is_no_json_number_is_refused_before_anything_is_sent() -> None:
    with Receiver() as receiver:
        webhooks = HttpWebhooks([receiver.url], secret=SECRET)
        with pytest.raises(ValueError, match="JSON compliant"):
            webhooks.send(replace(NOTICE, data={"rate": float("nan")}), receiver=webhooks.receivers[0], at=AT)
    assert receiver.requests == []


# --- replies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 404, 410, 500])
def test_the_status_of_the_reply_is_returned(status: int) -> None:
    with Receiver(replies=[status]) as receiver:
        assert send(receiver.url) == status


def test_a_redirect_is_returned_and_not_followed() -> None:
    with Receiver() as elsewhere, Receiver(replies=[307], location=elsewhere.url) as receiver:
        assert send(receiver.url) == 307
    assert elsewhere.requests == []


def test_nobody_there_is_no_reply() -> None:
    with Receiver() as receiver:
        gone = receiver.url
    assert send(gone) is None


def test_a_connection_that_breaks_off_is_no_reply() -> None:
    with Receiver(replies=["break off"]) as receiver:
        assert send(receiver.url) is None


def test_a_receiver_that_stalls_is_left_at_the_time_limit() -> None:
    with Receiver(replies=["stall"]) as receiver:
        started = time.monotonic()
        assert send(receiver.url, timeout=0.3) is None
        assert 0.25 < time.monotonic() - started < 3


def test_a_receiver_that_sends_a_byte_now_and_then_is_left_at_the_time_limit_too() -> None:
    with trickling() as url:
        started = time.monotonic()
        assert send(url, timeout=0.3) is None
        assert 0.25 < time.monotonic() - started < 3


def test_an_endless_body_is_not_read() -> None:
    with Receiver(replies=["endless"]) as receiver:
        assert send(receiver.url, timeout=3.0) == 200


def test_a_certificate_that_nobody_vouches_for_is_no_reply() -> None:
    with Receiver(tls=True) as receiver:
        assert receiver.url.startswith("https://")
        assert send(receiver.url) is None
    assert receiver.requests == []


# --- settings -------------------------------------------------------------------------------------------------------


def test_receivers_are_digests_that_stay_the_same_and_tell_nothing_of_the_urls() -> None:
    urls = ["https://one.example/hooks/T0KEN", "https://two.example/hooks/T0KEN"]
    receivers = HttpWebhooks(urls, secret=SECRET).receivers
    assert receivers == HttpWebhooks(urls, secret=SECRET[:-8]).receivers
    assert len(set(receivers)) == 2
    assert all(len(receiver) == 16 and int(receiver, 16) >= 0 for receiver in receivers)


def test_a_url_that_is_given_twice_is_one_receiver() -> None:
    assert len(HttpWebhooks(["https://one.example/", "https://one.example/"], secret=SECRET).receivers) == 1


def test_without_urls_there_are_no_receivers_and_no_secret_is_needed() -> None:
    assert HttpWebhooks([], secret="").receivers == ()


WRONG = [
    "ftp://b.example/T0KEN",
    "T0KEN.example/x",
    "https:///T0KEN",
    "http://b.example:T0KEN/",
    f"http://{'T0KEN' * 20}.example/",
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_url_is_named_by_its_place_alone(wrong: str) -> None:
    with pytest.raises(ConfigError, match="at place 2 of 3") as caught:
        HttpWebhooks(["https://a.example/", wrong, "https://c.example/"], secret=SECRET)
    assert "T0KEN" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "no secret to sign with"),
        ("whsec_n0-b@se64-at-all-of-any-length", "no base64"),
        ("whsec_c2hvcnQ=", "5 bytes long"),
        ("only 23 bytes, not a 24.", "24"),
    ],
)
def test_a_secret_that_cannot_be_trusted_is_refused_without_being_shown(secret: str, said: str) -> None:
    secret = secret[:23] if secret.startswith("only") else secret
    with pytest.raises(ConfigError, match=said) as caught:
        HttpWebhooks(["https://a.example/"], secret=secret)
    assert not secret or secret not in str(caught.value)


def test_nothing_of_a_url_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Receiver(replies=[500]) as receiver:
        send(receiver.url + "/T0KEN?key=T0KEN")
        assert receiver.url.removeprefix("http://") not in caplog.text
    caplog.set_level(logging.DEBUG)
    with Receiver() as receiver:
        send(receiver.url.replace("http://", "http://T0KEN:T0KEN@") + "/T0KEN?key=T0KEN")
    assert caplog.text  # httpcore's, with hosts
    assert "T0KEN" not in caplog.text
