"""What anyone may look at. Nothing here writes."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tortoise.expressions import Q
from tortoise.functions import Count

from engine import clock, knowledge
from engine.approvals.history import History, history
from engine.approvals.inbox import Inbox, pending, preview_of
from engine.budgets.book import Budgets
from engine.budgets.limits import turns_of_jobs
from engine.budgets.reading import UsageQueries
from engine.errors import NotFound
from engine.events import Bus
from engine.finding import Criteria, Finder
from engine.health import DRIVER_ERRORS, Health, trouble
from engine.jobs import AnyJobType, Registry
from engine.jobs.preview import Preview
from engine.knowledge import ArticleView, VersionLine, VersionView
from engine.life import Life, Lives
from engine.operations.reading import OperationQueries
from engine.overview import Board, Overview
from engine.rows import agent_view, attempt_view, channel_view, effect_view, engine_view, feed_post, job_view, type_view
from engine.settings import Settings
from engine.statistics import Statistics
from engine.views import (
    AGENT_OFFLINE_AFTER,
    OFFLINE_AFTER,
    AgentView,
    AttemptView,
    ChannelView,
    EffectView,
    EngineState,
    EngineView,
    FeedPost,
    JobView,
    Page,
    TypeView,
)
from engine.watcher import Watcher
from models.agent import PREFIX, Agent
from models.attempt import Attempt, LogLine
from models.channel import Channel, FeedEntry
from models.counts import job_counts
from models.database import connection
from models.dependency import parents_of
from models.effect import Effect
from models.engine_record import EngineRecord
from models.job import Job
from models.states import ACTIVE, UNKNOWN, ProcessRole, Status
from models.type_policy import TypePolicy
from models.wanted import Sort

PAGE_SIZE = 15
FEED_LENGTH = 50
_CURRENT = tuple(sorted(ACTIVE))
LOG_LENGTH = 500  # lines of a job; a log may be far longer than anybody reads or a page can show


class Queries:
    """Reads for pages and API."""

    def __init__(self, settings: Settings, registry: Registry, health: Health, bus: Bus | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._health = health
        self._last_beat_at: datetime | None = None
        self.inbox = Inbox(self._views)
        self.finder = Finder(registry, self._views)
        self.operations = OperationQueries(settings)
        self.overview = Overview(self.finder, self._views)
        self.lives = Lives(registry, self.operations)
        self.statistics = Statistics(registry, bus)
        self.budgets = Budgets(registry, bus or Bus())
        self.usage = UsageQueries(registry)
        self.watcher = Watcher(registry, self.statistics, self._views)

    # -- jobs ------------------------------------------------------------------------------------------------

    async def job(self, job_id: int) -> JobView:
        """One job.

        Raises:
            NotFound: there is none with this id.
        """
        if found := await self.jobs([job_id]):
            return found[0]
        raise NotFound("job", job_id)

    async def jobs(self, ids: Collection[int]) -> list[JobView]:
        """The jobs with these ids, newest first; ids that do not exist are left out."""
        return await self._views(await Job.filter(id__in=list(ids)).order_by("-id"))

    async def active_page(self, category: str | None = None, number: int = 1) -> Page:
        """Everything neither completed nor cancelled, newest first."""
        return await self._page(_CURRENT, category, Sort.NEWEST, number)

    async def completed_page(self, category: str | None = None, number: int = 1) -> Page:
        """Completed jobs, the latest completion first."""
        return await self._page((Status.COMPLETED,), category, Sort.ENDED, number)

    async def awaiting_approval(self) -> list[JobView]:
        """Jobs that a person has to approve or reject, oldest first."""
        return await self._views(await pending().order_by("id").limit(100))

    async def count_awaiting_approval(self) -> int:
        """How many jobs a person has to approve or reject."""
        return int(await pending().count())

    async def review(self, job_id: int) -> History:
        """What was decided and said about a job, its versions, and who still has to approve.

        Raises:
            NotFound: there is none with this id.
        """
        return await history(job_id)

    async def preview(self, job: JobView) -> Preview:
        """What the job will be, for whoever is to approve it.

        Raises:
            StorageFault: its files cannot be asked for just now.
        """
        return await preview_of(job, self._registry.find(job.type), self._settings)

    async def outcome_unknown(self) -> list[JobView]:
        """Jobs of which a person has to say whether they went out, oldest first."""
        unknown = Job.filter(status=Status.FAILED, outcome=UNKNOWN)
        return await self._views(await unknown.order_by("id").limit(100))

    async def running(self) -> list[JobView]:
        """What runs now, the latest started first."""
        return await self._views(await Job.filter(status=Status.RUNNING).order_by("-started_at").limit(100))

    async def failed(self) -> list[JobView]:
        """The latest failures, newest first."""
        return await self._views(await Job.filter(status=Status.FAILED).order_by("-id").limit(10))

    async def counts_by_category(self) -> Counter[str]:
        """How many jobs the Jobs page shows under each filter; cancelled ones are not shown."""
        return (await job_counts()).by_category(without=[Status.CANCELLED])

    async def counts_by_status(self) -> Counter[str]:
        """How many jobs stand where."""
        return (await job_counts()).by_status

    async def board(self) -> Board:
        """Everything that the home screen tells, but for the throughput."""
        overview = self.overview
        return Board(
            needs=await overview.needs(),
            statuses=await self.counts_by_status(),
            causes=await overview.causes(),
            oldest=await overview.oldest(),
            engine=await self.engine(),
            engines=await self.engines(),
        )

    async def attempts(self, job_id: int) -> list[AttemptView]:
        """Every try of a job, the first one first, with the newest lines of the log.

        Raises:
            NotFound: there is no such job.
        """
        await self._must_exist(job_id)
        effects = await Effect.filter(job_id=job_id)
        newest = await LogLine.filter(job_id=job_id).order_by("-id").limit(LOG_LENGTH)
        lines = newest[::-1]
        attempts = await Attempt.filter(job_id=job_id).order_by("number")
        return [attempt_view(attempt, effects, lines) for attempt in attempts]

    async def life(self, job_id: int) -> Life:
        """Everything that is known to have happened to a job.

        Raises:
            NotFound: there is no such job.
        """
        return await self.lives.read(await self.job(job_id), (await history(job_id)).steps)

    async def effects(self, job_id: int) -> list[EffectView]:
        """What a job did, or may have done, to the world."""
        return [effect_view(row) for row in await Effect.filter(job_id=job_id).order_by("id")]

    # -- the knowledge base ----------------------------------------------------------------------------------

    async def articles(self, text: str = "", *, tag: str = "") -> list[ArticleView]:
        """See `knowledge.search`."""
        return await knowledge.search(text, tag=tag)

    async def article(self, slug: str, number: int | None = None) -> VersionView:
        """See `knowledge.version`."""
        return await knowledge.version(slug, number)

    async def article_versions(self, slug: str) -> list[VersionLine]:
        """See `knowledge.versions`."""
        return await knowledge.versions(slug)

    # -- the rest --------------------------------------------------------------------------------------------

    def job_types(self) -> list[AnyJobType]:
        """Every job type, built in or installed."""
        return list(self._registry)

    def job_type(self, key: str) -> AnyJobType | None:
        """The type with this key, None for a job that outlived it."""
        return self._registry.find(key)

    async def types(self) -> list[TypeView]:
        """Every job type, with what people set for it, and how many of its jobs run."""
        policies = {policy.type: policy for policy in await TypePolicy.all()}
        rows = await Job.filter(status=Status.RUNNING).annotate(n=Count("id")).group_by("type").values("type", "n")
        running = {row["type"]: row["n"] for row in rows}
        agents, held = await self._agents_by_type()
        spent = await self.budgets.holding()
        return [
            type_view(
                job_type,
                policies.get(job_type.key),
                running.get(job_type.key, 0),
                agents[job_type.key],
                held[job_type.key],
                spent[job_type.key].words if job_type.key in spent else "",
            )
            for job_type in self._registry
        ]

    async def _agents_by_type(self) -> tuple[Counter[str], Counter[str]]:
        """How many agents that are online take jobs of each type, and how many of them are paused."""
        if not any(job_type.is_outside for job_type in self._registry):
            return Counter(), Counter()
        online = Agent.filter(last_seen_at__gt=clock.now() - AGENT_OFFLINE_AFTER)
        rows = await online.values_list("types", "paused")
        takes = Counter(key for types, _ in rows for key in set(types))
        return takes, Counter(key for types, paused in rows if paused for key in set(types))

    async def engine(self) -> EngineState:
        """Whether any engine is alive, by the heartbeat in the database; a broken database counts as offline."""
        offline = EngineState(False, self._health.fault, self._last_beat_at, self._settings.poll_seconds, 0, 0)
        if self._health.fault:  # asking a database in trouble may take long
            return offline
        try:
            state = await self._engine()
        except DRIVER_ERRORS as error:
            if (fault := trouble(error)) is None:
                raise
            return replace(offline, fault=fault)
        self._last_beat_at = state.last_beat_at
        return state

    async def _engine(self) -> EngineState:
        records = await EngineRecord.filter(stopped_at=None).order_by("-last_beat_at")
        living = [record for record in records if clock.now() - record.last_beat_at < OFFLINE_AFTER]
        alive = [record for record in living if record.role is ProcessRole.ENGINE]
        workers = [record for record in living if record.role is ProcessRole.WORKER]
        latest = records[0] if records else await EngineRecord.all().order_by("-last_beat_at").first()
        return EngineState(
            online=bool(alive),
            fault=None,
            last_beat_at=latest.last_beat_at if latest else None,
            poll_seconds=alive[0].poll_seconds if alive else self._settings.poll_seconds,
            concurrency=sum(record.concurrency for record in workers or alive),
            running=await _in_our_hands().count(),
            engines=len(alive),
            workers=len(workers),
        )

    async def queue_length(self) -> int:
        """How many jobs are queued, whatever they wait for."""
        return (await job_counts()).by_status[Status.QUEUED]

    async def engines(self) -> list[EngineView]:
        """Every engine that has not retired, the latest started first."""
        records = await EngineRecord.filter(stopped_at=None).order_by("-started_at")
        return [engine_view(record, clock.now(), OFFLINE_AFTER) for record in records]

    async def agents(self) -> list[AgentView]:
        """Every outside agent, by name."""
        rows = await Agent.all().order_by("name")
        own = Job.filter(status=Status.RUNNING, engine_id__in=[row.engine_id for row in rows])
        counted = await own.annotate(n=Count("id")).group_by("engine_id").values("engine_id", "n") if rows else []
        running = {row["engine_id"]: row["n"] for row in counted}
        return [agent_view(row, running.get(row.engine_id, 0), clock.now()) for row in rows]

    async def channels(self) -> list[ChannelView]:
        """Every channel, by name, without secrets."""
        return [channel_view(row) for row in await Channel.all().order_by("name")]

    async def feed(self) -> list[FeedPost]:
        """The newest posts on the built-in feed."""
        return [feed_post(row) for row in await FeedEntry.all().order_by("-published_at").limit(FEED_LENGTH)]

    async def feed_post(self, entry_id: str) -> FeedPost:
        """One post on the built-in feed.

        Raises:
            NotFound: there is no such post.
        """
        if entry := await FeedEntry.get_or_none(id=entry_id):
            return feed_post(entry)
        raise NotFound("post", entry_id)

    # -- helpers ---------------------------------------------------------------------------------------------

    async def _page(self, statuses: tuple[Status, ...], category: str | None, sort: Sort, number: int) -> Page:
        criteria = Criteria(types=(category,) if category else (), statuses=statuses)
        return await self.finder.page(criteria, sort, number, PAGE_SIZE)

    async def _views(self, rows: Sequence[Job]) -> list[JobView]:
        if not rows:
            return []
        if all(row.status is not Status.QUEUED for row in rows):
            return [job_view(row, None, {}, clock.now()) for row in rows]
        state, types = await self._why_jobs_wait()
        blocked = [row.id for row in rows if row.blocked and row.status is Status.QUEUED]
        parents = await parents_of(connection(), blocked) if blocked else []
        turns = await turns_of_jobs([row.id for row in rows if row.due_at and row.attempt])
        return [
            job_view(
                row, state, types, clock.now(), [each for each in parents if each.job_id == row.id], turns.get(row.id)
            )
            for row in rows
        ]

    async def _why_jobs_wait(self) -> tuple[EngineState, dict[str, TypeView]]:
        """Without an engine nothing else matters, and damage elsewhere must not hide a job that can be read."""
        state = await self.engine()
        if not state.online:
            return state, {}
        try:
            return state, {view.key: view for view in await self.types()}
        except DRIVER_ERRORS as error:
            if (fault := trouble(error)) is None:
                raise
            return replace(state, online=False, fault=fault), {}

    async def _must_exist(self, job_id: int) -> None:
        if not await Job.exists(id=job_id):
            raise NotFound("job", job_id)


def _in_our_hands() -> Any:
    """What engines and workers run; what outside agents have takes no slot."""
    outside = Q(engine_id__startswith=PREFIX)
    return Job.filter(Q(engine_id=None) | ~outside, status=Status.RUNNING)
