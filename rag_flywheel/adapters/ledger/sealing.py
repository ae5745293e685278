"""Pseudonyms as they are stored: each under the key of its epoch, so that a new key makes them new ones.

What is stored under the key of epoch 2 reads `2.`, and then the pseudonym as one block of AES (FIPS 197) under that
key: one pseudonym has one form in an epoch, two have two, and whoever has the key comes back. In epoch 0, until the
first new key, the pseudonym is stored as it is. Since each says its epoch, rows of several may stand side by side:
while they are being stored anew, and in a ledger that comes from a backup.
"""

import contextlib
import functools
import os
import re
import threading
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import Connection, Engine, delete, insert, select, text

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.engine import MIGRATION_LOCK, is_sqlite, writing
from rag_flywheel.adapters.ledger.pseudonym_keys import VARIABLE, KeyPlace, PseudonymKeys, fingerprint
from rag_flywheel.errors import WrongKey

EPOCH = "epoch"  # the setting that says under which key is written
FINGERPRINT = "key:"  # with the epoch: the setting that says which key that is
DONE = "rekeyed"  # the setting that says which epoch all rows are of
FORMER = "salt"  # the setting that held the key in releases before this
REMEMBERED = 100_000  # pseudonyms, so that a long list is not deciphered again and again
_BARE = re.compile(r"(?<![0-9a-z.])[0-9a-f]{32}(?![0-9a-z])")
_SEALED = re.compile(r"(?<![0-9a-z.])([1-9][0-9]*)\.([0-9a-f]{32})(?![0-9a-z])")


class _Writing(threading.local):
    """The epoch in which this thread's transaction writes."""

    epoch: int | None = None


class Sealing:
    """What is stored of pseudonyms, and what was meant. Keys that came since are looked for where the others were."""

    def __init__(self, keys: PseudonymKeys, place: KeyPlace) -> None:
        self.place = place
        self.keys = keys
        self._writing = _Writing()
        self._turned = functools.lru_cache(REMEMBERED)(_turned)

    @contextlib.contextmanager
    def writing(self, epoch: int) -> Iterator[None]:
        """Inside the block this thread writes in an epoch. Raises WrongKey where its key is not at hand."""
        self.know(epoch)
        self._writing.epoch = epoch
        try:
            yield
        finally:
            self._writing.epoch = None

    def know(self, epoch: int) -> PseudonymKeys:
        """Raises WrongKey unless the key of the epoch is there, of which another process has stored something."""
        if epoch > self.keys.newest:
            found = self.place.read()
            if found is None or found.base != self.keys.base or found.newest < epoch:
                raise WrongKey(
                    f"the ledger is stored under key number {epoch} of its pseudonyms, and {self.place} holds "
                    f"{'none' if found is None else f'those up to {found.newest}'}: bring the new keys here too"
                    + ("; then restart" if self.place.variable else "")
                )
            self.keys = found
        return self.keys

    def sealed(self, words: str, epoch: int | None = None) -> str:
        """With each pseudonym as it is stored in an epoch; without one, in that in which this thread writes."""
        of = self._writing.epoch if epoch is None else epoch
        assert of is not None, "pseudonyms are stored in transactions of the ledger alone"
        if of == 0:
            return words
        return _BARE.sub(lambda found: f"{of}.{self._turned(self._key(of), found[0], False)}", words)

    def opened(self, words: str) -> str:
        """With each pseudonym as it was before it was stored."""
        return _SEALED.sub(lambda found: self._turned(self._key(int(found[1])), found[2], True), words)

    def forms(self, words: str) -> list[str]:
        """All that can be stored of it, under the keys that are known."""
        known = self.keys
        return [self.sealed(words, epoch) for epoch in range(known.newest + 1) if known.of(epoch) is not None]

    def _key(self, epoch: int) -> bytes:
        key = self.know(epoch).of(epoch)
        if key is None:
            raise WrongKey(
                f"the ledger has pseudonyms under key number {epoch}, which was dropped from {self.place}: put the "
                "file with it back, or a backup of the ledger that was made later"
            )
        return key


