"""What only the environment may hold."""

from pydantic import BaseModel, ConfigDict, Field


class Secrets(BaseModel):
    """What only the environment may hold. Never printed: `repr` hides the values."""

    model_config = ConfigDict(frozen=True)

    llm_api_key: str = Field("", repr=False)
    embedder_api_key: str = Field("", repr=False)
    judge_api_key: str = Field("", repr=False)
    qdrant_api_key: str = Field("", repr=False)
    webhook_urls: str = Field("", repr=False)  # separated by spaces; here, because a URL may be all that a caller needs
    webhook_secret: str = Field("", repr=False)
    oidc_client_secret: str = Field("", repr=False)
    slack_signing_secret: str = Field("", repr=False)  # empty: nobody asks from Slack
    slack_bot_token: str = Field("", repr=False)
    receipt_key: str = Field("", repr=False)  # 32 bytes, hexadecimal, that sign receipts; empty: a file of data_dir
    pseudonym_keys: str = Field("", repr=False)  # separated by spaces, instead of `privacy.key_file`
    reveal_key: str = Field("", repr=False)  # 32 bytes, hexadecimal, the newest first where there are several
    metrics_key: str = Field("", repr=False)  # opens `GET /metrics` and nothing else; empty: operators' keys alone do
    api_key: str = Field("", repr=False)  # of commands, for the server that --url names
