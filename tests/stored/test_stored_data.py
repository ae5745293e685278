"""Data that an older release stored are read, searched and answered from as they were.

The files here are what the code before the packages left behind, and what it read back: `make_stored_data.py.txt` made
them.
"""

import gzip
import json
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from shutil import copytree
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import TypeAdapter

from rag_flywheel.config import Secrets, load
from rag_flywheel.domain import Chunk, Draft, Passage, VersionId
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.ports import Ledger
from rag_flywheel.rollout import housekeeping
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.services import Services
from rag_flywheel.wiring import services
from tests.fakes.doors import door
from tests.fakes.services import ASSUMED

HERE = Path(__file__).parent
CUT = {"interleaved", "team"}
"""Fields that are gone: of canaries, and of passages that an answer showed."""
ADDED = {
    *(
        "quote",
        "sentence",
        "tokens",
        "answer",
        "offered",
        "suggestions",
        "followed",
        "renamed",
        "also",
        "repeated",
        "tail",
        "stand_ins",
        "gaps",
        "undoes",
        "guardrail",
        "masked",
        "sender",
        "overrules",
    ),
    *("confidence", "refusal"),
    *("language", "languages"),
    *("groups", "only", "unless", "guessed", "readership"),
    *("purposes", "agreed"),
}
"""Fields that the older release did not have: of spans that people named, of scores, of manifests, of reviews, of
answers, of chunks, and of whom all that is for.
"""
SCORE = 2e-4
"""By how much a score may differ: models do not add up alike on every processor."""


def unpacked(name: str) -> str:
    return gzip.decompress((HERE / f"{name}.gz").read_bytes()).decode()


def restore(folder: Path) -> Path:
    """The project with its data in a folder; returns its config.yaml."""
    project = Path(copytree(HERE / "project", folder / "project"))
    data = project / "data"
    data.mkdir()
    with closing(sqlite3.connect(data / "ledger.db")) as connection:
        connection.executescript(unpacked("ledger.sql"))
    with tarfile.open(HERE / "data.tar.gz") as archive:
        archive.extractall(data, filter="data")
    return project / "config.yaml"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """For tests that change nothing which another one reads."""
    with services(load(restore(tmp_path_factory.mktemp("stored")), environ=ASSUMED), Secrets()) as opened:
        yield opened


def without_cuts(value: Any) -> Any:
    """The JSON without the fields that are gone, and without those that the older release did not have."""
    if isinstance(value, Mapping):
        return {
            name: without_cuts(held)
            for name, held in value.items()
            if name not in CUT and not (name in ADDED and not held)
        }
    return [without_cuts(held) for held in value] if isinstance(value, list) else value


def as_it_is_read_now(method: str, value: Any) -> Any:
    """What the older release read, with what has changed on purpose since."""
    if method == "exposures":
        return [met for met in value if met["arm"] != "interleaved"]
    if method == "golden_cases":
        return [{"cluster" if name == "group" else name: held for name, held in case.items()} for case in value]
    if method == "version":
        return value | {"manifest": value["manifest"] | {"form": 1}}
    if method == "versions":
        return [as_it_is_read_now("version", record) for record in value]
    return value


