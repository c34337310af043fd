"""An approval step tells who let it go."""

import pytest

from engine import clock
from engine.actors import Actor, Kind
from engine.jobs.approval import Approval
from engine.settings import Settings
from models.approval import Review, ReviewKind
from models.job import Job
from models.rights import Right
from models.states import Status
from tests.support.engine import running, submitted, until_status

pytestmark = pytest.mark.either

ADA = Actor("ada", Kind.PERSON, frozenset(Right))


async def test_who_took_their_approval_back_or_approved_something_else_is_not_told(settings: Settings) -> None:
    async with running(settings, Approval()) as atlas:
        job_id = await submitted(atlas, "APPROVAL", {"question": "Go on?"})
        job = await Job.get(id=job_id)
        for kind, actor, judged in (
            (ReviewKind.APPROVED, "bob", job.content_hash),
            (ReviewKind.UNDONE, "bob", job.content_hash),
            (ReviewKind.APPROVED, "eve", "of another version"),
        ):
            await Review.create(job_id=job_id, version=1, kind=kind, actor=actor, content_hash=judged, at=clock.now())
        await atlas.reviews.approve(ADA, job_id)
        done = await until_status(atlas, job_id, Status.COMPLETED)
        assert done.result == {"message": "Approved by ada", "approved_by": ["ada"]}
