"""A client for programs that talk to a server: `Client`, and `AsyncClient` for asyncio. Its errors are `errors`."""

from rag_flywheel.client.calls import Asking, Call
from rag_flywheel.client.clients import AsyncClient, Client
from rag_flywheel.client.replies import (
    Answer,
    Citation,
    Consent,
    Correction,
    Found,
    Me,
    OwnCorrection,
    Passage,
    Receipt,
    Recorded,
    Span,
    Suggestion,
    Word,
)

__all__ = [
    "Answer",
    "Asking",
    "AsyncClient",
    "Call",
    "Citation",
    "Client",
    "Consent",
    "Correction",
    "Found",
    "Me",
    "OwnCorrection",
    "Passage",
    "Receipt",
    "Recorded",
    "Span",
    "Suggestion",
    "Word",
]
