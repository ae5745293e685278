"""What each failure is called on a page, and what to do about it."""

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        401: ("Please sign in", "This page is for people who have signed in."),
        403: ("This is not yours to do", "You are signed in, and your role does not allow this."),
        404: ("There is nothing here", "The page may have moved, or it is somebody else's."),
        405: ("That does not work here", "This address does not take what was sent."),
        409: ("That is not possible now", "Things have changed since this page was made. Look again, then decide."),
        413: ("That is too long", "Shorten the text and send it again."),
        422: ("Something is missing or wrong", "Go back, look at what you filled in, and send it again."),
        429: ("One moment, please", "Many requests came from you in a short time. Wait a little, then try again."),
        503: ("Not available right now", "Something that this page needs does not answer, or nothing is live yet."),
    }
)
"""What each status is called, and what to do."""
ELSE = ("Something went wrong", "It is not your fault. The server's log says where it happened.")


def words_of(status: int) -> tuple[str, str]:
    """A title, and a sentence."""
    return WORDS.get(status, ELSE)
