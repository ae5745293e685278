"""Where Slack sends what people ask, press and hand in there.

Slack wants a reply within three seconds, so it gets one at once; what takes longer is done after it, in the person's
turn, and told where Slack says.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from rag_flywheel.access import slack
from rag_flywheel.api import corrections as signals
from rag_flywheel.api import slack_bodies as bodies
from rag_flywheel.api import slack_messages as messages
from rag_flywheel.api.chat import asked
from rag_flywheel.api.entrance import TAKES_FORM
from rag_flywheel.api.guard import Guard, GuardedRoute
from rag_flywheel.api.models import ChatBody, CorrectionBody, FeedbackBody
from rag_flywheel.api.people import ConsentBody, record_consent, scope_of
from rag_flywheel.api.slack_later import Later, Message
from rag_flywheel.api.state import Shared, State, own
from rag_flywheel.domain import FeedbackKind, Interaction, InteractionId, Json, Person
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.errors import Conflict, FlywheelError, InvalidInput, NotAllowed, NotFound
from rag_flywheel.feedback.intake import readable
from rag_flywheel.ports import Slack
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.privacy.records import standing

THEMSELF = "the person themself, in Slack"
VIEW = "view"
KEPT_FOR = (Purpose.ANSWER, Purpose.LEARN)
"""What the button to keep questions says, and no more."""


class SlackRoute(GuardedRoute):
    """A route that takes forms and JSON: Slack sends both."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def taken(request: Request) -> Response:
            request.scope[TAKES_FORM] = request.headers.get("content-type", "").startswith("application/x-www-form")
            return await handle(request)

        return taken


