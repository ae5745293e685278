"""Take a backup while the service answers.

No reindex runs meanwhile, so that no version comes or goes, and the ledger is written first: it knows every version
that is copied. What of the alias it does not know yet, `housekeeping.reconcile` tells it after a restore.
"""

import contextlib
from dataclasses import dataclass, replace
from importlib.metadata import version as release
from pathlib import Path

from rag_flywheel import wiring
from rag_flywheel.cli.backups import folders
from rag_flywheel.cli.backups.folders import EMBEDDED, LEFT_OUT, QDRANT, Contents
from rag_flywheel.cycle.erasing import LOCK
from rag_flywheel.cycle.erasing import folder as receipts_of
from rag_flywheel.domain import AuditEntry
from rag_flywheel.domain.erasures import ErasureState
from rag_flywheel.errors import Conflict, Damaged, InvalidInput, check_room
from rag_flywheel.services import Services

LEDGER = "ledger"
INDEX = "index"
SNAPSHOTS = "snapshots"
FOLDERS = ("rerankers", "reports")
RECEIPTS = "receipts"
KEYS = "pseudonyms.key"
CONFIG = "config.yaml"
BUSY = (".partial", ".deleted", ".lock", ".new", ".restored")
"""Endings of what is being written or removed."""
SECRET = ("keys", "signing.key")
"""Of the receipts' folder: what is only in what is kept apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was written."""

    place: Path
    contents: Contents
    size: int  # bytes, holes not counted
    apart: Path | None


def save(services: Services, place: Path, *, apart: Path | None, replaces: bool, who: str) -> Saved:
    """Write a backup into a folder, and what has to be kept apart from it into `apart`, whose former state is replaced.

    Raises AlreadyRunning while a reindex runs, Conflict where the folder is taken, InvalidInput for folders within one
    another, and what the adapters raise.
    """
    config = services.config
    place, apart = place.resolve(), None if apart is None else apart.resolve()
    _refuse_nested(config.data.resolve(), place, apart)
    folders.check_free(place, replace=replaces)
    _check_own(place, apart, wiring.key_known(config, services.secrets))
    with services.ledger.lock(LOCK):
        check_room(place.parent, sum(_allocated(config.data / name) for name in (INDEX, *FOLDERS, "ledger.db")))
        with folders.written(place, replace=replaces) as folder:
            dumped = wiring.dump_ledger(config, folder / LEDGER)
            contents = Contents(
                made=services.now(),
                software=f"rag-flywheel {release('rag-flywheel')}",
                kind=dumped.kind,
                revision=dumped.revision,
                schema=dumped.schema,
                key=dumped.key,
                store=_store(services),
                live=services.index.live(),
            )
            _written(folder, contents, services)
        if apart is not None:
            _set_apart(apart, contents, services)
        services.ledger.add_audit(
            AuditEntry(at=services.now(), who=who, action="backup", subject="everything", detail={})
        )
    return Saved(place=place, contents=contents, size=_allocated(place), apart=apart)


def _store(services: Services) -> str:
    """Of a cluster nothing is taken: a snapshot is of one node, and the versions are built again from the rest."""
    if not services.config.index.url:
        return EMBEDDED
    return QDRANT if wiring.index_nodes(services.config, services.secrets) == 1 else LEFT_OUT


def _written(folder: Path, contents: Contents, services: Services) -> None:
    data = services.config.data
    files = {LEDGER: folders.digest_of(folder / LEDGER)}
    for name in (*((INDEX,) if contents.store == EMBEDDED else ()), *FOLDERS):
        files |= _copied(data / name, folder, name)
    if contents.store == QDRANT:
        wiring.dump_index(services.config, services.secrets, folder / SNAPSHOTS)
        written = sorted((folder / SNAPSHOTS).glob("*"))
        files |= {f"{SNAPSHOTS}/{file.name}": folders.digest_of(file) for file in written}
    files |= _copied(receipts_of(services), folder, RECEIPTS, without=SECRET)
    for entry in services.ledger.erasures():
        if entry.state is not ErasureState.DONE:  # without its key nobody could go on with it
            files |= _copied(receipts_of(services) / "keys", folder, f"{RECEIPTS}/keys", only=f"{entry.erasure_id}.key")
    files[CONFIG] = folders.copy(services.config.file, folder / CONFIG)
    folders.write_list(folder, replace(contents, files=files))


def _set_apart(apart: Path, contents: Contents, services: Services) -> None:
    """The newest state of keys and receipts. What was destroyed since the last time is gone from it too."""
    with folders.written(apart, replace=True) as folder:
        files = _copied(receipts_of(services), folder, RECEIPTS)
        key = wiring.key_file(services.config)
        if not services.secrets.pseudonym_keys and key.exists():
            files[KEYS] = folders.copy(key, folder / KEYS)
        folders.write_list(
            folder, replace(contents, kind="", revision=None, schema="", store="", live=None, files=files)
        )


def _copied(
    source: Path, folder: Path, name: str, *, without: tuple[str, ...] = (), only: str | None = None
) -> dict[str, str]:
    """The digests of the files that were copied from below `source` to below `folder`/`name`."""
    found = {}
    for file in sorted(source.rglob(only or "*")):
        below = file.relative_to(source)
        busy = any(part.endswith(BUSY) for part in below.parts)
        if file.is_file() and not file.is_symlink() and not busy and below.parts[0] not in without:
            found[f"{name}/{below.as_posix()}"] = folders.copy(file, folder / name / below)
    return found


def _refuse_nested(data: Path, place: Path, apart: Path | None) -> None:
    for one, other in ((place, data), (apart, data), (apart, place)):
        if one is not None and (one.is_relative_to(other) or other.is_relative_to(one)):
            raise InvalidInput(f"{one} and {other} are one within the other: name folders beside one another")


def _check_own(place: Path, apart: Path | None, key: str | None) -> None:
    """Raises Conflict where keys would be replaced by a backup, by those of another ledger, or a backup by keys."""
    with contextlib.suppress(InvalidInput, Damaged):  # none is there, or one that nobody can read
        if not folders.read_list(place).kind:
            raise Conflict(f"{place} holds what was kept apart from a backup: name another folder for the backup")
    if apart is None:
        return
    folders.check_free(apart, replace=True)
    if not (apart / folders.LIST).is_file():
        return
    kept = folders.read_list(apart)
    if kept.kind:
        raise Conflict(f"{apart} holds a backup: name another folder for what is kept apart")
    if kept.key != key:
        raise Conflict(
            f"{apart} holds the keys of another deployment or tenant (the fingerprint {kept.key}, here it is {key}), "
            "whose backups are worth nothing without them: name a folder of its own for each with --apart"
        )


def _allocated(place: Path) -> int:
    """Bytes on the disk."""
    files = [place] if place.is_file() else place.rglob("*")
    return sum(512 * file.stat().st_blocks for file in files if file.is_file())
