"""Personal data masked by Presidio, without a network and without a language model unless one is named."""

import hashlib
import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rag_flywheel.adapters.privacy.credentials import private_keys
from rag_flywheel.adapters.privacy.importing import importing_without
from rag_flywheel.adapters.privacy.spans import GUESSED, plain
from rag_flywheel.domain.stand_ins import TOLD_APART
from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import PLACEHOLDER, Mask, Redacted

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpEngine

RULES = "9"  # raise it whenever a pattern changes: caches are keyed by the redactor's name
LANGUAGE = "en"
SECRET = "SECRET"  # noqa: S105  # a kind of personal data
PIECE = 1000  # characters
CONTEXT = 200  # characters before a piece that may say what stands in it
CUTS = tuple(map(re.compile, (r"\n", r"[.!?;] ", r"[^\W\d_] (?=[^\W\d_])", r"[,;\"'<>{}\[\]]", r"\s")))
"""Where a text may be cut, best first: never within what is masked, but for the last of them."""


class NoRedactor:
    """Leaves every text as it is, for `privacy.redact: false`."""

    @property
    def name(self) -> str:
        return "none"

    def redact(self, text: str) -> Redacted:
        return Redacted(text=text)


Policy = Literal["full", "dangerous"]


class PresidioRedactor:
    """Masks spans of the given entities as <ENTITY>. Several threads may share one.

    The policy `full` is for what people say; `dangerous` masks of the entities only what does harm wherever it stands
    (see `recognizers.DANGEROUS`), for documents that are meant to be read. `spacy_model` names an installed spaCy model
    that finds names too. Without `tagger` and a model a name is found only where its surroundings say that it is one
    ("my name is", "Dear", a signature), and no street address is. Presidio is loaded at the first text, in about five
    seconds where transformers is installed. Raises ConfigError for an entity that nobody recognises or a model that
    is not installed.
    """

    def __init__(
        self,
        entities: Sequence[str],
        minimum_score: float,
        spacy_model: str,
        *,
        policy: Policy = "full",
        tagger: bool = True,
    ) -> None:
        self._entities = sorted(set(entities))
        self._minimum_score = minimum_score
        self._spacy_model = spacy_model if policy == "full" else ""
        self._policy: Policy = policy
        self._tagger = tagger and policy == "full"
        self._lock = threading.Lock()
        self._engine: AnalyzerEngine | None = None
        self._sought: list[str] = []  # the entities that the policy masks, known when the engine is loaded

    @property
    def name(self) -> str:
        settings = repr((self._entities, self._minimum_score, self._spacy_model, self._tagger))
        return f"presidio-{RULES}-{self._policy}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"

    def redact(self, text: str) -> Redacted:
        """The text with personal data masked, and what was. Takes time in proportion to the text's length: it is masked
        in pieces, each with the end of what stands before it.
        """
        if not self._entities or not text.strip():
            return Redacted(text=text)
        analyzer = self._analyzer()
        keys = Redacted(text=text)
        if SECRET in self._sought:
            keys = _masked(keys, [(span.start, span.end, SECRET) for span in private_keys(text)])
        done, masks, length, before = list[str](), list[Mask](), 0, ""
        for start, end in _pieces(keys.text):
            inside = [_moved(mask, -start) for mask in keys.masks if start <= mask.start and mask.end <= end]
            piece = self._piece(before, Redacted(text=keys.text[start:end], masks=tuple(inside)), analyzer)
            masks += [_moved(mask, length) for mask in piece.masks]
            done.append(piece.text)
            length += len(piece.text)
            before = (before + piece.text)[-CONTEXT:]
        return Redacted(text="".join(done), masks=tuple(masks))

    def _piece(self, before: str, piece: Redacted, analyzer: "AnalyzerEngine") -> Redacted:
        # A mask can bring a context word nearer to what follows it, so masking goes on until nothing is found. Each
        # round leaves fewer characters outside placeholders, so it ends.
        while spans := self._spans(before, piece.text, analyzer):
            piece = _masked(piece, spans)
        return piece

    def _spans(self, before: str, piece: str, analyzer: "AnalyzerEngine") -> list[tuple[int, int, str]]:
        # Masks are read without numbers, so that a text with them is found to hold what it holds without.
        text, places = _unnumbered(*plain(before + piece))
        results = analyzer.analyze(text, language=LANGUAGE, entities=self._sought, score_threshold=self._minimum_score)
        placeholders = [match.span() for match in PLACEHOLDER.finditer(text)]
        first = bisect_left(places, len(before))
        known = [*placeholders, *((result.start, result.end) for result in results if result.score > GUESSED)]
        own = [
            result
            for result in results
            if result.start >= first and not _touches(result, placeholders if result.score > GUESSED else known)
        ]
        return [
            (places[start] - len(before), places[end - 1] + 1 - len(before), of) for start, end, of in _disjoint(own)
        ]

    def _analyzer(self) -> "AnalyzerEngine":
        with self._lock:
            if self._engine is None:
                self._engine, self._sought = _load(self._entities, self._spacy_model, self._policy, tagger=self._tagger)
            return self._engine


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where a long text may be cut, about every PIECE characters: at the end of a line, a sentence, a word."""
    start = 0
    while len(text) - start > 2 * PIECE:
        cuts = (cut.search(text, start + PIECE, start + 2 * PIECE) for cut in CUTS)
        end = next((found.end() for found in cuts if found), start + 2 * PIECE)
        yield start, end
        start = end
    yield start, len(text)


def _masked(text: Redacted, spans: Sequence[tuple[int, int, str]]) -> Redacted:
    """The text with the spans, which are in order and apart from one another and from masks, as placeholders, too."""
    new = [Mask(kind=kind, start=start, end=end, value=text.text[start:end]) for start, end, kind in spans]
    masks, done, at = list[Mask](), "", 0
    for mask in sorted((*text.masks, *new), key=lambda mask: mask.start):
        done += text.text[at : mask.start]
        masks.append(Mask(kind=mask.kind, start=len(done), end=len(done) + len(mask.kind) + 2, value=mask.value))
        done, at = f"{done}<{mask.kind}>", mask.end
    return Redacted(text=done + text.text[at:], masks=tuple(masks))


def _unnumbered(text: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """The text without what tells masks apart, and where each of its characters stands."""
    gone = {at for match in TOLD_APART.finditer(text) for at in range(*match.span(2))}
    if not gone:
        return text, places
    kept = [at for at in range(len(text)) if at not in gone]
    return "".join(text[at] for at in kept), [places[at] for at in kept]


def _moved(mask: Mask, by: int) -> Mask:
    return replace(mask, start=mask.start + by, end=mask.end + by)


def _touches(result: "RecognizerResult", spans: Sequence[tuple[int, int]]) -> bool:
    return any(result.start < end and start < result.end for start, end in spans)


def _disjoint(results: Sequence["RecognizerResult"]) -> list[tuple[int, int, str]]:
    """Spans in order, overlapping ones joined under the entity of the surest, so that no character of any stays."""
    joined: list[tuple[int, int, RecognizerResult]] = []
    for result in sorted(results, key=lambda result: (result.start, -result.end)):
        if joined and result.start < joined[-1][1]:
            start, end, best = joined[-1]
            surer = max(best, result, key=lambda span: (span.score, span.end - span.start))
            joined[-1] = (start, max(end, result.end), surer)
        else:
            joined.append((result.start, result.end, result))
    return [(start, end, best.entity_type) for start, end, best in joined]


def _load(
    entities: Sequence[str], spacy_model: str, policy: Policy, *, tagger: bool
) -> "tuple[AnalyzerEngine, list[str]]":
    """The engine, and those of the entities that the policy masks."""
    # Not before the first text: even without what it can do without, importing Presidio takes a second.
    with importing_without(*(() if spacy_model else ("torch", "transformers"))):
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NoOpNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    from rag_flywheel.adapters.privacy.recognizers import DANGEROUS, FULL, Tagged, recognizers

    registry = RecognizerRegistry(list(recognizers(FULL)), supported_languages=[LANGUAGE])
    if spacy_model:
        registry.add_recognizer(SpacyRecognizer(supported_language=LANGUAGE))
    if tagger:
        registry.add_recognizer(Tagged())
    known = {entity for recognizer in registry.recognizers for entity in recognizer.supported_entities}
    for entity in entities:
        if entity not in known:
            near = get_close_matches(entity, sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"privacy.entities names {entity}, which nothing here recognises; {hint}")
    sought = list(entities)
    if policy == "dangerous":
        sought = [entity for entity in entities if entity in DANGEROUS]
        registry = RecognizerRegistry(list(recognizers(DANGEROUS)), supported_languages=[LANGUAGE])
    engine = _spacy_engine(spacy_model) if spacy_model else NoOpNlpEngine([{"lang_code": LANGUAGE, "model_name": ""}])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE]), sought


def _spacy_engine(model: str) -> "NlpEngine":
    import spacy.util
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine([{"lang_code": LANGUAGE, "model_name": model}])
    try:
        if not spacy.util.is_package(model) and not Path(model).is_dir():  # Presidio would download it
            raise OSError("it is neither an installed package nor a folder")
        engine.load()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"privacy.spacy_model names {model}, which cannot be loaded: {error}. Install the model, or leave the "
            "setting empty to find names by their surroundings alone"
        ) from error
    return engine
