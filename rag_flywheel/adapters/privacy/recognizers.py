"""Which kinds of personal data each policy looks for, as recognisers of Presidio.

Presidio raises a weak match when a context word stands near it, which needs lemmas from a spaCy model. Here each finder
asks for its context itself, so that a match is either sure enough or none, and runs in a time that is known.
"""

from collections.abc import Iterator, Mapping, Sequence

from presidio_analyzer import EntityRecognizer, LocalRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import CryptoRecognizer

from rag_flywheel.adapters.privacy import contacts, credentials, identifiers
from rag_flywheel.adapters.privacy.names import names
from rag_flywheel.adapters.privacy.spans import Finder
from rag_flywheel.adapters.privacy.tagger import ENTITIES, tagged

FULL: Mapping[str, Sequence[Finder]] = {
    "EMAIL_ADDRESS": (contacts.email_addresses,),
    "IP_ADDRESS": (contacts.ip_addresses,),
    "PHONE_NUMBER": (contacts.phone_numbers,),
    "CREDIT_CARD": (identifiers.cards, identifiers.cards_called_so),
    "IBAN_CODE": (identifiers.ibans, identifiers.ibans_called_so),
    "US_SSN": (identifiers.social_security_numbers, identifiers.social_security_called_so),
    "MEDICAL_LICENSE": (identifiers.medical_licences,),
    "ID_NUMBER": (identifiers.national_ids, identifiers.ids_called_so, identifiers.bank_numbers),
    "SECRET": (credentials.tokens, credentials.drawn_keys, credentials.secrets_given),
    "PERSON": (names,),
    "STREET_ADDRESS": (contacts.military_addresses,),
}
"""What people say is masked wherever it may be about them."""

DANGEROUS: Mapping[str, Sequence[Finder]] = {
    "CREDIT_CARD": (identifiers.cards_beyond_doubt,),
    "IBAN_CODE": (identifiers.ibans,),
    "US_SSN": (identifiers.social_security_beyond_doubt,),
    "ID_NUMBER": (identifiers.national_ids,),
    "SECRET": (credentials.tokens, credentials.drawn_keys),
}
"""What does harm wherever it stands, and no manual is the worse for being without."""


class Found(LocalRecognizer):
    """A finder as Presidio asks it."""

    def __init__(self, entity: str, find: Finder) -> None:
        super().__init__(supported_entities=[entity], name=f"{entity} {getattr(find, '__name__', '')}")
        self._entity = entity
        self._find = find

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        return [
            RecognizerResult(entity_type=self._entity, start=span.start, end=span.end, score=span.score)
            for span in self._find(text)
        ]


class Tagged(LocalRecognizer):
    """The tagger as Presidio asks it: once for both of its entities."""

    def __init__(self) -> None:
        super().__init__(supported_entities=list(ENTITIES.values()), name="tagger")

    def load(self) -> None:
        """Loaded at the first text."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        return [
            RecognizerResult(entity_type=entity, start=span.start, end=span.end, score=span.score)
            for entity, span in tagged(text)
            if entity in entities
        ]


def recognizers(finders: Mapping[str, Sequence[Finder]]) -> Iterator[EntityRecognizer]:
    """More than one may speak for one entity."""
    for entity, those in finders.items():
        for find in those:
            yield Found(entity, find)
    if finders is FULL:
        yield CryptoRecognizer()
