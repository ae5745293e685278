"""Asking, and having an answer explained, over HTTP."""

import json
from pathlib import Path

import pytest
import uvicorn

from rag_flywheel.api.app import create_app
from rag_flywheel.cli.invocation import API_KEY
from rag_flywheel.domain import Admission, LearnedRanking
from rag_flywheel.services import Services
from tests.fakes.services import publish, services
from tests.unit.cli.conftest import Run, api_key, serving

QUESTION = "How do I put the previous version back?"


def test_ask_prints_what_the_api_returns(run: Run, url: str) -> None:
    code, out, _ = run("--url", url, "ask", QUESTION, "--user", "ada", "--json")
    assert code == 0
    said = json.loads(out)
    fields = {"interaction_id", "answer", "citations", "version", "arm", "canary", "answered", "confidence", "fallback"}
    assert set(said) == fields | {"suggestions"}
    assert said["citations"][0]["document_id"] == "rollback"


def test_ask_records_the_group_of_the_asker(run: Run, url: str, made: Services) -> None:
    assert run("--url", url, "ask", QUESTION, "--group", "beta")[0] == 0
    assert made.ledger.interactions(limit=1)[0].group == "beta"


def test_ask_shows_people_the_answer_with_its_citations(run: Run, url: str) -> None:
    code, out, _ = run("--url", url, "ask", QUESTION)
    assert code == 0
    assert "run rag-flywheel rollback" in out
    assert "[1] Rollback (rollback:" in out
    assert "interaction id" in out


def test_explain_shows_people_the_ranking_and_prints_what_the_api_returns(run: Run, url: str, made: Services) -> None:
    asked = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])
    code, out, _ = run("--url", url, "explain", asked["interaction_id"])
    said = " ".join(out.split())
    assert code == 0
    assert QUESTION in said
    assert f"version {asked['version']}, live" in said
    assert (
        "fusion: dense margin 7.00, sparse share 2.00, sentence margin 10.50, token margin 25.00; reranker: none"
        in said
    )
    assert "admission: no known question is used" in said
    assert "cited" in said
    assert "no known question is near the query" in said
    code, out, _ = run("--url", url, "explain", asked["interaction_id"], "--limit", "2", "--json")
    explained = json.loads(out)
    assert code == 0
    assert (explained["repeated"], explained["notes"]) == (True, [])
    assert [passage["rank"] for passage in explained["passages"]] == [1, 2]


def test_explain_says_to_people_what_it_cannot_explain(run: Run, url: str) -> None:
    asked = json.loads(run("--url", url, "ask", QUESTION, "--no-consent", "--json")[1])
    out = run("--url", url, "explain", asked["interaction_id"])[1]
    assert "question not kept" in out
    assert "note: the question was not kept, because there was no consent" in out


def test_explain_shows_people_by_what_a_known_question_is_answered(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = services(tmp_path)
    publish(
        made,
        "v1",
        corrections={"theme": ("Is there a dark theme?", "No, there is none.")},
        confirmed={"past": (QUESTION, "rollback"), "again": ("Can the looks be changed?", "correction:theme")},
        learned=LearnedRanking(admission=Admission(threshold=0.5, words=0.5, passage=0.5, tokens=1.0)),
    )
    monkeypatch.setenv(API_KEY, api_key(made, "rita"))
    with serving(uvicorn.Server(uvicorn.Config(create_app(made), port=0, log_config=None, log_level="error"))) as url:
        asked = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])
        out = run("--url", url, "explain", asked["interaction_id"])[1]
    ranking, known = out.split("Known questions near the query")
    fit = "cosine + 0.50 x words + 1.00 x lead by tokens - 0.50 x best passage"
    wanted = f"a known question is used where {fit} is above 0.50"
    assert f"admission: {wanted}, and no passage is nearer" in " ".join(ranking.split())
    assert "confirmed answer of interaction past" in " ".join(ranking.split())
    blocks = " ".join(known.split()).split("answered by ")[1:]
    assert [block.partition(" known question ")[0] for block in blocks] == [
        "confirmed answer of interaction past",
        "confirmed answer of interaction again correction theme",
        "correction theme",
    ]
