"""What Slack sends, as far as it is read: what else there is, Slack adds to as it likes."""

from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from rag_flywheel.api.body import is_text, too_nested
from rag_flywheel.api.models import TEXT_AT_MOST
from rag_flywheel.errors import InvalidInput

FIELDS = 100  # of a form, at most
Id = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,40}$")]
Short = Annotated[str, Field(max_length=2048)]
Long = Annotated[str, Field(max_length=TEXT_AT_MOST)]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Command(_Sent):
    team_id: Id
    user_id: Id
    response_url: Short
    text: Long = ""


class Named(_Sent):
    id: Id
    team_id: Id | None = None


class Action(_Sent):
    action_id: Short
    value: Short = ""


class Input(_Sent):
    value: Long | None = None


class Values(_Sent):
    values: dict[str, dict[str, Input]] = {}


class View(_Sent):
    id: Short
    private_metadata: Annotated[str, Field(max_length=3000)] = ""
    state: Values = Values()


class Metadata(_Sent):
    """What a view of ours carries along."""

    answer: Short
    url: Short


class Interactivity(_Sent):
    """A button that was pressed, or a view that was handed in."""

    type: Short
    user: Named
    team: Named | None = None  # null where the app is installed for all workspaces of an organisation
    trigger_id: Short = ""
    response_url: Short = ""
    actions: tuple[Action, ...] = ()
    view: View | None = None

    @property
    def team_id(self) -> str:
        found = self.user.team_id if self.team is None else self.team.id
        if found is None:
            raise InvalidInput("what Slack sent names no workspace")
        return found


class Event(_Sent):
    type: Short
    user: Id | None = None
    bot_id: Short | None = None
    team: Id | None = None
    user_team: Id | None = None
    text: Long = ""
    channel: Id | None = None
    ts: Short = ""
    thread_ts: Short | None = None


class Callback(_Sent):
    type: Literal["event_callback"]
    team_id: Id
    event_id: Short
    event: Event

    @property
    def home(self) -> str:
        """The workspace of who wrote it, which in a shared channel may be another than the app's."""
        return self.event.user_team or self.event.team or self.team_id


class Challenge(_Sent):
    """Whether this URL is ours: Slack asks once, when it is entered."""

    type: Literal["url_verification"]
    challenge: Short


class Other(_Sent):
    """What the app has not asked for."""

    type: Short


Sent = RootModel[Callback | Challenge | Other]


class _Form(_Sent):
    payload: str


Read = TypeVar("Read", bound=BaseModel)


def command(body: bytes) -> Command | None:
    """None where Slack only looks whether anybody is there. Raises InvalidInput."""
    fields = _fields(body)
    return None if fields.get("ssl_check") == "1" else _as(Command, fields)


def interactivity(body: bytes) -> Interactivity:
    """Raises InvalidInput."""
    payload = _as(_Form, _fields(body)).payload.encode()
    if not is_text(payload) or too_nested(payload):
        raise InvalidInput("what Slack sent is no text, or too deep")
    return read(Interactivity, payload)


def read(kind: type[Read], body: bytes | str) -> Read:
    """Of JSON. Raises InvalidInput, without what was sent."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _wrong(error) from None


def _as(kind: type[Read], fields: dict[str, str]) -> Read:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise _wrong(error) from None


def _wrong(error: ValidationError) -> InvalidInput:
    places = {".".join(str(step) for step in mistake["loc"][:4]) or "the whole" for mistake in error.errors()}
    return InvalidInput(
        f"what Slack sent has another form than its documentation says: {', '.join(sorted(places)[:5])}"
    )


def _fields(body: bytes) -> dict[str, str]:
    try:
        sent = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise InvalidInput(f"the form could not be read, or has more than {FIELDS} fields") from None
    return {name: values[-1] for name, values in sent.items()}