routes = APIRouter(prefix="/integrations/slack", route_class=SlackRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request that Slack has signed."""

    body: bytes
    mark: str  # its signature, which no other request has
    request: Request
    state: State
    slack: Slack

    def welcomes(self, team: str, home: str | None) -> bool:
        return slack.is_welcome(team, home, settings=self.state.services.config.slack)

    async def seat(self, team: str, user: str, home: str | None = None) -> Person:
        """Who sends it, counted among the requests of that person; `home`: their own workspace, where it is told.
        Raises NotAllowed and TooMany.
        """
        if not self.welcomes(team, home):
            raise NotAllowed("people of this workspace do not ask here: slack.teams names those that do")
        asking = slack.person(team, user, home, settings=self.state.services.config.slack)
        self.request.state.person = asking
        await self._guard.seated(self.request, turn=False)
        return asking

    async def is_first(self, mark: str) -> bool:
        """Whether nothing of this mark came before."""
        return await run_in_threadpool(_remember, mark, self.state)

    def later(self, asking: Person, work: Callable[[], Message], tell: Callable[[Message], None]) -> BackgroundTask:
        """What is done once Slack has its reply, in this person's turn."""
        later: Later = self.request.app.state.later
        return BackgroundTask(later.do, asking, work, tell)

    @property
    def base(self) -> str:
        """This server's URL, by the name that Slack used, which the doorstep has checked."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    @property
    def _guard(self) -> Guard:
        guard: Guard = self.request.app.state.guard
        return guard


async def _signed(request: Request, state: Shared) -> Signed:
    """Raises NotFound where nobody asks from Slack, and NotSignedIn."""
    services = state.services
    if services.slack is None:
        raise NotFound("nobody asks from Slack here: RAG_FLYWHEEL_SLACK_SIGNING_SECRET turns that on")
    body, mark = await request.body(), request.headers.get("x-slack-signature", "")
    slack.check(
        body,
        timestamp=request.headers.get("x-slack-request-timestamp", ""),
        signature=mark,
        secret=services.secrets.slack_signing_secret,
        now=services.now(),
    )
    return Signed(body=body, mark=mark, request=request, state=state, slack=services.slack)


FromSlack = Annotated[Signed, Depends(_signed)]


@routes.post("/commands")
async def command(came: FromSlack) -> Response:
    """A slash command: what stands after it is a question, whose answer the person alone sees."""
    sent = bodies.command(came.body)
    if sent is None:
        return Response()
    came.slack.refuse_elsewhere(sent.response_url)
    asking = await came.seat(sent.team_id, sent.user_id)
    await _refuse_again(came)
    question = messages.asked_in(sent.text)
    if not question:
        return JSONResponse(messages.plain(messages.USAGE))

    def work() -> Message:
        found = _answered(question, asking, came)
        kept, notice = _is_kept(asking, came.state), came.state.services.config.privacy_notice
        blocks = found.pop("blocks")
        assert isinstance(blocks, list)
        return {**found, "blocks": [*blocks, *messages.standing(kept, notice)], "response_type": "ephemeral"}

    return JSONResponse(
        messages.plain(messages.WAIT), background=came.later(asking, work, _to(sent.response_url, came))
    )


@routes.post("/events")
async def event(came: FromSlack) -> Response:
    """The app was named in a channel: what stands there is a question, which is answered below it."""
    sent = bodies.read(bodies.Sent, came.body).root
    if isinstance(sent, bodies.Challenge):
        return JSONResponse({"challenge": sent.challenge})
    if isinstance(sent, bodies.Other):
        return Response()
    said, question = sent.event, messages.asked_in(sent.event.text)
    ours = said.type == "app_mention" and said.bot_id is None and said.user is not None and said.channel is not None
    if not (ours and question and came.slack.has_token and came.welcomes(sent.team_id, sent.home)):
        return Response()
    assert said.user is not None
    asking = slack.in_channel(await came.seat(sent.team_id, said.user, sent.home))
    if not await came.is_first(sent.event_id):
        if "x-slack-retry-num" not in came.request.headers:
            raise _again()
        return Response()

    def tell(message: Message) -> None:
        place: Message = {"channel": said.channel, "thread_ts": said.thread_ts or said.ts}
        came.slack.call("chat.postMessage", {**_for_channel(message), **place})

    return Response(background=came.later(asking, lambda: _answered(question, asking, came), tell))


@routes.post("/interactivity")
async def interactivity(came: FromSlack) -> Response:
    """A button that was pressed, or a correction that was handed in."""
    sent = bodies.interactivity(came.body)
    if sent.type == "view_submission" and sent.view is not None:
        return await _handed_in(sent, sent.view, came)
    if sent.type != "block_actions" or not sent.actions:
        return Response()
    came.slack.refuse_elsewhere(sent.response_url)
    asking = await came.seat(sent.team_id, sent.user.id, sent.user.team_id)
    await _refuse_again(came)
    action, tell = sent.actions[0], _to(sent.response_url, came)
    if action.action_id == messages.CORRECT and came.slack.has_token:
        work: Callable[[], Message] = lambda: _view(action.value, sent, asking, came.state)  # noqa: E731
        tell = _opened(sent, came)
    elif action.action_id in (messages.UP, messages.DOWN):
        work = lambda: _rated(action, asking, came.state)  # noqa: E731
    elif action.action_id in (messages.KEEP, messages.FORGET):
        work = lambda: _agreed(action.action_id == messages.KEEP, asking, came.state)  # noqa: E731
    else:
        return Response()
    return Response(background=came.later(asking, work, tell))


async def _handed_in(sent: bodies.Interactivity, view: bodies.View, came: Signed) -> Response:
    metadata = bodies.read(bodies.Metadata, view.private_metadata)
    came.slack.refuse_elsewhere(metadata.url)
    field = view.state.values.get(messages.BETTER, {}).get(messages.TEXT)
    text = (field.value or "").strip() if field is not None else ""
    if not text:
        return JSONResponse({"response_action": "errors", "errors": {messages.BETTER: messages.EMPTY}})
    asking = await came.seat(sent.team_id, sent.user.id, sent.user.team_id)
    await _refuse_again(came)

    def work() -> Message:
        body = CorrectionBody(interaction_id=metadata.answer, answer=text)
        signals.correct(body, came.state, asking, f"slack-{view.id}"[:200])
        return messages.plain(messages.HANDED_IN)

    return Response(background=came.later(asking, work, _to(metadata.url, came)))


def _answered(text: str, asking: Person, came: Signed) -> Message:
    state = came.state
    question = asked(ChatBody(question=text), state, asking)
    interaction = state.chat.answer(question, interaction_id=InteractionId(state.services.new_id()))
    return messages.answer(interaction, base=came.base, correctable=came.slack.has_token)


def _rated(action: bodies.Action, asking: Person, state: State) -> Message:
    value = "up" if action.action_id == messages.UP else "down"
    _kept(action.value, asking, state)
    signals.feedback(FeedbackBody(interaction_id=action.value, kind=FeedbackKind.THUMB, value=value), state, asking)
    return messages.plain(messages.THANKS)


def _view(name: str, sent: bodies.Interactivity, asking: Person, state: State) -> Message:
    return {VIEW: messages.view(_kept(name, asking, state), url=sent.response_url)}


def _agreed(keep: bool, asking: Person, state: State) -> Message:
    assert asking.name is not None
    said = ConsentBody(purposes=dict.fromkeys(KEPT_FOR if keep else Purpose, keep))
    record_consent(scope_of(asking.name, state.services.ledger), said, by=THEMSELF, state=state)
    return messages.plain(messages.CHOSEN[keep])


def _is_kept(asking: Person, state: State) -> bool | None:
    """Whether what they ask is; None where nothing ever is."""
    assert asking.name is not None
    ledger, policy = state.services.ledger, state.services.config.privacy.consent
    if policy == "off":
        return None
    word = standing(ledger.consents_of(scope_of(asking.name, ledger).user, None), policy, session=None)
    found = word[Purpose.ANSWER.value]
    assert isinstance(found, dict)
    return found["in_force"] is True


def _kept(name: str, asking: Person, state: State) -> Interaction:
    """Raises NotFound for what is not theirs, and Conflict for what was not kept."""
    if not name:
        raise InvalidInput("the button names no answer")
    theirs = own(name, asking, asking.name, state)
    found = readable(theirs, state.reader(asking), state.services.ledger)
    if not found.consent:
        raise Conflict("this answer was not kept, so it can be neither rated nor corrected")
    return found


def _remember(mark: str, state: State) -> bool:
    ledger = state.services.ledger
    name = f"slack::{pseudonym(mark, ledger.salt(), of='key')}"
    with ledger.transaction():
        return ledger.remember(name, digest="", reply={}, at=state.services.now())


async def _refuse_again(came: Signed) -> None:
    """Raises Conflict for a request that came before: Slack sends neither commands nor buttons twice."""
    if not await came.is_first(came.mark):
        raise _again()


def _again() -> Conflict:
    return Conflict("this request came before, and is done once")


def _to(url: str, came: Signed) -> Callable[[Message], None]:
    return lambda message: came.slack.respond(url, message)


def _opened(sent: bodies.Interactivity, came: Signed) -> Callable[[Message], None]:
    """A view is opened, and what else there is to say is said beside the button."""

    def tell(message: Message) -> None:
        if VIEW not in message:
            return came.slack.respond(sent.response_url, message)
        try:
            came.slack.call("views.open", {"trigger_id": sent.trigger_id, **message})
        except FlywheelError as error:
            came.slack.respond(sent.response_url, messages.failed(error))
            raise

    return tell


def _for_channel(message: Mapping[str, Json]) -> Message:
    """As chat.postMessage takes it, which knows nothing of what is for replies alone."""
    return {name: value for name, value in message.items() if name not in ("response_type", "replace_original")}
