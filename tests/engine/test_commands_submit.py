"""Submitting a job: what is stored, what is refused, and the same request twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import DBConnectionError, OperationalError

from engine import clock, commands
from engine.actors import Actor, Kind
from engine.audit import Deed, deed
from engine.engine import Atlas
from engine.errors import IdempotencyConflict, InvalidInput, KeyInFlight
from engine.events import JobChanged
from engine.jobs import BUILT_IN
from engine.settings import Settings
from engine.submission import Submission
from models.database import connection, transaction
from models.job import Job
from tests.support.engine import Recorder, running, until
from tests.support.moments import AHEAD

pytestmark = pytest.mark.usefixtures("database")

ADA = Actor("ada", Kind.PERSON, frozenset())
MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    """Its commands need no engine at work."""
    return Atlas(settings)


async def submit(atlas: Atlas, **more: Any) -> tuple[int, bool]:
    made = await atlas.commands.submit(more.pop("type", "EMAIL_SEND"), more.pop("payload", MAIL), **more)
    return made.id, made.is_new


async def test_a_job_is_stored_as_asked_and_told_once(atlas: Atlas) -> None:
    heard = Recorder(atlas)
    run_at = clock.now() + timedelta(hours=2)
    asked = {"priority": "high", "name": " Numbers ", "run_at": run_at, "created_by": "ada", "requires_approval": True}
    job_id, is_new = await submit(atlas, **asked)
    job = await atlas.queries.job(job_id)
    assert is_new
    assert heard.events == [JobChanged(job_id)]
    assert (job.type, job.category, job.status, job.payload) == ("EMAIL_SEND", "task", "queued", MAIL)
    assert (job.priority, job.name, job.run_at, job.created_by) == ("high", "Numbers", run_at, "ada")
    assert (job.approval, job.summary) == ("pending", "ada@example.org · Hello")
    assert (job.attempt, job.max_attempts, job.progress) == (0, 5, 0)


async def test_what_is_not_said_has_a_default(atlas: Atlas) -> None:
    before = clock.now()
    job = await atlas.queries.job((await submit(atlas))[0])
    assert (job.priority, job.name, job.created_by) == ("medium", "Send email", "local")
    assert (job.approval, job.run_at) == (None, None)
    assert before <= job.created_at <= clock.now()


async def test_a_time_in_any_zone_is_kept_as_the_same_moment_in_utc(atlas: Atlas) -> None:
    run_at = (clock.now() + timedelta(hours=2)).astimezone(timezone(timedelta(hours=5)))
    job = await atlas.queries.job((await submit(atlas, run_at=run_at))[0])
    assert job.run_at == run_at
    assert job.run_at.tzinfo is UTC or job.run_at.utcoffset() == timedelta(0)


async def test_a_moment_that_has_passed_means_now(atlas: Atlas) -> None:
    job = await atlas.queries.job((await submit(atlas, run_at=clock.now() - timedelta(days=1)))[0])
    assert job.waiting_for == "Waits for the engine, which is offline"


@pytest.mark.parametrize(
    ("more", "field", "sentence"),
    [
        ({"type": "FAX"}, "type", f"type must be one of {', '.join(each.key for each in BUILT_IN)}, not 'FAX'"),
        ({"priority": "urgent"}, "priority", "priority must be high, medium or low, not 'urgent'"),
        ({"priority": "HIGH"}, "priority", "priority must be high, medium or low, not 'HIGH'"),
        ({"name": "x" * 201}, "name", "name must have at most 200 characters, not 201"),
        ({"name": "a\nb"}, "name", "name must not contain line breaks or control characters (found U+000A)"),
        (
            {"created_by": "a\tb"},
            "created_by",
            "created_by must not contain line breaks or control characters (found U+0009)",
        ),
        (
            {"run_at": datetime(2026, 11, 23, 9)},
            "run_at",
            "run_at must have a time zone, as in 2026-11-23T09:00:00Z",
        ),
        (
            {"run_at": datetime(2999, 1, 1, tzinfo=UTC)},
            "run_at",
            "run_at must be within a year from now, not 2999-01-01T00:00:00+00:00",
        ),
        ({"payload": {**MAIL, "subject": ""}}, "payload.subject", "Subject must not be empty"),
        ({"payload": {**MAIL, "body": ""}}, "payload.body", "Body must not be empty"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_fault_names_field_rule_and_value(
    atlas: Atlas, more: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await submit(atlas, **more)
    assert [(fault.field, fault.message) for fault in caught.value.errors] == [(field, sentence)]
    assert not await Job.exists()


async def test_a_moment_before_all_time_zones_is_refused(atlas: Atlas) -> None:
    """Year 1 in a zone east of Greenwich has no counterpart in UTC."""
    run_at = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    with pytest.raises(InvalidInput, match="run_at must be within a year from now, not 0001"):
        await submit(atlas, run_at=run_at)


async def test_all_faults_are_told_at_once(atlas: Atlas) -> None:
    with pytest.raises(InvalidInput) as caught:
        await submit(atlas, priority="urgent", payload={**MAIL, "subject": "", "to": []})
    assert [fault.field for fault in caught.value.errors] == ["priority", "payload.to", "payload.subject"]


async def test_too_many_recipients_over_all_fields_are_refused(atlas: Atlas) -> None:
    people = [f"p{n}@example.org" for n in range(60)]
    others = [f"q{n}@example.org" for n in range(60)]
    with pytest.raises(InvalidInput, match="together must have at most 100 addresses, not 120"):
        await submit(atlas, payload={**MAIL, "to": people, "cc": others})


async def test_the_same_key_and_request_give_the_first_job(atlas: Atlas) -> None:
    first = await submit(atlas, idempotency_key="k1", priority="low")
    assert await submit(atlas, idempotency_key="k1", priority="low") == (first[0], False)
    assert await Job.all().count() == 1


async def test_the_order_of_a_payloads_fields_makes_no_other_request(atlas: Atlas) -> None:
    first, _ = await submit(atlas, idempotency_key="k1")
    assert await submit(atlas, idempotency_key="k1", payload=dict(reversed(MAIL.items()))) == (first, False)


@pytest.mark.parametrize(
    "other",
    [
        {"payload": {**MAIL, "body": "Other"}},
        {"priority": "high"},
        {"name": "Other"},
        {"created_by": "bob"},
        {"requires_approval": True},
        {"run_at": AHEAD},
        {"payload": {"nonsense": 1}},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_the_same_key_for_another_request_is_a_conflict(atlas: Atlas, other: dict[str, Any]) -> None:
    await submit(atlas, idempotency_key="k1")
    with pytest.raises(IdempotencyConflict, match="'k1' was used before with another body; use a new key"):
        await submit(atlas, idempotency_key="k1", **other)
    assert await Job.all().count() == 1


async def test_many_processes_with_one_key_at_once_make_one_job(settings: Settings) -> None:
    answers = await asyncio.gather(*(submit(Atlas(settings), idempotency_key="k1") for _ in range(25)))
    assert await Job.all().count() == 1
    assert len({job_id for job_id, _ in answers}) == 1
    assert sorted(is_new for _, is_new in answers) == [False] * 24 + [True]


async def test_requests_without_a_key_make_a_job_each(atlas: Atlas) -> None:
    assert (await submit(atlas))[0] != (await submit(atlas))[0]


async def test_while_a_key_is_in_flight_it_is_refused_and_afterwards_gives_the_job(atlas: Atlas) -> None:
    tries = await asyncio.gather(*(submit(atlas, idempotency_key="once") for _ in range(5)), return_exceptions=True)
    made, *refused = tries
    assert isinstance(made, tuple)
    assert [type(each) for each in refused] == [KeyInFlight] * 4
    assert await submit(atlas, idempotency_key="once") == (made[0], False)


def told(ids: Sequence[int]) -> Deed:
    return deed(ADA, "job.submit", f"job {ids[0]}")


async def test_what_is_told_of_a_job_is_stored_with_it(atlas: Atlas) -> None:
    made = await atlas.commands.submit("EMAIL_SEND", MAIL, told=told)
    assert [(entry.actor, entry.target) for entry in await atlas.audit.entries()] == [("ada", f"job {made.id}")]
    await atlas.audit.verify()


async def test_a_job_of_which_the_audit_log_cannot_tell_is_not_stored(atlas: Atlas) -> None:
    await connection().execute_script("DROP TABLE audit_entry")
    with pytest.raises(OperationalError):
        await atlas.commands.submit("EMAIL_SEND", MAIL, told=told)
    batch = [(Submission("EMAIL_SEND", MAIL), None)] * 2
    with pytest.raises(OperationalError):
        await atlas.commands.submit_batch(batch, told)
    assert await Job.all().count() == 0


async def test_what_a_new_job_looks_like_is_told_with_it_and_a_repetition_tells_nothing(atlas: Atlas) -> None:
    heard = Recorder(atlas)
    made = await atlas.commands.submit("EMAIL_SEND", MAIL, idempotency_key="once", told=told, with_view=True)
    assert made.view == await atlas.queries.job(made.id)
    again = await atlas.commands.submit("EMAIL_SEND", MAIL, idempotency_key="once", told=told, with_view=True)
    assert (again.id, again.is_new, again.view) == (made.id, False, None)
    assert len(await atlas.audit.entries()) == 1
    assert heard.events == [JobChanged(made.id)]


async def test_many_at_once_each_get_their_own_job(atlas: Atlas) -> None:
    keys = [None if number % 3 else f"key {number}" for number in range(60)]
    made = await asyncio.gather(
        *(
            atlas.commands.submit("EMAIL_SEND", MAIL, name=f"n{n}", idempotency_key=key, told=told, with_view=True)
            for n, key in enumerate(keys)
        )
    )
    assert [each.view.name for each in made if each.view] == [f"n{number}" for number in range(60)]
    stored = {job.id: (job.name, job.idempotency_key) for job in await Job.all()}
    assert [stored[each.id] for each in made] == [(f"n{number}", key) for number, key in enumerate(keys)]
    targets = {entry.target for entry in await atlas.audit.entries(limit=100)}
    assert targets == {f"job {each.id}" for each in made}


async def test_a_commit_whose_answer_is_lost_creates_no_second_job(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def lost() -> AsyncIterator[BaseDBAsyncClient]:
        async with transaction() as writer:
            yield writer
        raise DBConnectionError("the line broke after the commit")

    monkeypatch.setattr(commands, "transaction", lost)
    with pytest.raises(DBConnectionError):
        await atlas.commands.submit("EMAIL_SEND", MAIL, with_view=True)
    assert await Job.all().count() == 1


async def test_a_job_that_cannot_be_looked_at_is_stored_all_the_same(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def damaged(_: Any) -> list[Any]:
        raise OperationalError("the database is damaged elsewhere")

    monkeypatch.setattr(atlas.queries, "jobs", damaged)
    made = await atlas.commands.submit("EMAIL_SEND", MAIL, with_view=True, told=told)
    assert (made.is_new, made.view) == (True, None)
    assert await Job.all().count() == 1


async def test_whoever_hangs_up_leaves_the_key_in_flight_until_the_job_is_stored(atlas: Atlas) -> None:
    heard = Recorder(atlas)
    gone = asyncio.create_task(submit(atlas, idempotency_key="once"))
    await asyncio.sleep(0)
    gone.cancel()
    other = {**MAIL, "subject": "Another"}
    with pytest.raises(KeyInFlight):
        await submit(atlas, idempotency_key="once", payload=other)
    with pytest.raises(asyncio.CancelledError):
        await gone
    await until(atlas, lambda: _is_told(heard))
    (job,) = await Job.all()
    assert job.payload == MAIL
    assert heard.events == [JobChanged(job.id)]


async def _is_told(heard: Recorder) -> bool:
    return bool(heard.events)


@pytest.mark.postgres
async def test_a_job_is_stored_also_when_why_it_waits_cannot_be_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The damage is put up with, but PostgreSQL has given up the transaction in which it was met."""

    async def damaged() -> None:
        await connection().execute_query("DO $$ BEGIN RAISE EXCEPTION 'damaged' USING ERRCODE = 'XX001'; END $$")

    async with running(settings) as atlas:
        monkeypatch.setattr(atlas.queries, "types", damaged)
        later = clock.now() + timedelta(days=1)
        made = await atlas.commands.submit("EMAIL_SEND", MAIL, run_at=later, with_view=True)
        assert await Job.exists(id=made.id)
