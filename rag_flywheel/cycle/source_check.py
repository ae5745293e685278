"""What a source gives, for who sets it up: told without fetching or understanding anything."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.reading import connectors
from ingest.reading.raw import Skipped
from ingest.reading.sources import examine
from rag_flywheel.config import Config, Source
from rag_flywheel.domain import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one entry of `sources` gives."""

    source: str
    reader: str | None  # of LlamaIndex, where it is one
    problem: str | None  # why it gives nothing
    fetched: str | None  # when a reader's documents were fetched last, ISO 8601
    kinds: Mapping[str, int]  # how many files have which suffix
    excluded: tuple[str, ...]  # by its own rules; a folder, which ends with a slash, is not looked into
    passed_over: tuple[Skipped, ...]

    def as_json(self) -> dict[str, Json]:
        """As the command shows it."""
        return {
            "source": self.source,
            "reader": self.reader,
            "problem": self.problem,
            "fetched": self.fetched,
            "files": sum(self.kinds.values()),
            "kinds": {**self.kinds},
            "excluded": [*self.excluded],
            "passed_over": [{"name": left_out.name, "reason": left_out.reason} for left_out in self.passed_over],
        }


def look_at(source: Source, config: Config) -> Look:
    """What the source gives now."""
    if source.reader:
        return _reader(source, config)
    examined = examine(source, config)
    kinds = Counter(file.path.suffix.lower() for file in examined.files)
    return Look(
        source=source.label,
        reader=None,
        problem=examined.problem or None,
        fetched=None,
        kinds=dict(kinds.most_common()),
        excluded=examined.excluded,
        passed_over=examined.passed_over,
    )


def unreadable(source: Source, config: Config) -> list[str]:
    """The names of its files that cannot be opened: here a byte of each is read."""
    closed = []
    for file in () if source.reader else examine(source, config).files:
        try:
            with file.path.open("rb") as opened:
                opened.read(1)
        except OSError:
            closed.append(file.name)
    return closed


def _reader(source: Source, config: Config) -> Look:
    path = connectors.fetched_file(source, config)
    fetched = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else None
    return Look(
        source=source.label,
        reader=source.reader,
        problem=connectors.check(source, config) or None,
        fetched=None if fetched is None else fetched.isoformat(timespec="seconds"),
        kinds={},
        excluded=(),
        passed_over=(),
    )
