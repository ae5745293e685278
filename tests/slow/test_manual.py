"""The whole cycle on a real product manual, with real questions, on servers: PostgreSQL and Qdrant."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.cycle.project import SECONDS, Project
from tests.paths import DATA

MANUAL = DATA / "emanual-tv"
CORRECTED = 12  # questions, each with another wording to ask afterwards

pytestmark = pytest.mark.skipif(not MANUAL.is_dir(), reason="the manual's data set is not here: set RAG_FLYWHEEL_DATA")


@pytest.fixture
def project(tmp_path: Path, postgres_url: str, qdrant_url: str, qdrant_prefix: str) -> Project:
    """On servers: the other cycle tests are embedded."""
    servers = {
        "RAG_FLYWHEEL_LEDGER__URL": postgres_url,
        "RAG_FLYWHEEL_INDEX__URL": qdrant_url,
        "RAG_FLYWHEEL_INDEX__PREFIX": qdrant_prefix,
    }
    made = Project(folder=tmp_path, variables=servers)
    made.write(
        "config.yaml",
        json.dumps({"sources": [str(MANUAL / "corpus.jsonl")], "golden": "golden"}),
    )
    return made


def test_the_full_cycle_turns_on_a_real_manual(project: Project) -> None:
    """Half of the question clusters are golden; a dozen of the others are corrected once and asked in other words."""
    clusters = _clusters()
    names = sorted(clusters)
    golden, fresh = names[::2], [name for name in names[1::2] if len(clusters[name]) > 1][:CORRECTED]
    _write_golden(project, [question for name in golden for question in clusters[name]])

    first = project.run("reindex")
    assert first["decision"] == "promoted", first["reasons"]
    with project.server() as server:
        before = [server.ask(clusters[name][1]["text"]) for name in fresh]
        for name in fresh:
            asked = server.ask(clusters[name][0]["text"])
            body = {"interaction_id": asked["interaction_id"], "answer": clusters[name][0]["answer"]}
            receipt = server.post("/corrections", body)
            server.accept(receipt["id"])
        second = server.client.post("/reindex", timeout=SECONDS).json()
        assert second["decision"] == "promoted", second["reasons"]
        after = [server.ask(clusters[name][1]["text"]) for name in fresh]
        right_before = sum(_is(reply, clusters[name][1]) for reply, name in zip(before, fresh, strict=True))
        right_after = sum(_is(reply, clusters[name][1]) for reply, name in zip(after, fresh, strict=True))
        assert right_after >= right_before + CORRECTED // 3
        report = server.get(f"/reports/{second['version']}")
        assert report["outcome"] == "passed"
        switch = server.post("/rollback", {})
        assert switch == {"live": first["version"], "was": second["version"]}
        again = [server.ask(clusters[name][1]["text"])["answer"] for name in fresh]
        assert again == [reply["answer"] for reply in before]


def _clusters() -> dict[str, list[dict[str, Any]]]:
    clusters: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (MANUAL / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        clusters[question["cluster"]].append(question)
    return clusters


def _write_golden(project: Project, questions: list[dict[str, Any]]) -> None:
    kept = {question["_id"] for question in questions}
    header, *lines = (MANUAL / "qrels/test.tsv").read_text(encoding="utf-8").splitlines()
    project.write("golden/queries.jsonl", "".join(json.dumps(question) + "\n" for question in questions))
    project.write(
        "golden/qrels/test.tsv", "\n".join([header, *(line for line in lines if line.split("\t")[0] in kept)]) + "\n"
    )


def _is(reply: dict[str, Any], question: dict[str, Any]) -> bool:
    """Whether the answer is the gold one, word for word."""
    return " ".join(reply["answer"].split()) == " ".join(question["answer"].split())
