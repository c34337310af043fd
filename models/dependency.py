"""Jobs that wait for jobs: who waits for whom, and the moment when the wait was over."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.statement import POSTGRES, Statement
from models.states import Status


class Dependency(Model):
    """A job does not start before its parent is over.

    `met_at` is when that was seen. `name` is what the job's templates call the parent. With `any_outcome` it may also
    fail or be cancelled, but not while nobody knows what it did to the world.
    """

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField(db_index=True)
    parent_id = fields.BigIntField()
    name = fields.CharField(max_length=64)
    any_outcome = fields.BooleanField(default=False, db_default=False)
    met_at = fields.DatetimeField(null=True)

    class Meta:
        table = "dependency"
        unique_together = [("job_id", "name")]


@dataclass(frozen=True)
class NewDependency:
    """A parent of a job that is not stored yet; one that is stored together with it is known by its `ref`."""

    parent_id: int
    name: str
    any_outcome: bool = False
    ref: str = ""


@dataclass(frozen=True)
class Parent:
    """A job that another one waits for, as it stands now; `status` is None for one that was removed."""

    job_id: int
    id: int
    name: str
    any_outcome: bool
    is_met: bool
    title: str
    status: Status | None
    outcome: str | None

    @property
    def is_waited_for(self) -> bool:
        """Whether it is not done yet, also if nobody has noticed so far."""
        return not self.is_met and self.status is not Status.COMPLETED


@dataclass(frozen=True)
class Child:
    """A job that waits for another one, or waited."""

    id: int
    title: str
    status: Status


_OVER = """EXISTS (
    SELECT 1 FROM job AS parent WHERE parent.id = dependency.parent_id AND (
        parent.status = 'completed'
        OR (dependency.any_outcome AND (
            parent.status = 'cancelled' OR (parent.status = 'failed' AND parent.outcome IS NULL)
        ))
    )
)"""
_MEET = f"UPDATE dependency SET met_at = ? WHERE met_at IS NULL AND {{which}}{_OVER} RETURNING job_id"  # noqa: S608 (our own names)
_SQLITE_IDS, _POSTGRES_IDS = (
    "SELECT value FROM json_each(?)",
    "SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb)",
)
_CONCERNS = "(parent_id IN ({ids}) OR job_id IN ({ids})) AND "
_MEET_SOME = Statement(
    _MEET.format(which=_CONCERNS.format(ids=_SQLITE_IDS)),
    postgres=_MEET.format(which=_CONCERNS.format(ids=_POSTGRES_IDS)),
)
_MEET_ALL = Statement(_MEET.format(which=""))

_READY = """SELECT id, template IS NOT NULL AS fills FROM job
WHERE blocked AND status = 'queued' AND {which}
    NOT EXISTS (SELECT 1 FROM dependency WHERE dependency.job_id = job.id AND met_at IS NULL)
ORDER BY id LIMIT ?"""
_READY_SOME = Statement(
    _READY.format(which=f"id IN ({_SQLITE_IDS}) AND"), postgres=_READY.format(which=f"id IN ({_POSTGRES_IDS}) AND")
)
_READY_ALL = Statement(_READY.format(which=""))

_RELEASE = """UPDATE job SET blocked = FALSE
WHERE blocked AND status = 'queued' AND template IS NULL AND id IN ({ids})
    AND NOT EXISTS (SELECT 1 FROM dependency WHERE dependency.job_id = job.id AND met_at IS NULL)
RETURNING id"""
_RELEASE_JOBS = Statement(_RELEASE.format(ids=_SQLITE_IDS), postgres=_RELEASE.format(ids=_POSTGRES_IDS))

_PARENTS = """SELECT dependency.job_id, parent_id, dependency.name AS name, any_outcome, met_at IS NOT NULL AS met,
    job.name AS title, job.status AS status, job.outcome AS outcome
