"""The ledger: many writes in one commit, nothing lost while the database is in trouble, nobody spoilt by another."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import BaseORMException

from engine import clock, ledger
from engine.errors import LedgerClosed
from engine.events import Bus, Event
from engine.health import Health
from engine.ledger import Ledger, Operation
from models.attempt import Attempt, LogLine
from models.database import transaction
from models.ended import AttemptEnd
from models.ending import Ending, Lease
from models.job import Job
from models.states import AttemptOutcome, Status
from tests.support.engine import counted_commits, stored_job, until_set
from tests.support.other_program import LOCKED, OtherProgram

pytestmark = pytest.mark.usefixtures("impatient", "database")


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def health(bus: Bus) -> Health:
    return Health(bus)


@pytest.fixture
async def book(database: None, health: Health, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    """A ledger that writes; a broken database is tried again after 20 ms."""
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.02)
    book = Ledger(health)
    book.open()
    yield book
    await book.close()


async def an_ending(error: str | None = None, *, status: Status = Status.COMPLETED) -> Ending:
    """Of a job that runs."""
    job = await stored_job(status=Status.RUNNING, attempt=1, lease_token="lease")
    await Attempt.create(job_id=job.id, number=1, lease_token="lease", engine_id="engine", started_at=clock.now())
    return Ending(Lease(job.id, 1, "lease"), status, AttemptOutcome.SUCCEEDED, clock.now(), error)


async def stored(name: str) -> None:
    """What an operation writes: something that can be seen afterwards."""
    await stored_job(name=name)


def storing(name: str) -> Operation[None]:
    return lambda _: stored(name)


class Holding:
    """An operation that keeps its transaction open until the test lets it go."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: BaseDBAsyncClient) -> None:
        self.begun.set()
        await self.go_on.wait()


