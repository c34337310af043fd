"""APPROVAL: nothing but a person's yes, before what comes after it."""

from typing import Annotated, Any

from pydantic import Field

from engine.jobs.base import Context, JobType, Payload
from engine.jobs.fields import TextBlock
from engine.retry import RetryPolicy
from models.approval import Review, ReviewKind


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
        given = Review.filter(job_id=context.job_id, kind=ReviewKind.APPROVED).order_by("id")
        people = list(dict.fromkeys([review.actor for review in await given]))
        return {"message": f"Approved by {', '.join(people) or 'a rule'}", "approved_by": people}
