"""The whole loop once, with real commands and a real server, on the documents that the configuration names."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from eval.report.report import rows
from rag_flywheel.cli import client
from rag_flywheel.cli.invocation import DEMO
from rag_flywheel.config import ENV_PREFIX, Config
from rag_flywheel.errors import Conflict, FlywheelError

KNOWN = "How do I put the previous index version back?"
ASKED = "How do I run rag-flywheel as a Windows service?"
REWORDED = "Can rag-flywheel be set up as a service on a Windows server?"
CORRECTION = (
    "Wrap it with NSSM: run `nssm install rag-flywheel`, choose rag-flywheel.exe as the application and `serve` as its "
    "argument. Windows then starts it at boot."
)
YOURS = """Now it is your turn. {url} answers from the same documents.

1. Open {url}/ and ask what they do not tell, such as: On which weekday do we restart the server?
2. Press "Tell us the answer", or "Correct this", write a better answer, and hand it in.
   Do not sign in before: nobody accepts a correction of their own. What you hand in when signed in, such as the
   answer to a gap, waits for a second reviewer, who has the key {second}
3. Open {url}/review, sign in with the key {key}
   and accept the correction.
4. In another terminal, build the next version. The gate puts it live, or says why not:
   RAG_FLYWHEEL_API_KEY={key} {program} --url {url} reindex
   Any other command finds this data once you say: export {variables}
5. Ask again, in other words. {url}/versions shows what is live; "Put it back" in another row does that.

The handbook is in docs/, and begins at docs/index.md. For documents of your own: {init}
Ctrl-C ends the server; until the next demo all of this is kept in {data}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demo plays: its own data folder, so that it never touches yours."""

    config: Path
    data: Path
    out: Console

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    @property
    def variables(self) -> dict[str, str]:
        """Nobody else asks here, so nothing could be seen of a canary."""
        return {f"{ENV_PREFIX}DATA_DIR": str(self.data), f"{ENV_PREFIX}CANARY__STRATEGY": "direct"}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "rag_flywheel", "--config", str(self.config), *words]

    def run(self, *words: str) -> Any:
        """One command, its progress on the terminal, its JSON returned."""
        self.say(f"$ rag-flywheel {' '.join(words)}", style="bold")
        done = subprocess.run(
            self.command(*words, "--json"), env=self.environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode not in (0, 3, 4):
            raise FlywheelError(
                f"`rag-flywheel {words[0]}` ended with exit code {done.returncode}: {done.stdout.strip()}"
            )
        return json.loads(done.stdout)

    def say(self, text: str, style: str = "") -> None:
        self.out.print(text, style=style, markup=False, soft_wrap=True)

    def title(self, text: str) -> None:
        self.out.rule(Text(text, style="bold cyan"), align="left")


def run(config: Config, *, serve: bool, out: Console) -> None:
    """Turn the loop once and print what happens; with `serve` the server then stays up until it is interrupted.

    Raises FlywheelError when a step does not do what the loop promises.
    """
    stage = Stage(config=config.file, data=_fresh(config.data / "demo"), out=out)
    variables = shlex.join(f"{name}={value}" for name, value in stage.variables.items())
    stage.say(f"All commands below are run with {variables}")
    stage.title("1. Index the documents")
    _told(stage, stage.run("reindex"))
    operator = stage.run("keys", "create", "demo-operator", "--role", "operator")["key"]
    with _server(stage, config.api.port if serve else 0) as (url, process):
        before = _first_half(stage, url)
        stage.title("4. Build the next version and let the gate decide")
        result = stage.run("reindex")
        _told(stage, result)
        _gate_table(stage, url, result["version"], operator)
        _expect(result["decision"] == "promoted", "the corrected version was not promoted")
        stage.title("5. Ask in other words: the server has followed the alias")
        after = _ask(stage, url, REWORDED)
        _expect(CORRECTION in after["answer"], "the reworded question did not get the corrected answer")
        stage.title("6. Roll back")
        switch = client.call("POST", "/rollback", to=url, who=operator, body={"why": "to show it"}).json()
        stage.say(f"live is {switch['live']} again, it was {switch['was']}")
        back = _ask(stage, url, REWORDED)
        _expect(back["answer"] == before["answer"], "the rollback did not bring the old answer back")
        _summary(stage, before, after, back)
        if serve:
            stage.title("The server stays up")
            key = stage.run("keys", "create", "you", "--role", "reviewer", "--role", "operator")["key"]
            second = stage.run("keys", "create", "second", "--role", "reviewer")["key"]
            program = _program() if config.file == Path("config.yaml").resolve() else f"{_program()} -c {config.file}"
            said = {"key": key, "second": second, "program": program, "init": f"{_program()} init"}
            stage.say(YOURS.format(url=url, data=_short(stage.data), variables=variables, **said))
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()


def _program() -> str:
    """What somebody types here to call it: the environment's own where it is not on the PATH."""
    return "rag-flywheel" if shutil.which("rag-flywheel") else _short(Path(sys.executable).with_name("rag-flywheel"))


