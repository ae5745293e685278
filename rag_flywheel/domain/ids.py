"""Names of things, each a type of its own, and JSON as a type; and how a name is shown, whoever made it up."""

import re
from typing import TYPE_CHECKING, NewType

DocumentId = NewType("DocumentId", str)


ChunkId = NewType("ChunkId", str)


VersionId = NewType("VersionId", str)


InteractionId = NewType("InteractionId", str)


FeedbackId = NewType("FeedbackId", str)


CorrectionId = NewType("CorrectionId", str)


CanaryId = NewType("CanaryId", str)


if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:
    Json = (
        object  # before Python 3.12's `type` statement, what reads annotations at run time cannot follow the recursion
    )


CORRECTION_PREFIX = "correction:"
"""A correction's document id is this and the correction's id, so that evidence can point at it."""
OURS = (CORRECTION_PREFIX, "confirmed:")
"""How ids begin that this service makes: none from outside may."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, begins a line, or turns text round."""


def shown(text: str, *, keep: str = "") -> str:
    """The text, with escapes such as \\x1b for what would control a terminal or turn text round, but for `keep`."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)


def wrong_name(name: str) -> str | None:
    """Why a document cannot have this name, which comes from outside; None where it can."""
    if name.startswith(OURS):
        return "has a name that begins as ids of this service do: rename it"
    if _CONTROL.search(name):
        return "has characters in its name that control a terminal or turn text round: rename it"
    return None
