"""The text of a first config.yaml: what was answered, and beside it, behind `# `, what is likely to be changed next."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONSENTS: Mapping[Literal["required", "assumed", "off"], str] = {
    "required": "a question and its answer are kept, and learned from, only after the person said yes",
    "assumed": "they are kept and learned from unless the person says no",
    "off": "nobody's texts are kept, whatever they say, so nothing is learned from use",
}
"""What each word of `privacy.consent` means, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What has to be known for a first config.yaml."""

    documents: tuple[str, ...]  # as they are to stand in `sources`
    audience: Literal["machine", "network"]
    consent: Literal["required", "assumed", "off"]
    answers: Literal["extractive", "openai_like"]
    url: str = ""  # of the language model's server
    model: str = ""  # its name there
    reviewers: Literal["one", "several"]


def written(answers: Answers) -> str:
    """The file's text. What stands in it behind `# ` is accepted too once that is taken away."""
    sections = (_documents, _privacy, _generator, _doors, _access, _review)
    parts = [_head(), *(section(answers) for section in sections)]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)


def _head() -> Sequence[str]:
    return (
        "# Written by `rag-flywheel init`. What does not stand here has its default. Lines behind a # show what is",
        "# often changed next; docs/configuration.md lists every setting. `rag-flywheel config check` finds mistakes.",
        "# Secrets stand in the environment and never here. Relative paths are relative to this file.",
    )


def _documents(answers: Answers) -> Sequence[str]:
    return (
        "sources:                    # files, folders and globs; {path: docs, exclude: [drafts/]} leaves something out",
        *(f"  - {_quoted(path)}" for path in answers.documents),
        "# data_dir: data            # index versions, ledger, caches, reports",
        "# golden: judged            # a folder with judged questions in BEIR form, if you have some",
    )


def _privacy(answers: Answers) -> Sequence[str]:
    return (
        "privacy:",
        f"  consent: {answers.consent.ljust(17)}# {CONSENTS[answers.consent]}",
        "# retention:                # days after which records go; 0: they stay",
        "#   interactions: 365",
        "#   feedback: 365",
    )


def _generator(answers: Answers) -> Sequence[str]:
    if answers.answers == "extractive":
        return (
            "# generator:                # without it answers are sentences of the documents, and no model is asked",
            "#   kind: openai_like       # any OpenAI-compatible server; its key: RAG_FLYWHEEL_LLM_API_KEY",
            "#   url: http://localhost:11434/v1",
            "#   model: llama3.1",
        )
    return (
        "generator:",
        "  kind: openai_like         # any OpenAI-compatible server; its key: RAG_FLYWHEEL_LLM_API_KEY",
        f"  url: {_quoted(answers.url)}",
        f"  model: {_quoted(answers.model)}",
        "# judge:                    # a model that scores answers in the gate; its key: RAG_FLYWHEEL_JUDGE_API_KEY",
        f"#   url: {_quoted(answers.url)}",
        f"#   model: {_quoted(answers.model)}",
    )


def _doors(answers: Answers) -> Sequence[str]:
    if answers.audience == "machine":
        return (
            "# api:                      # only this machine is answered, at http://127.0.0.1:8000",
            "#   port: 8000",
        )
    return (
        "api:",
        "  host: 0.0.0.0             # every address of this machine; put a proxy with TLS before it",
    )


def _access(answers: Answers) -> Sequence[str]:
    alone, network = answers.reviewers == "one", answers.audience == "network"
    own = ("  own_reviews: true         # you may accept your own corrections",) if alone else ()
    mark = "" if alone else "# "
    further = (
        "#   hosts: [rag.example.org]  # names by which it is called, beside its addresses",
        "#   anonymous_from: anywhere  # loopback: from other machines nobody asks without a key",
    )
    return (f"{mark}access:", *own, *further) if alone or network else ()


def _review(answers: Answers) -> Sequence[str]:
    if answers.reviewers == "one":
        return (
            "review:",
            "  second_reviewer: false    # what gives reason to look twice waits for nobody else",
        )
    return (
        "# review:",
        "#   second_reviewer: true   # what gives reason to look twice waits for a second reviewer",
    )


def _quoted(text: str) -> str:
    """A text as YAML reads it back, whatever it holds: a JSON text is one of YAML's forms."""
    return json.dumps(text, ensure_ascii=False)
