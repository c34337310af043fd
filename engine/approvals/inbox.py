"""The inbox: everything that needs a person, the most urgent first; and one such job with all that was said of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from engine.approvals.history import History, history
from engine.approvals.terms import Terms
from engine.errors import InvalidInput, NotFound
from engine.jobs import AnyJobType
from engine.jobs.preview import FieldsPreview, Preview
from engine.settings import Settings
from engine.views import JobView, Page
from models.approval import ApprovalRule, count_inbox
from models.job import Job
from models.states import POISONOUS, UNKNOWN, Approval, Status

INBOX_PAGE = 50
_OUTCOMES = (UNKNOWN, POISONOUS)  # in the order of their urgency

Views = Callable[[Sequence[Job]], Awaitable[list[JobView]]]


@dataclass(frozen=True)
class Item:
    """A job with its review.

    `rule` is the title of the rule that approved it, `own` whether its author may, `by_link` whether somebody without
    an account may.
    """

    job: JobView
    review: History
    own: bool
    rule: str | None
    by_link: bool = False


class Inbox:
    """Reads; `views` makes of rows what pages show."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def page(self, number: int = 1) -> Page:
        """One page: outcomes that nobody knows, jobs set aside, then approvals by priority; the oldest first."""
        totals = await count_inbox()
        pages = max(1, -(-sum(totals) // INBOX_PAGE))
        number = max(1, min(number, pages))
        ids = await _between((number - 1) * INBOX_PAGE, INBOX_PAGE, totals)
        found = {view.id: view for view in await self._views(await Job.filter(id__in=ids))}
        return Page(tuple(found[job_id] for job_id in ids if job_id in found), number, pages, sum(totals))

    async def count(self) -> int:
        """How many jobs need a person."""
        return sum(await count_inbox())

    async def page_of(self, job_id: int) -> int:
        """The page that has this job; the first for one that is not in the inbox."""
        job = await Job.get_or_none(id=job_id).only("id", "status", "outcome", "approval", "priority")
        if job is None:
            return 1
        parts = _parts()
        for number, part in enumerate(parts):
            if await part.filter(id=job_id).exists():
                before = sum((await count_inbox())[:number])
                ahead = Q(id__lt=job_id)
                if number == len(_OUTCOMES):
                    ahead = Q(priority__gt=job.priority) | Q(priority=job.priority, id__lt=job_id)
                return (before + await part.filter(ahead).count()) // INBOX_PAGE + 1
        return 1

    async def item(self, job_id: int) -> Item:
        """One job with its review, whether or not it is in the inbox.

        Raises:
            NotFound: there is no such job.
        """
        row = await Job.get_or_none(id=job_id)
        if row is None:
            raise NotFound("job", job_id)
        [view] = await self._views([row])
        terms = Terms.of(row.approval_terms)
        return Item(view, await history(job_id), terms.own, await _rule(terms.trusted_by), terms.by_link)


def _parts() -> list[QuerySet[Job]]:
    """What needs a person, the most urgent part first."""
    failed = [Job.filter(status=Status.FAILED, outcome=outcome).order_by("id") for outcome in _OUTCOMES]
    return [*failed, pending().order_by("-priority", "id")]


def pending() -> QuerySet[Job]:
    """Jobs that a person has to approve or reject."""
    return Job.filter(status__in=[Status.QUEUED, Status.PAUSED], approval=Approval.PENDING)


async def _between(first: int, count: int, totals: Sequence[int]) -> list[int]:
    """The ids at these places of all parts, one after the other."""
    ids: list[int] = []
    for part, total in zip(_parts(), totals, strict=True):
        if count > 0 and first < total:
            found = await part.offset(first).limit(count).values_list("id", flat=True)
            ids += [int(job_id) for job_id in found]  # type: ignore[call-overload]
            count -= len(found)
        first = max(0, first - total)
    return ids


async def preview_of(job: JobView, job_type: AnyJobType | None, settings: Settings) -> Preview:
    """What the job will be; its bare fields where its type is gone, or is not what it was.

    Raises:
        StorageFault: its files cannot be asked for just now.
    """
    if job_type is None:
        return FieldsPreview(job.payload)
    try:
        payload = await asyncio.to_thread(job_type.parse, job.payload)  # a large one takes its time
    except InvalidInput:
        return FieldsPreview(job.payload)
    return await job_type.preview(payload, settings)


async def _rule(rule_id: int | None) -> str | None:
    rule = await ApprovalRule.get_or_none(id=rule_id) if rule_id else None
    return rule.title if rule else None
