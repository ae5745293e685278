"""A ledger in memory that keeps the promises of the port, for tests that need no database."""

import contextlib
import copy
import json
import secrets
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TypeVar

from pydantic import TypeAdapter

from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    AccessKey,
    Aside,
    AuditEntry,
    Canary,
    CanaryId,
    Correction,
    CorrectionId,
    Decision,
    Delivery,
    DocumentId,
    Exposure,
    Feedback,
    Freeze,
    GoldenCase,
    HoldOut,
    Interaction,
    InteractionId,
    ItemKind,
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
    Verdict,
    VersionId,
    VersionRecord,
    VersionState,
    standing,
)
from rag_flywheel.domain.consent import ConsentEvent
from rag_flywheel.domain.conversation import IMPORTED
from rag_flywheel.domain.erasures import ErasureEntry, Scope, Theirs, strings, without
from rag_flywheel.domain.insights import Answers, Chosen, Cited, Judged, Trait, answer_state, judgement, traits
from rag_flywheel.domain.releases import Release, affordable
from rag_flywheel.domain.retention import Kind
from rag_flywheel.domain.reviewing import Assignment, SecondReview
from rag_flywheel.domain.topics import TopicRuling
from rag_flywheel.errors import AlreadyRunning, Conflict, NotFound, no_correction, no_interaction, too_dear

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Tables:
    """Rows in the order in which they were appended; a dict where they have a key."""

    interactions: dict[InteractionId, Interaction] = field(default_factory=dict)
    feedback: dict[str, Feedback] = field(default_factory=dict)
    corrections: dict[CorrectionId, Correction] = field(default_factory=dict)
    reviews: dict[str, Review] = field(default_factory=dict)
    versions: dict[VersionId, Manifest] = field(default_factory=dict)
    states: list[tuple[VersionId, datetime, VersionState]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    golden_cases: dict[str, GoldenCase] = field(default_factory=dict)
    retirements: dict[str, Retirement] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    canaries: list[Canary] = field(default_factory=list)
    holdouts: list[HoldOut] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    notices: dict[str, Notice] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    replies: dict[str, tuple[str, Json]] = field(default_factory=dict)
    replied: dict[str, datetime] = field(default_factory=dict)
    keys: dict[str, AccessKey] = field(default_factory=dict)
    uses: dict[str, datetime] = field(default_factory=dict)
    erasures: dict[str, ErasureEntry] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    topic_rulings: list[TopicRuling] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    seen: dict[tuple[str, int], datetime] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)
    consents: dict[str, ConsentEvent] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    second_reviews: dict[str, SecondReview] = field(default_factory=dict)

    def snapshot(self) -> "_Tables":
        return _Tables(*(copy.copy(getattr(self, name)) for name in self.__slots__))


