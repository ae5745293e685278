"""A way back from what was masked, for those alone who have its key: where the settings ask for one.

What a stand-in stands for is kept beside it, encrypted and authenticated (Fernet: AES-128 in CBC mode with
HMAC-SHA-256), under a key that is in no ledger and is not that of the pseudonyms.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rag_flywheel.config import Config, Secrets
from rag_flywheel.domain import AuditEntry, InteractionId, Json, StandIn
from rag_flywheel.errors import ConfigError, InvalidInput
from rag_flywheel.services import Services

KEY_BYTES = 32
LARGEST = 10_000  # bytes of a file of keys that are read
_VARIABLE = "RAG_FLYWHEEL_REVEAL_KEY"
_WANTED = f"expected {KEY_BYTES} bytes in hexadecimal digits, as `openssl rand -hex {KEY_BYTES}` makes them"


class Sealing:
    """Seals with the first of its keys, and opens what any of them sealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

    def seal(self, forms: Sequence[str]) -> str:
        """The ways in which something was said, unreadable."""
        return self._keys.encrypt(json.dumps(list(forms)).encode()).decode("ascii")

    def open(self, stand_in: StandIn) -> tuple[str, ...] | None:
        """What it stands for, in all ways in which it was said; None: nothing was sealed, or with another key."""
        try:
            found = self._keys.decrypt(stand_in.sealed)
        except InvalidToken:
            return None
        return tuple(json.loads(found))

    def opened(self, stand_ins: Iterable[StandIn]) -> dict[str, tuple[str, ...]]:
        """What each of them stands for, in all ways in which it was said; without those that cannot be opened."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for each in stand_ins:
            found[f"<{each.kind}_{each.number}>"] |= dict.fromkeys(self.open(each) or ())
        return {label: tuple(forms) for label, forms in found.items() if forms}


def sealing(config: Config, secrets: Secrets) -> Sealing | None:
    """As the settings say; None where they want no way back. Raises ConfigError for a key that is missing or none, and
    where there are no numbers to go back from.
    """
    settings = config.privacy
    if not settings.reversible or not settings.redact:
        return None
    if not settings.numbered:
        raise ConfigError(
            "privacy.reversible is on and privacy.numbered is off: without numbers nobody can tell which <PERSON> is "
            "whom; set privacy.numbered: true"
        )
    written, where = secrets.reveal_key, _VARIABLE
    if not written and settings.reveal_key_file:
        file = config.resolve(settings.reveal_key_file)
        written, where = _read(file), f"the file {file}, which privacy.reveal_key_file names,"
    if not written.split():
        raise ConfigError(
            f"privacy.reversible is on and there is no key: set {_VARIABLE}, or privacy.reveal_key_file; {_WANTED}"
        )
    return Sealing([_key(word, where) for word in written.split()])


def reveal(interaction_id: InteractionId, *, who: str, why: str, services: Services) -> dict[str, Json]:
    """What the stand-ins of an interaction stand for, and its texts with that put in, in the longest way it was said.

    Also of feedback on it and of its corrections. The audit log has who asked and why before anything is told. Raises
    NotFound, ConfigError, and InvalidInput without a reason, or where the settings want no way back.
    """
    keys, ledger = sealing(services.config, services.secrets), services.ledger
    if keys is None:
        raise InvalidInput("nothing can be revealed: privacy.reversible is off, so what is masked now is kept nowhere")
    if not why.strip():
        raise InvalidInput("revealing needs a reason, which the audit log keeps, got an empty one")
    interaction = ledger.interaction(interaction_id)
    corrected = [each for each in ledger.corrections() if each.correction.interaction_id == interaction_id]
    records = ledger.stand_ins(None, interaction_id)  # of every review, also of those that others stand before
    reason = services.redactor.redact(why.strip()).text
    ledger.add_audit(
        AuditEntry(at=services.now(), who=who, action="people: reveal", subject=interaction_id, detail={"why": reason})
    )
    known = keys.opened(records)
    return {
        "interaction_id": interaction_id,
        "stand_ins": {label: list(forms) for label, forms in known.items()},
        "unreadable": sum(bool(each.sealed) and keys.open(each) is None for each in records),
        "question": _filled(interaction.question, known),
        "answer": _filled(interaction.answer, known),
        "corrections": [_filled(entry.answer, known) for entry in corrected],
    }


def _filled(text: str, known: Mapping[str, Sequence[str]]) -> str:
    for label, forms in known.items():
        text = text.replace(label, max(forms, key=len))
    return text


def _read(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as opened:
            return opened.read(LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"privacy.reveal_key_file: {file} cannot be read as a key; {_WANTED}") from error


def _key(word: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(word)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{where} holds a word of {len(word)} characters that is no key: {_WANTED}")
    return key
