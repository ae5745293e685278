"""Other systems."""

from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import Notice, Signed, SignIn


class Webhooks(Protocol):
    """Tells other systems."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """Digests of their URLs."""

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        """The HTTP status of the reply, None where there was none. `at` is the time of this attempt."""


class IdentityProvider(Protocol):
    """An OpenID provider: it signs tokens, and people sign in there.

    Every method raises Unavailable when the provider is needed and does not answer as it should.
    """

    def signed(self, token: str) -> Signed:
        """What the token says. Raises NotSignedIn where the provider has not signed it."""

    def sign_in_url(self, attempt: SignIn) -> str:
        """Where a browser goes to sign in."""

    def redeem(self, code: str, attempt: SignIn) -> str:
        """The ID token for the code that the browser came back with. Raises NotSignedIn for a wrong or a used one."""

    def sign_out_url(self) -> str | None:
        """Where a browser goes to sign out at the provider too; None where it does not say."""
