"""Other systems."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import Json, Notice, Signed, SignIn


class Webhooks(Protocol):
    """Tells other systems."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """Digests of their URLs."""

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        """The HTTP status of the reply, None where there was none. `at` is the time of this attempt."""


class Slack(Protocol):
    """Says something in Slack. Every method but `refuse_elsewhere` raises Unavailable where Slack does not take it."""

    @property
    def has_token(self) -> bool:
        """Whether `call` may be called."""

    def refuse_elsewhere(self, url: str) -> None:
        """Raises InvalidInput for a URL that `respond` may not send to."""

    def respond(self, url: str, message: Mapping[str, Json]) -> None:
        """Send a message to the URL that came with a command or a button."""

    def call(self, method: str, arguments: Mapping[str, Json]) -> None:
        """Call a method of Slack's own API, such as chat.postMessage."""


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
