"""Atlas: assembles the duties, starts and stops them."""

import asyncio
import contextlib
import logging
import uuid
from typing import Any

from engine.access import Access
from engine.activity import Activity
from engine.administration import Administration
from engine.agents import Agents
from engine.approvals.corrections import Corrections
from engine.approvals.links import Links
from engine.approvals.policy import Policy
from engine.approvals.reminders import Reminders
from engine.approvals.reviews import Reviews
from engine.approvals.revisions import Revisions
from engine.approvals.rules import Rules
from engine.artifacts import remove_leftovers
from engine.audit import Audit
from engine.backup import settle_restored_dump
from engine.budgets.accountant import Accountant
from engine.budgets.keeping import BudgetKeeping
from engine.budgets.limiting import RateLimiting
from engine.budgets.limits import RateLimits
from engine.cluster import Cluster
from engine.commands import Commands
from engine.defined_types import DefinedTypes
from engine.deliverer import Deliverer
from engine.desk import Office
from engine.dispatcher import Dispatcher
from engine.downloads import Downloads
from engine.event_log import EventLog
from engine.events import Bus, EngineChanged
from engine.executor import RELEASE_SECONDS, Executor
from engine.gauges import Gauges
from engine.health import Health, trouble
from engine.heartbeat import Heartbeat
from engine.jobs import Registry, load_registry
from engine.ledger import Ledger
from engine.operations.begin import Operations
from engine.operations.carrier import Carrier
from engine.operations.hands import Tools
from engine.operations.whose import Whose
from engine.pruner import Pruner
from engine.queries import Queries
from engine.releaser import Releaser
from engine.reports import Reports
from engine.rescuer import Rescuer
from engine.saved_views import SavedViews
from engine.schedules.reading import ScheduleQueries
from engine.schedules.scheduler import Scheduler
from engine.schedules.schedules import Schedules
from engine.schedules.starter import JOB, JobStarter, Starters
from engine.schedules.workflow_starter import WORKFLOW, WorkflowStarter
from engine.settings import Settings
from engine.stored_secrets import StoredSecrets
from engine.system.health import System
from engine.templated_jobs import TemplatedJobs
from engine.tokens import Tokens
from engine.webhooks import Webhooks
from engine.workflows.catalog import Workflows
from engine.workflows.runs import Runs

log = logging.getLogger(__name__)


