"""Who a token stands for: the rules alone, with what the signature has vouched for."""

from datetime import timedelta
from typing import Any

import pytest

from rag_flywheel.access import tokens
from rag_flywheel.config import Oidc
from rag_flywheel.domain import Role, Signed
from rag_flywheel.errors import NotSignedIn
from tests.fakes.samples import NOON

ISSUER, API, CLIENT = "https://id.example.org/realms/acme", "https://rag.example.org", "rag-flywheel"
SETTINGS = Oidc(issuer=ISSUER, audience=API, client_id=CLIENT, roles={"reviewers": Role.REVIEWER})
SECONDS = int(NOON.timestamp())
ACCESS = {"iss": ISSUER, "aud": API, "sub": "ada", "iat": SECONDS, "exp": SECONDS + 300}
ID = ACCESS | {"aud": CLIENT, "nonce": "n"}
GONE = object()


def changed(claims: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {name: value for name, value in (claims | more).items() if value is not GONE}


def bearer(settings: Oidc = SETTINGS, kind: str = "at+jwt", at: int = 0, **more: Any) -> str | None:
    signed = Signed(kind=kind, claims=changed(ACCESS, **more))
    return tokens.bearer(signed, settings=settings, now=NOON + timedelta(seconds=at)).name


def identified(kind: str = "jwt", **more: Any) -> str | None:
    signed = Signed(kind=kind, claims=changed(ID, **more))
    return tokens.identified(signed, nonce="n", settings=SETTINGS, now=NOON).name


def test_a_name_says_who_says_it() -> None:
    assert bearer() == identified() == f"{ISSUER}|ada"


@pytest.mark.parametrize(
    "more",
    [
        {"iss": GONE},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"aud": GONE},
        {"aud": CLIENT},
        {"aud": [CLIENT, "x"]},
        {"aud": [API, 7]},
        {"aud": {API: 1}},
        {"exp": GONE},
        {"exp": str(SECONDS + 300)},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"exp": SECONDS - 61},
        {"exp": None},
        {"nbf": SECONDS + 61},
        {"nbf": "soon"},
        {"iat": SECONDS + 61},
        {"iat": -(10**400)},
        {"sub": GONE},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a" * 256},
        {"sub": "ada\n"},
        {"sub": " ada"},
        {"sub": "ada\ud800"},
        {"sub": "ada\u202e"},
        {"cnf": {"jkt": "x"}},
        {"kind": "logout+jwt"},
        {"kind": "dpop+jwt"},
        {"kind": "id+jwt"},
    ],
)
def test_an_access_token_that_is_wrong_in_anything_opens_nothing(more: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn) as refused:
        bearer(**more)
    assert str(refused.value) == tokens.WRONG


@pytest.mark.parametrize(
    "more",
    [
        {"aud": ["x", API]},
        {"exp": SECONDS - 59},
        {"exp": SECONDS + 0.5},
        {"nbf": SECONDS + 59},
        {"iat": SECONDS + 59},
        {"iat": GONE},
        {"kind": ""},
        {"kind": "jwt"},
        {"kind": "application/at+jwt"},
    ],
)
def test_clocks_may_differ_by_a_minute_and_providers_in_how_they_write_it(more: dict[str, Any]) -> None:
    assert bearer(**more) == f"{ISSUER}|ada"


def test_without_an_audience_in_the_settings_no_bearer_is_taken() -> None:
    with pytest.raises(NotSignedIn):
        bearer(Oidc(issuer=ISSUER, client_id=CLIENT), aud="")


@pytest.mark.parametrize(
    "more",
    [
        {"nonce": "other"},
        {"nonce": GONE},
        {"nonce": ["n"]},
        {"nonce": "é"},
        {"nonce": "\ud800"},
        {"aud": API},
        {"aud": [CLIENT, API]},
        {"aud": [CLIENT, API], "azp": API},
        {"azp": API},
        {"kind": "at+jwt"},
        {"exp": SECONDS - 61},
        {"iss": "https://evil.example"},
    ],
)
def test_an_id_token_that_was_not_asked_for_or_not_by_us_signs_nobody_in(more: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        identified(**more)


def test_an_id_token_for_several_says_that_it_is_for_us() -> None:
    assert identified(aud=[CLIENT, API], azp=CLIENT) == f"{ISSUER}|ada"


@pytest.mark.parametrize("verified", [GONE, False, "true", 1, None])
def test_an_address_is_nobodys_name_until_the_provider_has_verified_it(verified: object) -> None:
    settings = SETTINGS.model_copy(update={"name_claim": "email"})
    assert bearer(settings, email="Ada@Example.org", email_verified=True) == f"{ISSUER}|ada@example.org"
    with pytest.raises(NotSignedIn):
        bearer(settings, email="ada@example.org", email_verified=verified)


@pytest.mark.parametrize(
    ("claim", "said", "roles"),
    [
        ("roles", ["reviewers"], {Role.ASKER, Role.REVIEWER}),
        ("roles", "reviewers", {Role.ASKER, Role.REVIEWER}),
        ("roles", "reviewers others", {Role.ASKER}),
        ("roles", ["admin", "ADMIN", "operator"], {Role.ASKER}),
        ("roles", {"reviewers": True}, {Role.ASKER}),
        ("roles", [["reviewers"], 7, None], {Role.ASKER}),
        ("realm_access.roles", {"roles": ["reviewers"]}, {Role.ASKER, Role.REVIEWER}),
        ("realm_access.roles", ["roles"], {Role.ASKER}),
        ("https://example.org/roles", ["reviewers"], {Role.ASKER, Role.REVIEWER}),
    ],
)
def test_roles_are_what_the_settings_make_of_the_claim(claim: str, said: object, roles: set[Role]) -> None:
    settings = SETTINGS.model_copy(update={"roles_claim": claim})
    name = claim if claim.startswith("https:") else claim.split(".")[0]
    signed = Signed(kind="at+jwt", claims=ACCESS | {name: said})
    assert tokens.bearer(signed, settings=settings, now=NOON).roles == roles


@pytest.mark.parametrize(
    ("roles", "said", "groups"),
    [
        ({}, ["staff", "finance"], {"staff", "finance"}),
        ({}, "staff", {"staff"}),
        ({}, ["!nobody", "!operators", "*", "", " staff", "a\n", 7, ["finance"], "x" * 201], set()),
        ({}, None, set()),
        ({"staff": Role.REVIEWER}, ["staff"], {"staff"}),
        ({"staff": Role.OPERATOR}, ["staff"], None),
    ],
)
def test_groups_are_those_of_the_claim_and_who_operates_reads_everything(
    roles: dict[str, Role], said: object, groups: set[str] | None
) -> None:
    settings = SETTINGS.model_copy(update={"roles_claim": "groups", "groups_claim": "groups", "roles": roles})
    signed = Signed(kind="at+jwt", claims=ACCESS | {"groups": said})
    assert tokens.bearer(signed, settings=settings, now=NOON).groups == groups


def test_without_a_claim_of_groups_in_the_settings_nobody_is_in_any() -> None:
    signed = Signed(kind="at+jwt", claims=ACCESS | {"groups": ["staff"], "": ["staff"]})
    assert tokens.bearer(signed, settings=SETTINGS, now=NOON).groups == frozenset()
