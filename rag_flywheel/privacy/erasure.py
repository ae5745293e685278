"""What an erasure bars, and whom the suppression list names. The rest of it is the cycle's: `cycle.erasing`."""

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rag_flywheel.domain import Json, Manifest
from rag_flywheel.domain.erasures import ErasureEntry, ErasureState, Proof, Scope
from rag_flywheel.errors import Damaged
from rag_flywheel.ports import Erasure


def under_way(ledger: Erasure) -> list[ErasureEntry]:
    """The erasures that are not done, the oldest first."""
    return [entry for entry in ledger.erasures() if entry.state is not ErasureState.DONE]


def is_barred(manifest: Manifest, erasures: Sequence[ErasureEntry]) -> bool:
    """Whether a version may hold data of somebody who is being erased: it was built from a snapshot that was taken
    before their records were gone, and is none of those that were known not to.
    """
    return any(
        manifest.version_id not in entry.clean and (entry.swept is None or manifest.feedback_cutoff <= entry.swept)
        for entry in erasures
    )


def proof(before: int, after: int) -> Proof:
    """The verdict on a surface, by how many records of theirs were found there."""
    if after:
        return Proof.RESIDUAL
    return Proof.ERASED if before else Proof.NO_BASELINE


# --- the suppression list -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """Records that were erased, and that no backup shall bring back."""

    subject: str
    session: str | None
    since: datetime | None
    until: datetime
    erasure_id: str


def subject(pseudonym: str, salt: bytes) -> str:
    """By what a person is known on the list: HMAC-SHA-256 (RFC 2104) of the pseudonym under the deployment's salt."""
    return hmac.new(salt, f"suppressed:{pseudonym}".encode(), hashlib.sha256).hexdigest()[:32]


def suppress(entry: ErasureEntry, scope: Scope, file: Path, *, salt: bytes) -> None:
    """Put an erasure on the list, once. The list is a file beside the ledger: a backup of that would forget it."""
    if any(known.erasure_id == entry.erasure_id for known in suppressed(file)):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    line: dict[str, Json] = {
        "subject": entry.subject,
        "session": None if scope.session is None else subject(scope.session, salt),
        "since": None if scope.since is None else scope.since.isoformat(),
        "until": (scope.until or entry.received).isoformat(),
        "erasure": entry.erasure_id,
    }
    with file.open("a", encoding="utf-8") as opened:
        opened.write(json.dumps(line) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def suppressed(file: Path) -> list[Suppressed]:
    """The list. Raises Damaged for a line that is none of ours."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            read = json.loads(line)
            found.append(
                Suppressed(
                    subject=read["subject"],
                    session=read["session"],
                    since=None if read["since"] is None else datetime.fromisoformat(read["since"]),
                    until=datetime.fromisoformat(read["until"]),
                    erasure_id=read["erasure"],
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(f"{file} has a line that names no erasure: take that line out") from error
    return found
