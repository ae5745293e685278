"""An OpenID provider, by OpenID Connect Core 1.0 and Discovery 1.0, with PKCE (RFC 7636).

What the provider says of itself and its keys are asked for when they are first needed, again when they are `FRESH`
seconds old, and when a token names a key that is not among them, but not more often than every `AGAIN` seconds (`RETRY`
while nothing is known). While the provider does not answer, what is known goes on for `AGE` seconds.

Redirects are not followed, and proxy variables of the environment are not read. Which key a token is checked with is
for the provider's list to say: `jku`, `jwk` and `x5u` in a token's header are nothing to us.
"""

import asyncio
import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwk, jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from rag_flywheel.domain import Signed, SignIn
from rag_flywheel.domain.checks import is_private
from rag_flywheel.errors import NotSignedIn, Unavailable

TIMEOUT = 5.0  # seconds for one reply, whole; only the look-up of a name can take longer
MOST = 512 * 1024  # bytes of a reply
TOKEN = 16 * 1024  # characters of a token
KEYS = 50  # of the provider, at most
ALGORITHMS = (
    "none",
    *(f"{kind}{bits}" for kind in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)),
    "EdDSA",
    "Ed25519",
)
RSA_BITS = range(2048, 8193)
FRESH, AGE, AGAIN, RETRY = 600.0, 3600.0, 60.0, 10.0  # seconds
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")  # parts of a key that should not be there
WRONG = "this token opens nothing: it is wrong, expired, or not meant for this server"

