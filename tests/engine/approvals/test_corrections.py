"""Corrections: a failed job tries again with another payload, stays itself, and is judged as if it were new."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.rules import NewRule
from engine.engine import Atlas
from engine.errors import InvalidInput, MoveNotAllowed, NotFound, PermanentError, Superseded
from engine.jobs.base import Context
from engine.settings import Settings
from engine.submission import After
from models.approval import JobVersion, RuleKind
from models.audit import AuditEntry
from models.effect import Effect
from models.job import Job
from models.rights import Right
from models.states import Phase, Status
from tests.support.engine import running, scripted, submitted, until_status

ADA = Actor("ada", Kind.PERSON, frozenset(Right))


@pytest.fixture
async def atlas(settings: Settings) -> AsyncIterator[Atlas]:
    """Its jobs fail when they are told to."""

    async def work(context: Context) -> dict[str, Any]:
        note = (await Job.get(id=context.job_id)).payload.get("note", "")
        if note == "sent":

            async def send(_: dict[str, Any]) -> dict[str, Any]:
                return {"sent": True}

            await context.effect("one", {}, send)
        if note in ("fail", "sent"):
            raise PermanentError("It was asked to fail")
        return {"note": note}

    async with running(settings, scripted(work)) as atlas:
        yield atlas


async def failed(atlas: Atlas, note: str = "fail", **more: Any) -> int:
    """A job that failed."""
    job_id = await submitted(atlas, payload={"note": note}, **more)
    await until_status(atlas, job_id, Status.FAILED)
    return job_id


async def test_a_corrected_job_is_the_same_job_and_what_waits_for_it_goes_on(atlas: Atlas) -> None:
    job_id = await failed(atlas)
    child = await submitted(atlas, payload={"note": "{{ jobs.a.result.note }}"}, after=(After(job_id, "a"),))
    made = await atlas.corrections.correct(ADA, job_id, {"note": "well"}, version=1, comment="a slip")
    done = await until_status(atlas, child, Status.COMPLETED)
    assert done.payload["note"] == "well"
    job = await atlas.queries.job(job_id)
    assert (job.version, job.attempt, job.approval, made.version) == (2, 2, None, 2)
    versions = await JobVersion.filter(job_id=job_id).order_by("number")
    assert [version.payload["note"] for version in versions] == ["fail", "well"]
    assert await AuditEntry.filter(action="job.correct", target=f"job {job_id}").count() == 1


async def test_the_policy_judges_what_it_is_to_do_now(atlas: Atlas) -> None:
    job_id = await failed(atlas)
    await atlas.rules.add(NewRule(RuleKind.REQUIRE, "Everything", types=("SCRIPTED",)), "ada")
    await atlas.corrections.correct(ADA, job_id, {"note": "well"})
    waits = await atlas.queries.job(job_id)
    assert (waits.status, waits.approval) == ("queued", "pending")
    await atlas.reviews.approve(ADA, job_id)
    await until_status(atlas, job_id, Status.COMPLETED)


async def test_what_could_not_be_filled_in_is_corrected_with_another_template(atlas: Atlas) -> None:
    parent = await submitted(atlas, payload={"note": "x"})
    child = await submitted(atlas, payload={"note": "{{ jobs.a.result.nought }}"}, after=(After(parent, "a"),))
    await until_status(atlas, child, Status.FAILED)
    await atlas.corrections.correct(ADA, child, {"note": "{{ jobs.a.result.note }}!"})
    assert (await until_status(atlas, child, Status.COMPLETED)).payload["note"] == "x!"


async def test_only_what_failed_and_did_nothing_may_be_corrected(atlas: Atlas) -> None:
    done = await submitted(atlas, payload={"note": "x"})
    await until_status(atlas, done, Status.COMPLETED)
    with pytest.raises(MoveNotAllowed, match="a job that is completed"):
        await atlas.corrections.correct(ADA, done, {"note": "y"})
    sent = await failed(atlas, "sent")
    with pytest.raises(MoveNotAllowed, match="of which a part went out"):
        await atlas.corrections.correct(ADA, sent, {"note": "y"})
    with pytest.raises(NotFound):
        await atlas.corrections.correct(ADA, 10**9, {"note": "y"})


async def test_a_fault_or_a_later_version_changes_nothing(atlas: Atlas) -> None:
    job_id = await failed(atlas)
    with pytest.raises(InvalidInput, match="colour is not a field here"):
        await atlas.corrections.correct(ADA, job_id, {"colour": "red"})
    with pytest.raises(Superseded, match="version 1 of job"):
        await atlas.corrections.correct(ADA, job_id, {"note": "y"}, version=2)
    assert (await atlas.queries.job(job_id)).status == "failed"


async def test_whoever_corrects_is_judged_as_if_the_job_were_theirs(atlas: Atlas) -> None:
    job_id = await failed(atlas, created_by="carl")
    await atlas.rules.add(NewRule(RuleKind.REQUIRE, "What Ada does", names=("ada",)), "boss")
    await atlas.corrections.correct(ADA, job_id, {"note": "well"})
    assert (await atlas.queries.job(job_id)).approval == "pending"


async def test_another_content_does_not_go_out_under_the_key_of_the_first(atlas: Atlas) -> None:
    job_id = await failed(atlas)
    usual: dict[str, Any] = {"attempt": 1, "identity": {"key": "1"}, "phase": Phase.FAILED, "started_at": clock.now()}
    await Effect.create(job_id=job_id, target="one", **usual)
    await Effect.create(job_id=job_id, target="two", denied_at=clock.now(), **usual)
    await atlas.corrections.correct(ADA, job_id, {"note": "well \0"})
    assert [effect.target for effect in await Effect.filter(job_id=job_id)] == ["two"], "what a person denied is kept"
