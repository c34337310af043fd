"""A job's life: one ordered list of moments, each with who and what, and the attempts with their logs."""

from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.actors import Actor, Kind, local
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import NotFound, PermanentError, TransientError
from engine.events import JobChanged
from engine.jobs.base import Context
from engine.life import LOG_LENGTH, Life
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.agent import Agent
from models.attempt import Attempt, LogLine
from models.database import connection
from models.rights import Right
from models.statement import POSTGRES
from models.states import POISONOUS, Move, Status
from tests.support.engine import running, scripted, stored_job, submitted, until_status

pytestmark = pytest.mark.usefixtures("database")

MAIL = {"to": "ada@example.org", "subject": "Numbers", "body": "Here they are."}
SOON = timedelta(days=30)


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    return Atlas(settings)


def desk_of(atlas: Atlas, name: str, kind: Kind = Kind.PERSON) -> Desk:
    return atlas.office.desk_of(Actor(name, kind, frozenset(Right)))


def said(life: Life) -> list[str]:
    """Each moment in words, the oldest first."""
    return [f"{moment.who} {moment.what}".strip() for moment in life.moments]


async def stored_attempt(job_id: int, number: int = 1, **columns: Any) -> None:
    usual: dict[str, Any] = {"lease_token": "t", "engine_id": "here", "started_at": clock.now()}
    await Attempt.create(job_id=job_id, number=number, **{**usual, **columns})


async def test_whoever_moved_a_job_is_named_in_the_order_of_what_happened(settings: Settings) -> None:
    async with running(settings) as atlas:
        made = await desk_of(atlas, "mira").submit("EMAIL_SEND", MAIL, run_at=clock.now() + SOON)
        for name, move in (("ada", Move.PAUSE), ("bo", Move.RESUME)):
            await desk_of(atlas, name).move(made.id, move)
        await desk_of(atlas, "ada").prioritize(made.id, "high")
        await desk_of(atlas, "ada").move(made.id, Move.CANCEL)
        await desk_of(atlas, "bo").comment(made.id, "It was the wrong month")
        life = await atlas.queries.life(made.id)
    assert said(life) == [
        "mira created it",
        "It is not to run before",
        "ada paused it",
        "bo let it go on",
        "ada set its priority to high",
        "ada cancelled it",
        "bo said",
    ]
    assert life.moments[-1].comment == "It was the wrong month"
    assert life.moments[1].when
    assert [moment.at for moment in life.moments] == sorted(moment.at for moment in life.moments)


@pytest.mark.parametrize(
    ("who", "sort", "created_by", "told"),
    [
        ("writer", Kind.TOKEN, None, "writer created it with an API token"),
        ("writer", Kind.TOKEN, "Mira", "Mira created it through the token writer"),
        ("mira", Kind.PERSON, None, "mira created it"),
    ],
)
async def test_it_says_through_what_a_job_was_created(
    atlas: Atlas, who: str, sort: Kind, created_by: str | None, told: str
) -> None:
    made = await desk_of(atlas, who, sort).submit("EMAIL_SEND", MAIL, created_by=created_by)
    assert said(await atlas.queries.life(made.id))[0] == told


async def test_a_review_tells_why_it_was_needed_and_what_each_person_said(atlas: Atlas) -> None:
    made = await desk_of(atlas, "mira").submit("EMAIL_SEND", MAIL, requires_approval=True)
    await desk_of(atlas, "ada").reject(made.id, comment="The wrong month")
    await desk_of(atlas, "mira").revise(made.id, {**MAIL, "subject": "March"}, comment="Now it is")
    await desk_of(atlas, "ada").approve(made.id)
    life = await atlas.queries.life(made.id)
    assert said(life) == [
        "mira created it",
        "It needs approval: asked for when it was submitted",
        "ada rejected it",
        "mira revised it (version 2)",
        "ada approved it (version 2)",
    ]
    assert [moment.comment for moment in life.moments[2:4]] == ["The wrong month", "Now it is"]


async def test_every_attempt_tells_its_agent_its_error_its_log_and_the_retry(settings: Settings) -> None:
    async def fail(context: Context) -> dict[str, object]:
        await context.log("Trying")
        raise TransientError("The farm is busy")

    again = scripted(fail, retry=RetryPolicy(attempts=2, base=0.01), agent="Renderer")
    async with running(settings, again) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.FAILED)
        life = await atlas.queries.life(job_id)
    assert said(life)[1:] == [
        "Renderer began attempt 1, which failed for now",
        "Renderer began attempt 2, which failed",
    ]
    assert [moment.comment for moment in life.moments[1:]] == [
        "The farm is busy",
        "Gave up after 2 attempts: The farm is busy",
    ]
    assert [[line.text for line in each.view.log] for each in life.tries] == [["Trying"], ["Trying"]]
    assert not any(each.is_cut for each in life.tries)


async def test_effects_stand_with_the_attempt_that_had_them(settings: Settings) -> None:
    async def send(context: Context) -> dict[str, object]:
        async def speak(identity: dict[str, object]) -> dict[str, object]:
            raise PermanentError("The server refused it")

        return await context.effect("mail", {"message_id": "<1@example.org>"}, speak)

    async with running(settings, scripted(send)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.FAILED)
        (made,) = (await atlas.queries.life(job_id)).tries
    (effect,) = made.effects
    assert (effect.target, effect.phase, effect.identity) == ("mail", "failed", {"message_id": "<1@example.org>"})


