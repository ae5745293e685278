"""Recipe and measure of the tagger of names and street addresses (rag_flywheel/adapters/privacy/tagger.py).

    python benchmarks/tagging.py                 fit on two thirds of pii-dev's templates, measure the third, in turn
    python benchmarks/tagging.py --write         fit on all, and write tagger.npz
    python benchmarks/tagging.py --export        write tagger.onnx, the lower half of minilm.onnx (wants onnx)
    python benchmarks/tagging.py --speed         texts of 100 tokens a second

The head learns from pii-dev, from sentences of tagging.json filled with what the package Faker makes up in 48 countries
(MIT; nothing else here needs it), and from paragraphs of docs/ and of installed packages' READMEs, where nothing is
private. Fitting wants torch. What is measured is only what the tagger finds by itself: the patterns come on top.
"""

import argparse
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rag_flywheel.adapters.models import bundled
from rag_flywheel.adapters.privacy import tagger

DATA = Path(os.environ.get("RAG_FLYWHEEL_DATA", "../shared/data"))
SENTENCES = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
SLOT = re.compile(r"\{(\w)\}")
KINDS = {"PERSON": tagger.PERSON, "STREET_ADDRESS": tagger.ADDRESS}
NOT_ORDINARY = re.compile(r"by [A-Z]|author|thank|maint|copyright|contrib|@|\bMrs?\b|said|born|street|avenue", re.I)
FOLDS, HIDDEN, EPOCHS, BATCH = 3, 64, 10, 1024


class Text(NamedTuple):
    text: str
    spans: Sequence[tuple[int, int, str]]


def labelled() -> list[Text]:
    """pii-dev as it is; other labels than the tagger's two stay, to tell which template a text has."""
    lines = (DATA / "pii-dev/texts.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Text(row["text"], [(span["start"], span["end"], span["label"]) for span in row["spans"]])
        for row in map(json.loads, lines)
    ]


def fold(text: Text) -> int:
    """The same for all texts of one template."""
    left, at = "", 0
    for start, end, _ in sorted(text.spans):
        if start >= at:
            left, at = left + text.text[at:start] + " @ ", end
    template = re.sub(r"[\W_]+", " ", (left + text.text[at:]).lower()).strip()
    return sum(map(ord, template)) % FOLDS


