"""Workflows and their runs: saved, started, looked at and cancelled."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from api.rest import MAX_LIMIT, Asked, JobId, cursor_of
from api.schemas import workflows as schemas
from api.schemas.jobs import Job
from engine.actors import Kind
from engine.engine import Atlas

Name = Annotated[str, Path(max_length=64, examples=["article-to-post"])]


def workflow_routes(atlas: Atlas) -> APIRouter:
    """Everything about workflows."""
    router = APIRouter(prefix="/api/v1", tags=["workflows"])

    @router.get("/workflows")
    async def list_workflows() -> list[schemas.Workflow]:
        """Every workflow that can be run, by title."""
        return [schemas.Workflow.model_validate(view) for view in await atlas.workflows.all()]

    @router.post("/workflows", status_code=201)
    async def save_workflow(body: schemas.WorkflowRequest, desk: Asked) -> schemas.Workflow:
        """Save a workflow: a new one, or the next version of the one of its name."""
        return schemas.Workflow.model_validate(await desk.save_workflow(body.source))

    @router.get("/workflows/{name}")
    async def get_workflow(name: Name) -> schemas.Workflow:
        """One workflow."""
        return schemas.Workflow.model_validate(await atlas.workflows.workflow(name))

    @router.get("/workflows/{name}/versions")
    async def get_versions(name: Name) -> list[schemas.WorkflowVersion]:
        """Every version of it, the latest first."""
        return [schemas.WorkflowVersion.model_validate(view) for view in await atlas.workflows.versions(name)]

    @router.put("/workflows/{name}")
    async def change_workflow(name: Name, body: schemas.WorkflowChange, desk: Asked) -> schemas.Workflow:
        """Save the next version of it; runs that were started before stay as they are."""
        await atlas.workflows.workflow(name)
        return schemas.Workflow.model_validate(await desk.save_workflow(body.source, name=name, version=body.version))

    @router.delete("/workflows/{name}", status_code=204)
    async def remove_workflow(name: Name, desk: Asked) -> None:
        """Nobody can start it any more; its runs go on."""
        await desk.remove_workflow(name)

    @router.post("/workflows/{name}/runs", status_code=201, responses={200: {"model": schemas.Run}})
    async def run_workflow(
        name: Name,
        body: schemas.RunRequest,
        desk: Asked,
        response: Response,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> schemas.Run:
        """Start it; with an Idempotency-Key, the same request again answers 200 with the first run."""
        own = "api" if (await desk.actor()).kind is Kind.LOCAL else None
        started = await desk.run_workflow(
            name, body.inputs, created_by=body.created_by or own, idempotency_key=idempotency_key
        )
        response.status_code = 201 if started.is_new else 200
        response.headers["Location"] = f"/api/v1/runs/{started.id}"
        return schemas.Run.model_validate(await atlas.runs.run(started.id))

    _add_runs(router, atlas)
    return router


def _add_runs(router: APIRouter, atlas: Atlas) -> None:
    @router.get("/runs")
    async def list_runs(
        workflow: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
        cursor: Annotated[str | None, Query(max_length=20)] = None,
    ) -> schemas.RunList:
        """The newest first."""
        found = await atlas.runs.latest(workflow, cursor_of(cursor), limit + 1)
        items = [schemas.Run.model_validate(run) for run in found[:limit]]
        return schemas.RunList(items=items, next_cursor=str(items[-1].id) if len(found) > limit else None)

    @router.get("/runs/{run_id}")
    async def get_run(run_id: JobId) -> schemas.RunInFull:
        """One run with its steps."""
        return await in_full(atlas, run_id)

    @router.post("/runs/{run_id}/cancel")
    async def cancel_run(run_id: JobId, desk: Asked) -> schemas.Run:
        """Cancel whatever of it is not over."""
        return schemas.Run.model_validate(await desk.cancel_run(run_id))


async def in_full(atlas: Atlas, run_id: int) -> schemas.RunInFull:
    """A run with its steps.

    Raises:
        NotFound: there is no such run.
    """
    run, graph = await atlas.runs.run(run_id), await atlas.runs.graph(run_id)
    before: dict[str, list[str]] = {step.name: [] for step in graph.steps}
    for parent, name in graph.edges:
        before[name].append(parent)
    steps = [
        schemas.RunStep(
            name=step.name,
            title=step.title,
            type=step.type,
            after=before[step.name],
            jobs=[Job.of(job) for job in step.jobs],
        )
        for step in graph.steps
    ]
    told = schemas.Run.model_validate(run).model_dump()
    return schemas.RunInFull(**told, steps=steps)
