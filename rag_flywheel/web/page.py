"""A page: its route, its layout with what its reader may see, and the form that it sends."""

import functools
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import parse_qs

import jinja2
from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pydantic import ValidationError
from starlette.routing import Match
from starlette.types import Scope

from rag_flywheel.access.roles import ROLES
from rag_flywheel.api.doorstep import PAGE, is_ours
from rag_flywheel.api.entrance import TAKES_FORM
from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.api.models import Body
from rag_flywheel.api.person_page import wants_page
from rag_flywheel.domain import Person
from rag_flywheel.errors import NotAllowed
from rag_flywheel.web import assets

FIELDS = 2_000  # of a form, at most
_FORM = "application/x-www-form-urlencoded"
_SAFE = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page that the navigation leads to, for those who may call its route."""

    label: str
    row: str  # of `access.roles`, its path without parts that vary

    @property
    def path(self) -> str:
        return self.row.partition(" ")[2]


PLACES = (
    Place(label="Ask", row="GET /"),
    Place(label="Conversations", row="GET /conversations"),
    Place(label="My corrections", row="GET /my-corrections"),
    Place(label="Review", row="GET /review"),
    Place(label="Gaps", row="GET /gaps"),
    Place(label="Insights", row="GET /insights"),
    Place(label="Versions", row="GET /versions"),
)
"""In the order in which they are shown."""


class PageRoute(GuardedRoute):
    """A route of pages alone. What changes something takes forms of our own pages, and no JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def paged(request: Request) -> Response:
            request.scope[TAKES_FORM] = True
            return await handle(request)

        return paged


class TwinRoute(PageRoute):
    """A page beside a route of the API of the same method and path: it is for those who would rather have a page, or
    who send a form. Programs get JSON there, as before.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (match, child) if match is Match.NONE or _is_for_pages(scope) else (Match.NONE, {})


def _is_for_pages(scope: Scope) -> bool:
    request = Request(scope)
    if scope["method"] in _SAFE:
        return wants_page(request.headers.get("accept", ""))
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


NOTHING: Mapping[str, object] = MappingProxyType({})


def page(request: Request, template: str, values: Mapping[str, object] = NOTHING, *, status: int = 200) -> HTMLResponse:
    """A page, or a part of one where the template is a part. It is made anew each time, and kept by no cache."""
    request.scope[PAGE] = True
    text = _templates().get_template(template).render({**_shared(request), **values})
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    return HTMLResponse(text, status_code=status, headers=headers)


def part(template: str, values: Mapping[str, object]) -> str:
    """A part of a page that needs nothing of the request."""
    return _templates().get_template(template).render(values)


def is_partial(request: Request) -> bool:
    """Whether htmx asks, which puts the reply into a page that is there."""
    return request.headers.get("hx-request") == "true"


def _shared(request: Request) -> dict[str, object]:
    person: Person | None = getattr(request.state, "person", None)
    roles = frozenset() if person is None else person.roles
    return {
        "person": person,
        "places": [place for place in PLACES if ROLES[place.row] & roles],
        "here": request.url.path,
    }


@functools.cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = assets.url
    made.filters["moment"] = _moment
    made.globals["phrase"] = lambda status: HTTPStatus(status).phrase
    return made


def _moment(at: datetime) -> Markup:
    """A moment as people read it, and as machines do."""
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M} UTC</time>').format(utc.isoformat(), utc)


class Form(Body):
    """What a form sends. A field of several values is a tuple, and of any other the last value counts; empty ones are
    left out.
    """


Sent = TypeVar("Sent", bound=Form)


def posted(kind: type[Sent]) -> Callable[[Request], Coroutine[Any, Any, Sent]]:
    """For `Depends`: the form of a request, which a page of ours has to have sent.

    Raises NotAllowed where none says so, HTTPException for another kind of body, and RequestValidationError.
    """
    several = {name for name, field in kind.model_fields.items() if typing.get_origin(field.annotation) is tuple}

    async def read(request: Request) -> Sent:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise HTTPException(415, f"a form of a page should come here, as {_FORM}")
        if not is_ours(request.headers):
            raise NotAllowed("a form comes from a page of this server, and the browser has to say so")
        try:
            sent = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=FIELDS)
        except ValueError:
            raise HTTPException(422, f"the form could not be read, or has more than {FIELDS} fields") from None
        said = {name: [value for value in values if value != ""] for name, values in sent.items()}
        try:
            return kind.model_validate(
                {name: values if name in several else values[-1] for name, values in said.items() if values}
            )
        except ValidationError as error:
            mistakes = error.errors(include_input=False)
        raise RequestValidationError([{**mistake, "loc": ("body", *mistake["loc"])} for mistake in mistakes])

    return read
