"""The whole cycle on servers, PostgreSQL and Qdrant, by HTTP alone; the other cycles are embedded."""

import json
from pathlib import Path

import pytest

from tests.cycle.pages import ANSWER, ASKED, PAGES, REWORDED
from tests.cycle.project import Project

JUDGED = {
    "How do I clean the filter?": "pages/pump.md",
    "How long does the warranty last?": "pages/warranty.txt",
    "How do I light the boiler?": "pages/boiler.md",
    "Where is the water temperature set?": "pages/boiler.md",
}


@pytest.fixture
def project(indexed: Project, tmp_path: Path, postgres_url: str, qdrant_url: str, qdrant_prefix: str) -> Project:
    """With nothing indexed on the servers, and judged questions in a folder."""
    made = indexed.copy(tmp_path)
    made.variables.update(
        RAG_FLYWHEEL_LEDGER__URL=postgres_url,
        RAG_FLYWHEEL_INDEX__URL=qdrant_url,
        RAG_FLYWHEEL_INDEX__PREFIX=qdrant_prefix,
    )
    made.write("config.yaml", "sources: [pages]\ngolden: golden\n")
    questions = [{"_id": f"q{number}", "text": question} for number, question in enumerate(JUDGED)]
    judgements = [f"q{number}\t{page}\t1" for number, page in enumerate(JUDGED.values())]
    made.write("golden/queries.jsonl", "".join(json.dumps(question) + "\n" for question in questions))
    made.write("golden/qrels/test.tsv", "\n".join(["query-id\tcorpus-id\tscore", *judgements]) + "\n")
    return made


def test_the_cycle_turns_on_servers(project: Project) -> None:
    first = project.run("reindex")
    assert first["decision"] == "promoted", first["reasons"]
    assert first["counts"]["documents"] == len(PAGES)
    with project.server() as server:
        asked, before = server.ask(ASKED), server.ask(REWORDED)
        receipt = server.post("/corrections", {"interaction_id": asked["interaction_id"], "answer": ANSWER})
        server.accept(receipt["id"])
        second = server.post("/reindex", {})
        assert second["decision"] == "promoted", second["reasons"]
        assert server.get(f"/reports/{second['version']}")["outcome"] == "passed"
        assert server.ask(REWORDED)["answer"] == ANSWER
        assert server.post("/rollback", {}) == {"live": first["version"], "was": second["version"]}
        assert server.ask(REWORDED)["answer"] == before["answer"] != ANSWER
