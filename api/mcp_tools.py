"""The tools that agents are shown: one a job type, and what else they may do with jobs."""

import asyncio
import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.mcp_budgets import budget_tools
from api.mcp_schedules import schedule_tools
from api.mcp_tool import Arguments, Caller, JobId, Tool, made_tool, parsed, plain_schema, told_job
from api.mcp_workflows import workflow_tools
from api.schemas import agents as agent_schemas
from api.schemas import jobs as job_schemas
from api.schemas.approvals import Review
from engine.actors import Actor, Kind
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import FieldError, InvalidInput, LeaseGone, TooMany
from engine.events import AccessChanged, AttemptEnded, Event, JobChanged
from engine.finding import Criteria
from engine.jobs import AnyJobType
from engine.jobs.base import EffectKind
from engine.reports import Report
from engine.views import JobView
from models.rights import Right
from models.states import Approval, Category, Move, Status
from models.wanted import Sort

LONGEST_WAIT = 50.0  # many clients give up after a minute
LOOK_AGAIN_SECONDS = 5.0
MAX_WAITING = 100  # of one person or program
OPTIONS = "job_options"
SUBMIT = "submit_"


class JobOptions(Arguments):
    """How the job is to be run."""

    name: str | None = Field(None, description="what people see as its name")
    priority: Literal["high", "medium", "low"] = "medium"
    run_at: AwareDatetime | None = Field(None, description="not before this moment (RFC 3339)")
    requires_approval: bool = Field(False, description="whether a person has to let it go first")
    idempotency_key: job_schemas.IdempotencyKey | None = Field(
        None, description="the same key and job again gives the first job"
    )
    after: list[job_schemas.AfterRequest] = Field(
        [],
        description="jobs that must be over before it starts; the payload may then have {{ jobs.render.result.url }}",
    )


class ListJobs(Arguments):
    """List the newest jobs first, filtered as asked."""

    type: str | None = Field(None, description=f"a job type's key, or a category: {', '.join(Category)}")
    status: Status | None = None
    text: str | None = Field(None, max_length=200, description="words of name, payload, result or error, or an id")
    created_by: str | None = Field(None, max_length=200)
    limit: int = Field(20, ge=1, le=100)
    before_id: int | None = Field(None, ge=1, description="goes on after this job")


class GetJob(Arguments):
    """One job with its tries, their log lines and what it did to the world."""

    job_id: JobId


class WaitForJob(Arguments):
    """Wait until a job is done, or needs a person, or the time is over; call it again to wait longer."""

    job_id: JobId
    timeout_seconds: float = Field(30, ge=0, le=LONGEST_WAIT)


class CancelJob(Arguments):
    """Cancel a job for good; a running one is stopped, and tells what had already happened."""

    job_id: JobId


class RetryJob(Arguments):
    """Try a failed job again."""

    job_id: JobId


class PauseJob(Arguments):
    """Pause a job: a queued one at once, a running one at its next safe point."""

    job_id: JobId


class ResumeJob(Arguments):
    """Send a paused job back to the queue."""

    job_id: JobId


class ReviseJob(Arguments):
    """Let a job that waits for approval, or was rejected, do something else; a person then decides anew."""

    job_id: JobId
    payload: dict[str, Any] = Field(description="all of it, as for submitting such a job")
    comment: str | None = Field(None, max_length=2000, description="what was changed, for whoever reviews it")


class CorrectJob(Arguments):
    """Let a failed job try again with another payload; it stays the same job, and what waits for it goes on."""

    job_id: JobId
    payload: dict[str, Any] = Field(description="all of it, as for submitting such a job")
    comment: str | None = Field(None, max_length=2000, description="what was wrong")


class GetReview(Arguments):
    """What people decided and said about a job: why it was rejected, say; and its versions."""

    job_id: JobId


class WhatNeedsAPerson(Arguments):
    """Everything that waits for a person: approvals, and jobs of which nobody knows whether they went out."""


class RegisterAgent(Arguments):
    """Register as an agent that does jobs of defined types, or change what an agent of this name takes."""

    name: str
    types: list[str]
    concurrency: int = Field(1, description="how many jobs it has in hand at most")


class ClaimJobs(Arguments):
    """Take due jobs to do them; report on each before its lease is over, or it is given to somebody else.

    `paused` tells that there are none because somebody paused the agent.
    """

    agent_id: JobId
    limit: int = Field(1, description="1 to 500")
    wait_seconds: float = Field(0, description="how long to wait for work, 0 to 30")
    lease_seconds: float = Field(60, description="5 to 3600")


class ReportJob(Arguments):
    """Tell of a claimed job: renews its lease, and may bring progress, log lines and the end."""

    agent_id: JobId
    job_id: JobId
    lease_token: str = Field(max_length=64)
    progress: float | None = Field(None, description="0 to 100")
    log: list[str] = Field(default_factory=list)
    status: str | None = Field(None, description="completed, failed, unknown or released; left out, the work goes on")
    result: dict[str, Any] | None = None
    error: str = ""
    retry: bool = True
    tokens: int | None = None
    cost: float | None = None