class MemoryLedger:
    """A `Ledger` of one process. A transaction keeps other threads out until it ends."""

    def __init__(self) -> None:
        self._rows = _Tables()
        self._salt = secrets.token_bytes(32)
        self._keys = 0  # beside the salt
        self._turn = threading.RLock()
        self._held: set[str] = set()
        self._numbers: dict[str, dict[str, int]] = {}  # of rows, by table

    def salt(self) -> bytes:
        return self._salt

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        with self._turn:
            if name in self._held:
                raise AlreadyRunning(f"`{name}` is running already in this process: wait until it ends")
            self._held.add(name)
        try:
            yield
        finally:
            self._held.remove(name)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self._turn:
            before = self._rows.snapshot()
            try:
                yield
            except BaseException:
                self._rows = before
                raise

    def add_interaction(self, interaction: Interaction) -> None:
        with self._turn:
            _add(self._rows.interactions, interaction.interaction_id, interaction)

    def interaction(self, interaction_id: InteractionId) -> Interaction:
        with self._turn:
            if interaction_id not in self._rows.interactions:
                raise no_interaction(interaction_id)
            return self._rows.interactions[interaction_id]

    def interactions_named(self, names: Collection[InteractionId]) -> dict[InteractionId, Interaction]:
        with self._turn:
            return {name: self._rows.interactions[name] for name in names if name in self._rows.interactions}

    def interactions(
        self, *, since: datetime | None = None, answered: bool | None = None, limit: int
    ) -> list[Interaction]:
        with self._turn:
            found = [
                interaction
                for interaction in reversed(self._rows.interactions.values())
                if (since is None or interaction.asked >= since)
                and (answered is None or interaction.answered == answered)
            ]
        return sorted(found, key=lambda interaction: interaction.asked, reverse=True)[:limit]

    def add_feedback(self, feedback: Feedback) -> None:
        with self._turn:
            _get(self._rows.interactions, feedback.interaction_id)
            _add(self._rows.feedback, feedback.feedback_id, feedback)

    def feedback(
        self,
        *,
        interaction_id: InteractionId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Feedback]:
        with self._turn:
            found = [
                feedback
                for feedback in self._rows.feedback.values()
                if interaction_id in (None, feedback.interaction_id)
                and (since is None or feedback.given >= since)
                and (until is None or feedback.given <= until)
            ]
        return sorted(found, key=lambda feedback: feedback.given)

    def add_correction(self, correction: Correction) -> None:
        with self._turn:
            _get(self._rows.interactions, correction.interaction_id)
            _add(self._rows.corrections, correction.correction_id, correction)

    def correction(self, correction_id: CorrectionId) -> ReviewedCorrection:
        with self._turn:
            if correction_id not in self._rows.corrections:
                raise no_correction(correction_id)
            return self._reviewed(self._rows.corrections[correction_id], None)

    def claim(self, correction_id: CorrectionId) -> ReviewedCorrection:
        return self.correction(correction_id)  # a transaction keeps other threads out

    def corrections(self, *, until: datetime | None = None) -> list[ReviewedCorrection]:
        with self._turn:
            oldest_first = sorted(self._rows.corrections.values(), key=lambda correction: correction.submitted)
            return [
                self._reviewed(correction, until)
                for correction in oldest_first
                if until is None or correction.submitted <= until
            ]

    def corrections_of(self, user: str) -> list[ReviewedCorrection]:
        return [entry for entry in self.corrections() if entry.correction.user == user]

    def _reviewed(self, correction: Correction, until: datetime | None) -> ReviewedCorrection:
        reviews = standing(
            review
            for review in reversed(self._rows.reviews.values())
            if review.correction_id == correction.correction_id and (until is None or review.reviewed <= until)
        )
        # Of equal ones the first, which was appended last.
        latest = max(reviews, key=lambda review: review.reviewed, default=None)
        return ReviewedCorrection(correction=correction, review=latest)

    def add_review(self, review: Review) -> None:
        with self._turn:
            _get(self._rows.corrections, review.correction_id)
            _add(self._rows.reviews, review.review_id, review)

    def reviews(self, *, since: datetime | None = None, of: CorrectionId | None = None) -> list[Review]:
        with self._turn:
            found = [each for each in standing(self._rows.reviews.values()) if since is None or each.reviewed >= since]
        return sorted((each for each in found if of in (None, each.correction_id)), key=lambda review: review.reviewed)

    def add_assignment(self, assignment: Assignment) -> None:
        with self._turn:
            _get(self._rows.corrections, assignment.correction_id)
            self._rows.assignments.append(assignment)

    def assignments(self) -> list[Assignment]:
        with self._turn:
            rows = list(enumerate(self._rows.assignments))
        latest = {(row.correction_id, row.reviewer): (place, row) for place, row in rows}
        return [row for _, row in sorted(latest.values(), key=lambda pair: pair[0])]

    def add_second_review(self, second: SecondReview) -> None:
        with self._turn:
            _get(self._rows.corrections, second.correction_id)
            _add(self._rows.second_reviews, second.second_id, second)

    def second_reviews(self) -> list[SecondReview]:
        with self._turn:
            return sorted(self._rows.second_reviews.values(), key=lambda second: second.reviewed)

    def corrections_mark(self) -> str:
        with self._turn:
            rows = self._rows
            kept = (*rows.corrections, *rows.reviews)
            return f"{kept} {len(rows.states)} {len(rows.decisions)} {[*rows.erasures.values()]}"

    def add_version(self, manifest: Manifest) -> None:
        with self._turn:
            _add(self._rows.versions, manifest.version_id, manifest)
            self.set_state(manifest.version_id, VersionState.BUILT, at=manifest.created)

    def set_state(self, version_id: VersionId, state: VersionState, *, at: datetime) -> None:
        with self._turn:
            _get(self._rows.versions, version_id)
            self._rows.states.append((version_id, at, state))

    def version(self, version_id: VersionId) -> VersionRecord:
        with self._turn:
            manifest = _get(self._rows.versions, version_id)
            states = tuple((at, state) for of, at, state in self._rows.states if of == version_id)
        return VersionRecord(manifest=manifest, states=states)

    def versions(self) -> list[VersionRecord]:
        with self._turn:
            oldest_first = sorted(self._rows.versions.values(), key=lambda manifest: manifest.created)
            return [self.version(manifest.version_id) for manifest in oldest_first]

    def add_decision(self, decision: Decision) -> None:
        with self._turn:
            _get(self._rows.versions, decision.version_id)
            self._rows.decisions.append(decision)

    def decision(self, version_id: VersionId) -> Decision | None:
        with self._turn:
            found = [decision for decision in reversed(self._rows.decisions) if decision.version_id == version_id]
        return max(found, key=lambda decision: decision.decided, default=None)

    def count_decisions(self) -> int:
        with self._turn:
            return len(self._rows.decisions)

    def add_golden_case(self, case: GoldenCase) -> None:
        with self._turn:
            _add(self._rows.golden_cases, case.case_id, case)

    def golden_cases(self, *, until: datetime | None = None) -> list[GoldenCase]:
        with self._turn:
            found = [case for case in self._rows.golden_cases.values() if until is None or case.added <= until]
        return sorted(found, key=lambda case: case.added)

    def add_retirement(self, retirement: Retirement) -> None:
        with self._turn:
            _add(self._rows.retirements, retirement.case_id, retirement)

    def retirements(self, *, until: datetime | None = None) -> list[Retirement]:
        with self._turn:
            found = [
                retirement
                for retirement in self._rows.retirements.values()
                if until is None or retirement.retired <= until
            ]
        return sorted(found, key=lambda retirement: retirement.retired)

    def add_aside(self, aside: Aside) -> None:
        with self.transaction():
            self._rows.asides.append(aside)

    def asides(self, *, until: datetime | None = None) -> list[Aside]:
        with self._turn:
            known = [aside for aside in self._rows.asides if until is None or aside.at <= until]
        in_order = sorted(known, key=lambda aside: aside.at)
        latest = {aside.aside_id: aside for aside in in_order}
        return [aside for aside in in_order if latest[aside.aside_id] is aside]

    def add_exposure(self, exposure: Exposure) -> None:
        with self._turn:
            if exposure.interaction_id is not None:
                _get(self._rows.interactions, exposure.interaction_id)
            self._rows.exposures.append(exposure)

    def exposures(
        self, *, canary_id: CanaryId | None = None, step: int | None = None, since: datetime | None = None
    ) -> list[Exposure]:
        with self._turn:
            found = [
                exposure
                for exposure in self._rows.exposures
                if canary_id in (None, exposure.canary_id)
                and step in (None, exposure.step)
                and (since is None or exposure.at >= since)
            ]
        return sorted(found, key=lambda exposure: exposure.at)

    def add_canary(self, canary: Canary) -> None:
        with self._turn:
            self._rows.canaries.append(canary)

    def canary(self) -> Canary | None:
        with self._turn:
            return _last(self._rows.canaries)

    def canaries(self) -> list[Canary]:
        with self._turn:
            # A later change takes the place of the first.
            newest = {canary.canary_id: canary for canary in self._rows.canaries}
        return list(newest.values())

    def add_holdout(self, holdout: HoldOut) -> None:
        with self._turn:
            self._rows.holdouts.append(holdout)

    def holdout(self) -> HoldOut | None:
        with self._turn:
            return _last(self._rows.holdouts)

    def add_freeze(self, freeze: Freeze) -> None:
        with self._turn:
            self._rows.freezes.append(freeze)

    def freeze(self) -> Freeze | None:
        with self._turn:
            return _last(self._rows.freezes)

    def add_notice(self, notice: Notice) -> None:
        with self._turn:
            _add(self._rows.notices, notice.notice_id, notice)

    def undelivered(self, receiver: str, *, attempts: int) -> list[tuple[Notice, tuple[Delivery, ...]]]:
        with self._turn:
            made = {name: self._made(name, receiver) for name in self._rows.notices}
            notices = sorted(self._rows.notices.values(), key=lambda notice: notice.at)
        return [
            (notice, tried)
            for notice in notices
            if len(tried := made[notice.notice_id]) < attempts and not any(delivery.delivered for delivery in tried)
        ]

    def _made(self, notice_id: str, receiver: str) -> tuple[Delivery, ...]:
        """The attempts to tell a receiver of a notice, oldest first."""
        found = (
            delivery
            for delivery in self._rows.deliveries
            if (delivery.notice_id, delivery.receiver) == (notice_id, receiver)
        )
        return tuple(sorted(found, key=lambda delivery: delivery.at))

    def add_delivery(self, delivery: Delivery) -> None:
        with self._turn:
            _get(self._rows.notices, delivery.notice_id)
            self._rows.deliveries.append(delivery)

    def add_audit(self, entry: AuditEntry) -> None:
        with self._turn:
            self._rows.audit.append(entry)

    def marks(self) -> dict[str, tuple[int, int]]:
        """Rows get their numbers here; one that was changed is one that went and one that came."""
        with self._turn:
            found = {}
            for name in ("interactions", "feedback", "corrections", "reviews", "versions", "topic_rulings", "erasures"):
                of, numbers = getattr(self._rows, name), self._numbers.setdefault(name, {})
                keys = [repr(row) for row in (of.items() if name == "erasures" else of)]
                here = [numbers.setdefault(key, len(numbers) + 1) for key in keys]
                found[name] = (max(here, default=0), len(here))
            return found

    def audit(self, *, limit: int) -> list[AuditEntry]:
        with self._turn:
            return self._rows.audit[::-1][:limit]

    def add_key(self, key: AccessKey) -> None:
        with self._turn:
            self._rows.keys[key.key_id] = key

    def key(self, key_id: str) -> AccessKey | None:
        with self._turn:
            return self._rows.keys.get(key_id)

    def claim_key(self, key_id: str) -> AccessKey | None:
        return self.key(key_id)  # a transaction keeps other threads out

    def access_keys(self) -> list[tuple[AccessKey, datetime | None]]:
        with self._turn:
            return [(key, self._rows.uses.get(key_id)) for key_id, key in self._rows.keys.items()]

    def key_used(self, key_id: str, *, at: datetime) -> None:
        with self._turn:
            known = self._rows.uses.get(key_id)
            if known is None or f"{known:%Y-%m-%d %H}" != f"{at:%Y-%m-%d %H}":
                self._rows.uses[key_id] = at

    def open_session(self, session: Session) -> None:
        with self.transaction():
            _add(self._rows.sessions, session.digest, session)

    def session(self, digest: str) -> SessionNow | None:
        with self.transaction():
            session = self._rows.sessions.get(digest)
            if session is None:
                return None
            uses = [at for (name, _), at in self._rows.seen.items() if name == digest]
            return SessionNow(session=session, seen=max([session.opened, *uses]), ended=self._rows.ended.get(digest))

    def session_seen(self, digest: str, *, at: datetime) -> None:
        with self.transaction():
            self._rows.seen.setdefault((digest, int(at.timestamp()) // 900), at)

    def end_session(self, digest: str, *, at: datetime) -> None:
        with self.transaction():
            self._rows.ended.setdefault(digest, at)

    def add_consent(self, event: ConsentEvent) -> None:
        with self.transaction():
            _add(self._rows.consents, event.event_id, event)

    def consents(self, *, until: datetime | None = None) -> list[ConsentEvent]:
        with self._turn:
            found = [event for event in self._rows.consents.values() if until is None or event.at <= until]
        return sorted(found, key=lambda event: event.at)

    def consents_of(self, user: str | None, session: str | None) -> list[ConsentEvent]:
        if user is None and session is None:
            return []
        every = [event for event in self.consents() if event.user == user]
        return every if user is not None else [event for event in every if event.session == session]

    def releases(self, *, month: str | None = None) -> list[Release]:
        with self._turn:
            return [made for made in self._rows.releases if month in (None, made.month)]

    def spend(self, release: Release, *, epsilon: float, delta: float) -> Release:
        with self.transaction():
            made = self.releases(month=release.month)
            for before in made:
                if before.measure is release.measure:
                    return before
            if not affordable(made, (release.epsilon, release.delta), (epsilon, delta)):
                raise too_dear(release.month)
            self._rows.releases.append(release)
            return release

    def remembered(self, key: str) -> tuple[str, Json] | None:
        with self._turn:
            return self._rows.replies.get(key)

    def remember(self, key: str, *, digest: str, reply: Json, at: datetime) -> bool:
        with self._turn:
            new = key not in self._rows.replies
            self._rows.replies.setdefault(key, (digest, reply))
            self._rows.replied.setdefault(key, at)
            return new

    def interaction_ids(self, *, answered: bool | None = None, limit: int) -> list[InteractionId]:
        return [asked.interaction_id for asked in self.interactions(answered=answered, limit=limit)]

    def stand_ins(self, session: str | None, interaction_id: InteractionId) -> list[StandIn]:
        with self._turn:
            asked = {
                name
                for name, interaction in self._rows.interactions.items()
                if name == interaction_id or (session is not None and interaction.session == session)
            }
            corrected = {of.correction_id for of in self._rows.corrections.values() if of.interaction_id in asked}
            records: list[Interaction | Feedback | Correction | Review] = [
                *(self._rows.interactions[name] for name in asked),
                *(each for each in self._rows.feedback.values() if each.interaction_id in asked),
                *(self._rows.corrections[name] for name in corrected),
                *(each for each in self._rows.reviews.values() if each.correction_id in corrected),
            ]
            return [stand_in for record in records for stand_in in record.stand_ins]

    def interactions_of(self, user: str) -> list[Interaction]:
        with self._turn:
            found = [interaction for interaction in self._rows.interactions.values() if interaction.user == user]
        return sorted(found, key=lambda interaction: interaction.asked)

    def erase(self, scope: Scope) -> dict[str, int]:
        def by(who: str | None, at: datetime) -> bool:
            return scope.session is None and who == scope.user and scope.holds(at)

        with self.transaction():
            rows = self._rows
            asked = {
                key
                for key, interaction in rows.interactions.items()
                if interaction.user == scope.user
                and scope.holds(interaction.asked)
                and scope.session in (None, interaction.session)
            }
            given = {
                key
                for key, feedback in rows.feedback.items()
                if by(feedback.user, feedback.given) or feedback.interaction_id in asked
            }
            corrected = {
                key
                for key, correction in rows.corrections.items()
                if by(correction.user, correction.submitted) or correction.interaction_id in asked
            }
            reviews = {key for key, review in rows.reviews.items() if review.correction_id in corrected}
            named = [f'"{name}"' for name in (*asked, *given, *corrected)]
            replies = {
                key
                for key, (_, reply) in rows.replies.items()
                if (scope.session is None and f":{scope.user}:" in key)
                or any(name in json.dumps(reply) for name in named)
            }
            met, suspected = len(rows.exposures), len(rows.asides)
            whole = scope.session is None and scope.since is None
            signed_in = {key for key, session in rows.sessions.items() if session.pseudonym == scope.user and whole}
            agreed = {key for key, event in rows.consents.items() if whole and by(event.user, event.at)}
            rows.asides = [
                aside
                for aside in rows.asides
                if not (aside.suspicion.kind is ItemKind.QUESTION and aside.suspicion.item in asked)
                and not (aside.suspicion.kind is ItemKind.CORRECTION and aside.suspicion.item in corrected)
            ]
            rows.exposures = [
                exposure
                for exposure in rows.exposures
                if not by(exposure.unit, exposure.at) and exposure.interaction_id not in asked
            ]
            rulings, members = len(rows.topic_rulings), self._members()
            self._take_from_topics(asked)
            return {
                "topic_members": members - self._members(),
                "topic_rulings": rulings - len(rows.topic_rulings),
                "replies": _remove(rows.replies, replies),
                "asides": suspected - len(rows.asides),
                "assignments": self._leave_assigned_only(corrected),
                "second_reviews": self._leave_compared_only(corrected),
                "reviews": _remove(rows.reviews, reviews),
                "corrections": _remove(rows.corrections, corrected),
                "feedback": _remove(rows.feedback, given),
                "exposures": met - len(rows.exposures),
                "interactions": _remove(rows.interactions, asked),
                "consents": _remove(rows.consents, agreed),
                "session_uses": _remove(rows.seen, {key for key in rows.seen if key[0] in signed_in}),
                "session_ends": _remove(rows.ended, signed_in & rows.ended.keys()),
                "sessions": _remove(rows.sessions, signed_in),
            }

    def scrub(self, theirs: Theirs, *, manifests: bool) -> dict[str, int]:
        named = Theirs(names=theirs.names, wrote=lambda text: False)
        nothing: frozenset[str] = frozenset()
        policy: dict[str, tuple[Theirs, frozenset[str] | None]] = {
            "replies": (named, None),
            "notices": (named, None),
            "retirements": (named, None),
            "asides": (named, None),
            "feedback": (named, None),
            "golden_cases": (theirs, None),
            "interactions": (named, frozenset({"question", "query"})),
            "corrections": (named, frozenset({"question", "query"})),
            "decisions": (theirs, nothing),
            "audit": (theirs, nothing),
            "releases": (theirs, nothing),
            "topic_rulings": (theirs, nothing),
            **({"versions": (theirs, nothing)} if manifests else {}),
        }
        with self.transaction():
            return {
                name: self._scrub(name, telling, named if name == "corrections" else theirs, keep)
                for name, (telling, keep) in policy.items()
            }

    def _scrub(self, name: str, telling: Theirs, theirs: Theirs, keep: frozenset[str] | None) -> int:
        rows = getattr(self._rows, name)
        pairs = list(rows.items()) if isinstance(rows, dict) else list(enumerate(rows))
        touched, left = 0, []
        for key, row in pairs:
            told = [*([str(key)] if isinstance(rows, dict) else []), *strings(_plain(row))]
            if not any(telling.is_in(text) for text in told):
                left.append((key, row))
                continue
            touched += 1
            if keep is not None:
                kind: TypeAdapter[object] = TypeAdapter(type(row))
                left.append((key, kind.validate_python(without(_plain(row), theirs, keep=keep))))
        if touched:
            setattr(self._rows, name, dict(left) if isinstance(rows, dict) else [row for _, row in left])
        return touched

    def records(self) -> Iterator[tuple[str, Mapping[str, Json]]]:
        with self._turn:
            for slot in _Tables.__slots__:
                rows = getattr(self._rows, slot)
                if slot in ("states", "erasures", "replied"):
                    continue
                for key, row in rows.items() if isinstance(rows, dict) else enumerate(rows):
                    yield slot, {"key": str(key), "body": _plain(row)}

    def people(self) -> set[str]:
        with self._turn:
            rows = self._rows
            left = (rows.interactions, rows.feedback, rows.corrections, rows.consents)
            said = [row for table in left for row in table.values()]
            return {row.user for row in said if row.user is not None} | {met.unit for met in rows.exposures}

    def write_anew(self) -> None:
        """There is no file."""

    def overwrite(self) -> None:
        """What is deleted is gone."""

    def add_erasure(self, entry: ErasureEntry) -> None:
        with self._turn:
            self._rows.erasures[entry.erasure_id] = entry

    def erasures(self) -> list[ErasureEntry]:
        with self._turn:
            return list(self._rows.erasures.values())

    def close_erasure(self, entry: ErasureEntry) -> None:
        self.add_erasure(entry)

    def rekey(self) -> Iterator[int]:
        """What is in memory is not stored, so there is only to say how many rows have a pseudonym."""
        with self._turn:
            rows = self._rows
            said: tuple[Sized, ...] = (
                rows.interactions,
                rows.feedback,
                rows.corrections,
                [review for review in rows.reviews.values() if review.stand_ins],
                rows.sessions,
                rows.consents,
                rows.replies,
                rows.erasures,
            )
            self._keys += 1
            number = sum(map(len, said)) + len(rows.exposures)
        yield number

    def drop_keys(self) -> int:
        with self._turn:
            dropped, self._keys = max(0, self._keys - 1), min(self._keys, 1)
            return dropped

    def expire(self, kind: Kind, *, before: datetime, spare: AbstractSet[str] = frozenset()) -> Iterator[int]:
        with self.transaction():
            number = self._expired(kind, before, spare)
        yield number

    def _expired(self, kind: Kind, before: datetime, spare: AbstractSet[str]) -> int:
        rows = self._rows
        corrected = {correction.interaction_id for correction in rows.corrections.values()}
        if kind is Kind.INTERACTIONS:
            gone = {key for key, asked in rows.interactions.items() if asked.asked < before and key not in corrected}
            _remove(rows.feedback, {key for key, said in rows.feedback.items() if said.interaction_id in gone})
            rows.exposures = [met for met in rows.exposures if met.interaction_id not in gone]
            self._leave_aside_only(ItemKind.QUESTION, gone)
            self._take_from_topics(gone)
            return _remove(rows.interactions, gone)
        if kind is Kind.FEEDBACK:
            said = rows.feedback.items()
            return _remove(
                rows.feedback,
                {key for key, each in said if each.given < before and each.interaction_id not in corrected},
            )
        if kind is Kind.CORRECTIONS:
            return self._expired_corrections(before, spare)
        if kind is Kind.REPORTS:
            old = [of for of in rows.decisions if of.decided < before and of.version_id not in spare and of.report]
            rows.decisions = [replace(of, report={}) if of in old else of for of in rows.decisions]
            return len(old)
        if kind is Kind.SESSIONS:
            now = {key: self.session(key) for key in rows.sessions}
            gone_sessions = {key for key, found in now.items() if found is not None and found.seen < before}
            _remove(rows.seen, {key for key in rows.seen if key[0] in gone_sessions})
            _remove(rows.ended, gone_sessions & rows.ended.keys())
            return _remove(rows.sessions, gone_sessions)
        if kind is Kind.NOTICES:
            names = {key for key, notice in rows.notices.items() if notice.at < before}
            rows.deliveries = [tried for tried in rows.deliveries if tried.notice_id not in names]
            return _remove(rows.notices, names)
        if kind is Kind.REPLIES:
            return _remove(rows.replies, {key for key in rows.replies if rows.replied[key] < before})
        of_kind = {Kind.EXPOSURES: "exposures", Kind.AUDIT: "audit"}[kind]
        kept = [row for row in getattr(rows, of_kind) if row.at >= before]
        number = len(getattr(rows, of_kind)) - len(kept)
        setattr(rows, of_kind, kept)
        return number

    def traits(self) -> frozenset[Trait]:
        with self._turn:
            return frozenset(trait for asked in self._rows.interactions.values() for trait in traits(asked))

    def asker_groups(self, chosen: Chosen) -> list[str]:
        with self._turn:
            return sorted({asked.group for asked, _ in self._chosen(chosen) if asked.group is not None})

    def _chosen(self, chosen: Chosen) -> list[tuple[Interaction, date]]:
        days = [(asked, asked.asked.astimezone(UTC).date()) for asked in self._rows.interactions.values()]
        return [
            (asked, day)
            for asked, day in days
            if (chosen.first is None or day >= chosen.first)
            and (chosen.last is None or day <= chosen.last)
            and chosen.group in (None, asked.group)
            and asked.group not in chosen.without_groups
            and chosen.without.isdisjoint(traits(asked))
        ]

    def _ours(self, chosen: Chosen) -> list[tuple[Interaction, date]]:
        return [(asked, day) for asked, day in self._chosen(chosen) if asked.arm != IMPORTED]

    def _said(self) -> dict[InteractionId, bool]:
        said: dict[InteractionId, bool] = {}
        for signal in self._rows.feedback.values():
            good = judgement(signal)
            if good is not None:
                said[signal.interaction_id] = said.get(signal.interaction_id, True) and good
        return said

    def answers(self, chosen: Chosen) -> list[Answers]:
        with self._turn:
            counts = Counter(
                (day, asked.version_id, answer_state(answered=asked.answered, confidence=asked.confidence))
                for asked, day in self._ours(chosen)
            )
        return [
            Answers(day=day, version_id=version, state=state, count=count)
            for (day, version, state), count in sorted(counts.items())
        ]

    def judged(self, chosen: Chosen) -> list[Judged]:
        with self._turn:
            said = self._said()
            counts = Counter(
                (day, asked.version_id, said[asked.interaction_id])
                for asked, day in self._ours(chosen)
                if asked.interaction_id in said
            )
        return [
            Judged(day=day, version_id=version, good=counts[day, version, True], bad=counts[day, version, False])
            for day, version in sorted({(day, version) for day, version, _ in counts})
        ]

    def failed_stages(self, chosen: Chosen) -> dict[Stage, int]:
        with self._turn:
            given = sorted(self._rows.feedback.values(), key=lambda signal: signal.given)
            latest = {signal.interaction_id: signal.stage for signal in given if signal.stage is not None}
            those = {asked.interaction_id for asked, _ in self._ours(chosen)}
        return dict(Counter(stage for name, stage in latest.items() if name in those))

    def cited(self, chosen: Chosen) -> list[Cited]:
        with self._turn:
            said, found = self._said(), dict[str, list[int]]()
            for asked, _ in self._chosen(chosen):
                for name in {citation.document_id for citation in asked.citations}:
                    sums = found.setdefault(name, [0, 0, 0])
                    good = said.get(asked.interaction_id)
                    sums[:] = (sums[0] + 1, sums[1] + (good is True), sums[2] + (good is False))
        made = [
            Cited(document_id=DocumentId(name), answers=n, good=good, bad=bad) for name, (n, good, bad) in found.items()
        ]
        return sorted(made, key=lambda each: (-each.answers, each.document_id))

    def answers_by_corrections(self, chosen: Chosen) -> int:
        with self._turn:
            return sum(
                any(citation.document_id.startswith(CORRECTION_PREFIX) for citation in asked.citations)
                for asked, _ in self._chosen(chosen)
            )

    def corrected(self, chosen: Chosen) -> frozenset[CorrectionId]:
        with self._turn:
            those = {asked.interaction_id for asked, _ in self._chosen(chosen)}
            return frozenset(name for name, entry in self._rows.corrections.items() if entry.interaction_id in those)

    def first_touched(self, since: Mapping[str, tuple[int, int]], until: Mapping[str, tuple[int, int]]) -> date | None:
        days = list[date]()
        with self._turn:
            for name in ("interactions", "feedback", "corrections"):
                rows, numbers = getattr(self._rows, name), self._numbers[name]
                new = [row for key, row in rows.items() if since[name][0] < numbers[repr(key)] <= until[name][0]]
                if until[name][1] != since[name][1] + len(new):
                    return date.min
                asked = (self._rows.interactions[row.interaction_id].asked for row in new)
                days += [at.astimezone(UTC).date() for at in asked]
        return min(days, default=None)

    def add_topic_ruling(self, ruling: TopicRuling) -> None:
        with self._turn:
            if any(name not in self._rows.interactions for name in ruling.members):
                raise NotFound("a question of this topic was deleted meanwhile: look at it again")
            if any(known.ruling_id == ruling.ruling_id for known in self._rows.topic_rulings):
                raise Conflict(f"the ruling {ruling.ruling_id} is in the ledger already")
            self._rows.topic_rulings.append(ruling)

    def topic_rulings(self) -> list[TopicRuling]:
        with self._turn:
            return sorted(self._rows.topic_rulings, key=lambda ruling: ruling.at)

    def _members(self) -> int:
        return sum(len(ruling.members) for ruling in self._rows.topic_rulings)

    def _take_from_topics(self, gone: AbstractSet[InteractionId]) -> None:
        """These questions, and the rulings of which none is left."""
        kept = (
            replace(ruling, members=tuple(name for name in ruling.members if name not in gone))
            for ruling in self._rows.topic_rulings
        )
        self._rows.topic_rulings = [ruling for ruling in kept if ruling.members]

    def _leave_aside_only(self, kind: ItemKind, gone: AbstractSet[str]) -> None:
        """What is not about these items."""
        self._rows.asides = [
            each for each in self._rows.asides if each.suspicion.kind is not kind or each.suspicion.item not in gone
        ]

    def _leave_assigned_only(self, gone: AbstractSet[str]) -> int:
        before = len(self._rows.assignments)
        self._rows.assignments = [each for each in self._rows.assignments if each.correction_id not in gone]
        return before - len(self._rows.assignments)

    def _leave_compared_only(self, gone: AbstractSet[str]) -> int:
        rows = self._rows.second_reviews
        return _remove(rows, {key for key, second in rows.items() if second.correction_id in gone})

    def _expired_corrections(self, before: datetime, spare: AbstractSet[str]) -> int:
        rows = self._rows
        decided = {review.correction_id for review in rows.reviews.values() if review.reviewed >= before}
        over = {
            entry.correction.correction_id
            for entry in self.corrections()
            if entry.correction.correction_id not in spare | decided
            and entry.correction.submitted < before
            and (entry.review is None or entry.review.verdict is not Verdict.ACCEPT)
        }
        self._leave_aside_only(ItemKind.CORRECTION, over)
        self._leave_assigned_only(over)
        self._leave_compared_only(over)
        _remove(rows.reviews, {key for key, review in rows.reviews.items() if review.correction_id in over})
        return _remove(rows.corrections, over)

    def close(self) -> None:
        """Nothing to release; what was kept is gone with the object."""


def _plain(row: object) -> Json:
    """A row as JSON."""
    plain: Json = TypeAdapter(type(row)).dump_python(row, mode="json")
    return plain


def _add(rows: dict[K, V], key: K, value: V) -> None:
    if key in rows:
        raise Conflict(f"{key} is in the ledger already")
    rows[key] = value


def _get(rows: Mapping[K, V], key: K) -> V:
    if key not in rows:
        raise NotFound(f"the ledger has no {key}")
    return rows[key]


def _last(rows: Sequence[V]) -> V | None:
    return rows[-1] if rows else None


def _remove(rows: dict[K, V], keys: set[K]) -> int:
    for key in keys:
        del rows[key]
    return len(keys)
