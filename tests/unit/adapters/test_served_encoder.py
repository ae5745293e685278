"""A model behind an embedding server, also one that is down, slow, rude or talks nonsense."""

import itertools
import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rag_flywheel import config, wiring
from rag_flywheel.adapters.models.served_encoder import EmbeddingServer, ServedEncoder
from rag_flywheel.errors import ConfigError, Unavailable
from tests.fakes.embedding_server import EmbeddingServerFake
from tests.fakes.encoder import HashingEncoder
from tests.fakes.redactor import FakeRedactor
from tests.fakes.rude_server import FOR_EVER, RudeServer
from tests.fakes.services import ASSUMED

KEY = "sk-of-the-embedder"
TEXTS = ["Valves are closed by hand.", "Write to ada@example.org.", "Naïve Wände 漢字", "", "one more"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
Make = Callable[..., ServedEncoder]


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def served(pauses: list[float]) -> Iterator[Make]:
    made = []

    def make(url: str, *, timeout: float = 5.0, retries: int = 2, batch: int = 2, key: str = KEY) -> ServedEncoder:
        server = EmbeddingServer(url=url, model="m", api_key=key, timeout=timeout, retries=retries, longest=100)
        encoder = ServedEncoder(
            server,
            batch=batch,
            query_prefix="query: ",
            document_prefix="passage: ",
            redactor=FakeRedactor(),
            pause=pauses.append,
        )
        made.append(encoder)
        return encoder

    yield make
    for encoder in made:
        encoder.close()


def reply(*vectors: Iterable[float], places: Iterable[int] | None = None) -> bytes:
    numbered = zip(places or range(len(vectors)), vectors, strict=True)
    return HEAD + json.dumps({"data": [{"index": at, "embedding": [*row]} for at, row in numbered]}).encode()


def test_each_text_gets_its_own_unit_vector_whatever_the_order_of_the_reply(served: Make) -> None:
    with EmbeddingServerFake() as server:
        vectors = served(server.url).encode_documents(TEXTS)
        expected = HashingEncoder().encode_documents([f"passage: {text}" for text in TEXTS])
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
        assert max(len(request.body["input"]) for request in server.requests) == 2
        assert {request.path for request in server.requests} == {"/v1/embeddings"}
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}


def test_no_texts_make_no_vectors_and_without_a_key_none_is_sent(served: Make) -> None:
    with EmbeddingServerFake() as server:
        assert served(server.url, key="").encode_documents([]).shape == (0, 64)
        assert "authorization" not in server.requests[0].headers


def test_what_people_ask_is_masked_before_it_is_sent_and_documents_are_as_their_source_says(served: Make) -> None:
    with EmbeddingServerFake() as server:
        encoder = served(server.url)
        encoder.encode_queries(["Is ada@example.org right?"])
        encoder.encode_queries_by_token(["And bob@example.org?"])
        encoder.encode_documents(["Write to help@example.org."])
        assert server.texts[1:] == [
            "query: Is <EMAIL_ADDRESS> right?",
            "query: And <EMAIL_ADDRESS>?",
            "passage: Write to help@example.org.",
        ]


def test_there_are_no_vectors_of_tokens_and_tokens_are_counted(served: Make) -> None:
    with EmbeddingServerFake() as server:
        encoder = served(server.url)
        whole, tokens = encoder.encode_documents_by_token(TEXTS)
        assert (whole.shape, encoder.token_dimension, [len(of_text) for of_text in tokens]) == ((5, 64), 0, [0] * 5)
    assert encoder.count_tokens(["one two", ""]) == [2, 0]
    assert encoder.longest == 100 - len(["[CLS]", "passage", ":", "[SEP]"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(served: Make, pauses: list[float], status: int) -> None:
    with EmbeddingServerFake(refuse=[(status, None), (status, 3)]) as server:
        assert served(server.url).encode_queries(["one"]).shape == (1, 64)
    assert pauses == [0.5, 3.0]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "RAG_FLYWHEEL_EMBEDDER_API_KEY"),
        (404, r"embedder\.model.*embedder\.url"),
        (413, r"embedder\.longest"),
        (307, r"another address.*embedder\.url"),
    ],
)
def test_a_lasting_failure_is_not_tried_again_and_says_what_to_do(served: Make, status: int, advice: str) -> None:
    with EmbeddingServerFake(refuse=[(status, None)] * 3) as server:
        with pytest.raises(Unavailable, match=f"status {status}.*{advice}") as caught:
            served(server.url).encode_documents(["A secret sentence"])
        assert len(server.requests) == 1
    assert not any(word in str(caught.value) for word in (KEY, "secret"))


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-sécret"])
def test_a_key_that_no_header_may_hold_is_refused_at_once_and_not_repeated(served: Make, key: str) -> None:
    with pytest.raises(ConfigError, match="RAG_FLYWHEEL_EMBEDDER_API_KEY holds") as refusal:
        served("http://localhost:1/v1", key=key)
    assert "cret" not in str(refusal.value)


