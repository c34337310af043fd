"""How many jobs of each kind stand where. The database keeps the numbers itself, so nobody has to count."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tortoise.backends.base.client import BaseDBAsyncClient

from models.database import connection
from models.statement import POSTGRES, Statement
from models.states import Status

FOLD_FROM = 500
"""Rows, from which on folding them is worth it."""

_COUNTS = Statement("SELECT category, type, status, SUM(jobs) AS jobs FROM job_count GROUP BY category, type, status")
_ROWS = Statement("SELECT COUNT(*) AS n FROM (SELECT 1 FROM job_count LIMIT ?) AS rows_seen")
_FOLD = Statement("""
WITH gone AS (DELETE FROM job_count RETURNING category, type, status, jobs)
INSERT INTO job_count SELECT category, type, status, SUM(jobs) FROM gone
GROUP BY category, type, status HAVING SUM(jobs) <> 0
""")


@dataclass(frozen=True)
class Cell:
    """Jobs that are of one kind and stand alike, of which there are some, or were."""

    category: str
    type: str
    status: Status
    jobs: int


class Counts:
    """What `job_counts` found; every question is answered from it."""

    def __init__(self, cells: Collection[Cell]) -> None:
        self._cells = cells

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(cell.jobs for cell in self._cells)

    @property
    def by_status(self) -> Counter[str]:
        """Jobs by the word of their status."""
        return self._by(lambda cell: cell.status.value)

    def by_category(self, *, without: Collection[Status] = ()) -> Counter[str]:
        """Jobs by category, but for those that stand so."""
        return self._by(lambda cell: cell.category, without)

    def among(
        self,
        types: Collection[str] | None = None,
        categories: Collection[str] = (),
        statuses: Collection[Status] | None = None,
    ) -> "Counts":
        """Those of one of the types or of one of the categories, if either is given, which stand so."""
        is_any = types is None and not categories
        return Counts(
            [
                cell
                for cell in self._cells
                if (is_any or cell.type in (types or ()) or cell.category in categories)
                and (statuses is None or cell.status in statuses)
            ]
        )

    def types(self, types: Collection[str] | None, categories: Collection[str]) -> set[str]:
        """These types, and those of which there are, or were, jobs of one of the categories."""
        return {*(types or ()), *(cell.type for cell in self._cells if cell.category in categories)}

    def kinds(self) -> set[tuple[str, Status]]:
        """Which types there are, and where their jobs stand."""
        return {(cell.type, cell.status) for cell in self._cells if cell.jobs}

    def _by(self, name: Callable[[Cell], str], without: Collection[Status] = ()) -> Counter[str]:
        found: Counter[str] = Counter()
        for cell in self._cells:
            if cell.jobs and cell.status not in without:
                found[name(cell)] += cell.jobs
        return found


async def job_counts(reader: BaseDBAsyncClient | None = None) -> Counts:
    """How many jobs there are, by kind and status."""
    rows = await _COUNTS.run(reader or connection())
    return Counts([Cell(row["category"], row["type"], Status(row["status"]), int(row["jobs"])) for row in rows])


async def fold_counts(writer: BaseDBAsyncClient) -> None:
    """Make one row of all that say the same, where the database adds one for each change; nobody waits for it."""
    if writer.capabilities.dialect != POSTGRES:
        return
    (row,) = await _ROWS.run(writer, [FOLD_FROM])
    if row["n"] >= FOLD_FROM:
        await _FOLD.run(writer)
