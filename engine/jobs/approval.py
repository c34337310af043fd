"""APPROVAL: nothing but a person's yes, before what comes after it."""

from typing import Annotated, Any

from pydantic import Field

from engine.approvals.approvers import approvers_of
from engine.jobs.base import Context, JobType, Payload
from engine.jobs.fields import TextBlock
from engine.retry import RetryPolicy
from models.approval import Review
from models.job import Job


class ApprovalPayload(Payload):
    """What is asked."""

    question: Annotated[
        TextBlock,
        Field(title="Question", min_length=1, max_length=2000, json_schema_extra={"multiline": True}),
    ]


class Approval(JobType[ApprovalPayload]):
    """Always waits for approval, and is done as soon as it has it."""

    key = "APPROVAL"
    label = "Ask for approval"
    description = "Ask a person, and go on when they approve"
    icon = "front_hand"
    agent = "Operator"
    retry = RetryPolicy(attempts=2)
    always_asks = True
    payload = ApprovalPayload

    def summary(self, payload: ApprovalPayload) -> str:
        """The question."""
        return " ".join(payload.question.split())

    async def run(self, payload: ApprovalPayload, context: Context) -> dict[str, Any]:
        """Tell who let it go."""
        job = await Job.get(id=context.job_id)
        given = approvers_of(await Review.filter(job_id=job.id).order_by("id"), job.approved_hash)
        people = list(dict.fromkeys([approver.name for approver in given]))
        return {"message": f"Approved by {', '.join(people) or 'a rule'}", "approved_by": people}
