"""What is said in Slack: replies to commands and buttons, and the methods of its web API.

Requests go through httpx's transport and not through its client, as those of the webhooks do: no URL is logged, no
redirect followed, and no proxy variable of the environment read.
"""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence

import httpx

from rag_flywheel.domain import Json
from rag_flywheel.domain.checks import is_private
from rag_flywheel.errors import InvalidInput, Unavailable

TIMEOUT = 10.0  # seconds for a whole attempt; only the look-up of a name can take longer
PAUSES = (0.0, 1.0, 4.0)  # seconds before each attempt
MOST = 64 * 1024  # bytes of a reply that are read
_WORD = re.compile(r"[a-z_]{1,60}")


class HttpSlack:
    """`Slack` over HTTPS. `response_hosts` are the hosts, with a port where it is another, of the URLs that it sends
    replies to; `token` is the bot's, or empty.
    """

    def __init__(
        self, *, url: str, token: str, response_hosts: Sequence[str], pauses: Sequence[float] = PAUSES
    ) -> None:
        self._url = url
        self._token = token
        self._hosts = frozenset(response_hosts)
        self._pauses = pauses
        self._trusted = httpx.create_ssl_context()

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def refuse_elsewhere(self, url: str) -> None:
        known = httpx.URL(url) if is_private(url) else None
        if known is None or known.netloc.decode() not in self._hosts:
            raise InvalidInput("replies to Slack go to the hosts in `slack.response_hosts` over https, and to no other")

    def respond(self, url: str, message: Mapping[str, Json]) -> None:
        self.refuse_elsewhere(url)
        self._send(httpx.Request("POST", url, json=dict(message)))

    def call(self, method: str, arguments: Mapping[str, Json]) -> None:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json; charset=utf-8"}
        content = json.dumps(dict(arguments)).encode()
        reply = self._send(httpx.Request("POST", f"{self._url}/{method}", headers=headers, content=content))
        try:
            told = json.loads(reply)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict) or told.get("ok") is not True:
            word = told.get("error") if isinstance(told, dict) else None
            said = word if isinstance(word, str) and _WORD.fullmatch(word) else "no reason"
            raise Unavailable(f"Slack does not take {method}, and says {said}: see to the app's token and scopes")

    def _send(self, request: httpx.Request) -> bytes:
        """What Slack says. Raises Unavailable."""
        status: int | None = None
        for pause in self._pauses:
            time.sleep(pause)
            status, said = asyncio.run(self._attempt(request))
            if status == 200:
                return said
            if status is not None and status != 429 and status < 500:
                break
        raise Unavailable(f"Slack does not take what is sent to it: {status or 'no reply'}; try again later")

    async def _attempt(self, request: httpx.Request) -> tuple[int | None, bytes]:
        said = b""
        try:
            async with asyncio.timeout(TIMEOUT), httpx.AsyncHTTPTransport(verify=self._trusted) as transport:
                response = await transport.handle_async_request(request)
                async for piece in response.aiter_bytes():
                    said += piece
                    if len(said) > MOST:
                        break
                await response.aclose()
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError, TimeoutError):
            return None, b""
        return response.status_code, said[:MOST]
