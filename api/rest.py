"""The programs' door: jobs, job types and the engine as JSON under /api/v1."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse

from api.downloads import file_response
from api.schemas import jobs as schemas
from api.schemas.operations import NEEDS
from engine.actors import Kind
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.finding import Criteria
from engine.submission import Submission
from models.states import Category, Move, Status
from models.wanted import Sort

MAX_LIMIT = 200
_TYPE_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
MAX_ID = 2**63 - 1
JobId = Annotated[int, Path(ge=1, le=MAX_ID)]
SmallId = Annotated[int, Path(ge=1, le=2**31 - 1)]
FileName = Annotated[str, Path(max_length=80, examples=["0123456789abcdef.png"])]
TypeKey = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,64}$")]


async def desk_for(request: Request) -> Desk:
    """The desk at which whoever asks is served; the guard has looked them up for this request."""
    desk: Desk = request.app.state.office.desk_of(request.state.actor)
    return desk


Asked = Annotated[Desk, Depends(desk_for)]


def job_routes(atlas: Atlas) -> APIRouter:
    """Everything about jobs."""
    queries = atlas.queries
    router = APIRouter(prefix="/api/v1", tags=["jobs"])

    @router.post("/jobs", status_code=201, responses={200: {"model": schemas.Job, "description": "created before"}})
    async def create_job(
        body: schemas.JobRequest,
        desk: Asked,
        response: Response,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> schemas.Job:
        """Create a job; with an Idempotency-Key, the same request again answers 200 with the first job."""
        fields = body.model_dump(exclude={"type", "payload"}) | {"after": schemas.awaited(body.after)}
        if (await desk.actor()).kind is Kind.LOCAL:
            fields["created_by"] = body.created_by or "api"
        key = idempotency_key
        made = await desk.submit(body.type, body.payload, idempotency_key=key, with_view=True, **fields)
        response.status_code = 201 if made.is_new else 200
        response.headers["Location"] = f"/api/v1/jobs/{made.id}"
        return schemas.Job.of(made.view or await queries.job(made.id))

    @router.post("/jobs:batch", status_code=201)
    async def create_jobs(body: schemas.Batch, desk: Asked) -> schemas.BatchResult:
        """Create up to 1,000 jobs, all of them or none; each fault names the job's index."""
        own = "api" if (await desk.actor()).kind is Kind.LOCAL else ""
        made = await desk.submit_batch([(_submission(job, own), job.idempotency_key) for job in body.jobs])
        return schemas.BatchResult(items=[schemas.BatchItem(id=id, created=created) for id, created in made])

    @router.get("/jobs")
    async def list_jobs(
        criteria: Annotated[Criteria, Depends(filters(atlas))],
        sort: Annotated[
            Literal["newest", "oldest", "priority", "ended"], Query(description="ended: the latest end first")
        ] = "newest",
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
        cursor: Annotated[str | None, Query(max_length=20)] = None,
    ) -> schemas.JobList:
        """The newest jobs first, unless another order is asked for.

        `total` is exact by type and status, or by creator. By anything else it counts 10,001 at most, which means that
        there are more.
        """
        jobs, more = await queries.finder.behind(criteria, Sort(sort), cursor_of(cursor), limit=limit)
        total = await queries.finder.count(criteria)
        items = [schemas.Job.of(job) for job in jobs]
        return schemas.JobList(items=items, next_cursor=str(more) if more else None, total=total)

    @router.get("/jobs/{job_id}")
    async def get_job(job_id: JobId) -> schemas.Job:
        """One job."""
        return schemas.Job.of(await queries.job(job_id))

    @router.get("/jobs/{job_id}/attempts")
    async def get_attempts(job_id: JobId) -> list[schemas.Attempt]:
        """The job's tries, with log lines and effects, the first one first."""
        attempts, effects = await queries.attempts(job_id), await queries.effects(job_id)
        return [schemas.Attempt.of(attempt, effects) for attempt in attempts]

    @router.get("/jobs/{job_id}/life")
    async def get_life(job_id: JobId) -> list[schemas.Moment]:
        """Everything that is known to have happened to the job, in order: who did what, when."""
        life = await queries.life(job_id)
        return [schemas.Moment.model_validate(moment) for moment in life.moments]

    @router.get("/jobs/{job_id}/dependencies")
    async def get_dependencies(job_id: JobId) -> schemas.Dependencies:
        """The jobs that this one comes after, and the first 20 that come after it."""
        return schemas.Dependencies.of(await queries.life(job_id))

    @router.get("/jobs/{job_id}/artifacts/{name}", response_class=FileResponse)
    async def get_artifact(
        job_id: JobId,
        name: str,
        request: Request,
        view: Annotated[
            bool, Query(description="to be shown by a browser, if it is of a kind that harms nobody")
        ] = False,
    ) -> Response:
        """A file that the job's latest attempt made; a part of it with a Range header."""
        file = await atlas.downloads.artifact(job_id, name)
        shown_as = await atlas.downloads.shown_as(file, name) if view else None
        return file_response(atlas, file, request, filename=name, shown_as=shown_as)

    @router.get("/files/{name}", response_class=FileResponse)
    async def get_file(name: FileName, request: Request) -> Response:
        """A picture that was attached, by its content's name."""
        file = await atlas.downloads.image(name)
        shown_as = await atlas.downloads.shown_as(file, name)
        return file_response(atlas, file, request, filename=name, shown_as=shown_as)

    _add_moves(router, atlas)
    return router


