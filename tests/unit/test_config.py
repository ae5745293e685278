"""config.yaml and the environment to one frozen value."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from rag_flywheel import config
from rag_flywheel.config import Source
from rag_flywheel.errors import ConfigError
from tests.fakes.services import ASSUMED
from tests.paths import ROOT


def write(folder: Path, text: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(write(folder, text), (environ or {}) | ASSUMED)
    return str(caught.value)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, ""), ASSUMED)
    assert (loaded.ingest.chunk_tokens, loaded.sources, loaded.ledger.url) == (0, (Source(path="docs"),), "")


def test_the_config_of_the_project_says_every_default(tmp_path: Path) -> None:
    shipped, defaults = config.load(ROOT / "config.yaml", ASSUMED), config.load(write(tmp_path, ""), ASSUMED)
    of_the_demo = {"file", "golden", "sources"}
    assert shipped.model_dump(exclude=of_the_demo) == defaults.model_dump(exclude=of_the_demo)


def test_the_config_of_the_project_names_every_key() -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert [key for key in config.known_keys() if f"{key.rpartition('.')[2]}:" not in text] == []


@pytest.mark.parametrize(
    ("text", "unknown", "near"),
    [
        ("source: [a]", "source", "sources"),
        ("ledgr: {url: x}", "ledgr", "ledger"),
        ("reranker: {epoch: 3}", "reranker.epoch", "reranker.epochs"),
        ("chunk_tokens: 100", "chunk_tokens", "ingest.chunk_tokens"),
        ("ingest: {chunk_words: 100}", "ingest.chunk_words", "ingest.chunk_tokens"),
        ("ingest: {chunk_overlap_words: 10}", "ingest.chunk_overlap_words", "ingest.chunk_overlap_tokens"),
        ("retrieval: {minimum_similarty: 0.2}", "retrieval.minimum_similarty", "generator.minimum_similarity"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    tmp_path: Path, text: str, unknown: str, near: str
) -> None:
    assert f"`{unknown}`: unknown key; did you mean `{near}`?" in refused(tmp_path, text)


def test_an_unknown_key_like_no_other_is_refused_without_a_guess(tmp_path: Path) -> None:
    assert refused(tmp_path, "zzqx: 1").endswith("`zzqx`: unknown key")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("api: {port: '8080'}", "api.port"),
        ("api: {port: 70000}", "api.port"),
        ("ingest: {chunk_tokens: true}", "ingest.chunk_tokens"),
        ("ingest: {chunk_tokens: 200.5}", "ingest.chunk_tokens"),
        ("privacy: {redact: 'yes'}", "privacy.redact"),
        ("gate: {margin: true}", "gate.margin"),
        ("reranker: {learning_rate: fast}", "reranker.learning_rate"),
        ("sources: docs", "sources"),
        ("judge:", "judge"),
        ("ledger: sqlite", "ledger"),
        ("generator: {kind: magic}", "generator.kind"),
        ("data_dir: [a]", "data_dir"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused_by_name(tmp_path: Path, text: str, key: str) -> None:
    assert f"  `{key}`: input " in refused(tmp_path, text)


def test_whole_numbers_do_for_numbers(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, "ledger: {timeout: 5}"), ASSUMED).ledger.timeout == 5.0


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, "api: {port: x}\nsource: [a]\ngate: {margin: 2}")
    assert all(f"`{name}`" in said for name in ("api.port", "source", "gate.margin"))


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        config.load(tmp_path / "none.yaml", ASSUMED)


@pytest.mark.parametrize("text", ["a: [", "- docs\n- more", "just words", "\x00"])
def test_a_file_that_holds_no_settings_is_refused_by_name(tmp_path: Path, text: str) -> None:
    assert str(tmp_path / "config.yaml") in refused(tmp_path, text)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="cannot be read as YAML"):
        config.load(file, ASSUMED)


def test_the_key_that_the_code_sets_itself_is_no_setting(tmp_path: Path) -> None:
    assert "unknown key `file`" in refused(tmp_path, "file: /etc/passwd")
    assert (
        config.load(write(tmp_path, ""), {"RAG_FLYWHEEL_FILE": "/etc/passwd", **ASSUMED}).file
        == tmp_path / "config.yaml"
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "data_dir: here\napi: {port: 1, host: a}\nsources: [x]")
    environ = {
        "RAG_FLYWHEEL_DATA_DIR": "there",
        "RAG_FLYWHEEL_API__PORT": "2",
        "RAG_FLYWHEEL_SOURCES": '["manuals/*.pdf", "docs"]',
        "RAG_FLYWHEEL_PRIVACY__REDACT": "false",
        **ASSUMED,
        "RAG_FLYWHEEL_RERANKER__LEARNING_RATE": "5e-5",
        "RAG_FLYWHEEL_GATE": '{"margin": 0.5}',
    }
    loaded = config.load(file, environ)
    assert loaded.data_dir == Path("there")
    assert (loaded.api.port, loaded.api.host) == (2, "a")
    assert loaded.sources == (Source(path="manuals/*.pdf"), Source(path="docs"))
    assert not loaded.privacy.redact
    assert loaded.reranker.learning_rate == 5e-5
    assert loaded.gate.margin == 0.5


def test_a_variable_with_a_wrong_value_or_name_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "", {"RAG_FLYWHEEL_API__PORT": "high", "RAG_FLYWHEEL_LEDGER__URI": "x"})
    assert "`api.port`" in said
    assert "did you mean `ledger.url`?" in said
    assert "RAG_FLYWHEEL_..." in said
    assert "`sources`: input should be a list" in refused(tmp_path, "", {"RAG_FLYWHEEL_SOURCES": '["docs"'})


def test_a_text_may_start_with_a_bracket(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, ""), {"RAG_FLYWHEEL_API__HOST": "[::1]", **ASSUMED}).api.host == "[::1]"
    assert "`sources`: input should be a list" in refused(tmp_path, "", {"RAG_FLYWHEEL_SOURCES": "[" * 100_000})


@pytest.mark.parametrize("section", ["ledger", "index"])
def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path, section: str) -> None:
    said = refused(tmp_path, f"{section}: {{url: 'postgresql+psycopg://ada:hunter2@db/flywheel'}}")
    assert f"RAG_FLYWHEEL_{section.upper()}__URL" in said
    assert "hunter2" not in said


def test_a_password_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in refused(tmp_path, "ledger: 'postgresql://ada:hunter2@db/flywheel'")


def test_a_password_in_the_environment_is_taken_and_not_shown(tmp_path: Path) -> None:
    url = "postgresql+psycopg://ada:hunter2@db:5432/flywheel"
    loaded = config.load(write(tmp_path, ""), {"RAG_FLYWHEEL_LEDGER__URL": url, **ASSUMED})
    assert loaded.ledger.url == url
    assert config.shown(loaded)["ledger"]["url"] == "postgresql+psycopg://***@db:5432/flywheel"


def test_what_is_shown_is_json_and_holds_no_secret(tmp_path: Path) -> None:
    environ = {"RAG_FLYWHEEL_LLM_API_KEY": "sk-hush", "RAG_FLYWHEEL_QDRANT_API_KEY": "qd-hush"}
    text = json.dumps(config.shown(config.load(write(tmp_path, ""), environ | ASSUMED)))
    assert "hush" not in text
    assert str(tmp_path) not in text


def test_secrets_come_from_the_environment_and_are_not_printed() -> None:
    secrets = config.secrets({"RAG_FLYWHEEL_LLM_API_KEY": "sk-hush"})
    assert (secrets.llm_api_key, secrets.judge_api_key) == ("sk-hush", "")
    assert "hush" not in repr(secrets)


def test_a_secret_in_the_file_is_an_unknown_key(tmp_path: Path) -> None:
    said = refused(tmp_path, "llm_api_key: sk-hush")
    assert "`llm_api_key`: unknown key" in said
    assert "hush" not in said


@pytest.mark.parametrize("url", ["http://[::1", "no url", ""])
def test_what_is_no_url_is_shown_as_it_is(url: str) -> None:
    assert config.masked_url(url) == url


def test_variables_that_look_like_settings_and_are_none_are_found() -> None:
    environ = {
        "RAG_FLYWHEEL_DATA_DIR": "",
        "RAG_FLYWHEEL_LEDGER__URL": "",
        "RAG_FLYWHEEL_LLM_API_KEY": "",
        "RAG_FLYWHEEL_CONFIG": "",
        "RAG_FLYWHEEL_LEGDER__URL": "",
        "RAG_FLYWHEEL_SOURCE": "",
        "HOME": "",
    }
    assert config.unknown_variables(environ) == ["RAG_FLYWHEEL_LEGDER__URL", "RAG_FLYWHEEL_SOURCE"]


def test_the_value_is_frozen(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, ""), ASSUMED)
    with pytest.raises(ValidationError, match="frozen"):
        loaded.golden = "other"
    with pytest.raises(ValidationError, match="frozen"):
        loaded.api.port = 1


def test_relative_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "data_dir: store")
    monkeypatch.chdir("/")
    loaded = config.load(file, ASSUMED)
    assert loaded.data == tmp_path / "store"
    assert loaded.resolve("/etc/x") == Path("/etc/x")


# --- sources --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{}", "either a `path` or a `reader`"),
        ("{path: a, reader: 'b:C'}", "either a `path` or a `reader`"),
        ("{path: a, args: {}, timeout: 5}", "a source with a `path` takes no `args` and no `timeout`"),
        ("{reader: 'b:C', exclude: [x]}", "a source with a `reader` takes no `exclude`"),
        ("{reader: b.C}", "should be MODULE:CLASS"),
        ("{path: a, exclude: ['!']}", "no gitignore rule"),
        ("{path: a, exclude: x}", "should be a list"),
        ("{path: a, language: german}", "language"),
        ("{path: a, trust: friends}", "'official' or 'public'"),
        ("{path: a, exlude: []}", "did you mean `sources.0.exclude`?"),
        ('{path: "a\\0"}', "zero byte"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused_with_what_is_wrong(tmp_path: Path, source: str, said: str) -> None:
    assert said in refused(tmp_path, f"sources: [{source}]")


def test_two_readers_need_names_of_their_own(tmp_path: Path) -> None:
    assert "give each its own `name`" in refused(tmp_path, "sources: [{reader: 'a:Wiki'}, {reader: 'b:wiki'}]")
    named = config.load(write(tmp_path, "sources: [{reader: 'a:Wiki'}, {reader: 'b:Wiki', name: tickets}]"), ASSUMED)
    assert [source.label for source in named.sources] == ["Wiki", "tickets"]


@pytest.mark.parametrize(
    "sources",
    [
        "[{reader: 'a:B', args: {token: hunter2}}]",
        "[{reader: 'a:B', args: {headers: {Authorization: Bearer hunter2}}}]",
        "[{reader: 'a:B', args: {urls: ['https://u:hunter2@wiki']}}]",
        "{reader: 'a:B', args: {token: hunter2}}",
        "[{reader: 'a:B', args: [hunter2]}]",
        '[{reader: "a:B", args: {token: hunter2}, title: "\\ud800"}]',
    ],
)
def test_a_secret_among_the_arguments_of_a_reader_is_refused_and_not_repeated(tmp_path: Path, sources: str) -> None:
    assert "hunter2" not in refused(tmp_path, f"sources: {sources}")
    assert "hunter2" not in refused(
        tmp_path, "", {"RAG_FLYWHEEL_SOURCES": json.dumps([{"args": {"token": "hunter2"}}])}
    )


def test_a_secret_is_named_by_a_variable(tmp_path: Path) -> None:
    args = {"token": "${TOKEN}", "url": "https://u:${PASSWORD}@wiki", "max_tokens": 5, "space_key": "DOC"}
    loaded = config.load(write(tmp_path, json.dumps({"sources": [{"reader": "a:B", "args": args}]})), ASSUMED)
    assert loaded.sources[0].args == args


def test_a_file_is_sensitive_where_a_sensitive_source_may_hold_it(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, "sources: ['*', {path: ward, sensitive: true}, {path: 'x/*.md'}]"), ASSUMED)
    names = ["ward/a.md", "ward", "docs/a.md", "x/a.md", "warden.md"]
    assert [loaded.is_sensitive(name) for name in names] == [True, True, False, False, False]
    assert config.load(write(tmp_path, "sources: [{path: ward, sensitive: true}]"), ASSUMED).is_sensitive(
        "elsewhere.md"
    )


def test_a_file_is_official_where_no_source_of_the_public_may_hold_it(tmp_path: Path) -> None:
    sources = """
        sources: [docs, {path: wiki/**/*.md, trust: public}, {reader: 'a:Tickets', trust: public}, {reader: 'a:Pages'}]
    """
    loaded = config.load(write(tmp_path, sources.strip()), ASSUMED)
    names = ["docs/a/b.md", "wiki/a/b.md", "connectors/Tickets.jsonl", "connectors/Pages.jsonl", "elsewhere.md"]
    assert [loaded.is_official(name) for name in names] == [True, False, False, True, False]
    assert config.load(write(tmp_path, "sources: [docs]"), ASSUMED).is_official("elsewhere.md")


# --- what has to be said --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "sources: [docs]", "privacy:", "privacy: {redact: false}"])
def test_a_file_that_does_not_say_whether_texts_may_be_kept_is_refused_and_told_what_it_can_say(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text), {})
    told = str(caught.value)
    assert [word for word in ("privacy.consent", "`required`", "`assumed`", "`off`") if word not in told] == []


@pytest.mark.parametrize("written", ["off", "'off'", "assumed", "required"])
def test_each_word_for_consent_is_read_as_it_is_written(tmp_path: Path, written: str) -> None:
    loaded = config.load(write(tmp_path, f"privacy: {{consent: {written}}}"), {})
    assert loaded.privacy.consent == written.strip("'"), "YAML takes a bare `off` for a no"
    assert config.load(write(tmp_path, ""), {"RAG_FLYWHEEL_PRIVACY__CONSENT": written.strip("'")}).privacy.consent


def test_no_other_word_for_consent_is_taken(tmp_path: Path) -> None:
    assert "`privacy.consent`" in refused(tmp_path, "privacy: {consent: on}", {})
    assert "`privacy.consent`" in refused(tmp_path, "privacy: {consent: maybe}", {})


def test_a_period_without_end_may_be_written_as_none_or_nothing(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, "retention: {sessions: none, replies: null, interactions: 30}"), ASSUMED)
    kept = loaded.retention
    assert (kept.sessions, kept.replies, kept.interactions) == (0, 0, 30)
    assert "`retention.audit`" in refused(tmp_path, "retention: {audit: -1}")


def test_more_replicas_cannot_confirm_a_write_than_there_are(tmp_path: Path) -> None:
    said = refused(tmp_path, "index: {replicas: 2, write_consistency: 3}")
    assert "write_consistency (3) should be at most replicas (2)" in said
