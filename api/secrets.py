"""Stored secrets: written, listed by name and removed; a value is never read. All of it takes an administrator."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.rest import Asked

SecretName = Annotated[str, Path(max_length=64, examples=["CHAT_TOKEN"])]


class Secret(BaseModel):
    """A stored secret without its value."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    hosts: list[str] = Field(description="that it may be sent to; * is any")
    created_by: str
    created_at: datetime
    used_at: datetime | None = Field(description="when a job last used it")


class SecretList(BaseModel):
    """Every stored secret, by name."""

    items: list[Secret]


class SecretValue(BaseModel):
    """The value of a secret, and where it may go."""

    model_config = ConfigDict(extra="forbid")

    value: str = Field(examples=["a long random text"], description="4 to 10,000 characters", repr=False)
    hosts: list[str] = Field(examples=[["chat.example.org"]], description="that it may be sent to; * is any")


def secret_routes(_: object) -> APIRouter:
    """Stored secrets."""
    router = APIRouter(prefix="/api/v1", tags=["secrets"])

    @router.get("/secrets")
    async def list_secrets(desk: Asked) -> SecretList:
        """Every stored secret, without its value."""
        return SecretList(items=[Secret.model_validate(view) for view in await desk.secrets()])

    @router.put("/secrets/{name}")
    async def set_secret(name: SecretName, body: SecretValue, desk: Asked) -> Secret:
        """Store a secret, in the place of one of this name; jobs use it as `{{ secrets.NAME }}`."""
        return Secret.model_validate(await desk.put_secret(name, body.value, body.hosts))

    @router.delete("/secrets/{name}", status_code=204)
    async def remove_secret(name: SecretName, desk: Asked) -> None:
        """Forget a secret; jobs that need it fail from now on."""
        await desk.remove_secret(name)

    return router
