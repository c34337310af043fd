"""From rows to the frozen views that callers get."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from tortoise.models import Model

from engine.approvals.terms import Terms
from engine.jobs import AnyJobType
from engine.views import (
    AGENT_OFFLINE_AFTER,
    AgentView,
    AttemptView,
    ChannelView,
    EffectView,
    EngineState,
    EngineView,
    FeedPost,
    JobView,
    LogView,
    TypeView,
)
from engine.waiting import waiting_for
from models.agent import Agent
from models.attempt import Attempt, LogLine
from models.channel import Channel, FeedEntry
from models.dependency import Parent
from models.effect import Effect
from models.engine_record import EngineRecord
from models.job import Job
from models.rate_limit import Turn
from models.states import Phase, allowed_moves
from models.type_policy import TypePolicy


def job_view(
    row: Job,
    state: EngineState | None,
    types: Mapping[str, TypeView],
    now: datetime,
    parents: Sequence[Parent] = (),
    turn: Turn | None = None,
) -> JobView:
    """A job; the others say why it waits: `state` and `types` may be None and empty for one that is not queued."""
    waits = state and waiting_for(
        status=row.status,
        approval=row.approval,
        reason=Terms.of(row.approval_terms).reason if row.approval_terms else "",
        undo_until=row.undo_until,
        due_at=row.due_at,
        attempt=row.attempt,
        now=now,
        engine=state,
        job_type=types.get(row.type),
        parents=parents if row.blocked else (),
        turn=turn,
    )
    return JobView(
        priority=row.priority.word,
        waiting_for=waits if isinstance(waits, str) else None,
        turn=turn.reason if turn and turn.at == row.due_at else None,
        allowed=frozenset(
            allowed_moves(
                row.status,
                approval=row.approval,
                outcome=row.outcome,
                waits=row.due_at is not None,
                is_tried=row.attempt > 0,
            )
        ),
        approval_reason=Terms.of(row.approval_terms).reason if row.approval_terms else None,
        trusted_by=Terms.of(row.approval_terms).trusted_by if row.approval_terms else None,
        **_copied(row, JobView, but=("priority", "waiting_for", "turn", "allowed", "approval_reason", "trusted_by")),
    )


def attempt_view(row: Attempt, effects: Sequence[Effect], lines: Sequence[LogLine]) -> AttemptView:
    """An attempt, with what it logged and how far its effects came."""
    return AttemptView(
        engine=row.engine_id,
        phase=_phase({effect.phase for effect in effects if effect.attempt == row.number}),
        log=tuple(LogView(line.id, line.at, line.text) for line in lines if line.attempt == row.number),
        **_copied(row, AttemptView, but=("engine", "phase", "log")),
    )


def effect_view(row: Effect) -> EffectView:
    """An effect."""
    return EffectView(**_copied(row, EffectView))


def agent_view(row: Agent, running: int, now: datetime) -> AgentView:
    """An outside agent with so many jobs in hand; online while it was heard of lately."""
    online = now - row.last_seen_at < AGENT_OFFLINE_AFTER
    return AgentView(running=running, online=online, **_copied(row, AgentView, but=("running", "online")))


def engine_view(row: EngineRecord, now: datetime, offline_after: timedelta) -> EngineView:
    """An engine; online while its last beat is younger than `offline_after`."""
    online = now - row.last_beat_at < offline_after
    return EngineView(online=online, **_copied(row, EngineView, but=("online",)))


def type_view(
    job_type: AnyJobType,
    policy: TypePolicy | None,
    running: int,
    agents: int = 0,
    paused_agents: int = 0,
    spent: str = "",
) -> TypeView:
    """A job type with what people set for it, how many of its jobs run, and whether a budget holds them."""
    chosen = policy.time_limit_seconds if policy else None
    return TypeView(
        key=job_type.key,
        label=job_type.label,
        description=job_type.description,
        category=job_type.category,
        icon=job_type.icon,
        effect=job_type.effect.value,
        attempts=job_type.retry.attempts,
        paused=bool(policy and policy.paused),
        concurrency=policy.concurrency if policy else None,
        time_limit_seconds=chosen or job_type.time_limit_seconds,
        running=running,
        is_outside=job_type.is_outside,
        agents=agents if job_type.is_outside else None,
        paused_agents=paused_agents if job_type.is_outside else 0,
        spent=spent,
    )


def channel_view(row: Channel) -> ChannelView:
    """A channel without its secrets."""
    return ChannelView(**_copied(row, ChannelView))


def feed_post(row: FeedEntry) -> FeedPost:
    """A post on the built-in feed."""
    return FeedPost(images=tuple(row.images), **_copied(row, FeedPost, but=("images",)))


def _copied(row: Model, view: type[Any], but: Collection[str] = ()) -> dict[str, Any]:
    """What row and view call the same."""
    return {field.name: getattr(row, field.name) for field in fields(view) if field.name not in but}


def _phase(phases: set[Phase]) -> str:
    if Phase.SENDING in phases:
        return "sending"
    return "done" if Phase.DONE in phases else "none"
