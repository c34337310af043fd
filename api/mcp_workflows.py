"""The tools by which agents start workflows and see how their runs stand."""

from typing import Annotated, Any

from pydantic import Field

from api.mcp_tool import Arguments, Caller, Tool, made_tool
from api.schemas.jobs import IdempotencyKey
from api.schemas.workflows import Run, Workflow
from api.workflows import in_full
from engine.actors import Kind
from engine.desk import Desk
from engine.engine import Atlas
from models.rights import Right

RunId = Annotated[int, Field(ge=1, le=2**63 - 1, description="the run's id")]


class ListWorkflows(Arguments):
    """List the workflows that can be run, each with the JSON Schema of its inputs."""


class RunWorkflow(Arguments):
    """Start a workflow: all of its jobs are created, and each starts when those before it are over."""

    name: str = Field(max_length=64, description="as list_workflows tells it")
    inputs: dict[str, Any] = Field(default_factory=dict)
    idempotency_key: IdempotencyKey | None = Field(
        None, description="the same key and inputs again gives the first run"
    )


class GetRun(Arguments):
    """One run of a workflow with its steps and their jobs."""

    run_id: RunId


class ListRuns(Arguments):
    """List the newest runs first, of one workflow or of all."""

    workflow: str | None = Field(None, max_length=64)
    limit: int = Field(20, ge=1, le=100)


class CancelRun(Arguments):
    """Cancel whatever of a run is not over, for good."""

    run_id: RunId


def workflow_tools(atlas: Atlas) -> list[Tool]:
    """All of them."""

    def told(run: Any, caller: Caller) -> dict[str, Any]:
        return {**run.model_dump(mode="json"), "url": f"{caller.base.rstrip('/')}/app/runs/{run.id}"}

    async def list_workflows(_: Desk, __: ListWorkflows, ___: Caller) -> dict[str, Any]:
        views = [Workflow.model_validate(view) for view in await atlas.workflows.all()]
        return {"workflows": [view.model_dump(mode="json", exclude={"source"}) for view in views]}

    async def run_workflow(desk: Desk, asked: RunWorkflow, caller: Caller) -> dict[str, Any]:
        by = "mcp" if caller.actor.kind is Kind.LOCAL else None
        key = asked.idempotency_key
        started = await desk.run_workflow(asked.name, asked.inputs, created_by=by, idempotency_key=key)
        return {"created": started.is_new, "run": told(Run.model_validate(await atlas.runs.run(started.id)), caller)}

    async def get_run(_: Desk, asked: GetRun, caller: Caller) -> dict[str, Any]:
        return {"run": told(await in_full(atlas, asked.run_id), caller)}

    async def list_runs(_: Desk, asked: ListRuns, caller: Caller) -> dict[str, Any]:
        found = await atlas.runs.latest(asked.workflow, limit=asked.limit)
        return {"runs": [told(Run.model_validate(run), caller) for run in found]}

    async def cancel_run(desk: Desk, asked: CancelRun, caller: Caller) -> dict[str, Any]:
        return {"run": told(Run.model_validate(await desk.cancel_run(asked.run_id)), caller)}

    return [
        made_tool(atlas, ListWorkflows, Right.LOOK, list_workflows),
        made_tool(atlas, RunWorkflow, Right.OPERATE, run_workflow),
        made_tool(atlas, GetRun, Right.LOOK, get_run),
        made_tool(atlas, ListRuns, Right.LOOK, list_runs),
        made_tool(atlas, CancelRun, Right.OPERATE, cancel_run, is_final=True),
    ]
