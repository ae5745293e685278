"""What embedding, building and answering cost, beside what others take for the same, in one run: `make bench`.

Each part runs in a process of its own, and what is compared in it alternates, so that whatever else the machine does
falls on both alike. Both sides get the same model, the same texts and the same number of threads. A part that cannot
run says why. Written are build/performance.json, docs/pictures/performance.svg and docs/performance.md. Usage:

    python benchmarks/performance.py [--pages 12] [--texts 64] [--rounds 5] [--threads 2] [--only PART ...]

`--only` measures some parts and takes the others from build/performance.json.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from performance_page import page, picture
from performance_rows import PARTS, Measured, Part, machine

ROOT = Path(__file__).parent.parent
FOUND = ROOT / "build" / "performance.json"
LONGEST = 1800  # seconds for a part


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed beside others, written into the handbook.")
    parser.add_argument(
        "--pages", type=int, default=12, help="of this handbook, and more like them, built into an index"
    )
    parser.add_argument("--texts", type=int, default=64, help="that are embedded in one call")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    before = json.loads(FOUND.read_text(encoding="utf-8"))["parts"] if FOUND.is_file() else {}
    parts = {name: Part.read(before[name]) for name in PARTS if name in before and name not in given.only}
    for name in given.only:
        parts[name] = _measured(name, given)
        print(f"{name}: {parts[name].problem or len(parts[name].rows)}", flush=True)
        _write({part: parts[part] for part in PARTS if part in parts})


def _measured(name: str, given: argparse.Namespace) -> Part:
    options = [f"--{option}={getattr(given, option)}" for option in ("pages", "texts", "rounds", "threads")]
    command = [sys.executable, str(Path(__file__).with_name(f"performance_{name}.py")), *options]
    part = Part(rows=(), load=(), threads=given.threads, problem="", command=again(name, options))
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "OMP_NUM_THREADS": str(given.threads), "PYTHONPATH": _path()},
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        return replace(part, problem=f"it took more than {LONGEST} seconds")
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        last = error.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
        return replace(part, problem=last[0])
    found = json.loads(done.stdout.splitlines()[-1])
    rows = tuple(Measured(**row) for row in found["rows"])
    return replace(part, rows=rows, load=os.getloadavg(), amount=found["amount"])


def again(name: str, options: Sequence[str]) -> str:
    return " ".join(["python", "benchmarks/performance.py", *options, "--only", name])


def _path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def _write(parts: dict[str, Part]) -> None:
    of = machine()
    FOUND.parent.mkdir(exist_ok=True)
    found = {"machine": of, "parts": {name: asdict(part) for name, part in parts.items()}}
    FOUND.write_text(json.dumps(found, indent=1), encoding="utf-8")
    (ROOT / "docs" / "pictures" / "performance.svg").write_text(picture(parts), encoding="utf-8")
    (ROOT / "docs" / "performance.md").write_text(page(parts, of), encoding="utf-8")


if __name__ == "__main__":
    main()
