"""The settings of what is kept of people: whether, told by whom, and for how long."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_written(value: object) -> object:
    """YAML takes the word `off` for a no."""
    return "off" if value is False else value


def _days(value: object) -> object:
    """None, in whatever form, is 0: without end."""
    return 0 if value in (None, "none") else value


Consent = Annotated[Literal["assumed", "required", "off"], BeforeValidator(_as_written)]
Days = Annotated[int, BeforeValidator(_days), Field(ge=0, le=36_500)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrivacyNotice(_Section):
    """What people are told of who keeps their texts and why: it stands in their consent records."""

    controller: str = ""
    version: str = ""
    url: str = ""


class Retention(_Section):
    """For how many days each kind of record is kept; 0: without end."""

    interactions: Days = 0
    feedback: Days = 0
    corrections: Days = 0
    exposures: Days = 0
    reports: Days = 0
    audit: Days = 0
    sessions: Days = 90
    replies: Days = 90
    notices: Days = 0
    receipts: Days = 0
    caches: Days = 0
