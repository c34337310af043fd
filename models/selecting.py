"""The SQL of lists of jobs, written for whichever way was chosen to look for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from models.search import SQLITE_HAS, having
from models.states import Status
from models.wanted import Conditions, Sort, Wanted, literal

_ORDERS = {  # and the same backwards
    Sort.NEWEST: ("id DESC", "id"),
    Sort.OLDEST: ("id", "id DESC"),
    Sort.PRIORITY: ("priority DESC, id DESC", "priority, id"),
    Sort.ENDED: ("finished_at DESC, id DESC", "finished_at, id"),
}
_TOLD = {Sort.PRIORITY: ", job.priority AS priority", Sort.ENDED: ", job.finished_at AS finished_at"}

Branch = tuple[str, Sequence[Any]]
"""A SELECT that is merged with others, and the values for it."""


@dataclass(frozen=True)
class Part:
    """A part of a list: what is merged, in which order, and the same order backwards."""

    branches: Sequence[Branch]
    order: str
    backwards: str

    def __str__(self) -> str:
        return " UNION ALL ".join(text for text, _ in self.branches)

    def ordered(self, order: str, most: int, *, is_postgres: bool) -> str:
        """The whole in this order, of which no more than the first so many are read.

        PostgreSQL does not see that branches are in order already unless each is bounded.
        """
        if is_postgres and self.branches[1:]:
            bounded = " UNION ALL ".join(f"({text} ORDER BY {order} LIMIT {most})" for text, _ in self.branches)
            return f"SELECT * FROM ({bounded}) AS merged ORDER BY {order}"  # noqa: S608 (our own names)
        return f"{self} ORDER BY {order}"

    @property
    def values(self) -> list[Any]:
        """In the order of their places."""
        return [value for _, values in self.branches for value in values]


@dataclass(frozen=True)
class Plan:
    """What is wanted, and what is known of where it lies.

    `types` are those of the wanted kinds, None if any will do; `statuses` are all that may be. `question` is put to
    the index of words, for each job by itself if the wanted ones are `among_few`. No wanted id is before `first_id`
    or after `last_id`. The index of creators is used if `by_creator`.
    """

    wanted: Wanted
    is_postgres: bool
    types: tuple[str, ...] | None
    statuses: tuple[Status, ...]
    question: str | None = None
    among_few: bool = False
    first_id: int | None = None
    last_id: int | None = None
    by_creator: bool = False

    @property
    def stretches(self) -> list[tuple[str | None, Status]]:
        """Each type with each status, of which an index has the jobs in order; without a type where any will do."""
        return list(product((None,) if self.types is None else self.types, self.statuses))


# -- ways ----------------------------------------------------------------------------------------------------


def merged(plan: Plan, sort: Sort, index: str = "", *, only_ended: bool = False) -> Part:
    """One branch for each stretch."""
    branches = []
    for key, status in plan.stretches:
        conditions = _conditions(plan)
        if key is not None:
            conditions.add("job.type = ?", key)
        conditions.add(f"job.status = {literal(status)}")
        if only_ended:
            conditions.add("job.finished_at IS NOT NULL")
        if plan.wanted.categories:  # jobs of a type may once have been of another category
            conditions.add_kinds(plan.wanted)
        _add_behind(conditions, plan, sort, only_ended=only_ended)
        branches.append(_branch(conditions, sort, index))
    return _part(plan, branches, sort, only_ended=only_ended)


def followed(plan: Plan, sort: Sort, index: str = "", *, only_ended: bool = False) -> Part:
    """One branch, for which kinds and statuses are mere conditions."""
    conditions = _conditions(plan)
    if only_ended:
        conditions.add("job.finished_at IS NOT NULL")
    _add_kinds_and_statuses(conditions, plan)
    _add_behind(conditions, plan, sort, only_ended=only_ended)
    return _part(plan, [_branch(conditions, sort, index)], sort, only_ended=only_ended)


def not_ended(plan: Plan) -> Part:
    """What has not ended, the newest first, as it stands in a list by the end."""
    behind = plan.wanted.behind
    branches = []
    for status in plan.statuses:
        conditions = _conditions(plan)
        conditions.add(f"job.status = {literal(status)} AND job.finished_at IS NULL")
        conditions.add_kinds(plan.wanted)
        if behind and not behind.finished_at:
            conditions.add_behind(behind, Sort.NEWEST)
        branches.append(_branch(conditions, Sort.ENDED))
    return Part(branches, *_ORDERS[Sort.ENDED])


def by_words(plan: Plan, sort: Sort, newest: int | None = None) -> Part:
    """Through the index of words; in another order than that of their ids, only the `newest` so many are sorted."""
    if newest is None or sort in (Sort.NEWEST, Sort.OLDEST):
        return _part(plan, [_said(plan, sort)], sort)
    text, values = _said(plan, Sort.NEWEST)
    joined = f"({text} ORDER BY id DESC LIMIT {newest}) AS newest JOIN job ON job.id = newest.id"
    return _part(plan, [(f"SELECT job.id AS id{_TOLD[sort]} FROM {joined}", values)], sort)  # noqa: S608 (our own names)


# -- branches ------------------------------------------------------------------------------------------------


def _part(plan: Plan, branches: Sequence[Branch], sort: Sort, *, only_ended: bool = False) -> Part:
    order, backwards = _ORDERS[sort]
    if sort is Sort.ENDED and plan.is_postgres and not only_ended:  # which puts what has not ended first
        order = "finished_at DESC NULLS LAST, id DESC"
    return Part(branches, order, backwards)


def _branch(conditions: Conditions, sort: Sort, index: str = "") -> Branch:
    """The index is named for SQLite, which does not know how many rows there are of what."""
    source = conditions.source if conditions.is_postgres or not index else f"{conditions.source} INDEXED BY {index}"
    told = f"{conditions.id} AS id{_TOLD.get(sort, '')}"
    return f"SELECT {told} FROM {source} WHERE {conditions}", conditions.values  # noqa: S608 (our own names)


def _said(plan: Plan, sort: Sort) -> Branch:
    conditions = having(plan.question, plan.wanted.job_id, is_postgres=plan.is_postgres)
    conditions.add_rest(plan.wanted)
    _add_kinds_and_statuses(conditions, plan)
    _add_behind(conditions, plan, sort)
    return _branch(conditions, sort)


def _conditions(plan: Plan) -> Conditions:
    """All but kinds, statuses and the place."""
    conditions = Conditions(is_postgres=plan.is_postgres)
    conditions.add_rest(plan.wanted, by_creator=plan.by_creator)
    if plan.first_id is not None:
        conditions.add("job.id >= ?", plan.first_id)
    if plan.last_id is not None:
        conditions.add("job.id <= ?", plan.last_id)
    if plan.among_few:
        conditions.add(SQLITE_HAS, plan.question)
    return conditions


def _add_kinds_and_statuses(conditions: Conditions, plan: Plan) -> None:
    conditions.add_kinds(plan.wanted)
    if plan.wanted.statuses is not None:
        conditions.add_statuses(plan.statuses)


def _add_behind(conditions: Conditions, plan: Plan, sort: Sort, *, only_ended: bool = False) -> None:
    if plan.wanted.behind:
        conditions.add_behind(plan.wanted.behind, sort, only_ended=only_ended)
