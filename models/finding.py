"""Finding jobs: what is looked for as SQL, in whatever order, a page or a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.database import connection
from models.search import POSTGRES_MATCH, SQLITE_MATCH, postgres_question, sqlite_question
from models.statement import POSTGRES, Statement
from models.states import Approval, Status

MOST_COUNTED = 10_000
"""Of jobs found by their words: more are not counted."""


class Sort(StrEnum):
    """The order of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    PRIORITY = "priority"  # the highest first, then the newest
    ENDED = "ended"  # the latest end first


_ORDERS = {
    Sort.NEWEST: "job.id DESC",
    Sort.OLDEST: "job.id",
    Sort.PRIORITY: "job.priority DESC, job.id DESC",
    Sort.ENDED: "job.finished_at DESC, job.id DESC",
}


@dataclass(frozen=True)
class Wanted:
    """Which jobs; what is not said leaves nothing out.

    `words` as `models.search.words` gives them. `engine_id` is an outside agent's. `since` is inclusive, `until` is
    not; both are about when a job was created. `after` and `before` are ids, for batches. `job_id` finds a job
    whatever its words.
    """

    ids: tuple[int, ...] | None = None
    words: tuple[str, ...] = ()
    job_id: int | None = None
    types: tuple[str, ...] | None = None
    categories: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    created_by: str = ""
    engine_id: str = ""
    approval: Approval | None = None
    outcome: str | None = None
    cause: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ended_since: datetime | None = None
    after: int | None = None
    before: int | None = None


async def find_ids(wanted: Wanted, sort: Sort, *, limit: int, offset: int = 0) -> list[int]:
    """The ids of the jobs at these places."""
    tail = f"ORDER BY {_ORDERS[sort]} LIMIT ? OFFSET ?"
    rows = await _run(f"SELECT job.id AS id FROM job {{where}} {tail}", wanted, [limit, offset])  # noqa: S608
    return [int(row["id"]) for row in rows]


async def count_found(wanted: Wanted) -> int:
    """How many there are; of jobs found by their words, at most one more than are counted."""
    if not wanted.words:
        (row,) = await _run("SELECT COUNT(*) AS n FROM job {where}", wanted)
    else:
        counted = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM job {where} LIMIT ?) AS found"
        (row,) = await _run(counted, wanted, [MOST_COUNTED + 1])
    return int(row["n"])


async def _run(text: str, wanted: Wanted, more: Sequence[Any] = ()) -> list[dict[str, Any]]:
    is_postgres = connection().capabilities.dialect == POSTGRES
    conditions, values = _conditions(wanted, is_postgres=is_postgres)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return await Statement(text.format(where=where)).run(connection(), [*values, *more])


def _conditions(wanted: Wanted, *, is_postgres: bool) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def add(condition: str, *given: Any) -> None:
        conditions.append(condition)
        values.extend(given)

    if wanted.ids is not None:
        add(*_among("job.id", wanted.ids))
    if wanted.words:
        _add_words(wanted, add, is_postgres=is_postgres)
    elif wanted.job_id is not None:
        add("job.id = ?", wanted.job_id)
    _add_kinds(wanted, add)
    if wanted.statuses:
        add(*_among("job.status", [status.value for status in wanted.statuses]))
    if wanted.engine_id:  # the bounds let SQLite see that the index has them all
        add("job.engine_id >= 'agent-' AND job.engine_id < 'agent.' AND job.engine_id = ?", wanted.engine_id)
    for condition, value in (
        ("job.created_by = ?", wanted.created_by),
        ("job.approval = ?", wanted.approval and wanted.approval.value),
        ("job.outcome = ?", wanted.outcome),
        ("job.cause = ?", wanted.cause),
        ("job.created_at >= ?", wanted.since),
        ("job.created_at < ?", wanted.until),
        ("job.finished_at >= ?", wanted.ended_since),
        ("job.id > ?", wanted.after),
        ("job.id < ?", wanted.before),
    ):
        if value is not None and value != "":
            add(condition, value)
    return conditions, values


def _add_words(wanted: Wanted, add: Any, *, is_postgres: bool) -> None:
    question = (postgres_question if is_postgres else sqlite_question)(list(wanted.words))
    match = f"job.{POSTGRES_MATCH if is_postgres else SQLITE_MATCH}"
    if wanted.job_id is None:
        add(match, question)
    else:
        add(f"({match} OR job.id = ?)", question, wanted.job_id)


def _add_kinds(wanted: Wanted, add: Any) -> None:
    """A job is of one of the types, or of one of the categories."""
    parts = [_among("job.type", wanted.types)] if wanted.types is not None else []
    parts += [_among("job.category", wanted.categories)] if wanted.categories else []
    if parts:
        add(
            f"({' OR '.join(condition for condition, *_ in parts)})", *(value for _, *given in parts for value in given)
        )


def _among(column: str, values: Sequence[Any]) -> tuple[Any, ...]:
    if not values:
        return ("FALSE",)
    return f"{column} IN ({', '.join('?' * len(values))})", *values
