"""Workflows by schedule: each time one run, from the clock to the last effect."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest

from engine import clock
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.schedules.terms import Wish
from engine.settings import Settings
from engine.workflows.views import RunStatus
from models.audit import AuditEntry
from models.job import Job
from models.schedule import ScheduleRun
from models.workflow import WorkflowRun
from tests.support.engine import changed, running, until

WEEK = timedelta(days=7)
REPORT: dict[str, Any] = {"workflow": {"name": "weekly-report", "inputs": {"to": ["ada@example.org"]}}}


@dataclass
class Wound:
    """An engine whose clock runs ahead of the others, as far as it is wound."""

    atlas: Atlas
    settings: Settings
    ahead: timedelta = timedelta()

    async def schedule(self, target: dict[str, Any], cron: str = "0 7 * * MON", **more: Any) -> int:
        """A new schedule's id."""
        return await self.atlas.schedules.create(Wish("Weekly", target, cron, "Europe/Berlin", **more), "ada")

    async def wind_to(self, moment: datetime | None) -> None:
        """To a second after this moment."""
        assert moment is not None
        self.ahead += moment + timedelta(seconds=1) - clock.now()

    async def until_runs(self, *statuses: RunStatus) -> None:
        """Wait until there are these runs, the oldest first."""

        async def stand() -> bool:
            return [run.status for run in reversed(await self.atlas.runs.latest())] == list(statuses)

        await until(self.atlas, stand, f"{statuses}")


@pytest.fixture
async def wound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wound]:
    made: list[Wound] = []
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + (made[0].ahead if made else timedelta()))
    async with running(changed(settings, lease_seconds=3600)) as atlas:
        made.append(Wound(atlas, settings))
        yield made[0]


async def test_a_report_of_the_week_goes_out_each_monday_once(wound: Wound) -> None:
    made = await wound.schedule(REPORT)
    view = await wound.atlas.schedule_queries.schedule(made)
    assert (view.starts, view.last_run) == ("Workflow: weekly-report", None)
    assert view.next_at
    await wound.wind_to(view.next_at + timedelta(seconds=30))  # what it makes falls into the week of the next
    await wound.until_runs(RunStatus.COMPLETED)
    first = await wound.atlas.schedule_queries.schedule(made)
    assert first.last_run is not None
    assert (first.last_run.name, first.last_run.status) == ("Weekly report", "completed")
    await wound.wind_to(first.next_at)
    await wound.until_runs(RunStatus.COMPLETED, RunStatus.COMPLETED)
    mails = [message_from_bytes(file.read_bytes()) for file in (wound.settings.data_dir / "outbox").glob("*.eml")]
    assert [mail["To"] for mail in mails] == ["ada@example.org"] * 2
    subjects = sorted(str(mail["Subject"]) for mail in mails)
    assert subjects == ["Weekly report: 0 completed, 0 failed", "Weekly report: 2 completed, 0 failed"]
    assert {part.get_filename() for mail in mails for part in mail.walk()} >= {"weekly-report.pdf"}
    jobs = await Job.all()
    assert {job.created_by for job in jobs} == {"Weekly (schedule)"}
    assert await wound.atlas.schedule_queries.made(jobs[0].id, jobs[0].run_id) is not None
    assert await AuditEntry.filter(action="workflow.run").count() == 2


async def test_a_run_that_waits_keeps_the_next_time_from_starting_and_one_that_is_over_does_not(wound: Wound) -> None:
    await wound.atlas.workflows.save("name: ask\nsteps: {ask: {type: APPROVAL, payload: {question: q}}}", "ada")
    made = await wound.schedule({"workflow": {"name": "ask"}}, "0 * * * *")
    await wound.wind_to((await wound.atlas.schedule_queries.schedule(made)).next_at)
    await wound.until_runs(RunStatus.WAITING)
    await wound.wind_to((await wound.atlas.schedule_queries.schedule(made)).next_at)

    async def skipped() -> bool:
        return await ScheduleRun.filter(schedule_id=made, outcome="skipped").exists()

    await until(wound.atlas, skipped)
    (reason,) = [run.reason for run in await ScheduleRun.filter(outcome="skipped")]
    assert reason is not None
    assert "Skipped: workflow 1, which was started before, is not over" in reason
    await wound.atlas.runs.cancel(1)
    await wound.wind_to((await wound.atlas.schedule_queries.schedule(made)).next_at)
    await wound.until_runs(RunStatus.CANCELLED, RunStatus.WAITING)


async def test_what_cannot_run_is_refused_and_what_cannot_run_any_more_is_told(wound: Wound) -> None:
    with pytest.raises(InvalidInput) as refused:
        await wound.schedule({"workflow": {"name": "nothing"}})
    assert "name must be one of article-to-post" in str(refused.value)
    with pytest.raises(InvalidInput) as refused:
        await wound.schedule({"workflow": {"name": "weekly-report", "inputs": {"days": 0}}})
    assert {fault.field for fault in refused.value.errors} == {
        "target.workflow.inputs.days",
        "target.workflow.inputs.to",
    }
    made = await wound.schedule(REPORT)
    await wound.atlas.workflows.remove("weekly-report")
    await wound.wind_to((await wound.atlas.schedule_queries.schedule(made)).next_at)

    async def failed() -> bool:
        return (await wound.atlas.schedule_queries.schedule(made)).fault is not None

    await until(wound.atlas, failed)
    assert (await wound.atlas.schedule_queries.schedule(made)).fault == "there is no workflow weekly-report"
    assert await WorkflowRun.all().count() == 0
