"""Finding jobs: what is looked for as SQL, in whatever order, a page or a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.database import connection
from models.search import POSTGRES_MATCH, SQLITE_MATCH, question
from models.statement import POSTGRES, Statement
from models.states import Approval, Status

MOST_COUNTED = 10_000
"""Of jobs found by their words: more are not counted."""


class Sort(StrEnum):
    """The order of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    PRIORITY = "priority"  # the highest first, then the newest
    ENDED = "ended"  # the latest end first; what has not ended comes last


_MOST_CREATORS = 1_000  # more are not looked at: anybody may be told as one
# From one name to the next in the index, which costs as much as there are names, however many jobs there are.
_CREATORS = Statement("""
WITH RECURSIVE creator (name, number) AS (
  SELECT MIN(created_by), 1 FROM job
  UNION ALL
  SELECT (SELECT MIN(created_by) FROM job WHERE created_by > creator.name), creator.number + 1
  FROM creator WHERE creator.name IS NOT NULL AND creator.number < ?
)
SELECT creator.name FROM creator WHERE creator.name IS NOT NULL
ORDER BY (SELECT MAX(id) FROM job WHERE job.created_by = creator.name) DESC LIMIT ?""")
_ENDED = frozenset({Status.COMPLETED, Status.CANCELLED, Status.FAILED})


@dataclass(frozen=True)
class Place:
    """A job's place in an order: what stands behind it is looked for."""

    job_id: int
    priority: int
    finished_at: datetime | None


@dataclass(frozen=True)
class Wanted:
    """Which jobs; what is not said leaves nothing out.

    `words` as `models.search.words` gives them. `engine_id` is an outside agent's. `since` is inclusive, `until` is
    not; both are about when a job was created. `behind` continues a list; `before` is an id, for batches. `job_id`
    finds a job whatever its words.
    """

    ids: tuple[int, ...] | None = None
    words: tuple[str, ...] = ()
    job_id: int | None = None
    types: tuple[str, ...] | None = None
    categories: tuple[str, ...] = ()
    statuses: tuple[Status, ...] | None = None
    created_by: str = ""
    engine_id: str = ""
    approval: Approval | None = None
    outcome: str | None = None
    cause: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ended_since: datetime | None = None
    before: int | None = None
    behind: Place | None = None


async def find_ids(wanted: Wanted, sort: Sort, *, limit: int, offset: int = 0) -> list[int]:
    """The ids of the jobs at these places."""
    found = await _Found.of(connection(), wanted, sort)
    text = f"SELECT job.id AS id FROM {found} ORDER BY {found.order(sort)} LIMIT ? OFFSET ?"  # noqa: S608
    rows = await Statement(text).run(connection(), [*found.values, limit, offset])
    return [int(row["id"]) for row in rows]


async def count_found(wanted: Wanted, *, most: int | None = None) -> int:
    """How many there are, or `most` if there are more; by their words at most one more than are counted."""
    found = await _Found.of(connection(), wanted)
    if most is None and wanted.words:
        most = MOST_COUNTED + 1
    if most is None:
        (row,) = await Statement(f"SELECT COUNT(*) AS n FROM {found}").run(connection(), found.values)  # noqa: S608
    else:
        counted = f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {found} LIMIT ?) AS found"  # noqa: S608
        (row,) = await Statement(counted).run(connection(), [*found.values, most])
    return int(row["n"])


async def find_creators(*, limit: int) -> list[str]:
    """Who created jobs, whoever did so last first."""
    rows = await _CREATORS.run(connection(), [_MOST_CREATORS, limit])
    return [str(row["name"]) for row in rows]


async def note_found(
    writer: BaseDBAsyncClient, operation_id: int, wanted: Wanted, *, with_content: bool, limit: int
) -> None:
    """Make every job that there is just now an item of an operation, in one statement."""
    found = await _Found.of(writer, wanted)
    content = "substr(job.content_hash, 1, 32)" if with_content else "CAST(NULL AS TEXT)"
    text = f"""
INSERT INTO operation_item (operation_id, job_id, before)
SELECT CAST(? AS BIGINT), job.id, {content} FROM {found} ORDER BY job.id LIMIT ?"""  # noqa: S608 (our own names)
    await Statement(text).run(writer, [operation_id, *found.values, limit])


