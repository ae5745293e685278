"""What happened, append-only but for `Erasure` and `Expiry`. A function takes the smallest port that it can use.

Every method raises LedgerUnavailable when the database does not answer.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from rag_flywheel.domain import (
    AccessKey,
    Aside,
    AuditEntry,
    Canary,
    CanaryId,
    Correction,
    CorrectionId,
    Decision,
    Delivery,
    Exposure,
    Feedback,
    Freeze,
    GoldenCase,
    HoldOut,
    Interaction,
    InteractionId,
    Json,
    Manifest,
    Notice,
    Retirement,
    Review,
    ReviewedCorrection,
    Session,
    SessionNow,
    Stage,
    StandIn,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.domain.consent import ConsentEvent
from rag_flywheel.domain.insights import Answers, Chosen, Cited, Judged, Trait
from rag_flywheel.domain.releases import Release
from rag_flywheel.domain.reviewing import Assignment, SecondReview
from rag_flywheel.domain.topics import TopicRuling
from rag_flywheel.ports.leaving import Erasure, Expiry, Rekeying


class Operations(Protocol):
    """Locks, transactions, the deployment's secret key, and the audit log."""

    def salt(self) -> bytes:
        """The secret key of this deployment's pseudonyms: made once, then always the same, and kept elsewhere."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a named lock across processes; it is let go when the process dies. Raises AlreadyRunning if held."""

    def transaction(self) -> AbstractContextManager[None]:
        """Writes of this thread inside the block are all kept or none. Blocks may nest; the outermost one commits."""

    def marks(self) -> dict[str, tuple[int, int]]:
        """The last number that a row got and how many there are, of each table that lists for people rest on: what is
        made of them stays as it is while the marks do. Cheap enough to call for every page.
        """

    def add_audit(self, entry: AuditEntry) -> None: ...

    def audit(self, *, limit: int) -> list[AuditEntry]:
        """The latest ones, the one that was added last first."""


class Conversations(Protocol):
    """Questions with their answers, and what people signalled about them."""

    def add_interaction(self, interaction: Interaction) -> None: ...

    def interaction(self, interaction_id: InteractionId) -> Interaction:
        """Raises NotFound."""

    def interactions_named(self, names: Collection[InteractionId]) -> dict[InteractionId, Interaction]:
        """Those of them that are there, read at once: a page shows so many."""

    def interactions(
        self, *, since: datetime | None = None, answered: bool | None = None, limit: int
    ) -> list[Interaction]:
        """Newest first."""

    def interaction_ids(self, *, answered: bool | None = None, limit: int) -> list[InteractionId]:
        """Newest first. Cheap enough to call for every page."""

    def interactions_of(self, user: str) -> list[Interaction]:
        """All of one pseudonym, oldest first."""

    def stand_ins(self, session: str | None, interaction_id: InteractionId) -> list[StandIn]:
        """Of all that was said in the conversation of a session (its pseudonym), of an interaction that belongs to
        none, and of both: in questions, answers, feedback, corrections and reviews.
        """

    def add_feedback(self, feedback: Feedback) -> None: ...

    def feedback(
        self,
        *,
        interaction_id: InteractionId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Feedback]:
        """Oldest first, from `since` to `until`, both included."""


class Corrections(Protocol):
    """Better answers, their reviews, and how reviewers share the work."""

    def add_correction(self, correction: Correction) -> None: ...

    def correction(self, correction_id: CorrectionId) -> ReviewedCorrection:
        """With the latest review that nobody took back. Raises NotFound."""

    def claim(self, correction_id: CorrectionId) -> ReviewedCorrection:
        """As `correction`, in a transaction: others who claim it wait until that ends, and then see what it wrote."""

    def corrections(self, *, until: datetime | None = None) -> list[ReviewedCorrection]:
        """Oldest first, each with the latest review that nobody took back, up to and including `until`, else None."""

    def corrections_of(self, user: str) -> list[ReviewedCorrection]:
        """All of one pseudonym, oldest first, each with its latest review."""

    def add_review(self, review: Review) -> None:
        """Raises NotFound when there is no such correction."""

    def reviews(self, *, since: datetime | None = None, of: CorrectionId | None = None) -> list[Review]:
        """Those that nobody took back, of all corrections or of one, oldest first."""

    def add_assignment(self, assignment: Assignment) -> None:
        """Raises NotFound when there is no such correction."""

    def assignments(self) -> list[Assignment]:
        """The latest one of each correction and reviewer, the oldest of these first."""

    def add_second_review(self, second: SecondReview) -> None:
        """Raises NotFound when there is no such correction."""

    def second_reviews(self) -> list[SecondReview]:
        """Oldest first."""

    def corrections_mark(self) -> str:
        """Another one once anything is added or gone of corrections, reviews, versions, decisions or erasures: what is
        made of those can be kept until then. Cheap enough to call for every request.
        """