def given(method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that stand as JSON, as the method takes them."""
    hints = get_type_hints(getattr(Ledger, method))
    return {
        name: datetime.fromisoformat(value) if datetime in (hints[name], *get_args(hints[name])) else value
        for name, value in arguments.items()
    }


def test_every_read_method_of_the_ledger_returns_what_the_older_release_read(stored: Services) -> None:
    for read in json.loads(unpacked("expected.json"))["reads"]:
        method = read["method"]
        value = getattr(stored.ledger, method)(*read["args"], **given(method, read["kwargs"]))
        kind = get_type_hints(getattr(Ledger, method))["return"]
        found = value.hex() if isinstance(value, bytes) else TypeAdapter(kind).dump_python(value, mode="json")
        expected = as_it_is_read_now(method, read["value"])
        assert without_cuts(json.loads(json.dumps(found))) == without_cuts(expected), read["args"]


def test_every_version_holds_the_chunks_that_it_held(stored: Services) -> None:
    expected: dict[str, list[Any]] = {version: [] for version in stored.index.versions()}
    for held in json.loads(unpacked("chunks.json")):
        for version in held["versions"]:
            expected[version].append(held["chunk"])
    kinds = TypeAdapter(list[Chunk])
    for version, chunks in expected.items():
        found = sorted(stored.index.chunks(VersionId(version)), key=lambda chunk: chunk.chunk_id)
        assert without_cuts(kinds.dump_python(found, mode="json")) == sorted(
            chunks, key=lambda chunk: str(chunk["chunk_id"])
        )


def test_people_find_nothing_in_a_version_that_knows_no_groups_and_operators_all_of_it(stored: Services) -> None:
    for version in stored.index.versions():
        searcher = stored.open(stored.ledger.version(version).manifest)
        [vector] = searcher.encoder.encode_queries(["storm alert"])
        found = [
            stored.index.search(version, text="storm alert", vector=vector, limit=5, groups=groups)
            for groups in (frozenset[str](), frozenset({"staff"}), None)
        ]
        assert [bool(some) for some in found] == [False, False, True]
        assert retrieve("storm alert", searcher=searcher.seen_by(frozenset())) == []


def ranked(passages: Sequence[Passage]) -> tuple[list[list[Any]], list[float]]:
    """Where the passages are, best first, and their scores."""
    spans = [[passage.chunk.document_id, passage.chunk.start, passage.chunk.end] for passage in passages]
    return spans, [passage.score for passage in passages]


def test_every_version_ranks_as_it_did_and_answers_as_this_release_quotes_without_a_reindex(stored: Services) -> None:
    expected = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))
    assert (stored.index.live(), stored.index.versions()) == (expected["live"], expected["versions"])
    for asked in expected["asked"]:
        searcher = stored.open(stored.ledger.version(VersionId(asked["version"])).manifest)
        passages = retrieve(asked["question"], searcher=searcher)
        spans, scores = ranked(passages)
        assert spans == [place[:3] for place in asked["ranking"]], asked["question"]
        assert scores == pytest.approx([place[3] for place in asked["ranking"]], abs=SCORE)
        *_, draft = stored.generator.answer(asked["question"], passages[: searcher.shown])
        assert isinstance(draft, Draft)
        assert (draft.answered, draft.text) == (asked["answered"], asked["answer"])
        assert [(cited.number, cited.document_id, cited.start, cited.end) for cited in draft.citations] == [
            (cited["number"], cited["document_id"], cited["start"], cited["end"]) for cited in asked["citations"]
        ]


def test_index_and_ledger_still_belong_together(stored: Services) -> None:
    assert housekeeping.reconcile(index=stored.index, ledger=stored.ledger, at=stored.now()) == []


def test_a_request_sent_again_with_its_key_gets_the_reply_that_the_older_release_gave(stored: Services) -> None:
    again = json.loads(unpacked("expected.json"))["repeated"]
    reply = door(stored).post(again["path"], json=again["body"], headers={"Idempotency-Key": again["key"]})
    assert (reply.status_code, reply.json()) == (201, again["reply"])


def test_erasing_a_person_finds_all_that_the_older_release_stored_of_them(tmp_path: Path) -> None:
    expected = json.loads(unpacked("expected.json"))["erased"]
    with services(load(restore(tmp_path), environ=ASSUMED), Secrets()) as opened:
        assert opened.ledger.erase(Scope(user=expected["user"])) == expected["counts"] | dict.fromkeys(
            (
                *("asides", "consents", "sessions", "session_uses", "session_ends", "topic_members", "topic_rulings"),
                *("assignments", "second_reviews"),
            ),
            0,
        )
