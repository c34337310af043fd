"""Jobs that wait for a decision: reviewers are reminded of them, and what nobody decides about lapses."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.terms import Terms
from engine.audit import Audit, deed
from engine.channels import outbox, smtp
from engine.channels.mail import Mail, build, new_message_id
from engine.cluster import Cluster
from engine.errors import AttemptError, OutcomeUnknown
from engine.events import Bus, JobChanged
from engine.health import Health
from engine.jobs.email_send import mail_server, sender_address
from engine.ledger import Ledger
from engine.settings import Settings
from engine.storage import open_storage
from engine.webhooks import REMINDER, Webhooks
from models.approval import Review, ReviewKind
from models.job import Job
from models.states import ALLOWED_FROM, Approval, Move, Status

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
RETRY_SECONDS = 2.0
STEP = 100  # jobs that lapse in one transaction
AGAIN = timedelta(days=1)
GATHER = timedelta(minutes=10)  # after a reminder, what comes to wait meanwhile shares the next one
AT_ONCE = 500  # jobs that one reminder is about
LISTED = 50  # jobs that a mail names
MAIL_SECONDS = 10.0  # for each step with the mail server; jobs lapse late by no more than a few of them
ANSWER_SECONDS = 60.0
_TOLD = (
    *("id", "type", "name", "status", "attempt", "approval", "outcome", "error", "result", "created_by", "created_at"),
    *("approval_asked_at", "approval_terms"),
)
JOB_RUNNER = Actor("Job Runner", Kind.SYSTEM, frozenset())


class Reminders:
    """One process does it, the one that leads."""

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        ledger: Ledger,
        audit: Audit,
        webhooks: Webhooks,
        health: Health,
        cluster: Cluster,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._ledger = ledger
        self._audit = audit
        self._webhooks = webhooks
        self._health = health
        self._cluster = cluster
        self._told_at: datetime | None = None
        self._fault = ""

    async def run(self) -> None:
        """Look twice a minute, for ever."""
        while True:
            if not self._cluster.leading.is_set():
                self._health.worked("reminding")  # another process does it
                await self._cluster.leading.wait()
            pause = LOOK_SECONDS
            try:
                while await self.lapse() == STEP:
                    pass
                await self.remind()
                self._health.worked("reminding")
            except Exception as error:
                self._health.failed("reminding", error)
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    # -- what nobody decides about ---------------------------------------------------------------------------

    async def lapse(self) -> int:
        """Cancel at most a hundred jobs that have waited longer than the settings say; returns how many were found."""
        hours = self._settings.approval_hours
        if not hours:
            return 0
        too_old = clock.now() - timedelta(hours=hours)
        old = _waiting().filter(approval_asked_at__lt=too_old).order_by("approval_asked_at", "id").limit(STEP)
        ids = [row["id"] for row in await old.values("id")]
        if ids:
            for job_id in await self._ledger.write(partial(self._lapse, ids, too_old)):
                self._bus.publish(JobChanged(job_id))
        return len(ids)

    async def _lapse(self, ids: Sequence[int], too_old: datetime, writer: BaseDBAsyncClient) -> list[int]:
        """Those that were decided, revised or asked about anew since they were read stay as they are."""
        now, error = clock.now(), f"Nobody decided within {hours_in_words(self._settings.approval_hours)}"
        changes = {"status": Status.CANCELLED, "approval": Approval.LAPSED, "finished_at": now, "error": error}
        lapsed = [
            job_id
            for job_id in ids
            if await _waiting().filter(id=job_id, approval_asked_at__lt=too_old).update(**changes)
        ]
        jobs = await Job.filter(id__in=lapsed).order_by("id").only("id", "version", "content_hash")
        await Review.bulk_create([_lapsed(job, now, error) for job in jobs])
        before, after = {"approval": Approval.PENDING}, {"status": Status.CANCELLED, "approval": Approval.LAPSED}
        await self._audit.append(
            writer, [deed(JOB_RUNNER, "job.lapse", f"job {job.id}", before, {**after, "error": error}) for job in jobs]
        )
        return lapsed

    # -- who is to decide ------------------------------------------------------------------------------------

    async def remind(self) -> None:
        """Tell reviewers what waits: once, and from then on daily. What they could not be told, they are told later."""
        now = clock.now()
        if self._told_at and now - self._told_at < GATHER:
            return
        if not self._settings.reviewers and not await self._webhooks.is_wanted(REMINDER):
            return
        unaware = Q(reminded_at=None) | Q(reminded_at__lte=now - AGAIN)
        jobs = await _waiting().filter(unaware).order_by("id").limit(AT_ONCE).only(*_TOLD)
        if not jobs:
            return
        await self._webhooks.remind_of(jobs, now)
        if self._settings.reviewers and not await self._mailed(jobs, now):
            return
        await self._ledger.write(partial(_note, [job.id for job in jobs], now))
        self._told_at = now

    async def _mailed(self, jobs: Sequence[Job], now: datetime) -> bool:
        """Whether the mail went out; nobody knowing counts as yes, lest a failing server send it twice a minute."""
        total = await _waiting().count()
        try:
            await self._mail(_subject(total), _body(jobs, total, self._settings.address, now), now)
        except OutcomeUnknown as error:
            log.warning("reviewers may or may not have got their mail: %s", error)
        except AttemptError as error:
            if self._fault != (fault := str(error)):  # once, not at every look
                log.warning("reviewers get no mail about what waits for them, trying again: %s", fault)
                self._fault = fault
            return False
        if self._fault:
            log.warning("reviewers get mail about what waits for them again")
            self._fault = ""
        return True

    async def _mail(self, subject: str, body: str, now: datetime) -> None:
        sender = sender_address(self._settings)
        mail = Mail(sender, self._settings.reviewers, (), (), subject, body)
        message_id = new_message_id(sender)
        message = build(mail, message_id, now)
        server = mail_server(self._settings)
        if server is None:
            await outbox.save(open_storage(self._settings), message, message_id, bcc=())
            return
        async with smtp.connect(replace(server, timeout=MAIL_SECONDS, answer_timeout=ANSWER_SECONDS)) as session:
            delivery = await session.send(message, sender, mail.recipients)
        for address, answer in delivery.refused.items():
            log.warning("the mail server refuses the reviewer %s: %s", address, answer)


def hours_in_words(hours: float) -> str:
    """A time as it was set: `7 days`, `36 hours`, `90 minutes`."""
    for size, name in ((24.0, "day"), (1.0, "hour")):
        if hours >= size and not hours % size:
            return _count(hours / size, name)
    return _count(hours * 60, "minute")


def _waiting() -> QuerySet[Job]:
    return Job.filter(approval=Approval.PENDING, status__in=list(ALLOWED_FROM[Move.APPROVE]))


def _lapsed(job: Job, now: datetime, error: str) -> Review:
    return Review(
        job_id=job.id,
        version=job.version,
        kind=ReviewKind.LAPSED,
        actor=JOB_RUNNER.name,
        at=now,
        comment=error,
        content_hash=job.content_hash,
        groups=[],
    )


async def _note(ids: Sequence[int], now: datetime, _: BaseDBAsyncClient) -> None:
    """What was asked about anew since it was read, as a revision, has yet to be told."""
    same = Q(approval_asked_at=None) | Q(approval_asked_at__lte=now)
    await _waiting().filter(same, id__in=list(ids)).update(reminded_at=now)


def _subject(total: int) -> str:
    return "1 job waits for your approval" if total == 1 else f"{total:,} jobs wait for your approval"


def _body(jobs: Sequence[Job], total: int, address: str, now: datetime) -> str:
    listed = jobs[:LISTED]
    entries = [_entry(job, address, now) for job in listed]
    inbox = f"<{address}/app/approvals>"
    more = f"{total - len(listed):,} more: {inbox}" if total > len(listed) else f"All that waits: {inbox}"
    return "\n\n".join([f"{_subject(total)}:", *entries, more])


def _entry(job: Job, address: str, now: datetime) -> str:
    """What others worded stands as code, so that no name becomes a link or a picture in somebody's mail."""
    waited = now - (job.approval_asked_at or job.created_at)
    about = f"{_verbatim(job.type)} by {_verbatim(job.created_by)}, for {_roughly(waited)}"
    reason = _verbatim(Terms.of(job.approval_terms).reason)
    link = f"<{address}/app/approvals?job={job.id}>"
    return f"- {_verbatim(job.name)}\n  {about}\n  Needs approval: {reason}\n  {link}"


def _verbatim(text: str) -> str:
    words = " ".join(text.split()).replace("`", "'")
    return f"`{words}`"


def _roughly(span: timedelta) -> str:
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if (number := int(span.total_seconds() // size)) >= 1:
            return _count(number, name)
    return "a moment"


def _count(number: float, name: str) -> str:
    return f"{number:g} {name}" if number == 1 else f"{number:g} {name}s"
