"""Put a backup back, on this machine or on an empty one, by this release or by an older one's.

All is copied beside what is there and compared with its digest; only then is anything replaced. While that is under way
`wiring.services` opens nothing, and after a kill the same command does it all again.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from rag_flywheel import wiring
from rag_flywheel.cli.backups import folders
from rag_flywheel.cli.backups.folders import EMBEDDED, QDRANT, Contents
from rag_flywheel.cli.backups.saving import CONFIG, FOLDERS, INDEX, KEYS, LEDGER, RECEIPTS, SNAPSHOTS
from rag_flywheel.config import Config, Secrets
from rag_flywheel.cycle import erasing
from rag_flywheel.domain import AuditEntry, VersionId
from rag_flywheel.errors import ConfigError, Conflict, InvalidInput, WrongKey, check_room, on_disk
from rag_flywheel.privacy.erasure import under_way
from rag_flywheel.rollout import housekeeping, promotion
from rag_flywheel.services import Services

SUPPRESSED = "suppressed.jsonl"
PUBLIC = "public.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What is there now."""

    contents: Contents
    live: str | None
    versions: tuple[str, ...]
    notes: tuple[str, ...]  # what was done besides, in words
    erasures: tuple[str, ...]  # that the next reindex goes on with


def put_config(place: Path, file: Path) -> bool:
    """Whether the backup's settings were put where there are none."""
    contents = folders.read_list(place)
    if file.exists() or CONFIG not in contents.files:
        return False
    folders.taken_out(place, contents, CONFIG, file)
    return True


def restore(config: Config, secrets: Secrets, place: Path, *, apart: Path | None, replaces: bool, who: str) -> Restored:
    """Put a backup in the place of what the settings name, with keys and receipts of what was kept apart where there
    are none. Whoever was erased since the backup is erased again. Nothing may be running.

    Raises Conflict where something is there that is not to be replaced, WrongKey, ConfigError, Damaged, and what the
    adapters raise; nothing is changed then.
    """
    contents = folders.read_list(place)
    _check_kinds(config, contents, place)
    if not replaces and not (config.data / wiring.RESTORING).exists():
        _check_empty(config)
    _put_keys(config, secrets, contents, apart)
    with on_disk(config.data):
        new = _staged(config, contents, place)
        _swap(config, secrets, new, apart)
        shutil.rmtree(new.parent)
    with wiring.services(config, secrets) as services, services.ledger.lock(erasing.LOCK):
        return _settled(services, contents, who)


def _check_kinds(config: Config, contents: Contents, place: Path) -> None:
    if not contents.kind:
        raise InvalidInput(f"{place} is what was kept apart from a backup: name the backup, and this with --apart")
    wiring.check_dump(config, kind=contents.kind, revision=contents.revision, schema=contents.schema)
    here = QDRANT if config.index.url else EMBEDDED
    if contents.store != here:
        raise ConfigError(
            f"the backup's versions are of the {contents.store} store, and the settings say {here}: let `index.url` "
            f"{'name a server' if contents.store == QDRANT else 'be empty'} until the backup is back; change it then, "
            "and run `rag-flywheel reindex --force`"
        )


def _check_empty(config: Config) -> None:
    there = [name for name in (INDEX, *FOLDERS) if any((config.data / name).glob("*"))]
    if wiring.has_ledger(config):
        there.insert(0, "a ledger")
    if there:
        raise Conflict(
            f"there is {', '.join(there)} already, for {config.data}: end all servers and say --yes to have it "
            "replaced, which takes back all that happened since the backup"
        )


def _put_keys(config: Config, secrets: Secrets, contents: Contents, apart: Path | None) -> None:
    """Raises WrongKey unless the key of the backup's pseudonyms is here by the end."""
    file = wiring.key_file(config)
    kept = None if apart is None else folders.read_list(apart)
    known = wiring.key_known(config, secrets)
    if known is None and apart is not None and kept is not None and KEYS in kept.files and kept.key == contents.key:
        folders.taken_out(apart, kept, KEYS, file)
        known = wiring.key_known(config, secrets)
    if known != contents.key:
        found = f"there is none in {file}" if known is None else f"the one here has {known}"
        raise WrongKey(
            f"the backup was written with the key of the pseudonyms of the fingerprint {contents.key}, and {found}: "
            "name the folder that was kept apart with --apart, put the right file there, or give its words in "
            "RAG_FLYWHEEL_PSEUDONYM_KEYS; nothing was changed"
        )


