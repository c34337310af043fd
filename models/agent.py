"""Outside agents: programs elsewhere that claim jobs and do them."""

from tortoise import fields
from tortoise.models import Model

PREFIX = "agent-"


class Agent(Model):
    """An agent by its name. `token_id` is the token that it registered with, 0 where nobody signs in.

    A paused agent is given no more jobs.
    """

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    token_id = fields.BigIntField()
    types = fields.JSONField[list[str]]()
    concurrency = fields.IntField()
    registered_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    paused = fields.BooleanField(default=False, db_default=False)

    class Meta:
        table = "agent"

    @property
    def engine_id(self) -> str:
        """What jobs and attempts call it."""
        return engine_id_of(self.id)


def engine_id_of(agent_id: int) -> str:
    """What jobs and attempts call an agent."""
    return f"{PREFIX}{agent_id}"


def agent_id_of(engine_id: str | None) -> int | None:
    """The agent behind what a job calls its engine, or None if that is an engine or a worker."""
    return int(engine_id.removeprefix(PREFIX)) if engine_id and engine_id.startswith(PREFIX) else None
