"""What a folder holds, to any depth: the files to read, and what is passed over with the reason. It opens no file."""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

EXCLUDED = "is excluded"
_HIDDEN = "is hidden: its name begins with a dot"
_LOCK = "is the lock file of an open document"
_DATA = "is this service's own data"
_DEAD = "is a link that leads nowhere"
_OUTSIDE = "is a link out of the source's folder; `follow_links` allows it"
_AGAIN = "is a link to a folder that is read under another name"
_SPECIAL = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something in a folder."""

    path: str  # relative to that folder, in POSIX form; a folder's ends with a slash
    reason: str  # why it is passed over; empty for a regular file


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of a folder is not walked through."""

    depth: int | None  # levels that are looked at; None: all
    excluded: Callable[[str], bool]  # of paths as `Found` has them
    follow_links: bool  # out of the folder, too
    own: frozenset[str]  # real paths of this service's data


def special(mode: int) -> str:
    """What a file of this mode is that is no regular file."""
    return _SPECIAL.get(stat.S_IFMT(mode), "no regular file")


def walk(root: str, rules: Rules) -> Iterator[Found]:
    """All that is below `root`, each folder once.

    Folders are entered under their own names first, and then through links, where these lead to others: so a loop of
    links ends, and a document's id does not depend on the order of names.
    """
    real_root = os.path.realpath(root)
    entered: set[str] = set()
    folders, links = [("", real_root)], deque[tuple[str, str]]()
    while folders or links:
        below, real = folders.pop() if folders else links.popleft()
        if real in entered:
            yield Found(path=below, reason=_AGAIN)
            continue
        entered.add(real)
        try:
            with os.scandir(os.path.join(root, below)) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            yield Found(path=below or "./", reason=f"cannot be opened: {error.strerror}")
            continue
        deep = rules.depth is None or below.count("/") + 1 < rules.depth
        inner = []
        for entry in entries:
            target = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)
            is_folder = _is_folder(entry)
            if is_folder and not deep:
                continue
            path = below + entry.name + "/" * is_folder
            reason = _passed_over(entry, path, target, real_root, rules)
            if reason or not is_folder:
                yield Found(path=path, reason=reason)
            elif entry.is_symlink():
                links.append((path, target))
            else:
                inner.append((path, target))
        folders += reversed(inner)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _passed_over(entry: os.DirEntry[str], path: str, target: str, real_root: str, rules: Rules) -> str:
    """Why the entry, really at `target`, is neither read nor entered, or nothing."""
    linked = entry.is_symlink()
    inside = _within(target, real_root)
    if rules.excluded(path):
        return EXCLUDED
    if linked and inside and rules.excluded(os.path.relpath(target, real_root) + "/" * path.endswith("/")):
        return EXCLUDED
    if any(_within(target, own) for own in rules.own):
        return _DATA
    if entry.name.startswith("."):
        return _HIDDEN
    if entry.name.startswith("~$"):
        return _LOCK
    if linked and not inside and not rules.follow_links:
        return _OUTSIDE
    if path.endswith("/"):
        return ""
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return _DEAD if linked else f"cannot be opened: {error.strerror}"
    return "" if stat.S_ISREG(mode) else f"is {special(mode)}, no file"