class Atlas:
    """The engine. The database must be open from `start` to after `stop`."""

    def __init__(self, settings: Settings, registry: Registry | None = None) -> None:
        self.settings = settings
        self.id = uuid.uuid4().hex
        self.bus = Bus()
        self.registry = registry or load_registry()
        health = self._health = Health(self.bus)
        self._ledger = Ledger(health)
        self.audit = Audit(settings, self._ledger)
        self.metrics = health.metrics
        self.queries = Queries(settings, self.registry, health, self.bus)
        self.system = System(settings, self.queries)
        self.gauges = Gauges(settings, self.registry, self.queries, self.metrics)
        self._policy = Policy(self.bus)
        self.commands = Commands(settings, self.registry, self.bus, self.audit, self.queries, self._policy)
        self.reviews = Reviews(settings, self.registry, self.bus, self.audit)
        self.revisions = Revisions(settings, self.registry, self._policy, self.bus, self.audit)
        self.corrections = Corrections(settings, self.registry, self._policy, self.bus, self.audit)
        self.rules = Rules(self.registry, self._policy)
        self.links = Links(settings, self.registry, self.bus, self.audit, self._ledger, self.queries)
        self.downloads = Downloads(settings)
        self.administration = Administration(settings, self.registry, self.bus)
        self.defined_types = DefinedTypes(self.registry, self.bus)
        self.access = Access(self.bus)
        self.tokens = Tokens(self.bus)
        self.events = EventLog(self.bus)
        self.activity = Activity(self.bus, self.events, self.queries.statistics)
        self._cluster = Cluster(settings, self.id, self.bus)
        self.agents = Agents(settings, self.registry, self.bus, self._ledger, self.queries.budgets)
        self.webhooks = Webhooks(settings, self.bus)
        self.secrets = StoredSecrets(settings, self.bus)
        self._deliverer = Deliverer(settings, self.bus, self._ledger, self.queries, health, self._cluster)
        self.reports = Reports(settings, self.registry, self.bus, self._ledger, self.agents)
        self.operations = Operations(settings, self.bus, self.audit, self.queries.finder)
        self.saved_views = SavedViews()
        self.workflows = Workflows(self.registry, self.bus)
        self.runs = Runs(
            settings,
            self.registry,
            self._policy,
            self.audit,
            self.bus,
            self.workflows,
            self.commands,
            self.queries,
        )
        jobs = JobStarter(settings, self.registry, self._policy, self.audit, self.bus)
        starters = Starters({JOB: jobs, WORKFLOW: WorkflowStarter(self.workflows, self.runs, self.audit, self.bus)})
        self.schedules = Schedules(starters, self.bus)
        self.schedule_queries = ScheduleQueries(starters)
        self.budgets = BudgetKeeping(self.registry, self.queries.budgets, self.bus)
        self.limits = RateLimits(self.bus)
        self.limiting = RateLimiting(self.limits, self.bus)
        self.office = Office(self)
        self._executor = Executor(settings, self.registry, self.bus, self._ledger, self.commands.submit, self.limits)
        self._dispatcher = Dispatcher(
            settings, self.registry, self.id, self.bus, self._executor, self._ledger, health, self.queries.budgets
        )
        self._heartbeat = Heartbeat(settings, self.id, self._executor, self.bus, health)
        self._rescuer = Rescuer(settings, self.id, self._executor, self._ledger, self.bus, health, self._cluster)
        self._pruner = Pruner(settings, self._ledger, health, self._cluster)
        templated = TemplatedJobs(settings, self.registry, self._policy, self.bus, self.audit, self._ledger)
        self._releaser = Releaser(
            settings, templated, self.bus, self._ledger, health, self._cluster, self._dispatcher.look_now
        )
        self._scheduler = Scheduler(settings, self.bus, self.audit, self._ledger, starters, health, self._cluster)
        self._reminders = Reminders(settings, self.bus, self._ledger, self.audit, self.webhooks, health, self._cluster)
        self._accountant = Accountant(
            *(self.queries.budgets, self.limits, self.bus, self._ledger, self.audit, self.webhooks),
            health,
            self._cluster,
        )
        tools = Tools(settings, self.registry, self.bus, self.audit, self.queries, self._policy)
        self._carrier = Carrier(self.id, tools, Whose(settings, self.access, self.tokens), health)
        self._duties: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Rescue what a dead engine left, then take up the duties."""
        await self.defined_types.load()
        await self._policy.load()
        await self.queries.budgets.load()
        await self.limits.load()
        await settle_restored_dump(self.settings, self.registry)
        self._ledger.open()
        await self.administration.ensure_feed()
        await self.workflows.install()
        await self._heartbeat.register()
        await self._rescue_at_start()
        await remove_leftovers(self.settings)
        duties: list[Any] = [self._dispatcher, self._heartbeat, self._rescuer, self._pruner, self.events]
        duties += [self.defined_types, self._policy, self._deliverer, self._reminders, self._releaser, self._scheduler]
        duties += [self.queries.statistics, self.activity]
        duties += [self._carrier, self.queries.budgets, self.limits, self._accountant]
        if self.settings.is_shared:
            duties.append(self._cluster)
        self._duties = [asyncio.create_task(duty.run(), name=type(duty).__name__) for duty in duties]
        log.info("Atlas is online: looks every %g s, runs %d jobs at once", *self._pace())

    async def _rescue_at_start(self) -> None:
        """A damaged page keeps nothing else from being served: it shows, and leases that run out are rescued yet."""
        try:
            await self._rescuer.after_restart()
        except Exception as error:
            if trouble(error) is None:
                raise
            self._health.failed("rescuing", error)

    def stop_claiming(self) -> None:
        """Take up no more jobs, and let go whoever listens; what runs goes on."""
        self._dispatcher.stop()
        self.events.close()
        self.agents.close()

    async def stop(self) -> None:
        """Claim nothing more, let what runs finish for a while, put the rest back."""
        self.stop_claiming()
        if self._duties:  # a look that is under way hands over what it has claimed
            await asyncio.wait(self._duties[:1], timeout=max(self.settings.drain_seconds, RELEASE_SECONDS))
        await self._dispatcher.drain()
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        await self._ledger.close()
        with contextlib.suppress(Exception):  # a broken database must not keep the process alive
            await self._heartbeat.retire()
        self.bus.publish(EngineChanged())

    def _pace(self) -> tuple[float, int]:
        return self.settings.poll_seconds, self.settings.concurrency
