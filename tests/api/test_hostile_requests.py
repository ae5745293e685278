"""Hostile bodies, ids and headers at every door: each is answered with a 4xx, soon, and none is kept in memory."""

import gc
import itertools
import json
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.fakes.doors import door
from tests.fakes.services import publish, services

SECONDS = 20  # for one request, on a busy machine
GROWTH = 3_000_000  # bytes that all of them together may leave behind
JSON = {"Content-Type": "application/json"}
WRITING = ("/chat", "/feedback", "/corrections", "/golden", "/golden/import", "/promote", "/rollback", "/keys")
WRITING += ("/review/c1", "/aside/a1/release", "/golden/retire", "/freeze", "/v1/chat/completions")
"""Doors that take a body."""
READING = ("/corrections/{}", "/review/{}", "/versions/{}", "/versions/{}/diff/{}", "/interactions/{}/explain")
READING += ("/aside/{}", "/reports/{}", "/v1/models/{}")
"""Doors that take an id."""

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half a list": b"[" * 10_000,
    "half an object": b'{"a":' * 10_000,
    "a deep list": b"[" * 5_000 + b"]" * 5_000,
    "a deep value": b'{"question": ' + b"[" * 50 + b"]" * 50 + b"}",
    "many lists": b"[" + b"[]," * 300_000 + b"[]]",
    "many fields": json.dumps({f"f{number}": number for number in range(30_000)}).encode(),
    "one field many times": b"{" + b'"question": "a",' * 20_000 + b'"x": 1}',
    "a long name": json.dumps({"n" * 900_000: 1}).encode(),
    "a long text": json.dumps({"question": "q" * 900_000, "answer": "a", "interaction_id": "i"}).encode(),
    "a megabyte and more": b" " * 9_000_000,
    "a number without end": b'{"question": ' + b"9" * 100_000 + b"}",
    "an exponent": b'{"question": 1e999999999}',
    "not a number": b'{"question": NaN, "value": -Infinity}',
    "half a character": rb'{"question": "\ud800"}',
    "half a name": rb'{"\udfff": 1}',
    "raw surrogate": b'{"question": "\xed\xa0\x80"}',
    "latin 1": b'{"question": "caf\xe9"}',
    "utf 16": '{"question": "How?"}'.encode("utf-16"),
    "a zero byte": b'{"question": "a"}\x00',
    "a text": b'"question"',
    "null": b"null",
    "a list": b'[{"question": "a"}]',
    "a prototype": b'{"__proto__": {"admin": true}, "constructor": 1}',
    "a form": b"question=How",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "two values": b'{"question": "a"}{"question": "b"}',
    "a comment": b'{"question": /* */ "a"}',
    "another's name": b'{"who": "admin", "reviewer": "admin", "roles": ["admin"]}',
}
IDS: dict[str, str] = {
    "up": "..%2F..%2F..%2Fetc%2Fpasswd",
    "up twice encoded": "%252e%252e%252f",
    "back": "..%5C..%5Cwindows",
    "zero": "v1%00.html",
    "line": "v1%0D%0AX-Injected:%201",
    "escape": "%1B%5B2J",
    "half": "%ED%A0%80",
    "bytes": "%FF%FE",
    "turned": "%E2%80%AE1v",
    "ours": "correction:c1",
    "quote": "%27%20OR%20%271%27=%271",
    "semicolon": "1;DROP%20TABLE%20versions",
    "template": "%7B%7B7*7%7D%7D",
    "shell": "$(id)",
    "long": "a" * 4_000,
    "too long": "a" * 20_000,
    "emoji": "%F0%9F%92%A3" * 50,
    "number": "-1",
    "star": "*",
}
HEADERS: dict[str, dict[str, str]] = {
    "many": {f"x-{number}": "1" for number in range(500)},
    "a key that is none": {"Authorization": "Bearer rf_000000000000_" + "a" * 40},
    "a short key": {"Authorization": "Bearer rf_"},
    "another host": {"Host": "evil.example.org"},
    "a host with a path": {"Host": "localhost/../x"},
    "no host's name": {"Host": "'"},
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another origin": {"Origin": "https://evil.example.org"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "many parts": {"Content-Type": "multipart/form-data; boundary=a"},
    "text": {"Content-Type": "text/plain"},
    "a long key": {"Idempotency-Key": "k" * 5_000, "Origin": "https://evil.example.org"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    name: str
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def collection() -> Iterator[Request]:
    for path, (name, body) in itertools.product(WRITING, BODIES.items()):
        yield Request(name=f"{path} {name}", method="POST", path=path, body=body, headers=JSON)
    for path, (name, value) in itertools.product(READING, IDS.items()):
        yield Request(name=f"{path} {name}", method="GET", path=path.replace("{}", value))
    for path, (name, headers) in itertools.product(("/chat", "/promote", "/v1/chat/completions"), HEADERS.items()):
        yield Request(name=f"{path} {name}", method="POST", path=path, body=b"{}", headers={**JSON, **headers})
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        yield Request(name=method, method=method, path="/chat")


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    made = services(tmp_path_factory.mktemp("hostile"))
    publish(made, "v1")
    return door(made)


def sent(http: TestClient, request: Request) -> tuple[int, Any, float]:
    began = time.perf_counter()
    reply = http.request(request.method, request.path, content=request.body, headers=request.headers)
    assert len(reply.content) < 50_000, request.name
    return reply.status_code, reply.json(), time.perf_counter() - began


def test_the_collection_is_answered_with_4xx_soon_and_leaves_nothing_behind(http: TestClient) -> None:
    every = list(collection())
    assert len(every) >= 200
    for request in every:  # also what is made once, such as each route's models
        status, said, seconds = sent(http, request)
        assert 400 <= status < 500, (request.name, status, said)
        assert set(said) in ({"error"}, {"error", "detail"}), request.name
        assert seconds < SECONDS, request.name
    some = every[::5]
    tracemalloc.start()
    try:
        for request in some[:20]:
            sent(http, request)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for request in some:
            sent(http, request)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH
    assert http.post("/chat", json={"question": "How do I roll back?"}).status_code == 200
