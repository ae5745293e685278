"""How requests are sent: what failures become, and which requests are sent again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar, cast

import httpx
import httpx_sse
from pydantic import TypeAdapter, ValidationError
from tenacity import RetryCallState, retry_if_exception, stop_after_attempt

from rag_flywheel import errors
from rag_flywheel.client.calls import Call
from rag_flywheel.errors import Damaged, FlywheelError, InvalidInput, TooMany, Unavailable

Reply = TypeVar("Reply")
ERRORS: Mapping[str, type[FlywheelError]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, FlywheelError)
}
BY_STATUS: Mapping[int, type[FlywheelError]] = {
    error.http_status: error
    for error in (
        *(errors.InvalidInput, errors.NotSignedIn, errors.NotAllowed, errors.NotFound, errors.Conflict),
        *(TooMany, Unavailable),
    )
}
"""Of errors that a newer server may have and this client does not know."""
LONGEST = 30.0  # seconds between two attempts, at most
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a client sends requests to, and how."""

    url: str
    key: str | None  # an API key
    timeout: float | None  # seconds without a byte; None: an answer may take as long as it takes
    connect: float  # seconds until there is a connection
    attempts: int  # of a request, at most
    pause: float  # seconds before the second attempt; each later pause is twice as long

    @property
    def options(self) -> dict[str, Any]:
        """For either client of httpx. Raises InvalidInput for what is no URL."""
        try:
            scheme = httpx.URL(self.url).scheme
        except httpx.InvalidURL as error:
            raise InvalidInput(f"{self.url!r} is no URL ({error}); expected such as http://localhost:8000") from error
        if scheme not in ("http", "https"):
            raise InvalidInput(f"{self.url!r} is no URL of a server; expected such as http://localhost:8000")
        headers = {} if not self.key else {"Authorization": f"Bearer {self.key}"}
        timeout = httpx.Timeout(self.timeout, connect=self.connect)
        return {"base_url": self.url, "headers": headers, "timeout": timeout}

    def again(self, call: Call[Any]) -> dict[str, Any]:
        """For either of tenacity's: when a request is sent again, and after how long."""
        return {
            "stop": stop_after_attempt(self.attempts),
            "wait": self._wait,
            "retry": retry_if_exception(partial(_is_worth_it, call)),
            "reraise": True,
        }

    def _wait(self, state: RetryCallState) -> float:
        """As long as the server says, else longer each time; never more than LONGEST."""
        error = None if state.outcome is None else state.outcome.exception()
        if isinstance(error, TooMany):
            return min(float(error.seconds), LONGEST)
        return min(self.pause * 2.0 ** (state.attempt_number - 1), LONGEST)


def _is_worth_it(call: Call[Any], error: BaseException) -> bool:
    """What never arrived was not done, nor what was turned away at the door; else it has to be one that may repeat."""
    if isinstance(error, (*NEVER_SENT, TooMany)):
        return True
    return call.may_repeat and isinstance(error, httpx.TransportError | Unavailable)


def headers(call: Call[Any]) -> dict[str, str]:
    return {} if call.key is None else {"Idempotency-Key": call.key}


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raises our errors for those of httpx."""
    try:
        yield
    except (httpx.DecodingError, httpx_sse.SSEError) as error:
        raise Damaged(f"the reply from {url} cannot be read: is it a rag-flywheel server?") from error
    except httpx.RequestError as error:
        raise Unavailable(
            f"no answer from {url} ({type(error).__name__}): is the server running? Start it with `rag-flywheel serve`"
        ) from error


def checked(reply: httpx.Response) -> httpx.Response:
    """Raises the error that the reply names, in the server's own words."""
    if reply.is_error:
        raise failure(reply)
    return reply


def failure(reply: httpx.Response) -> FlywheelError:
    try:
        named = reply.json()
        kind, detail = named["error"], named["detail"]
    except (ValueError, KeyError, TypeError):
        return Damaged(f"the server replied {reply.status_code} and no explanation: is it a rag-flywheel server?")
    seconds = reply.headers.get("Retry-After", "")
    return error_of(kind, detail, status=reply.status_code, seconds=int(seconds) if seconds.isdecimal() else 1)


def error_of(kind: str, detail: str, *, status: int = 500, seconds: int = 1) -> FlywheelError:
    """The error of a name; of one that is not known here, that of its status."""
    known = ERRORS.get(kind) or BY_STATUS.get(status, FlywheelError)
    return TooMany(detail, seconds=seconds) if known is TooMany else known(detail)


def read(kind: type[Reply], text: str | bytes) -> Reply:
    """Raises Damaged for what is no such reply."""
    try:
        found: Reply = _adapter(cast(Any, kind)).validate_json(text)
    except ValidationError as error:
        raise Damaged(f"the server's reply is no {kind.__name__.lstrip('_')}: is it a rag-flywheel server?") from error
    return found


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
