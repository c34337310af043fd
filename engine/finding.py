"""Finding jobs: criteria as people and programs say them, and the pages of what matches."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tortoise.exceptions import FieldError as Unreadable

from engine import clock
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.jobs import Registry
from engine.views import JobView, Page
from engine.workforce import built_in_agents
from models.agent import PREFIX
from models.database import storable
from models.finding import count_found, find_creators, find_ids, find_page
from models.job import Job
from models.search import words
from models.states import ALLOWED_FROM, POISONOUS, UNKNOWN, Approval, Category, Move, Status
from models.wanted import Place, Sort, Wanted

EXPORT_BATCH = 100  # each may have a payload of megabytes
MAX_TEXT = 200
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
NEEDS = {
    "approval": ALLOWED_FROM[Move.APPROVE],
    "answer": ALLOWED_FROM[Move.RESOLVE],
    "set-aside": ALLOWED_FROM[Move.RETRY],
}
_OUTCOMES = {"answer": UNKNOWN, "set-aside": POISONOUS}
_PLAIN = ("q", "created_by", "agent", "since", "until", "ended", "needs", "cause")

Views = Callable[[Sequence[Job]], Awaitable[list[JobView]]]


@dataclass(frozen=True)
class Criteria:
    """What is looked for; what is empty leaves nothing out.

    `types` are keys and categories. `agent` is a built-in agent's key, or `agent-<id>`. `since` and `until` are the
    words of `SPANS`, dates, or RFC 3339 times, and are about when a job was created. `ended` is since when it is
    over, said in the same way. `needs` is "approval", "answer" for jobs of which nobody knows whether they went out,
    or "set-aside" for those that engines died of. `cause` is of failed jobs.
    """

    q: str = ""
    types: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    created_by: str = ""
    agent: str = ""
    since: str = ""
    until: str = ""
    ended: str = ""
    needs: str = ""
    cause: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left out."""
        return self == Criteria()

    def told(self) -> dict[str, Any]:
        """What is not empty, as JSON takes it."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items() if value}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Criteria":
        """The criteria that were `told`.

        Raises:
            InvalidInput: a value breaks a rule.
        """
        statuses = tuple(_status(word) for word in told.get("statuses", ()))
        plain = {name: str(told.get(name, "")) for name in _PLAIN}
        criteria = cls(types=tuple(told.get("types", ())), statuses=statuses, **plain)
        criteria.check()
        return criteria

    def check(self) -> None:
        """Refuse what cannot be looked for.

        Raises:
            InvalidInput: a value breaks a rule.
        """
        faults = []
        if len(self.q) > MAX_TEXT:
            faults.append(FieldError("q", f"q must have at most {MAX_TEXT} characters, not {len(self.q)}"))
        if self.needs and self.needs not in NEEDS:
            faults.append(FieldError("needs", f"needs must be {' or '.join(NEEDS)}, not {shown(self.needs)}"))
        for name in ("since", "until", "ended"):
            if (said := getattr(self, name)) and _moment(said) is None:
                rule = f"{name} must be {', '.join(SPANS)}, a date or a time such as 2026-11-27T14:00:00Z"
                faults.append(FieldError(name, f"{rule}, not {shown(said)}"))
        if faults:
            raise InvalidInput(faults)


class Finder:
    """Reads; `views` makes of rows what pages show."""

    def __init__(self, registry: Registry, views: Views) -> None:
        self._registry = registry
        self._views = views

    async def page(self, criteria: Criteria, sort: Sort, number: int, size: int) -> Page:
        """One page of what matches; a number past the last page gives the last.

        Raises:
            InvalidInput: a criterion breaks a rule.
        """
        page = await find_page(self.wanted(criteria), sort, number, size)
        found = {job.id: job for job in await self._jobs(page.ids)}
        jobs = tuple(found[job_id] for job_id in page.ids if job_id in found)
        return Page(jobs, page.number, page.pages, page.total, page.capped)

    async def behind(
        self, criteria: Criteria, sort: Sort, last_id: int | None, *, limit: int
    ) -> tuple[list[JobView], int | None]:
        """The jobs that come after this one in the list, from the first on without one; and where to go on, if it does.

        Raises:
            InvalidInput: a criterion breaks a rule, or the job is gone and nobody knows where it stood.
        """
        wanted = self.wanted(criteria)
        if last_id is not None:
            wanted = replace(wanted, behind=await _place(last_id, sort))
        ids = await find_ids(wanted, sort, limit=limit + 1)
        return await self._jobs(ids[:limit]), ids[limit - 1] if len(ids) > limit else None

    async def count(self, criteria: Criteria) -> int:
        """How many match; by more than type and status, or one creator, at most 10,001."""
        return await count_found(self.wanted(criteria))

    def counts_all(self, criteria: Criteria) -> bool:
        """Whether these are counted to the last, however many match."""
        return self.wanted(criteria).is_counted

    async def ids(self, criteria: Criteria, *, limit: int) -> list[int]:
        """The newest that match."""
        return await find_ids(self.wanted(criteria), Sort.NEWEST, limit=limit)

    async def creators(self, *, limit: int) -> list[str]:
        """Who created jobs, whoever did so last first."""
        return await find_creators(limit=limit)

    async def every(self, criteria: Criteria, ids: Sequence[int] | None = None) -> AsyncIterator[list[JobView]]:
        """Everything that matches, the newest first, a batch at a time; what is created meanwhile is left out.

        With `ids`, only those of them that match.
        """
        wanted = self.wanted(criteria)
        if ids is not None and wanted.ids is None:
            wanted = replace(wanted, ids=tuple(ids))
        while ids := await find_ids(wanted, Sort.NEWEST, limit=EXPORT_BATCH):
            yield await self._jobs(ids)
            wanted = replace(wanted, before=ids[-1])

    def wanted(self, criteria: Criteria) -> Wanted:
        """The criteria as the database is asked."""
        criteria.check()
        text = storable(criteria.q).strip()
        number = text.removeprefix("#")
        said = words(text)
        types, engine_id = self._of_agent(criteria.agent)
        categories = tuple(word for word in criteria.types if word in set(Category))
        keys = tuple(word for word in criteria.types if word not in set(Category))
        if types is not None:
            keys, categories = self._both(keys, categories, types), ()
        return Wanted(
            ids=() if text and not said else None,  # nothing has no word
            words=tuple(said),
            job_id=int(number) if number.isdecimal() and len(number) < 19 else None,
            types=keys if keys or types is not None else None,
            categories=categories,
            statuses=_statuses(criteria),
            created_by=storable(criteria.created_by),
            engine_id=engine_id,
            approval=Approval.PENDING if criteria.needs == "approval" else None,
            outcome=_OUTCOMES.get(criteria.needs),
            cause=criteria.cause or None,
            since=_moment(criteria.since),
            until=_moment(criteria.until),
            ended_since=_moment(criteria.ended),
        )

    def _of_agent(self, key: str) -> tuple[tuple[str, ...] | None, str]:
        """The types that it takes, or an outside agent's engine id; an agent that is not there has no jobs."""
        if not key or key.startswith(PREFIX):
            return None, key
        agents = {agent.key: agent.types for agent in built_in_agents(self._registry)}
        return agents.get(key, ()), ""

    def _both(self, keys: Sequence[str], categories: Sequence[str], types: Sequence[str]) -> tuple[str, ...]:
        if not keys and not categories:
            return tuple(types)
        return tuple(key for key in types if key in keys or self._registry.get(key).category in categories)

    async def _jobs(self, ids: Sequence[int]) -> list[JobView]:
        rows = {row.id: row for row in await _rows(ids)} if ids else {}
        return await self._views([rows[job_id] for job_id in ids if job_id in rows])


