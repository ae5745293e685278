"""Webhooks after the Standard Webhooks specification 1.0.0, signed with HMAC-SHA256 (https://www.standardwebhooks.com).

The specification's library would bring one more dependency for the three lines of `sign`, and takes secrets in base64
only. Requests go through httpx's transport and not through its client, which would log every URL, follow redirects
where asked to, and keep cookies. So proxy variables of the environment are not read. httpcore's debug log names hosts.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from rag_flywheel.domain import Notice
from rag_flywheel.errors import ConfigError

TIMEOUT = 10.0  # seconds for a whole attempt; only the look-up of a name can take longer
SECRET_AT_LEAST = 24  # bytes, says the specification
PREFIX = "whsec_"


class HttpWebhooks:
    """`Webhooks` that POSTs each notice as JSON: `type`, `timestamp` (of the event) and `data`.

    `secret` is `whsec_` and base64, or else is taken as it is. Raises ConfigError for a URL that is not http or https,
    for URLs without a secret (whoever knows the URL could tell the receiver anything), and for a secret that is not
    base64 after `whsec_` or is shorter than 24 bytes. No message holds a URL or the secret.
    """

    def __init__(self, urls: Sequence[str], *, secret: str, timeout: float = TIMEOUT) -> None:
        self._urls = {
            hashlib.sha256(url.encode()).hexdigest()[:16]: _checked(url, place=place, of=len(urls))
            for place, url in enumerate(urls, start=1)
        }
        self._key = _key(secret) if urls else b""
        self._timeout = timeout
        self._trusted = httpx.create_ssl_context() if urls else None  # takes some 20 ms, so once

    @property
    def receivers(self) -> tuple[str, ...]:
        return tuple(self._urls)

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        # An event loop of its own, because only that can bound the whole of an attempt: httpx bounds each step of it,
        # and a receiver that sends a byte now and then would hold it for ever.
        return asyncio.run(self._send(self._request(notice, receiver, at)))

    def _request(self, notice: Notice, receiver: str, at: datetime) -> httpx.Request:
        moment = notice.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        told = {"type": notice.kind, "timestamp": moment, "data": dict(notice.data)}
        body = json.dumps(told, separators=(",", ":"), allow_nan=False).encode()
        seconds = int(at.timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "rag-flywheel",
            "webhook-id": notice.notice_id,  # the same at each attempt, so that a receiver can drop what it has
            "webhook-timestamp": str(seconds),
            "webhook-signature": sign(body, key=self._key, notice_id=notice.notice_id, seconds=seconds),
        }
        url = self._urls[receiver]
        request = httpx.Request("POST", url, headers=headers, content=body)
        if url.username or url.password:
            request = next(httpx.BasicAuth(url.username, url.password).auth_flow(request))
        return request

    async def _send(self, request: httpx.Request) -> int | None:
        assert self._trusted is not None
        try:
            async with asyncio.timeout(self._timeout), httpx.AsyncHTTPTransport(verify=self._trusted) as transport:
                response = await transport.handle_async_request(request)
                await response.aclose()  # what it says beyond the status is nothing to us
        except (httpx.TransportError, TimeoutError):
            return None
        return response.status_code


def sign(body: bytes, *, key: bytes, notice_id: str, seconds: int) -> str:
    """The signature header: `v1,` and the base64 of the HMAC-SHA256 over id, Unix time in seconds, and body."""
    signed = b".".join([notice_id.encode(), str(seconds).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _checked(url: str, *, place: int, of: int) -> httpx.URL:
    try:
        known = httpx.URL(url)
        known.host.encode("idna")  # as the name is looked up
    except (httpx.InvalidURL, UnicodeError):
        known = httpx.URL("")
    if known.scheme not in ("http", "https") or not known.host:
        # Without its cause, and without the URL: either can hold a secret.
        raise ConfigError(
            f"the webhook URL at place {place} of {of} is not an http or https URL with a host: put it right in "
            "RAG_FLYWHEEL_WEBHOOK_URLS, where spaces separate URLs"
        ) from None
    return known


def _key(secret: str) -> bytes:
    if not secret:
        raise ConfigError(
            "there are webhook URLs and no secret to sign with: set RAG_FLYWHEEL_WEBHOOK_SECRET to whsec_ and the "
            f"base64 of at least {SECRET_AT_LEAST} random bytes, and tell it to the receivers"
        )
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except binascii.Error:
        raise ConfigError(f"RAG_FLYWHEEL_WEBHOOK_SECRET begins with {PREFIX} and goes on with no base64") from None
    key = key if secret.startswith(PREFIX) else secret.encode()
    if len(key) < SECRET_AT_LEAST:
        raise ConfigError(
            f"RAG_FLYWHEEL_WEBHOOK_SECRET is {len(key)} bytes long, and the specification of webhooks wants at least "
            f"{SECRET_AT_LEAST}"
        )
    return key
