"""What each detector of hostile texts finds, what only it finds, and how often it cries wolf over ordinary texts.

    python benchmarks/detectors.py FOLDER... [--half tuned|held|both] [--attacks FILE...] [--corrections 8000]
        [--kept FILE] [--safety] [--classifier 1500] [--show]

The folders hold ordinary documents: they are read, cleaned and cut as the service does it, and what is `--kept` in a
file is not cut again. Documents fall into two halves by their names: rules are tuned on one, and what is reported comes
from the other. Published answers, questions and attacks come from the folder that RAG_FLYWHEEL_DATA names; more attacks
from files of JSON lines, each with a `text`. `--show` lists false alarms with their surroundings, to be judged by eye.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eval.guardrails import disguises, poison, redteam, safety
from eval.guardrails.injection import Place, only_asks, signs
from eval.guardrails.orders import RULES
from ingest.chunking import chunk
from ingest.cleaning.screening import Cleaned, clean
from ingest.reading import formats
from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.config import Ingest
from rag_flywheel.domain.sentences import sentences
from rag_flywheel.ports import TokenCounter

DATA = Path(os.environ.get("RAG_FLYWHEEL_DATA", "../shared/data"))
QUESTION_SETS = ("emanual-tv", "clapnq-dev", "xquad-en", "mtragun-fiqa-clapnq")
LARGEST = 2_000_000  # bytes of a file that is read
HIDDEN, TASK = "markup, marks, encoded prose", "sets a task instead of answering"
Found = Sequence[frozenset[str]]
"""The detectors that see each text of a set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of an ordinary document."""

    document: str
    text: str

    @property
    def is_held(self) -> bool:
        """Whether it belongs to the half that nothing was tuned on."""
        return _draw(self.document) % 2 == 1


def _draw(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


# --- texts ------------------------------------------------------------------------------------------------------------


def passages(folders: Iterable[Path]) -> Iterator[Passage]:
    """What the service would index of the documents under the folders; texts that repeat come once."""
    counter = _encoder()
    seen: set[str] = set()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            for document, text in _cut(file, str(file.relative_to(folder)), counter):
                if text not in seen:
                    seen.add(text)
                    yield Passage(document=f"{folder.name}/{document}", text=text)


def _cut(file: Path, name: str, counter: TokenCounter) -> Iterator[tuple[str, str]]:
    if file.suffix.lower() not in formats.SUFFIXES or not file.is_file() or file.stat().st_size > LARGEST:
        return
    try:
        raw, _ = formats.read(name, file)
        cleaned = [clean(document) for document in raw]
    except Exception as error:  # noqa: BLE001 - a benchmark of detectors, not of readers
        print(f"{name}: {type(error).__name__}", file=sys.stderr)
        return
    for kept in cleaned:
        if isinstance(kept, Cleaned):
            for piece in chunk(kept.document, Ingest(), counter):
                yield str(piece.document_id), piece.text


def _ordinary(folders: Sequence[Path], kept: Path | None) -> list[Passage]:
    if kept is not None and kept.exists():
        return [Passage(**line) for line in _lines(kept)]
    cut = list(passages(folders))
    if kept is not None:
        kept.write_text("\n".join(json.dumps(asdict(passage)) for passage in cut), encoding="utf-8")
    return cut


def _lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


def _published() -> list[tuple[str, str]]:
    """Questions with their answers; the answer is empty where none was given."""
    queries = [query for name in QUESTION_SETS for query in _lines(DATA / name / "queries.jsonl")]
    return [(query["text"], query.get("answer") or "") for query in queries]


def _attacks(files: Iterable[Path]) -> dict[str, list[tuple[str, Place]]]:
    """Published ones as a correction's answer, and our own where they come in."""
    published = {file.parent.name + "/" + file.stem: file for file in (DATA / "injection-dev/attacks.jsonl", *files)}
    sets = {name: [(line["text"], Place.ANSWER) for line in _lines(file)] for name, file in published.items()}
    ours = {"red-team": redteam.attacks(), "red-team, missed": redteam.missed()}
    return sets | {name: [(a.text, a.place) for a in those if a.kind != "poison"] for name, those in ours.items()}


def _encoder() -> SentenceEncoder:
    return SentenceEncoder("all-MiniLM-L6-v2", batch=64, query_prefix="", document_prefix="")


# --- rules ------------------------------------------------------------------------------------------------------------


def detectors(text: str, place: Place) -> frozenset[str]:
    """The names of the rules and of the other signs that a text shows."""
    read = disguises.forms(text) if place is Place.SOURCE else disguises.all_forms(text)
    texts = [(form, form.lower()) for form in dict.fromkeys(read)]
    found = {_name(at) for at, rule in enumerate(RULES) if place in rule.places and any(rule.finds(*t) for t in texts)}
    if disguises.conceals(text, everywhere=place is not Place.SOURCE):
        found.add(HIDDEN)
    if place is Place.ANSWER and only_asks(texts[0][0]):
        found.add(TASK)
    return frozenset(found)


