"""A second look for what was erased, on a later day: what came back meanwhile from a copy, a cache or a late writer.

Until then the key of the person's traces is kept, with keyed digests of ids and words beside it and nothing else. The
look has a receipt of its own, and afterwards the key is destroyed.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version as release
from pathlib import Path

from rag_flywheel.cycle import traces_left
from rag_flywheel.domain import Json
from rag_flywheel.domain.erasures import ErasureState, Proof
from rag_flywheel.errors import Damaged
from rag_flywheel.privacy import receipts
from rag_flywheel.privacy.traces import KEY_BYTES, Traces, digests_of
from rag_flywheel.services import Services

LATER = timedelta(days=7)
WATCHED = "watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """An erasure that is to be looked after once more."""

    erasure_id: str
    due: datetime
    names: frozenset[str]  # keyed digests, as the next
    digests: frozenset[str]


def promise(erasure_id: str, traces: Traces, at: datetime, folder: Path) -> None:
    """Keep what the second look needs."""
    sealed = traces.seal()
    watch: dict[str, Json] = {
        "id": erasure_id,
        "due": (at + LATER).isoformat(),
        "names": [*sorted(sealed.names)],
        "digests": [*sorted(sealed.digests)],
    }
    file = _file(erasure_id, folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_suffix(".new")
    made.write_text(json.dumps(watch), encoding="ascii")
    made.replace(file)


def look(services: Services, folder: Path) -> list[str]:
    """Do the looks that are due, under the reindex lock. Returns what was found, in words."""
    promised, told = watched(folder)
    told += [_looked(watch, services, folder) for watch in promised if watch.due <= services.now()]
    _destroy_keys(services, folder)
    return told


def watched(folder: Path) -> tuple[list[Watch], list[str]]:
    """The looks that are still to be done, whenever they are due; and what cannot be read of them, in words."""
    promised: list[Watch] = []
    told = []
    for file in sorted((folder / WATCHED).glob("*.json")):
        try:
            promised.append(_read(file))
        except (ValueError, KeyError, TypeError):
            told.append(f"{file} does not say what to look for again: delete it, and the look with it")
    return promised, told


def key_file(erasure_id: str, folder: Path) -> Path:
    """Where the key of an erasure's traces is, until it is destroyed."""
    return folder / "keys" / f"{erasure_id}.key"


def _looked(watch: Watch, services: Services, folder: Path) -> str:
    file = key_file(watch.erasure_id, folder)
    try:
        key = receipts.made_once(file, KEY_BYTES) if file.exists() else None
    except Damaged:
        key = None
    if key is None:
        _file(watch.erasure_id, folder).unlink(missing_ok=True)
        return f"cannot look again for what {watch.erasure_id} erased: the key of its traces is gone"
    theirs = Traces(names=watch.names, digests=frozenset(), key=key, sealed=True).theirs()
    # What others typed since in the same words is theirs, and so is what new documents say.
    new = itertools.chain(traces_left.typed(theirs.names, services), _documents(services))
    others = {digest for text in new for digest in digests_of(text, key) if digest in watch.digests}
    traces = Traces(names=watch.names, digests=watch.digests - others, key=key, sealed=True)
    found = traces_left.count(None, traces, services)
    receipts.write(_receipt(watch, found, services), folder, secret=services.secrets.receipt_key)
    _file(watch.erasure_id, folder).unlink(missing_ok=True)
    left = sum(found.values())
    what = "nothing is left" if not left else f"{left} records are there again, in {', '.join(sorted(found))}"
    return f"looked again for what {watch.erasure_id} erased: {what}"


def _documents(services: Services) -> Iterator[str]:
    live = services.index.live()
    chunks = () if live is None else services.index.chunks(live)
    return (chunk.text for chunk in chunks if chunk.provenance is None)


def _receipt(watch: Watch, found: Mapping[str, int], services: Services) -> dict[str, Json]:
    surfaces: list[Json] = [
        {"surface": surface, "after": number, "verdict": Proof.RESIDUAL.value} for surface, number in found.items()
    ]
    return {
        "id": f"{watch.erasure_id}-again",
        "again": watch.erasure_id,
        "software": f"rag-flywheel {release('rag-flywheel')}",
        "due": watch.due.isoformat(),
        "done": services.now().isoformat(),
        "verdict": (Proof.RESIDUAL if found else Proof.ERASED).value,
        "surfaces": surfaces,
        "versions": {"live": services.index.live()},
    }


def _read(file: Path) -> Watch:
    read = json.loads(file.read_text(encoding="ascii"))
    return Watch(
        erasure_id=read["id"],
        due=datetime.fromisoformat(read["due"]),
        names=frozenset(read["names"]),
        digests=frozenset(read["digests"]),
    )


def _destroy_keys(services: Services, folder: Path) -> None:
    """Those of erasures that are done and looked after, also where a process died before it did so. One that the ledger
    does not know of may be that of a request which is just being recorded.
    """
    done = {entry.erasure_id for entry in services.ledger.erasures() if entry.state is ErasureState.DONE}
    for key in (folder / "keys").glob("*.key"):
        if key.stem in done and not _file(key.stem, folder).exists():
            key.unlink()


def _file(erasure_id: str, folder: Path) -> Path:
    return folder / WATCHED / f"{erasure_id}.json"
