"""Trials of the models."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.cli.checkup import models
from rag_flywheel.config import Secrets
from rag_flywheel.domain import LearnedRanking, VersionId
from rag_flywheel.services import Services
from tests.fakes.openai_server import Fail, OpenAIServer
from tests.fakes.samples import manifest
from tests.unit.cli.checkup.conftest import Look, settings


def test_the_bundled_models_are_loaded_and_used(folder: Path, look: Look) -> None:
    assert (look("embedder").level, "cosine 0.81" in look("embedder").found) == ("ok", True)
    assert (look("masking").level, "masks a sentence in" in look("masking").found) == ("ok", True)


def test_a_model_that_cannot_be_loaded_is_wrong(folder: Path, look: Look) -> None:
    settings(folder, "embedder: {model: nowhere/to-be-found}\n")
    assert (look("embedder").level, "cannot be loaded" in look("embedder").found) == ("wrong", True)


def test_masking_that_is_off_or_finds_nothing_is_told(folder: Path, look: Look) -> None:
    settings(folder, "privacy: {redact: false}\n")
    assert look("masking").level == "warning"
    settings(folder, "privacy: {minimum_score: 1.0, entities: [EMAIL_ADDRESS], spacy_model: none_such}\n")
    assert (look("masking").level, "none_such" in look("masking").found) == ("wrong", True)


def test_a_version_whose_reranker_is_gone_is_wrong(opened: Services, look: Look) -> None:
    assert look("reranker").level == "skipped"
    learned = LearnedRanking(reranker="0123456789abcdef")
    opened.index.build(VersionId("v3"), dimension=384, batches=[])
    opened.ledger.add_version(replace(manifest("v3"), learned=learned))
    finding = look("reranker")
    assert (finding.level, finding.found) == ("wrong", "the reranker of v3 is gone")


@pytest.mark.parametrize("section", ["generator", "judge"])
def test_a_language_model_is_asked_for_a_word_with_its_key(folder: Path, section: str) -> None:
    check = {"generator": models.language_model, "judge": models.judge}[section]
    kind = "kind: openai_like, " if section == "generator" else ""
    keys = Secrets(llm_api_key="of-generator", judge_api_key="of-judge")
    with OpenAIServer() as server:
        config = settings(folder, f"{section}: {{{kind}url: '{server.url}', model: test-model}}\n")
        (found,) = check(config, keys)
        assert found.level == "ok"
        assert server.requests[-1].headers["authorization"] == f"Bearer of-{section}"
    (found,) = check(config, keys)
    assert (found.level, "does not answer" in found.found) == ("wrong", True)
    with OpenAIServer(reply=Fail(status=401)) as server:
        (found,) = check(settings(folder, f"{section}: {{{kind}url: '{server.url}', model: test-model}}\n"), keys)
    assert found.level == "wrong"
    assert f"refuses the key in RAG_FLYWHEEL_{'LLM' if section == 'generator' else 'JUDGE'}_API_KEY" in found.found
    assert f"of-{section}" not in repr(found)
