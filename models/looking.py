"""How jobs are looked for, so that no question becomes slow because history is long.

Jobs of one type that stand alike lie in an index in the order of their ids, and in another in the order of their ends:
a list is merged from such stretches. Where more is asked, either the few that match are gathered and sorted, or, where
many match, the order's own index is followed until the page is full.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import product
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.counts import Counts, job_counts
from models.search import SQLITE_MATCH, question
from models.statement import POSTGRES, Statement
from models.states import Approval, Status
from models.wanted import Conditions, Sort, Wanted, literal

MOST_COUNTED = 10_000
"""Of jobs that are looked for by more than kind and status: more are not counted."""
MOST_MERGED = 60
FEW = 500

# Plus nothing: else both databases go through all jobs in the order of their ids, until one is of that time.
_FIRST_SINCE = Statement("SELECT MIN(id + 0) AS id FROM job WHERE created_at >= ?")
_LAST_UNTIL = Statement("SELECT MAX(id + 0) AS id FROM job WHERE created_at < ?")
_OF_CREATOR = Statement("SELECT COUNT(*) AS n FROM (SELECT 1 FROM job WHERE created_by = ? LIMIT ?) AS own")

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


class Search:
    """What is wanted, and how it is best looked for; `kept` are the numbers that the database keeps of it."""

    def __init__(self, reader: BaseDBAsyncClient, wanted: Wanted, counts: Counts) -> None:
        self._reader = reader
        self._is_postgres = reader.capabilities.dialect == POSTGRES
        self._wanted = wanted
        self.kept = counts.among(wanted.types, wanted.categories, wanted.statuses)
        self._counts = counts
        self._words: str | None = None
        self._among_few = False
        self._ids: list[tuple[str, int]] = []  # between which the wanted ones are
        self._has_stretches = wanted.has_kinds or wanted.statuses is not None
        self._by_creator = False
        self._types = (
            wanted.types if not wanted.categories else tuple(sorted(counts.types(wanted.types, wanted.categories)))
        )
        self._statuses = tuple(sorted(Status if wanted.statuses is None else set(wanted.statuses)))
        self.only_newest = False
        """Whether of jobs found by words, in another order than that of their ids, only the newest are sorted."""
        self.can_match = bool(self._statuses) and self._types != () and wanted.ids != ()

    @classmethod
    async def of(cls, reader: BaseDBAsyncClient, wanted: Wanted) -> "Search":
        """The search for this, after a look at what there is."""
        search = cls(reader, wanted, await job_counts(reader))
        if search.can_match:
            await search._look()
        return search

    async def _look(self) -> None:
        wanted = self._wanted
        if wanted.words:
            self._words = await question(self._reader, wanted.words)
            self.can_match = self._words is not None or wanted.job_id is not None
            await self._look_without_words()
            return
        if wanted.since:
            await self._bound("job.id >= ?", _FIRST_SINCE, wanted.since)
        if wanted.until:
            await self._bound("job.id <= ?", _LAST_UNTIL, wanted.until)
        if wanted.created_by:
            [row] = await _OF_CREATOR.run(self._reader, [wanted.created_by, self.kept.total])
            self._by_creator = not self._has_stretches or row["n"] < self.kept.total

    async def _look_without_words(self) -> None:
        """SQLite's index of words gives all jobs that have one; where all else leaves few, each is asked for it."""
        rest = replace(self._wanted, words=(), behind=None)
        if self._is_postgres or self._words is None or self._wanted.job_id is not None or rest == Wanted():
            return
        other = Search(self._reader, rest, self._counts)
        await other._look()
        self._among_few = other.can_match and await other.count(FEW + 1) <= FEW
        self._ids, self._by_creator = other._ids, other._by_creator

    async def _bound(self, condition: str, statement: Statement, moment: datetime) -> None:
        """Between which ids the moments lie; clocks may have told them in another order than that of ids."""
        [row] = await statement.run(self._reader, [moment])
        if row["id"] is None:
            self.can_match = False
        self._ids.append((condition, row["id"]))

    @property
    def _by_words(self) -> bool:
        return self._wanted.has_words and not self._among_few

    # -- asking ----------------------------------------------------------------------------------------------

    async def read(self, part: Part, limit: int, offset: int, *, backwards: bool = False) -> list[int]:
        """The ids at these places of a part."""
        order = part.backwards if backwards else part.order
        text = f"{part.ordered(order, limit + offset, is_postgres=self._is_postgres)} LIMIT ? OFFSET ?"
        rows = await Statement(text).run(self._reader, [*part.values, limit, offset])
        return [int(row["id"]) for row in rows]

    async def read_and_count(self, sort: Sort, limit: int, offset: int, most: int) -> tuple[list[int], int] | None:
        """The ids at these places of the first `most`, and how many there are, or one more; None if none is there."""
        part = self._gathered(sort)
        text = f"""SELECT id, COUNT(*) OVER () AS n FROM (SELECT * FROM ({part} ORDER BY {part.order} LIMIT ?) AS first)
AS found ORDER BY {part.order} LIMIT ? OFFSET ?"""  # noqa: S608 (our own names)
        taken = max(0, min(limit, most - offset))
        rows = await Statement(text).run(self._reader, [*part.values, most + 1, taken, offset])
        return ([int(row["id"]) for row in rows], int(rows[0]["n"])) if rows else None

    async def size(self, part: Part) -> int:
        """How many there are in a part."""
        [row] = await Statement(f"SELECT COUNT(*) AS n FROM ({part}) AS found").run(self._reader, part.values)  # noqa: S608
        return int(row["n"])

    async def count(self, most: int) -> int:
        """How many there are in all, or `most` if there are more."""
        part = self._gathered(Sort.NEWEST)
        text = f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM ({part}) AS found LIMIT ?) AS counted"  # noqa: S608
        [row] = await Statement(text).run(self._reader, [*part.values, most])
        return int(row["n"])

    def ids(self, sort: Sort, most: int) -> tuple[str, list[Any]]:
        """The text that gives the first so many ids in this order, with the values for it."""
        part = self._gathered(sort)
        text = part.ordered(part.order, most, is_postgres=self._is_postgres)
        return f"SELECT id FROM ({text} LIMIT ?) AS chosen", [*part.values, most]  # noqa: S608 (our own names)

    # -- which way -------------------------------------------------------------------------------------------

    def parts(self, sort: Sort, *, is_few: bool) -> list[Part]:
        """The parts of the list, one after the other."""
        if self._by_words or sort in (Sort.NEWEST, Sort.OLDEST):
            return [self._gathered(sort)]
        if sort is Sort.ENDED and (self._wanted.is_plain or not is_few):
            return self._by_end()
        if is_few:
            return [self._gathered(sort)]
        return [Part([self._followed(sort, "idx_job_priority")], *_ORDERS[sort])]

    def _gathered(self, sort: Sort) -> Part:
        """By whatever leads to the fewest, in an order of its own; sorted where that is another one."""
        order, backwards = _ORDERS[sort]
        if sort is Sort.ENDED and self._is_postgres:  # which puts what has not ended first
            order = "finished_at DESC NULLS LAST, id DESC"
        return Part(self._fewest(sort), order, backwards)

    def _fewest(self, sort: Sort) -> Sequence[Branch]:
        wanted = self._wanted
        if self._by_words:
            return [self._said(sort)]
        index = self._narrow_index()
        if index or wanted.ids is not None or self._by_creator or not self._has_stretches:
            return [self._followed(sort, index)]
        return self._stretches(sort)

    def _narrow_index(self) -> str:
        wanted = self._wanted
        if wanted.ids is not None:
            return ""
        if wanted.engine_id:
            return "idx_job_outside"
        if wanted.approval is Approval.PENDING:
            return "idx_job_pending"
        if wanted.outcome:
            return "idx_job_outcome"
        return "idx_job_ended" if wanted.ended_since and not self._by_creator and not self._has_stretches else ""

    def _by_end(self) -> list[Part]:
        """What has ended, by the end; then what has not, the newest first."""
        behind, parts = self._wanted.behind, []
        if not behind or behind.finished_at:
            parts.append(Part(self._ended(), *_ORDERS[Sort.ENDED]))
        if not self._wanted.ended_since:
            parts.append(Part(self._not_ended(), *_ORDERS[Sort.ENDED]))
        return parts

    # -- in SQL ----------------------------------------------------------------------------------------------

    def _ended(self) -> Sequence[Branch]:
        ended = "job.finished_at IS NOT NULL"
        if self._has_stretches:
            return self._stretches(Sort.ENDED, ended)
        return [self._followed(Sort.ENDED, "idx_job_ended", ended)]

    def _not_ended(self) -> Sequence[Branch]:
        behind = self._wanted.behind
        branches = []
        for status in self._statuses:
            conditions = self._conditions()
            conditions.add(f"job.status = {literal(status)} AND job.finished_at IS NULL")
            conditions.add_kinds(self._wanted)
            if behind and not behind.finished_at:
                conditions.add_behind(behind, Sort.NEWEST)
            branches.append(self._branch(conditions, Sort.ENDED))
        return branches

    def _stretches(self, sort: Sort, *more: str) -> Sequence[Branch]:
        """One branch for each kind and status, or one for all if these are too many to be merged."""
        if self._wanted.has_kinds:
            kinds = product(self._types or (), self._statuses)
            texts = [(f"job.type = ? AND job.status = {literal(status)}", [key]) for key, status in kinds]
        else:
            texts = [(f"job.status = {literal(status)}", []) for status in self._statuses]
        if len(texts) > MOST_MERGED:
            return [self._followed(sort, "", *more)]
        index = "idx_job_cause" if self._wanted.cause and self._wanted.has_kinds else ""
        branches = []
        for text, values in texts:
            conditions = self._conditions()
            conditions.add(" AND ".join([text, *more]), *values)
            if self._wanted.categories:  # jobs of a type may once have been of another category
                conditions.add_kinds(self._wanted)
            self._add_behind(conditions, sort, only_ended=bool(more))
            branches.append(self._branch(conditions, sort, index))
        return branches

    def _followed(self, sort: Sort, index: str = "", *more: str) -> Branch:
        """One branch, for which kinds and statuses are mere conditions."""
        conditions = self._conditions()
        for each in more:
            conditions.add(each)
        conditions.add_kinds(self._wanted)
        if self._wanted.statuses is not None:
            conditions.add_statuses(self._statuses)
        self._add_behind(conditions, sort, only_ended=bool(more))
        return self._branch(conditions, sort, index)

    def _said(self, sort: Sort) -> Branch:
        """By words; SQLite goes through the jobs in the order in which its index of words gives them.

        A page in another order than that of their ids is one of the newest that are counted.
        """
        if self.only_newest and sort in (Sort.PRIORITY, Sort.ENDED):
            text, values = self._said(Sort.NEWEST)
            newest = f"{text} ORDER BY id DESC LIMIT {MOST_COUNTED}"
            joined = f"({newest}) AS newest JOIN job ON job.id = newest.id"
            return f"SELECT job.id AS id{_TOLD[sort]} FROM {joined}", values  # noqa: S608 (our own names)
        conditions = self._of_words()
        conditions.add_rest(self._wanted)
        conditions.add_kinds(self._wanted)
        if self._wanted.statuses is not None:
            conditions.add_statuses(self._statuses)
        self._add_behind(conditions, sort)
        return self._branch(conditions, sort)

    def _of_words(self) -> Conditions:
        words, job_id = self._words, self._wanted.job_id
        if words is None:
            conditions = Conditions(is_postgres=self._is_postgres)
            conditions.add("job.id = ?", job_id)
            return conditions
        if self._is_postgres:
            # Each question is planned for itself: how one is best answered says nothing of another.
            question_id = sha256(words.encode()).hexdigest()[:16]
            said = "SELECT job_id FROM job_text WHERE words @@ ?::text::tsquery"
            if job_id is not None:
                said += " UNION SELECT CAST(? AS BIGINT)"
            conditions = Conditions(is_postgres=True, source=f"job /* {question_id} */")
            conditions.add(f"job.id IN ({said})", *(value for value in (words, job_id) if value is not None))
            return conditions
        if job_id is None:
            conditions = Conditions(source="job_text CROSS JOIN job ON job.id = job_text.rowid")
            conditions.id = "job_text.rowid"
            conditions.add(SQLITE_MATCH, words)
            return conditions
        either = f"SELECT rowid AS id FROM job_text WHERE {SQLITE_MATCH} UNION SELECT ?"  # noqa: S608
        return Conditions(
            source=f"({either}) AS said CROSS JOIN job ON job.id = said.id", source_values=(words, job_id)
        )

    def _conditions(self) -> Conditions:
        conditions = Conditions(is_postgres=self._is_postgres)
        conditions.add_rest(self._wanted, by_creator=self._by_creator)
        for text, bound in self._ids:
            conditions.add(text, bound)
        if self._among_few:
            said = f"SELECT 1 FROM job_text WHERE {SQLITE_MATCH} AND rowid = job.id"  # noqa: S608 (our own names)
            conditions.add(f"EXISTS ({said})", self._words)
        return conditions

    def _add_behind(self, conditions: Conditions, sort: Sort, *, only_ended: bool = False) -> None:
        if self._wanted.behind:
            conditions.add_behind(self._wanted.behind, sort, only_ended=only_ended)

    def _branch(self, conditions: Conditions, sort: Sort, index: str = "") -> Branch:
        """The index is named for SQLite, which does not know how many rows there are of what."""
        source = conditions.source if self._is_postgres or not index else f"{conditions.source} INDEXED BY {index}"
        told = f"{conditions.id} AS id{_TOLD.get(sort, '')}"
        return f"SELECT {told} FROM {source} WHERE {conditions}", conditions.values  # noqa: S608 (our own names)
