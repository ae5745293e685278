"""The demo, as a shell starts it, on a few pages; and what somebody does next who has read nothing else."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from rag_flywheel.cli.demo import ASKED, CORRECTION, REWORDED
from tests.cycle.pages import PAGES
from tests.cycle.project import SECONDS, Project

MINE = "Whom do I call when the boiler fails at night?"
ANSWER = "Call the caretaker on the yellow telephone in the hall; it rings at her bed."
SAME = "Who is called if the boiler fails in the night?"


def _project(folder: Path) -> Project:
    variables = {"RAG_FLYWHEEL_PRIVACY__REDACT": "false", "RAG_FLYWHEEL_API__PORT": "0"}
    project = Project(folder=folder, variables=variables)
    for name, text in PAGES.items():
        project.write(f"pages/{name}", text)
    project.write("config.yaml", "sources: [pages]\ngolden: ''\n")
    return project


def test_the_demo_turns_the_loop_and_ends(tmp_path: Path) -> None:
    assert demonstrated(_project(tmp_path)) == SHOWN


def test_who_does_what_the_demo_says_at_its_end_sees_an_answer_of_theirs_live(tmp_path: Path) -> None:
    project = _project(tmp_path)
    with _left_up(project) as said:
        [url] = set(re.findall(r"^1\. Open (\S+)/ ", said, re.MULTILINE))
        [key] = re.findall(r"sign in with the key (\S+)", said)
        with httpx.Client(base_url=url, timeout=SECONDS) as client:
            asked = client.post("/chat", json={"question": MINE}).json()
            assert ANSWER not in asked["answer"]
            handed_in = {"interaction_id": asked["interaction_id"], "answer": ANSWER}
            correction = client.post("/corrections", json=handed_in).json()["id"]
            mine = {"Authorization": f"Bearer {key}"}
            decided = client.post(f"/review/{correction}", json={"verdict": "accept"}, headers=mine).json()
            assert decided["status"] == "accepted"
            [command] = re.findall(r"^ +(RAG_FLYWHEEL_API_KEY=.+)$", said, re.MULTILINE)
            variable, *words = shlex.split(command)
            environment = dict(os.environ, **dict([variable.split("=", 1)]))
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=SECONDS)
            assert done.returncode == 0, done.stdout + done.stderr
            assert ANSWER in client.post("/chat", json={"question": SAME}).json()["answer"]
            [variables] = re.findall(r"once you say: export (.+)$", said, re.MULTILINE)
            of_the_demo = dict(each.split("=", 1) for each in shlex.split(variables))
            list_them = project.command("versions", "list")
            for more, told in (({}, variables.partition(" ")[0]), (of_the_demo, "live")):
                listed = subprocess.run(
                    list_them, env={**project.environment, **more}, capture_output=True, text=True, timeout=SECONDS
                )
                assert told in listed.stdout, listed.stderr
            [second] = re.findall(r"second reviewer, who has the key (\S+)$", said, re.MULTILINE)
            assert client.get("/review", headers={"Authorization": f"Bearer {second}"}).status_code == 200


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


@contextlib.contextmanager
def _left_up(project: Project) -> Iterator[str]:
    """What the demo has said once its server stays up; then Ctrl-C."""
    with subprocess.Popen(
        project.command("demo"), env=project.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C ends the server"):
                break
        try:
            yield "".join(lines)
        finally:
            os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 0, "".join(lines)
