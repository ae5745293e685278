"""A reading process whose reader for plain text does what the file's first word says."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

from ingest.reading import worker
from ingest.reading.raw import Content


def main() -> None:
    module = ModuleType("ingest.reading.formats.text")
    module.read = read  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    worker.main()


def starts_not() -> None:
    sys.exit("an import fails")


def speaks_nonsense() -> None:
    os.write(1, worker.READY)
    os.read(0, 1 << 20)
    os.write(1, b'{"result": 5}\n')


def read(path: Path) -> Content:
    text = path.read_text(encoding="utf-8")
    match text.split()[0]:
        case "sleeps":
            time.sleep(600)
        case "loops":
            while True:
                pass
        case "loops-in-c":
            sum(range(10**14))
        case "exits":
            os._exit(3)
        case "is-killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crashes":
            ctypes.string_at(0)
        case "allocates":
            return Content(title="", text="word " * (600 << 20))
        case "allocates-slowly":
            kept = []
            while True:
                kept.append("word " * (1 << 20))
        case "says-too-much":
            return Content(title="", text="word " * (1 << 18))
        case "prints":
            sys.stdout.write(text * 100_000)
            sys.stderr.write(text * 100_000)
            os.write(1, text.encode() * 100_000)
            assert sys.stdin.read() == ""
        case "raises":
            raise ZeroDivisionError(text)
        case "recurses":
            return read(path)
        case "leaves-a-crash":
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
        case "waits":
            time.sleep(0.5)
        case "grows":
            path.write_text(text + "more", encoding="utf-8")
        case "closes":
            os.closerange(3, 100)
    return Content(title="", text=text)