logger = logging.getLogger("rag_flywheel.sign_in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The provider, and what this server is to it."""

    issuer: str
    client_id: str
    client_secret: str  # empty: a public client, which PKCE alone secures
    scopes: Sequence[str]
    algorithms: Sequence[str]  # that tokens may be signed with, all of them with a private key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the provider says of itself."""

    authorization: str
    token: str
    end_session: str | None
    takes_post: bool  # the client's secret in the body
    keys: Sequence[RSAKey | ECKey | OKPKey]
    at: float


class OpenIdProvider:
    """`IdentityProvider` over HTTP, safe under threads. `clock` gives seconds that only ever rise."""

    def __init__(self, client: Registration, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._registry = jws.JWSRegistry(algorithms=client.algorithms, strict_check_header=False)
        self._turn = threading.Lock()  # of whoever asks the provider
        self._known: _Known | None = None
        self._asked: float | None = None
        self._told_of: set[str] = set()
        self._trusted = httpx.create_ssl_context()  # takes some 20 ms, so once

    def signed(self, token: str) -> Signed:
        try:
            if len(token) > TOKEN:
                raise NotSignedIn(WRONG)
            unchecked = jws.extract_compact(token.encode(), registry=self._registry)
            header = unchecked.headers()
            key = self._key(header)
            if key is None or not jws.validate_compact(unchecked, key, registry=self._registry):
                raise NotSignedIn(WRONG)
            claims = json.loads(unchecked.payload)
        except UnsupportedAlgorithmError:
            self._tell_of(_algorithm(token))
            raise NotSignedIn(WRONG) from None
        except (JoseError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
            raise NotSignedIn(WRONG) from None  # without its cause, which may quote the token
        kind = header.get("typ", "")
        if not isinstance(claims, dict) or not isinstance(kind, str):
            raise NotSignedIn(WRONG)
        return Signed(kind=kind.lower(), claims=claims)

    def _tell_of(self, algorithm: str) -> None:
        """Once for each: who sets the provider up has to know, and who sends tokens is not to fill the log."""
        if algorithm not in self._told_of:
            self._told_of.add(algorithm)
            taken = ", ".join(self._client.algorithms)
            logger.warning("a token is signed with %s, and access.oidc.algorithms takes %s", algorithm, taken)

    def sign_in_url(self, attempt: SignIn) -> str:
        return str(
            prepare_grant_uri(
                self._now().authorization,
                client_id=self._client.client_id,
                response_type="code",
                redirect_uri=attempt.redirect,
                scope=list(self._client.scopes),
                state=attempt.state,
                nonce=attempt.nonce,
                code_challenge=create_s256_code_challenge(attempt.verifier),
                code_challenge_method="S256",
            )
        )

    def redeem(self, code: str, attempt: SignIn) -> str:
        known, client = self._now(), self._client
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=attempt.redirect, code_verifier=attempt.verifier
        )
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if not client.client_secret or known.takes_post:
            body += f"&client_id={quote_plus(client.client_id)}"
            body += f"&client_secret={quote_plus(client.client_secret)}" if client.client_secret else ""
        request = httpx.Request("POST", known.token, headers=headers, content=body)
        if client.client_secret and not known.takes_post:
            login = httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.client_secret))
            request = next(login.auth_flow(request))
        status, reply = asyncio.run(self._reply(request))
        token = reply.get("id_token")
        if status == 400 and reply.get("error") == "invalid_grant":
            raise NotSignedIn("the identity provider does not know this sign-in: begin again at /login")
        if status != 200 or not isinstance(token, str):
            logger.error("the identity provider gave no ID token for a code: status %s", status)
            raise Unavailable(
                "the identity provider gave no ID token: check access.oidc.client_id, its secret and its redirect URI"
            )
        return token

    def sign_out_url(self) -> str | None:
        ends = self._now().end_session
        return None if ends is None else str(httpx.URL(ends).copy_merge_params({"client_id": self._client.client_id}))

    def _key(self, header: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey | None:
        """The one key that the token can have been signed with."""
        algorithm = self._registry.get_alg(header["alg"])
        found = _fitting(self._now().keys, header.get("kid"), algorithm)
        return found or _fitting(self._now(again=True).keys, header.get("kid"), algorithm)

    def _now(self, *, again: bool = False) -> _Known:
        """What the provider says, as new as it has to be; with `again`, as new as it may be."""
        known = self._still()
        if known is not None and not again and self._clock() - known.at < FRESH:
            return known
        # Whoever knows something goes on with it while another thread asks.
        if not self._turn.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            known, now = self._still(), self._clock()
            if self._asked is None or now - self._asked >= (RETRY if known is None else AGAIN):
                self._asked = now
                known = self._known = self._told()
        except Unavailable:
            if known is None:
                raise
            logger.warning("the identity provider does not answer: its keys of before go on for a while")
        finally:
            self._turn.release()
        if known is None:
            raise Unavailable("the identity provider did not answer a moment ago: ask again soon")
        return known

    def _still(self) -> _Known | None:
        known = self._known
        return known if known is not None and self._clock() - known.at < AGE else None

    def _told(self) -> _Known:
        at, issuer = self._clock(), self._client.issuer
        told = self._fetched(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told.get("issuer") != issuer:
            raise Unavailable("the identity provider names another issuer than access.oidc.issuer does")
        jwks, authorization, token = (
            told.get(name) for name in ("jwks_uri", "authorization_endpoint", "token_endpoint")
        )
        if not all(isinstance(url, str) and is_private(url) for url in (jwks, authorization, token)):
            raise Unavailable("the identity provider names no https URLs for its keys, for signing in and for tokens")
        ends = told.get("end_session_endpoint")
        methods = told.get("token_endpoint_auth_methods_supported")
        return _Known(
            authorization=str(authorization),
            token=str(token),
            end_session=ends if isinstance(ends, str) and is_private(ends) else None,
            takes_post=isinstance(methods, list) and "client_secret_post" in methods,
            keys=_keys(self._fetched(str(jwks)).get("keys")),
            at=at,
        )

    def _fetched(self, url: str) -> Mapping[str, Any]:
        status, told = asyncio.run(self._reply(httpx.Request("GET", url)))
        if status != 200:
            raise Unavailable(f"the identity provider replied with status {status}")
        return told

    async def _reply(self, request: httpx.Request) -> tuple[int, Mapping[str, Any]]:
        """The status and the JSON object. An event loop of its own, because only that can bound the whole of it."""
        request.headers.update({"accept": "application/json", "accept-encoding": "identity"})
        body = b""
        try:
            async with asyncio.timeout(TIMEOUT), httpx.AsyncHTTPTransport(verify=self._trusted) as transport:
                response = await transport.handle_async_request(request)
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MOST:
                        raise Unavailable(f"the identity provider replied with more than {MOST} bytes")
            told = json.loads(body)
        except (httpx.TransportError, TimeoutError):
            raise Unavailable("the identity provider does not answer: is access.oidc.issuer right?") from None
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Unavailable("the identity provider replied with what is no JSON object")
        return response.status_code, told


def _keys(listed: object) -> Sequence[RSAKey | ECKey | OKPKey]:
    """Those that can have signed a token. What we cannot read is passed over, as RFC 7517, 5 says."""
    found: list[RSAKey | ECKey | OKPKey] = []
    for entry in listed[:KEYS] if isinstance(listed, list) else ():
        try:
            key = jwk.import_key({name: value for name, value in dict(entry).items() if name not in _PRIVATE})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if not isinstance(key, OctKey) and (not isinstance(key, RSAKey) or key.raw_value.key_size in RSA_BITS):
            found.append(key)
    return found


def _algorithm(token: str) -> str:
    """Which one a token names, of those that have a name: the rest may be anything."""
    try:
        header = base64.urlsafe_b64decode(token.partition(".")[0] + "==")
    except ValueError:
        return "no algorithm"
    return next((name for name in ALGORITHMS if f'"{name}"'.encode() in header), "another algorithm")


def _fitting(
    keys: Sequence[RSAKey | ECKey | OKPKey], kid: object, algorithm: JWSAlgModel
) -> RSAKey | ECKey | OKPKey | None:
    fitting = [key for key in keys if kid in (None, key.kid) and _fits(key, algorithm)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(key: RSAKey | ECKey | OKPKey, algorithm: JWSAlgModel) -> bool:
    try:
        algorithm.check_key(key)
    except JoseError:
        return False
    return True
