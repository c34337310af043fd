"""The agents at work over the wire: what each takes, has in hand, and how it fares."""

from datetime import datetime

from pydantic import BaseModel, Field

from engine.statistics import AgentStats
from engine.watcher import AgentAtWork, AgentState, Paused

MAX_IDS = 200


class Stats(BaseModel):
    """How an agent fared; run times are of attempts that succeeded, about, in seconds."""

    attempts: int = Field(description="that succeeded or failed; what somebody stopped is neither")
    succeeded: int
    success_rate: float | None = Field(description="0 to 1; null without an attempt")
    median_seconds: float | None
    p95_seconds: float | None

    @classmethod
    def of(cls, stats: AgentStats) -> "Stats":
        """The numbers."""
        return cls(
            attempts=stats.attempts,
            succeeded=stats.succeeded,
            success_rate=stats.success_rate,
            median_seconds=round(stats.median.total_seconds(), 3) if stats.median else None,
            p95_seconds=round(stats.p95.total_seconds(), 3) if stats.p95 else None,
        )


class AtWork(BaseModel):
    """An agent that does jobs here, built in or from outside."""

    key: str = Field(examples=["mailer"], description="what addresses call it; `agent-<id>` for an outside one")
    name: str
    built_in: bool
    types: list[str] = Field(description="keys of the job types that it takes")
    state: AgentState
    paused: Paused = Field(description="how much of what it takes it is given no more of")
    running: int = Field(description="how many jobs it has in hand")
    job_ids: list[int] = Field(description=f"of what it has in hand, the latest begun first, {MAX_IDS} a type at most")
    last_seen_at: datetime | None = Field(description="of an outside one")
    day: Stats
    week: Stats

    @classmethod
    def of(cls, agent: AgentAtWork) -> "AtWork":
        """The agent."""
        return cls(
            key=agent.key,
            name=agent.name,
            built_in=not agent.is_outside,
            types=[takes.key for takes in agent.takes],
            state=agent.state,
            paused=agent.paused,
            running=agent.running,
            job_ids=list(agent.job_ids),
            last_seen_at=agent.seen_at,
            day=Stats.of(agent.day),
            week=Stats.of(agent.week),
        )


class Workforce(BaseModel):
    """The built-in agents in the order of their types, then the others by name."""

    items: list[AtWork]