def _staged(config: Config, contents: Contents, place: Path) -> Path:
    """The backup beside what is there, on the same disk; from then on it is under way."""
    marker = config.data / wiring.RESTORING
    partial, new = marker.with_name(f"{marker.name}.partial"), marker / "new"
    shutil.rmtree(partial, ignore_errors=True)
    files = [name for name in contents.files if name != CONFIG]
    check_room(config.data, sum(512 * (place / name).stat().st_blocks for name in files if (place / name).exists()))
    try:
        partial.mkdir(mode=0o700, parents=True)
        for name in files:
            folders.taken_out(place, contents, name, partial / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    marker.mkdir(mode=0o700, exist_ok=True)
    shutil.rmtree(new, ignore_errors=True)
    partial.rename(new)
    folders.sync(config.data)
    return new


def _swap(config: Config, secrets: Secrets, new: Path, apart: Path | None) -> None:
    for name in (*(() if config.index.url else (INDEX,)), *FOLDERS):
        shutil.rmtree(config.data / name, ignore_errors=True)
        if (new / name).exists():
            (new / name).rename(config.data / name)
    if config.index.url:
        wiring.load_index(config, secrets, new / SNAPSHOTS)
    receipts = config.data / RECEIPTS
    if apart is not None:
        _add_receipts(apart / RECEIPTS, receipts, keys=False)
    _add_receipts(new / RECEIPTS, receipts, keys=True)
    wiring.load_ledger(config, new / LEDGER)
    folders.sync(config.data)


def _add_receipts(kept: Path, receipts: Path, *, keys: bool) -> None:
    """What is there is newer than any backup, and stays: only what is missing comes, and of the suppression list what
    stands in either. `keys`: of erasures that were under way, which go on with the ledger that comes back.
    """
    first = not (receipts / PUBLIC).exists()
    for file in sorted(kept.rglob("*")):
        below = file.relative_to(kept)
        to = receipts / below
        # A look that was done, and a key that was destroyed, are not to be there again.
        wanted = first or below.name.startswith("erasure-") or (keys and below.parts[0] == "keys")
        if wanted and file.is_file() and not to.exists():
            folders.copy(file, to)
    lines = [
        line
        for file in (receipts / SUPPRESSED, kept / SUPPRESSED)
        if file.exists()
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    if lines:
        made = receipts / f"{SUPPRESSED}.new"
        made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made.write_text("".join(f"{line}\n" for line in dict.fromkeys(lines)), encoding="utf-8")
        made.replace(receipts / SUPPRESSED)


def _settled(services: Services, contents: Contents, who: str) -> Restored:
    """The ledger has been migrated by now."""
    ledger, index = services.ledger, services.index
    notes = [
        *_as_it_was(services, contents.live),
        *housekeeping.reconcile(index=index, ledger=ledger, at=services.now()),
        *erasing.settle(services),
    ]
    live = index.live()
    if live is None:
        notes.append("no version is live: `rag-flywheel reindex` builds one from the sources and the ledger")
    detail = {"made": contents.made.isoformat(), "software": contents.software}
    ledger.add_audit(AuditEntry(at=services.now(), who=who, action="restore", subject="backup", detail={**detail}))
    return Restored(
        contents=contents,
        live=live,
        versions=tuple(index.versions()),
        notes=tuple(notes),
        erasures=tuple(entry.erasure_id for entry in under_way(ledger)),
    )


def _as_it_was(services: Services, live: str | None) -> list[str]:
    """On a server the alias names what it named until now."""
    index, now = services.index, services.index.live()
    if live is None or now == live:
        return []
    with promotion.alone(services.ledger):
        index.move_live(VersionId(live), expected=now)
    return [f"the alias named {now or 'nothing'}: now it names {live} again"]
