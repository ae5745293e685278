"""How things stand, read from the ledger, the index and the disk at each scrape: whichever worker is asked."""

import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from rag_flywheel.api.state import State
from rag_flywheel.cycle import record
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import FlywheelError
from rag_flywheel.feedback.standing import Standing, standing
from rag_flywheel.rollout import promotion, webhook_outbox

Labels = tuple[str, ...]
Sample = tuple[str, Labels, float]

GAUGES: Mapping[str, tuple[str, Labels]] = {
    "rag_flywheel_known": ("Whether ledger and index could be read for what stands below.", ()),
    "rag_flywheel_live_version_info": ("The live version.", ("version",)),
    "rag_flywheel_live_version_built_timestamp_seconds": ("When the live version was built.", ()),
    "rag_flywheel_live_documents": ("Documents of the live version.", ()),
    "rag_flywheel_live_passages": ("Passages of the live version.", ()),
    "rag_flywheel_live_corrections": ("Corrections in the live version.", ()),
    "rag_flywheel_versions": ("Index versions that are kept.", ()),
    "rag_flywheel_frozen": ("Whether promotions are frozen.", ()),
    "rag_flywheel_canary_share": ("Share of the people who are on a candidate; 0: no canary.", ()),
    "rag_flywheel_canary_started_timestamp_seconds": ("When the running canary began; 0: none.", ()),
    "rag_flywheel_corrections": ("Corrections by what became of them.", ("state",)),
    "rag_flywheel_review_queue": ("Corrections that wait for a reviewer.", ("queue",)),
    "rag_flywheel_review_oldest_seconds": ("Age of the correction that waits longest.", ()),
    "rag_flywheel_outbox_notices": ("Notices that webhooks are still to be told.", ()),
    "rag_flywheel_outbox_oldest_seconds": ("Age of the notice that waits longest.", ()),
    "rag_flywheel_cycle_last_timestamp_seconds": ("When each outcome of reindex was met last.", ("outcome",)),
    "rag_flywheel_cycle_stage_seconds": ("Stages of the last reindex that built a version.", ("stage",)),
    "rag_flywheel_disk_free_bytes": ("Room on the disk of data_dir.", ()),
    "rag_flywheel_disk_size_bytes": ("Size of the disk of data_dir.", ()),
}
OUTCOMES = (*CycleDecision, record.FAILED)
CYCLES = "rag_flywheel_cycles"
CYCLE_SECONDS = "rag_flywheel_cycle_seconds"


class Stands:
    """A collector of Prometheus' client, over the deployment and its tenants, whose name is the label `tenant`."""

    def __init__(self, states: Mapping[str | None, State]) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        families = {
            name: GaugeMetricFamily(name, told, labels=("tenant", *labels)) for name, (told, labels) in GAUGES.items()
        }
        cycles = CounterMetricFamily(CYCLES, "Runs of reindex by what came of them.", labels=("tenant", "outcome"))
        seconds = SummaryMetricFamily(CYCLE_SECONDS, "What runs of reindex took.", labels=("tenant",))
        for tenant, state in self._states.items():
            named = tenant or ""
            for name, labels, value in _samples(state):
                families[name].add_metric((named, *labels), value)
            known = record.read(state.services.config.data)
            for outcome in OUTCOMES:  # from 0 on, so that the first one is seen as a rise
                cycles.add_metric((named, outcome), known.outcomes.get(outcome, 0))
            seconds.add_metric((named,), count_value=sum(known.outcomes.values()), sum_value=known.seconds)
        return [*families.values(), cycles, seconds]


def _samples(state: State) -> Iterable[Sample]:
    data = state.services.config.data
    known = record.read(data)
    for outcome, at in known.last.items():
        yield "rag_flywheel_cycle_last_timestamp_seconds", (outcome,), at
    for stage, took in known.stages.items():
        yield "rag_flywheel_cycle_stage_seconds", (stage,), took
    disk = shutil.disk_usage(next(path for path in (data, *data.parents) if path.exists()))
    yield "rag_flywheel_disk_free_bytes", (), disk.free
    yield "rag_flywheel_disk_size_bytes", (), disk.total
    try:
        yield from list(_recorded(state))
    except FlywheelError:  # who watches over the service is told of it, and of all else
        yield "rag_flywheel_known", (), 0
    else:
        yield "rag_flywheel_known", (), 1


def _recorded(state: State) -> Iterable[Sample]:
    services = state.services
    ledger, now = services.ledger, services.now()
    live, canary = services.index.live(), promotion.running(ledger)
    if live is not None:
        yield from _of_version(live, state)
    yield "rag_flywheel_versions", (), len(services.index.versions())
    yield "rag_flywheel_frozen", (), promotion.frozen(ledger) is not None
    yield "rag_flywheel_canary_share", (), 0 if canary is None or canary.shadow else canary.share
    yield "rag_flywheel_canary_started_timestamp_seconds", (), 0 if canary is None else canary.started.timestamp()
    counted = _standing(live, state)
    for each, count in counted.states.items():
        yield "rag_flywheel_corrections", (each,), count
    for queue, count in counted.queues.items():
        yield "rag_flywheel_review_queue", (queue,), count
    yield "rag_flywheel_review_oldest_seconds", (), _age(counted.oldest, now)
    waiting = webhook_outbox.waiting(ledger, services.webhooks, at=now)
    yield "rag_flywheel_outbox_notices", (), len(waiting)
    yield "rag_flywheel_outbox_oldest_seconds", (), _age(waiting[0] if waiting else None, now)


def _of_version(live: VersionId, state: State) -> Iterable[Sample]:
    manifest = state.services.ledger.version(live).manifest
    yield "rag_flywheel_live_version_info", (live,), 1
    yield "rag_flywheel_live_version_built_timestamp_seconds", (), manifest.created.timestamp()
    yield "rag_flywheel_live_documents", (), manifest.counts.documents
    yield "rag_flywheel_live_passages", (), manifest.counts.passages
    yield "rag_flywheel_live_corrections", (), manifest.counts.corrections


def _standing(live: VersionId | None, state: State) -> Standing:
    """Counted anew where anything has changed."""
    ledger = state.services.ledger
    key = (ledger.corrections_mark(), live)
    with state.lock:
        known = state.standing_of.get(key)
    if known is None:
        held = () if live is None else ledger.version(live).manifest.corrections
        known = standing(ledger.corrections(), frozenset(held))
        with state.lock:
            state.standing_of[key] = known
    return known


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
