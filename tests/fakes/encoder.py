"""An encoder without a model, for tests in which what is near must be foreseeable."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from rag_flywheel.ports import Vectors


class HashingEncoder:
    """Texts to unit vectors by hashing their words to signed places: texts that share words are near. Deterministic.

    `encoded` counts the texts that were encoded, so that a test can see what came from a cache.
    """

    name = "hashing"
    longest = 256  # tokens, which are words and signs here

    def __init__(self, dimension: int = 64, *, by_token: bool = False) -> None:
        self.dimension = dimension
        self.token_dimension = dimension if by_token else 0
        self.encoded = 0

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            # A text without words, and one whose words cancel out, must have unit length too.
            for word in re.findall(r"\w+", text.casefold()) or [text]:
                digest = hashlib.sha256(word.encode()).digest()
                row[int.from_bytes(digest[:4], "big") % self.dimension] += 1.0 if digest[4] % 2 else -1.0
            if not row.any():
                row[0] = 1.0
            row /= np.linalg.norm(row)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        whole = self.encode_documents(texts)
        self.encoded, before = 0, self.encoded
        by_token = [self.encode_documents(text.split()) for text in texts]
        self.encoded = before
        return whole, by_token if self.token_dimension else [vectors[:0, :0] for vectors in by_token]

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self.encode_documents_by_token(texts)