def _turned(key: bytes, block: str, back: bool) -> str:
    """One block under the key, or back."""
    # ECB leaks which blocks are equal: here there is one, and that one person has one pseudonym is what it is for.
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
    turning = cipher.decryptor() if back else cipher.encryptor()
    return (turning.update(bytes.fromhex(block)) + turning.finalize()).hex()


# --- which keys are the ledger's --------------------------------------------------------------------------------------


def epoch_of(connection: Connection) -> int:
    """In which everybody writes."""
    found = connection.scalar(select(tables.settings.c.value).where(tables.settings.c.name == EPOCH))
    return int(found or 0)


def put(connection: Connection, values: Mapping[str, str]) -> None:
    """Settings, in the place of those of the same names."""
    connection.execute(delete(tables.settings).where(tables.settings.c.name.in_(values)))
    connection.execute(insert(tables.settings), [{"name": name, "value": value} for name, value in values.items()])


def adopt(engine: Engine, place: KeyPlace) -> tuple[Sealing, bool]:
    """The ledger's keys, and whether one was in the ledger until now. A new ledger's are made, those that a release
    before this kept in the ledger go to the file.

    Raises WrongKey where a ledger with entries has other keys, or none are there.
    """
    with engine.connect() as connection:
        known = _settings(connection)
    moved = FORMER in known
    if f"{FINGERPRINT}0" not in known:
        with writing(engine).begin() as connection:
            if not is_sqlite(engine.url):
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            known = _settings(connection)
            if f"{FINGERPRINT}0" not in known:  # by now another process may have been here
                put(connection, {f"{FINGERPRINT}0": fingerprint(_first(known, place).base)})
                connection.execute(delete(tables.settings).where(tables.settings.c.name == FORMER))
                known = _settings(connection)
    keys = place.read()
    if keys is None:
        raise WrongKey(
            f"there is no key of the pseudonyms in {place}, and this ledger was written with the one of the "
            f"fingerprint {known[f'{FINGERPRINT}0']}: put the file back from its backup, let `privacy.key_file` name "
            f"it, or give its words in {VARIABLE}; without it nobody in this ledger can be found"
        )
    _check(known, keys, place)
    return Sealing(keys, place), moved


def _first(known: Mapping[str, str], place: KeyPlace) -> PseudonymKeys:
    """The keys of a ledger that has none outside yet."""
    keys, former = place.read(), known.get(FORMER)
    if keys is None:
        return place.make(os.urandom(32) if former is None else bytes.fromhex(former))
    if former is not None and keys.base.hex() != former:
        raise WrongKey(
            f"this ledger still holds its key of the pseudonyms ({fingerprint(bytes.fromhex(former))}), and {place} "
            f"has another ({fingerprint(keys.base)}): "
            + (
                f"start once without {VARIABLE}, so that the key is moved to {place.file}, and give the words of that "
                "file in the variable"
                if place.variable
                else "let `privacy.key_file` name a file of this ledger's own"
            )
        )
    return keys


def _check(known: Mapping[str, str], keys: PseudonymKeys, place: KeyPlace) -> None:
    current = int(known.get(EPOCH, 0))
    for epoch in range(current + 1):
        key, expected = keys.of(epoch), known[f"{FINGERPRINT}{epoch}"]
        needed = epoch == current or known.get(DONE, "0") != str(current)
        if (key is None and needed) or (key is not None and fingerprint(key) != expected):
            found = "holds none of that number" if key is None else f"has {fingerprint(key)}"
            raise WrongKey(
                f"this ledger was written with key number {epoch} of the fingerprint {expected}, and {place} {found}: "
                f"put the right file back from its backup, let `privacy.key_file` name it, or give its words in "
                f"{VARIABLE}"
            )


def _settings(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(tables.settings.c.name, tables.settings.c.value))
    return {row.name: row.value for row in rows}
