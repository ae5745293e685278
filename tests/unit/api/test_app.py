"""The app is whole before anybody asks."""

from pathlib import Path

import pytest
from fastapi._compat import v2

from tests.fakes.doors import door
from tests.fakes.services import services

ASKED = [("GET", "/review"), ("POST", "/chat"), ("POST", "/v1/chat/completions"), ("GET", "/nothing/here")]


def test_no_request_waits_for_the_validators_of_its_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI makes them at the first request: two in two threads at once meet each other's filters of warnings."""
    http = door(services(tmp_path))
    made: list[object] = []
    real = v2.TypeAdapter
    monkeypatch.setattr(v2, "TypeAdapter", lambda *args, **more: made.append(args) or real(*args, **more))
    for method, path in ASKED:
        http.request(method, path)
    assert made == []
