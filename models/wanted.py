"""What is looked for among jobs, and the conditions that say so in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.states import Approval, Status


class Sort(StrEnum):
    """The order of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    PRIORITY = "priority"  # the highest first, then the newest
    ENDED = "ended"  # the latest end first; what has not ended comes last


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

    @property
    def has_kinds(self) -> bool:
        """Whether only some types or categories are wanted."""
        return self.types is not None or bool(self.categories)

    @property
    def has_words(self) -> bool:
        """Whether words are looked for, or a job by its number."""
        return bool(self.words) or self.job_id is not None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said but kinds and statuses, so that the number of such jobs is kept."""
        return self == Wanted(types=self.types, categories=self.categories, statuses=self.statuses)

    @property
    def is_counted(self) -> bool:
        """Whether it is counted exactly however many there are: the numbers are kept, or one index has no others."""
        ended = Wanted(statuses=self.statuses, ended_since=self.ended_since)
        return self.is_plain or self == Wanted(created_by=self.created_by) or (bool(self.statuses) and self == ended)


class Conditions:
    """Conditions of a query with their values, in the order in which they stand."""

    def __init__(self, *, is_postgres: bool = False, source: str = "job", source_values: Sequence[Any] = ()) -> None:
        self.is_postgres = is_postgres
        self.source = source
        self.id = "job.id"
        self.texts: list[str] = []
        self.values: list[Any] = [*source_values]

    def __str__(self) -> str:
        return " AND ".join(self.texts) or "TRUE"

    def add(self, text: str, *values: Any) -> None:
        """One more condition, which has to hold as well."""
        self.texts.append(text)
        self.values.extend(values)

    def unindexed(self, column: str) -> str:
        """The column, so that SQLite does not choose an index for it; PostgreSQL knows the table and chooses well."""
        return f"job.{column}" if self.is_postgres else f"+job.{column}"

    def add_kinds(self, wanted: Wanted) -> None:
        """A job is of one of the types, or of one of the categories."""
        parts = [among(self.unindexed("type"), wanted.types)] if wanted.types is not None else []
        parts += [among(self.unindexed("category"), wanted.categories)] if wanted.categories else []
        if parts:
            either = " OR ".join(condition for condition, *_ in parts)
            self.add(f"({either})", *(value for _, *given in parts for value in given))

    def add_statuses(self, statuses: Sequence[Status]) -> None:
        """A job stands so, or so."""
        self.add(f"{self.unindexed('status')} IN ({', '.join(map(literal, statuses))})" if statuses else "FALSE")

    def add_rest(self, wanted: Wanted, *, by_creator: bool = True) -> None:
        """Everything but kinds, statuses and words; an index of creators is used if `by_creator`."""
        if wanted.ids is not None:
            self.add(*among("job.id", wanted.ids))
        if wanted.engine_id:  # the bounds let SQLite see that the index has them all
            bounds = "job.engine_id >= 'agent-' AND job.engine_id < 'agent.'"
            self.add(f"{bounds} AND job.engine_id = ?", wanted.engine_id)
        if wanted.approval:
            self.add(f"job.approval = '{wanted.approval.value}'")
        for condition, value in (
            (f"{'job.created_by' if by_creator else self.unindexed('created_by')} = ?", wanted.created_by),
            ("job.outcome = ?", wanted.outcome),
            ("job.cause = ?", wanted.cause),
            (f"{self.unindexed('created_at')} >= ?", wanted.since),
            (f"{self.unindexed('created_at')} < ?", wanted.until),
            ("job.finished_at >= ?", wanted.ended_since),
            (f"{self.id} < ?", wanted.before),
        ):
            if value is not None and value != "":
                self.add(condition, value)

    def add_behind(self, place: Place, sort: Sort, *, only_ended: bool = False) -> None:
        """A job comes after the place; `only_ended` where what has not ended is looked for by itself."""
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
                last = "" if only_ended else " OR job.finished_at IS NULL"
                self.add(f"((job.finished_at, job.id) < (?, ?){last})", place.finished_at, place.job_id)


def among(column: str, values: Sequence[Any]) -> tuple[Any, ...]:
    """The condition that a column has one of the values, with the values."""
    if not values:
        return ("FALSE",)
    return f"{column} IN ({', '.join('?' * len(values))})", *values


def literal(status: Status) -> str:
    """The status as it stands in a statement: an index of some rows is seen to fit only where the text says so."""
    return f"'{status.value}'"
