"""The door of outside agents: register, claim, report, upload."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from api.rest import Asked, JobId
from api.schemas import agents as schemas
from api.schemas.problems import Problem
from api.schemas.workforce import MAX_IDS, AtWork, Workforce
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import LeaseGone
from engine.reports import Report

AgentKey = Annotated[str, Path(max_length=80, examples=["mailer"], description="as in the list: `mailer`, `agent-7`")]


def agent_routes(atlas: Atlas) -> APIRouter:
    """Outside agents, and what they do."""
    router = APIRouter(prefix="/api/v1", tags=["agents"])

    @router.get("/agents")
    async def list_agents() -> schemas.AgentList:
        """Every outside agent, with what it takes and whether it is online."""
        return schemas.AgentList(items=[schemas.Agent.model_validate(view) for view in await atlas.queries.agents()])

    @router.post("/agents")
    async def register_agent(body: schemas.AgentRequest, desk: Asked) -> schemas.Agent:
        """Register, or change what an agent of this name takes. It takes a token with the scope `agent`."""
        return schemas.Agent.model_validate(await desk.register_agent(body.name, body.types, body.concurrency))

    @router.delete("/agents/{agent_id}", status_code=204)
    async def remove_agent(agent_id: JobId, desk: Asked) -> None:
        """Sign off; jobs that it still has in hand are rescued when their leases run out."""
        await desk.remove_agent(agent_id)

    @router.post("/agents/{agent_id}/claim")
    async def claim_jobs(
        agent_id: JobId, body: schemas.ClaimRequest, desk: Asked, request: Request
    ) -> schemas.ClaimedList:
        """Take due jobs; without any, the answer waits for some up to `wait_seconds`.

        Renew each lease by a report before it runs out, or the job is given to somebody else.
        """
        handed = await desk.claim(agent_id, **body.model_dump(), is_gone=request.is_disconnected)
        items = [schemas.Claimed.model_validate(each) for each in handed]
        return schemas.ClaimedList(items=items, paused=not items and await atlas.agents.is_paused(agent_id))

    @router.post("/agents/{agent_id}/reports")
    async def report_jobs(agent_id: JobId, body: schemas.ReportRequest, desk: Asked) -> schemas.HeardList:
        """Tell of up to 500 jobs: each report renews its lease, and may bring progress, log lines and the end.

        `status` ends the attempt: `completed`, `failed` (it certainly did not happen), `unknown` (nobody knows whether
        it happened) or `released` (given back). What a lost lease reports changes nothing, and is told so.
        """
        reports = [Report(**{**each.model_dump(), "log": tuple(each.log)}) for each in body.reports]
        heard = await desk.report(agent_id, reports, lease_seconds=body.lease_seconds)
        return schemas.HeardList(items=[schemas.Heard.model_validate(each) for each in heard])

    @router.post("/agents/{agent_id}/jobs/{job_id}/report", responses={409: {"model": Problem}})
    async def report_job(agent_id: JobId, job_id: JobId, body: schemas.OneReport, desk: Asked) -> schemas.Heard:
        """Tell of one job; a lost lease is answered with 409."""
        report = Report(**{**body.model_dump(exclude={"lease_seconds"}), "log": tuple(body.log), "job_id": job_id})
        (heard,) = await desk.report(agent_id, [report], lease_seconds=body.lease_seconds)
        if heard.is_lost:
            raise LeaseGone(heard.problem or "")
        return schemas.Heard.model_validate(heard)

    @router.put("/agents/{agent_id}/jobs/{job_id}/artifacts/{name}", status_code=204, openapi_extra=_FILE)
    async def upload_artifact(
        agent_id: JobId,
        job_id: JobId,
        name: str,
        desk: Asked,
        request: Request,
        lease_token: Annotated[str, Header(max_length=64, description="of the claimed job")],
    ) -> Response:
        """Store a file that the job made, up to 8 MB; it is the job's once that is completed."""
        await desk.keep_artifact(agent_id, job_id, lease_token, name, await request.body())
        return Response(status_code=204)

    _add_workforce(router, atlas)
    return router


def _add_workforce(router: APIRouter, atlas: Atlas) -> None:
    @router.get("/workforce", tags=["workforce"])
    async def list_workforce() -> Workforce:
        """Every agent, built in and from outside: what it takes, what it has in hand, and how it fares."""
        agents = await atlas.queries.watcher.agents(shown=0, ids=MAX_IDS)
        return Workforce(items=[AtWork.of(agent) for agent in agents])

    async def set_paused(key: str, desk: Desk, *, paused: bool) -> AtWork:
        await desk.pause_agent(key, paused)
        return AtWork.of(await atlas.queries.watcher.agent(key))

    @router.post("/workforce/{key}/pause", tags=["workforce"])
    async def pause_agent(key: AgentKey, desk: Asked) -> AtWork:
        """Give the agent no more jobs; what it has in hand goes on. Of a built-in one, every type is paused."""
        return await set_paused(key, desk, paused=True)

    @router.post("/workforce/{key}/resume", tags=["workforce"])
    async def resume_agent(key: AgentKey, desk: Asked) -> AtWork:
        """Give the agent jobs again."""
        return await set_paused(key, desk, paused=False)


_FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
