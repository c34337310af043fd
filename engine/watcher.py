"""The agents at work: what each takes, has in hand and did lately, built in or from elsewhere."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from engine import clock
from engine.errors import NotFound
from engine.jobs import Registry
from engine.statistics import AgentStats, Statistics, Throughput
from engine.tally import Last, TypeStats
from engine.views import AGENT_OFFLINE_AFTER, OFFLINE_AFTER, JobView
from engine.workforce import BuiltIn, built_in_agents
from models.agent import Agent, agent_id_of
from models.at_work import LastLine, Running, last_lines, running_jobs
from models.engine_record import EngineRecord
from models.job import Job
from models.states import ProcessRole
from models.type_policy import TypePolicy

Views = Callable[[Sequence[Job]], Awaitable[list[JobView]]]

SHOWN = 1  # job in hand, where every agent is shown
SHOWN_OF_ONE = 20


class AgentState(StrEnum):
    """What an agent does now. A paused one that still has jobs in hand is working, until they are done."""

    WORKING = "working"
    IDLE = "idle"
    PAUSED = "paused"
    OFFLINE = "offline"


class Paused(StrEnum):
    """How much of what it takes an agent is given no more of."""

    NOTHING = "nothing"
    SOME = "some"
    EVERYTHING = "everything"


@dataclass(frozen=True)
class Takes:
    """A job type that an agent takes."""

    key: str
    label: str
    icon: str
    paused: bool


@dataclass(frozen=True)
class InHand:
    """A running job, and what it logged last."""

    job: JobView
    line: LastLine | None


@dataclass(frozen=True)
class Done:
    """One of the latest attempts, with its job's name; `outcome` is a word of `AttemptOutcome`."""

    job_id: int
    name: str
    summary: str
    outcome: str
    finished_at: datetime
    ran: timedelta


@dataclass(frozen=True)
class AgentAtWork:
    """An agent as it stands. `in_hand` are the latest begun of the `running` jobs, `done` its latest attempts.

    `job_ids` are those of what it has in hand, the latest begun first, though not of more than were asked for.
    `places` is how many jobs it takes at once, and `seen_at` when it was last heard of; both None for a built-in one.
    """

    key: str
    name: str
    is_outside: bool
    state: AgentState
    paused: Paused
    takes: tuple[Takes, ...]
    running: int
    places: int | None
    seen_at: datetime | None
    job_ids: tuple[int, ...]
    in_hand: tuple[InHand, ...]
    done: tuple[Done, ...]
    day: AgentStats
    week: AgentStats


@dataclass(frozen=True)
class _Facts:
    is_online: bool
    paused: frozenset[str]
    outside: Sequence[Agent]
    running: Sequence[Running]