class Versions(Protocol):
    """Index versions with their states, and the gate's decisions on them."""

    def add_version(self, manifest: Manifest) -> None:
        """Record a built version, in state `built`."""

    def set_state(self, version_id: VersionId, state: VersionState, *, at: datetime) -> None:
        """Append a state. Raises NotFound when there is no such version."""

    def version(self, version_id: VersionId) -> VersionRecord:
        """Raises NotFound."""

    def versions(self) -> list[VersionRecord]:
        """Oldest first, deleted ones too."""

    def add_decision(self, decision: Decision) -> None: ...

    def decision(self, version_id: VersionId) -> Decision | None:
        """The latest one on this version."""

    def count_decisions(self) -> int:
        """How many decisions were recorded, on all versions."""


class GoldenCases(Protocol):
    """Judged questions, and their retirements."""

    def add_golden_case(self, case: GoldenCase) -> None:
        """Raises Conflict when there is a case of this id."""

    def golden_cases(self, *, until: datetime | None = None) -> list[GoldenCase]:
        """Oldest first, up to and including `until`, retired ones too."""

    def add_retirement(self, retirement: Retirement) -> None:
        """Retire a case of any origin, for good. Raises Conflict when it is retired already."""

    def retirements(self, *, until: datetime | None = None) -> list[Retirement]:
        """Oldest first, up to and including `until`."""


class Asides(Protocol):
    """What guardrails point at, and what became of it."""

    def add_aside(self, aside: Aside) -> None: ...

    def asides(self, *, until: datetime | None = None) -> list[Aside]:
        """The latest entry of each id up to and including `until`, the oldest of these first."""


class Rollouts(Protocol):
    """Who met which version: canaries, exposures, the hold-out, the freeze."""

    def add_exposure(self, exposure: Exposure) -> None: ...

    def exposures(
        self, *, canary_id: CanaryId | None = None, step: int | None = None, since: datetime | None = None
    ) -> list[Exposure]:
        """Oldest first: of one canary, of one of its steps, from `since` on."""

    def add_canary(self, canary: Canary) -> None:
        """Record a canary that begins, or a change of it."""

    def canary(self) -> Canary | None:
        """The newest one as it stands, running or not. Cheap enough to call for every question."""

    def canaries(self) -> list[Canary]:
        """Each as it stands, oldest first."""

    def add_holdout(self, holdout: HoldOut) -> None: ...

    def holdout(self) -> HoldOut | None:
        """The newest one; one without a version has ended. Cheap enough to call for every question."""

    def add_freeze(self, freeze: Freeze) -> None: ...

    def freeze(self) -> Freeze | None:
        """The newest one."""


class Outbox(Protocol):
    """Notices to other systems, and the attempts to deliver them."""

    def add_notice(self, notice: Notice) -> None: ...

    def undelivered(self, receiver: str, *, attempts: int) -> list[tuple[Notice, tuple[Delivery, ...]]]:
        """Oldest first: what the receiver was not told yet in fewer than `attempts` attempts, with these attempts."""

    def add_delivery(self, delivery: Delivery) -> None:
        """Raises NotFound when there is no such notice."""


class Keys(Protocol):
    """API keys: one entry for each change of a key, and the hours in which each was used."""

    def add_key(self, key: AccessKey) -> None:
        """Record a new key, or a change of one."""

    def key(self, key_id: str) -> AccessKey | None:
        """Its latest entry. Cheap enough to call for every request."""

    def claim_key(self, key_id: str) -> AccessKey | None:
        """As `key`, in a transaction: others who claim it wait until that ends, and then see what it wrote."""

    def access_keys(self) -> list[tuple[AccessKey, datetime | None]]:
        """The latest entry of each and when it was used last (the first time in that hour), in the order in which they
        were made.
        """

    def key_used(self, key_id: str, *, at: datetime) -> None:
        """Remember that it was used in this hour."""


