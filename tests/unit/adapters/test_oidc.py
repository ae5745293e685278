"""The provider's tokens, keys and refusals: with a real one, over sockets, and with servers that are none."""

import base64
import contextlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from rag_flywheel.adapters.web import oidc
from rag_flywheel.adapters.web.oidc import OpenIdProvider, Registration
from rag_flywheel.domain import SignIn
from rag_flywheel.errors import NotSignedIn, Unavailable
from tests.identity_provider import CLIENT, SECRET
from tests.openid import Provider, claims_of

ATTEMPT = SignIn(redirect="http://localhost/login/callback", state="s" * 43, nonce="n" * 43, verifier="v" * 43)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def of(issuer: str, clock: Callable[[], float] = time.monotonic, *algorithms: str) -> OpenIdProvider:
    client = Registration(
        issuer=issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        scopes=("openid",),
        algorithms=algorithms or ("RS256", "RS512"),
    )
    return OpenIdProvider(client, clock=clock)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_what_the_provider_signed_comes_back_with_its_kind(provider: Provider) -> None:
    token = provider.access_token()
    assert of(provider.issuer).signed(token).claims == claims_of(token)
    assert of(provider.issuer).signed(provider.sign({"sub": "ada"}, typ="AT+JWT")).kind == "at+jwt"


def _none(provider: Provider) -> str:
    return f"{encoded({'alg': 'none', 'kid': provider.keys[0].kid})}.{encoded({'sub': 'ada'})}."


def _none_in_capitals(provider: Provider) -> str:
    return f"{encoded({'alg': 'nOnE', 'kid': provider.keys[0].kid})}.{encoded({'sub': 'ada'})}."


def _signature_cut_off(provider: Provider) -> str:
    return provider.sign({"sub": "ada"}).rpartition(".")[0] + "."


def _hmac_with_the_public_key(provider: Provider) -> str:
    key = provider.keys[0]
    signed = f"{encoded({'alg': 'HS256', 'kid': key.kid})}.{encoded({'sub': 'ada'})}"
    digest = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")  # joserfc itself refuses to
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _own_key_in_the_header(provider: Provider) -> str:
    own = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "kid": provider.keys[0].kid, "jwk": own.as_dict(private=False)}
    return _signed_by(own, header)


def _own_key_at_a_url(provider: Provider) -> str:
    own = RSAKey.generate_key(2048)
    return _signed_by(
        own, {"alg": "RS256", "kid": provider.keys[0].kid, "jku": "https://evil.example/keys", "x5u": "x"}
    )


def _own_key_without_a_name(provider: Provider) -> str:
    return _signed_by(RSAKey.generate_key(2048), {"alg": "RS256"})


def _unknown_kid(provider: Provider) -> str:
    return _signed_by(RSAKey.generate_key(2048), {"alg": "RS256", "kid": "../../etc/passwd' OR 1=1"})


def _kid_that_is_no_text(provider: Provider) -> str:
    return f"{encoded({'alg': 'RS256', 'kid': ['a']})}.{encoded({'sub': 'ada'})}.{'A' * 342}"


def _another_algorithm_of_the_same_key(provider: Provider) -> str:
    key = provider.keys[0]
    return jwt.encode({"alg": "RS384", "kid": key.kid}, {"sub": "ada"}, key, algorithms=["RS384"])


def _critical_header(provider: Provider) -> str:
    head = encoded({"alg": "RS256", "kid": provider.keys[0].kid, "crit": ["b64"], "b64": False})
    return f"{head}.x.{'A' * 342}"


def _deep_header(provider: Provider) -> str:
    return f"{base64.urlsafe_b64encode(b'[' * 370).decode().rstrip('=')}.e30.x"


def _deep_claims(provider: Provider) -> str:
    key = provider.keys[0]
    return jws.serialize_compact({"alg": "RS256", "kid": key.kid}, b'{"a":' * 1500 + b"1" + b"}" * 1500, key)


def _claims_that_are_a_list(provider: Provider) -> str:
    key = provider.keys[0]
    return jws.serialize_compact({"alg": "RS256", "kid": key.kid}, b'["sub"]', key)


def _a_huge_number(provider: Provider) -> str:
    key = provider.keys[0]
    return jws.serialize_compact({"alg": "RS256", "kid": key.kid}, b'{"exp": ' + b"9" * 5000 + b"}", key)