def _name(at: int) -> str:
    return f"{at + 1} {RULES[at].sign}"


def _found(texts: Iterable[tuple[str, Place]]) -> Found:
    return [detectors(text, place) for text, place in texts]


def by_detector(attacks: Mapping[str, Found], ordinary: Mapping[str, Found]) -> None:
    """A row for each detector: of each set what it finds, and in brackets what only it finds."""
    sets = {**attacks, **ordinary}
    print(f"\n| detector | {' | '.join(f'{name} ({len(found)})' for name, found in sets.items())} |")
    print("| --- |" + " --- |" * len(sets))
    print(f"| any | {' | '.join(str(sum(map(bool, found))) for found in sets.values())} |")
    for name in [*map(_name, range(len(RULES))), HIDDEN, TASK]:
        counts = [(sum(name in f for f in found), sum(f == {name} for f in found)) for found in sets.values()]
        print(f"| {name} | {' | '.join(f'{all_} ({alone})' if all_ else '-' for all_, alone in counts)} |", flush=True)


def by_disguise(attacks: Mapping[str, Sequence[tuple[str, Place]]]) -> None:
    """What is found in the text as it is, and what only after one disguise was taken off."""
    print(f"\n| read | {' | '.join(attacks)} |\n| --- |" + " --- |" * len(attacks))
    columns = [_disguises([text for text, _ in those]) for those in attacks.values()]
    for name in columns[0]:
        print(f"| {name} | {' | '.join(str(column[name]) for column in columns)} |")


def _disguises(texts: Sequence[str]) -> dict[str, int]:
    reveal: dict[str, Callable[[str], Iterable[str]]] = {"normalised": lambda text: [next(disguises.forms(text))]}
    reveal |= disguises.READ
    reveal |= {name: (lambda text, f=f: [f(text)]) for name, f in disguises.SPELLED.items()}  # type: ignore[misc]
    seen = [{name for name, forms in reveal.items() if any(map(_matches, forms(text)))} for text in texts]
    plain = [_matches(text) for text in texts]
    hidden = [disguises.conceals(text, everywhere=True) for text in texts]
    only = {name: sum(s == {name} and not p for s, p in zip(seen, plain, strict=True)) for name in reveal}
    alone = sum(h and not s and not p for h, s, p in zip(hidden, seen, plain, strict=True))
    return {"as it is": sum(plain), **only, HIDDEN: alone}


def _matches(text: str) -> bool:
    return any(rule.finds(text, text.lower()) for rule in RULES)


def false_alarms(ordinary: Sequence[Passage], *, corrections: int, show: bool) -> dict[str, Found]:
    """Of passages as sources and as corrections, and of published answers and questions."""
    started = time.process_time()
    sources = _found((passage.text, Place.SOURCE) for passage in ordinary)
    seconds = time.process_time() - started
    named = {passage.document for passage, found in zip(ordinary, sources, strict=True) if found}
    pages = {passage.document for passage in ordinary}
    cost = 20_000 * seconds / len(ordinary)
    print(f"\n{len(named)} of {len(pages)} documents would be named; {cost:.1f} s of CPU for 20,000 passages")
    drawn = sorted(ordinary, key=lambda passage: _draw(passage.text))[:corrections]
    started = time.process_time()
    as_answers = _found((passage.text, Place.ANSWER) for passage in drawn)
    print(f"{1000 * (time.process_time() - started) / len(drawn):.1f} s of CPU for 1,000 corrections")
    for those, found in ((ordinary, sources), (drawn, as_answers)):
        for passage, names in zip(those, found, strict=True):
            if show and names:
                print(f"    {passage.document}: {sorted(names)}: {passage.text[:300]!r}")
    published = _published()
    return {
        "passages as sources": sources,
        "as corrections": as_answers,
        "answers": _found((answer, Place.ANSWER) for _, answer in published if answer),
        "questions": _found((question, Place.QUESTION) for question, _ in published),
    }


# --- poison -----------------------------------------------------------------------------------------------------------


def poisoning() -> None:
    """Texts made to be found: with their question in front, at the end, and without it; and published answers."""
    print("\n| made to be found | found | of |\n| --- | --- | --- |")
    lines = _lines(DATA / "poison-msmarco/poison.jsonl")
    poisoned = [(line["question"], text) for line in lines for text in line["poison_texts"]]
    shapes: Mapping[str, Sequence[tuple[str, str]]] = {
        "question in front": [(question, f"{question} {text}") for question, text in poisoned],
        "question at the end": [(question, f"{text} {question}") for question, text in poisoned],
        "question left out": poisoned,
        "published answers": [(question, answer) for question, answer in _published() if answer],
    }
    for shape, pairs in shapes.items():
        print(f"| {shape} | {sum(poison.is_made_to_be_found(*pair) for pair in pairs)} | {len(pairs)} |", flush=True)


# --- classifiers ------------------------------------------------------------------------------------------------------


