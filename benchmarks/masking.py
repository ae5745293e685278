"""What masking hides in texts that hold no personal data, what it leaves in texts that do, and how long it takes.

python benchmarks/masking.py [--show] [--speed]: `--show` lists each mask with its surroundings, to be judged by eye.
Data: the folder that RAG_FLYWHEEL_DATA names. What --show lists for the sets of ordinary texts was looked at by eye:
see docs/measurements.md.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from importlib.metadata import distributions
from pathlib import Path

from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.ports import Redactor

DATA = Path(os.environ.get("RAG_FLYWHEEL_DATA", "../shared/data"))
QUESTION_SETS = ("emanual-tv", "clapnq-dev", "xquad-en", "mtragun-fiqa-clapnq")
STRUCTURED = {
    "e-mail": ("EMAIL_ADDRESS", "EMAIL"),
    "phone": ("PHONE_NUMBER", "PHONE"),
    "card": ("CREDIT_CARD",),
    "IBAN": ("IBAN",),
    "SSN": ("US_SSN", "SSN"),
    "IP address": ("IP_ADDRESS",),
    "password": ("PASSWORD",),
    "account": ("ACCOUNT", "ACCOUNT_NUMBER", "BANK_ACCOUNT", "BANK_ACCOUNT_NUM", "ROUTING_NUMBER"),
    "tax and national id": ("PAN", "TAX_ID", "TAXID", "AADHAR", "VOTER_ID"),
    "passport, licence": ("PASSPORT", "PASSPORT_NUM", "DRIVER_LICENSE", "DRIVER_LICENSE_NUM", "LICENSE"),
    "other id": ("PATIENT_ID", "INSURANCE_ID", "EMPLOYEE_ID", "POLICE_ID_NUM", "USER_ID", "USERID", "PID"),
    "name": ("PERSON",),
}


def rows(file: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / file).read_text(encoding="utf-8").splitlines()]


def documents(name: str) -> list[str]:
    if name == "package readmes":
        return [text for found in distributions() if (text := found.metadata.get_payload()) and len(text) > 500]  # type: ignore[attr-defined]
    if name.startswith("docs-"):
        return [file.read_text(encoding="utf-8") for file in sorted((DATA / name).iterdir())]
    return [f"{row['title']}\n{row['text']}" for row in rows(f"{name}/corpus.jsonl")]


def questions(name: str) -> list[str]:
    return [row["text"] for row in rows(f"{name}/queries.jsonl")]


def alarms(kind: str, texts: Sequence[str], redactor: Redactor, *, show: bool) -> None:
    words, found = 0, Counter[str]()
    for text in texts:
        words += len(text.split())
        masked = redactor.redact(text)
        found.update(masked.found)
        if show and masked.found:
            for before, hidden, after in _differences(text, masked.text):
                print(f"    ...{before}[[{hidden}]]{after}...")
    total = found.total()
    print(f"| {kind} | {words:,} | {total} | {10_000 * total / words:.2f} | {dict(found) or ''} |", flush=True)


def _differences(text: str, masked: str) -> Iterator[tuple[str, str, str]]:
    for line, other in zip(text.split("\n"), masked.split("\n"), strict=False):
        if line == other:
            continue
        for tag, start, end, _, _ in SequenceMatcher(None, line, other, autojunk=False).get_opcodes():
            if tag in ("replace", "delete"):
                yield line[max(0, start - 50) : start], line[start:end], line[end : end + 30]


def recall(redactor: Redactor, *, show: bool) -> None:
    texts = rows("pii-dev/texts.jsonl")
    left, total, masks, right = Counter[str](), Counter[str](), 0, 0
    kinds = {label: kind for kind, labels in STRUCTURED.items() for label in labels}
    for row in texts:
        masked = redactor.redact(row["text"])
        masks += sum(masked.found.values())
        for span in row["spans"]:
            hidden = span["value"] not in masked.text  # type: ignore[index]
            right += hidden
            kind = kinds.get(span["label"])  # type: ignore[index]
            if kind is None:
                continue
            total[kind] += 1
            left[kind] += not hidden
            if show and not hidden and kind != "name":
                print(f"    left: {kind}: {span['value']!r} in {row['text'][:200]!r}")  # type: ignore[index]
    for kind in STRUCTURED:
        print(f"| {kind} | {total[kind] - left[kind]} of {total[kind]} |")
    print(f"| all masks; labelled spans of any kind hidden | {masks}; {right} |")


HOSTILE = (
    "a.b-",
    "a@",
    "@",
    "1",
    "1 ",
    "12-",
    "1.",
    " ",
    "-",
    "(",
    "((1) ",
    '"',
    "'",
    "a-",
    "password ",
    "password: ",
    "Dear ",
    "Ann Lee ",
    "O'",
    "+1 ",
    "<",
    "fe80:",
    "::",
    "\n",
    "=",
    "eyJ",
    "-----BEGIN PRIVATE KEY-----\n",
    "token=a1",
    "phone ",
    "card number ",
    "a@b.co ",
    "212-867-5309 ",
    "ssn ",
    "cpf 1",
    "DE89 ",
    "name: ",
    "Regards,\n",
    "é",
    "\u200b",
    "4111 ",
    'api_key="',
    "my wife ",
    "_key",
)


def speed(policies: Sequence[Redactor], ordinary: str) -> None:
    """Seconds of CPU by the official and the full policy, without what it takes to load Presidio."""
    for redactor in policies:
        redactor.redact("warm-up")
    print("| text | size | official | full |")
    for size in (1_000_000, 5_000_000, 10_000_000):
        text = (ordinary * (size // len(ordinary) + 1))[:size]
        print(f"| ordinary | {size:,} | {' | '.join(_seconds(text, redactor) for redactor in policies)} |", flush=True)
    for piece in HOSTILE:
        for size in (100_000, 400_000):
            text = piece * (size // len(piece)) + ("@" if piece == "a.b-" else "")
            taken = " | ".join(_seconds(text, redactor) for redactor in policies)
            print(f"| {piece!r} | {size:,} | {taken} |", flush=True)


def _seconds(text: str, redactor: Redactor) -> str:
    start = time.process_time()
    redactor.redact(text)
    return f"{time.process_time() - start:.2f} s"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="list each mask, and what is left of labelled data")
    parser.add_argument("--speed", action="store_true", help="measure time instead of what is masked")
    asked = parser.parse_args(arguments)
    privacy = Privacy()
    full = PresidioRedactor(privacy.entities, privacy.minimum_score, "")
    official = PresidioRedactor(privacy.entities, privacy.minimum_score, "", policy="dangerous")
    if asked.speed:
        speed((official, full), "\n".join(documents("docs-restic")))
        return
    print("| documents, official policy | words | masks | in 10,000 words | kinds |")
    for name in ("docs-owasp", "docs-restic", *QUESTION_SETS, "package readmes"):
        alarms(name, documents(name), official, show=asked.show)
    print("| questions, full policy | words | masks | in 10,000 words | kinds |")
    for name in QUESTION_SETS:
        alarms(name, questions(name), full, show=asked.show)
    print("| pii-dev, full policy | hidden |")
    recall(full, show=asked.show)


if __name__ == "__main__":
    main(sys.argv[1:])