def _too_long(provider: Provider) -> str:
    return provider.sign({"sub": "a" * 20_000})


def _header_that_is_a_list(provider: Provider) -> str:
    return f"{encoded(['alg'])}.{encoded({'sub': 'ada'})}.x"


def _algorithm_that_is_an_object(provider: Provider) -> str:
    return f"{encoded({'alg': {}})}.{encoded({'sub': 'ada'})}.x"


def _nothing(provider: Provider) -> str:
    return ".."


def _signed_by(key: RSAKey, header: dict[str, object]) -> str:
    head, payload = encoded(header), encoded({"sub": "ada", "iss": "x"})
    signature = jws.JWSRegistry.algorithms["RS256"].sign(f"{head}.{payload}".encode(), key)
    return f"{head}.{payload}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


FORGED = [
    _none,
    _none_in_capitals,
    _signature_cut_off,
    _hmac_with_the_public_key,
    _own_key_in_the_header,
    _own_key_at_a_url,
    _own_key_without_a_name,
    _unknown_kid,
    _kid_that_is_no_text,
    _another_algorithm_of_the_same_key,
    _critical_header,
    _deep_header,
    _deep_claims,
    _claims_that_are_a_list,
    _a_huge_number,
    _too_long,
    _header_that_is_a_list,
    _algorithm_that_is_an_object,
    _nothing,
]


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__.strip("_"))
def test_what_the_provider_has_not_signed_as_the_settings_say_is_refused_in_the_same_words(
    provider: Provider, forge: Callable[[Provider], str]
) -> None:
    with pytest.raises(NotSignedIn) as refused:
        of(provider.issuer).signed(forge(provider))
    assert str(refused.value) == oidc.WRONG


def test_a_token_that_names_no_key_is_taken_where_one_key_alone_fits(own_provider: Provider) -> None:
    claims = {"sub": "ada"}
    bare = jwt.encode({"alg": "RS256"}, claims, own_provider.keys[0])
    assert of(own_provider.issuer).signed(bare).claims == claims
    own_provider.stop()
    own_provider.keys.append(RSAKey.generate_key(2048, auto_kid=True))
    own_provider.start()
    with pytest.raises(NotSignedIn):
        of(own_provider.issuer).signed(bare)


# --- its keys -------------------------------------------------------------------------------------------------------


def test_a_new_key_of_the_provider_is_known_with_its_first_token_and_asked_for_once_a_minute(
    own_provider: Provider,
) -> None:
    clock = Clock()
    known = of(own_provider.issuer, clock)
    old = own_provider.access_token()
    known.signed(old)
    own_provider.rotate()
    new = own_provider.access_token()
    with pytest.raises(NotSignedIn):
        known.signed(new)
    clock.now += oidc.AGAIN
    assert known.signed(new).claims == claims_of(new)
    with pytest.raises(NotSignedIn):
        known.signed(old)


def test_what_is_known_of_a_dead_provider_goes_on_for_an_hour_and_no_longer(own_provider: Provider) -> None:
    clock = Clock()
    known = of(own_provider.issuer, clock)
    token = own_provider.access_token()
    known.signed(token)
    own_provider.stop()
    for passed in (oidc.FRESH, oidc.AGE - oidc.FRESH - 1):
        clock.now += passed
        assert known.signed(token).claims == claims_of(token)
        with pytest.raises(NotSignedIn):
            known.signed(_unknown_kid(own_provider))
    clock.now += 2
    with pytest.raises(Unavailable):
        known.signed(token)
    own_provider.start()
    with pytest.raises(Unavailable):
        known.signed(token)
    clock.now += oidc.RETRY
    assert known.signed(token).claims == claims_of(token)


def test_where_the_provider_has_never_answered_nobody_is_refused_for_it(own_provider: Provider) -> None:
    own_provider.stop()
    for ask in (
        lambda known: known.signed(own_provider.sign({})),
        lambda known: known.sign_in_url(ATTEMPT),
        lambda known: known.redeem("code", ATTEMPT),
        lambda known: known.sign_out_url(),
    ):
        with pytest.raises(Unavailable):
            ask(of(own_provider.issuer))


