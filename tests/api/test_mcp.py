"""The tools of assistants, with the protocol's official client."""

import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from rag_flywheel.api.app import create_app
from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from tests.fakes.doors import key
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
TOOLS = {"search", "ask", "correct", "correction", "gaps"}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path)
    publish(made, "v1")
    return made


@asynccontextmanager
async def assistant(made: Services, headers: dict[str, str], address: str = "10.0.0.7") -> AsyncIterator[Client]:
    """An assistant on another machine, that sends these headers."""
    transport = httpx2.ASGITransport(app=create_app(made), client=(address, 50_000))
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers) as http,
        Client(streamable_http_client("http://localhost/mcp", http_client=http)) as client,
    ):
        yield client


async def used(client: Client, tool: str, **given: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, given)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def refused(client: Client, tool: str, **given: Any) -> str:
    result = await client.call_tool(tool, given)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


def test_an_assistant_searches_asks_and_corrects_in_the_name_of_its_key(made: Services) -> None:
    async def works() -> None:
        headers = key(made, "ada", Role.ASKER, for_others=False)
        async with assistant(made, headers) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == TOOLS
            found = await used(client, "search", question=QUESTION, limit=1)
            assert len(found["passages"]) == 1
            asked = await used(client, "ask", question=QUESTION)
            wanted = {"interaction_id": asked["interaction_id"], "answer": "Run rag-flywheel rollback."}
            preview = await used(client, "correct", **wanted)
            assert (preview["sent"], preview["preview"]["question"]) == (False, QUESTION)
            assert made.ledger.corrections() == []
            sent = await used(client, "correct", **wanted, confirmation=preview["confirmation"])
            [kept] = made.ledger.corrections()
            assert sent["id"] == kept.correction.correction_id
            told = await used(client, "correction", correction_id=sent["id"])
            assert told["status"] == "pending"

    anyio.run(works)


def test_a_confirmation_is_good_for_what_was_previewed_and_nothing_else(made: Services) -> None:
    async def works() -> None:
        async with assistant(made, key(made, "ada", Role.ASKER, for_others=False)) as client:
            asked = await used(client, "ask", question=QUESTION)
            name = asked["interaction_id"]
            preview = await used(client, "correct", interaction_id=name, answer="One.")
            said = await refused(
                client, "correct", interaction_id=name, answer="Two.", confirmation=preview["confirmation"]
            )
            assert "preview this one first" in said
            assert made.ledger.corrections() == []

    anyio.run(works)


def test_what_a_key_may_not_do_its_assistant_may_not(made: Services) -> None:
    async def works() -> None:
        async with assistant(made, key(made, "ada", Role.ASKER, for_others=False)) as client:
            assert "NotAllowed" in await refused(client, "gaps")
        async with assistant(made, key(made, "rita", Role.REVIEWER, for_others=False)) as client:
            assert await used(client, "gaps") == {"gaps": []}
            other = await refused(client, "correct", interaction_id="nobody's", answer="No.")
            assert "NotFound" in other

    anyio.run(works)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("10.0.0.7", {}, 401),
        ("10.0.0.7", {"Authorization": "Bearer rf_wrong"}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, 401),
        ("127.0.0.1", {"Host": "evil.example"}, 403),
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_who_may_not_come_in_is_told_so_before_any_tool(
    made: Services, address: str, headers: dict[str, str], status: int
) -> None:
    async def works() -> None:
        transport = httpx.ASGITransport(app=create_app(made), client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            reply = await http.post("/mcp", json=body, headers={"Accept": "application/json"} | headers)
            assert reply.status_code == status

    anyio.run(works)


def test_on_the_same_machine_an_assistant_asks_without_a_key(made: Services) -> None:
    async def works() -> None:
        async with assistant(made, {}, address="127.0.0.1") as client:
            assert (await used(client, "ask", question=QUESTION))["interaction_id"]
            assert "NotSignedIn" in await refused(client, "gaps")

    anyio.run(works)


def test_calls_of_assistants_count_among_those_of_their_person(tmp_path: Path) -> None:
    made = services(tmp_path, text="limits: {person_per_minute: 3}")
    publish(made, "v1")
    transport = httpx.ASGITransport(app=create_app(made), client=("10.0.0.7", 1))
    headers = key(made, "ada", Role.ASKER, for_others=False) | {"Accept": "application/json, text/event-stream"}

    async def works() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http:
            said = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            assert [(await http.post("/mcp", json=said)).status_code for _ in range(4)][-1] == 429

    anyio.run(works)


def test_headers_beyond_ascii_and_a_server_that_logs_stay_as_they_are(made: Services) -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])

    async def works() -> None:
        headers = key(made, "ada", Role.ASKER, for_others=False) | {"X-Team": "Zürich"}
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        async with assistant(made, sent) as client:  # type: ignore[arg-type]
            assert (await used(client, "ask", question=QUESTION))["interaction_id"]

    anyio.run(works)
    assert (root.level, root.handlers) == before


def test_an_assistant_that_starts_the_program_talks_to_it_over_its_standard_input(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "boiler.md").write_text("# The boiler\n\nHold the ignition button for ten seconds.\n", encoding="utf-8")
    (tmp_path / "config.yaml").write_text("{sources: [docs], privacy: {consent: assumed}}", encoding="utf-8")
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "rag_flywheel", "--config", str(tmp_path / "config.yaml"), "mcp"],
        env=dict(os.environ),
        cwd=tmp_path,
    )

    async def works() -> None:
        async with Client(program) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            assert "NothingLive" in await refused(client, "ask", question=QUESTION)

    anyio.run(works)
