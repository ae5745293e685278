"""Files to raw documents."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.reading.raw import RawDocument, Skipped
from ingest.reading.sources import NAMED, Listing, SourceFile, fingerprint, list_files, read, unique
from rag_flywheel.config import Config, Source, load
from tests.fakes.services import ASSUMED

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


def listing(folder: Path, *sources: str | dict[str, object]) -> Listing:
    return list_files(Config.model_validate({"file": folder / "config.yaml", "sources": sources}))


def reasons(found: Listing) -> dict[str, str]:
    return {left_out.name: left_out.reason for left_out in found.skipped}


def names(found: Listing) -> list[str]:
    return [file.name for file in found.files]


def read_one(path: Path) -> RawDocument:
    documents, skipped = read(SourceFile(name=path.name, path=path, source=Source(path=".")))
    assert skipped == []
    assert len(documents) == 1
    return documents[0]


def reason(path: Path) -> str:
    documents, skipped = read(SourceFile(name=path.name, path=path, source=Source(path=".")))
    assert documents == []
    assert [left_out.name for left_out in skipped] == [path.name]
    return skipped[0].reason


# --- which files ----------------------------------------------------------------------------------------------------


def test_a_folder_gives_its_files_of_known_suffixes_at_any_depth_in_order_and_names_the_others(
    tmp_path: Path, write: Write
) -> None:
    for name in (
        "docs/b.md",
        "docs/a.TXT",
        "docs/deep/er/c.html",
        "docs/logo.png",
        "docs/.git/config.md",
        "docs/LICENSE",
    ):
        write(name, "x")
    write("docs/deep/.notes.md", "x")
    write("docs/~$b.docx", "x")
    found = listing(tmp_path, "docs")
    assert names(found) == ["docs/a.TXT", "docs/b.md", "docs/deep/er/c.html"]
    assert reasons(found) == {
        "docs/logo.png": "has the suffix .png, which is none that can be read",
        "docs/LICENSE": "has no suffix, so it is none that can be read",
        "docs/.git/": "is hidden: its name begins with a dot",
        "docs/deep/.notes.md": "is hidden: its name begins with a dot",
        "docs/~$b.docx": "is the lock file of an open document",
    }


def test_of_very_many_files_that_are_passed_over_for_one_reason_the_first_are_named_and_the_others_counted(
    tmp_path: Path, write: Write
) -> None:
    write("docs/a.md", "x")
    for number in range(NAMED + 25):
        write(f"docs/{number:03}.png", "x")
    found = reasons(listing(tmp_path, "docs"))
    assert len(found) == NAMED + 1
    assert ".png" in found["25 more of docs"]


def test_a_file_that_is_passed_over_in_a_folder_but_named_itself_is_read_and_not_reported(
    tmp_path: Path, write: Write
) -> None:
    write("docs/.notes.md", "x")
    write("docs/a.md", "x")
    found = listing(tmp_path, "docs/.notes.md", "docs")
    assert (names(found), found.skipped) == (["docs/.notes.md", "docs/a.md"], ())


def test_the_services_own_data_and_the_judged_questions_are_no_documents(tmp_path: Path, write: Write) -> None:
    for name in ("a.md", "data/reports/v1/report.md", "golden/queries.jsonl", "golden/corpus.jsonl"):
        write(name, "x")
    found = list_files(Config(file=tmp_path / "config.yaml", sources=(Source(path="."),), golden="golden"))
    assert names(found) == ["a.md", "golden/corpus.jsonl"]
    assert reasons(found) == dict.fromkeys(["data/", "golden/queries.jsonl"], "is this service's own data")


def test_what_a_source_excludes_by_gitignore_rules_is_left_out_without_a_word(tmp_path: Path, write: Write) -> None:
    for name in ("a.md", "drafts/b.md", "deep/drafts/c.md", "old/d.md", "deep/old/e.md", "x.tmp.md", "keep.tmp.md"):
        write(f"docs/{name}", "x")
    rules = ["# not finished", "drafts/", "/old", "*.tmp.md", "!keep.tmp.md"]
    found = listing(tmp_path, {"path": "docs", "exclude": rules})
    assert (names(found), found.skipped) == (["docs/a.md", "docs/deep/old/e.md", "docs/keep.tmp.md"], ())
    assert names(listing(tmp_path, {"path": "docs/**/*.md", "exclude": ["/deep", "drafts"]})) == [
        "docs/a.md",
        "docs/keep.tmp.md",
        "docs/old/d.md",
        "docs/x.tmp.md",
    ]


def test_the_later_of_two_sources_says_how_a_file_of_both_is_treated(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    write("docs/faq.md", "x")
    public = {"path": "docs/faq.md", "trust": "public"}
    assert [file.source.trust for file in listing(tmp_path, "docs", public).files] == ["official", "public"]
    assert [file.source.trust for file in listing(tmp_path, public, "docs").files] == ["official", "official"]


def test_the_title_of_a_source_is_that_of_its_one_file_and_stands_before_those_of_several(
    tmp_path: Path, write: Write
) -> None:
    write("docs/a.md", "# Reset\n\nHold it.")
    write("all.jsonl", '{"_id": "1", "title": "One", "text": "Hold it."}\n{"_id": "2", "text": "Release it."}')

    def titles(source: dict[str, object]) -> list[str]:
        return [document.title for file in listing(tmp_path, source).files for document in read(file)[0]]

    assert titles({"path": "docs/a.md", "title": "Pump"}) == ["Pump"]
    assert titles({"path": "docs", "title": "Pump"}) == ["Pump: Reset"]
    assert titles({"path": "all.jsonl", "title": "Pump"}) == ["Pump: One", "Pump"]


def test_the_language_of_a_source_is_declared_for_all_of_its_documents(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "---\nlang: fr\n---\n# Reset\n\nHold it.")

    def languages(source: dict[str, object]) -> list[tuple[str, bool]]:
        found = [document for file in listing(tmp_path, source).files for document in read(file)[0]]
        return [(document.language, document.declared) for document in found]

    assert languages({"path": "docs", "language": "de-AT"}) == [("de-AT", True)]
    assert languages({"path": "docs"}) == [("fr", False)]


def test_a_glob_matches_within_a_segment_and_two_stars_match_any_depth(tmp_path: Path, write: Write) -> None:
    for name in ("m/a1.md", "m/a2.md", "m/b1.md", "m/x/a3.md", "m/x/y/a4.md"):
        write(name, "x")
    assert names(listing(tmp_path, "m/a*.md")) == ["m/a1.md", "m/a2.md"]
    assert names(listing(tmp_path, "m/**/a*.md")) == ["m/a1.md", "m/a2.md", "m/x/a3.md", "m/x/y/a4.md"]
    assert names(listing(tmp_path, "m/*/a?.md")) == ["m/x/a3.md"]
    assert names(listing(tmp_path, "m/[ab]1.md")) == ["m/a1.md", "m/b1.md"]
    assert names(listing(tmp_path, "m/**")) == names(listing(tmp_path, "m"))


def test_signs_of_a_pattern_in_the_name_of_the_configs_folder_are_no_pattern(tmp_path: Path, write: Write) -> None:
    write("we[i]rd*/docs/a.md", "x")
    assert names(listing(tmp_path / "we[i]rd*", "docs/*.md")) == ["docs/a.md"]
    assert names(listing(tmp_path / "we[i]rd*", "docs")) == ["docs/a.md"]


def test_names_that_are_no_utf8_can_still_be_stored_and_told_apart(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "docs") + b"/caf\xe9.md")).write_text("x")
    Path(os.fsdecode(os.fsencode(tmp_path / "docs") + b"/caf\xe8.md")).write_text("y")
    assert names(listing(tmp_path, "docs")) == ["docs/caf\\xe8.md", "docs/caf\\xe9.md"]


def test_an_id_stands_in_one_line_whatever_the_name_of_its_file(tmp_path: Path, write: Write) -> None:
    for name in ("two\nlines.md", "red\x1b[31m.md", "non\u00a0breaking.md", "a" * 250 + ".md", "A.md", "a.md"):
        write(f"docs/{name}", "x")
    assert names(listing(tmp_path, "docs")) == [
        "docs/A.md",
        "docs/a.md",
        f"docs/{'a' * 250}.md",
        "docs/non\u00a0breaking.md",
        "docs/red\\x1b[31m.md",
        "docs/two\\nlines.md",
    ]


def test_two_files_whose_names_come_to_the_same_text_are_one_and_a_report(tmp_path: Path, write: Write) -> None:
    write("docs/two\nlines.md", "x")
    write("docs/two\\nlines.md", "y")
    found = listing(tmp_path, "docs")
    assert (names(found), list(reasons(found))) == (["docs/two\\nlines.md"], ["docs/two\\nlines.md"])


def test_a_file_that_two_sources_name_is_listed_once(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    assert names(listing(tmp_path, "docs", "docs/a.md", "docs/*.md")) == ["docs/a.md"]


def test_a_file_outside_of_the_configs_folder_keeps_a_relative_name(tmp_path: Path, write: Write) -> None:
    outside = write("elsewhere/a.md", "x")
    (tmp_path / "project").mkdir()
    assert names(listing(tmp_path / "project", "../elsewhere/a.md")) == ["../elsewhere/a.md"]
    assert names(listing(tmp_path / "project", str(outside))) == ["../elsewhere/a.md"]


def test_sources_that_give_nothing_are_reported_by_their_entry(tmp_path: Path, write: Write) -> None:
    write("image.png", "x")
    write("pictures/a.png", "x")
    found = listing(tmp_path, "nowhere", "none/*.md", "image.png", "pictures")
    told = reasons(found)
    assert list(told) == ["nowhere", "none/*.md", "image.png", "pictures", "pictures/a.png"]
    assert "suffix .png" in told["image.png"]
    assert ".docx" in told["image.png"]


def test_a_loop_of_symbolic_links_ends(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    for name in ("one", "two", "three"):
        os.symlink(tmp_path / "docs", tmp_path / "docs" / name)
    assert names(listing(tmp_path, "docs")) == ["docs/a.md"]
    assert names(listing(tmp_path, "docs/**/*.md")) == ["docs/a.md"]


def test_links_out_of_the_folder_are_followed_where_the_source_allows_it_and_named_where_not(
    tmp_path: Path, write: Write
) -> None:
    write("real/a.md", "x")
    (tmp_path / "docs").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "docs" / "linked")
    os.symlink(tmp_path / "real" / "a.md", tmp_path / "docs" / "b.md")
    os.symlink(tmp_path / "gone.md", tmp_path / "docs" / "broken.md")
    write("docs/own.md", "x")
    followed = listing(tmp_path, {"path": "docs", "follow_links": True})
    assert names(followed) == ["docs/b.md", "docs/linked/a.md", "docs/own.md"]
    assert reasons(followed) == {"docs/broken.md": "is a link that leads nowhere"}
    kept_in = listing(tmp_path, "docs")
    assert names(kept_in) == ["docs/own.md"]
    assert set(reasons(kept_in)) == {"docs/b.md", "docs/linked/", "docs/broken.md"}
    assert "follow_links" in reasons(kept_in)["docs/linked/"]
    assert names(listing(tmp_path, "docs/b.md")) == ["docs/b.md"], "a link that is named itself is meant"


def test_files_are_known_by_their_own_names_where_links_within_the_folder_lead_to_them_too(
    tmp_path: Path, write: Write
) -> None:
    write("docs/real/a.md", "x")
    os.symlink(tmp_path / "docs" / "real", tmp_path / "docs" / "alias")
    found = listing(tmp_path, "docs")
    assert names(found) == ["docs/real/a.md"]
    assert reasons(found) == {"docs/alias/": "is a link to a folder that is read under another name"}


def test_a_folder_that_kubernetes_mounts_is_read_through_its_links(tmp_path: Path, write: Write) -> None:
    write("docs/..2026_11_29/a.md", "x")
    write("docs/..2026_11_29/sub/b.md", "x")
    os.symlink("..2026_11_29", tmp_path / "docs" / "..data")
    os.symlink("..data/a.md", tmp_path / "docs" / "a.md")
    os.symlink("..data/sub", tmp_path / "docs" / "sub")
    assert names(listing(tmp_path, "docs")) == ["docs/a.md", "docs/sub/b.md"]


def test_a_link_is_no_way_around_the_rules_that_exclude(tmp_path: Path, write: Write) -> None:
    write("docs/drafts/a.md", "x")
    write("docs/b.md", "x")
    os.symlink("drafts", tmp_path / "docs" / "new")
    os.symlink("drafts/a.md", tmp_path / "docs" / "c.md")
    assert names(listing(tmp_path, {"path": "docs", "exclude": ["drafts"]})) == ["docs/b.md"]


def test_folders_may_be_nested_as_deep_as_paths_can_be_long(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    here = os.open(tmp_path / "docs", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    found = listing(tmp_path, "docs")
    assert names(found) == ["docs/a.md"]
    assert list(reasons(found).values()) == ["cannot be opened: File name too long"]
    subprocess.run(["rm", "-rf", tmp_path / "docs"], check=True)  # pytest's own clearing gives up on it


def test_what_is_no_regular_file_is_named_and_never_opened(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "x")
    os.mkfifo(tmp_path / "docs" / "pipe.md")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(tmp_path / "docs" / "sock.md"))
    os.symlink("/dev/zero", tmp_path / "docs" / "zero.md")
    found = listing(tmp_path, {"path": "docs", "follow_links": True}, "docs/pipe.md")
    assert names(found) == ["docs/a.md"]
    assert reasons(found) == {
        "docs/pipe.md": "is a FIFO, no file",
        "docs/sock.md": "is a socket, no file",
        "docs/zero.md": "is a device, no file",
    }


def test_a_file_in_whose_place_a_fifo_has_come_holds_nothing_up(tmp_path: Path, write: Write) -> None:
    path = write("docs/a.md", "x")
    files = listing(tmp_path, "docs").files
    path.unlink()
    os.mkfifo(path)
    assert fingerprint(files) == {"docs/a.md": ""}


def test_the_fingerprint_changes_with_the_bytes_and_with_nothing_else(tmp_path: Path, write: Write) -> None:
    path = write("docs/a.md", "one")
    before = fingerprint(listing(tmp_path, "docs").files)
    os.utime(path, (0, 0))
    assert fingerprint(listing(tmp_path, "docs").files) == before
    write("docs/a.md", "two")
    assert fingerprint(listing(tmp_path, "docs").files) != before


def test_a_file_that_vanished_has_an_empty_fingerprint_and_is_reported_when_it_is_read(tmp_path: Path) -> None:
    gone = SourceFile(name="gone.md", path=tmp_path / "gone.md", source=Source(path="."))
    assert fingerprint([gone]) == {"gone.md": ""}
    documents, skipped = read(gone)
    assert (documents, [left_out.name for left_out in skipped]) == ([], ["gone.md"])


def test_listing_and_fingerprinting_load_no_reader() -> None:
    code = (
        "import ingest.reading.sources, sys; "
        "print([m for m in ('llama_index', 'bs4', 'pypdfium2', 'lxml', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- formats --------------------------------------------------------------------------------------------------------


def test_plain_text_is_titled_by_its_files_name(write: Write) -> None:
    assert read_one(write("pump manual.txt", "Hold it.")).title == "pump manual"


def test_an_empty_file_of_every_kind_is_reported(write: Write) -> None:
    for suffix in ("md", "txt", "html", "pdf", "docx", "pptx", "csv", "jsonl"):
        assert reason(write(f"a.{suffix}", "")) == "is empty"
    assert reason(write("blank.txt", " \n ")) == "holds no text"


def test_jsonl_gives_one_document_a_line_under_its_own_id(write: Write) -> None:
    path = write(
        "c.jsonl", '\ufeff{"_id": "s1", "title": "T", "text": "One"}\n\n{"_id": 2, "text": "Two", "metadata": {}}\r\n'
    )
    documents, skipped = read(SourceFile(name="data/c.jsonl", path=path, source=Source(path=".")))
    assert skipped == []
    assert [(document.document_id, document.title, document.text, document.source) for document in documents] == [
        ("s1", "T", "One", "data/c.jsonl"),
        ("2", "", "Two", "data/c.jsonl"),
    ]


def test_broken_jsonl_lines_are_reported_by_number_without_their_text_and_the_others_are_read(write: Write) -> None:
    lines = [
        b'{"_id": "1", "text": "good"}',
        b'{"_id": "2", "text": "secret',
        b'["secret"]',
        b'{"text": "secret"}',
        b'{"_id": "5"}',
        b'{"_id": "6", "text": "secret \xff"}',
        b'{"_id": "7", "text": "x", "title": ["secret"]}',
        b'{"_id": true, "text": "secret"}',
        b"[" * 100_000,
        json.dumps({"_id": "10", "text": "good too"}).encode(),
    ]
    documents, skipped = read(
        SourceFile(name="c.jsonl", path=write("c.jsonl", b"\n".join(lines)), source=Source(path="."))
    )
    assert [document.document_id for document in documents] == ["1", "10"]
    assert [left_out.name for left_out in skipped] == [f"c.jsonl:{number}" for number in range(2, 10)]
    assert not any("secret" in left_out.reason for left_out in skipped)


def test_a_second_document_with_the_same_id_is_reported_and_left_out() -> None:
    first = RawDocument(document_id="a", title="", text="one", source="x.jsonl")  # type: ignore[arg-type]
    second = RawDocument(document_id="a", title="", text="two", source="y.jsonl")  # type: ignore[arg-type]
    kept, skipped = unique([first, second])
    assert kept == [first]
    assert [left_out.name for left_out in skipped] == ["a in y.jsonl"]
    assert "x.jsonl" in skipped[0].reason


def test_one_bad_file_among_good_ones_stops_nothing(tmp_path: Path, write: Write) -> None:
    write("docs/a.md", "# Good\n\ntext")
    write("docs/b.docx", "broken")
    write("docs/c.txt", "good")
    results = [read(file) for file in listing(tmp_path, "docs").files]
    assert [[document.document_id for document in documents] for documents, _ in results] == [
        ["docs/a.md"],
        [],
        ["docs/c.txt"],
    ]
    assert [type(left_out) for _, skipped in results for left_out in skipped] == [Skipped]


@pytest.mark.parametrize("name", ["bill\u202efdp.md", "a\u2066b.md", "correction:c1.md", "confirmed:i1.md"])
def test_a_file_whose_name_turns_text_round_or_imitates_our_ids_is_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").write_text("sources: ['*.md']\n", encoding="utf-8")
    (tmp_path / name).write_text("# Title\n\nSome text.\n", encoding="utf-8")
    (tmp_path / "good.md").write_text("# Title\n\nSome text.\n", encoding="utf-8")
    listing = list_files(load(tmp_path / "config.yaml", ASSUMED))
    assert [file.name for file in listing.files] == ["good.md"]
    [skipped] = listing.skipped
    assert skipped.name.isprintable()
    assert "rename it" in skipped.reason
