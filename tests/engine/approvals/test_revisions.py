"""Revisions: the same job does something else, is asked about anew, and every version is kept."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.actors import Actor, Kind
from engine.approvals.rules import NewRule
from engine.engine import Atlas
from engine.errors import InvalidInput, MoveNotAllowed, NotFound, Superseded
from engine.settings import Settings
from models.job import Job
from models.rights import Right
from models.states import Status
from tests.engine.approvals.test_reviews import ADA, BOB, MAIL
from tests.support.engine import opened, running, submitted, until_status

WRITER = Actor("writer", Kind.TOKEN, frozenset({Right.OPERATE}))
OTHER: dict[str, Any] = {**MAIL, "subject": "Better numbers"}


@pytest.fixture
async def atlas(settings: Settings) -> AsyncIterator[Atlas]:
    """Nothing claims the jobs."""
    async with opened(settings):
        atlas = Atlas(settings)
        await atlas.start()
        atlas.stop_claiming()
        yield atlas
        await atlas.stop()


async def test_a_rejected_job_is_revised_approved_and_done_as_revised(settings: Settings) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer", created_by="writer")
        await atlas.reviews.reject(ADA, job_id, comment="Other numbers")
        revised = await atlas.revisions.revise(WRITER, job_id, OTHER, comment="Now with others")
        job = await atlas.queries.job(job_id)
        assert (job.status, job.approval, job.version, job.error) == (Status.QUEUED, "pending", 2, None)
        assert job.summary == "grace@example.org · Better numbers"
        history = await atlas.queries.review(job_id)
        versions = [(each.number, each.payload["subject"], each.created_by) for each in history.versions]
        assert versions == [(1, "Numbers", "writer"), (2, "Better numbers", "writer")]
        assert [(step.kind, step.comment) for step in history.steps] == [
            ("rejected", "Other numbers"),
            ("revised", "Now with others"),
        ]
        await atlas.reviews.approve(ADA, job_id, shown=revised.content_hash)
        done = await until_status(atlas, job_id, Status.COMPLETED)
        assert done.payload["subject"] == "Better numbers"


async def test_a_revision_voids_an_approval(atlas: Atlas) -> None:
    job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
    await atlas.commands.pause(job_id)
    await atlas.reviews.approve(ADA, job_id)
    await atlas.revisions.revise(BOB, job_id, OTHER)
    job = await Job.get(id=job_id)
    assert (job.status, job.approval, job.approved_hash) == (Status.PAUSED, "pending", None)


async def test_of_two_revisions_of_one_version_one_is_told_of_the_other(atlas: Atlas) -> None:
    job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
    asking = [atlas.revisions.revise(who, job_id, {**MAIL, "subject": who.name}, version=1) for who in (ADA, BOB)]
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Revised", "Superseded"]
    with pytest.raises(Superseded, match="version 2 of job 1 is the latest, not 1"):
        await atlas.revisions.revise(ADA, job_id, OTHER, version=1)


async def test_a_revision_obeys_the_types_rules_and_names_the_field(atlas: Atlas) -> None:
    job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
    with pytest.raises(InvalidInput) as refused:
        await atlas.revisions.revise(ADA, job_id, {**MAIL, "to": ["nobody"], "colour": "red"})
    assert {error.field for error in refused.value.errors} == {"payload.to.0", "payload.colour"}
    assert (await Job.get(id=job_id)).version == 1


async def test_a_revision_needs_what_the_policy_says_of_its_new_content_too(atlas: Atlas) -> None:
    await atlas.rules.add(
        NewRule("require", "Mail outside", types=("EMAIL_SEND",), outside_domains=("example.org",), approvers=2), "test"
    )
    job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
    await atlas.revisions.revise(ADA, job_id, {**MAIL, "to": ["eve@elsewhere.net"]})
    job = await atlas.queries.job(job_id)
    assert job.approval_reason == "Mail from agents; Mail outside"
    assert (await atlas.reviews.approve(ADA, job_id)).missing == ("1 more person (Mail outside)",)


async def test_what_needs_no_approval_was_tried_or_is_over_is_not_revised(atlas: Atlas) -> None:
    free = await submitted(atlas, "EMAIL_SEND", MAIL)
    with pytest.raises(MoveNotAllowed, match="queued and needs no approval"):
        await atlas.revisions.revise(ADA, free, OTHER)
    tried = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
    await atlas.reviews.approve(ADA, tried)
    await Job.filter(id=tried).update(attempt=1)
    with pytest.raises(MoveNotAllowed, match="queued and was tried already"):
        await atlas.revisions.revise(ADA, tried, OTHER)
    over = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
    await atlas.commands.cancel(over)
    with pytest.raises(MoveNotAllowed, match="a job that is cancelled cannot be revised; "):
        await atlas.revisions.revise(ADA, over, OTHER)
    with pytest.raises(NotFound):
        await atlas.revisions.revise(ADA, 4711, OTHER)
