"""The demo, as a shell starts it, on a few pages."""

import subprocess
from pathlib import Path

from rag_flywheel.cli.demo import ASKED, CORRECTION, REWORDED
from tests.cycle.pages import PAGES
from tests.cycle.project import SECONDS, Project


def test_the_demo_turns_the_loop_and_ends(tmp_path: Path) -> None:
    project = Project(folder=tmp_path, variables={"RAG_FLYWHEEL_PRIVACY__REDACT": "false"})
    for name, text in PAGES.items():
        project.write(f"pages/{name}", text)
    project.write("config.yaml", "sources: [pages]\ngolden: ''\n")
    assert demonstrated(project) == SHOWN


SHOWN = {
    "complaint": "",  # it ends with an error unless the correction went live, was answered, and was rolled back
    "the question": True,
    "in other words": 4,  # before, after, rolled back, and in the summary
    "the correction": 2,  # the answer after the correction, and in the summary
    "the gate": True,
}


def demonstrated(project: Project) -> dict[str, object]:
    """What the demo did and showed."""
    done = subprocess.run(
        project.command("demo", "--no-serve"),
        env={**project.environment, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    return {
        "complaint": done.stdout + done.stderr if done.returncode else "",
        "the question": ASKED in done.stdout,
        "in other words": done.stdout.count(REWORDED),
        "the correction": done.stdout.count(CORRECTION),
        "the gate": "The gate" in done.stdout,
    }
