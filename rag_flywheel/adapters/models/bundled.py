"""The bundled model, run by ONNX Runtime or OpenVINO: it starts in a fraction of the time that sentence-transformers
takes to be imported, and embeds faster. The vectors are the same but for rounding.

`minilm.onnx` is the graph that PyTorch exports, pooling and normalising included, without weights: those are read from
the file of the package that carries the model, by the names they have there, or by their places in it.
`minilm_tokens.npy` leads the vectors of tokens to the few directions in which texts of several domains differ most.
They are written by

    python benchmarks/encoder.py --export
    python benchmarks/encoder.py --project FOLDER ...
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.adapters.models.engines import Run, in_onnxruntime
from rag_flywheel.ports import Vectors

PROJECTION = Path(__file__).with_name("minilm_tokens.npy")
UNTELLING = (
    "a an the of to in on at for and or is are was were be been do does did i you he she it we they my your his her "
    "its our their this that these those with from by as how what which who when where why can could should would will "
    "may if not no so than then there here have has had me him them am"
)
"""Words of nearly every sentence: their tokens match everywhere, and so tell nothing (and take room)."""


_Batch = tuple[list[int], list[list[int]], Vectors, Vectors]


class BundledModel:
    """Texts to unit vectors, (texts, dimension) float32. Many threads may embed at once."""

    dimension = 384
    token_dimension = 128

    def __init__(
        self,
        weights: Path,
        tokenizer: str,
        longest: int,
        *,
        projection: Vectors | None = None,
        run: Run | None = None,
        runs_on: str = "onnxruntime",
    ) -> None:
        """`tokenizer` is its JSON; texts are cut after `longest` tokens. `projection`, (dimension, token_dimension), is
        another one than that which comes with the project, and `run` another engine than ONNX Runtime.
        """
        from tokenizers import Tokenizer

        self._stored = tokenizer, longest
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)
        self._telling = _telling(self._tokenizer)
        self.runs_on = runs_on
        self._engine = in_onnxruntime(weights) if run is None else run
        self._projection = np.load(PROJECTION).astype(np.float32) if projection is None else projection

    def tokenizer(self) -> tuple[str, int]:
        return self._stored

    def embed(self, texts: Sequence[str], *, batch: int) -> Vectors:
        """Long texts are embedded first and with their like: a batch costs what its longest text does."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for together, _, whole, _ in self._batches(texts, batch):
            vectors[together] = whole
        return vectors

    def embed_by_token(self, texts: Sequence[str], *, batch: int) -> tuple[Vectors, list[Vectors]]:
        """What `embed` gives, and the vectors of each text's telling tokens, (tokens, token_dimension): what the kept
        directions hold of unit vectors.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        by_token: list[Vectors] = [np.empty((0, self.token_dimension), dtype=np.float32)] * len(texts)
        for together, tokens, whole, states in self._batches(texts, batch):
            vectors[together] = whole
            for number, of_text, of_tokens in zip(together, tokens, states, strict=True):
                telling = self._telling[of_text]
                kept = telling if telling.any() else np.ones_like(telling)
                by_token[number] = of_tokens[: len(of_text)][kept] @ self._projection
        return vectors, by_token

    def _batches(self, texts: Sequence[str], batch: int) -> Iterator[_Batch]:
        """Places of some texts, their tokens, their vectors, and those of the tokens, (texts, longest, dimension)."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(tokens)), key=lambda number: -len(tokens[number]))
        for start in range(0, len(order), batch):
            together = order[start : start + batch]
            some = [tokens[number] for number in together]
            yield together, some, *self._run(some)

    def _run(self, tokens: Sequence[Sequence[int]]) -> tuple[Vectors, Vectors]:
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, of_text in enumerate(tokens):
            ids[row, : len(of_text)] = of_text
            mask[row, : len(of_text)] = 1
        return self._engine(ids, mask)


def _telling(tokenizer: Any) -> NDArray[np.bool_]:
    """Of each token's number whether it tells something of a text: words and numbers that not every text has."""
    told = np.zeros(tokenizer.get_vocab_size(), dtype=np.bool_)
    untelling = {*UNTELLING.split(), *(token.content for token in tokenizer.get_added_tokens_decoder().values())}
    for token, number in tokenizer.get_vocab().items():
        told[number] = token not in untelling and any(map(str.isalnum, token))
    return told
