"""The API against its own OpenAPI document: schemathesis tries every operation over real services, with all its checks.

Nothing it sends may give a status that the document does not show, a body that its schema does not allow, a 5xx, or
an answer that takes longer than a bound.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import DeadlineExceeded, Unsatisfiable
from schemathesis import CheckContext, CheckFunction, GenerationMode, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.schemas import OpenApiSchema

from rag_flywheel import config, wiring
from rag_flywheel.api.app import create_app
from rag_flywheel.cycle.reindex import reindex
from tests.fakes.doors import key
from tests.fakes.services import ASSUMED

EXAMPLES = 25  # of each operation
RULED = {
    *("POST /feedback", "POST /corrections", "POST /golden", "POST /golden/import", "POST /keys"),
    *("POST /search", "POST /gaps/{topic}/answer"),
    *("GET /insights/overview", "GET /insights/export", "GET /insights/digest", "POST /insights/digest"),
    *("POST /chat", "GET /login", "GET /login/callback", "POST /logout", "DELETE /users/{user}/data"),
}
"""What a schema cannot say is refused here too: a span that ends before it starts, a key that lasts for no time, a
group whose name does not show, a time that ends before it begins, a week that is not over, and a sign-in where the
settings name no provider.
"""
UNSENT = {"GET /gaps/export"}
"""What is tried here is wrong before it is sent alone: an empty list in a query is nothing in a URL."""
TOO_LONG = 414  # a refusal that schemathesis does not know as one
TOO_LARGE = 413  # another one
TOLD = 2000  # characters of a failure
SECONDS = 20  # for one request, on a busy machine
PAGE = "# Rollback\n\nTo put the previous version back, run `rag-flywheel rollback`. It takes one second.\n"
OTHER = "# Install\n\nTo install the service on Linux, run `pip install rag-flywheel` inside a virtual environment.\n"


SETTINGS = """
sources: [docs]
golden: ''
access: {hosts: [testserver]}
limits: {key_per_minute: 1000000, address_per_minute: 1000000}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """The document of an app over real services, and the headers of who may do everything."""

    schema: OpenApiSchema
    headers: Mapping[str, str]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "docs").mkdir()
    (folder / "docs" / "rollback.md").write_text(PAGE, encoding="utf-8")
    (folder / "docs" / "install.md").write_text(OTHER, encoding="utf-8")
    (folder / "config.yaml").write_text(SETTINGS, encoding="utf-8")
    with wiring.services(config.load(folder / "config.yaml", ASSUMED), config.secrets({})) as services:
        reindex(services, force=False, steps=lambda *_: None)
        assert services.index.live() is not None
        headers = key(services, "ada")
        schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(services), headers=headers)
        yield Real(schema=schema, headers=headers)


def but_for_large_bodies(check: CheckFunction) -> CheckFunction:
    """The check; that what is wrong is refused, of what is not refused for its size already, and is wrong as sent: a
    list in the place of one value is that name several times in the URL, of which the last one counts.
    """

    @functools.wraps(check)
    def checked(ctx: CheckContext, response: Response, case: schemathesis.Case) -> bool | None:
        several = any(isinstance(value, list) for value in (case.query or {}).values())
        unsaid = several or response.status_code == TOO_LARGE
        return None if unsaid and check.__name__ == "negative_data_rejection" else check(ctx, response, case)

    return checked


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_every_operation_does_what_the_document_says(real: Real, mode: GenerationMode) -> None:
    """Asked as the document says, and otherwise; every failure of every operation is told at the end."""
    load_all_checks()
    known = list(map(but_for_large_bodies, CHECKS.get_all()))
    every = list(known)  # for an operation: its test has to stay as it is written, which decides what is tried
    but_for_taking = [check for check in known if check.__name__ != "positive_data_acceptance"]
    failures: list[str] = []
    for found in real.schema.get_all_operations():
        operation = found.ok()
        if operation.path == "/reindex":  # a process of its own for each request: tests/cycle runs it
            continue
        unsent = operation.label in UNSENT
        every[:] = [check for check in known if not (unsent and check.__name__ == "negative_data_rejection")]

        @settings(
            max_examples=EXAMPLES,
            deadline=SECONDS * 1000,
            suppress_health_check=list(HealthCheck),
            derandomize=True,  # so that it finds the same every time, and a change is to blame for what is new
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def obeys(case: schemathesis.Case) -> None:
            checks = but_for_taking if case.operation.label in RULED else every
            reply = case.call(headers={**case.headers, **real.headers})
            refused = reply.status_code == TOO_LONG
            told = [check for check in checks if not (refused and check.__name__ == "negative_data_rejection")]
            case.validate_response(reply, checks=told)

        try:
            obeys()
        except (FailureGroup, Failure, AssertionError, DeadlineExceeded) as error:
            failures.append(f"{operation.label}: {error} {getattr(error, 'exceptions', '')}"[:TOLD])
        except Unsatisfiable:  # nothing that it takes can be wrong
            assert mode is GenerationMode.NEGATIVE, operation.label
    assert not failures, "\n\n".join(failures)
