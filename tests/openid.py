"""A real OpenID provider over sockets, with keys that the tests know, and a browser that fills in its forms."""

import base64
import html
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.identity_provider import PEOPLE, SECRET, TOOL
from tests.paths import ROOT


class Provider:
    """The process, which can be stopped and started again at the same address, with other keys."""

    def __init__(self) -> None:
        with socket.socket() as theirs, socket.socket() as ours:
            theirs.bind(("localhost", 0))
            ours.bind(("localhost", 0))
            self.port, self.ours = theirs.getsockname()[1], ours.getsockname()[1]
        self.keys = [RSAKey.generate_key(2048, auto_kid=True)]
        self._process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.identity_provider", str(self.port), str(self.ours)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin as given:
            json.dump([key.as_dict(private=True) for key in self.keys], given)
        assert self._process.stdout.readline() == "answers\n"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def rotate(self) -> None:
        """Sign with a new key; the old one is gone."""
        self.stop()
        self.keys = [RSAKey.generate_key(2048, auto_kid=True)]
        self.start()

    def access_token(self, name: str = "ada") -> str:
        """As the provider gives it to a program."""
        form = {"grant_type": "password", "username": name, "password": PEOPLE[name], "scope": "openid email"}
        reply = httpx.post(f"{self.issuer}/oauth/token", data=form | {"client_id": TOOL, "client_secret": SECRET})
        return str(reply.json()["access_token"])

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token that the provider could have signed."""
        key = self.keys[0]
        return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "JWT", **header}, claims, key)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    payload = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


def sign_in(browser: httpx.Client, url: str, name: str) -> str:
    """Follow the provider's redirects and fill in its forms, to the URL to which it sends the browser back."""
    answers = {"login": name, "password": PEOPLE[name], "answer": "accept"}
    reply = browser.get(url)
    for _ in range(20):
        if reply.is_redirect:
            there = httpx.URL(reply.url).join(reply.headers["location"])
            if there.path == "/login/callback":
                return str(there)
            reply = browser.get(there)
            continue
        fields = dict(re.findall(r'<input[^>]*name="(csrf_token)"[^>]*value="([^"]*)"', reply.text))
        named = set(re.findall(r'<(?:input|button)[^>]*name="([^"]+)"', reply.text))
        action = re.search(r'<form[^>]*action="([^"]*)"', reply.text)
        place = html.unescape(action[1]) if action is not None and action[1] else str(reply.url)
        form = fields | {field: answer for field, answer in answers.items() if field in named}
        assert form.keys() - {"csrf_token"}, reply.text
        reply = browser.post(httpx.URL(reply.url).join(place), data=form)
    raise AssertionError("the provider goes round in circles")


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """One for the session, which the tests share."""
    made = Provider()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def own_provider() -> Iterator[Provider]:
    """One that a test may stop, and whose keys it may change."""
    made = Provider()
    made.start()
    yield made
    made.stop()
