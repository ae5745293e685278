"""A town of people who left all that they can leave, for tests and measurements of forgetting some of them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from rag_flywheel.cycle import erasing
from rag_flywheel.cycle.erasing import Request
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.domain import (
    Arm,
    AuditEntry,
    DocumentId,
    Exposure,
    Feedback,
    FeedbackId,
    FeedbackKind,
    GoldenCase,
    InteractionId,
    Notice,
    StandIn,
)
from rag_flywheel.domain.erasures import ErasureState, Scope
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.samples import correction, interaction, review
from tests.unit.cycle.house import EARLIER, FACTS
from tests.unit.cycle.household import quiet


@dataclass(frozen=True, kw_only=True)
class Town:
    """People who left all that they can leave."""

    services: Services
    folder: Path

    def scope(self, name: str) -> Scope:
        return Scope(user=pseudonym(name, self.services.ledger.salt()) or "")

    def forget(self, name: str) -> ErasureState:
        request = Request(scope=self.scope(name), asked_by="root", checked="an admin's key")
        return erasing.forget(request, self.services).state

    def night(self) -> CycleDecision:
        return reindex(self.services, force=False, steps=quiet).decision

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "data/receipts").glob("erasure-*.json"))

    def files_with(self, text: str) -> list[str]:
        files = [file for file in (self.folder / "data").rglob("*") if file.is_file()]
        return [str(file) for file in files if text.encode() in file.read_bytes()]

    def rows_with(self, text: str) -> list[str]:
        rows = [table for table, row in self.services.ledger.records() if text in json.dumps(row)]
        kept = self.services.index.versions()
        return rows + [str(chunk) for name in kept for chunk in self.services.index.chunks(name) if text in repr(chunk)]


def record_id(kind: str, number: int) -> str:
    """As long as real ids are."""
    return f"{kind}{number:018}"


def leave_all(name: str, number: int, services: Services) -> None:
    """A question, a comment, an accepted correction, a praised answer, a judged question, and all that names them."""
    ledger, user = services.ledger, pseudonym(name, services.ledger.salt())
    asked, corrected, praised = (record_id(kind, number) for kind in ("aaaa", "cccc", "bbbb"))
    question = f"Where did {name} put the ladder of {name}?"
    answer = f"The ladder of {name} leans behind the shed that {name} painted."
    masked = (StandIn(kind="PERSON", number=1, words=(f"digest of {name}",), sealed=f"sealed {name}"),)
    first = interaction(asked, question=question, asked=EARLIER, user=user)
    ledger.add_interaction(replace(first, session="s", stand_ins=masked))
    better = correction(corrected, of=asked, question=question, answer=answer, submitted=EARLIER)
    ledger.add_correction(replace(better, user=user, stand_ins=masked))
    ledger.add_review(replace(review(corrected, reviewed=EARLIER), stand_ins=masked))
    page = list(FACTS)[number % len(FACTS)]
    text = FACTS[page][1]
    cited = replace(interaction("x", question="x").citations[0], document_id=DocumentId(f"{page}.md"), text=text)
    cited = replace(cited, start=0, end=len(text))
    again = interaction(praised, question=f"Tell {name} about {FACTS[page][0]}", asked=EARLIER, user=user, answer=text)
    ledger.add_interaction(replace(again, citations=(cited,)))
    for of, kind, value in ((praised, "thumb", "up"), (asked, "comment", f"{name} would like to know soon")):
        ledger.add_feedback(
            Feedback(
                feedback_id=FeedbackId(f"dddd{of}"),
                interaction_id=InteractionId(of),
                given=EARLIER,
                user=user,
                kind=FeedbackKind(kind),
                value=value,
                stand_ins=masked,
            )
        )
    ledger.add_exposure(
        Exposure(
            at=EARLIER,
            unit=user or "",
            arm=Arm.CONTROL,
            canary_id=None,
            step=0,
            interaction_id=InteractionId(asked),
            answered=True,
            failed=False,
            seconds=0.1,
        )
    )
    ledger.add_golden_case(
        GoldenCase(
            case_id=f"golden:{number}",
            added=EARLIER,
            who="rita",
            origin="added",
            question=question,
            cluster=question.casefold(),
            answer=None,
            documents=(DocumentId(f"{page}.md"),),
            evidence=(),
            answerable=True,
        )
    )
    ledger.remember(f"POST /chat:{user}:k", digest="d", reply={"id": asked}, at=EARLIER)
    ledger.add_notice(Notice(notice_id=f"n{number}", at=EARLIER, kind="review", data={"subject": corrected}))
    ledger.add_audit(AuditEntry(at=EARLIER, who="rita", action="review", subject=corrected, detail={}))
