"""What rules approve by themselves: each use stands in the job's review, in the rule, and in the audit log."""

from collections import Counter
from collections.abc import Mapping

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from engine import clock
from engine.actors import Actor, Kind
from engine.audit import Audit, deed
from models.approval import ApprovalRule, Review, ReviewKind
from models.job import NewJob

POLICY = Actor("The approval policy", Kind.SYSTEM, frozenset())


async def note_trusted(writer: BaseDBAsyncClient, audit: Audit, stored: Mapping[int, NewJob]) -> None:
    """Note which of these new jobs a rule approved; must be called in the transaction that stores them."""
    trusted = {
        job_id: (job, rule_id)
        for job_id, job in stored.items()
        if job.approval_terms and (rule_id := job.approval_terms["trusted_by"])
    }
    if not trusted:
        return
    titles = dict(
        await ApprovalRule.filter(id__in=sorted({rule_id for _, rule_id in trusted.values()})).values_list(
            "id", "title"
        )
    )
    await Review.bulk_create(
        [
            Review(
                job_id=job_id,
                version=1,
                kind=ReviewKind.TRUSTED,
                actor=POLICY.name,
                at=job.created_at,
                comment=titles.get(rule_id),
                content_hash=job.content_hash,
                rule_id=rule_id,
                groups=[],
            )
            for job_id, (job, rule_id) in trusted.items()
        ]
    )
    for rule_id, uses in Counter(rule_id for _, rule_id in trusted.values()).items():
        await ApprovalRule.filter(id=rule_id).update(uses=F("uses") + uses, used_at=clock.now())
    await audit.append(
        writer,
        [
            deed(POLICY, "job.trust", f"job {job_id}", None, {"rule": rule_id, "content_hash": job.content_hash})
            for job_id, (job, rule_id) in trusted.items()
        ],
    )
