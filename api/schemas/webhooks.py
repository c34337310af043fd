"""Webhooks and their messages over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.webhooks import KINDS, USUAL_KINDS


class Webhook(BaseModel):
    """A webhook without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    url: str
    kinds: list[str]
    created_by: str
    created_at: datetime
    fault: str | None = Field(description="why its latest message was not taken")


class NewWebhook(Webhook):
    """A webhook just added; `secret` is told this once."""

    secret: str = Field(description="signs every message (HMAC-SHA-256), as Standard Webhooks says")


class WebhookRequest(BaseModel):
    """A webhook to add."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["ops"])
    url: str = Field(examples=["https://ops.example/hook"])
    kinds: list[str] = Field(list(USUAL_KINDS), description=f"of {', '.join(KINDS)}")


class WebhookList(BaseModel):
    """Every webhook, by name."""

    items: list[Webhook]


class Delivery(BaseModel):
    """A message to a webhook, and how far it has come."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    message_id: str = Field(description="sent as webhook-id, the same at every try")
    kind: str
    job_id: int
    body: dict[str, Any]
    status: str = Field(description="pending, delivered or failed")
    attempts: int
    created_at: datetime
    next_try_at: datetime | None
    finished_at: datetime | None
    response_status: int | None
    error: str | None


class DeliveryList(BaseModel):
    """The newest messages first."""

    items: list[Delivery]
