"""Approvals over the wire."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from engine.approvals.history import History
from engine.approvals.rules import RuleView
from engine.approvals.rules import Suggestion as Suggested

ContentHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=100)]


class Approving(BaseModel):
    """What is approved."""

    model_config = ConfigDict(extra="forbid")

    content_hash: ContentHash | None = Field(None, description="the job's, as it was looked at; left out, as it is now")
    comment: str | None = Field(None, max_length=2000)


class Rejection(BaseModel):
    """Why a job is rejected."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(None, max_length=2000)
    content_hash: ContentHash | None = Field(None, description="the job's, as it was looked at; left out, as it is now")


class Revision(BaseModel):
    """What the job is to do instead."""

    model_config = ConfigDict(extra="forbid")

    payload: dict[str, Any] = Field(examples=[{"to": "ada@example.org", "subject": "Numbers", "body": "Here."}])
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="that was looked at; left out, the latest")
    comment: str | None = Field(None, max_length=2000)


class Comment(BaseModel):
    """What somebody says about a job."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=2000)


class ReviewStep(BaseModel):
    """One step of a review."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="approved, rejected, commented, revised, undone, voided, lapsed or trusted")
    actor: str
    at: datetime
    version: int
    comment: str | None
    content_hash: str | None
    rule_id: int | None


class Version(BaseModel):
    """What a job was to do."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    payload: dict[str, Any]
    content_hash: str | None
    created_by: str
    created_at: datetime


class Review(BaseModel):
    """A job's review: what happened, its versions, and what is still missing."""

    steps: list[ReviewStep]
    versions: list[Version]
    missing: list[str] = Field(description="who still has to approve, in words")

    @classmethod
    def of(cls, history: History) -> "Review":
        """As programs see it."""
        return cls(
            steps=[ReviewStep.model_validate(step) for step in history.steps],
            versions=[Version.model_validate(version) for version in history.versions],
            missing=list(history.missing),
        )


class RuleRequest(BaseModel):
    """A rule: everything that it names has to fit a job; an empty list leaves nothing out."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(examples=["require"], description="require: needs approval; trust: is approved by itself")
    title: str = Field(examples=["Mail to many"], max_length=200, description="told on the job as the reason")
    types: Names = Field([], examples=[["EMAIL_SEND"]], description="keys of job types")
    creators: str = Field("anyone", description="anyone, agents or people")
    names: Names = Field([], description="of people, or of agents' tokens")
    channels: Names = Field([], description="any of them asks; a trusted job goes to no others")
    domains: Names = Field([], description="of recipients or called hosts; likewise")
    outside_domains: Names = Field([], description="those that count as inside: any other asks")
    new_domains: bool = Field(False, description="a domain that nothing approved went to before asks")
    min_recipients: int | None = Field(None, ge=0, le=100_000)
    max_recipients: int | None = Field(None, ge=0, le=100_000)
    approvers: int = Field(1, ge=1, le=20, description="how many different people have to approve")
    approver_group: str | None = Field(None, max_length=64, description="of which they have to be")
    own: bool = Field(True, description="whether whoever made the job, or its latest version, may approve it")
    by_link: bool = Field(False, description="whether a reviewer without an account may decide, by a link")


class Rule(RuleRequest):
    """A rule that holds."""

    id: int
    created_by: str
    created_at: datetime
    uses: int = Field(description="how many jobs it approved, for a rule that trusts")
    used_at: datetime | None
    evidence: dict[str, Any] | None

    @classmethod
    def of(cls, view: RuleView) -> "Rule":
        """As programs see it."""
        return cls.model_validate(asdict(view))


class RuleList(BaseModel):
    """Every rule that holds, oldest first."""

    items: list[Rule]


class Suggestion(BaseModel):
    """A trust rule that past decisions speak for."""

    rule: RuleRequest
    approved: int = Field(description="how many jobs were approved as they were, with none rejected or revised")
    since: datetime
    jobs: list[int] = Field(description="the latest of them")

    @classmethod
    def of(cls, suggested: Suggested) -> "Suggestion":
        """As programs see it."""
        rule = {name: value for name, value in asdict(suggested.rule).items() if name != "evidence"}
        return cls(
            rule=RuleRequest.model_validate(rule),
            approved=suggested.approved,
            since=suggested.since,
            jobs=list(suggested.jobs),
        )


class SuggestionList(BaseModel):
    """What is suggested now."""

    items: list[Suggestion]