@dataclass
class _Found:
    """What stands behind FROM, with the values for it."""

    is_postgres: bool
    sources: list[Any] = field(default_factory=list)
    given: list[Any] = field(default_factory=list)
    source: str = "job"
    conditions: list[str] = field(default_factory=list)
    id: str = "job.id"
    is_over: bool = False

    @classmethod
    async def of(cls, reader: BaseDBAsyncClient, wanted: Wanted, sort: Sort = Sort.NEWEST) -> "_Found":
        found = cls(reader.capabilities.dialect == POSTGRES, is_over=bool(wanted.statuses) and _are_over(wanted))
        if wanted.words:
            found.add_words(await question(reader, wanted.words), wanted.job_id)
        elif wanted.job_id is not None:
            found.add("job.id = ?", wanted.job_id)
        if wanted.ids is not None:
            found.add(*_among("job.id", wanted.ids))
        found.add_rest(wanted)
        if wanted.behind:
            found.add_behind(wanted.behind, sort)
        return found

    @property
    def values(self) -> list[Any]:
        """In the order of their places."""
        return [*self.sources, *self.given]

    def __str__(self) -> str:
        return f"{self.source} WHERE {' AND '.join(self.conditions)}" if self.conditions else self.source

    def add(self, condition: str, *given: Any) -> None:
        self.conditions.append(condition)
        self.given.extend(given)

    def add_words(self, asked: str | None, job_id: int | None) -> None:
        """SQLite goes through the jobs in the order in which the index gives them, without collecting them first."""
        if asked is None:
            self.add(*_among("job.id", [] if job_id is None else [job_id]))
        elif self.is_postgres:
            self.add(POSTGRES_MATCH if job_id is None else f"({POSTGRES_MATCH} OR job.id = ?)", asked)
            self.given += [] if job_id is None else [job_id]
        elif job_id is None:
            self.source, self.id = "job_text CROSS JOIN job ON job.id = job_text.rowid", "job_text.rowid"
            self.add(SQLITE_MATCH, asked)
        else:
            either = f"SELECT rowid AS id FROM job_text WHERE {SQLITE_MATCH} UNION SELECT ?"  # noqa: S608
            self.source, self.sources = f"({either}) AS said CROSS JOIN job ON job.id = said.id", [asked, job_id]

    def add_rest(self, wanted: Wanted) -> None:
        self.add_kinds(wanted)
        if wanted.statuses is not None:
            self.add(*_among("job.status", [status.value for status in wanted.statuses]))
        if wanted.engine_id:  # the bounds let SQLite see that the index has them all
            bounds = "job.engine_id >= 'agent-' AND job.engine_id < 'agent.'"
            self.add(f"{bounds} AND job.engine_id = ?", wanted.engine_id)
        for condition, value in (
            ("job.created_by = ?", wanted.created_by),
            ("job.approval = ?", wanted.approval and wanted.approval.value),
            ("job.outcome = ?", wanted.outcome),
            ("job.cause = ?", wanted.cause),
            ("job.created_at >= ?", wanted.since),
            ("job.created_at < ?", wanted.until),
            ("job.finished_at >= ?", wanted.ended_since),
            (f"{self.id} < ?", wanted.before),
        ):
            if value is not None and value != "":
                self.add(condition, value)

    def add_kinds(self, wanted: Wanted) -> None:
        """A job is of one of the types, or of one of the categories."""
        parts = [_among("job.type", wanted.types)] if wanted.types is not None else []
        parts += [_among("job.category", wanted.categories)] if wanted.categories else []
        if parts:
            either = " OR ".join(condition for condition, *_ in parts)
            self.add(f"({either})", *(value for _, *given in parts for value in given))

    def add_behind(self, place: Place, sort: Sort) -> None:
        match sort:
            case Sort.NEWEST:
                self.add(f"{self.id} < ?", place.job_id)
            case Sort.OLDEST:
                self.add(f"{self.id} > ?", place.job_id)
            case Sort.PRIORITY:
                self.add("(job.priority, job.id) < (?, ?)", place.priority, place.job_id)
            case Sort.ENDED if place.finished_at is None:
                self.add("job.finished_at IS NULL AND job.id < ?", place.job_id)
            case Sort.ENDED:
                later = "(job.finished_at, job.id) < (?, ?) OR job.finished_at IS NULL"
                self.add(f"({later})", place.finished_at, place.job_id)

    def order(self, sort: Sort) -> str:
        """PostgreSQL puts what has not ended first, and reads no index in another order."""
        last = "" if self.is_over else " NULLS LAST"
        return {
            Sort.NEWEST: f"{self.id} DESC",
            Sort.OLDEST: self.id,
            Sort.PRIORITY: "job.priority DESC, job.id DESC",
            Sort.ENDED: f"job.finished_at DESC{last}, job.id DESC",
        }[sort]


def _are_over(wanted: Wanted) -> bool:
    return set(wanted.statuses or ()) <= _ENDED


def _among(column: str, values: Sequence[Any]) -> tuple[Any, ...]:
    if not values:
        return ("FALSE",)
    return f"{column} IN ({', '.join('?' * len(values))})", *values
