"""Where a person's records, and words that only they used, are found: looked for, and not believed."""

import contextlib
import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rag_flywheel.domain import Chunk, Json, VersionId
from rag_flywheel.domain.erasures import ErasureEntry, Scope, Theirs, strings
from rag_flywheel.errors import NotFound
from rag_flywheel.privacy.traces import Traces
from rag_flywheel.services import Services

TYPED = {
    "interactions": ("interaction_id", ("question", "query")),
    "feedback": ("feedback_id", ("value",)),
    "corrections": ("correction_id", ("question", "answer")),
}
"""What people typed: by table the id and the fields. Of others, it is no trace of whoever wrote the same before."""
REPORTS = "reports"


def others_texts(names: frozenset[str], services: Services) -> Iterator[str]:
    """All that is not one person's: what others typed, and the passages that are live."""
    yield from typed(lambda name: name in names, services)
    live = services.index.live()
    theirs = Traces(names=names, digests=frozenset(), key=b"").theirs()
    for chunk in () if live is None else services.index.chunks(live):
        if not _names(chunk, theirs):
            yield chunk.text
            if chunk.question is not None:
                yield chunk.question
        elif chunk.provenance is None:
            yield chunk.text  # of a document, that a question of theirs finds


def typed(theirs: Callable[[str], bool], services: Services) -> Iterator[str]:
    """What was typed, but for records of which the id is theirs."""
    for table, row in services.ledger.records():
        body = row.get("body")
        if table in TYPED and isinstance(body, dict):
            own, fields = TYPED[table]
            if not theirs(str(body.get(own))):
                yield from (text for field in fields if isinstance(text := body.get(field), str))


def count(scope: Scope | None, traces: Traces, services: Services) -> dict[str, int]:
    """How many records of each surface are about them, but for caches, which cannot be searched. Without a scope what
    people met is searched by the ids of questions alone.
    """
    theirs, found = traces.theirs(), Counter[str]()
    for table, row in services.ledger.records():
        found[table] += _tells(table, row, theirs)
    if scope is not None:
        found["exposures"] += sum(
            exposure.unit == scope.user and scope.session is None and scope.holds(exposure.at)
            for exposure in services.ledger.exposures()
            if not theirs.names(exposure.interaction_id or "")
        )
    for version in services.index.versions():
        with contextlib.suppress(NotFound):  # a night has deleted it just now
            found["index"] += sum(
                _names(chunk, theirs) or theirs.wrote(chunk.text) or theirs.wrote(chunk.question or "")
                for chunk in services.index.chunks(version)
            )
    found[REPORTS] += len(reports_about(theirs, services))
    return {surface: number for surface, number in sorted(found.items()) if number}


def reports_about(theirs: Theirs, services: Services, *, only: str = "*") -> list[VersionId]:
    """The versions whose report, in any of its forms, names or quotes them; of all, or `only` of this one."""
    folders = sorted(services.reports.glob(only))
    return [
        VersionId(folder.name)
        for folder in folders
        if folder.is_dir() and any(theirs.is_in(_read(file)) for file in sorted(folder.iterdir()) if file.is_file())
    ]


def rerankers(entry: ErasureEntry, services: Services) -> int:
    """How many of those that were learned with them are kept."""
    learned = {
        record.manifest.learned.reranker
        for record in services.ledger.versions()
        if record.manifest.version_id in entry.barred
    }
    return sum(digest is not None and services.rerankers.has(digest) for digest in learned)


def _read(file: Path) -> str:
    return html.unescape(file.read_text(encoding="utf-8", errors="replace"))


def _tells(table: str, row: Mapping[str, Json], theirs: Theirs) -> bool:
    if any(theirs.names(text) for value in row.values() for text in strings(value)):
        return True
    if table not in TYPED:
        return any(theirs.wrote(text) for value in row.values() for text in strings(value))
    return False


def _names(chunk: Chunk, theirs: Theirs) -> bool:
    """Whether it is a correction of theirs, or found by a question of theirs."""
    return theirs.names(chunk.document_id) or (chunk.confirmed is not None and theirs.names(chunk.confirmed))