async def test_an_outside_agent_is_called_by_its_name(atlas: Atlas) -> None:
    now = clock.now()
    agent = await Agent.create(
        name="polyglot", token_id=1, types=["T"], concurrency=1, registered_at=now, last_seen_at=now
    )
    job = await stored_job(type="TRANSLATE", status=Status.RUNNING, attempt=1)
    await stored_attempt(job.id, engine_id=agent.engine_id)
    assert said(await atlas.queries.life(job.id)) == ["test created it", "polyglot began attempt 1"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"status": Status.CANCELLED}, "Cancelled"),
        ({"status": Status.COMPLETED}, "Completed"),
        ({"status": Status.FAILED, "error": "A restore set it aside"}, "Failed"),
        ({"status": Status.FAILED, "outcome": POISONOUS, "error": "Engines died"}, "It was set aside"),
    ],
)
async def test_an_end_that_nobody_else_tells_is_told(atlas: Atlas, columns: dict[str, object], told: str) -> None:
    job = await stored_job(finished_at=clock.now(), **columns)
    life = await atlas.queries.life(job.id)
    assert said(life) == ["test created it", told]
    assert life.moments[-1].comment == columns.get("error", "")


async def test_of_a_long_log_the_end_is_read_and_the_rest_when_it_is_asked_for(atlas: Atlas) -> None:
    job = await stored_job(status=Status.RUNNING, attempt=2)
    now = clock.now()
    for number in (1, 2):
        await stored_attempt(job.id, number)
    lines = [LogLine(job_id=job.id, attempt=2, at=now, text=f"line {n}") for n in range(LOG_LENGTH + 20)]
    await LogLine.bulk_create(lines[-LOG_LENGTH:])
    assert [each.is_cut for each in (await atlas.queries.life(job.id)).tries] == [False, False]
    await LogLine.filter(job_id=job.id).delete()
    await LogLine.bulk_create(lines)
    assert [each.is_cut for each in (await atlas.queries.life(job.id)).tries] == [False, True]
    await LogLine.filter(job_id=job.id).delete()
    await LogLine.bulk_create([LogLine(job_id=job.id, attempt=1, at=now, text="first"), *lines])
    first, second = (await atlas.queries.life(job.id)).tries
    assert (len(first.view.log), first.is_cut, second.is_cut) == (0, True, True)
    assert [second.view.log[0].text, second.view.log[-1].text] == ["line 20", f"line {LOG_LENGTH + 19}"]
    earlier = await atlas.queries.lives.earlier_lines(job.id, 2, second.view.log[0].id)
    assert ([line.text for line in earlier.lines], earlier.is_cut) == ([f"line {n}" for n in range(20)], False)
    some = await atlas.queries.lives.earlier_lines(job.id, 2, None)
    assert (some.lines[-1].text, len(some.lines), some.is_cut) == (f"line {LOG_LENGTH + 19}", LOG_LENGTH, True)
    view = await atlas.queries.job(job.id)
    newer = await atlas.queries.lives.read(view, (), after_line=second.view.log[-3].id)
    assert [line.text for line in newer.tries[1].view.log] == [f"line {LOG_LENGTH + n}" for n in (18, 19)]


async def test_what_operations_on_many_jobs_did_is_told_with_whoever_asked(atlas: Atlas) -> None:
    await atlas.start()
    try:
        made = await desk_of(atlas, "mira").submit("EMAIL_SEND", MAIL, run_at=clock.now() + SOON)
        operation = await atlas.office.desk_of(local()).begin_operation("pause", ids=[made.id])
        await until_status(atlas, made.id, Status.PAUSED)
        told = said(await atlas.queries.life(made.id))
    finally:
        await atlas.stop()
    assert operation.total == 1
    assert "local paused it, with other jobs" in told


async def test_what_an_operation_did_stands_where_it_did_it_not_where_it_was_begun(atlas: Atlas) -> None:
    made = await desk_of(atlas, "mira").submit("EMAIL_SEND", MAIL)
    operation = await atlas.office.desk_of(local()).begin_operation("pause", ids=[made.id])
    await atlas.office.desk_of(local()).comment(made.id, "It waits for its turn")
    while await atlas._carrier.step(operation.id):
        pass
    life = await atlas.queries.life(made.id)
    assert said(life) == ["mira created it", "local said", "local paused it, with other jobs"]
    assert life.moments[-1].key == f"operation-{operation.id}"


async def test_the_audit_log_is_asked_by_an_index(atlas: Atlas) -> None:
    query = "SELECT * FROM audit_entry WHERE target = 'job 5' ORDER BY id DESC LIMIT 200"
    is_postgres = connection().capabilities.dialect == POSTGRES
    if is_postgres:
        await connection().execute_query("SET enable_seqscan = off")
    explain = "EXPLAIN" if is_postgres else "EXPLAIN QUERY PLAN"
    rows = await connection().execute_query_dict(f"{explain} {query}")
    assert "idx_audit_target" in str(rows)


async def test_of_a_job_that_is_not_there_nothing_is_told(atlas: Atlas) -> None:
    with pytest.raises(NotFound):
        await atlas.queries.life(404)


async def test_a_move_comes_before_what_follows_from_it_however_quickly_that_follows(settings: Settings) -> None:
    job = await stored_job(status=Status.FAILED)
    async with running(settings) as atlas:
        followed = []
        atlas.bus.subscribe(lambda event: followed.append(clock.now()) if event == JobChanged(job.id) else None)
        await desk_of(atlas, "Grace").move(job.id, Move.RETRY)
        (moment,) = [each for each in (await atlas.queries.life(job.id)).moments if each.kind == Move.RETRY]
        assert moment.at <= followed[0]
