"""Requests as values: what is sent, what comes back, and whether it may be sent again."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from rag_flywheel.client import replies
from rag_flywheel.client.replies import Purpose, Span

Reply = TypeVar("Reply")
Consent = bool | Collection[Purpose] | None
"""Yes, no, for what alone, or nothing said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Reply]):
    """One request."""

    method: str
    path: str
    reply: type[Reply]
    body: Mapping[str, Any] | None = None
    params: Mapping[str, Any] | None = None
    key: str | None = None  # by which the server does it once, however often it comes

    @property
    def may_repeat(self) -> bool:
        """Whether nothing happens twice where it is sent again after it may have arrived."""
        return self.method in ("GET", "PUT") or self.path == "/search" or self.key is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question, and as whom and how it is asked."""

    question: str
    user: str | None = None  # in whose name, for keys that speak for others
    session: str | None = None  # a name for the conversation
    history: Sequence[tuple[str, str]] = ()  # role (user or assistant) and text of each earlier turn
    consent: Consent = None
    groups: Collection[str] | None = None  # that say what the person may read
    user_group: str | None = None  # that the person is counted in

    def body(self, *, stream: bool) -> dict[str, Any]:
        return _told(
            {
                "question": self.question,
                "user_id": self.user,
                "session_id": self.session,
                "history": [{"role": role, "content": text} for role, text in self.history],
                "consent": self.consent if isinstance(self.consent, bool | None) else sorted(self.consent),
                "groups": None if self.groups is None else sorted(self.groups),
                "user_group": self.user_group,
                "stream": stream,
            }
        )


def ask(asking: Asking) -> Call[replies.Answer]:
    return Call(method="POST", path="/chat", body=asking.body(stream=False), reply=replies.Answer)


def feedback(interaction_id: str, kind: str, value: Any, user: str | None, key: str | None) -> Call[replies.Recorded]:
    body = _told({"interaction_id": interaction_id, "kind": kind, "value": value, "user_id": user})
    return Call(method="POST", path="/feedback", body=body, key=_key(key), reply=replies.Recorded)


def correct(
    interaction_id: str,
    answer: str,
    evidence: Sequence[Span],
    supersedes: Sequence[Span],
    user: str | None,
    key: str | None,
) -> Call[replies.Receipt]:
    body = _told(
        {
            "interaction_id": interaction_id,
            "answer": answer,
            "evidence": [_span(span) for span in evidence],
            "supersedes": [_span(span) for span in supersedes],
            "user_id": user,
        }
    )
    return Call(method="POST", path="/corrections", body=body, key=_key(key), reply=replies.Receipt)


def correction(name: str) -> Call[replies.Correction]:
    return Call(method="GET", path=f"/corrections/{_segment(name)}", reply=replies.Correction)


def data(user: str) -> Call[replies.Data]:
    return Call(method="GET", path=f"/users/{_segment(user)}/data", reply=replies.Data)


def search(question: str, version: str | None, groups: Collection[str] | None, limit: int) -> Call[replies.Found]:
    named = None if groups is None else sorted(groups)
    body = _told({"question": question, "version": version, "groups": named, "limit": limit})
    return Call(method="POST", path="/search", body=body, reply=replies.Found)


def consent(user: str, session: str | None) -> Call[replies.Consent]:
    path = f"/users/{_segment(user)}/consent"
    return Call(method="GET", path=path, params=_told({"session_id": session}), reply=replies.Consent)


def agree(user: str, purposes: Mapping[Purpose, bool], session: str | None, notice: str) -> Call[replies.Consent]:
    body = _told({"purposes": dict(purposes), "session_id": session, "notice": notice})
    return Call(method="PUT", path=f"/users/{_segment(user)}/consent", body=body, reply=replies.Consent)


def me() -> Call[replies.Me]:
    return Call(method="GET", path="/me", reply=replies.Me)


def _told(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what nobody said."""
    return {name: value for name, value in fields.items() if value is not None}


def _span(span: Span) -> dict[str, Any]:
    return {"document_id": span.document_id, "start": span.start, "end": span.end}


def _key(given: str | None) -> str:
    return given or uuid.uuid4().hex


def _segment(name: str) -> str:
    return quote(name, safe="")
