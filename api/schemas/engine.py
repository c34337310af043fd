"""Job types, channels and the engine over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.administration import MAX_CONCURRENCY, MAX_TIME_LIMIT_SECONDS
from engine.views import ChannelView, EngineState, TypeView


class TypePolicy(BaseModel):
    """What to change for every job of a type; what is left out stays, null takes a limit away."""

    model_config = ConfigDict(extra="forbid")

    paused: bool = False
    concurrency: int | None = Field(None, ge=1, le=MAX_CONCURRENCY)
    time_limit_seconds: float | None = Field(None, ge=1, le=MAX_TIME_LIMIT_SECONDS)


class TypeDefinition(BaseModel):
    """A job type that outside agents do the work of."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(examples=["Translate a text"])
    payload_schema: dict[str, Any] = Field(
        description="a JSON Schema (2020-12) of an object; its titles label the form's fields",
        examples=[
            {"type": "object", "properties": {"text": {"type": "string", "title": "Text"}}, "required": ["text"]}
        ],
    )
    description: str = ""
    category: str = Field("task", description="video, animation, social, document or task")
    icon: str = Field("smart_toy", description="the name of a Material icon")
    irreversible: bool = Field(description="whether what a job does cannot be taken back")
    attempts: int = Field(3, description="how often a job is tried by itself")
    time_limit_seconds: float = 3600


class NewType(TypeDefinition):
    """A job type to define."""

    type: str = Field(examples=["TRANSLATE"], description="its key, in capital letters")
    irreversible: bool = Field(False, description="whether what a job does cannot be taken back")


class JobType(BaseModel):
    """A job type; `payload_schema` is the payload's JSON Schema."""

    type: str
    label: str
    description: str
    category: str
    icon: str
    effect: str
    attempts: int = Field(description="how often a job of this type is tried by itself")
    paused: bool
    concurrency: int | None = Field(description="at once, all engines together; null: as many as the engines run")
    time_limit_seconds: float
    running: int
    is_outside: bool = Field(description="whether outside agents do the work")
    agents: int | None = Field(description="how many outside agents that take it are online; null: it is done here")
    payload_schema: dict[str, Any]

    @classmethod
    def of(cls, view: TypeView, schema: dict[str, Any]) -> "JobType":
        """The type as programs see it."""
        return cls.model_validate({"type": view.key, "payload_schema": schema, **vars(view)})


class JobTypeList(BaseModel):
    """Every job type."""

    items: list[JobType]


class ChannelRequest(BaseModel):
    """A channel to connect; credentials are `{access_token}` or `{handle, app_password}`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str = Field(examples=["mastodon"])
    url: str = ""
    credentials: dict[str, Any] = {}


class Channel(BaseModel):
    """A channel; credentials are written, never read."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    kind: str
    url: str
    account: str | None
    fault: str | None
    tested_at: datetime | None
    created_at: datetime
    limits: dict[str, Any] | None

    @classmethod
    def of(cls, view: ChannelView) -> "Channel":
        """The channel as programs see it."""
        return cls.model_validate(view)


class ChannelList(BaseModel):
    """Every channel."""

    items: list[Channel]


class Engine(BaseModel):
    """Whether Atlas is alive, and how busy."""

    model_config = ConfigDict(from_attributes=True)

    online: bool
    fault: str | None = Field(description="what keeps the engine from its work")
    last_beat_at: datetime | None
    poll_seconds: float
    concurrency: int
    running: int
    queued: int
    engines: int = Field(description="how many are online; each claims jobs")
    workers: int = Field(description="how many are online; they execute what the engines send")

    @classmethod
    def of(cls, state: EngineState, queued: int) -> "Engine":
        """The engine as programs see it."""
        return cls.model_validate({**vars(state), "queued": queued})