FROM dependency LEFT JOIN job ON job.id = dependency.parent_id
WHERE dependency.job_id IN ({ids}) ORDER BY dependency.id"""
_PARENTS_OF = Statement(_PARENTS.format(ids=_SQLITE_IDS), postgres=_PARENTS.format(ids=_POSTGRES_IDS))


_CONCERNED = """SELECT DISTINCT dependency.job_id AS job_id
FROM dependency JOIN job AS parent ON parent.id = dependency.parent_id
WHERE met_at IS NULL AND parent.status <> 'running' AND dependency.parent_id IN ({ids}) LIMIT 1000"""
_ANY_BLOCKED = Statement("SELECT 1 FROM job INDEXED BY idx_job_blocked WHERE blocked LIMIT 1")
_WAITING = Statement(_CONCERNED.format(ids=_SQLITE_IDS), postgres=_CONCERNED.format(ids=_POSTGRES_IDS))
_CHILDREN = Statement("""SELECT job.id AS id, job.name AS name, job.status AS status
FROM dependency JOIN job ON job.id = dependency.job_id WHERE dependency.parent_id = ? ORDER BY job.id LIMIT ?""")


async def insert_dependencies(parents: Mapping[int, Sequence[NewDependency]], refs: Mapping[str, int]) -> None:
    """Store whom each job waits for; must be called in the transaction that stores the jobs, of which `refs` tells."""
    rows = [
        Dependency(
            job_id=job_id,
            parent_id=refs[parent.ref] if parent.ref else parent.parent_id,
            name=parent.name,
            any_outcome=parent.any_outcome,
        )
        for job_id, each in parents.items()
        for parent in each
    ]
    if rows:
        await Dependency.bulk_create(rows)


async def meet(writer: BaseDBAsyncClient, now: datetime, concerned: Collection[int] | None) -> set[int]:
    """Note of what is over that nobody has to wait for it; returns the jobs that have one parent less to wait for.

    `concerned` are the jobs, parents or not, that may have changed; None looks at all.
    """
    if concerned is None:
        rows = await _MEET_ALL.run(writer, [now])
    else:
        ids = json.dumps(list(concerned))
        rows = await _MEET_SOME.run(writer, [now, ids, ids])
    return {int(row["job_id"]) for row in rows}


async def ready(writer: BaseDBAsyncClient, among: Collection[int] | None, limit: int) -> dict[int, bool]:
    """Queued jobs that still are blocked and wait for nobody any more: by id, whether they are to be filled in."""
    if among is None:
        rows = await _READY_ALL.run(writer, [limit])
    else:
        rows = await _READY_SOME.run(writer, [json.dumps(list(among)), limit])
    return {int(row["id"]): bool(row["fills"]) for row in rows}


async def is_any_blocked(writer: BaseDBAsyncClient) -> bool:
    """Whether any job may wait for others; where none does, nobody has to be looked for.

    Only SQLite is asked, of which it is known that its index of few rows answers.
    """
    return writer.capabilities.dialect == POSTGRES or bool(await _ANY_BLOCKED.run(writer))


async def release(writer: BaseDBAsyncClient, ids: Collection[int]) -> list[int]:
    """Let those of these be claimed that wait for nobody and have nothing to be filled in; returns them."""
    if not ids:
        return []
    return [int(row["id"]) for row in await _RELEASE_JOBS.run(writer, [json.dumps(list(ids))])]


async def parents_of(reader: BaseDBAsyncClient, ids: Collection[int]) -> list[Parent]:
    """Whom these jobs wait for, or waited for, as these stand now."""
    return [
        Parent(
            int(row["job_id"]),
            int(row["parent_id"]),
            row["name"],
            bool(row["any_outcome"]),
            bool(row["met"]),
            row["title"] or "",
            Status(row["status"]) if row["status"] else None,
            row["outcome"],
        )
        for row in await _PARENTS_OF.run(reader, [json.dumps(list(ids))])
    ]


async def children_of(reader: BaseDBAsyncClient, job_id: int, limit: int) -> list[Child]:
    """The jobs that come after this one, the first ones first."""
    rows = await _CHILDREN.run(reader, [job_id, limit])
    return [Child(int(row["id"]), row["name"], Status(row["status"])) for row in rows]


async def waiting_for_any(reader: BaseDBAsyncClient, parents: Collection[int]) -> set[int]:
    """At most 1,000 jobs that still wait for one of these, of those that do not just run: the reason may be another."""
    return {int(row["job_id"]) for row in await _WAITING.run(reader, [json.dumps(list(parents))])}


_NEEDED = """SELECT DISTINCT dependency.parent_id AS parent_id FROM dependency JOIN job ON job.id = dependency.job_id
WHERE job.blocked AND job.status IN ('queued', 'paused', 'failed') AND dependency.parent_id IN ({ids})"""
_NEEDED_OF = Statement(_NEEDED.format(ids=_SQLITE_IDS), postgres=_NEEDED.format(ids=_POSTGRES_IDS))


async def needed_by_others(reader: BaseDBAsyncClient, ids: Collection[int]) -> set[int]:
    """Those of these jobs that another one still has to look at: it waits for them, or is to be filled in."""
    return {int(row["parent_id"]) for row in await _NEEDED_OF.run(reader, [json.dumps(list(ids))])}