def test_a_wrong_algorithm_is_refused_without_asking_the_provider(own_provider: Provider) -> None:
    own_provider.stop()
    with pytest.raises(NotSignedIn):
        of(own_provider.issuer).signed(_none(own_provider))


def test_a_token_of_another_algorithm_is_told_of_once_in_the_log_without_the_token(
    own_provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    known = of(own_provider.issuer, time.monotonic, "ES256")
    tokens = [f"{encoded({'alg': algorithm})}.{encoded({'sub': 'ada'})}.MARK" for algorithm in ("RS512", "MARK")]
    for token in tokens * 3:
        with pytest.raises(NotSignedIn):
            known.signed(token)
    assert [record.getMessage() for record in caplog.records] == [
        "a token is signed with RS512, and access.oidc.algorithms takes ES256",
        "a token is signed with another algorithm, and access.oidc.algorithms takes ES256",
    ]


# --- servers that are no provider -----------------------------------------------------------------------------------


@contextlib.contextmanager
def server(reply: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                reply(self)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def say(handler: http.server.BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _told(handler: http.server.BaseHTTPRequestHandler, **more: object) -> None:
    base = f"http://{handler.headers['host']}"
    names = {"jwks_uri": "/keys", "authorization_endpoint": "/authorize", "token_endpoint": "/token"}
    keys = [ECKey.generate_key("P-256", auto_kid=True).as_dict(private=False)]
    told = {"issuer": base, **{name: base + path for name, path in names.items()}, "keys": keys, **more}
    say(handler, json.dumps(told).encode())


def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100_000):
        handler.wfile.write(b" " * 65536)


def dripping(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" ")
        time.sleep(0.2)


@pytest.mark.parametrize(
    "reply",
    [
        endless,
        dripping,
        lambda handler: say(handler, b"", 302, Location="http://127.0.0.1:9/"),
        lambda handler: say(handler, b"<html>", 200),
        lambda handler: say(handler, b"[" * 100_000, 200),
        lambda handler: say(handler, b"[]", 200),
        lambda handler: say(handler, b"{}", 500),
        lambda handler: _told(handler, issuer="https://evil.example"),
        lambda handler: _told(handler, jwks_uri="http://evil.example/keys"),
        lambda handler: _told(handler, token_endpoint="http://evil.example/token"),
        lambda handler: _told(handler, authorization_endpoint="javascript:alert(1)"),
        lambda handler: _told(handler, jwks_uri="file:///etc/passwd"),
        lambda handler: _told(handler, jwks_uri=["x"]),
    ],
)
def test_what_is_no_provider_is_not_waited_for_and_not_believed(
    reply: Callable[[http.server.BaseHTTPRequestHandler], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "TIMEOUT", 1.0)
    with server(reply) as url:
        began = time.monotonic()
        with pytest.raises(Unavailable) as told:
            of(url).sign_in_url(ATTEMPT)
        assert time.monotonic() - began < 4
        assert "evil" not in str(told.value)


@pytest.mark.parametrize(
    "keys", [None, [], "x", [None, 1, {}, {"kty": "oct", "k": "A" * 43}, {"kty": "RSA", "n": "!"}]]
)
def test_a_provider_without_a_key_that_we_can_use_has_signed_nothing(keys: object) -> None:
    token = f"{encoded({'alg': 'RS256', 'kid': 'a'})}.e30.x"
    with server(lambda handler: _told(handler, keys=keys)) as url, pytest.raises(NotSignedIn):
        of(url).signed(token)


def test_while_somebody_waits_for_a_slow_provider_others_go_on_with_what_is_known() -> None:
    key, slow, reached = ECKey.generate_key("P-256", auto_kid=True), threading.Event(), threading.Event()

    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        if slow.is_set():
            reached.set()
            time.sleep(1.5)
        _told(handler, keys=[key.as_dict(private=False)])

    clock = Clock()
    with server(reply) as url:
        known = of(url, clock, "ES256")
        token = jwt.encode({"alg": "ES256", "kid": key.kid}, {"sub": "ada"}, key)
        known.signed(token)
        slow.set()
        clock.now += oidc.FRESH
        waiting = threading.Thread(target=known.signed, args=(token,))
        waiting.start()
        assert reached.wait(5)
        began = time.monotonic()
        assert known.signed(token).claims == {"sub": "ada"}
        assert time.monotonic() - began < 1
        waiting.join()
