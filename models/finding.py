"""Finding jobs: what is looked for, in whatever order, a page or a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tortoise.backends.base.client import BaseDBAsyncClient

from models.database import connection
from models.looking import MOST_COUNTED, Search
from models.selecting import Part
from models.statement import Statement
from models.wanted import Sort, Wanted

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


@dataclass(frozen=True)
class FoundPage:
    """The ids on a page, which of the pages it is, and how many match; `capped` if there are more than `total`."""

    ids: list[int]
    number: int
    pages: int
    total: int
    capped: bool


async def find_page(wanted: Wanted, sort: Sort, number: int, size: int) -> FoundPage:
    """A page of so many; a number past the last page gives the last."""
    search = await Search.of(connection(), wanted)
    if not search.can_match:
        return FoundPage([], 1, 1, 0, capped=False)
    if wanted.has_words and sort in (Sort.NEWEST, Sort.OLDEST):
        found = await search.read_and_count(sort, size, (number - 1) * size, MOST_COUNTED)
        if found:
            return _page(*found, number, size, MOST_COUNTED)
    total = await _count(search, wanted)
    page = _page([], total, number, size, None if wanted.is_counted else MOST_COUNTED)
    parts = search.parts(sort, is_few=total <= MOST_COUNTED, only_newest=True)
    offset = (page.number - 1) * size
    if wanted.is_plain:
        ids = await _far(search, parts, total, size, offset)
        return replace(page, ids=ids, total=max(total, offset + len(ids)))  # one may have come since it was counted
    return replace(page, ids=await _near(search, parts, min(size, page.total - offset), offset))


def _page(ids: list[int], total: int, number: int, size: int, most: int | None) -> FoundPage:
    known = total if most is None else min(total, most)
    pages = max(1, -(-known // size))
    return FoundPage(ids, max(1, min(number, pages)), pages, known, capped=known < total)


async def find_ids(wanted: Wanted, sort: Sort, *, limit: int) -> list[int]:
    """The ids of the first jobs in this order."""
    search = await Search.of(connection(), wanted)
    if not search.can_match:
        return []
    is_few = sort in (Sort.PRIORITY, Sort.ENDED) and await search.count(MOST_COUNTED + 1) <= MOST_COUNTED
    return await _near(search, search.parts(sort, is_few=is_few), limit, 0)


async def _near(search: Search, parts: Sequence[Part], limit: int, offset: int) -> list[int]:
    ids: list[int] = []
    for part in parts:
        found = await search.read(part, limit - len(ids), offset)
        ids += [job_id for job_id in found if job_id not in ids]  # one may have moved on between the parts
        if len(ids) == limit or part is parts[-1]:
            break
        offset = max(0, offset - await search.size(part)) if offset and not found else 0
    return ids


async def _far(search: Search, parts: Sequence[Part], total: int, limit: int, offset: int) -> list[int]:
    """Where it is known how long the list is, a place may be reached from the end as well, which may be nearer."""
    if not offset:
        return await _near(search, parts, limit, 0)
    ids: list[int] = []
    last = await search.size(parts[-1]) if parts[1:] else 0  # the first of two is the longer one
    for part, size in zip(parts, (total - last, last), strict=False):
        if count := max(0, min(limit - len(ids), size - offset)):
            after = size - offset - count
            is_near = offset <= after
            found = await search.read(part, count, offset if is_near else after, backwards=not is_near)
            ids += found if is_near else found[::-1]
        offset = max(0, offset - size)
    return ids


async def count_found(wanted: Wanted, *, most: int | None = None) -> int:
    """How many there are, or `most` if there are more.

    Without `most` it is exact of kinds and statuses, or of one creator, and of anything else at most one more than are
    counted.
    """
    search = await Search.of(connection(), wanted)
    if not search.can_match:
        return 0
    if wanted.is_plain:
        return search.kept.total if most is None else min(search.kept.total, most)
    return await _count(search, wanted) if most is None else await search.count(most)


async def _count(search: Search, wanted: Wanted) -> int:
    if wanted.is_plain:
        return search.kept.total
    return await search.count(search.kept.total if wanted.is_counted else MOST_COUNTED + 1)


async def find_creators(*, limit: int) -> list[str]:
    """Who created jobs, whoever did so last first."""
    rows = await _CREATORS.run(connection(), [_MOST_CREATORS, limit])
    return [str(row["name"]) for row in rows]


async def note_found(
    writer: BaseDBAsyncClient, operation_id: int, wanted: Wanted, *, with_content: bool, limit: int
) -> None:
    """Make every job that there is just now an item of an operation, in one statement."""
    search = await Search.of(writer, wanted)
    if not search.can_match:
        return
    found, values = search.ids(Sort.OLDEST, limit)
    content = "substr(job.content_hash, 1, 32)" if with_content else "CAST(NULL AS TEXT)"
    text = f"""
INSERT INTO operation_item (operation_id, job_id, before)
SELECT CAST(? AS BIGINT), job.id, {content} FROM job WHERE job.id IN ({found})
ORDER BY job.id"""  # noqa: S608 (our own names)
    await Statement(text).run(writer, [operation_id, *values])
