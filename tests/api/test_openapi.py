"""The OpenAPI document shows every reply by name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rag_flywheel import errors
from rag_flywheel.api.app import AT_THE_ENTRANCE, STATUSES
from rag_flywheel.errors import FlywheelError
from tests.fakes.doors import door
from tests.fakes.services import services

FILES = {
    *("/reports/{version}", "/review.csv", "/gaps/export", "/feedback/export"),
    *("/insights/export", "/insights/digest", "/metrics"),
}
"""Routes whose reply is a file, or a page for a program that has its own form."""


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = door(services(tmp_path)).get("/openapi.json").json()
    return found


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def names(schema: Mapping[str, Any]) -> list[str]:
    """The names of what a reply may be; the schema itself where it has none."""
    if schema.get("type") == "array":
        return names(schema["items"])
    if "anyOf" in schema:
        return [name for option in schema["anyOf"] for name in names(option)]
    return [schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else [f"not named: {schema}"]


def content(operation: Mapping[str, Any], status: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = operation["responses"][status]["content"]["application/json"]["schema"]
    return schema


def test_every_reply_is_a_named_schema(document: dict[str, Any]) -> None:
    unnamed = {
        f"{asked}: {name}"
        for asked, operation in operations(document)
        if asked.removeprefix("GET ") not in FILES
        for status in operation["responses"]
        if status.startswith("2")
        for name in names(content(operation, status))
        if name not in document["components"]["schemas"]
    }
    assert unnamed == set()


def test_every_route_shows_the_reply_of_every_error(document: dict[str, Any]) -> None:
    for asked, operation in operations(document):
        shape, statuses = (
            ("Failure", (*STATUSES, *AT_THE_ENTRANCE))
            if " /v1/" not in asked
            else ("CompletionFailure", ("4XX", "5XX"))
        )
        shown = {status: names(content(operation, str(status))) for status in statuses}
        assert shown == {status: [shape] for status in statuses}, asked


def test_the_statuses_shown_are_those_of_the_errors() -> None:
    every = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, FlywheelError)]
    assert {error.http_status for error in every} == set(STATUSES)


@pytest.mark.parametrize(
    ("code", "status"), [(0, 200), (3, 200), (4, 200), (2, 422), (6, 409), (7, 503), (1, 500), (5, 500), (8, 500)]
)
def test_a_run_in_a_process_of_its_own_ends_with_a_status(code: int, status: int) -> None:
    assert errors.status_of_exit(code) == status