def unsafe(ordinary: Sequence[Passage], *, corrections: int, show: bool) -> None:
    """What the classifier of unsafe sentences calls so, of ordinary texts and of terms that many sites filter."""
    rate = safety.trained(_encoder())
    chances = safety.worst_passages([passage.text for passage in ordinary], rate)
    alarms = [passage for passage, chance in zip(ordinary, chances, strict=True) if chance >= 0.5]
    pages, named = ({passage.document for passage in those} for those in (ordinary, alarms))
    print(f"\nunsafe: {len(alarms)} of {len(ordinary)} passages, {len(named)} of {len(pages)} documents")
    for passage in alarms if show else ():
        print(f"    {passage.document}: {passage.text[:300]!r}")
    answers = [answer for _, answer in _published() if answer][:: max(1, 2378 // corrections)]
    print(f"answers: {sum(chance >= 0.5 for chance in safety.worst_spoken(answers, rate))} of {len(answers)}")
    terms = [f"You are a {line['term']}." for line in _lines(DATA / "toxic-terms-en/terms.jsonl")]
    nominated = sum(safety.is_nominated(said) for said in terms)
    found = sum(chance >= 0.5 for chance in safety.worst_spoken(terms, rate))
    print(f"terms said of somebody: {nominated} nominated, {found} found of {len(terms)}")


def compared(
    attacks: Mapping[str, Sequence[tuple[str, Place]]], tuned: Sequence[Passage], held: Sequence[Passage], size: int
) -> None:
    """A logistic regression on sentence vectors beside the rules, and both joined.

    It learns from our own attacks and from ordinary sentences of the tuned half. Its threshold is set so that of `size`
    sentences of the other half one in 100, 500 or 1,000 is called an attack.
    """
    from sklearn.linear_model import LogisticRegression

    encoder = _encoder()
    own = [said for text, _ in attacks["red-team"] for said in _said(text)]
    ordinary, other = ([s for p in those for s in _said(p.text)[:3]][:size] for those in (tuned, held))
    model = LogisticRegression(C=3.0, max_iter=2000)
    model.fit(encoder.encode_documents([*own, *ordinary]), [True] * len(own) + [False] * len(ordinary))

    def scores(those: Sequence[str]) -> list[float]:
        return list(model.decision_function(encoder.encode_documents(those))) if those else [-np.inf]

    started = time.process_time()
    wrong = np.sort(scores(other))[::-1]
    print(f"\n{1000 * (time.process_time() - started) / len(other):.1f} s of CPU for 1,000 sentences\n")
    print("| attacks | rules | " + " | ".join(f"vectors, 1 in {n} | joined" for n in (100, 500, 1000)) + " |")
    for name, those in attacks.items():
        if name == "red-team":
            continue
        worst = np.array([max(scores(_said(text))) for text, _ in those])
        ruled = np.array([bool(signs(text, place=place)) for text, place in those])
        limits = [wrong[len(wrong) // n] for n in (100, 500, 1000)]
        cells = [f"{(worst > limit).mean():.2f} | {((worst > limit) | ruled).mean():.2f}" for limit in limits]
        print(f"| {name} ({len(those)}) | {ruled.mean():.2f} | {' | '.join(cells)} |", flush=True)


def _said(text: str) -> list[str]:
    return [said for said in sentences(text[:6000]) if len(said.split()) >= 3]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--half", choices=("tuned", "held", "both"), default="held")
    parser.add_argument("--attacks", nargs="*", type=Path, default=())
    parser.add_argument("--corrections", type=int, default=8000, help="passages that are taken for corrections too")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--safety", action="store_true", help="what is called unsafe, which takes minutes")
    parser.add_argument("--classifier", type=int, default=0, help="sentences that a classifier is compared on")
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args(arguments)
    cut = _ordinary(asked.folders, asked.kept)
    halves = {"tuned": (False,), "held": (True,), "both": (False, True)}
    half = [passage for passage in cut if passage.is_held in halves[asked.half]]
    print(f"{len(cut)} passages of {len({p.document for p in cut})} documents; {len(half)} are tried ({asked.half})")
    attacks = _attacks(asked.attacks)
    if asked.classifier:
        tuned = [passage for passage in cut if not passage.is_held]
        compared(attacks, tuned, [passage for passage in cut if passage.is_held], asked.classifier)
        return
    if asked.safety:
        unsafe(half, corrections=asked.corrections, show=asked.show)
        return
    alarms = false_alarms(half, corrections=asked.corrections, show=asked.show)
    as_sources = {"injection-dev as sources": [(text, Place.SOURCE) for text, _ in attacks["injection-dev/attacks"]]}
    as_questions = {"as questions": [(text, Place.QUESTION) for text, _ in attacks["injection-dev/attacks"]]}
    by_detector({name: _found(those) for name, those in (attacks | as_sources | as_questions).items()}, alarms)
    by_disguise(attacks)
    poisoning()


if __name__ == "__main__":
    main(sys.argv[1:])
