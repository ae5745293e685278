"""The bundled model, run by ONNX Runtime: it starts in a fraction of the time that sentence-transformers takes to be
imported, and embeds faster. The vectors are the same but for rounding.

`minilm.onnx` is the graph that PyTorch exports, pooling and normalising included, without weights: those are read from
the file of the package that carries the model, by the names they have there. It is written by

    python benchmarks/encoder.py --export
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag_flywheel.ports import Vectors

GRAPH = Path(__file__).with_name("minilm.onnx")


class BundledModel:
    """Texts to unit vectors, (texts, dimension) float32. Many threads may embed at once."""

    dimension = 384

    def __init__(self, weights: Path, tokenizer: str, longest: int) -> None:
        """`tokenizer` is its JSON; texts are cut after `longest` tokens."""
        from tokenizers import Tokenizer

        self._stored = tokenizer, longest
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)
        self._session = _session(weights)

    def tokenizer(self) -> tuple[str, int]:
        return self._stored

    def embed(self, texts: Sequence[str], *, batch: int) -> Vectors:
        """Long texts are embedded first and with their like: a batch costs what its longest text does."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(tokens)), key=lambda number: -len(tokens[number]))
        vectors = np.empty((len(tokens), self.dimension), dtype=np.float32)
        for start in range(0, len(order), batch):
            together = order[start : start + batch]
            vectors[together] = self._run([tokens[number] for number in together])
        return vectors

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, of_text in enumerate(tokens):
            ids[row, : len(of_text)] = of_text
            mask[row, : len(of_text)] = 1
        (vectors,) = self._session.run(["vectors"], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, dtype=np.float32)


def _session(weights: Path) -> Any:
    import onnxruntime
    from safetensors.numpy import load_file

    options = onnxruntime.SessionOptions()
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # as PyTorch is told: one for each nested level
    options.intra_op_num_threads = int(told) if told.isdecimal() else 0  # 0 is every core
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait leave the cores alone
    options.enable_mem_pattern = False  # texts have many lengths, and each would leave its own plan
    options.log_severity_level = 3
    stored = load_file(weights)
    names = [name for name in stored if not name.startswith("pooler.") and stored[name].dtype == np.float32]
    options.add_external_initializers(names, [onnxruntime.OrtValue.ortvalue_from_numpy(stored[name]) for name in names])
    return onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])