_MOVES = {
    Move.CANCEL: "Final. A running attempt is stopped; answers once it has told what had already happened.",
    Move.PAUSE: "A queued job pauses at once, a running one at its next safe point.",
    Move.RESUME: "Back to the queue.",
    Move.RETRY: "A failed job goes back to the queue, with one more attempt if it has used them all.",
    Move.RUN_NOW: "A job that waits for its time, or for its next try, waits no longer.",
}


def _add_moves(router: APIRouter, atlas: Atlas) -> None:
    async def moved(job_id: int) -> schemas.Job:
        return schemas.Job.of(await atlas.queries.job(job_id))

    def add(move: Move, description: str) -> None:
        async def ask(job_id: JobId, desk: Asked) -> schemas.Job:
            await desk.move(job_id, move)
            return await moved(job_id)

        path = f"/jobs/{{job_id}}/{move.replace('_', '-')}"
        router.post(path, name=f"{move}_job", description=description)(ask)

    for move, description in _MOVES.items():
        add(move, description)

    @router.post("/jobs/{job_id}/review-links", status_code=201)
    async def create_review_link(
        job_id: JobId, desk: Asked, body: schemas.ReviewLinkRequest, request: Request
    ) -> schemas.ReviewLink:
        """A link by which somebody without an account approves or rejects the job, once. It takes a person to make one.

        The rules that ask for the job's approval have to allow it (`by_link`). The link is told this once, and is good
        for what the job would do now: a revision ends it.
        """
        made = await desk.create_review_link(job_id, body.reviewer, body.hours)
        base = atlas.settings.public_url or str(request.base_url).rstrip("/")
        return schemas.ReviewLink(url=base + made.path, expires_at=made.expires_at)

    @router.post("/jobs/{job_id}/resolve")
    async def resolve_job(job_id: JobId, desk: Asked, body: schemas.Resolution) -> schemas.Job:
        """Settle a job whose outcome is unknown: did it go out?"""
        await desk.resolve(job_id, **body.model_dump())
        return await moved(job_id)


Text = Annotated[str, Query(max_length=200)]
Moment = Annotated[str, Query(max_length=200, description="hour, day, week, month, a date or a time")]


def filters(atlas: Atlas) -> Callable[..., Criteria]:
    """The parameters that say which jobs, as criteria."""

    def criteria(
        type: Annotated[list[str] | None, Query(description="a job type's key, or a category")] = None,
        status: Annotated[list[str] | None, Query()] = None,
        q: Annotated[
            str, Query(max_length=200, description="words of the name, payload, result or error, or an id")
        ] = "",
        created_by: Text = "",
        agent: Annotated[str, Query(max_length=200, description="a built-in agent's key, or agent-<id>")] = "",
        since: Moment = "",
        until: Moment = "",
        ended: Moment = "",
        needs: Annotated[str, Query(max_length=200, description=NEEDS)] = "",
        cause: Annotated[str, Query(max_length=200, description="why they failed")] = "",
    ) -> Criteria:
        types, statuses = tuple(_types(atlas, _words(type))), tuple(_statuses(_words(status)))
        return Criteria(q, types, statuses, created_by, agent, since, until, ended, needs, cause)

    return criteria


def _submission(job: schemas.JobRequest, own: str) -> Submission:
    fields = {name: getattr(job, name) for name in schemas.JobRequest.model_fields}
    ref = job.ref if isinstance(job, schemas.BatchJob) else ""
    return Submission(
        **{**fields, "ref": ref, "created_by": job.created_by or own, "after": schemas.awaited(job.after)}
    )


def _words(values: list[str] | None) -> list[str]:
    return [word for value in values or [] for word in value.split(",") if word]


def _types(atlas: Atlas, words: list[str]) -> list[str]:
    """Keys and categories; the key of a type that is no longer installed finds its old jobs."""
    known = [*(job_type.key for job_type in atlas.queries.job_types()), *Category]
    for word in words:
        if word not in known and not _TYPE_KEY.fullmatch(word):
            raise InvalidInput([FieldError("type", f"type must be one of {', '.join(known)}, not {shown(word)}")])
    return words


def _statuses(words: list[str]) -> list[Status]:
    for word in words:
        if word not in set(Status):
            known = ", ".join(Status)
            raise InvalidInput([FieldError("status", f"status must be one of {known}, not {shown(word)}")])
    return [Status(word) for word in words]


def cursor_of(cursor: str | None) -> int | None:
    """The id after which a listing goes on.

    Raises:
        InvalidInput: it is no cursor of ours.
    """
    if cursor is None:
        return None
    if not cursor.isdecimal() or int(cursor) > MAX_ID:
        rule = "cursor must be the next_cursor of an earlier answer"
        raise InvalidInput([FieldError("cursor", f"{rule}, not {shown(cursor)}")])
    return int(cursor)
