"""Personal data masked by Presidio, without a network and without a language model unless one is named."""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Redacted

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpEngine

RULES = "1"  # raise it whenever a pattern changes: caches are keyed by the redactor's name
LANGUAGE = "en"
PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]*>")


class NoRedactor:
    """Leaves every text as it is, for `privacy.redact: false`."""

    @property
    def name(self) -> str:
        return "none"

    def redact(self, text: str) -> Redacted:
        return Redacted(text=text, found={})


class PresidioRedactor:
    """Masks spans of the given entities as <ENTITY>. Several threads may share one.

    `spacy_model` names an installed spaCy model that finds names anywhere; with an empty one a name is found only where
    its surroundings say that it is one ("my name is", "Dear", a signature). Presidio is loaded at the first text, in
    about five seconds where transformers is installed. Raises ConfigError for an entity that nobody recognises or a
    model that is not installed.
    """

    def __init__(self, entities: Sequence[str], minimum_score: float, spacy_model: str) -> None:
        self._entities = sorted(set(entities))
        self._minimum_score = minimum_score
        self._spacy_model = spacy_model
        self._lock = threading.Lock()
        self._engine: AnalyzerEngine | None = None

    @property
    def name(self) -> str:
        settings = repr((self._entities, self._minimum_score, self._spacy_model))
        return f"presidio-{RULES}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"

    def redact(self, text: str) -> Redacted:
        """The text with personal data masked, and how many spans of each entity were."""
        found: Counter[str] = Counter()
        # A mask can bring a context word nearer to what follows it, so masking goes on until nothing is found. Each
        # round leaves fewer characters outside placeholders, so it ends.
        while spans := self._spans(text):
            for start, end, entity in reversed(spans):
                text = f"{text[:start]}<{entity}>{text[end:]}"
                found[entity] += 1
        return Redacted(text=text, found=dict(found))

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        if not self._entities or not text.strip():
            return []
        results = self._analyzer().analyze(
            text, language=LANGUAGE, entities=self._entities, score_threshold=self._minimum_score
        )
        placeholders = [match.span() for match in PLACEHOLDER.finditer(text)]
        return _disjoint([result for result in results if not _touches(result, placeholders)])

    def _analyzer(self) -> "AnalyzerEngine":
        with self._lock:
            if self._engine is None:
                self._engine = _load(self._entities, self._spacy_model)
            return self._engine


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


def _load(entities: Sequence[str], spacy_model: str) -> "AnalyzerEngine":
    # Presidio imports transformers, which takes seconds: not before the first text.
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    from rag_flywheel.adapters.privacy.recognizers import recognizers

    registry = RecognizerRegistry(list(recognizers()), supported_languages=[LANGUAGE])
    if spacy_model:
        registry.add_recognizer(SpacyRecognizer(supported_language=LANGUAGE))
    known = {entity for recognizer in registry.recognizers for entity in recognizer.supported_entities}
    for entity in entities:
        if entity not in known:
            near = get_close_matches(entity, sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"privacy.entities names {entity}, which nothing here recognises; {hint}")
    engine = _spacy_engine(spacy_model) if spacy_model else NoOpNlpEngine([{"lang_code": LANGUAGE, "model_name": ""}])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])


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
