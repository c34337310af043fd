"""Approvals: the policy's rules, what people said of a job, its earlier versions, and links for reviewers."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database import connection
from models.statement import Statement


class RuleKind(StrEnum):
    """What a rule does with the jobs that it is about."""

    REQUIRE = "require"  # they need approval
    TRUST = "trust"  # they are approved by themselves, where one approval would do


class Creators(StrEnum):
    """Whose jobs a rule is about."""

    ANYONE = "anyone"
    AGENTS = "agents"  # tokens, and jobs that submit jobs
    PEOPLE = "people"


class ReviewKind(StrEnum):
    """What happened in a job's review."""

    APPROVED = "approved"
    REJECTED = "rejected"
    COMMENTED = "commented"
    REVISED = "revised"
    UNDONE = "undone"
    VOIDED = "voided"  # what had been approved is not what would have been done
    LAPSED = "lapsed"  # nobody decided in time
    TRUSTED = "trusted"  # a rule approved it
    REMINDED = "reminded"


class ApprovalRule(Model):
    """A rule of the policy. An empty list leaves nothing out.

    `creators` is a word of `Creators`, `names` are the creators it is narrowed to. `outside_domains` are those that
    count as inside: the rule is about mail to any other. `new_domains` is about mail to a domain that no approved
    mail went to before. `min_recipients` and `max_recipients` are inclusive. `approvers` is how many different people
    have to approve, of `approver_group` if there is one. `own` is whether one's own job counts, `by_link` whether a
    reviewer without an account may decide. A revoked rule stays, as jobs refer to it.
    """

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharEnumField(RuleKind, max_length=16)
    title = fields.CharField(max_length=200)
    types = fields.JSONField[list[str]]()
    creators = fields.CharEnumField(Creators, max_length=16, default=Creators.ANYONE)
    names = fields.JSONField[list[str]]()
    channels = fields.JSONField[list[str]]()
    domains = fields.JSONField[list[str]]()
    outside_domains = fields.JSONField[list[str]]()
    new_domains = fields.BooleanField(default=False)
    min_recipients = fields.IntField(null=True)
    max_recipients = fields.IntField(null=True)
    approvers = fields.IntField(default=1)
    approver_group = fields.CharField(max_length=64, null=True)
    own = fields.BooleanField(default=True)
    by_link = fields.BooleanField(default=False)
    evidence = fields.JSONField[dict[str, Any] | None](null=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    uses = fields.IntField(default=0)
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "approval_rule"


class Review(Model):
    """One step of a job's review. `content_hash` is what was judged."""

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField(db_index=True)
    version = fields.IntField()
    kind = fields.CharEnumField(ReviewKind, max_length=16)
    actor = fields.CharField(max_length=200)
    at = fields.DatetimeField()
    comment = fields.TextField(null=True)
    content_hash = fields.CharField(max_length=64, null=True)
    rule_id = fields.BigIntField(null=True)
    groups = fields.JSONField[list[str]](default=list, db_default="[]")

    class Meta:
        table = "review"
        indexes = [("kind", "id")]


class JobVersion(Model):
    """What a job was to do. The first revision stores the first two."""

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField()
    number = fields.IntField()
    payload = fields.JSONField[dict[str, Any]]()
    content_hash = fields.CharField(max_length=64, null=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "job_version"
        unique_together = [("job_id", "number")]


class ReviewLink(Model):
    """Lets whoever has it decide once. `digest` is the SHA-256 of what the link holds."""

    id = fields.BigIntField(primary_key=True)
    digest = fields.CharField(max_length=64, unique=True)
    job_id = fields.BigIntField(db_index=True)
    content_hash = fields.CharField(max_length=64)
    reviewer = fields.CharField(max_length=200)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "review_link"


class KnownDomain(Model):
    """A mail domain that approved mail went to."""

    name = fields.CharField(max_length=255, primary_key=True)
    known_at = fields.DatetimeField()

    class Meta:
        table = "known_domain"


# In one statement: where the database is slow, each of several would have to wait.
_COUNTED = """
SELECT (SELECT COUNT(*) FROM job WHERE status = 'failed' AND outcome = 'unknown') AS unknown,
    (SELECT COUNT(*) FROM job WHERE status = 'failed' AND outcome = 'poisonous') AS poisonous,
    (SELECT COUNT(*) FROM job {pending} WHERE approval = 'pending' AND status IN ('queued', 'paused')) AS pending
"""
_INBOX = Statement(_COUNTED.format(pending="INDEXED BY idx_job_pending"), postgres=_COUNTED.format(pending=""))


async def count_inbox() -> tuple[int, int, int]:
    """How many jobs need a person: those whose outcome nobody knows, those set aside, and those to be approved."""
    (row,) = await _INBOX.run(connection())
    return row["unknown"], row["poisonous"], row["pending"]


_VOID = Statement("""
UPDATE job SET status = 'queued', approval = 'pending', approval_asked_at = ?, reminded_at = NULL, undo_until = NULL,
    content_hash = ?, approved_hash = NULL, attempt = attempt - 1, started_at = NULL, engine_id = NULL,
    lease_token = NULL, lease_expires_at = NULL
WHERE id = ?
""")
_VOIDED = Statement("""
INSERT INTO review (job_id, version, kind, actor, at, comment, content_hash)
SELECT id, version, 'voided', 'Job Runner', ?, ?, approved_hash FROM job WHERE id = ?
""")
CHANGED_SINCE = (
    "What it would do is not what was approved any more: its content, or one of its channels, is another one"
)


async def void_approval(writer: BaseDBAsyncClient, job_id: int, content_hash: str, now: datetime) -> None:
    """Take back the claim of a job that would do something else than what was approved, and ask again."""
    await _VOIDED.run(writer, [now, CHANGED_SINCE, job_id])
    await _VOID.run(writer, [now, content_hash, job_id])
