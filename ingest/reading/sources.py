"""Which files are the corpus, whether they changed, and which documents they hold.

Nothing here stops at a bad file: what cannot be used comes back by name with the reason, never with its text.
"""

import fnmatch
import hashlib
import itertools
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ingest.reading import connectors, formats
from ingest.reading.audience import Folder, audience, rules, unused
from ingest.reading.raw import Part, RawDocument, Skipped
from ingest.reading.walking import EXCLUDED, Found, Rules, special, walk
from rag_flywheel.config import Config, Source
from rag_flywheel.domain import Document, wrong_name

AnyDocument = TypeVar("AnyDocument", RawDocument, Document)

NAMED = 100
"""Of the files of one source that are passed over for one reason, so many are named and the others counted."""
_MAGIC = re.compile(r"[*?\[]")
_KNOWN = f"known ones are {' '.join(sorted(formats.SUFFIXES))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of the corpus. `name` is its POSIX path relative to the config's folder: stable wherever that is moved."""

    name: str
    path: Path
    source: Source
    alone: bool = False  # the source names this file, and no other
    groups: tuple[str, ...] = ()  # that its source says it is for; its documents may name others


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What one entry of `sources` gives."""

    source: Source
    files: tuple[SourceFile, ...] = ()
    passed_over: tuple[Skipped, ...] = ()
    excluded: tuple[str, ...] = ()  # by its own rules; a folder, which ends with a slash, is not looked into
    problem: str = ""  # why it gives no file
    unused: tuple[str, ...] = ()  # rules of its `groups` that hold for none of its files


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The corpus's files by name, and what is passed over: entries of `sources` that give nothing, and files."""

    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...]


def list_files(config: Config) -> Listing:
    """The files that `sources` names, each once, in the order of their names.

    Where two sources give the same file, it is the later one's.
    """
    found: dict[str, SourceFile] = {}
    skipped: list[Skipped] = []
    passed_over: dict[str, Skipped] = {}
    for source in config.sources:
        examined = examine(source, config)
        if examined.problem:
            skipped.append(Skipped(name=source.label, reason=examined.problem))
        for rule in examined.unused:
            skipped.append(Skipped(name=source.label, reason=f"has no file that its rule {rule!r} in `groups` is for"))
        for file in examined.files:
            wrong = wrong_name(file.name)
            if wrong is not None:
                skipped.append(Skipped(name=file.name, reason=wrong))
            elif found.setdefault(file.name, file).path == file.path:
                found[file.name] = file
            else:
                skipped.append(Skipped(name=file.name, reason="has a name that is the same text as another file's"))
        passed_over |= {left_out.name: left_out for left_out in _bounded(examined)}
    skipped += [left_out for name, left_out in passed_over.items() if name not in found]
    return Listing(files=tuple(found[name] for name in sorted(found)), skipped=tuple(skipped))


def examine(source: Source, config: Config) -> Examined:
    """The files that one entry of `sources` gives, and what it passes over.

    Folders are searched to any depth. In a glob `**` stands for any number of folders. A file that is named itself may
    be hidden or a link, but must have a known suffix. This service's own data is never a source.
    """
    if source.reader:
        return _fetched(source, config)
    entry = os.path.expanduser(source.path)
    named = _absolute(config.folder, entry)
    try:
        mode = os.stat(named).st_mode
    except (FileNotFoundError, NotADirectoryError):
        if not _MAGIC.search(entry):
            return Examined(source=source, problem="is neither a file nor a folder nor a pattern")
        root, found = _glob(entry, source, config)
        return _examined(source, root, found, config)
    except OSError as error:
        return Examined(source=source, problem=f"cannot be opened: {error.strerror}")
    if stat.S_ISDIR(mode):
        return _examined(source, named, walk(str(named), _rules(source, config)), config)
    if not stat.S_ISREG(mode):
        return Examined(source=source, problem=f"is {special(mode)}, no file")
    if not _readable(named):
        return Examined(source=source, problem=f"has the suffix {named.suffix or '(none)'}; {_KNOWN}")
    groups = audience(named.name, os.path.realpath(named.parent), rules(source), _apart(config))
    file = SourceFile(name=_name(named, config.folder), path=named, source=source, alone=True, groups=groups)
    return Examined(source=source, files=(file,), unused=tuple(unused(source, [named.name])))


def fingerprint(files: Iterable[SourceFile]) -> dict[str, str]:
    """The SHA-256 of each file's bytes by name, without parsing any. One that cannot be opened has the empty digest."""
    return {file.name: _digest(file.path) for file in files}


def read(file: SourceFile, part: Part | None = None) -> tuple[list[RawDocument], list[Skipped]]:
    """The documents that the file, or a part of it, holds, in their order, and what of it could not be read."""
    documents, skipped = formats.read(file.name, file.path, part)
    return [_declared(_titled(document, file), file.source.language) for document in documents], skipped


