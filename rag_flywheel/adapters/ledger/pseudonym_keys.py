"""Where the keys of the pseudonyms are: in a file that is no part of the ledger, or in a variable of the environment.

The first one makes pseudonyms of names and stays what it is; each further one is the key of an epoch, under which they
are stored since it came. `-` stands for one that was dropped.
"""

import contextlib
import hashlib
import hmac
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from rag_flywheel.errors import WrongKey, on_disk

SIZE = 32  # bytes of a key
VARIABLE = "RAG_FLYWHEEL_PSEUDONYM_KEYS"
DROPPED = "-"
FOREIGN = 0o027  # what the owner's group may not do with the file, and what others may not
_HEAD = """\
# The keys of rag-flywheel's pseudonyms: the first makes them, each further one came with `rag-flywheel people rekey`.
# Without them nobody in the ledger is found again. Keep a copy, apart from the backups of the ledger.
"""
_KEY = re.compile(rf"[0-9a-f]{{{2 * SIZE}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymKeys:
    """`base` makes pseudonyms, `later` are the keys of the epochs 1, 2 and so on; None: dropped."""

    base: bytes
    later: tuple[bytes | None, ...] = ()

    @property
    def newest(self) -> int:
        return len(self.later)

    def of(self, epoch: int) -> bytes | None:
        """None where it was dropped, or is not known."""
        if epoch == 0:
            return self.base
        return self.later[epoch - 1] if epoch <= self.newest else None


def fingerprint(key: bytes) -> str:
    """What may be said of a key: nobody comes back from it (HMAC-SHA-256, RFC 2104)."""
    return hmac.new(key, b"fingerprint", hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """The variable's words where there are some, else the file."""

    file: Path
    variable: str = ""

    def __str__(self) -> str:
        return VARIABLE if self.variable else str(self.file)

    def read(self) -> PseudonymKeys | None:
        """None where there is neither. Raises WrongKey for what holds no keys, and for a file that others may read."""
        if self.variable:
            return self._parsed(self.variable)
        try:
            with self.file.open(encoding="ascii") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                words = opened.read()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise WrongKey(
                f"{self.file}, the key of the pseudonyms, cannot be read ({error}): make it readable for "
                "the user that runs this, or put it back from a backup"
            ) from error
        if mode & FOREIGN:
            raise WrongKey(
                f"{self.file}, the key of the pseudonyms, has the mode {mode & 0o777:04o}: others could read or change "
                f"it; `chmod 600 {self.file}`"
            )
        return self._parsed("\n".join(line for line in words.splitlines() if not line.startswith("#")))

    def make(self, base: bytes) -> PseudonymKeys:
        """The keys of a new file; of one that another process made meanwhile, its own."""
        self._write(PseudonymKeys(base=base), new=True)
        made = self.read()
        assert made is not None
        return made

    def replace(self, keys: PseudonymKeys) -> None:
        """Raises WrongKey where they are in the environment, which cannot be changed from here."""
        if self.variable:
            raise WrongKey(
                f"the keys of the pseudonyms are in {VARIABLE}, which only you can change: put another key to its end "
                "(`openssl rand -hex 32` makes one), or `-` in the place of a dropped one, restart all servers, and "
                "try again"
            )
        self._write(keys, new=False)

    def _parsed(self, text: str) -> PseudonymKeys:
        words = text.split()
        wrong = [word for word in words if _KEY.fullmatch(word) is None and word != DROPPED]
        if wrong or not words or words[0] == DROPPED:
            raise WrongKey(
                f"{self} does not hold the keys of the pseudonyms: expected words of {2 * SIZE} hexadecimal digits, "
                "the first of them the key that makes pseudonyms; put it back from a backup"
            )
        first, *rest = words
        later = tuple(None if word == DROPPED else bytes.fromhex(word) for word in rest)
        return PseudonymKeys(base=bytes.fromhex(first), later=later)

    def _write(self, keys: PseudonymKeys, *, new: bool) -> None:
        """Whole and on the disk, or not at all: readers meet the file of before, or this one."""
        lines = (keys.base.hex(), *(DROPPED if key is None else key.hex() for key in keys.later))
        beside = self.file.with_name(f"{self.file.name}.{os.getpid()}-{threading.get_ident()}.new")
        try:
            with on_disk(self.file):
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
                    opened.write(_HEAD + "".join(f"{line}\n" for line in lines))
                    opened.flush()
                    os.fsync(opened.fileno())
                if new:
                    with contextlib.suppress(FileExistsError):
                        os.link(beside, self.file)  # one of several that make it at once wins
                    beside.unlink()
                else:
                    beside.replace(self.file)
                folder = os.open(self.file.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
        except OSError as error:
            raise WrongKey(
                f"the key of the pseudonyms cannot be kept in {self.file} ({error.strerror}): let `privacy.key_file` "
                f"name a file in a folder that can be written to, or give keys in {VARIABLE}"
            ) from error
