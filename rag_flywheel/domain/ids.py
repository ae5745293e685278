"""Names of things, each a type of its own, and JSON as a type."""

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