class Watcher:
    """Reads; `views` makes of rows what pages show."""

    def __init__(self, registry: Registry, statistics: Statistics, views: Views) -> None:
        self._registry = registry
        self._statistics = statistics
        self._views = views

    def built_in(self, key: str) -> BuiltIn | None:
        """The built-in agent with this key, if there is one."""
        return next((agent for agent in built_in_agents(self._registry) if agent.key == key), None)

    async def agents(self, *, shown: int = SHOWN, ids: int = SHOWN) -> list[AgentAtWork]:
        """Every agent: those that come with Job Runner in the order of their types, then the others by name.

        Up to `shown` jobs that each has in hand are told in full, and the ids of up to `ids`.
        """
        return await self._agents(await self._facts(max(shown, ids)), shown)

    async def agent(self, key: str) -> AgentAtWork:
        """One agent, with more of what it has in hand.

        Raises:
            NotFound: there is none with this key.
        """
        facts = await self._facts(SHOWN_OF_ONE)
        if found := await self._agents(facts, SHOWN_OF_ONE, key):
            return found[0]
        raise NotFound("agent", key)

    async def name_of(self, key: str) -> str:
        """What people call the agent with this key.

        Raises:
            NotFound: there is none with this key.
        """
        if built_in := self.built_in(key):
            return built_in.name
        if row := await self._outside(key):
            return row.name
        raise NotFound("agent", key)

    def names(self, outside: Mapping[str, str]) -> dict[str, str]:
        """What people call each agent, by key, with these outside ones."""
        return {agent.key: agent.name for agent in built_in_agents(self._registry)} | dict(outside)

    async def outside_names(self) -> dict[str, str]:
        """The outside agents' names by key."""
        return {row.engine_id: row.name for row in await Agent.all().order_by("name").only("id", "name")}

    def throughput(self, key: str) -> tuple[Throughput, Throughput]:
        """How many attempts of the agent ended when, over a day and a week."""
        return self._statistics.throughput_of(key, "day"), self._statistics.throughput_of(key, "week")

    def types_of(self, key: str) -> tuple[dict[str, TypeStats], dict[str, TypeStats]]:
        """How the agent fared with each type, over a day and a week, to the hour."""
        return self._statistics.types_of(key, "day"), self._statistics.types_of(key, "week")

    async def _outside(self, key: str) -> Agent | None:
        suffix = key.rpartition("-")[2]
        is_id = key.startswith("agent-") and suffix.isdecimal() and len(suffix) < 19
        found = await Agent.get_or_none(id=agent_id_of(key)) if is_id else None
        return found if found and found.engine_id == key else None

    async def _facts(self, each: int) -> _Facts:
        living = EngineRecord.filter(
            stopped_at=None, role=ProcessRole.ENGINE, last_beat_at__gt=clock.now() - OFFLINE_AFTER
        )
        paused = await TypePolicy.filter(paused=True).values_list("type", flat=True)
        outside = await Agent.all().order_by("name", "id")
        return _Facts(await living.exists(), frozenset(map(str, paused)), outside, await running_jobs(each))

    async def _agents(self, facts: _Facts, each: int, only: str | None = None) -> list[AgentAtWork]:
        built_in = [agent for agent in built_in_agents(self._registry) if only in (None, agent.key)]
        outside = [row for row in facts.outside if only in (None, row.engine_id)]
        by_agent: dict[str, list[Running]] = {agent.key: [] for agent in built_in}
        by_agent |= {row.engine_id: [] for row in outside}
        for running in facts.running:
            if (key := self._statistics.agent_of(running.type, running.engine_id)) in by_agent:
                by_agent[key].append(running)
        shown = [running.id for own in by_agent.values() for running in own[:each]]
        lasts = {key: self._statistics.last_of(key) for key in by_agent}
        jobs = await self._in_hand(shown)
        names = await self._names({last.job_id for last_of in lasts.values() for last in last_of})

        def hands(key: str) -> tuple[InHand, ...]:
            return tuple(jobs[running.id] for running in by_agent[key][:each] if running.id in jobs)

        def done(key: str) -> tuple[Done, ...]:
            return tuple(_done(last, *names[last.job_id]) for last in lasts[key] if last.job_id in names)

        return [
            *(
                self._built_in(agent, facts, by_agent[agent.key], hands(agent.key), done(agent.key))
                for agent in built_in
            ),
            *(
                self._from_outside(row, by_agent[row.engine_id], hands(row.engine_id), done(row.engine_id))
                for row in outside
            ),
        ]

    def _built_in(
        self, agent: BuiltIn, facts: _Facts, running: list[Running], hands: tuple[InHand, ...], done: tuple[Done, ...]
    ) -> AgentAtWork:
        takes = tuple(self._takes(key, is_paused=key in facts.paused) for key in agent.types)
        held = sum(each.paused for each in takes)
        paused = Paused.EVERYTHING if held == len(takes) else Paused.SOME if held else Paused.NOTHING
        total = sum({each.type: each.total for each in running}.values())
        return AgentAtWork(
            key=agent.key,
            name=agent.name,
            is_outside=False,
            state=_state(is_online=facts.is_online, running=total, paused=paused),
            paused=paused,
            takes=takes,
            running=total,
            places=None,
            seen_at=None,
            job_ids=tuple(each.id for each in running),
            in_hand=hands,
            done=done,
            **self._numbers(agent.key),
        )

    def _from_outside(
        self, row: Agent, running: list[Running], hands: tuple[InHand, ...], done: tuple[Done, ...]
    ) -> AgentAtWork:
        paused = Paused.EVERYTHING if row.paused else Paused.NOTHING
        total = running[0].total if running else 0
        is_online = clock.now() - row.last_seen_at < AGENT_OFFLINE_AFTER
        return AgentAtWork(
            key=row.engine_id,
            name=row.name,
            is_outside=True,
            state=_state(is_online=is_online, running=total, paused=paused),
            paused=paused,
            takes=tuple(self._takes(key, is_paused=row.paused) for key in row.types),
            running=total,
            places=row.concurrency,
            seen_at=row.last_seen_at,
            job_ids=tuple(each.id for each in running),
            in_hand=hands,
            done=done,
            **self._numbers(row.engine_id),
        )

    def _numbers(self, key: str) -> dict[str, AgentStats]:
        return {"day": self._statistics.of_agent(key, "day"), "week": self._statistics.of_agent(key, "week")}

    def _takes(self, key: str, *, is_paused: bool) -> Takes:
        job_type = self._registry.find(key)
        return Takes(key, job_type.label if job_type else key, job_type.icon if job_type else "task_alt", is_paused)

    async def _in_hand(self, ids: Sequence[int]) -> dict[int, InHand]:
        if not ids:
            return {}
        lines = await last_lines(ids)
        return {job.id: InHand(job, lines.get(job.id)) for job in await self._views(await Job.filter(id__in=list(ids)))}

    async def _names(self, ids: Collection[int]) -> dict[int, tuple[str, str]]:
        if not ids:
            return {}
        rows = await Job.filter(id__in=list(ids)).values_list("id", "name", "summary")
        return {job_id: (name, summary) for job_id, name, summary in rows}


def _state(*, is_online: bool, running: int, paused: Paused) -> AgentState:
    if not is_online:
        return AgentState.OFFLINE
    if running:
        return AgentState.WORKING
    return AgentState.PAUSED if paused is Paused.EVERYTHING else AgentState.IDLE


def _done(last: Last, name: str, summary: str) -> Done:
    return Done(last.job_id, name, summary, last.outcome, last.finished_at, last.ran)
