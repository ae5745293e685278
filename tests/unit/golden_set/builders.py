"""A small golden set for the tests of this folder, and what people do to it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.questions.golden import Case
from rag_flywheel.domain import DocumentId, Evidence, Feedback, FeedbackId, FeedbackKind, InteractionId
from rag_flywheel.golden_set import changes, listing
from rag_flywheel.golden_set.changes import Additions, NewQuestion
from rag_flywheel.golden_set.listing import JudgedQuestion
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, correction, interaction, review

DOCS = {
    "rollback": "To put the previous version back, run the rollback command and wait for one second.",
    "install": "To install the service on Linux, create a virtual environment and install it there.",
    "backup": "A backup of the ledger is made by copying the database file while nothing writes to it.",
}
SETTINGS = "sources: [docs]\ngolden: judged\ngate:\n  minimum_cases: 1\n  sealed: 0.0\n"


def folder(place: Path, questions: Mapping[str, str | Mapping[str, Any]], judged: Mapping[str, Sequence[str]]) -> Path:
    """The BEIR folder `judged` in a place."""
    made = place / "judged"
    (made / "qrels").mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"_id": name, **({"text": question} if isinstance(question, str) else question)})
        for name, question in questions.items()
    ]
    rows = [f"{name}\t{document}\t1" for name, documents in judged.items() for document in documents]
    (made / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (made / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]), encoding="utf-8")
    return made


def new_question(
    question: str,
    *documents: str,
    evidence: Sequence[Evidence] = (),
    answer: str | None = None,
    answerable: bool = True,
    cluster: str | None = None,
) -> NewQuestion:
    return NewQuestion(
        question=question,
        answer=answer,
        documents=tuple(DocumentId(document) for document in documents),
        evidence=tuple(evidence),
        answerable=answerable,
        cluster=cluster,
    )


def add(made: Services, new: NewQuestion | str, *, who: str = "ann") -> Additions:
    """What a person adds; `docs/rollback.md` answers a question of which nothing else is said."""
    question = new_question(new, "docs/rollback.md") if isinstance(new, str) else new
    return changes.add(question, who=who, services=made)


def case(name: str, question: str, *documents: str, cluster: str | None = None, answer: str | None = None) -> Case:
    """A case to import."""
    return changes.imported_case(name, new_question(question, *documents, cluster=cluster, answer=answer))


def import_cases(made: Services, *cases: Case) -> Additions:
    return changes.import_cases(cases, who="ann", services=made)


def retire(made: Services, name: str, why: str = "asked twice") -> None:
    changes.retire(name, why=why, who="rita", services=made)


def by_id(made: Services) -> dict[str, JudgedQuestion]:
    return {question.case.case_id: question for question in listing.overview(made)}


def confirmed(made: Services, name: str = "i1", question: str = "How do I make a backup?") -> None:
    made.ledger.add_interaction(interaction(name, question=question))
    made.ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"thumb {name}"),
            interaction_id=InteractionId(name),
            given=NOON,
            user=None,
            kind=FeedbackKind.THUMB,
            value="up",
        )
    )


def corrected(made: Services, name: str = "c1", question: str = "How do I roll back?") -> None:
    made.ledger.add_interaction(interaction(f"of {name}", question=question))
    made.ledger.add_correction(correction(name, of=f"of {name}", question=question))
    made.ledger.add_review(review(name))
