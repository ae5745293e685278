"""Questions that a mask would spoil, and what is kept of them."""

from pathlib import Path

from tests.cycle.project import Project

PAGES = {
    "abroad.md": "# Passwords of travellers\n\n"
    "To change your password abroad, write to the help desk from your company account and wait for a call.\n",
    "locally.md": "# Sign-in at the desk\n\n"
    "To change your password locally, press the keys Ctrl and Alt and Del at the desk and choose Change.\n",
    "contact.md": "# Spare parts\n\nOrder part 450-220-1234 from the depot, telephone +49 30 901820.\n",
}


def test_a_question_searches_as_it_was_typed_and_only_its_masked_form_is_kept(tmp_path: Path) -> None:
    project = Project(folder=tmp_path)
    project.write("config.yaml", "sources: [pages]\ngolden: ''\n")
    for name, text in PAGES.items():
        project.write(f"pages/{name}", text)
    assert project.run("reindex")["decision"] == "promoted"
    for word in ("abroad", "locally"):
        answer = project.run("ask", f"How do I change my password {word}?")
        assert answer["citations"][0]["document_id"] == f"pages/{word}.md"
    said = "Where do I order part 450-220-1234? Write to ann.lee@mailbox.org or call +49 30 5510177 99."
    answer = project.run("ask", said)
    assert "+49 30 901820" in answer["citations"][0]["text"], "what a manual publishes is shown"
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert b"ann.lee@mailbox.org" not in file.read_bytes(), file.name
            assert b"5510177" not in file.read_bytes(), file.name
