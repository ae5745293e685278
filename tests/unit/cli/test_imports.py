"""What a command imports: its start is as fast as that."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from rag_flywheel import config, wiring
from rag_flywheel.cycle.snapshot import take_snapshot
from rag_flywheel.domain import VersionId
from rag_flywheel.rollout.promotion import act_of, promote
from tests.fakes.samples import decision, manifest
from tests.fakes.services import ASSUMED, build

HEAVY = {
    *("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "qdrant_edge", "qdrant_client", "llama_index"),
    *("torch", "transformers", "sentence_transformers", "presidio_analyzer", "spacy", "numpy", "scipy", "sklearn"),
}
"""Servers, ledgers, indexes and models: what only local files need."""
LEARNING = {
    *("torch", "transformers", "sentence_transformers", "sklearn", "pandas", "datasets", "ragas", "openai", "spacy"),
    *("presidio_analyzer", "llama_index", "qdrant_client", "fastapi", "bs4", "pypdf", "docx", "pptx"),
}
"""Readers, models and what versions are built and scored with: what only a night with changes needs."""
CALL = """
import sys
from rag_flywheel.cli import app
try:
    app.main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


class Stub(BaseHTTPRequestHandler):
    """Replies to every request as if there were nothing, or nothing more to say."""

    def do_GET(self) -> None:
        self._reply(b"[]")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(b'{"added": [], "skipped": [], "masked": {}, "decision": "unchanged"}')

    def _reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stub) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def imported(*arguments: str, says: str = "") -> set[str]:
    """The top-level packages that a process has imported when the command has ended, well."""
    command = [sys.executable, "-c", CALL, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert says in ended.stdout
    return set(ended.stderr.split())


@pytest.mark.parametrize(
    "arguments", [("ask", "Why?"), ("gaps", "list"), ("reindex",), ("golden", "import", "FOLDER"), ("config", "show")]
)
def test_a_command_to_a_server_imports_nothing_that_only_local_files_need(
    stub: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "Why?"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    words = [str(tmp_path) if word == "FOLDER" else word for word in arguments]
    found = imported("--url", stub, "--json", *words)
    assert found & HEAVY == set()
    assert "httpx" in found


@pytest.mark.parametrize("arguments", [(), ("ask",), ("golden", "import")])
def test_help_imports_no_settings_and_no_http_client_either(arguments: tuple[str, ...]) -> None:
    found = imported(*arguments, "--help")
    assert found & {*HEAVY, "httpx", "rich", "yaml"} == set()


def test_a_reindex_that_finds_nothing_changed_imports_nothing_that_building_a_version_needs(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("sources: [page.md]")
    (tmp_path / "page.md").write_text("# Reset\n\nHold the button for ten seconds.\n")
    with wiring.services(config.load(file, ASSUMED), config.secrets({})) as made:
        build(made.index, "v1")
        made.ledger.add_version(replace(manifest("v1"), inputs=take_snapshot(made).inputs))
        made.ledger.add_decision(decision("v1"))
        act = act_of("test", "test", at=made.now())
        promote(VersionId("v1"), expected=None, index=made.index, ledger=made.ledger, act=act)
    found = imported("--config", str(file), "--json", "reindex", says='"decision": "unchanged"')
    assert found & LEARNING == set()
