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
    demonstrated(project)


def demonstrated(project: Project) -> None:
    """It ends with an error unless the correction went live, was answered in other words, and was rolled back."""
    done = subprocess.run(
        project.command("demo", "--no-serve"),
        env={**project.environment, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ASKED in done.stdout
    assert done.stdout.count(REWORDED) >= 4  # before, after, rolled back, and the summary
    assert done.stdout.count(CORRECTION) == 2  # the answer after the correction, and the summary
    assert "The gate" in done.stdout