class Sessions(Protocol):
    """Who is signed in with a browser: opened, used in which quarters of an hour, ended."""

    def open_session(self, session: Session) -> None: ...

    def session(self, digest: str) -> SessionNow | None:
        """The session as it stands. Cheap enough to call for every request."""

    def session_seen(self, digest: str, *, at: datetime) -> None:
        """Remember that it was used in this quarter of an hour."""

    def end_session(self, digest: str, *, at: datetime) -> None:
        """It opens nothing from now on; nothing changes where it had ended before."""


class Consents(Protocol):
    """What people agreed to and withdrew."""

    def add_consent(self, event: ConsentEvent) -> None: ...

    def consents(self, *, until: datetime | None = None) -> list[ConsentEvent]:
        """Of everybody, oldest first, up to and including `until`."""

    def consents_of(self, user: str | None, session: str | None) -> list[ConsentEvent]:
        """What a person said, of whatever conversation; where nobody is named, what was said in the conversation.
        Oldest first. Cheap enough to call for every question.
        """


class Replies(Protocol):
    """Replies that were given under an idempotency key."""

    def remembered(self, key: str) -> tuple[str, Json] | None:
        """The request digest and the reply that were remembered under an idempotency key."""

    def remember(self, key: str, *, digest: str, reply: Json, at: datetime) -> bool:
        """Remember a reply; False when the key was already there, and then nothing changes."""


class Releases(Protocol):
    """What was published of sensitive counts, and so what is spent."""

    def releases(self, *, month: str | None = None) -> list[Release]:
        """Oldest first: of all months, or about one."""

    def spend(self, release: Release, *, epsilon: float, delta: float) -> Release:
        """Record it where all releases about its month cost this much at most with it; of those who come at once one
        waits for the other. Where the same measure of that month was released already, it is that which comes back,
        and nothing is spent. Raises BudgetSpent.
        """


class Insights(Protocol):
    """Answers in counts. Cheap enough to ask for on a page, however many there are."""

    def traits(self) -> frozenset[Trait]:
        """All that answers have."""

    def asker_groups(self, chosen: Chosen) -> list[str]:
        """The groups of askers that answers were given to, sorted."""

    def answers(self, chosen: Chosen) -> list[Answers]:
        """By day, version and state, the oldest day first; without what another service answered."""

    def judged(self, chosen: Chosen) -> list[Judged]:
        """By day and version, the oldest day first; without what another service answered."""

    def failed_stages(self, chosen: Chosen) -> dict[Stage, int]:
        """Answers by the stage that a thumbs-down was attributed to: the latest of each answer; without what another
        service answered.
        """

    def cited(self, chosen: Chosen) -> list[Cited]:
        """Documents that answers cite, corrections among them; those that most cite first."""

    def answers_by_corrections(self, chosen: Chosen) -> int:
        """How many answers cite a correction."""

    def corrected(self, chosen: Chosen) -> frozenset[CorrectionId]:
        """Corrections of the chosen answers."""

    def first_touched(self, since: Mapping[str, tuple[int, int]], until: Mapping[str, tuple[int, int]]) -> date | None:
        """The earliest day of an answer that was added, rated or corrected between two `marks`; None: there is none.
        The first of all days where anything is gone, or came in another order than numbers did.
        """


class Topics(Protocol):
    """What people decided on topics of questions."""

    def add_topic_ruling(self, ruling: TopicRuling) -> None:
        """Raises NotFound where a question that it is about is gone."""

    def topic_rulings(self) -> list[TopicRuling]:
        """Oldest first, of those questions that are kept; a ruling goes with the last of them."""


class Ledger(
    Operations,
    Conversations,
    Corrections,
    Versions,
    GoldenCases,
    Asides,
    Rollouts,
    Outbox,
    Keys,
    Sessions,
    Consents,
    Replies,
    Releases,
    Insights,
    Topics,
    Erasure,
    Rekeying,
    Expiry,
    Protocol,
):
    """All of it, in one database: what a transaction spans."""

    def close(self) -> None: ...
