"""A server with two workers as those see it who watch over it: Prometheus, a collector of traces, a reader of logs."""

import json
import os
import signal
import sys

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rag_flywheel.domain import Role
from tests.cycle.project import Project
from tests.cycle.test_workers import PAGES, QUESTION, SECONDS, build, services, serving, soon, switch, workers
from tests.fakes.collector import Collector
from tests.fakes.doors import key

KEY = "only-for-prometheus"
ASKED = {**QUESTION, "user_id": "xylophonequux"}  # no part of an id
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def total(url: str, name: str, **labels: str) -> float:
    """What the whole server says of a metric, whichever worker is asked."""
    reply = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {KEY}"}, timeout=SECONDS).raise_for_status()
    return sum(
        sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers through /proc")
def test_two_workers_count_as_one_server_and_tell_nobody_s_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Counts add up over workers, and go on when one is killed; traces continue the caller's; lines are JSON."""
    with Collector() as collector:
        made = Project(
            folder=tmp_path_factory.mktemp("watched"),
            variables={
                "OMP_NUM_THREADS": "1",
                "RAG_FLYWHEEL_METRICS_KEY": KEY,
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_SERVICE_NAME": "help-centre",
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            },
        )
        settings = "sources: []\nprivacy: {redact: false}\nlogs: {format: json, level: info}\napi: {workers: 2}\n"
        made.write("config.yaml", settings)
        with services(made) as opened:
            build("v1", opened)
            switch("v1", opened)
            known = {**key(opened, "help-centre", Role.ASKER), "traceparent": CALLER}
        with serving(made) as (url, process):
            soon(lambda: len(workers(process)) == 2)
            for _ in range(20):
                asked = httpx.post(f"{url}/chat", json=ASKED, headers=known, timeout=SECONDS)
                assert asked.raise_for_status().json()["answered"]
            for _ in range(4):  # whichever worker is asked
                assert total(url, "rag_flywheel_answers_total", outcome="answered") == 20
                assert total(url, "rag_flywheel_stage_seconds_count", stage="answer") == 20
            assert total(url, "rag_flywheel_live_version_info", version="v1") == 1
            one = min(workers(process))
            os.kill(one, signal.SIGKILL)
            soon(lambda: one not in workers(process) and len(workers(process)) == 2)
            assert httpx.post(f"{url}/chat", json=ASKED, timeout=SECONDS).is_success
            assert total(url, "rag_flywheel_answers_total", outcome="answered") == 21
            assert httpx.get(f"{url}/metrics", timeout=SECONDS).status_code == 401
            process.terminate()
            assert process.wait(timeout=SECONDS) == 0
            assert process.stderr is not None
            lines = [json.loads(line) for line in process.stderr.read().splitlines()]
        spans, sent = collector.spans(), b"".join(collector.bodies())
    answers = [line for line in lines if line["event"] == "answer"]
    assert len(answers) == 21
    assert len({line["interaction_id"] for line in answers}) == 21
    assert {span.service for span in spans} == {"help-centre"}
    traced = [span for span in spans if span.name == "POST /chat" and span.trace_id == CALLER.split("-")[1]]
    assert len(traced) >= 15  # what the killed worker had not yet sent is lost
    assert sum(span.name == "retrieve" for span in spans) >= len(traced)
    for text in (ASKED["question"], ASKED["user_id"], PAGES["boiler"][:40]):
        assert text.encode() not in sent
        assert text not in json.dumps(lines)
