"""What nobody decides about within the time that is set lapses, and nothing else does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.reminders import STEP, Reminders, hours_in_words
from engine.audit import Audit
from engine.cluster import Cluster
from engine.engine import Atlas
from engine.events import Bus, JobChanged
from engine.health import Health
from engine.ledger import Ledger
from engine.settings import Settings
from engine.webhooks import Webhooks
from models.approval import Review, ReviewKind
from models.job import Job
from models.job_event import START, events_after
from models.rights import Right
from models.states import Approval, Status
from tests.support.engine import changed, opened, running, stored_job, until

HOUR = timedelta(hours=1)
ADA = Actor("ada", Kind.PERSON, frozenset(Right))
MAIL = {"to": ["bob@example.org"], "subject": "Numbers", "body": "Here they are."}


@dataclass
class Looking:
    """Reminders that look only when they are told to."""

    reminders: Reminders
    ledger: Ledger
    audit: Audit
    webhooks: Webhooks
    changed: list[int]


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Looking]:
    bus, heard = Bus(), list[int]()
    health = Health(bus)
    ledger = Ledger(health)
    audit, webhooks, cluster = Audit(settings, ledger), Webhooks(settings, bus), Cluster(settings, "an engine", bus)
    bus.subscribe(lambda event: heard.append(event.job_id) if isinstance(event, JobChanged) else None)
    async with opened(settings):
        ledger.open()
        yield Looking(
            Reminders(settings, bus, ledger, audit, webhooks, health, cluster), ledger, audit, webhooks, heard
        )
        await ledger.close()


def wind(monkeypatch: pytest.MonkeyPatch, span: timedelta) -> None:
    """Let it be this much later than it is."""
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + span)


async def waiting(age: timedelta, **columns: Any) -> int:
    """A job whose approval was asked for so long ago."""
    asked = {"approval": Approval.PENDING, "approval_asked_at": clock.now() - age}
    return int((await stored_job(**{**asked, **columns})).id)


async def state_of(job_id: int) -> tuple[str, str | None, str | None]:
    """Status, approval and error."""
    job = await Job.get(id=job_id)
    return str(job.status), job.approval, job.error


async def test_a_job_that_nobody_decided_about_in_time_is_cancelled_with_the_reason(settings: Settings) -> None:
    async with looking(settings) as look:
        job_id = await waiting(169 * HOUR, content_hash="a hash", version=2)
        await look.reminders.lapse()
        job = await Job.get(id=job_id)
        assert (job.status, job.approval, job.error) == (Status.CANCELLED, "lapsed", "Nobody decided within 7 days")
        assert job.finished_at
        assert look.changed == [job_id]
        (review,) = await Review.filter(job_id=job_id)
        assert (review.kind, review.actor, review.version) == (ReviewKind.LAPSED, "Job Runner", 2)
        assert review.content_hash == "a hash"
        (entry,) = await look.audit.entries()
        assert (entry.action, entry.actor, entry.kind, entry.target) == (
            *("job.lapse", "Job Runner", "system"),
            f"job {job_id}",
        )
        assert (entry.before, entry.after["status"]) == ({"approval": "pending"}, "cancelled")
        assert [event.kind for event in await events_after(START, 10)][-1] == "job.lapsed"


async def test_only_what_waits_for_a_decision_and_has_waited_longer_than_is_set_lapses(settings: Settings) -> None:
    async with looking(changed(settings, approval_hours=2)) as look:
        lapsing = {await waiting(3 * HOUR), await waiting(3 * HOUR, status=Status.PAUSED)}
        staying = {
            await waiting(1 * HOUR),
            await waiting(3 * HOUR, approval=Approval.APPROVED),
            await waiting(3 * HOUR, status=Status.FAILED),
            await waiting(3 * HOUR, approval_asked_at=None),  # of an earlier version: nobody knows since when
        }
        await look.reminders.lapse()
        assert set(look.changed) == lapsing
        after = {job.id: job.approval for job in await Job.all()}
        assert {job_id for job_id, approval in after.items() if approval == "lapsed"} == lapsing
        assert set(after) == lapsing | staying


async def test_nothing_lapses_where_no_time_is_set(settings: Settings) -> None:
    async with looking(changed(settings, approval_hours=0)) as look:
        job_id = await waiting(100_000 * HOUR)
        assert await look.reminders.lapse() == 0
        assert (await Job.get(id=job_id)).approval == "pending"


@pytest.mark.parametrize("decide", ["approve", "reject", "undo"])
async def test_a_decision_that_comes_between_the_look_and_the_write_holds(
    settings: Settings, decide: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looking(settings) as look:
        reviews, job_id = Atlas(settings).reviews, await waiting(200 * HOUR)
        decisions: dict[str, Callable[[], Awaitable[Any]]] = {
            "approve": lambda: reviews.approve(ADA, job_id),
            "reject": lambda: reviews.reject(ADA, job_id, comment="No"),
            "undo": lambda: Job.filter(id=job_id).update(approval_asked_at=clock.now()),
        }
        write = look.ledger.write

        async def decided_first(operation: Any) -> Any:
            await decisions[decide]()
            return await write(operation)

        monkeypatch.setattr(look.ledger, "write", decided_first)
        await look.reminders.lapse()
        job = await Job.get(id=job_id)
        expected = {"approve": ("approved", None), "reject": ("rejected", "Rejected: No"), "undo": ("pending", None)}
        assert (job.approval, job.error) == expected[decide]
        assert not await Review.filter(kind=ReviewKind.LAPSED).exists()
        assert look.changed == []
        assert "job.lapse" not in [entry.action for entry in await look.audit.entries()]


async def test_many_lapse_in_small_steps(settings: Settings) -> None:
    async with looking(settings) as look:
        rows = [await waiting(200 * HOUR) for _ in range(3)]
        for _ in range(STEP - 2):
            rows.append(await waiting(201 * HOUR))
        assert [await look.reminders.lapse() for _ in range(3)] == [STEP, 1, 0]
        assert await Review.filter(kind=ReviewKind.LAPSED).count() == len(rows)


async def test_a_revision_takes_a_lapsed_job_back_into_review_with_all_the_time_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looking(settings) as look:
        atlas = Atlas(settings)
        job_id = (await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True, created_by="ada")).id
        wind(monkeypatch, 169 * HOUR)
        await look.reminders.lapse()
        assert await state_of(job_id) == ("cancelled", "lapsed", "Nobody decided within 7 days")
        await atlas.revisions.revise(ADA, job_id, {**MAIL, "subject": "New numbers"})
        assert await state_of(job_id) == ("queued", "pending", None)
        wind(monkeypatch, (169 + 167) * HOUR)
        assert await look.reminders.lapse() == 0
        wind(monkeypatch, (169 + 169) * HOUR)
        assert await look.reminders.lapse() == 1


async def test_it_works_by_itself_from_the_start(settings: Settings) -> None:
    async with opened(settings):
        job_id = await waiting(2 * HOUR)
    async with running(changed(settings, approval_hours=1)) as atlas:

        async def lapsed() -> bool:
            return (await Job.get(id=job_id)).approval == "lapsed"

        await until(atlas, lapsed)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (168, "7 days"),
        (24, "1 day"),
        (36, "36 hours"),
        (1, "1 hour"),
        (1.5, "90 minutes"),
        (0.5, "30 minutes"),
        (1 / 60, "1 minute"),
    ],
)
def test_the_time_is_told_as_people_say_it(hours: float, words: str) -> None:
    assert hours_in_words(hours) == words