async def _rows(ids: Sequence[int]) -> list[Job]:
    """One that another program has made unreadable hides no other."""
    try:
        return await Job.filter(id__in=list(ids))
    except Unreadable:
        if len(ids) == 1:
            return []
        return [row for job_id in ids for row in await _rows([job_id])]


async def _place(job_id: int, sort: Sort) -> Place:
    if sort in (Sort.NEWEST, Sort.OLDEST):
        return Place(job_id, 0, None)
    if (row := await Job.get_or_none(id=job_id).only("id", "priority", "finished_at")) is None:
        raise InvalidInput([FieldError("cursor", "cursor names a job that is gone; begin the list anew")])
    return Place(job_id, row.priority, row.finished_at)


def _statuses(criteria: Criteria) -> tuple[Status, ...] | None:
    """What needs a person, or failed, has a status that goes with it."""
    fitting = NEEDS.get(criteria.needs, frozenset(Status))
    if criteria.cause:
        fitting = fitting & {Status.FAILED}
    asked = [status for status in dict.fromkeys(criteria.statuses or Status) if status in fitting]
    return None if len(asked) == len(Status) else tuple(asked)


def _status(word: str) -> Status:
    try:
        return Status(word)
    except ValueError:
        rule = f"status must be one of {', '.join(Status)}, not {shown(word)}"
        raise InvalidInput([FieldError("status", rule)]) from None


def _moment(said: str) -> datetime | None:
    """The moment that is meant; None for none, and for what is none."""
    if said in SPANS:
        return clock.now() - SPANS[said]
    try:
        if len(said) == 10:
            return datetime.combine(date.fromisoformat(said), time(), UTC)
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