class UploadArtifact(Arguments):
    """Store a file that a claimed job made."""

    agent_id: JobId
    job_id: JobId
    lease_token: str = Field(max_length=64)
    name: str
    content: str = Field(description="the file's text, or its bytes as base64")
    encoding: Literal["text", "base64"] = "text"


class Toolbox:
    """Every tool, by name."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._waiting: Counter[str] = Counter()
        look, operate, work = Right.LOOK, Right.OPERATE, Right.WORK
        self._own = [
            made_tool(atlas, ListJobs, look, self._list_jobs),
            made_tool(atlas, GetJob, look, self._get_job),
            made_tool(atlas, WaitForJob, look, self._wait_for_job),
            made_tool(atlas, WhatNeedsAPerson, look, self._what_needs_a_person),
            made_tool(atlas, GetReview, look, self._get_review),
            made_tool(atlas, ReviseJob, operate, self._revise),
            made_tool(atlas, CorrectJob, operate, self._correct),
            made_tool(atlas, CancelJob, operate, self._mover(Move.CANCEL), is_final=True),
            made_tool(atlas, RetryJob, operate, self._mover(Move.RETRY)),
            made_tool(atlas, PauseJob, operate, self._mover(Move.PAUSE)),
            made_tool(atlas, ResumeJob, operate, self._mover(Move.RESUME)),
            made_tool(atlas, RegisterAgent, work, self._register),
            made_tool(atlas, ClaimJobs, work, self._claim),
            made_tool(atlas, ReportJob, work, self._report),
            made_tool(atlas, UploadArtifact, work, self._upload),
            *workflow_tools(atlas),
            *schedule_tools(atlas),
            *budget_tools(atlas),
        ]

    def tools(self, actor: Actor) -> list[Tool]:
        """Those that somebody may use."""
        return [tool for tool in self._all() if actor.may(tool.right)]

    def find(self, actor: Actor, name: str) -> Tool | None:
        """The tool of this name, if somebody may use it."""
        tool = next((tool for tool in self._own if tool.name == name), None)
        if tool is None and name.startswith(SUBMIT):
            job_type = self._atlas.queries.job_type(name.removeprefix(SUBMIT).upper())
            tool = self._submitter(job_type) if job_type else None
        return tool if tool and actor.may(tool.right) else None

    def _all(self) -> Iterator[Tool]:
        yield from self._own
        for job_type in self._atlas.queries.job_types():
            yield self._submitter(job_type)

    # -- submitting ------------------------------------------------------------------------------------------

    def _submitter(self, job_type: AnyJobType) -> Tool:
        async def run(caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
            options = parsed(JobOptions, given.get(OPTIONS) or {}, OPTIONS)
            payload = {name: value for name, value in given.items() if name != OPTIONS}
            more = options.model_dump() | {"after": job_schemas.awaited(options.after)}
            if caller.actor.kind is Kind.LOCAL:
                more["created_by"] = "mcp"
            desk = self._atlas.office.desk_of(caller.actor)
            made = await desk.submit(job_type.key, payload, with_view=True, **more)
            view = made.view or await self._atlas.queries.job(made.id)
            return {"created": made.is_new, "job": told_job(view, caller.base)}

        schema = dict(job_type.schema())
        schema["properties"] = {**schema.get("properties", {}), OPTIONS: plain_schema(JobOptions)}
        final = job_type.effect is EffectKind.IRREVERSIBLE
        told = "What it does cannot be taken back." if final else "It may simply be done again."
        description = f"{job_type.description}. Creates a {job_type.key} job, which runs on its own. {told}"
        name = f"{SUBMIT}{job_type.key.lower()}"
        return Tool(name, job_type.label, description, schema, Right.OPERATE, run, is_final=final)

    # -- looking ---------------------------------------------------------------------------------------------

    async def _list_jobs(self, _: Desk, asked: ListJobs, caller: Caller) -> dict[str, Any]:
        criteria = Criteria(
            q=asked.text or "",
            types=(asked.type,) if asked.type else (),
            statuses=(asked.status,) if asked.status else (),
            created_by=asked.created_by or "",
        )
        finder = self._atlas.queries.finder
        jobs, _more = await finder.behind(criteria, Sort.NEWEST, asked.before_id, limit=asked.limit)
        total = await finder.count(criteria)
        return {"jobs": [told_job(job, caller.base) for job in jobs], "total": total}

    async def _get_job(self, _: Desk, asked: GetJob, caller: Caller) -> dict[str, Any]:
        job = told_job(await self._atlas.queries.job(asked.job_id), caller.base)
        attempts = await self._atlas.queries.attempts(asked.job_id)
        effects = await self._atlas.queries.effects(asked.job_id)
        told = [job_schemas.Attempt.of(attempt, effects).model_dump(mode="json") for attempt in attempts]
        return {"job": job, "attempts": told}

    async def _wait_for_job(self, _: Desk, asked: WaitForJob, caller: Caller) -> dict[str, Any]:
        if self._waiting[caller.actor.name] >= MAX_WAITING:
            raise TooMany(f"{caller.actor.name} waits for {MAX_WAITING} jobs already", LOOK_AGAIN_SECONDS)
        changed = asyncio.Event()

        def on_event(event: Event) -> None:
            is_about_it = isinstance(event, JobChanged | AttemptEnded) and event.job_id == asked.job_id
            if is_about_it or isinstance(event, AccessChanged):
                changed.set()

        end = self._atlas.bus.subscribe(on_event)
        give_up_at = monotonic() + asked.timeout_seconds
        self._waiting[caller.actor.name] += 1
        try:
            while True:
                changed.clear()
                (await caller.still()).require(Right.LOOK)
                job = await self._atlas.queries.job(asked.job_id)
                left = give_up_at - monotonic()
                if not _goes_on(job) or left <= 0 or await caller.is_gone():
                    return {"done": not _goes_on(job), "job": told_job(job, caller.base)}
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, LOOK_AGAIN_SECONDS)):
                        await changed.wait()
        finally:
            end()
            self._waiting[caller.actor.name] -= 1

    async def _what_needs_a_person(self, _: Desk, __: WhatNeedsAPerson, caller: Caller) -> dict[str, Any]:
        waiting = await self._atlas.queries.awaiting_approval()
        unknown = await self._atlas.queries.outcome_unknown()
        return {
            "awaiting_approval": [told_job(job, caller.base) for job in waiting],
            "outcome_unknown": [told_job(job, caller.base) for job in unknown],
        }

    async def _get_review(self, _: Desk, asked: GetReview, __: Caller) -> dict[str, Any]:
        return Review.of(await self._atlas.queries.review(asked.job_id)).model_dump(mode="json")

    async def _revise(self, desk: Desk, asked: ReviseJob, caller: Caller) -> dict[str, Any]:
        await desk.revise(asked.job_id, asked.payload, comment=asked.comment)
        return {"job": told_job(await self._atlas.queries.job(asked.job_id), caller.base)}

    async def _correct(self, desk: Desk, asked: CorrectJob, caller: Caller) -> dict[str, Any]:
        await desk.correct(asked.job_id, asked.payload, comment=asked.comment)
        return {"job": told_job(await self._atlas.queries.job(asked.job_id), caller.base)}

    def _mover(self, move: Move) -> Callable[[Desk, Any, Caller], Awaitable[dict[str, Any]]]:
        async def moved(desk: Desk, asked: Any, caller: Caller) -> dict[str, Any]:
            await desk.move(asked.job_id, move)
            return {"job": told_job(await self._atlas.queries.job(asked.job_id), caller.base)}

        return moved

    # -- working ---------------------------------------------------------------------------------------------

    async def _register(self, desk: Desk, asked: RegisterAgent, caller: Caller) -> dict[str, Any]:
        view = await desk.register_agent(asked.name, asked.types, asked.concurrency)
        return {"agent": agent_schemas.Agent.model_validate(view).model_dump(mode="json")}

    async def _claim(self, desk: Desk, asked: ClaimJobs, caller: Caller) -> dict[str, Any]:
        handed = await desk.claim(asked.agent_id, **asked.model_dump(exclude={"agent_id"}), is_gone=caller.is_gone)
        jobs = [agent_schemas.Claimed.model_validate(each).model_dump(mode="json") for each in handed]
        return {"jobs": jobs, "paused": not jobs and await self._atlas.agents.is_paused(asked.agent_id)}

    async def _report(self, desk: Desk, asked: ReportJob, caller: Caller) -> dict[str, Any]:
        told = asked.model_dump(exclude={"agent_id", "log"})
        (heard,) = await desk.report(asked.agent_id, [Report(**told, log=tuple(asked.log))])
        if heard.is_lost:
            raise LeaseGone(heard.problem or "")
        if heard.problem:
            raise InvalidInput([FieldError("report", heard.problem)])
        return agent_schemas.Heard.model_validate(heard).model_dump(mode="json")

    async def _upload(self, desk: Desk, asked: UploadArtifact, caller: Caller) -> dict[str, Any]:
        try:
            body = (
                asked.content.encode() if asked.encoding == "text" else base64.b64decode(asked.content, validate=True)
            )
        except ValueError as error:  # base64 of a kind, or lone surrogates
            raise InvalidInput([FieldError("content", f"content must be {asked.encoding}: {error}")]) from None
        await desk.keep_artifact(asked.agent_id, asked.job_id, asked.lease_token, asked.name, body)
        return {"name": asked.name, "bytes": len(body)}


def _goes_on(job: JobView) -> bool:
    """Whether something will still happen to it by itself."""
    if job.status is Status.RUNNING:
        return True
    return job.status is Status.QUEUED and job.approval != Approval.PENDING
