"""Jobs are found by each thing that is asked for, in each order, on either database alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import finding, looking
from models.counts import Cell, Counts
from models.database import transaction
from models.finding import count_found, find_ids, find_page, note_found
from models.job import Job
from models.operation import OperationItem
from models.states import UNKNOWN, Approval, Priority, Status
from models.wanted import Place, Sort, Wanted
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WANTED: dict[str, tuple[dict[str, Any], dict[str, Any], Wanted]] = {
    "type": ({"type": "A"}, {"type": "B"}, Wanted(types=("A", "C"))),
    "no type": ({}, {"type": "A"}, Wanted(types=None, created_by="test")),
    "category": ({"category": "video"}, {"category": "task"}, Wanted(categories=("video", "social"))),
    "type or category": (
        {"type": "A", "category": "video"},
        {"type": "B"},
        Wanted(types=("Z",), categories=("video",)),
    ),
    "status": (
        {"status": Status.FAILED, "finished_at": NOON},
        {"status": Status.QUEUED},
        Wanted(statuses=(Status.FAILED, Status.PAUSED)),
    ),
    "creator": ({"created_by": "ada"}, {"created_by": "ad"}, Wanted(created_by="ada")),
    "agent": ({"engine_id": "agent-3"}, {"engine_id": "agent-33"}, Wanted(engine_id="agent-3")),
    "approval": ({"approval": Approval.PENDING}, {"approval": None}, Wanted(approval=Approval.PENDING)),
    "outcome": ({"outcome": UNKNOWN}, {}, Wanted(outcome=UNKNOWN)),
    "cause": ({"cause": "refused"}, {"cause": "refuse"}, Wanted(cause="refused")),
    "cause and type": ({"cause": "refused"}, {"cause": "refuse"}, Wanted(cause="refused", types=("SCRIPTED",))),
    "since": ({"created_at": NOON}, {"created_at": NOON - timedelta(microseconds=1)}, Wanted(since=NOON)),
    "until": ({"created_at": NOON - timedelta(microseconds=1)}, {"created_at": NOON}, Wanted(until=NOON)),
    "ended": ({"finished_at": NOON}, {"finished_at": NOON - HOUR}, Wanted(ended_since=NOON)),
    "not over": ({"finished_at": NOON}, {"finished_at": None}, Wanted(ended_since=NOON)),
    "words": ({"name": "alpha"}, {"name": "beta"}, Wanted(words=("alpha",))),
    "words and status": (
        {"name": "alpha", "status": Status.FAILED, "finished_at": NOON},
        {"name": "alpha"},
        Wanted(words=("alpha",), statuses=(Status.FAILED,)),
    ),
}


@pytest.mark.parametrize("what", WANTED)
async def test_what_fits_is_found_and_counted_and_nothing_else(what: str) -> None:
    fitting, other, wanted = WANTED[what]
    job = await stored_job(**fitting)
    if what != "no type":
        await stored_job(**other)
    for sort in Sort:
        assert await find_ids(wanted, sort, limit=10) == [job.id]
    assert await count_found(wanted) == 1
    assert await count_found(wanted, most=10) == 1


async def test_an_id_is_found_whatever_its_words_and_once_if_it_has_them() -> None:
    first = await stored_job(name="alpha")
    other = await stored_job(name=f"the sequel of {first.id}")
    wanted = Wanted(words=(str(first.id),), job_id=first.id)
    assert await find_ids(wanted, Sort.NEWEST, limit=10) == [other.id, first.id]
    assert await count_found(wanted) == 2
    narrowed = replace(wanted, statuses=(Status.PAUSED,))
    assert await find_ids(narrowed, Sort.NEWEST, limit=10) == []


@pytest.mark.parametrize("wanted", [Wanted(types=()), Wanted(ids=()), Wanted(statuses=())])
async def test_of_nothing_there_is_nothing(wanted: Wanted) -> None:
    await stored_job()
    assert await find_ids(wanted, Sort.NEWEST, limit=10) == []
    assert await count_found(wanted) == 0


# -- orders --------------------------------------------------------------------------------------------------


async def in_disorder() -> list[Job]:
    """Jobs whose ids, priorities and ends are in no common order; two of them have not ended."""
    return [
        await stored_job(
            name="alpha", status=Status.COMPLETED if ended else Status.QUEUED, priority=priority, finished_at=ended
        )
        for priority, ended in [
            (Priority.LOW, NOON),
            (Priority.HIGH, NOON - HOUR),
            (Priority.HIGH, None),
            (Priority.MEDIUM, NOON + HOUR),
            (Priority.HIGH, NOON),
            (Priority.LOW, None),
        ]
    ]


LISTS = [
    Wanted(),
    Wanted(words=("alpha",)),
    Wanted(words=("alpha",), job_id=4711),
    Wanted(statuses=(Status.COMPLETED, Status.QUEUED)),
    Wanted(categories=("task",)),
    Wanted(created_by="test"),
    Wanted(created_by="test", statuses=(Status.COMPLETED, Status.QUEUED)),
]
ORDERS = {
    Sort.NEWEST: [5, 4, 3, 2, 1, 0],
    Sort.OLDEST: [0, 1, 2, 3, 4, 5],
    Sort.PRIORITY: [4, 2, 1, 3, 5, 0],
    Sort.ENDED: [3, 4, 0, 1, 5, 2],
}


@pytest.mark.parametrize("wanted", LISTS)
@pytest.mark.parametrize("sort", Sort)
async def test_each_order_is_what_it_says_and_pages_of_it_fit_together(sort: Sort, wanted: Wanted) -> None:
    jobs = await in_disorder()
    expected = [jobs[index].id for index in ORDERS[sort]]
    assert await find_ids(wanted, sort, limit=10) == expected
    for size in (1, 2, 4, 5):
        pages = [await find_page(wanted, sort, number, size) for number in range(1, -(-len(jobs) // size) + 1)]
        assert [job_id for page in pages for job_id in page.ids] == expected
        assert [(page.number, page.total) for page in pages] == [(number, 6) for number in range(1, len(pages) + 1)]
        assert await find_page(wanted, sort, 99, size) == pages[-1]


@pytest.mark.parametrize("wanted", LISTS)
@pytest.mark.parametrize("sort", Sort)
async def test_a_list_goes_on_behind_any_of_its_jobs(sort: Sort, wanted: Wanted) -> None:
    jobs = await in_disorder()
    ordered = [jobs[index] for index in ORDERS[sort]]
    for number, job in enumerate(ordered, 1):
        behind = Place(job.id, job.priority, job.finished_at)
        rest = await find_ids(replace(wanted, behind=behind), sort, limit=10)
        assert rest == [each.id for each in ordered[number:]]


async def test_before_is_for_batches() -> None:
    ids = [(await stored_job(name="alpha")).id for _ in range(4)]
    for wanted in (Wanted(before=ids[2]), Wanted(words=("alpha",), before=ids[2])):
        assert await find_ids(wanted, Sort.NEWEST, limit=10) == [ids[1], ids[0]]


async def test_no_more_are_counted_than_somebody_would_read_unless_it_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "MOST_COUNTED", 2)
    monkeypatch.setattr(looking, "MOST_COUNTED", 2)
    for _ in range(5):
        await stored_job(name="alpha", status=Status.FAILED, finished_at=NOON)
    for wanted in (Wanted(words=("alpha",)), Wanted(created_by="test", statuses=(Status.FAILED,))):
        assert await count_found(wanted) == 3
        for sort in Sort:
            pages = [await find_page(wanted, sort, number, 1) for number in (1, 2, 3)]
            assert [(page.number, page.pages, page.total, page.capped) for page in pages] == [
                (1, 2, 2, True),
                (2, 2, 2, True),
                (2, 2, 2, True),
            ]
    for wanted in (Wanted(), Wanted(statuses=(Status.FAILED,)), Wanted(created_by="test")):
        assert await count_found(wanted) == 5
        assert await count_found(wanted, most=4) == 4
        for sort in Sort:
            last = await find_page(wanted, sort, 9, 2)
            assert (last.number, last.total, last.capped, len(last.ids)) == (3, 5, False, 1)


async def test_a_job_is_found_though_it_moved_since_numbers_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no job stood a moment ago one may stand now."""

    async def old_numbers(_: Any) -> Counts:
        return Counts([Cell("task", "A", Status.QUEUED, 0)])

    monkeypatch.setattr(looking, "job_counts", old_numbers)
    job = await stored_job(type="A", status=Status.RUNNING)
    for wanted in (Wanted(types=("A",)), Wanted(categories=("task",)), Wanted(statuses=(Status.RUNNING,)), Wanted()):
        for sort in Sort:
            assert await find_ids(wanted, sort, limit=10) == [job.id]
            page = await find_page(wanted, sort, 1, 10)
            assert (page.ids, page.total) == ([job.id], 1)


