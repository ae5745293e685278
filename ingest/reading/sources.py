"""Which files are the corpus, whether they changed, and which documents they hold.

Nothing here stops at a bad file: what cannot be used comes back by name with the reason, never with its text.
"""

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ingest.reading import formats
from ingest.reading.raw import Part, RawDocument, Skipped
from rag_flywheel.config import Config, Source
from rag_flywheel.domain import Document

AnyDocument = TypeVar("AnyDocument", RawDocument, Document)

_MAGIC = re.compile(r"[*?\[]")
_KNOWN = f"known ones are {' '.join(sorted(formats.SUFFIXES))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of the corpus. `name` is its POSIX path relative to the config's folder: stable wherever that is moved."""

    name: str
    path: Path
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The corpus's files by name, the entries of `sources` that gave nothing, and how many files had other suffixes."""

    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...]
    ignored: int


def list_files(config: Config) -> Listing:
    """The files that `sources` names, each once, in the order of their names.

    Folders are searched to any depth, through symbolic links too but never twice; names that begin with a dot are
    passed over. In a glob `**` stands for any number of folders. A file that is named itself must have a known suffix,
    other ones are only counted.
    """
    found: dict[str, SourceFile] = {}
    skipped: list[Skipped] = []
    ignored: set[Path] = set()
    for source in config.sources:
        entry = source.path
        named = _absolute(config.folder, entry)
        if os.path.isfile(named) and not _readable(named):
            skipped.append(Skipped(name=entry, reason=f"has the suffix {named.suffix or '(none)'}; {_KNOWN}"))
            continue
        if os.path.isfile(named):
            paths = [named]
        elif os.path.isdir(named):
            paths = list(_walk(named, entry, skipped))
        elif _MAGIC.search(entry):
            paths = list(_glob(config.folder, entry, skipped))
        else:
            skipped.append(Skipped(name=entry, reason="is neither a file nor a folder nor a pattern"))
            continue
        usable = [path for path in paths if _readable(path)]
        ignored.update(path for path in paths if not _readable(path))
        if not usable:
            skipped.append(Skipped(name=entry, reason=f"matches no file with a known suffix; {_KNOWN}"))
        for path in usable:
            name = _name(path, config.folder)
            found[name] = SourceFile(name=name, path=path, source=source)
    return Listing(files=tuple(found[name] for name in sorted(found)), skipped=tuple(skipped), ignored=len(ignored))


def fingerprint(files: Iterable[SourceFile]) -> dict[str, str]:
    """The SHA-256 of each file's bytes by name, without parsing any. One that cannot be opened has the empty digest."""
    return {file.name: _digest(file.path) for file in files}


def read(file: SourceFile, part: Part | None = None) -> tuple[list[RawDocument], list[Skipped]]:
    """The documents that the file, or a part of it, holds, in their order, and what of it could not be read."""
    return formats.read(file.name, file.path, part)


def unique(documents: Iterable[AnyDocument]) -> tuple[list[AnyDocument], list[Skipped]]:
    """The documents, raw or screened, without those whose id an earlier one has."""
    kept: dict[str, AnyDocument] = {}
    skipped: list[Skipped] = []
    for document in documents:
        first = kept.setdefault(document.document_id, document)
        if first is not document:
            reason = f"has the same id as a document in {first.source}; ids must differ, so the later one is left out"
            skipped.append(Skipped(name=f"{document.document_id} in {document.source}", reason=reason))
    return list(kept.values()), skipped


def _absolute(folder: Path, entry: str | Path) -> Path:
    """Where the entry points to. Symbolic links stay in it, so that a document's id does not follow a moved link."""
    return Path(os.path.normpath(folder / Path(entry).expanduser()))


def _readable(path: Path) -> bool:
    return path.suffix.lower() in formats.SUFFIXES


def _name(path: Path, folder: Path) -> str:
    relative = Path(os.path.relpath(path, folder)).as_posix()
    return os.fsencode(relative).decode("utf-8", "replace")  # a name that is not UTF-8 could not be stored


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _walk(folder: Path, entry: str, skipped: list[Skipped]) -> Iterator[Path]:
    """Regular files below `folder`. A folder that two links lead to is entered once, so a loop of links ends."""
    entered: set[str] = set()

    def report(error: OSError) -> None:
        below = os.path.relpath(error.filename, folder)
        skipped.append(Skipped(name=entry, reason=f"holds a folder {below} that cannot be opened: {error.strerror}"))

    for here, folders, files in os.walk(folder, followlinks=True, onerror=report):
        real = os.path.realpath(here)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(here, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in paths if os.path.isfile(path))


def _glob(folder: Path, entry: str, skipped: list[Skipped]) -> Iterator[Path]:
    """Files that match. `glob.glob` would follow a loop of links for ever."""
    parts = Path(entry).expanduser().parts
    first = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
    root, pattern = _absolute(folder, Path(*parts[:first])), parts[first:]
    matches = re.compile(_regex(pattern))
    if pattern == (pattern[0],) and pattern[0] != "**":
        paths: Iterable[Path] = (path for path in sorted(root.glob("*")) if os.path.isfile(path))
    else:
        paths = _walk(root, entry, skipped) if os.path.isdir(root) else ()
    return (path for path in paths if matches.fullmatch(path.relative_to(root).as_posix()))


def _regex(parts: Sequence[str]) -> str:
    """The glob's segments as a regular expression over a POSIX path; `*` stays within one segment."""
    pieces = []
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            pieces.append(".*" if last else "(?:[^/]+/)*")
        else:
            segment = fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z")
            pieces.append(segment.replace(".*", "[^/]*") + ("" if last else "/"))
    return "".join(pieces)
