"""How jobs are looked for, so that no question becomes slow because history is long.

Jobs of one type that stand alike lie in an index in the order of their ids, and in another in the order of their ends:
a list is merged from such stretches. Where more is asked, either the few that match are gathered and sorted, or, where
many match, the order's own index is followed until the page is full.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.counts import Counts, job_counts
from models.search import question
from models.selecting import Part, Plan, by_words, followed, merged, not_ended
from models.statement import POSTGRES, Statement
from models.states import Approval, Status
from models.wanted import Sort, Wanted

MOST_COUNTED = 10_000
"""Of jobs that are looked for by more than kind and status: more are not counted."""
MOST_MERGED = 60
FEW = 500

# Plus nothing: else both databases go through all jobs in the order of their ids, until one is of that time.
_FIRST_SINCE = Statement("SELECT MIN(id + 0) AS id FROM job WHERE created_at >= ?")
_LAST_UNTIL = Statement("SELECT MAX(id + 0) AS id FROM job WHERE created_at < ?")
_OF_CREATOR = Statement("SELECT COUNT(*) AS n FROM (SELECT 1 FROM job WHERE created_by = ? LIMIT ?) AS own")


class Search:
    """What is wanted, and how it is best looked for; `kept` are the numbers that the database keeps of it."""

    def __init__(self, reader: BaseDBAsyncClient, wanted: Wanted, counts: Counts) -> None:
        self._reader = reader
        self._wanted = wanted
        self._counts = counts
        self.kept = counts.among(wanted.types, wanted.categories, wanted.statuses)
        self._has_stretches = wanted.has_kinds or wanted.statuses is not None
        self._plan = Plan(
            wanted,
            is_postgres=reader.capabilities.dialect == POSTGRES,
            types=tuple(sorted(counts.types(wanted.types, wanted.categories))) if wanted.categories else wanted.types,
            statuses=tuple(sorted(Status if wanted.statuses is None else set(wanted.statuses))),
        )
        self.can_match = bool(self._plan.statuses) and self._plan.types != () and wanted.ids != ()

    @classmethod
    async def of(cls, reader: BaseDBAsyncClient, wanted: Wanted) -> "Search":
        """The search for this, after a look at what there is."""
        search = cls(reader, wanted, await job_counts(reader))
        if search.can_match:
            await search._look()
        return search

    # -- looking at what there is ----------------------------------------------------------------------------

    async def _look(self) -> None:
        wanted = self._wanted
        if wanted.words:
            words = await question(self._reader, wanted.words)
            self._plan = replace(self._plan, question=words)
            self.can_match = words is not None or wanted.job_id is not None
            await self._look_without_words()
            return
        self._plan = replace(
            self._plan,
            first_id=await self._bound(_FIRST_SINCE, wanted.since),
            last_id=await self._bound(_LAST_UNTIL, wanted.until),
            by_creator=bool(wanted.created_by) and await self._is_led_by_creator(),
        )

    async def _look_without_words(self) -> None:
        """SQLite's index of words gives all jobs that have one; where all else leaves few, each is asked for it."""
        plan, rest = self._plan, replace(self._wanted, words=(), behind=None)
        if plan.is_postgres or plan.question is None or self._wanted.job_id is not None or rest == Wanted():
            return
        other = Search(self._reader, rest, self._counts)
        await other._look()
        if other.can_match and await other.count(FEW + 1) <= FEW:
            self._plan = replace(other._plan, wanted=self._wanted, question=plan.question, among_few=True)

    async def _bound(self, statement: Statement, moment: datetime | None) -> int | None:
        """The first id since a moment, or the last until it; clocks may have told moments in another order than ids."""
        if moment is None:
            return None
        [row] = await statement.run(self._reader, [moment])
        found: int | None = row["id"]
        if found is None:
            self.can_match = False
        return found

    async def _is_led_by_creator(self) -> bool:
        [row] = await _OF_CREATOR.run(self._reader, [self._wanted.created_by, self.kept.total])
        return not self._has_stretches or row["n"] < self.kept.total

    # -- asking ----------------------------------------------------------------------------------------------

    async def read(self, part: Part, limit: int, offset: int, *, backwards: bool = False) -> list[int]:
        """The ids at these places of a part."""
        order = part.backwards if backwards else part.order
        text = f"{part.ordered(order, limit + offset, is_postgres=self._plan.is_postgres)} LIMIT ? OFFSET ?"
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
        text = part.ordered(part.order, most, is_postgres=self._plan.is_postgres)
        return f"SELECT id FROM ({text} LIMIT ?) AS chosen", [*part.values, most]  # noqa: S608 (our own names)

    # -- which way -------------------------------------------------------------------------------------------

    def parts(self, sort: Sort, *, is_few: bool, only_newest: bool = False) -> list[Part]:
        """The parts of the list, one after the other.

        `only_newest`: of jobs found by words, in another order than that of their ids, only the newest are sorted.
        """
        if self._by_words:
            return [by_words(self._plan, sort, MOST_COUNTED if only_newest else None)]
        if sort in (Sort.NEWEST, Sort.OLDEST):
            return [self._gathered(sort)]
        if sort is Sort.ENDED and (self._wanted.is_plain or not is_few):
            return self._by_end()
        if is_few:
            return [self._gathered(sort)]
        return [followed(self._plan, sort, "idx_job_priority")]

    @property
    def _by_words(self) -> bool:
        return self._wanted.has_words and not self._plan.among_few

    def _gathered(self, sort: Sort) -> Part:
        """By whatever leads to the fewest, in an order of its own; sorted where that is another one."""
        if self._by_words:
            return by_words(self._plan, sort)
        index = self._narrow_index()
        if index or self._wanted.ids is not None or self._plan.by_creator or not self._has_stretches:
            return followed(self._plan, sort, index)
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
        return "idx_job_ended" if wanted.ended_since and not self._plan.by_creator and not self._has_stretches else ""

    def _by_end(self) -> list[Part]:
        """What has ended, by the end; then what has not, the newest first."""
        behind, parts = self._wanted.behind, []
        if not behind or behind.finished_at:
            parts.append(self._ended())
        if not self._wanted.ended_since:
            parts.append(not_ended(self._plan))
        return parts

    def _ended(self) -> Part:
        if self._has_stretches:
            return self._stretches(Sort.ENDED, only_ended=True)
        return followed(self._plan, Sort.ENDED, "idx_job_ended", only_ended=True)

    def _stretches(self, sort: Sort, *, only_ended: bool = False) -> Part:
        """Merged, unless they are too many."""
        if len(self._plan.stretches) > MOST_MERGED:
            return followed(self._plan, sort, only_ended=only_ended)
        wanted = self._wanted
        only_failed = self._plan.statuses == (Status.FAILED,)  # of others the index of causes has none
        index = "idx_job_cause" if wanted.cause and wanted.has_kinds and only_failed else ""
        return merged(self._plan, sort, index, only_ended=only_ended)
