"""Schedules: what starts by itself."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.rest import MAX_LIMIT, Asked, JobId
from api.schemas import schedules as schemas
from engine.engine import Atlas


def schedule_routes(_: Atlas) -> APIRouter:
    """Making and changing takes an administrator, pausing and running the right to operate."""
    router = APIRouter(prefix="/api/v1", tags=["schedules"])
    _add_reads(router)
    _add_moves(router)

    @router.post("/schedules", status_code=201)
    async def create_schedule(body: schemas.ScheduleRequest, desk: Asked, response: Response) -> schemas.Schedule:
        """Start something by itself from now on: again and again with `cron`, or once with `at`."""
        view = await desk.create_schedule(body.wish())
        response.headers["Location"] = f"/api/v1/schedules/{view.id}"
        return schemas.Schedule.of(view)

    @router.put("/schedules/{schedule_id}")
    async def change_schedule(schedule_id: JobId, body: schemas.ScheduleRequest, desk: Asked) -> schemas.Schedule:
        """Let it be this from now on; a paused one stays paused."""
        return schemas.Schedule.of(await desk.change_schedule(schedule_id, body.wish()))

    @router.delete("/schedules/{schedule_id}", status_code=204)
    async def remove_schedule(schedule_id: JobId, desk: Asked) -> None:
        """Start nothing more; the jobs that it started stay."""
        await desk.remove_schedule(schedule_id)

    @router.post("/schedules:preview")
    async def preview_schedule(body: schemas.PreviewRequest, desk: Asked) -> schemas.Preview:
        """When an expression comes: in words, and its next five times."""
        return schemas.Preview.of(await desk.coming(body.cron, body.time_zone))

    return router


def _add_reads(router: APIRouter) -> None:
    @router.get("/schedules")
    async def list_schedules(
        desk: Asked,
        q: Annotated[str, Query(max_length=200, description="a part of the name")] = "",
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    ) -> schemas.ScheduleList:
        """Schedules by name, each with what came of it last."""
        found = await desk.schedules(q, page, limit)
        items = [schemas.Schedule.of(view) for view in found.items] if page <= found.pages else []
        return schemas.ScheduleList(items=items, total=found.total, pages=found.pages)

    @router.get("/schedules/{schedule_id}")
    async def get_schedule(schedule_id: JobId, desk: Asked) -> schemas.Schedule:
        """One schedule."""
        return schemas.Schedule.of(await desk.schedule(schedule_id))

    @router.get("/schedules/{schedule_id}/runs")
    async def list_schedule_runs(
        schedule_id: JobId, desk: Asked, limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50
    ) -> schemas.RunList:
        """What came of its latest times, the newest first."""
        views = await desk.schedule_runs(schedule_id, limit)
        return schemas.RunList(items=[schemas.Run.of(view) for view in views])


def _add_moves(router: APIRouter) -> None:
    @router.post("/schedules/{schedule_id}/pause")
    async def pause_schedule(schedule_id: JobId, desk: Asked) -> schemas.Schedule:
        """Start nothing until it is resumed."""
        return schemas.Schedule.of(await desk.pause_schedule(schedule_id, True))

    @router.post("/schedules/{schedule_id}/resume")
    async def resume_schedule(schedule_id: JobId, desk: Asked) -> schemas.Schedule:
        """Start again at the next time. What passed meanwhile is not made up for, but a moment that comes once is."""
        return schemas.Schedule.of(await desk.pause_schedule(schedule_id, False))

    @router.post("/schedules/{schedule_id}/run-now", status_code=201)
    async def run_schedule(schedule_id: JobId, desk: Asked, response: Response) -> schemas.Started:
        """Start it once more at once; its next time stays as it is."""
        kind, started = await desk.run_schedule(schedule_id)
        if kind != "job":
            response.headers["Location"] = f"/api/v1/runs/{started}"
            return schemas.Started(run_id=started)
        response.headers["Location"] = f"/api/v1/jobs/{started}"
        return schemas.Started(job_id=started)
