"""Receipts of erasures: signed, chained, and verified with the public key alone.

A receipt is one JSON document with an Ed25519 signature (RFC 8032) over its canonical form: sorted keys, no spaces. It
names the digest of the receipt before, so that none can be taken out unnoticed. No text, no id and no plain digest of
what was erased is in it.
"""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rag_flywheel.domain import Json
from rag_flywheel.errors import ConfigError, Damaged, InvalidInput

KEY_FILE = "signing.key"
PUBLIC_FILE = "public.key"
SIGNATURE = "signature"
LARGEST = 4_000_000  # bytes of a file that is read as a receipt
_NAMES = "erasure-"


def write(receipt: Mapping[str, Json], folder: Path, *, secret: str) -> Path:
    """Sign a receipt, link it to the one before, and write it; one of the same `id` is written anew.

    `secret` is the private key, or "" for the one that is made once in the folder. Raises ConfigError for a wrong one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = _private(folder, secret)
    file = folder / f"{_NAMES}{receipt['id']}.json"
    before = [known for known in _in_order(folder) if known[0] != receipt["id"]]
    linked: dict[str, Json] = {
        **receipt,
        "before": None if not before else {"id": before[-1][0], "sha256": before[-1][1]},
    }
    signed = {**linked, SIGNATURE: key.sign(_canonical(linked)).hex()}
    (folder / PUBLIC_FILE).write_text(key.public_key().public_bytes_raw().hex() + "\n", encoding="ascii")
    made = file.with_suffix(".new")
    made.write_text(json.dumps(signed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    made.replace(file)
    return file


def read(file: Path) -> dict[str, Json]:
    """A receipt as it was written, whether or not it holds. Raises InvalidInput for what is none."""
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(LARGEST))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is no receipt: it is not a JSON document") from error
    if not isinstance(found, dict) or not isinstance(found.get(SIGNATURE), str):
        raise InvalidInput(f"{file} is no receipt: it has no signature")
    return found


def verify(receipt: Mapping[str, Json], public: str) -> None:
    """Raises Damaged unless the holder of the public key (32 bytes, hexadecimal) signed exactly this, InvalidInput for
    what is no key.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public.strip()))
    except ValueError as error:
        raise InvalidInput("that is no public key: expected 64 hexadecimal digits") from error
    said = {name: value for name, value in receipt.items() if name != SIGNATURE}
    try:
        key.verify(bytes.fromhex(str(receipt[SIGNATURE])), _canonical(said))
    except (InvalidSignature, ValueError) as error:
        raise Damaged("the receipt was changed after it was signed, or another key signed it") from error


def _in_order(folder: Path) -> list[tuple[Json, str]]:
    """Id and digest of each receipt, in the order in which the erasures were done."""
    found = []
    for file in folder.glob(f"{_NAMES}*.json"):
        with contextlib.suppress(InvalidInput):
            receipt = read(file)
            found.append((str(receipt.get("done")), receipt["id"], hashlib.sha256(_canonical(receipt)).hexdigest()))
    return [(name, digest) for _, name, digest in sorted(found, key=str)]


def _canonical(value: Mapping[str, Json]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _private(folder: Path, secret: str) -> Ed25519PrivateKey:
    text = secret or made_once(folder / KEY_FILE, 32).hex()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise ConfigError("the key that signs receipts is not 32 bytes in hexadecimal digits") from error


def made_once(file: Path, size: int) -> bytes:
    """The secret in a file that its owner alone can read; it is made where it is not there. Raises Damaged for a cut
    off one.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        new = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(os.urandom(size).hex())
        with contextlib.suppress(FileExistsError):
            os.link(new, file)  # one of several that make it at once wins, and nobody reads half of it
        new.unlink()
    try:
        kept = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise Damaged(f"{file} holds no key: put it back from a backup") from error
    if len(kept) != size:
        raise Damaged(f"{file} holds no whole key: put it back from a backup")
    return kept