def made_up(count: int, ordinary: Sequence[str], seed: int) -> list[Text]:
    from faker import Faker

    Faker.seed(seed)
    chance = random.Random(seed)
    sources = [Faker(locale) for locale in SENTENCES["locales"]]
    texts = []
    for _ in range(count):
        text, spans = "", list[tuple[int, int, str]]()
        for _ in range(chance.choice((1, 1, 2, 2, 3))):
            drawn = chance.random()
            sentence = chance.choice(SENTENCES["private"] if drawn < 0.6 else SENTENCES["ordinary"])
            part = Text(chance.choice(ordinary), []) if drawn > 0.85 else _filled(sentence, sources, chance)
            text += chance.choice(" \n") if text else ""
            spans += [(start + len(text), end + len(text), kind) for start, end, kind in part.spans]
            text += part.text
        cased = {0: text.lower(), 1: text.upper()}.get(int(chance.random() * 100) // 15 if chance.random() < 0.2 else 9)
        texts.append(Text(cased if cased and len(cased) == len(text) else text, spans))
    return texts


def _filled(sentence: str, sources: Sequence[Any], chance: random.Random) -> Text:
    source, text, at, spans = chance.choice(sources), "", 0, []
    for slot in SLOT.finditer(sentence):
        text, at = text + sentence[at : slot.start()], slot.end()
        value = _value(slot[1], lambda name: getattr(source, name, getattr(sources[0], name))(), chance)
        if slot[1] in "PFLA":
            spans.append((len(text), len(text) + len(value), "STREET_ADDRESS" if slot[1] == "A" else "PERSON"))
        text += value
    return Text(text + sentence[at:], spans)


def _value(slot: str, make: Callable[[str], Any], chance: random.Random) -> str:
    first, last, street, city = (str(make(name)) for name in ("first_name", "last_name", "street_address", "city"))
    postcode, gap, number = str(make("postcode")), chance.choice((", ", ", ", "\n", " ")), chance.randint(1, 99)
    street = street.replace("\n", ", ")
    forms: dict[str, Sequence[str]] = {
        "P": (*[f"{first} {last}"] * 8, f"{first} {first[0]}. {last}", f"{first[0]}. {last}", last, first),
        "F": (first,),
        "L": (last,),
        "A": (street, street, f"{street}{gap}{city}", f"{street}{gap}{postcode} {city}", f"Flat {number}, {street}"),
        "C": (city,),
        "B": (*[chance.choice(SENTENCES["terms"])] * 6, f"{chance.choice('XZAQ')}{number}"),
        "D": (str(number),),
        "T": ("Mr.", "Mrs", "Ms", "Mr", "Dr.", "Miss"),
        "Q": ("3 May", "12/04/2023", "Tuesday", "noon", "2024-01-31", "9 am", "June"),
        "Z": ("Germany", "France", "Poland", "Nigeria", "India", "USA", "Italy"),
        "I": ("DE89 3704 0044 0532 0130 00",),
    }
    others = {"O": "company", "N": "phone_number", "E": "ascii_email", "K": "credit_card_number"}
    return str(make(others[slot])) if slot in others else chance.choice(forms[slot])


def ordinary_paragraphs() -> list[str]:
    pages = [page.read_text(encoding="utf-8") for page in sorted(Path("docs").glob("*.md"))]
    pages += [str(found.metadata.get_payload() or "") for found in distributions()]  # type: ignore[attr-defined]
    parts = [part.strip()[:250] for page in pages for part in re.split(r"\n\s*\n", page)[:40]]
    return sorted({part for part in parts if len(part) > 30 and not NOT_ORDINARY.search(part)})


def seen(texts: Sequence[Text]) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """What the head sees of each text's words, and what they are."""
    for text in texts:
        words = [match.span() for match in tagger.WORD.finditer(text.text)]
        if not words:
            yield np.zeros((0, tagger.SEEN), np.float32), np.zeros(0, np.int64)
            continue
        kinds = np.zeros(len(words), np.int64)
        for start, end, label in text.spans:
            for place, (first, last) in enumerate(words):
                if first < end and start < last and label in KINDS:
                    kinds[place] = KINDS[label]
        yield tagger.seen(text.text, words), kinds


def fit(examples: Sequence[tuple[Any, Any]]) -> tagger.Head:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    inputs = torch.from_numpy(np.concatenate([of_words for of_words, _ in examples]))
    kinds = torch.from_numpy(np.concatenate([of_words for _, of_words in examples]))
    into, out = torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, 3)
    net = torch.nn.Sequential(into, torch.nn.GELU(), torch.nn.Dropout(0.2), out)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    steps = EPOCHS * (len(kinds) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(kinds))
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            loss = torch.nn.functional.cross_entropy(net(inputs[some]), kinds[some], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    arrays = (into.weight.T, into.bias, out.weight.T, out.bias)
    return tagger.Head(*(value.detach().numpy().copy() for value in arrays))


def measure(texts: Sequence[Text], head_of: Sequence[tagger.Head]) -> None:
    """Recall: spans of which every letter and digit is masked. Precision: masks that touch a span of either kind."""
    total, whole, masks, right = Counter[str](), Counter[str](), 0, 0
    for text in texts:
        found = [span for _, span in tagger.tagged(text.text, head_of[fold(text)])]
        hidden = {place for span in found for place in range(span.start, span.end)}
        own = [span for span in text.spans if span[2] in KINDS]
        for start, end, label in own:
            total[label] += 1
            whole[label] += all(place in hidden for place in range(start, end) if text.text[place].isalnum())
        masks += len(found)
        right += sum(any(span.start < end and start < span.end for start, end, _ in own) for span in found)
    for label in KINDS:
        print(f"| {label} | {whole[label]} of {total[label]} | {whole[label] / total[label]:.3f} |")
    print(f"| precision | {right} of {masks} | {right / masks:.3f} |")


def export() -> None:
    """Write the graph up to the third layer; its weights stay in the file of the package that carries the model."""
    import onnx

    whole = onnx.load_from_string(bundled.GRAPH.read_bytes())
    norm = f"encoder.layer.{tagger.LAYERS - 1}.output.LayerNorm.weight"
    (last,) = [node.output[0] for node in whole.graph.node if norm in node.input and len(node.output) == 1]
    needed, kept = {last}, []
    for node in reversed(whole.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    states = onnx.helper.make_tensor_value_info("states", onnx.TensorProto.FLOAT, ["batch", "length", tagger.WIDTH])
    nodes = [*reversed(kept), onnx.helper.make_node("Identity", [last], ["states"])]
    weights = [weight for weight in whole.graph.initializer if weight.name in needed]
    graph = onnx.helper.make_graph(nodes, "states", list(whole.graph.input), [states], weights)
    model = onnx.helper.make_model(graph, opset_imports=list(whole.opset_import), ir_version=whole.ir_version)
    tagger.GRAPH.write_bytes(model.SerializeToString())


def speed() -> None:
    text = "Please tell Halvard Ekström that the lamp in room 4 blinks twice whenever the pump is running. " * 5
    list(tagger.tagged(text))
    began, used = time.perf_counter(), time.process_time()
    for _ in range(50):
        list(tagger.tagged(text))
    print(
        f"{50 / (time.perf_counter() - began):.0f} texts/s, {50 / (time.process_time() - used):.0f} in a second of CPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    for choice in ("write", "export", "speed"):
        parser.add_argument(f"--{choice}", action="store_true")
    asked = parser.parse_args()
    if asked.export or asked.speed:
        (export if asked.export else speed)()
        return
    ordinary = ordinary_paragraphs()
    some = random.Random(5).sample(ordinary, min(900, len(ordinary)))
    base = list(seen([*made_up(3300, ordinary, 7), *(Text(text, []) for text in some)]))
    texts = labelled()
    own = list(seen(texts))
    if asked.write:
        head = fit([*base, *own])
        np.savez(tagger.HEAD, **{name: value.astype(np.float16) for name, value in head._asdict().items()})
        return
    folds = [fold(text) for text in texts]
    heads = [
        fit([*base, *(of for of, where in zip(own, folds, strict=True) if where != held)]) for held in range(FOLDS)
    ]
    measure(texts, heads)


if __name__ == "__main__":
    main()
