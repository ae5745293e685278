"""The settings of where else people ask: on the pages of a help centre."""

import re

from pydantic import BaseModel, ConfigDict, field_validator

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@A-Z]+")
_FRAMING = re.compile(
    r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?"
)  # nothing that a policy could read anew


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
