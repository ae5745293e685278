"""The dashboard, the alerts and the handbook's page about them, held to what the server really exposes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rag_flywheel.api.standing import OUTCOMES
from rag_flywheel.cycle import record
from rag_flywheel.cycle.result import CycleDecision, CycleResult
from rag_flywheel.domain import Arm, CorrectionState, FeedbackKind
from rag_flywheel.ports import metrics
from rag_flywheel.ports.metrics import Came, Stage
from tests.fakes.doors import door
from tests.fakes.services import publish, services
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "rag-flywheel.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
PROMETHEUS_OWN = {"up": {"job", "instance"}}
VALUES = {
    "outcome": {*Came, *OUTCOMES},
    "stage": {*Stage, *record.STAGES.values()},
    "arm": set(Arm),
    "state": set(CorrectionState),
    "kind": set(FeedbackKind),
}
"""What a label can say, where a query asks for a value of it."""
VARIABLES = {"$__rate_interval": "5m", "$tenant": ".*"}
"""What Grafana puts in the place of its own."""


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Each sample that a server with some traffic shows, with its labels."""
    made = services(tmp_path_factory.mktemp("watched"))
    publish(made, "v1")
    http = door(made)
    asked = http.post("/chat", json={"question": "How do I put the previous version back?"}).json()["interaction_id"]
    http.post("/feedback", json={"interaction_id": asked, "kind": "thumb", "value": "up"})
    made.config.data.mkdir()
    with record.recorded(made.config.data, lambda what, done, total: None, made.now) as (step, ended):
        step("deciding", 0, 1)
        ended(CycleResult(decision=CycleDecision.PROMOTED, version=None, reasons=()))
    metrics.MODEL_TOKENS.labels("input").inc(0)
    for counter in (metrics.SERVICE_FAILURES, metrics.SERVICE_SPARED):
        counter.labels("index").inc(0)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(http.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def alerts() -> list[tuple[str, str]]:
    return [(rule["alert"], rule["expr"]) for group in ALERTS["groups"] for rule in group["rules"]]


def panels() -> list[tuple[str, str]]:
    shown = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [*shown, *((each["name"], each["expr"]) for each in DASHBOARD["annotations"]["list"])]


def parsed(query: str) -> Any:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return promql_parser.parse(query)


def parts(expression: Any) -> Iterator[Any]:
    """The expression and all within it."""
    yield expression
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        below = getattr(expression, name, None)
        if below is not None:
            yield from parts(below)
    for below in getattr(expression, "args", None) or ():
        yield from parts(below)


QUERIES = [*alerts(), *panels()]


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_a_query_of_an_alert_or_a_panel_asks_for_what_is_exposed(
    exposed: dict[str, set[str]], title: str, query: str
) -> None:
    """By its name, by labels that it has, and by values that these can have; and PromQL's grammar takes it."""
    known = exposed | PROMETHEUS_OWN
    asked = [part for part in parts(parsed(query)) if isinstance(part, promql_parser.VectorSelector)]
    assert len(asked) == len(re.findall(r"rag_flywheel_\w+|\bup\{", query))
    labels: set[str] = set()
    for part in asked:
        assert part.name in known, f"{title}: {part.name} is not exposed"
        labels |= known[part.name]
        for matcher in part.matchers.matchers:
            assert matcher.name in known[part.name], f"{title}: {part.name} has no label {matcher.name}"
            wanted = set(matcher.value.split("|")) if matcher.name in VALUES else set()
            assert wanted <= VALUES.get(matcher.name, set()), f"{title}: {matcher.name} is never {wanted}"
    for grouped in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        assert {name.strip() for name in grouped.split(",")} <= labels, f"{title}: by {grouped}"


def test_a_wrong_query_would_be_noticed(exposed: dict[str, set[str]]) -> None:
    wrong = ("sum(rag_flywheel_requests_total", "rag_flywheel_wombats", 'rag_flywheel_answers_total{outcome="sung"}')
    for query in wrong:
        with pytest.raises((ValueError, AssertionError)):
            test_a_query_of_an_alert_or_a_panel_asks_for_what_is_exposed(exposed, "wrong", query)


def test_everything_that_is_exposed_stands_in_the_handbook(exposed: dict[str, set[str]]) -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed}
    rows = dict(re.findall(r"^\| `(rag_flywheel_\w+)` \| ([^|]*)\|", PAGE, re.MULTILINE))
    assert rows.keys() == families
    for name, told in rows.items():
        labels = set().union(
            *(exposed[each] for each in exposed if re.fullmatch(rf"{name}(_bucket|_sum|_count)?", each))
        )
        assert set(re.findall(r"`(\w+)`", told)) == labels - {"le"}, name


def test_every_alert_stands_in_the_handbook_and_says_what_to_do() -> None:
    rows = set(re.findall(r"^\| `(Flywheel\w+)` \|", PAGE, re.MULTILINE))
    assert rows == {name for name, _ in alerts()}
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"].keys() == {"summary", "do"}
            assert rule["labels"]["severity"] in ("page", "warn")


def test_the_handbook_names_every_stage_and_outcome() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert {*Stage, *Came, *record.STAGES.values()} <= named


def test_panels_do_not_lie_on_each_other_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_compose_mounts_what_is_there() -> None:
    """Prometheus and Grafana find their files, and the key is one that the program reads."""
    services = yaml.safe_load((DEPLOY / "watch.yaml").read_text(encoding="utf-8"))["services"]
    for name in ("prometheus", "grafana"):
        for mount in services[name]["volumes"]:
            source = mount.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), f"{name} mounts {source}"
    scraping = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert [Path(file).name for file in scraping["rule_files"]] == ["alerts.yml"]
    [job] = scraping["scrape_configs"]
    assert job["job_name"] in dict(alerts())["FlywheelDown"]
    assert "services" not in services  # one file, one project
    assert services["api"]["environment"]["RAG_FLYWHEEL_METRICS_KEY"]


def test_grafana_starts_with_a_password_of_ones_own_alone_and_the_rest_without_it() -> None:
    """Compose asks for the variables of a whole file, whichever of its services are started."""
    watched = yaml.safe_load((DEPLOY / "watch.yaml").read_text(encoding="utf-8"))["services"]
    assert watched["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_PASSWORD:?")
    assert "GRAFANA_PASSWORD" not in (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
