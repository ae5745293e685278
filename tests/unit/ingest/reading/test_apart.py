"""Files read in processes of their own."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from ingest.reading.apart import Readers
from ingest.reading.sources import SourceFile, fingerprint
from ingest.reading.worker import Result, Task
from rag_flywheel.config import Ingest, Source
from rag_flywheel.errors import Unavailable
from tests.fakes import harmful_reader
from tests.paths import ROOT

SETTINGS = Ingest(file_seconds=20, file_memory_mb=200, file_unpacked_mb=10)
QUICK = Ingest(file_seconds=1, file_memory_mb=200, file_unpacked_mb=10)
SAID = "zanzibar is the word that must never leave"

Submit = Callable[..., Result]


def task(path: Path, settings: Ingest = SETTINGS) -> Task:
    file = SourceFile(name=path.name, path=path, source=Source(path="."))
    return Task(file=file, part=None, digest=fingerprint([file])[file.name], settings=settings)


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers(harmful_reader.main) as made:
        yield made


@pytest.fixture
def read(readers: Readers, tmp_path: Path) -> Submit:
    def submit(does: str, settings: Ingest = SETTINGS) -> Result:
        path = tmp_path / f"{does}.txt"
        path.write_text(f"{does} {SAID}", encoding="utf-8")
        return readers.submit(task(path, settings)).result(timeout=60)

    return submit


def reason(result: Result) -> str:
    assert result.kept == []
    (left_out,) = result.skipped
    assert "zanzibar" not in left_out.reason
    return left_out.reason


@pytest.mark.parametrize("does", ["sleeps", "loops", "loops-in-c"])
def test_a_reader_that_does_not_end_is_killed_and_its_file_named(read: Submit, does: str) -> None:
    started = time.perf_counter()
    result = read(does, QUICK)
    assert reason(result) == "takes longer than ingest.file_seconds (1)"
    assert time.perf_counter() - started < 60
    assert not result.lasting
    assert read("reads").kept


@pytest.mark.parametrize(
    ("does", "how"),
    [("exits", "exit status 3"), ("is-killed", "SIGKILL"), ("crashes", "SIGSEGV"), ("closes", "exit status")],
)
def test_a_reader_that_ends_its_process_is_named_and_the_next_file_is_read(read: Submit, does: str, how: str) -> None:
    result = read(does)
    assert reason(result).startswith("crashes its reader (")
    assert how in reason(result)
    assert not result.lasting
    assert read("reads").kept


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory is mapped")
@pytest.mark.parametrize("does", ["allocates", "allocates-slowly"])
def test_a_reader_that_wants_too_much_memory_is_refused_it(read: Submit, does: str) -> None:
    result = read(does)
    assert reason(result) == "needs more memory than ingest.file_memory_mb (200)"
    assert not result.lasting
    assert read("reads").kept


def test_a_text_that_is_too_long_is_not_taken(read: Submit) -> None:
    little = SETTINGS.model_copy(update={"file_unpacked_mb": 1})
    assert reason(read("says-too-much", little)) == "comes to more text than ingest.file_unpacked_mb (1)"
    assert read("reads").kept


def test_what_a_reader_prints_leads_nowhere(read: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    (kept,) = read("prints").kept
    assert kept.document.text == f"prints {SAID}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("does", "said"), [("raises", "cannot be read (ZeroDivisionError)"), ("recurses", "is nested too deep")]
)
def test_whatever_a_reader_raises_is_named_without_the_text_and_remembered(read: Submit, does: str, said: str) -> None:
    result = read(does)
    assert reason(result) == said
    assert result.lasting


def test_a_crash_that_an_earlier_file_caused_is_not_held_against_the_next(tmp_path: Path) -> None:
    with Readers(harmful_reader.main) as readers:
        readers.at_once = 1
        for does in ("leaves-a-crash", "waits"):
            path = tmp_path / f"{does}.txt"
            path.write_text(f"{does} {SAID}", encoding="utf-8")
            assert readers.submit(task(path)).result(timeout=60).kept


def test_a_file_that_changes_while_it_is_read_is_read_and_not_remembered(read: Submit) -> None:
    result = read("grows")
    assert result.kept
    assert not result.lasting


def test_a_file_that_is_gone_is_named(readers: Readers, tmp_path: Path) -> None:
    path = tmp_path / "gone.txt"
    path.write_text(SAID, encoding="utf-8")
    asked = task(path)
    path.unlink()
    result = readers.submit(asked).result(timeout=60)
    assert reason(result) == "cannot be opened: No such file or directory"
    assert not result.lasting


def test_a_process_that_cannot_start_is_the_machines_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(SAID, encoding="utf-8")
    with Readers(harmful_reader.starts_not) as readers, pytest.raises(Unavailable, match="cannot be started"):
        readers.submit(task(path)).result(timeout=60)


def test_a_process_that_speaks_nonsense_is_named_and_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(SAID, encoding="utf-8")
    with Readers(harmful_reader.speaks_nonsense) as readers:
        assert reason(readers.submit(task(path)).result(timeout=60)).startswith("crashes its reader")


def test_leaving_ends_the_processes_whatever_they_do(tmp_path: Path) -> None:
    path = tmp_path / "loops.txt"
    path.write_text(f"loops {SAID}", encoding="utf-8")
    before = psutil.Process().children()
    with Readers(harmful_reader.main) as readers:
        asked = readers.submit(task(path))
        children = _children_that_work(psutil.Process(), but=before)
        started = time.perf_counter()
    assert time.perf_counter() - started < 10
    assert asked.done()
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "loops.txt"
    path.write_text(f"loops {SAID}", encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(path)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    children = _children_that_work(psutil.Process(parent.pid))
    parent.send_signal(number)
    _, error = parent.communicate(timeout=60)
    assert (b"KeyboardInterrupt" in error) == (number == signal.SIGINT)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


_PARENT = """
import signal
import sys
from pathlib import Path
from ingest.reading.apart import Readers
from rag_flywheel.config import Ingest
from tests.fakes import harmful_reader
from tests.unit.ingest.reading.test_apart import task
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started deaf to it
with Readers(harmful_reader.main) as readers:
    readers.submit(task(Path(sys.argv[1]), Ingest(file_seconds=3))).result()
"""


def _children_that_work(parent: psutil.Process, but: Sequence[psutil.Process] = ()) -> list[psutil.Process]:
    """The parent's children, but for some, as soon as one has come to its file: from then on it only computes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = [child for child in parent.children() if child not in but]
        if any(child.cpu_times().user > 1 for child in children):
            return children
        threading.Event().wait(0.1)
    raise AssertionError("no process came to its file")