async def test_endings_of_many_attempts_share_one_commit(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    endings = [await an_ending() for _ in range(25)]
    commits = counted_commits(monkeypatch)
    assert await asyncio.gather(*(book.end(ending) for ending in endings)) == [True] * 25
    assert len(commits) == 1
    assert await Job.filter(status=Status.COMPLETED).count() == 25


async def test_what_comes_while_one_commit_is_under_way_gathers_for_the_next(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, endings = Holding(), [await an_ending() for _ in range(5)]
    commits = counted_commits(monkeypatch)
    writing = [asyncio.create_task(book.write(first))]
    await until_set(first.begun)
    writing += [asyncio.create_task(book.write(storing(f"number {n}"))) for n in range(5)]
    writing += [asyncio.create_task(_ended(book, ending)) for ending in endings]
    await _a_turn()
    first.go_on.set()
    await asyncio.gather(*writing)
    assert len(commits) == 2


async def test_an_ending_that_came_too_late_is_told_so_and_leaves_a_line_in_the_log(book: Ledger) -> None:
    in_time, late = await an_ending(), await an_ending()
    await Job.filter(id=late.lease.job_id).update(status=Status.QUEUED, lease_token=None)
    before = await Job.filter(id=late.lease.job_id).values()
    assert list(await asyncio.gather(book.end(in_time), book.end(late))) == [True, False]
    assert await Job.filter(id=late.lease.job_id).values() == before
    (line,) = await LogLine.all()
    assert (line.job_id, line.attempt) == (late.lease.job_id, 1)
    assert line.text == "Too late, so nothing was changed: the attempt ended as succeeded"
    assert (await Attempt.get(job_id=late.lease.job_id)).outcome is AttemptOutcome.LOST


async def test_of_two_rescues_the_second_leaves_no_line(book: Ledger) -> None:
    rescue = replace(await an_ending(), status=Status.QUEUED, attempt_outcome=AttemptOutcome.LOST, died=True)
    assert list(await asyncio.gather(book.end(rescue), book.end(rescue))) == [True, True], "in one commit they are one"
    assert await book.end(rescue) is False
    assert await LogLine.all().count() == 0


async def test_what_waits_is_written_once_the_trouble_is_over(
    book: Ledger, other_program: OtherProgram, health: Health, bus: Bus
) -> None:
    told, faults = asyncio.Event(), list[str | None]()

    def on_event(_: Event) -> None:
        told.set()
        faults.append(health.fault)

    bus.subscribe(on_event)
    ending = await an_ending("Busy", status=Status.FAILED)
    async with other_program.keeping_it_locked():
        writing = [
            asyncio.create_task(_ended(book, ending)),
            asyncio.create_task(book.write(storing("waits"))),
        ]
        await until_set(told)
        assert not any(task.done() for task in writing)
    await asyncio.gather(*writing)
    assert faults == [LOCKED[other_program.kind], None]
    assert await Job.exists(name="waits")
    job = await Job.get(id=ending.lease.job_id)
    assert (job.status, job.error, job.finished_at) == (Status.FAILED, "Busy", ending.at)


async def test_an_operation_that_fails_spoils_nobody_elses_write(book: Ledger, health: Health) -> None:
    async def bad(_: BaseDBAsyncClient) -> None:
        await stored("never committed")
        raise ValueError("no such colour")

    ending = await an_ending()
    good = [book.write(storing(f"number {n}")) for n in range(3)]
    results = await asyncio.gather(good[0], book.write(bad), book.end(ending), *good[1:], return_exceptions=True)
    assert [repr(result) for result in results] == ["None", "ValueError('no such colour')", "True", "None", "None"]
    assert [job.name for job in await Job.all().order_by("id")][1:] == ["number 0", "number 1", "number 2"]
    assert health.fault is None


class Following:
    """Whoever follows endings; told of them once that is committed."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.asked: list[list[int]] = []
        self.told: list[tuple[list[int], str]] = []

    async def follow(self, ends: Mapping[int, AttemptEnd], _: BaseDBAsyncClient) -> str:
        self.asked.append(list(ends))
        await stored(f"after {list(ends)}")
        if self.fault:
            raise self.fault
        return "found"

    def on_followed(self, ends: Mapping[int, AttemptEnd], found: str) -> None:
        self.told.append((list(ends), found))


@pytest.mark.sqlite
async def test_what_follows_from_an_ending_is_told_once_however_often_the_commit_was_tried(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = book.follower = Following()
    ending = await an_ending()
    failed: list[BaseDBAsyncClient] = []
    disk_full = sqlite3.OperationalError("database or disk is full")
    disk_full.sqlite_errorcode = sqlite3.SQLITE_FULL

    @asynccontextmanager
    async def full() -> AsyncIterator[BaseDBAsyncClient]:
        async with transaction() as writer:
            yield writer
            if len(failed) < 3:
                failed.append(writer)
                raise disk_full

    monkeypatch.setattr(ledger, "transaction", full)
    assert await book.end(ending)
    job_id = ending.lease.job_id
    assert follower.asked == [[job_id]] * 4
    assert follower.told == [([job_id], "found")]
    assert await Job.filter(name=f"after {[job_id]}").count() == 1


@pytest.mark.parametrize("many", [1, 3])
async def test_what_cannot_follow_spoils_no_ending_and_has_not_followed(book: Ledger, many: int) -> None:
    follower = book.follower = Following(ValueError("no such colour"))
    endings = [await an_ending() for _ in range(many)]
    assert await asyncio.gather(*(book.end(ending) for ending in endings)) == [True] * many
    assert len(follower.asked) == 1
    assert follower.told == []
    assert await Job.filter(status=Status.COMPLETED).count() == many
    assert await Job.filter(name__startswith="after").count() == 0


async def test_an_operation_gives_back_what_it_found_once_it_is_committed(book: Ledger) -> None:
    async def found(_: BaseDBAsyncClient) -> int:
        return await Job.all().count()

    await stored_job()
    assert await book.write(found) == 1


async def test_a_write_whose_caller_was_cancelled_before_its_turn_is_left_out(book: Ledger) -> None:
    first = Holding()
    holding = asyncio.create_task(book.write(first))
    await until_set(first.begun)
    unwanted = asyncio.create_task(book.write(storing("unwanted")))
    wanted = asyncio.create_task(book.write(storing("wanted")))
    await _a_turn()
    unwanted.cancel()
    with suppress(asyncio.CancelledError):
        await unwanted
    first.go_on.set()
    await asyncio.gather(holding, wanted)
    assert [job.name for job in await Job.all()] == ["wanted"]


async def test_an_ending_is_written_even_if_its_caller_was_cancelled(book: Ledger) -> None:
    first, ending = Holding(), await an_ending()
    holding = asyncio.create_task(book.write(first))
    await until_set(first.begun)
    caller = asyncio.create_task(book.end(ending))
    await _a_turn()
    caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller
    first.go_on.set()
    await holding
    await book.close()
    assert (await Job.get(id=ending.lease.job_id)).status is Status.COMPLETED


async def test_closing_writes_what_is_left(book: Ledger) -> None:
    first, ending = Holding(), await an_ending()
    writing = [asyncio.create_task(book.write(first))]
    await until_set(first.begun)
    writing += [asyncio.create_task(_ended(book, ending)), asyncio.create_task(book.write(storing("last")))]
    await _a_turn()
    closing_it = asyncio.create_task(book.close())
    await _a_turn()
    first.go_on.set()
    await closing_it
    assert all(task.done() for task in writing)
    assert await Job.exists(name="last")
    assert (await Job.get(id=ending.lease.job_id)).status is Status.COMPLETED


async def test_closing_on_a_database_in_trouble_gives_up_and_says_why(
    book: Ledger, other_program: OtherProgram, bus: Bus
) -> None:
    told = asyncio.Event()
    bus.subscribe(lambda _: told.set())
    async with other_program.keeping_it_locked():
        writing = asyncio.create_task(book.write(storing("never")))
        await until_set(told)
        async with asyncio.timeout(10):
            await book.close()
        with pytest.raises(BaseORMException, match=r"database is locked|lock timeout"):
            await writing


async def test_closing_while_no_transaction_can_begin_gives_up_what_waits(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "transaction", no_transaction)
    monkeypatch.setattr(ledger, "trouble", str)
    ending = asyncio.create_task(_ended(book, await an_ending()))
    writing = asyncio.create_task(book.write(storing("never")))
    await _a_turn()
    async with asyncio.timeout(10):
        await book.close()
    for waiting in (ending, writing):
        with pytest.raises(BaseORMException, match="the database is away"):
            await waiting


async def test_what_comes_after_the_close_is_refused_at_once(book: Ledger) -> None:
    ending = await an_ending()
    await book.close()
    async with asyncio.timeout(10):
        with pytest.raises(LedgerClosed):
            await book.write(storing("never"))
        with pytest.raises(LedgerClosed):
            await book.end(ending)


async def test_the_database_is_free_for_others_after_a_write_that_failed(book: Ledger) -> None:
    async def bad(_: BaseDBAsyncClient) -> None:
        await stored("never committed")
        raise KeyError("x")

    with pytest.raises(KeyError):
        await book.write(bad)
    async with asyncio.timeout(10):
        await stored_job(name="written outside the ledger")
    assert await Job.all().count() == 1


def no_transaction() -> AbstractAsyncContextManager[BaseDBAsyncClient]:
    """As while the database is away."""
    raise BaseORMException("the database is away")


async def _ended(book: Ledger, ending: Ending) -> None:
    assert await book.end(ending)


async def _a_turn() -> None:
    await asyncio.sleep(0)  # what was just begun comes to where it waits
