"""Whom the files of a source are for, as its `groups` say: all of them, or each by the last rule that holds for it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rag_flywheel.config import Source
from rag_flywheel.domain.groups import shared

Rules = Callable[[str], tuple[str, ...]]
"""A file's path, from the source's folder on, to the groups that it is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A source's folder, and whom its files are for."""

    real: str  # its path without links
    rules: Rules

    def holds(self, real: str) -> bool:
        return real.startswith(self.real.rstrip("/") + "/")


def rules(source: Source) -> Rules:
    """The source's rules. Later rules count more than earlier ones, as in a `.gitignore` file."""
    groups = source.groups
    if not isinstance(groups, dict):
        return lambda path: groups
    from pathspec import GitIgnoreSpec  # most sources have no rules

    spec, names = GitIgnoreSpec.from_lines(groups), [*groups.values()]

    def told(path: str) -> tuple[str, ...]:
        place = spec.check_file(path).index
        return () if place is None else names[place]

    return told


def audience(path: str, root: str, own: Rules, apart: list[Folder]) -> tuple[str, ...]:
    """Whom the file at `path` below `root`, a path without links, is for.

    A link is for those alone who may read what it leads to, too, as the folders `apart` say: a name in an open folder
    shall not open a file.
    """
    named, plain = own(path), os.path.join(root, path)
    real = os.path.realpath(plain) if apart else plain
    if real == plain:
        return named
    there = [folder.rules(os.path.relpath(real, folder.real)) for folder in apart if folder.holds(real)]
    return shared([named, *there])


def unused(source: Source, paths: list[str]) -> Iterator[str]:
    """The rules that hold for none of the files: most likely a slip, which leaves open what was to be kept apart."""
    if isinstance(source.groups, dict):
        from pathspec import GitIgnoreSpec

        for rule in source.groups:
            if not any(GitIgnoreSpec.from_lines([rule]).match_files(paths)):
                yield rule
