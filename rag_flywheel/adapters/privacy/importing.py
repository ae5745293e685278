"""Importing a vendor without what it would import in passing and can do without."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType


@contextmanager
def importing_without(*names: str) -> Iterator[None]:
    """In this thread and this block the named packages are not found, unless they are loaded already.

    Presidio and the spaCy beneath it import transformers and PyTorch where they are installed, for engines that nobody
    here asked for: five of the six seconds that it takes to be imported. Both are written to do without them.
    """
    absent = _Absent(frozenset(names), threading.get_ident())
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


class _Absent(MetaPathFinder):
    def __init__(self, names: frozenset[str], thread: int) -> None:
        self._names = names
        self._thread = thread  # other threads may be importing the very packages, for a model

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
