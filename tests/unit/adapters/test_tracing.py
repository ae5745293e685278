"""Where traces go, and when they go nowhere."""

import os
import subprocess
import sys
import time

import pytest

from rag_flywheel.adapters.tracing import is_on
from rag_flywheel.config.watching import Telemetry
from tests.fakes.collector import Collector
from tests.paths import ROOT

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
RUN = """
import sys
from rag_flywheel.adapters.tracing import tracing
from rag_flywheel.ports import telemetry
with tracing(sys.argv[1]):
    for _ in telemetry.answering(iter("abc"), {telemetry.INTERACTION: "i1"}):
        pass
print("opentelemetry.sdk.trace" in sys.modules)
"""


@pytest.mark.parametrize(
    ("endpoint", "environ", "on"),
    [
        ("", {}, False),
        ("http://localhost:4318", {}, True),
        ("", HERE, True),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        ("http://localhost:4318", {"OTEL_SDK_DISABLED": "true"}, False),
        ("", {**HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ("", {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://localhost:4318"}, False),
    ],
)
def test_traces_are_sent_where_the_settings_or_the_standard_variables_say(
    endpoint: str, environ: dict[str, str], on: bool
) -> None:
    assert is_on(endpoint, environ) is on


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://localhost:4317", "http://", "http://me:word@x", "/x"])
def test_an_endpoint_is_a_url_without_a_password(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Telemetry(endpoint=endpoint)


def run(endpoint: str, **environ: str) -> str:
    """What a process says that makes a span, and ends."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, endpoint],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_what_waits_is_sent_when_the_process_ends() -> None:
    """With the name of the service, its version, and headers that a variable holds."""
    with Collector() as collector:
        run(collector.url, OTEL_EXPORTER_OTLP_HEADERS="x-key=abc")
        [span] = collector.spans()
        [request] = collector.requests
    assert (span.name, span.service, span.attributes["rag_flywheel.interaction_id"]) == ("answer", "rag-flywheel", "i1")
    assert (request.path, request.headers["x-key"]) == ("/v1/traces", "abc")


def test_without_an_endpoint_the_sdk_is_not_even_loaded() -> None:
    assert run("") == "False"


def test_a_collector_that_is_away_keeps_no_process_from_ending() -> None:
    started = time.monotonic()
    assert run("http://127.0.0.1:9") == "True"
    assert time.monotonic() - started < 60
