"""The settings of where else people ask: on the pages of a help centre, and in Slack."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from rag_flywheel.domain.checks import is_private
from rag_flywheel.domain.groups import group_names

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@A-Z]+")
_FRAMING = re.compile(
    r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?"
)  # nothing that a policy could read anew
_Team = Annotated[str, Field(pattern=r"^T[A-Z0-9]{1,40}$")]
_RESPONDS = r"^[a-z0-9._-]+(:[0-9]{1,5})?$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Widget(_Section):
    origins: tuple[str, ...] = ()

    @field_validator("origins")
    @classmethod
    def _are_pages(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [origin for origin in origins if not _FRAMING.fullmatch(origin)]
        if wrong:
            raise ValueError(
                "a page that may show the widget is named by scheme, host and perhaps port in small letters, with "
                f"nothing after it, such as https://help.example.org; found {', '.join(wrong)}"
            )
        return origins


class Web(_Section):
    widget: Widget = Widget()


class Slack(_Section):
    url: str = "https://slack.com/api"
    response_hosts: tuple[Annotated[str, Field(pattern=_RESPONDS)], ...] = ("hooks.slack.com",)
    teams: tuple[_Team, ...] = ()
    groups: dict[_Team, Annotated[tuple[str, ...], BeforeValidator(group_names)]] = {}

    @field_validator("url")
    @classmethod
    def _is_private(cls, url: str) -> str:
        if not is_private(url) or "?" in url:
            raise ValueError("should be an https URL (http on this machine alone), such as https://slack.com/api")
        return url.rstrip("/")