async def test_a_clock_that_once_went_wrong_hides_no_job_from_a_time() -> None:
    ahead = await stored_job(created_at=NOON + HOUR)
    behind = [await stored_job(created_at=NOON - HOUR) for _ in range(3)]
    since, until = Wanted(since=NOON), Wanted(until=NOON)
    assert await find_ids(since, Sort.NEWEST, limit=10) == [ahead.id]
    assert await find_ids(until, Sort.OLDEST, limit=10) == [job.id for job in behind]


@pytest.mark.parametrize("sort", [Sort.PRIORITY, Sort.ENDED])
async def test_a_list_by_words_goes_on_to_its_last_job_in_any_order(
    monkeypatch: pytest.MonkeyPatch, sort: Sort
) -> None:
    for module in (finding, looking):
        monkeypatch.setattr(module, "MOST_COUNTED", 2)
    jobs = [await stored_job(name="alpha", priority=Priority.HIGH, finished_at=NOON)]
    jobs += [await stored_job(name="alpha", finished_at=NOON - HOUR) for _ in range(4)]
    wanted, seen = Wanted(words=("alpha",)), []
    while found := await find_ids(wanted, sort, limit=2):
        seen += found
        last = await Job.get(id=found[-1])
        wanted = replace(wanted, behind=Place(last.id, last.priority, last.finished_at))
    assert seen == [jobs[0].id, *(job.id for job in reversed(jobs[1:]))]


# -- items of an operation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [Wanted(created_by="ada"), Wanted(created_by="ada", words=("alpha",))])
async def test_what_is_found_becomes_the_items_of_an_operation(wanted: Wanted) -> None:
    own = [(await stored_job(name="alpha", created_by="ada", content_hash=f"{n}" * 64)).id for n in (1, 2, 3)]
    await stored_job(name="alpha", created_by="bob")
    async with transaction() as writer:
        await note_found(writer, 7, wanted, with_content=True, limit=2)
        await note_found(writer, 8, wanted, with_content=False, limit=10)
    items = await OperationItem.all().order_by("id")
    assert [(item.operation_id, item.job_id, item.before, item.outcome) for item in items] == [
        *((7, own[n], f"{n + 1}" * 32, None) for n in (0, 1)),
        *((8, job_id, None, None) for job_id in own),
    ]
