"""A project folder of its own, driven by the real commands in processes of their own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SECONDS = 300  # for one command, on a busy machine
LESS = {"RAG_FLYWHEEL_GATE__KNOWN_ITEMS": "80", "RAG_FLYWHEEL_GATE__NEIGHBOURS": "10"}  # questions, to save time


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`folder` holds config.yaml; `variables` are the environment's part of the settings."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "rag_flywheel", "--config", str(self.folder / "config.yaml"), *words]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HF_HUB_OFFLINE": "1", **LESS, **self.variables}

    def run(self, *words: str, code: int = 0) -> Any:
        """Run a command with --json; returns its one document. The exit code must be `code`."""
        done = subprocess.run(
            self.command(*words, "--json"), env=self.environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def exit_code(self, *words: str) -> int:
        """Run a command; returns its exit code."""
        return subprocess.run(
            self.command(*words, "--json"), env=self.environment, capture_output=True, timeout=SECONDS
        ).returncode

    def kill_at(self, stage: str, *words: str) -> bool:
        """Run a command and kill -9 it as soon as it says on standard error that `stage` begins; whether it did."""
        with subprocess.Popen(
            self.command(*words, "--json"),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith(stage):
                    process.send_signal(signal.SIGKILL)
                    return True
        return False

    @contextlib.contextmanager
    def server(self) -> Iterator["Server"]:
        """A server process on a free loopback port."""
        process = subprocess.Popen(
            self.command("serve", "--port", "0"), env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "http://" in line, f"the server did not start: {line!r}"
            with httpx.Client(base_url="http://" + line.rpartition("http://")[2].strip(), timeout=120) as client:
                yield Server(client=client, process=process)
        finally:
            process.terminate()
            process.wait(timeout=30)
            process.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    client: httpx.Client
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        reply = self.client.post(path, json=body)
        assert reply.is_success, f"{path}: {reply.status_code} {reply.text}"
        return reply.json()

    def ask(self, question: str) -> Any:
        return self.post("/chat", {"question": question, "user_id": "ada"})
