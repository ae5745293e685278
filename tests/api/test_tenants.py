"""Tenants meet nothing of one another."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.api.app import create_app
from rag_flywheel.cli.invocation import Invocation, settings_of
from rag_flywheel.config import load, secrets
from rag_flywheel.domain import Role
from rag_flywheel.errors import ConfigError
from rag_flywheel.services import Services
from rag_flywheel.wiring import tenants
from tests.fakes.doors import key
from tests.fakes.services import ASSUMED, publish, services

NAMES = ("acme", "globex")
TENANTS = "tenants: {acme: acme.yaml, globex: globex.yaml}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("root"), text=TENANTS)
    publish(made, "v0", {"plan": "The secret word of the deployment itself is rootword, for those who ask for it."})
    return made


@pytest.fixture(scope="module")
def http(root: Services, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A server with two tenants, each of which has asked, corrected, and keeps a secret word."""
    every = {}
    for name in NAMES:
        every[name] = services(tmp_path_factory.mktemp(name))
        publish(every[name], f"v-{name}", {"plan": f"The secret word is {name}word, for those who ask for it."})
    http = TestClient(create_app(root, tenants=every), base_url="http://localhost")
    for name in NAMES:
        headers = key_of(http, root, name)
        asked = http.post("/chat", json={"question": f"What is the {name}question?"}, headers=headers).json()
        body = {"interaction_id": asked["interaction_id"], "answer": f"It is {name}answer."}
        assert http.post("/corrections", json=body, headers=headers).status_code == 202
        http.post("/freeze", json={"frozen": False, "why": f"{name}why"}, headers=headers)
    return http


def key_of(http: TestClient, root: Services, tenant: str) -> dict[str, str]:
    """An admin's of the tenant."""
    admin = key(root, "rita")
    body = {"name": f"{tenant}-admin", "roles": list(Role), "for_others": True, "tenant": tenant}
    return {"Authorization": f"Bearer {http.post('/keys', json=body, headers=admin).json()['key']}"}


