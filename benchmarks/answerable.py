"""Fits and tests the weights that say whether what was found answers a question.

    python benchmarks/answerable.py ../shared/data --kept FOLDER [--questions N] [--no-titles]

Of each set its questions are searched as they are, and its answered ones once more without the passages that answer
them, their twins, and those that hold most of the answer's words: what is left is about the topic and holds no answer.
A set is tested with weights of the other three, and with the levels of those. What was measured of a set is kept in
FOLDER with the vectors of its passages, as embedding takes minutes. With `--questions` at most so many answered ones
of a set are drawn (seed 0), and as many others.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit

from eval.questions.beir import read_qrels, read_queries
from eval.replay.dataset import Source, read_documents
from ingest.build import entries
from ingest.chunking import chunk
from rag_flywheel.adapters.cache import SqliteCache
from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.models.cached_encoder import CachedEncoder
from rag_flywheel.adapters.models.encoder import BUNDLED, SentenceEncoder
from rag_flywheel.answering import answerable
from rag_flywheel.answering.follow_ups import rewriter
from rag_flywheel.config import Embedder, Ingest, Retrieval
from rag_flywheel.domain import Chunk, Document, DocumentId, LearnedRanking, Turn, VersionId
from rag_flywheel.domain.equivalence import held_share, is_traceable
from rag_flywheel.ports import Encoder
from rag_flywheel.search.retrieval import rank
from rag_flywheel.search.versions import Searcher

SETS = ("clapnq-dev", "emanual-tv", "mtragun-fiqa-clapnq", "xquad-en")
ALONE = ("clapnq-dev", "emanual-tv", "xquad-en")  # whose questions stand outside a conversation
COMPARING = tuple(name for name in answerable.FEATURES if name != "best_tokens")  # what weighs where there is enough
VERSION = VersionId("benchmark")
Query = dict[str, Any]  # the fields of a line of queries.jsonl
TWIN = 0.92  # cosine from which a passage says the same
HOLDS = 0.7  # share of an answer's words from which a passage may hold it
SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
PULL = 5.0  # of the weights to nothing
NATURAL = 0.7  # weight of the questions that nobody could answer, where a set has some; made ones are easier


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Features (n, k) of a set's questions, whether they are answered, and whether that is so as they were found."""

    values: NDArray[np.float64]
    answered: NDArray[np.bool_]
    natural: NDArray[np.bool_]

    def only(self, names: Sequence[str]) -> "Measured":
        return replace(self, values=self.values[:, [answerable.FEATURES.index(name) for name in names]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: float

    def odds(self, of: Measured) -> NDArray[np.float64]:
        scaled = np.nan_to_num((of.values - self.centre) / self.spread, nan=0.0)
        odds: NDArray[np.float64] = scaled @ self.weight + self.bias
        return odds


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit and test the weights of refusals.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--questions", type=int)
    parser.add_argument("--no-titles", dest="titles", action="store_false")
    arguments = parser.parse_args()
    kept = {name: _kept(name, arguments) for name in SETS}
    measured = {name: of.only(COMPARING) for name, of in kept.items()}
    odds = _left_out(measured)
    _report(measured, odds)
    levels = {share: round(_level(share, measured, odds), 4) for share in SHARES}
    whole = fit(list(measured.values()))
    alone = {name: of.only(answerable.ALONE) for name, of in kept.items()}
    few, few_odds = fit(list(alone.values())), _left_out(alone)
    print("where nothing is compared:")
    _report(alone, few_odds)
    few_bias = few.bias + levels[0.05] - _level(0.05, alone, few_odds)  # the levels are those of the others
    talk = [
        answerable.shift(whole.odds(of)[of.answered].tolist(), levels, others=0)  # by weights that know conversations
        for name, of in measured.items()
        if name not in ALONE
    ]
    told = {
        "features": {
            name: {"centre": 0.0, "spread": 1.0, "weight": 0.0, "few": 0.0}
            | _told(few, answerable.ALONE, "few").get(name, {})
            | _told(whole, COMPARING, "weight").get(name, {})
            for name in answerable.FEATURES
        },
        "bias": round(whole.bias, 4),
        "few_bias": round(few_bias, 4),
        "levels": {str(share): at for share, at in levels.items()},
        "conversation": round(float(np.mean(talk)), 4),
    }
    file = Path(answerable.__file__).with_name(answerable.SHIPPED)
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _left_out(measured: Mapping[str, Measured]) -> dict[str, NDArray[np.float64]]:
    """The log-odds of each set by weights of the others."""
    return {
        name: fit([of for other, of in measured.items() if other != name]).odds(mine) for name, mine in measured.items()
    }


def _level(share: float, measured: Mapping[str, Measured], odds: Mapping[str, NDArray[np.float64]]) -> float:
    return level(share, [odds[name][measured[name].answered] for name in ALONE])


def _told(of: Fit, names: Sequence[str], weight: str) -> dict[str, dict[str, float]]:
    rows = zip(names, of.centre.tolist(), of.spread.tolist(), of.weight.tolist(), strict=True)
    return {name: {"centre": round(c, 4), "spread": round(s, 4), weight: round(w, 4)} for name, c, s, w in rows}


# --- what is measured -----------------------------------------------------------------------------------------------


def _kept(name: str, arguments: argparse.Namespace) -> Measured:
    arguments.kept.mkdir(parents=True, exist_ok=True)
    file = arguments.kept / f"{name}.npz"
    if not file.exists():
        below = SentenceEncoder(BUNDLED, batch=8, query_prefix="", document_prefix="")
        kept_by = Embedder().model_dump_json(exclude={"batch", "engine", "device"})  # as the service does
        encoder = CachedEncoder(below, model=kept_by, cache=SqliteCache(arguments.kept / "cache.db"))
        made = measure(arguments.data / name, encoder, most=arguments.questions, titles=arguments.titles)
        np.savez(file, values=made.values, answered=made.answered, natural=made.natural)
        print(f"measured {name}", flush=True)
    with np.load(file) as stored:
        return Measured(values=stored["values"], answered=stored["answered"], natural=stored["natural"])


def measure(folder: Path, encoder: Encoder, *, most: int | None, titles: bool) -> Measured:
    """Answered questions whose passage was not among those shown tell nothing of the features, and are left out."""
    chunks, vectors, searcher = indexed(list(read_documents(folder / "corpus.jsonl")), encoder, titles=titles)
    queries = dict(read_queries(folder / "queries.jsonl"))
    judged = read_qrels(folder / "qrels" / "test.tsv", queries.keys())
    asked = _drawn({name: query for name, query in queries.items() if _is_clear(query)}, most)
    rows: list[tuple[NDArray[np.float64], bool, bool]] = []

    def features(text: str, without: set[str]) -> tuple[NDArray[np.float64], set[str]]:
        vector = encoder.encode_queries([text])[0]
        found = rank(text, vector, searcher=searcher, without=lambda piece, _: piece.chunk_id in without).passages
        seen = found[: searcher.shown]
        return answerable.features(found, shown=len(seen)), {passage.chunk.document_id for passage in seen}

    rewrite = rewriter(encoder)
    for name, query in asked.items():
        text = rewrite(query["text"], _turns(query))
        gold = judged.get(name, set()) if query.get("answerable", True) else set()
        values, shown = features(text, set())
        if not gold or gold & shown:
            rows.append((values, bool(gold), True))
        if gold:
            rows.append((features(text, _answering(query.get("answer") or "", gold, chunks, vectors))[0], False, False))
    return Measured(
        values=np.stack([values for values, _, _ in rows]),
        answered=np.array([answered for _, answered, _ in rows]),
        natural=np.array([natural for _, _, natural in rows]),
    )


def _drawn(asked: Mapping[str, Query], most: int | None) -> dict[str, Query]:
    random, drawn = np.random.default_rng(0), dict[str, Query]()
    for wanted in (True, False):
        names = [name for name, query in asked.items() if bool(query.get("answerable", True)) is wanted]
        drawn.update((names[at], asked[names[at]]) for at in random.permutation(len(names))[:most])
    return drawn


def indexed(
    sources: Sequence[Source], encoder: Encoder, *, titles: bool
) -> tuple[list[Chunk], NDArray[np.float32], Searcher]:
    documents = [
        Document(document_id=of.document_id, title=of.title, text=of.text, source=of.document_id) for of in sources
    ]
    chunks = [piece for document in documents for piece in chunk(document, Ingest(), encoder)]
    batches = list(entries(chunks, encoder=encoder, titles=titles, on_step=lambda done, total: None))
    index = EdgeIndex(Path(tempfile.mkdtemp()), titles=titles)
    index.build(VERSION, dimension=encoder.dimension, token_dimension=encoder.token_dimension, batches=batches)
    searcher = Searcher(
        version=VERSION,
        index=index,
        encoder=encoder,
        learned=LearnedRanking(),
        reranker=None,
        candidates=Retrieval().candidates,
        reranked=0,
        shown=Retrieval().passages,
        near_duplicate=Ingest().near_duplicate,
    )
    return chunks, np.stack([entry.vector for batch in batches for entry in batch]), searcher


def _is_clear(query: Mapping[str, object]) -> bool:
    """Whether the set says that the question can be answered, in part at least, or that it cannot."""
    metadata = query.get("metadata")
    said = metadata.get("answerability") if isinstance(metadata, dict) else None
    return not said or bool({"ANSWERABLE", "PARTIAL", "UNANSWERABLE"} & set(said))


def _turns(query: Mapping[str, object]) -> list[Turn]:
    metadata = query.get("metadata")
    history = metadata.get("history", []) if isinstance(metadata, dict) else []
    return [
        Turn(role="user" if turn.get("speaker", turn.get("role")) == "user" else "assistant", text=turn["text"])
        for turn in history
    ]


def _answering(answer: str, gold: set[DocumentId], chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> set[str]:
    """The chunks of the judged documents, their twins, and those that hold most of the answer's words."""
    judged = [at for at, piece in enumerate(chunks) if piece.document_id in gold]
    near = (vectors @ vectors[judged].T).max(axis=1) >= TWIN
    return {
        piece.chunk_id
        for at, piece in enumerate(chunks)
        if near[at] or piece.document_id in gold or (is_traceable(answer) and held_share(piece.text, answer) >= HOLDS)
    }


# --- fitting and testing --------------------------------------------------------------------------------------------


def fit(sets: Sequence[Measured]) -> Fit:
    """Each set counts the same, and answered questions as much as the others."""
    values = np.vstack([of.values for of in sets])
    answered = np.concatenate([of.answered for of in sets])
    counts = np.concatenate([_counts(of) for of in sets])
    centre = np.array([np.average(column[~np.isnan(column)]) for column in values.T])
    spread = np.array([np.std(column[~np.isnan(column)]) + 1e-6 for column in values.T])
    scaled = np.nan_to_num((values - centre) / spread, nan=0.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = scaled @ weights[:-1] + weights[-1]
        off = counts * (expit(odds) - answered)
        total = counts @ np.logaddexp(0, np.where(answered, -odds, odds)) + PULL * (weights[:-1] ** 2).sum() / 2
        return float(total), np.append(scaled.T @ off + PULL * weights[:-1], off.sum())

    best = minimize(loss, np.zeros(values.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return Fit(centre=centre, spread=spread, weight=best[:-1], bias=float(best[-1]))


def _counts(of: Measured) -> NDArray[np.float64]:
    counts = np.zeros(len(of.answered))
    groups = {"answered": of.answered, "natural": ~of.answered & of.natural, "made": ~of.answered & ~of.natural}
    shares = {"answered": 1.0, "natural": NATURAL, "made": 1 - NATURAL}
    if not groups["natural"].any():
        shares["made"] = 1.0
    for name, group in groups.items():
        counts[group] = 500 * shares[name] / max(1, group.sum())
    return counts


def level(share: float, answered: Sequence[NDArray[np.float64]]) -> float:
    """The log-odds below which that share of the answered questions lies, each set counting the same."""
    low, high = min(odds.min() for odds in answered), max(odds.max() for odds in answered)
    return float(brentq(lambda at: np.mean([(odds < at).mean() for odds in answered]) - share, low - 1, high + 1))


def _report(measured: Mapping[str, Measured], odds: Mapping[str, NDArray[np.float64]]) -> None:
    answered = {name: odds[name][of.answered] for name, of in measured.items()}
    random = np.random.default_rng(0)
    print("refused without an answer / with one: at 5% and 7% of the set's own, then at the others' level of 5%, then")
    print(
        "with 20, 50 and 150 judged questions of the set (at most half of them; mean of 50 draws, tested on the rest)"
    )
    for name, of in measured.items():
        natural = ~of.answered & of.natural
        for kind, group in (("natural", natural), ("made", ~of.answered & ~of.natural)):
            if group.sum() < 20:
                continue
            without = odds[name][group]
            cells = [f"{(without < np.quantile(answered[name], share)).mean():.3f}" for share in (0.05, 0.07)]
            others = [own for other, own in answered.items() if other != name and other in ALONE]
            levels = {share: level(share, others) for share in SHARES}
            cells.append(f"{(without < levels[0.05]).mean():.3f} / {(answered[name] < levels[0.05]).mean():.3f}")
            for count in (20, 50, 150):
                rates = defaultdict(list)
                for _ in range(50):
                    own = random.permutation(answered[name])
                    judged, rest = np.split(own, [min(count, len(own) // 2)])
                    at = levels[0.05] + answerable.shift(judged.tolist(), levels)
                    rates["without"].append((without < at).mean())
                    rates["with"].append((rest < at).mean())
                cells.append(f"{np.mean(rates['without']):.3f} / {np.mean(rates['with']):.3f}")
            print(f"| {name}, {kind} ({group.sum()}, {of.answered.sum()} answered) |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
