"""A model behind an OpenAI-compatible embedding server as an `Encoder`, such as Text Embeddings Inference or vLLM.

It gives no vectors of tokens: the protocol has none. Questions are masked before they are sent, as all is that another
service is told of what people say; documents are masked already, as their source says.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError
from tokenizers import Tokenizer

from rag_flywheel.adapters.models.encoder import BUNDLED, model_path, stored_tokenizer
from rag_flywheel.adapters.models.failures import Failure, Names, refused
from rag_flywheel.adapters.models.waiting import Patience, Silent, TooLong, TooMany
from rag_flywheel.errors import ConfigError, Unavailable
from rag_flywheel.ports import Redactor, Vectors

_BYTES_OF_A_VECTOR = 1 << 18  # 8,192 numbers of 32 characters
_ENVELOPE = 1 << 16  # bytes of what comes besides
_NAMES = Names(
    key="RAG_FLYWHEEL_EMBEDDER_API_KEY",
    model="embedder.model",
    url="embedder.url",
    limits="embedder.longest and embedder.batch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingServer:
    """A model behind a server, and how it is asked."""

    url: str  # the server's base, such as http://localhost:8080/v1
    model: str  # its name there
    api_key: str = field(repr=False)  # empty: none is sent
    timeout: float  # seconds for one answer
    retries: int  # after a lost connection, a time-out, 429 and 5xx
    longest: int  # tokens that it takes of a text


class _Vector(BaseModel):
    index: int
    embedding: list[float]


class _Reply(BaseModel):
    data: list[_Vector]


class _Refused(Exception):
    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after = retry_after


class _NoVectors(Exception):
    """The reply holds something else."""


class ServedEncoder:
    """Texts to vectors by a server, `batch` texts a request. Safe under threads. Raises Unavailable, and
    ConfigError for a key that cannot be sent.

    Tokens are counted by the tokenizer of `server.model` where that is a folder here, else by the bundled model's.
    """

    token_dimension = 0

    def __init__(
        self,
        server: EmbeddingServer,
        *,
        batch: int,
        query_prefix: str,
        document_prefix: str,
        redactor: Redactor,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if not (server.api_key.isascii() and server.api_key.isprintable()):
            raise ConfigError(
                f"{_NAMES.key} holds a line's end or another character that no header may have: set it to the key alone"
            )
        self.name = f"served:{server.model}"
        self._server = server
        self._batch = batch
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._redactor = redactor
        self._pause = pause
        self._patience = Patience(silence=server.timeout)
        self._host = urlsplit(server.url).netloc
        key = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
        self._http = httpx.Client(timeout=server.timeout, headers={"Accept-Encoding": "identity"} | key)

    @property
    def runs_on(self) -> str:
        return f"the server at {self._host}"

    @cached_property
    def dimension(self) -> int:
        return len(self._asked(["dimension"])[0])

    @property
    def longest(self) -> int:
        return self._server.longest - len(self._tokenizer.encode(self._document_prefix).ids)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encoded]

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._encoded([self._document_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encoded([self._query_prefix + self._redactor.redact(text).text for text in texts])

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self.encode_documents(texts), [np.zeros((0, 0), dtype=np.float32) for _ in texts]

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self.encode_queries(texts), [np.zeros((0, 0), dtype=np.float32) for _ in texts]

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        found = stored_tokenizer(Path(model_path(self._server.model))) or stored_tokenizer(Path(model_path(BUNDLED)))
        assert found is not None
        tokenizer = Tokenizer.from_str(found[0])
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _encoded(self, texts: list[str]) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), self._batch):
            some = self._asked(texts[start : start + self._batch])
            if some.shape[1] != self.dimension:
                raise Unavailable(
                    f"the embedding server at {self._host} gives vectors of {some.shape[1]} numbers, and gave such of "
                    f"{self.dimension} before: see that it serves one model, then restart this program"
                )
            vectors[start : start + len(some)] = some
        return vectors

    def _asked(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of as many texts as one request may have, tried again where another try may help."""
        for attempt in count():
            until = time.monotonic() + self._server.timeout
            try:
                body = b"".join(self._patience.pieces(lambda: self._once(texts), until=until))
                return _vectors(body, len(texts))
            except (_Refused, _NoVectors, httpx.HTTPError, httpx.InvalidURL, Silent, TooLong, TooMany) as error:
                failure = _failure(error, self._server.timeout)
                if attempt >= self._server.retries or not failure.worth_waiting(self._server.timeout):
                    raise Unavailable(
                        f"the embedding server at {self._host} {failure.what}; {failure.advice}"
                    ) from error
            self._pause(failure.pause(attempt))
        raise AssertionError

    def _once(self, texts: Sequence[str]) -> Iterator[bytes]:
        asked = {"model": self._server.model, "input": list(texts), "encoding_format": "float"}
        left = _ENVELOPE + _BYTES_OF_A_VECTOR * len(texts)
        with self._http.stream("POST", f"{self._server.url.rstrip('/')}/embeddings", json=asked) as response:
            if response.status_code != httpx.codes.OK:
                raise _Refused(response.status_code, response.headers.get("retry-after", ""))
            for piece in response.iter_raw():
                left -= len(piece)
                if left < 0:
                    raise _NoVectors("more bytes than vectors have")
                yield piece


def _vectors(body: bytes, texts: int) -> Vectors:
    """Unit rows in the order of the texts."""
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        raise _NoVectors("no list of embeddings") from None  # its message quotes the reply
    by_place = {vector.index: vector.embedding for vector in reply.data}
    if len(reply.data) != texts or by_place.keys() != set(range(texts)):
        raise _NoVectors(f"{len(reply.data)} embeddings for {texts} texts")
    rows = [by_place[place] for place in range(texts)]
    if len(set(map(len, rows))) != 1 or not rows[0]:
        raise _NoVectors("embeddings of different lengths")
    vectors = np.array(rows, dtype=np.float64)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise _NoVectors("embeddings that are no directions")
    return np.asarray(vectors / norms, dtype=np.float32)


def _failure(error: Exception, timeout: float) -> Failure:
    """What happened, without a word of the request or of the reply, which may repeat the request."""
    match error:
        case _Refused():
            return refused(error.status, error.retry_after, _NAMES)
        case _NoVectors():
            return Failure(f"replied with {error}", "check embedder.url: it usually ends in /v1", False)
        case TooMany():
            return Failure("has not ended requests of before", "look at its log", False)
        case Silent() | TooLong() | httpx.TimeoutException():
            return Failure(f"gave no answer in {timeout:g} seconds", "raise embedder.timeout or lighten its load", True)
        case httpx.ConnectError():
            return Failure("cannot be reached", "start it, or check embedder.url", True)
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return Failure("has no sound URL", "check embedder.url", False)
        case _:
            return Failure("broke off in the middle of its answer", "ask again, or look at its log", True)
