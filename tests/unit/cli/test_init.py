"""The first command: five questions, and a config.yaml of the answers."""

import json
import os
from pathlib import Path

import pytest
import yaml

from rag_flywheel import config
from tests.fakes.openai_server import Fail, OpenAIServer
from tests.unit.cli.conftest import Run, typed_at_terminal

READY = ("init", "--yes", "--consent", "required")


@pytest.fixture(autouse=True)
def _without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file alone has to say what it says."""
    for name in [name for name in os.environ if name.startswith("RAG_FLYWHEEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Reset\n\nHold the button for ten seconds.\n")
    (folder / "b.png").write_bytes(b"\x89PNG")
    return folder


def test_a_script_gets_a_file_with_what_it_said_and_no_more(run: Run, tmp_path: Path, docs: Path) -> None:
    code, out, _ = run(*READY, "--json")
    assert code == 0
    file = tmp_path / "config.yaml"
    assert yaml.safe_load(file.read_text()) == {"sources": ["docs"], "privacy": {"consent": "required"}}
    result = json.loads(out)
    assert (result["file"], result["key"], result["model_problem"]) == (str(file), None, None)
    assert [source["files"] for source in result["sources"]] == [1]
    assert result["next"][0] == "rag-flywheel doctor"
    assert run("config", "check")[0] == 0


def test_a_file_in_another_folder_names_the_documents_that_were_named_from_here(
    run: Run, tmp_path: Path, docs: Path
) -> None:
    code, out, _ = run(*READY, "elsewhere/deep", "--documents", "docs/*.md")
    assert code == 0
    read = config.load(tmp_path / "elsewhere" / "deep" / "config.yaml")
    assert [source.path for source in read.sources] == [f"{docs}/*.md"]
    assert f"rag-flywheel --config {tmp_path}/elsewhere/deep/config.yaml reindex" in out


def test_a_file_that_is_there_is_never_overwritten(run: Run, tmp_path: Path, docs: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [mine]\n")
    code, _, err = run(*READY)
    assert code == 6
    assert "stays as it is" in err
    assert (tmp_path / "config.yaml").read_text() == "sources: [mine]\n"


def test_consent_has_to_be_said_by_a_script_too(run: Run, tmp_path: Path, docs: Path) -> None:
    code, _, err = run("init", "--yes")
    assert code == 2
    assert "--consent has to be given" in err
    for word in ("required", "assumed", "off"):
        assert f"{word}: " in err
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("named", ["nowhere", "empty"])
def test_documents_that_give_nothing_are_refused_before_anything_is_written(
    run: Run, tmp_path: Path, named: str
) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run(*READY, "--documents", named)
    assert code == 2
    assert named in err
    assert "--documents" in err
    assert not (tmp_path / "config.yaml").exists()


def test_where_a_network_uses_it_an_admin_s_key_is_told_once_and_opens_the_door(
    run: Run, tmp_path: Path, docs: Path
) -> None:
    code, out, _ = run(*READY, "--audience", "network")
    assert code == 0
    (key,) = [word for word in out.split() if word.startswith("rf_")]
    assert config.load(tmp_path / "config.yaml").api.host == "0.0.0.0"  # noqa: S104 - it was asked for
    assert key not in (tmp_path / "config.yaml").read_text()
    (held,) = json.loads(run("keys", "list", "--json")[1])
    assert held["roles"] == ["admin"]
    assert held["id"] in key


def test_a_language_model_is_asked_once_and_its_key_stands_in_no_file(
    run: Run, tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_FLYWHEEL_LLM_API_KEY", "marked-secret")
    with OpenAIServer() as server:
        words = (*READY, "--answers", "openai_like", "--llm-url", server.url, "--llm-model", "test-model", "--json")
        code, out, _ = run(*words)
        (asked,) = server.requests
    assert (code, json.loads(out)["model_problem"]) == (0, None)
    assert asked.headers["authorization"] == "Bearer marked-secret"
    generator = config.load(tmp_path / "config.yaml").generator
    assert (generator.kind, generator.url, generator.model) == ("openai_like", server.url, "test-model")
    assert "marked-secret" not in (tmp_path / "config.yaml").read_text() + out


@pytest.mark.parametrize(
    ("status", "said"), [(401, "RAG_FLYWHEEL_LLM_API_KEY"), (404, "no such model"), (500, "server's log")]
)
def test_a_language_model_that_does_not_answer_is_told_and_the_file_is_written(
    run: Run, tmp_path: Path, docs: Path, status: int, said: str
) -> None:
    with OpenAIServer(reply=Fail(status=status)) as server:
        code, out, _ = run(*READY, "--answers", "openai_like", "--llm-url", server.url, "--llm-model", "test-model")
    assert code == 0
    assert said in out
    assert (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize(
    "words",
    [("--llm-url", "http://127.0.0.1:9/v1"), ("--llm-url", "http://me:hunter2@127.0.0.1:9/v1", "--llm-model", "m")],
)
def test_a_model_without_a_name_and_a_url_with_a_password_are_refused(
    run: Run, tmp_path: Path, docs: Path, words: tuple[str, ...]
) -> None:
    code, _, err = run(*READY, "--answers", "openai_like", *words)
    assert code == 2
    assert "hunter2" not in err
    assert not (tmp_path / "config.yaml").exists()


def test_whoever_sits_at_a_terminal_is_asked_until_the_answers_are_of_use(tmp_path: Path, docs: Path) -> None:
    typed = ["nowhere", "docs", "", "perhaps", "2", "", "1"]
    said = typed_at_terminal(["init"], typed, tmp_path)
    assert "nowhere is neither a file nor a folder" in said
    assert "docs: files that can be read: 1 .md; 1 passed over" in said
    assert "one of required, assumed, off, or its number" in said
    assert "what to do next" in said
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {
        "sources": ["docs"],
        "privacy": {"consent": "assumed"},
        "access": {"own_reviews": True},
        "review": {"second_reviewer": False},
    }


def test_whoever_gives_up_leaves_nothing_behind(tmp_path: Path, docs: Path) -> None:
    assert "interrupted" in typed_at_terminal(["init"], ["docs", "\x03"], tmp_path)
    assert os.listdir(tmp_path) == ["docs"]
