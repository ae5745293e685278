"""Sources that are readers of LlamaIndex."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ingest.reading import connectors
from ingest.reading.raw import Skipped
from ingest.reading.sources import fingerprint, list_files, read
from rag_flywheel.config import Config

READERS = "tests.unit.ingest.reading.readers"


def config(folder: Path, *sources: dict[str, Any]) -> Config:
    return Config.model_validate({"file": folder / "config.yaml", "sources": sources})


def wiki(*pages: tuple[str, dict[str, Any], str | None], folder: Path, args: dict[str, Any] | None = None) -> Config:
    """The settings with a wiki that holds the pages: (text, metadata, id or None for a random one)."""
    (folder / "wiki.json").write_text(json.dumps(pages))
    return config(folder, {"reader": f"{READERS}:Wiki", "name": "wiki", "args": {"file": "wiki.json", **(args or {})}})


def fetch(settings: Config) -> tuple[Skipped, ...]:
    return connectors.fetch(settings, lambda done, total: None)


def documents(settings: Config) -> dict[str, tuple[str, str]]:
    """Title and text by id, as the corpus has them."""
    files = list_files(settings).files
    return {document.document_id: (document.title, document.text) for file in files for document in read(file)[0]}


def broken(how: str, folder: Path, timeout: float = 60.0) -> Config:
    return config(folder, {"reader": f"{READERS}:Broken", "args": {"how": how}, "timeout": timeout})


def test_the_documents_of_a_reader_are_documents_of_the_corpus(tmp_path: Path) -> None:
    settings = wiki(("Hold it.", {"title": "Reset", "url": "https://w/reset"}, None), folder=tmp_path)
    assert fetch(settings) == ()
    assert documents(settings) == {"wiki/https://w/reset": ("Reset", "Hold it.")}
    assert [file.name for file in list_files(settings).files] == ["connectors/wiki.jsonl"]


def test_ids_are_the_readers_own_where_these_last_and_else_made_of_what_does(tmp_path: Path) -> None:
    lasting = "0d4b1c7e-6d0f-4a8e-9a3b-1f2e3d4c5b6a"
    settings = wiki(
        ("Own.", {"url": "https://w/own"}, "PAGE-7"),
        ("Random, but the page's.", {"page_id": lasting}, lasting),
        ("Page one.", {"file_path": "a.pdf", "page_label": "1"}, None),
        ("Page two.", {"file_path": "a.pdf", "page_label": "2"}, None),
        ("Part one.", {"url": "https://w/parts"}, None),
        ("Part two.", {"url": "https://w/parts"}, None),
        ("Titled.", {"title": "A\ntitle", "source": "wiki"}, None),
        ("Linked.", {"title": "Home", "source": "https://w/"}, None),
        ("Nothing but a text.", {}, None),
        folder=tmp_path,
    )
    assert fetch(settings) == ()
    first = documents(settings)
    assert {name: text for name, (_, text) in first.items() if "Nothing" not in text} == {
        "wiki/PAGE-7": "Own.",
        f"wiki/{lasting}": "Random, but the page's.",
        "wiki/a.pdf#1": "Page one.",
        "wiki/a.pdf#2": "Page two.",
        "wiki/https://w/parts": "Part one.",
        "wiki/https://w/parts#2": "Part two.",
        "wiki/A title": "Titled.",
        "wiki/https://w/": "Linked.",
    }
    assert len(first) == 9
    before = fingerprint(list_files(settings).files)
    assert fetch(settings) == ()
    assert documents(settings) == first
    assert fingerprint(list_files(settings).files) == before, "nothing has changed"


def test_what_vanished_from_a_reader_leaves_and_the_order_of_pages_changes_nothing(tmp_path: Path) -> None:
    one, two = ("One.", {}, "1"), ("Two.", {}, "2")
    settings = wiki(one, two, folder=tmp_path)
    fetch(settings)
    before = fingerprint(list_files(settings).files)
    fetch(wiki(two, one, folder=tmp_path))
    assert fingerprint(list_files(settings).files) == before
    fetch(wiki(two, folder=tmp_path))
    assert set(documents(settings)) == {"wiki/2"}
    fetch(config(tmp_path))
    assert list((tmp_path / "data" / "connectors").iterdir()) == [], "nothing stays of what is no source any more"


def test_each_argument_goes_where_its_name_is_known(tmp_path: Path) -> None:
    args = {"base": "b", "query": "q", "both": 3, "other": [1]}
    settings = config(tmp_path, {"reader": f"{READERS}:Given", "args": args})
    assert fetch(settings) == ()
    ((_, text),) = documents(settings).values()
    assert json.loads(text) == [{"base": "b", "both": 3}, {"query": "q", "both": 3, "other": [1]}]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"reader": f"{READERS}:Strict", "args": {"qury": "q"}}, "takes no argument qury; known ones are query"),
        ({"reader": f"{READERS}:Strict"}, "its args lack query"),
        ({"reader": f"{READERS}:Nothing"}, "has no reader Nothing"),
        ({"reader": "no_such_module:Reader"}, "the module no_such_module is not installed"),
        (
            {"reader": "llama_index.readers.no_such_thing:Reader"},
            "llama_index.readers.no_such_thing is not installed: `pip install llama-index-readers-no-such-thing`",
        ),
        ({"reader": f"{READERS}:Strict", "args": {"query": "${NOT_SET}"}}, "the variable NOT_SET, which its args name"),
    ],
)
def test_a_reader_that_is_not_there_or_takes_other_arguments_is_found_before_anything_is_fetched(
    tmp_path: Path, source: dict[str, Any], said: str
) -> None:
    settings = config(tmp_path, source)
    assert said in connectors.check(settings.sources[0], settings)
    (failed,) = fetch(settings)
    assert said in failed.reason
    assert list_files(settings).files == ()


def test_a_check_fetches_nothing(tmp_path: Path) -> None:
    settings = broken("raises", tmp_path)
    assert connectors.check(settings.sources[0], settings) == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "it raised RuntimeError from ConnectionRefusedError (Connection refused)"),
        ("exits", "it raised SystemExit"),
        ("crashes", "its process ended by itself (-6)"),
        ("hangs", "it took longer than 2 seconds"),
        ("fills the memory", "it took more than 4 GB of memory"),
        ("gives nothing", "it gave no documents"),
        ("gives no text", "none of its documents holds a text"),
    ],
)
def test_whatever_goes_wrong_is_named_and_the_documents_of_the_last_good_fetch_are_kept(
    tmp_path: Path, how: str, said: str
) -> None:
    settings = broken(how, tmp_path, timeout=2.0 if how == "hangs" else 60.0)
    (failed,) = fetch(settings)
    assert failed.name == "Broken"
    assert said in failed.reason
    assert "secret" not in failed.reason
    assert "no documents of an earlier fetch" in failed.reason
    kept = connectors.fetched_file(settings.sources[0], settings)
    kept.write_text('{"_id": "Broken/1", "text": "As it was."}\n')
    os.utime(kept, (0, 0))
    (failed,) = fetch(settings)
    assert "its documents of 1970-01-01 00:00 UTC are kept" in failed.reason
    assert documents(settings) == {"Broken/1": ("", "As it was.")}
    assert os.listdir(kept.parent) == ["Broken.jsonl"], "nothing half-done lies about"


def test_a_secret_comes_from_the_environment_and_stands_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WIKI_TOKEN", "hunter2-hunter2")
    page = ("See https://w/?token=hunter2-hunter2", {"url": "https://w/?token=hunter2-hunter2"}, None)
    settings = wiki(page, folder=tmp_path, args={"token": "${WIKI_TOKEN}"})
    assert fetch(settings) == ()
    assert documents(settings) == {"wiki/https://w/?token=***": ("", "See https://w/?token=***")}
    assert capfd.readouterr() == ("", "")
    assert "hunter2" not in repr(settings) + settings.model_dump_json()


def test_pages_of_html_become_what_a_reader_of_them_sees(tmp_path: Path) -> None:
    page = "<!DOCTYPE html><html><head><title>Reset</title></head><body><p>Hold for 10&nbsp;s, naïve.</p>"
    settings = wiki((page, {}, "1"), ("a < b <html> is a tag", {}, "2"), folder=tmp_path)
    assert fetch(settings) == ()
    title, text = documents(settings)["wiki/1"]
    assert title == "Reset"
    assert text.split() == ["Hold", "for", "10", "s,", "naïve."]
    assert documents(settings)["wiki/2"] == ("", "a < b <html> is a tag")


def test_documents_that_hold_nothing_or_cannot_be_read_are_counted_and_the_others_kept(tmp_path: Path) -> None:
    settings = wiki(("Hold it.", {}, "1"), ("", {}, "2"), (None, {}, "3"), folder=tmp_path)  # type: ignore[arg-type]
    (few,) = fetch(settings)
    assert (few.name, few.reason) == ("wiki", "gave documents that hold no text or cannot be read: 2")
    assert set(documents(settings)) == {"wiki/1"}


def test_a_hundred_thousand_documents_are_fetched_and_endless_ones_end_at_the_time_limit(tmp_path: Path) -> None:
    settings = config(tmp_path, {"reader": f"{READERS}:Many", "args": {"count": 100_000}})
    assert fetch(settings) == ()
    with connectors.fetched_file(settings.sources[0], settings).open() as file:
        assert sum(1 for _ in file) == 100_000
    endless = config(tmp_path, {"reader": f"{READERS}:Many", "args": {"count": 10**12}, "timeout": 3})
    [failed] = fetch(endless)
    assert failed.reason.startswith(
        ("could not be fetched: it took longer than 3 seconds", "could not be fetched: it took more")
    )
    assert "UTC are kept" in failed.reason


def test_signs_that_cannot_be_stored_do_no_harm(tmp_path: Path) -> None:
    settings = wiki(("Half \ud800 a pair.", {"title": "x" * 900}, "\ud800"), folder=tmp_path)
    assert fetch(settings) == ()
    ((title, text),) = documents(settings).values()
    assert (len(title), text) == (500, "Half \ufffd a pair.")


def test_a_reader_of_llama_index_itself_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "reset.txt").write_text("Hold the button.")
    settings = config(
        tmp_path,
        {"reader": "llama_index.core.readers:SimpleDirectoryReader", "args": {"input_dir": "notes"}, "title": "Pump"},
        {"reader": "llama_index.core.readers:StringIterableReader", "args": {"texts": ["Release it."]}},
    )
    assert fetch(settings) == ()
    found = documents(settings)
    assert sorted(found.values()) == [("", "Release it."), ("Pump: reset.txt", "Hold the button.")]
    assert any(name.endswith("notes/reset.txt") for name in found)
