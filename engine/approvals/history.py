"""What was decided and said about a job, its versions, and who still has to approve."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.approvals.approvers import approvers_of
from engine.approvals.terms import Terms
from engine.errors import NotFound
from models.approval import JobVersion, Review
from models.job import Job
from models.states import Approval


@dataclass(frozen=True)
class StepView:
    """One step of a review; see `Review`."""

    kind: str
    actor: str
    at: datetime
    version: int
    comment: str | None
    content_hash: str | None
    rule_id: int | None


@dataclass(frozen=True)
class VersionView:
    """What a job was to do; see `JobVersion`."""

    number: int
    payload: dict[str, Any]
    content_hash: str | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class History:
    """Steps and versions, oldest first; a job that was never revised has one version. `missing` is in words."""

    steps: tuple[StepView, ...]
    versions: tuple[VersionView, ...]
    missing: tuple[str, ...]


async def history(job_id: int) -> History:
    """A job's review.

    Raises:
        NotFound: there is no such job.
    """
    job = await Job.get_or_none(id=job_id)
    if job is None:
        raise NotFound("job", job_id)
    reviews = await Review.filter(job_id=job_id).order_by("id")
    versions = await JobVersion.filter(job_id=job_id).order_by("number")
    missing: list[str] = []
    if job.approval == Approval.PENDING:
        missing = Terms.of(job.approval_terms).unmet(approvers_of(reviews, job.content_hash))
    return History(
        tuple(StepView(**{name: getattr(row, name) for name in StepView.__dataclass_fields__}) for row in reviews),
        tuple(_version(row) for row in versions) or (_only_version(job),),
        tuple(missing),
    )


def _version(row: JobVersion) -> VersionView:
    return VersionView(row.number, row.payload, row.content_hash, row.created_by, row.created_at)


def _only_version(job: Job) -> VersionView:
    return VersionView(job.version, job.payload, job.content_hash, job.created_by, job.created_at)
