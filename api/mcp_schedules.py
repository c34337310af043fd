"""The tools by which agents look after schedules; making one takes a person, or a program by REST."""

from typing import Annotated, Any

from pydantic import Field

from api.mcp_tool import Arguments, Tool, made_tool
from api.schemas.schedules import Run, Schedule
from engine.desk import Desk
from engine.engine import Atlas
from models.rights import Right

ScheduleId = Annotated[int, Field(ge=1, le=2**63 - 1, description="the schedule's id")]
RUNS = 5


class ListSchedules(Arguments):
    """List what starts by itself: by name, with when it comes next and what came of it last."""

    text: str = Field("", max_length=200, description="a part of the name")
    page: int = Field(1, ge=1, le=1_000_000)


class GetSchedule(Arguments):
    """One schedule, with what came of its latest times."""

    schedule_id: ScheduleId


class RunSchedule(Arguments):
    """Start what a schedule starts once more, at once; its next time stays as it is."""

    schedule_id: ScheduleId


class PauseSchedule(Arguments):
    """Let a schedule start nothing until it is resumed."""

    schedule_id: ScheduleId


class ResumeSchedule(Arguments):
    """Let a paused schedule start again at its next time."""

    schedule_id: ScheduleId


def schedule_tools(atlas: Atlas) -> list[Tool]:
    """All of them."""
    look, operate = Right.LOOK, Right.OPERATE
    return [
        made_tool(atlas, ListSchedules, look, list_schedules),
        made_tool(atlas, GetSchedule, look, get_schedule),
        made_tool(atlas, RunSchedule, operate, run_schedule),
        made_tool(atlas, PauseSchedule, operate, pause_schedule),
        made_tool(atlas, ResumeSchedule, operate, resume_schedule),
    ]


async def list_schedules(desk: Desk, asked: ListSchedules, _: object) -> dict[str, Any]:
    """Fifty of them."""
    found = await desk.schedules(asked.text, asked.page)
    items = found.items if asked.page <= found.pages else ()
    told = [Schedule.of(view).model_dump(mode="json") for view in items]
    return {"schedules": told, "total": found.total, "pages": found.pages}


async def get_schedule(desk: Desk, asked: GetSchedule, _: object) -> dict[str, Any]:
    """With its latest runs."""
    view = await desk.schedule(asked.schedule_id)
    runs = await desk.schedule_runs(asked.schedule_id, RUNS)
    told = [Run.of(run).model_dump(mode="json") for run in runs]
    return {"schedule": Schedule.of(view).model_dump(mode="json"), "runs": told}


async def run_schedule(desk: Desk, asked: RunSchedule, _: object) -> dict[str, Any]:
    """The id of what was started, by what it is."""
    kind, started = await desk.run_schedule(asked.schedule_id)
    return {f"{kind}_id": started}


async def pause_schedule(desk: Desk, asked: PauseSchedule, _: object) -> dict[str, Any]:
    """The schedule as it is then."""
    return _told(await desk.pause_schedule(asked.schedule_id, True))


async def resume_schedule(desk: Desk, asked: ResumeSchedule, _: object) -> dict[str, Any]:
    """The schedule as it is then."""
    return _told(await desk.pause_schedule(asked.schedule_id, False))


def _told(view: Any) -> dict[str, Any]:
    return {"schedule": Schedule.of(view).model_dump(mode="json")}
