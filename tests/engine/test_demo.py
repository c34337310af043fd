"""The demo: one real job of each type, for an empty instance, and none that reaches anybody outside."""

import pytest

from engine.demo import CREATOR, fill
from engine.errors import SettingsError
from engine.jobs import BUILT_IN
from engine.settings import Settings
from models.job import Job
from models.states import Approval
from tests.support.engine import changed, opened

pytestmark = pytest.mark.either


async def test_an_empty_instance_gets_a_job_of_each_type_that_it_can_run(settings: Settings) -> None:
    told = await fill(settings)
    async with opened(settings):
        jobs = await Job.all()
    assert told.startswith(f"Queued {len(jobs)} jobs, ")
    assert {job.type for job in jobs} == {each.key for each in BUILT_IN} - {"AGENT_TASK"}
    assert {job.created_by for job in jobs} == {CREATOR}
    waiting = [job.type for job in jobs if job.approval is Approval.PENDING or job.approval == "pending"]
    assert sorted(waiting) == ["APPROVAL", "EMAIL_SEND"]


async def test_with_a_mail_server_every_mail_waits_for_a_person(settings: Settings) -> None:
    await fill(changed(settings, smtp_host="mail.example.org"))
    async with opened(settings):
        mails = await Job.filter(type="EMAIL_SEND")
    assert [mail.approval for mail in mails] == ["pending", "pending"]


async def test_an_instance_with_jobs_is_left_as_it_is(settings: Settings) -> None:
    await fill(settings)
    with pytest.raises(SettingsError, match="the demo fills an empty instance only, and this one has 13 jobs"):
        await fill(settings)
    async with opened(settings):
        assert await Job.all().count() == 13
