"""Cross-encoders with sentence-transformers: tuning from pairs, and scoring."""

import hashlib
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from rag_flywheel.adapters.models.encoder import model_path, quiet
from rag_flywheel.errors import ConfigError, Damaged, NotFound, on_disk, trouble
from rag_flywheel.ports import Pair, Reranker, Vectors

MAX_TOKENS = 160  # of a query and a passage together: half as long is more than twice as fast
PAIRS_A_STEP = 16


class TunedReranker:
    """A kept cross-encoder as a `Reranker`."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import CrossEncoder

        quiet()
        try:
            self._model = CrossEncoder(str(folder), device="cpu", max_length=MAX_TOKENS)
        except (OSError, ValueError, SafetensorError) as error:
            raise Damaged(
                f"the tuned reranker in {folder} cannot be loaded ({type(error).__name__}): put a copy of the folder "
                "back, or delete it and reindex"
            ) from error

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros(0, dtype=np.float32)
        import torch

        # Logits, not probabilities: the fusion weighs them, and a sigmoid would flatten what it needs to tell apart.
        scores = self._model.predict(
            [(query, text) for text in texts], activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
        return np.asarray(scores, dtype=np.float32)


class RerankerFolder:
    """Tuned cross-encoders as a `RerankerStore`: one subfolder each, named by the digest of its weights.

    `base` is a cross-encoder, or any encoder: then a new scoring head is trained on top of it.
    """

    def __init__(self, folder: Path, *, base: str, epochs: int, learning_rate: float) -> None:
        self._folder = folder
        self._base = base
        self._epochs = epochs
        self._learning_rate = learning_rate
        self._lock = threading.Lock()
        # Weakly, for a server meets a new one with every version: those that no open version uses are let go.
        self._loaded: weakref.WeakValueDictionary[str, TunedReranker] = weakref.WeakValueDictionary()

    def tune(self, pairs: Sequence[Pair], *, seed: int, on_step: Callable[[int, int], None]) -> str:
        """As the port says. Binary cross-entropy on the pairs (Nogueira and Cho, 2019, arXiv:1901.04085)."""
        if not any(pair.relevant for pair in pairs) or all(pair.relevant for pair in pairs):
            raise ValueError("tuning needs relevant and irrelevant pairs")
        with on_disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with on_disk(self._folder), tempfile.TemporaryDirectory(dir=self._folder, prefix="tuning-") as work:
            model = self._train(pairs, seed=seed, on_step=on_step, work=Path(work))
            try:
                model.save_pretrained(str(Path(work) / "model"))
            except SafetensorError as error:
                raise trouble(self._folder, f"takes no weights ({error})") from error
            digest = _digest(Path(work) / "model")
            if not (self._folder / digest).exists():
                (Path(work) / "model").rename(self._folder / digest)
        return digest

    def _train(self, pairs: Sequence[Pair], *, seed: int, on_step: Callable[[int, int], None], work: Path) -> Any:
        import torch
        from datasets import Dataset
        from sentence_transformers.cross_encoder import (
            CrossEncoder,
            CrossEncoderTrainer,
            CrossEncoderTrainingArguments,
            losses,
        )
        from transformers import PrinterCallback, TrainerCallback, set_seed

        class Progress(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
                on_step(state.global_step, state.max_steps)

        quiet()
        set_seed(seed)
        try:
            model = CrossEncoder(model_path(self._base), num_labels=1, max_length=MAX_TOKENS, device="cpu")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"reranker.base: {self._base!r} cannot be loaded ({type(error).__name__}); give a bundled model, a "
                "folder, or a name that this machine can fetch from the model hub"
            ) from error
        positives = sum(pair.relevant for pair in pairs)
        loss = losses.BinaryCrossEntropyLoss(model, pos_weight=torch.tensor((len(pairs) - positives) / positives))
        arguments = CrossEncoderTrainingArguments(
            output_dir=str(work / "trainer"),
            num_train_epochs=self._epochs,
            learning_rate=self._learning_rate,
            per_device_train_batch_size=PAIRS_A_STEP,
            warmup_steps=max(1, len(pairs) * self._epochs // PAIRS_A_STEP // 10),
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
            data_seed=seed,
            dataloader_pin_memory=False,
        )
        rows = {
            "query": [pair.query for pair in pairs],
            "text": [pair.text for pair in pairs],
            "label": [float(pair.relevant) for pair in pairs],
        }
        trainer = CrossEncoderTrainer(
            model=model, args=arguments, train_dataset=Dataset.from_dict(rows), loss=loss, callbacks=[Progress()]
        )
        trainer.remove_callback(PrinterCallback)  # it prints to standard output, which may be a JSON document
        trainer.train()
        model.eval()
        return model

    def has(self, digest: str) -> bool:
        return (self._folder / digest).is_dir()

    def load(self, digest: str) -> Reranker:
        with self._lock:
            loaded = self._loaded.get(digest)
            if loaded is None:
                if not self.has(digest):
                    raise NotFound(
                        f"the tuned reranker {digest} is not in {self._folder}: put the folder back, or reindex"
                    )
                loaded = self._loaded[digest] = TunedReranker(self._folder / digest)
            return loaded

    def keep_only(self, digests: set[str]) -> None:
        if not self._folder.is_dir():
            return
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in digests:
                shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            for digest in set(self._loaded) - digests:
                self._loaded.pop(digest, None)


def _digest(folder: Path) -> str:
    """SHA-256 over the files that decide the scores, shortened to 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in {".safetensors", ".json", ".txt"}:
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
