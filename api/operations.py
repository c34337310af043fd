"""Operations on many jobs, and the priority of one."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.rest import Asked, JobId
from api.schemas import operations as schemas
from api.schemas.jobs import Job
from engine.engine import Atlas
from engine.finding import Criteria


def operation_routes(atlas: Atlas) -> APIRouter:
    """Begin, watch, stop and undo operations."""
    router = APIRouter(prefix="/api/v1", tags=["operations"])
    reading = atlas.queries.operations

    async def told(operation_id: int) -> schemas.OperationReport:
        view = await reading.operation(operation_id)
        return schemas.OperationReport.told(view, await reading.refusals(operation_id))

    @router.post("/operations", status_code=202)
    async def begin_operation(body: schemas.OperationRequest, desk: Asked, response: Response) -> schemas.Operation:
        """Ask the same of many jobs: of those named, or of all that match just now, 100,000 at most.

        It is carried out job by job in the background; `Location` tells how far it has come, and what was refused.
        """
        criteria = None if body.criteria is None else Criteria.of(body.criteria.model_dump())
        view = await desk.begin_operation(body.move, ids=body.ids, criteria=criteria, arguments=body.arguments)
        response.headers["Location"] = f"/api/v1/operations/{view.id}"
        return schemas.Operation.of(view)

    @router.get("/operations")
    async def list_operations(
        actor: Annotated[str | None, Query(max_length=200, description="whose; left out, everybody's")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> schemas.OperationList:
        """Operations of the last 30 days: those under way first, then the newest."""
        return schemas.OperationList(items=[schemas.Operation.of(view) for view in await reading.recent(actor, limit)])

    @router.get("/operations/{operation_id}")
    async def get_operation(operation_id: JobId) -> schemas.OperationReport:
        """How far an operation has come, and why jobs were left as they are."""
        return await told(operation_id)

    @router.post("/operations/{operation_id}/stop")
    async def stop_operation(operation_id: JobId, desk: Asked) -> schemas.OperationReport:
        """Leave the jobs whose turn has not come as they are."""
        await desk.stop_operation(operation_id)
        return await told(operation_id)

    @router.post("/operations/{operation_id}/undo", status_code=202)
    async def undo_operation(operation_id: JobId, desk: Asked, response: Response) -> schemas.Operation:
        """Bring back what was, of the jobs that were changed by pause, resume or prioritize, and a while after approve.

        That is an operation of its own, which is answered.
        """
        view = await desk.undo_operation(operation_id)
        response.headers["Location"] = f"/api/v1/operations/{view.id}"
        return schemas.Operation.of(view)

    @router.post("/jobs/{job_id}/prioritize")
    async def prioritize_job(job_id: JobId, body: schemas.PriorityRequest, desk: Asked) -> Job:
        """Let a job that is queued, paused or failed be claimed sooner or later than others."""
        await desk.prioritize(job_id, body.priority)
        return Job.of(await atlas.queries.job(job_id))

    return router
