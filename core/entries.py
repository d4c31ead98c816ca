"""What several sections of a project file have in them."""

from typing import cast

from pydantic import BaseModel, ConfigDict, model_validator


class SecretEntry(BaseModel):
    """Where a secret is; the secret itself stands in no file of a project."""

    model_config = ConfigDict(extra="forbid")

    secret: str

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, said: object) -> object:
        if not isinstance(said, dict):
            raise ValueError("a reference such as {secret: CHAT_HOOK}: no secret stands in this file itself")
        return cast(object, said)
