"""Where records and index versions are kept, and where versions are built: `ledger`, `index` and `reindex`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LedgerSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""
    timeout: float = Field(10.0, gt=0)


class IndexSection(BaseModel):
    """The vector store. What follows `keep_versions` is for a Qdrant server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""
    prefix: str = "rag-flywheel"
    timeout: float = Field(30.0, gt=0)
    keep_versions: int = Field(5, ge=1)
    shards: int = Field(0, ge=0)
    replicas: int = Field(1, ge=1)
    write_consistency: int = Field(1, ge=1)
    on_disk: bool = False
    quantization: Literal["none", "int8"] = "none"

    @model_validator(mode="after")
    def _enough_replicas(self) -> Self:
        if self.write_consistency > self.replicas:
            raise ValueError(
                f"write_consistency ({self.write_consistency}) should be at most replicas ({self.replicas}): more "
                "cannot confirm what is written than there are"
            )
        return self


class ReindexSection(BaseModel):
    """Where the heavy work of a build is done; `address` and `workers` are for Ray."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Literal["local", "ray"] = "local"
    address: str = ""
    workers: int = Field(0, ge=0)