def _titled(document: RawDocument, file: SourceFile) -> RawDocument:
    """With the source's title: in the place of its own where the source is this one document, else before its own."""
    title = file.source.title
    if not title:
        return document
    only = file.alone and document.document_id == file.name
    return replace(document, title=title if only or not document.title else f"{title}: {document.title}")


def _declared(document: RawDocument, language: str) -> RawDocument:
    return replace(document, language=language, declared=True) if language else document


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


def _bounded(examined: Examined) -> Iterator[Skipped]:
    """What is passed over, NAMED of a reason by name and the others as one."""
    reasons = Counter[str]()
    for left_out in examined.passed_over:
        reasons[left_out.reason] += 1
        if reasons[left_out.reason] <= NAMED:
            yield left_out
    for reason, count in reasons.items():
        if count > NAMED:
            yield Skipped(name=f"{count - NAMED} more of {examined.source.label}", reason=reason)


def _examined(source: Source, root: Path, found: Iterable[Found], config: Config) -> Examined:
    files, passed_over, excluded = [], [], []
    own, apart, paths = rules(source), _apart(config), []
    real_root = os.path.realpath(root)
    for entry in found:
        path = root / entry.path
        name = _name(path, config.folder) + "/" * entry.path.endswith("/")
        if entry.reason == EXCLUDED:
            excluded.append(name)
        elif entry.reason:
            passed_over.append(Skipped(name=name, reason=entry.reason))
        elif _readable(path):
            groups = audience(entry.path, real_root, own, apart)
            files.append(SourceFile(name=name, path=path, source=source, groups=groups))
            paths.append(entry.path)
        else:
            reason = f"has the suffix {path.suffix}, which" if path.suffix else "has no suffix, so it"
            passed_over.append(Skipped(name=name, reason=f"{reason} is none that can be read"))
    return Examined(
        source=source,
        files=tuple(files),
        passed_over=tuple(passed_over),
        excluded=tuple(excluded),
        problem="" if files else f"gives no file with a known suffix; {_KNOWN}",
        unused=tuple(unused(source, paths)),
    )


def _apart(config: Config) -> list[Folder]:
    """The folders of all sources that say whom their files are for."""
    folders = []
    for source in config.sources:
        if source.path and source.groups:
            entry = os.path.expanduser(source.path)
            named = _absolute(config.folder, entry)
            root = named if named.is_dir() else named.parent if named.exists() else _root(entry, config)
            folders.append(Folder(real=os.path.realpath(root), rules=rules(source)))
    return folders


def _root(entry: str, config: Config) -> Path:
    """The folder that a pattern begins in."""
    fixed = itertools.takewhile(lambda part: not _MAGIC.search(part), Path(entry).parts)
    return _absolute(config.folder, Path(*fixed))


def _fetched(source: Source, config: Config) -> Examined:
    path = connectors.fetched_file(source, config)
    if not path.is_file():
        return Examined(source=source, problem="has not been fetched yet: `rag-flywheel reindex` does")
    return Examined(
        source=source,
        files=(
            SourceFile(
                name=f"{connectors.FOLDER}/{path.name}", path=path, source=source, groups=rules(source)(path.name)
            ),
        ),
    )


def _rules(source: Source, config: Config, *, depth: int | None = None) -> Rules:
    own = {os.path.realpath(config.data)}
    if config.golden:
        own.add(os.path.realpath(config.resolve(config.golden) / "queries.jsonl"))
    excluded: Callable[[str], bool] = _none
    if source.exclude:
        from pathspec import GitIgnoreSpec  # most configurations exclude nothing

        excluded = GitIgnoreSpec.from_lines(source.exclude).match_file
    return Rules(depth=depth, excluded=excluded, follow_links=source.follow_links, own=frozenset(own))


def _none(path: str) -> bool:
    return False


def _absolute(folder: Path, entry: str | Path) -> Path:
    """Where the entry points to. Symbolic links stay in it, so that a document's id does not follow a moved link."""
    return Path(os.path.normpath(folder / entry))


def _readable(path: Path) -> bool:
    return path.suffix.lower() in formats.SUFFIXES


def _name(path: Path, folder: Path) -> str:
    """The path as text that can be stored and stands in one line; different paths have different ones."""
    relative = Path(os.path.relpath(path, folder)).as_posix()
    text = os.fsencode(relative).decode("utf-8", "backslashreplace")
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign
        for sign in text
    )


def _digest(path: Path) -> str:
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        pass
    return ""


def _without_waiting(path: str, flags: int) -> int:
    """Where a FIFO has taken a file's place, nobody may ever write to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _glob(entry: str, source: Source, config: Config) -> tuple[Path, Iterator[Found]]:
    """The folder that the pattern begins in, and what matches there."""
    root = _root(entry, config)
    pattern = [*itertools.dropwhile(lambda part: not _MAGIC.search(part), Path(entry).parts)]
    if not os.path.isdir(root):
        return root, iter(())
    matches = re.compile(_regex(pattern))
    found = walk(str(root), _rules(source, config, depth=None if "**" in pattern else len(pattern)))
    return root, (entry for entry in found if entry.path.endswith("/") or matches.fullmatch(entry.path))


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
