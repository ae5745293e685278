"""The sections of the settings that say how the service is watched over."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator


class Telemetry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = ""

    @field_validator("endpoint")
    @classmethod
    def _is_a_base(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        if endpoint and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise ValueError("an endpoint is the base URL of a collector, such as http://localhost:4318")
        if "@" in parts.netloc:
            raise ValueError(
                "an endpoint holds no password: what a collector asks for goes into the variable "
                "OTEL_EXPORTER_OTLP_HEADERS"
            )
        return endpoint


class Logs(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["text", "json"] = "text"
    level: Literal["warning", "info"] = "warning"
