"""Put a backup back, on this machine or on an empty one, by this release or by an older one's.

All is copied beside what is there and compared with its digest; only then is anything replaced. While that is under way
`wiring.services` opens nothing, and after a kill the same command does it all again.
"""

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

from rag_flywheel import wiring
from rag_flywheel.cli.backups import folders
from rag_flywheel.cli.backups.folders import EMBEDDED, LEFT_OUT, QDRANT, Contents
from rag_flywheel.cli.backups.saving import CONFIG, FOLDERS, INDEX, KEYS, LEDGER, RECEIPTS, SNAPSHOTS
from rag_flywheel.config import Config, Secrets
from rag_flywheel.cycle import erasing
from rag_flywheel.domain import AuditEntry, VersionId
from rag_flywheel.errors import ConfigError, Conflict, FlywheelError, InvalidInput, WrongKey, check_room, on_disk
from rag_flywheel.privacy.erasure import under_way
from rag_flywheel.rollout import housekeeping, promotion
from rag_flywheel.services import Services

SUPPRESSED = "suppressed.jsonl"
PUBLIC = "public.key"
APART = "apart"


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

    Raises AlreadyRunning while a reindex or a backup runs, Conflict where something is there that is not to be
    replaced, WrongKey, ConfigError, Damaged, and what the adapters raise; nothing is changed then.
    """
    contents = folders.read_list(place)
    _check_kinds(config, contents, place)
    _check_left_out(config, secrets, contents)
    with on_disk(config.data):
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with wiring.ledger_lock(config, erasing.LOCK):
        marker = config.data / wiring.RESTORING
        begun = marker.exists()  # by a run that was killed
        if not replaces and not begun:
            _check_empty(config)
        _put_keys(config, secrets, contents, apart)
        with on_disk(config.data):
            new = _staged(config, contents, place, apart)
            try:
                wiring.load_ledger(config, new / LEDGER)
            except FlywheelError:
                if not begun:
                    shutil.rmtree(marker)  # nothing was replaced
                raise
            _swap(config, secrets, new, contents)
            with wiring.services(config, secrets, restoring=True) as services:
                restored = _settled(services, contents, who)
            shutil.rmtree(marker)
        return restored


def _check_kinds(config: Config, contents: Contents, place: Path) -> None:
    if not contents.kind:
        raise InvalidInput(f"{place} is what was kept apart from a backup: name the backup, and this with --apart")
    wiring.check_dump(config, kind=contents.kind, revision=contents.revision, schema=contents.schema)
    here = QDRANT if config.index.url else EMBEDDED
    if contents.store not in (here, LEFT_OUT):
        raise ConfigError(
            f"the backup's versions are of the {contents.store} store, and the settings say {here}: let `index.url` "
            f"{'name a server' if contents.store == QDRANT else 'be empty'} until the backup is back; change it then, "
            "and run `rag-flywheel reindex --force`"
        )


def _check_left_out(config: Config, secrets: Secrets, contents: Contents) -> None:
    """The ledger of a backup without the index knows no version that was built after it."""
    if contents.store != LEFT_OUT:
        return
    live, versions = wiring.indexed(config, secrets)
    if live is not None and contents.live not in versions:
        raise Conflict(
            f"the index is at {live}, and {contents.live or 'no version'} that was live when the backup was made is "
            "not in it: let index.prefix begin other names (or take the embedded store away), restore again, and run "
            "`rag-flywheel reindex`; nothing was replaced"
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


def _staged(config: Config, contents: Contents, place: Path, apart: Path | None) -> Path:
    """The backup and the receipts of what was kept apart, beside what is there and on the same disk; from then on it is
    under way.
    """
    marker = config.data / wiring.RESTORING
    partial, new = marker.with_name(f"{marker.name}.partial"), marker / "new"
    _clear(partial)
    kept = None if apart is None else folders.read_list(apart)
    files = [(place, contents, name, partial / name) for name in contents.files if name != CONFIG]
    if apart is not None and kept is not None:
        receipts = [name for name in kept.files if name.startswith(f"{RECEIPTS}/")]
        files += [(apart, kept, name, partial / APART / name) for name in receipts]
    found = [source / name for source, _, name, _ in files if (source / name).exists()]
    check_room(config.data, sum(512 * file.stat().st_blocks for file in found))
    try:
        partial.mkdir(mode=0o700, parents=True)
        for source, listed, name, to in files:
            folders.taken_out(source, listed, name, to)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    marker.mkdir(mode=0o700, exist_ok=True)
    _clear(new)
    partial.rename(new)
    folders.sync(config.data)
    return new


def _swap(config: Config, secrets: Secrets, new: Path, contents: Contents) -> None:
    """All but the ledger, which is in its place by now."""
    receipts = config.data / RECEIPTS
    _add_receipts(new / APART / RECEIPTS, receipts, keys=False)
    _add_receipts(new / RECEIPTS, receipts, keys=True)
    for name in (*((INDEX,) if contents.store == EMBEDDED else ()), *FOLDERS):
        _fill(config.data / name, new / name)
    if contents.store == QDRANT:
        wiring.load_index(config, secrets, new / SNAPSHOTS, live=contents.live)
    folders.sync(config.data)


def _fill(folder: Path, new: Path) -> None:
    """Put what is in `new` in the place of what is in a folder, which may be a link or a mount and stays what it is."""
    for old in [*folder.glob("*")]:
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    for file in [path for path in new.rglob("*") if path.is_file()]:
        to = folder / file.relative_to(new)
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file.rename(to)
        except OSError as error:
            if error.errno != errno.EXDEV:  # another disk's
                raise
            folders.copy(file, to)
    for made in (folder, *folder.rglob("*")):
        if made.is_dir():
            folders.sync(made)


def _clear(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _add_receipts(kept: Path, receipts: Path, *, keys: bool) -> None:
    """What is there is newer than any backup, and stays: only what is missing comes, and of the suppression list what
    stands in either. `keys`: of erasures that were under way, which go on with the ledger that comes back. The public
    key comes last: where it is, the others have come.
    """
    first = not (receipts / PUBLIC).exists()
    for file in sorted(kept.rglob("*"), key=lambda file: (file.name == PUBLIC, file)):
        below = file.relative_to(kept)
        to = receipts / below
        # A look that was done, and a key that was destroyed, are not to be there again.
        wanted = first or below.name.startswith("erasure-") or (keys and below.parts[0] == "keys")
        if wanted and below.name != SUPPRESSED and file.is_file() and not to.exists():
            beside = to.with_name(f"{to.name}.restored")
            beside.unlink(missing_ok=True)
            folders.copy(file, beside)
            beside.replace(to)
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
    if receipts.exists():
        folders.sync(receipts)


def _settled(services: Services, contents: Contents, who: str) -> Restored:
    """Under the reindex lock; the ledger has been migrated by now."""
    ledger, index = services.ledger, services.index
    notes = [
        *_as_it_was(services, contents.live),
        *erasing.settle(services),  # before anything that may fail
        *housekeeping.reconcile(index=index, ledger=ledger, at=services.now()),
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
    if live not in index.versions():  # of a backup without the index
        return [f"the version {live} that was live then is not in the index"]
    with promotion.alone(services.ledger):
        index.move_live(VersionId(live), expected=now)
    return [f"the alias named {now or 'nothing'}: now it names {live} again"]
