"""Whom documents are for: what sources, files and readers say of it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.build import Corpus, collect
from ingest.cleaning.duplicates import deduplicate
from ingest.reading import connectors
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.config import Config, Source
from rag_flywheel.domain import Document, DocumentId
from rag_flywheel.domain.groups import LONGEST, NAMED_AT_MOST
from tests.fakes.rankings import MemoryCache
from tests.fakes.redactor import FakeRedactor

READERS = "tests.unit.ingest.reading.readers"


def config(folder: Path, *sources: str | dict[str, Any]) -> Config:
    return Config.model_validate({"file": folder / "config.yaml", "sources": sources})


def put(folder: Path, name: str, text: str = "Some words of a page.\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def corpus(settings: Config, cache: MemoryCache | None = None) -> Corpus:
    files = list_files(settings).files
    return collect(
        files,
        fingerprint(files),
        settings=settings.ingest,
        cache=cache or MemoryCache(),
        redactor=lambda source: FakeRedactor(),
        on_step=lambda done, total: None,
    )


def audience(settings: Config) -> dict[str, tuple[str, ...]]:
    return {document.document_id: document.groups for document in corpus(settings).documents}


def test_a_source_says_whom_its_files_are_for_by_rules_of_which_the_last_one_counts(tmp_path: Path) -> None:
    for number, name in enumerate(("a.md", "hr/b.md", "hr/open/c.md", "board/d.md", "board/e.txt", "Hr/f.md")):
        put(tmp_path, f"docs/{name}", f"Words of page {number}.\n")
    rules = {"hr/": ["hr"], "board/*.md": ["board", "audit"], "hr/open/**": []}
    assert audience(config(tmp_path, {"path": "docs", "groups": rules})) == {
        "docs/a.md": (),
        "docs/hr/b.md": ("hr",),
        "docs/hr/open/c.md": (),
        "docs/board/d.md": ("audit", "board"),
        "docs/board/e.txt": (),
        "docs/Hr/f.md": (),
    }
    assert set(audience(config(tmp_path, {"path": "docs/**/*.md", "groups": "staff"})).values()) == {("staff",)}


def test_of_two_sources_of_one_file_the_later_one_says_whom_it_is_for(tmp_path: Path) -> None:
    put(tmp_path, "docs/hr/b.md")
    named = config(tmp_path, {"path": "docs", "groups": ["staff"]}, {"path": "docs/hr", "groups": ["hr"]})
    assert audience(named) == {"docs/hr/b.md": ("hr",)}


def test_a_rule_that_holds_for_no_file_is_reported(tmp_path: Path) -> None:
    put(tmp_path, "docs/HR/b.md")
    listing = list_files(config(tmp_path, {"path": "docs", "groups": {"hr/": ["hr"], "**": ["staff"]}}))
    assert [(left_out.name, "'hr/'" in left_out.reason) for left_out in listing.skipped] == [("docs", True)]


def test_a_link_is_for_those_alone_who_may_read_what_it_leads_to(tmp_path: Path) -> None:
    put(tmp_path, "docs/hr/b.md", "Words of the people.\n")
    put(tmp_path, "docs/open.md", "Other words.\n")
    os.symlink("hr/b.md", tmp_path / "docs" / "link.md")
    os.symlink("docs/hr/b.md", tmp_path / "alone.md")
    found = audience(config(tmp_path, "alone.md", {"path": "docs", "groups": {"hr/": ["hr"]}}))
    assert {name: groups for name, groups in found.items() if groups != ("hr",)} == {"docs/open.md": ()}


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("---\ngroups: [hr, works council]\n---\n", ("hr", "works council")),
        ("---\ntitle: Pay\ngroups:\n  - hr\n---\n", ("hr",)),
        ("---\nGroups: hr\n---\n", ("hr",)),
        ("+++\ngroups = ['hr']\n+++\n", ("hr",)),
        ("---\ngroups: []\n---\n", ("staff",)),
        ("---\ngroups:\n---\n", ("staff",)),
        ("---\ntitle: Pay\n---\n", ("staff",)),
        ("", ("staff",)),
    ],
)
def test_front_matter_counts_more_than_the_source(tmp_path: Path, front: str, expected: tuple[str, ...]) -> None:
    put(tmp_path, "docs/a.md", f"{front}Some words of a page.\n")
    assert audience(config(tmp_path, {"path": "docs", "groups": ["staff"]})) == {"docs/a.md": expected}


@pytest.mark.parametrize(
    "front",
    [
        "---\ngroups: {a: b}\n---\n",
        "---\ngroups: hr, sales\n---\n",
        "---\ngroups: [[hr]]\n---\n",
        "---\ngroups: ['*']\n---\n",
        "---\ngroups: ['!nobody']\n---\n",
        "---\ngroups: ['']\n---\n",
        f"---\ngroups: [{'x' * (LONGEST + 1)}]\n---\n",
        f"---\ngroups: [{', '.join(f'g{number}' for number in range(NAMED_AT_MOST + 1))}]\n---\n",
        "---\ngroups: [a]\nGroups: [b]\n---\n",
        "---\ntitle: a: b\ngroups: [hr]\n---\n",
        "---\ngroups: [hr]\n\n",
        "+++\ngroups = 3\n+++\n",
        "+++\ngroups = false\n+++\n",
        "+++\ngroups = ['hr'\n+++\n",
    ],
)
def test_a_file_that_does_not_clearly_say_whom_it_is_for_is_left_out_with_the_reason(
    tmp_path: Path, front: str
) -> None:
    put(tmp_path, "docs/a.md", f"{front}Some words of a page.\n")
    found = corpus(config(tmp_path, "docs"))
    assert found.documents == ()
    [left_out] = found.skipped
    assert left_out.name == "docs/a.md"
    assert "groups" in left_out.reason


def test_a_line_of_json_says_whom_it_is_for_and_a_bad_one_is_left_out(tmp_path: Path) -> None:
    said: list[Any] = [["hr"], "hr", None, [], 3, 0, False, {"hr": 1}, ["hr", 4], "a,b", ["x\ny"]]
    lines = [{"_id": f"d{at}", "text": f"Words {at}", "groups": groups} for at, groups in enumerate(said)]
    twice = '{"_id": "t", "text": "Words t", "groups": ["a"], "groups": ["b"]}'
    put(tmp_path, "faq.jsonl", "\n".join([*map(json.dumps, lines), '{"_id": "n", "text": "Words n"}', twice]))
    found = corpus(config(tmp_path, {"path": "faq.jsonl", "groups": ["staff"]}))
    assert {document.document_id: document.groups for document in found.documents} == {
        "d0": ("hr",),
        "d1": ("hr",),
        "d2": ("staff",),
        "d3": ("staff",),
        "n": ("staff",),
    }
    assert [left_out.name for left_out in found.skipped] == [
        f"faq.jsonl:{line}" for line in (5, 6, 7, 8, 9, 10, 11, 13)
    ]


def test_the_metadata_of_a_readers_document_say_whom_it_is_for(tmp_path: Path) -> None:
    pages = [
        ("Words one.", {"groups": ["hr"]}, "one"),
        ("Words two.", {"groups": "hr"}, "two"),
        ("Words three.", {}, "three"),
        ("Words four.", {"groups": {"hr": True}}, "four"),
        ("Words five.", {"groups": 0}, "five"),
    ]
    put(tmp_path, "wiki.json", json.dumps(pages))
    source = {"reader": f"{READERS}:Wiki", "name": "wiki", "args": {"file": "wiki.json"}, "groups": ["staff"]}
    settings = config(tmp_path, source)
    [failed] = connectors.fetch(settings, lambda done, total: None)
    assert failed.reason.endswith("cannot be read: 2")
    assert audience(settings) == {"wiki/one": ("hr",), "wiki/two": ("hr",), "wiki/three": ("staff",)}


@pytest.mark.parametrize(
    "groups",
    [3, True, {"hr/": 3}, {"!hr/": ["hr"]}, {"# hr": ["hr"]}, {"": ["hr"]}, ["*"], ["!x"], "a, b", [["a"]], [" a"]],
)
def test_groups_of_another_form_are_a_mistake_in_the_settings(groups: object) -> None:
    with pytest.raises(ValidationError):
        Source.model_validate({"path": "docs", "groups": groups})


def test_a_reader_has_no_files_that_rules_could_be_for() -> None:
    with pytest.raises(ValidationError):
        Source.model_validate({"reader": "a:B", "groups": {"hr/": ["hr"]}})


def test_copies_are_left_out_only_where_they_are_for_the_same_groups() -> None:
    documents = [
        Document(document_id=DocumentId(name), title="", text="The same words.", source=f"{name}.md", groups=groups)
        for name, groups in (("a", ()), ("b", ("hr",)), ("c", ("hr",)), ("d", ("hr", "it")), ("e", ()))
    ]
    kept, skipped = deduplicate(documents)
    assert [document.document_id for document in kept] == ["a", "b", "d"]
    assert [(left_out.name, left_out.same_as) for left_out in skipped] == [("c", "b"), ("e", "a")]


def test_other_groups_of_a_source_change_no_text_so_that_nothing_is_read_again(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md")
    cache = MemoryCache()
    corpus(config(tmp_path, {"path": "docs", "groups": ["staff"]}), cache)
    known = dict(cache.values)
    found = corpus(config(tmp_path, {"path": "docs", "groups": ["hr"]}), cache)
    assert found.documents[0].groups == ("hr",)
    assert cache.values == known