LISTS = ("review", "gaps", "triage", "aside", "golden", "versions", "audit", "keys", "config", "canary")
ROUTES = [
    ("POST", "/chat", {"question": "What is the secret word for those who ask?"}),
    (
        "POST",
        "/v1/chat/completions",
        {"model": "rag-flywheel", "messages": [{"role": "user", "content": "secret word"}]},
    ),
    *(
        ("GET", path, None)
        for path in (
            "/review",
            "/gaps",
            "/triage",
            "/aside",
            "/golden",
            "/versions",
            "/audit",
            "/keys",
            "/config",
            "/canary",
        )
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=[path for _, path, _ in ROUTES])
@pytest.mark.parametrize("tenant", NAMES)
def test_a_tenant_meets_nothing_of_the_others(
    http: TestClient, root: Services, tenant: str, method: str, path: str, body: dict[str, str] | None
) -> None:
    reply = http.request(method, path, json=body, headers=key_of(http, root, tenant))
    assert reply.status_code == 200
    [other] = set(NAMES) - {tenant}
    assert other not in reply.text
    assert "rootword" not in reply.text


def test_each_tenant_is_answered_from_its_own_documents(http: TestClient, root: Services) -> None:
    body = {"question": "What is the secret word for those who ask?"}
    said = {name: http.post("/chat", json=body, headers=key_of(http, root, name)).json() for name in NAMES}
    assert {name: reply["version"] for name, reply in said.items()} == {name: f"v-{name}" for name in NAMES}
    assert "acmeword" in said["acme"]["answer"]


def test_ids_of_one_tenant_are_none_of_anothers(http: TestClient, root: Services) -> None:
    acme, globex = (key_of(http, root, name) for name in NAMES)
    asked = http.post("/chat", json={"question": "What?"}, headers=acme).json()["interaction_id"]
    assert http.get(f"/interactions/{asked}/explain", headers=acme).status_code == 200
    # The same id may be another question of the other tenant: ids of these fakes are counted.
    text = http.get(f"/interactions/{asked}/explain", headers=globex).text
    assert "acme" not in text


def test_an_admin_of_a_tenant_makes_keys_of_the_tenant_alone(http: TestClient, root: Services) -> None:
    acme = key_of(http, root, "acme")
    made = http.post("/keys", json={"name": "bob", "roles": ["asker"]}, headers=acme).json()
    assert made["tenant"] == "acme"
    for other in ("globex", "nobody"):
        body = {"name": "bob", "roles": ["asker"], "tenant": other}
        assert http.post("/keys", json=body, headers=acme).status_code in (403, 422)
    globex = key_of(http, root, "globex")
    assert http.post(f"/keys/{made['id']}/revoke", headers=globex).status_code == 404
    assert made["id"] not in http.get("/keys", headers=globex).text


def test_an_admin_of_a_tenant_does_not_learn_which_others_there_are(http: TestClient, root: Services) -> None:
    body = {"name": "bob", "roles": ["asker"]}
    there, none = (
        http.post("/keys", json=body | {"tenant": name}, headers=key_of(http, root, "acme"))
        for name in ("globex", "none")
    )
    assert (there.status_code, there.text) == (none.status_code, none.text) == (403, none.text)


def test_a_key_of_a_tenant_that_is_not_served_opens_nothing(root: Services) -> None:
    http = TestClient(create_app(root), base_url="http://localhost")
    reply = http.get("/versions", headers=key_of(http, root, "acme"))
    assert reply.status_code == 401


def config(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        consent = "" if "privacy:" in text else "\nprivacy: {consent: assumed}"
        (folder / f"{name}.yaml").write_text(text + consent)
    return folder / "main.yaml"


def test_tenants_are_opened_with_their_own_settings_whatever_the_environment_says(tmp_path: Path) -> None:
    file = config(tmp_path, main="tenants: {acme: acme.yaml}", acme="data_dir: acme\nsources: [acme-docs]")
    settings = load(file, {"RAG_FLYWHEEL_DATA_DIR": str(tmp_path / "elsewhere"), **ASSUMED})
    with tenants(settings, secrets({})) as opened:
        assert opened["acme"].config.data == tmp_path / "acme"
        assert (tmp_path / "acme" / "ledger.db").exists()


def test_a_tenants_reindex_works_on_the_tenants_own_data_whatever_the_environment_says(
    http: TestClient, root: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    said = '{"error": "%s", "detail": "%s"}'
    python.write_text(f'#!/bin/sh\nprintf \'{said}\' "$RAG_FLYWHEEL_DATA_DIR" "$RAG_FLYWHEEL_LLM_API_KEY"\nexit 2\n')
    python.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.setenv("RAG_FLYWHEEL_DATA_DIR", "/data")
    monkeypatch.setenv("RAG_FLYWHEEL_LLM_API_KEY", "secret")
    reply = http.post("/reindex", headers=key_of(http, root, "acme"))
    assert reply.json() == {"error": "", "detail": "secret"}
    assert http.post("/reindex", headers=key(root, "rita")).json()["error"] == "/data"


@pytest.mark.parametrize(
    ("main", "acme", "shared"),
    [
        ("", "", "data_dir"),
        ("", "data_dir: data/acme", "data_dir"),
        ("ledger: {url: 'sqlite:///x.db'}", "data_dir: a\nledger: {url: 'sqlite:///x.db'}", "ledger.url"),
        (
            "privacy: {consent: off, key_file: k}",
            "data_dir: a\nprivacy: {consent: off, key_file: k}",
            "privacy.key_file",
        ),
        ("index: {url: 'http://q'}", "data_dir: a\nindex: {url: 'http://q'}", "index.url with index.prefix"),
    ],
)
def test_tenants_that_would_share_anything_are_a_mistake_in_the_settings(
    tmp_path: Path, main: str, acme: str, shared: str
) -> None:
    file = config(tmp_path, main=f"{main}\ntenants: {{acme: acme.yaml}}", acme=acme)
    with pytest.raises(ConfigError, match=f"share {shared}"), tenants(load(file, ASSUMED), secrets({})):
        pass


def test_a_tenant_without_a_file_of_settings_is_a_mistake(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="no config file"),
        tenants(load(config(tmp_path, main="tenants: {acme: acme.yaml}"), ASSUMED), secrets({})),
    ):
        pass


def test_a_command_works_on_the_tenant_that_it_names_and_no_variable_changes_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config(tmp_path, main="tenants: {acme: acme.yaml}", acme="data_dir: acme")
    monkeypatch.setenv("RAG_FLYWHEEL_DATA_DIR", str(tmp_path / "elsewhere"))
    called = Invocation(config=file, url="", json=False, tenant="acme")
    assert settings_of(called).data == tmp_path / "acme"
    with pytest.raises(ConfigError, match="there are acme"):
        settings_of(replace(called, tenant="globex"))


def test_what_is_done_to_a_tenants_keys_is_in_the_audit_log_of_the_tenant_and_in_no_others(
    http: TestClient, root: Services
) -> None:
    acme, globex = key_of(http, root, "acme"), key_of(http, root, "globex")
    made = http.post("/keys", json={"name": "zoe", "roles": ["asker"], "tenant": "acme"}, headers=key(root, "rita"))
    again = http.post(f"/keys/{made.json()['id']}/rotate", json={}, headers=acme).json()
    assert http.post(f"/keys/{again['id']}/revoke", headers=acme).json()["used"] is None
    told = [(entry["who"], entry["action"], entry["subject"]) for entry in http.get("/audit", headers=acme).json()]
    assert told[:4] == [
        ("acme-admin", "revoke key", f"key {again['id']}"),
        ("acme-admin", "replace key", f"key {made.json()['id']}"),
        ("acme-admin", "create key", f"key {again['id']}"),
        ("rita", "create key", f"key {made.json()['id']}"),
    ]
    assert "zoe" not in http.get("/audit", headers=globex).text