def test_a_wait_longer_than_the_timeout_is_not_waited(served: Make, pauses: list[float]) -> None:
    with EmbeddingServerFake(refuse=[(429, 3600)]) as server, pytest.raises(Unavailable, match="status 429"):
        served(server.url).encode_documents(["one"])
    assert pauses == []


def test_a_server_that_is_down_is_named(served: Make, pauses: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} cannot be reached; start it"):
        served(f"http://127.0.0.1:{port}/v1", retries=1).encode_documents(["one"])
    assert pauses == [0.5]


def drip(whole: bytes) -> Iterable[bytes | float]:
    for byte in whole:
        yield bytes([byte])
        yield 0.1


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda: [FOR_EVER],
        lambda: [HEAD, FOR_EVER],
        lambda: drip(HEAD * 20),
        lambda: [HEAD, *drip(b" " * 500)],
    ],
    ids=["says nothing", "before the body", "drips headers", "drips a body"],
)
def test_the_timeout_is_that_of_the_whole_answer(
    served: Make, behaviour: Callable[[], Iterable[bytes | float]]
) -> None:
    started = time.monotonic()
    with RudeServer(behaviour) as server, pytest.raises(Unavailable, match=r"no answer in 0\.5 s.*embedder\.timeout"):
        served(server.url, timeout=0.5, retries=0).encode_documents(["one"])
    assert 0.5 <= time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HEAD + b"<html>Welcome</html>", "no list of embeddings"),
        (HEAD + b'{"data": "none"}', "no list of embeddings"),
        (HEAD + b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}', "no directions|no list"),
        (HEAD, "no list of embeddings"),
        (reply(), "0 embeddings for 1 texts"),
        (reply([1.0], [1.0]), "2 embeddings for 1 texts"),
        (reply([1.0], places=[5]), "1 embeddings for 1 texts"),
        (reply([0.0, 0.0]), "no directions"),
        (reply([1e308, 1e308]), "no directions"),
        (reply([]), "different lengths"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{", "broke off"),
        (b"\x00\x01\r\n\r\n", "broke off"),
    ],
)
def test_nonsense_is_told_from_vectors(served: Make, body: bytes, said: str) -> None:
    with RudeServer(lambda: [body]) as server, pytest.raises(Unavailable, match=said):
        served(server.url, retries=0).encode_documents(["one"])


def test_an_endless_reply_is_not_read_into_memory(served: Make) -> None:
    endless = lambda: itertools.chain([HEAD], itertools.repeat(b" " * 65536))  # noqa: E731
    tracemalloc.start()
    try:
        with RudeServer(endless) as server, pytest.raises(Unavailable, match="more bytes than vectors have"):
            served(server.url, retries=0).encode_documents(["one"])
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_vectors_of_another_size_than_before_are_refused(served: Make) -> None:
    with EmbeddingServerFake() as server:
        encoder = served(server.url)
        encoder.encode_documents(["one"])
        server.encoder = HashingEncoder(32)
        with pytest.raises(Unavailable, match="32 numbers, and gave such of 64"):
            encoder.encode_documents(["two"])


def _empty(folder: Path) -> Path:
    file = folder / "config.yaml"
    file.write_text("", encoding="utf-8")
    return file


def test_the_settings_choose_the_server_and_a_version_follows_it_to_another_address(tmp_path: Path) -> None:
    with EmbeddingServerFake() as server:
        environ = ASSUMED | {"RAG_FLYWHEEL_EMBEDDER__URL": server.url, "RAG_FLYWHEEL_EMBEDDER__MODEL": "bge"}
        settings = config.load(_empty(tmp_path), environ)
        with wiring.services(settings, config.secrets({"RAG_FLYWHEEL_EMBEDDER_API_KEY": KEY})) as services:
            encoder = services.encoders(settings.embedder)
            moved = settings.embedder.model_copy(update={"url": "http://127.0.0.1:1/v1", "timeout": 1.0})
            assert services.encoders(moved) is encoder
            encoder.encode_documents(["one", "one"])
            encoder.encode_documents(["one"])
        assert encoder.name == "served:bge"
        assert server.texts == ["dimension", "one"]
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("url", ["localhost:8080/v1", "http://user:word@host/v1", "http://host/v1?key=word"])
def test_a_url_that_holds_a_secret_or_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"embedder\.url") as caught:
        config.load(_empty(tmp_path), ASSUMED | {"RAG_FLYWHEEL_EMBEDDER__URL": url})
    assert "word" not in str(caught.value)