def _short(path: Path) -> str:
    """A path as somebody types it who is in this folder."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _first_half(stage: Stage, url: str) -> dict[str, Any]:
    stage.title("2. Ask")
    _ask(stage, url, KNOWN)
    asked = _ask(stage, url, ASKED)
    before = _ask(stage, url, REWORDED)
    stage.title("3. Correct the answer, and review the correction")
    body = {"interaction_id": asked["interaction_id"], "answer": CORRECTION}
    receipt = client.call("POST", "/corrections", to=url, who="", body=body).json()
    stage.say(f"correction {receipt['id']}: {receipt['status']}")
    reviewer = stage.run("keys", "create", "demo-reviewer", "--role", "reviewer")["key"]
    decided = {"verdict": "accept", "note": "checked"}
    correction = client.call("POST", f"/review/{receipt['id']}", to=url, who=reviewer, body=decided).json()
    stage.say(f"reviewed: {correction['status']}; where the answer failed: {correction['stage']}")
    return before


def _ask(stage: Stage, url: str, question: str) -> dict[str, Any]:
    reply: dict[str, Any] = client.call(
        "POST", "/chat", to=url, who="", body={"question": question, "user_id": "demo-user"}
    ).json()
    cited = "\n".join(
        f"[{citation['number']}] {citation['title']} ({citation['document_id']})" for citation in reply["citations"]
    )
    text = Text(reply["answer"] + (f"\n\n{cited}" if cited else ""))
    stage.out.print(Panel(text, title=Text(question), subtitle=Text(reply["version"]), title_align="left"))
    return reply


def _told(stage: Stage, result: dict[str, Any]) -> None:
    stage.say(f"{result['decision']}: {result['version']} in {result['seconds']:.1f} s", style="green")
    for reason in result["reasons"]:
        stage.say(f"  - {reason}")


def _gate_table(stage: Stage, url: str, version: str, operator: str) -> None:
    report = client.call("GET", f"/reports/{version}", to=url, who=operator).json()
    level = f"{100 * report['confidence']:g}% interval"
    table = Table("slice", "metric", "questions", "before", "after", "difference", level, title="The gate")
    for slice, metric, questions, _, before, after, difference, interval in rows(report):
        table.add_row(slice, metric, questions, before, after, difference, interval)
    stage.out.print(table)


def _summary(stage: Stage, before: dict[str, Any], after: dict[str, Any], back: dict[str, Any]) -> None:
    table = Table("version", "answer to the reworded question", title=REWORDED)
    for name, reply in (("before", before), ("after the correction", after), ("rolled back", back)):
        table.add_row(f"{name}\n{reply['version']}", Text(reply["answer"]))
    stage.out.print(table)


def _expect(held: bool, otherwise: str) -> None:
    if not held:
        raise FlywheelError(f"the demo failed: {otherwise}")


def _fresh(folder: Path) -> Path:
    """An empty folder for the demo; one that an earlier demo made is emptied, any other is left alone."""
    if folder.exists():
        if not (folder / DEMO).exists():
            raise Conflict(f"{folder} exists and is not the demo's: move it away, or set another data_dir")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / DEMO).touch()
    return folder


@contextlib.contextmanager
def _server(stage: Stage, port: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server process of our own and its address; on a free port where the wanted one is taken."""
    for wanted in (port, 0):
        process = subprocess.Popen(
            stage.command("serve", "--port", str(wanted)), env=stage.environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://" in line:
            break
        process.wait()
    else:
        raise FlywheelError("the demo's server did not start; the message above says why")
    try:
        yield "http://" + line.rpartition("http://")[2].strip(), process
    finally:
        process.terminate()
        process.wait(timeout=20)
