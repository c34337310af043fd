"""Approvals: decide, undo, revise and comment; and the policy. Approving takes a person: no token has the right."""

from typing import Any

from fastapi import APIRouter

from api.rest import Asked, JobId
from api.schemas import approvals as schemas
from api.schemas.jobs import Job
from engine.approvals.rules import NewRule
from engine.engine import Atlas


def approval_routes(atlas: Atlas) -> APIRouter:
    """Reviews of jobs, and the policy's rules."""
    router = APIRouter(prefix="/api/v1", tags=["approvals"])
    _add_decisions(router, atlas)
    _add_revisions(router, atlas)
    _add_rules(router)
    return router


def _add_decisions(router: APIRouter, atlas: Atlas) -> None:
    async def job(job_id: int) -> Job:
        return Job.of(await atlas.queries.job(job_id))

    @router.post("/jobs/{job_id}/approve")
    async def approve_job(job_id: JobId, desk: Asked, body: schemas.Approving | None = None) -> Job:
        """Let a job that needs approval be executed. It takes a person.

        With `content_hash`, exactly what was looked at is approved: if the job would do something else by now, the
        answer is 409. Where more people have to approve, the job goes on waiting for them.
        """
        asked = body or schemas.Approving()
        await desk.approve(job_id, shown=asked.content_hash, comment=asked.comment)
        return await job(job_id)

    @router.post("/jobs/{job_id}/reject")
    async def reject_job(job_id: JobId, desk: Asked, body: schemas.Rejection | None = None) -> Job:
        """Refuse a job that needs approval; whoever made it may submit a revision. It takes a person."""
        asked = body or schemas.Rejection()
        await desk.reject(job_id, shown=asked.content_hash, comment=asked.reason)
        return await job(job_id)

    @router.post("/jobs/{job_id}/undo-approval")
    async def undo_approval_of_job(job_id: JobId, desk: Asked) -> Job:
        """Take an approval back, as long as the job has not begun. It takes a person."""
        await desk.undo_approval(job_id)
        return await job(job_id)


def _add_revisions(router: APIRouter, atlas: Atlas) -> None:
    @router.post("/jobs/{job_id}/revise")
    async def revise_job(job_id: JobId, body: schemas.Revision, desk: Asked) -> Job:
        """Let a job in review, or one that was rejected, do something else; it waits for approval anew."""
        await desk.revise(job_id, body.payload, version=body.version, comment=body.comment)
        return Job.of(await atlas.queries.job(job_id))

    @router.post("/jobs/{job_id}/correct")
    async def correct_job(job_id: JobId, body: schemas.Revision, desk: Asked) -> Job:
        """Let a failed job try again with another payload; it stays the same job, and what waits for it goes on."""
        await desk.correct(job_id, body.payload, version=body.version, comment=body.comment)
        return Job.of(await atlas.queries.job(job_id))

    @router.post("/jobs/{job_id}/comments", status_code=204)
    async def comment_on_job(job_id: JobId, body: schemas.Comment, desk: Asked) -> None:
        """Say something about a job; it stays with it."""
        await desk.comment(job_id, body.text)

    @router.get("/jobs/{job_id}/review")
    async def get_review(job_id: JobId, desk: Asked) -> schemas.Review:
        """What was decided and said about a job, its versions, and who still has to approve."""
        return schemas.Review.of(await atlas.queries.review(job_id))


def _add_rules(router: APIRouter) -> None:
    @router.get("/approval-rules")
    async def list_approval_rules(desk: Asked) -> schemas.RuleList:
        """The rules that hold: which jobs need approval, and which are trusted."""
        return schemas.RuleList(items=[schemas.Rule.of(view) for view in await desk.rules()])

    @router.post("/approval-rules", status_code=201)
    async def add_approval_rule(body: schemas.RuleRequest, desk: Asked) -> schemas.Rule:
        """Add a rule; it holds for what is submitted or revised from now on. It takes an administrator."""
        return schemas.Rule.of(await desk.add_rule(_rule(body)))

    @router.delete("/approval-rules/{rule_id}", status_code=204)
    async def revoke_approval_rule(rule_id: JobId, desk: Asked) -> None:
        """Let a rule hold no more; jobs that wait because of it go on waiting. It takes an administrator."""
        await desk.revoke_rule(rule_id)

    @router.get("/approval-suggestions")
    async def list_approval_suggestions(desk: Asked) -> schemas.SuggestionList:
        """Trust rules that past decisions speak for, with the evidence. It takes somebody who may approve."""
        return schemas.SuggestionList(items=[schemas.Suggestion.of(each) for each in await desk.suggestions()])


def _rule(body: schemas.RuleRequest) -> NewRule:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in body.model_dump().items()
    }
    return NewRule(**values)
