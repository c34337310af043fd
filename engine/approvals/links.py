"""Links by which somebody without an account decides about one job, once, where the policy lets them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.reviews import Decision, Reviews
from engine.approvals.terms import Terms
from engine.audit import Audit, Deed, deed
from engine.errors import FieldError, InvalidInput, MoveNotAllowed, NotFound, OwnWork, Superseded
from engine.events import Bus
from engine.faults import shown
from engine.jobs import Registry
from engine.ledger import Ledger
from engine.queries import Queries
from engine.secret import digest, new_secret
from engine.settings import Settings
from engine.views import JobView
from models.approval import ApprovalRule, JobVersion, ReviewLink
from models.content import content_hash
from models.database import transaction
from models.job import Job
from models.rights import Right
from models.states import ALLOWED_FROM, Approval, Move, allowed_moves

PATH = "/review/"
MAX_HOURS = 168
MAX_REVIEWER = 80
MAX_NAME = 200


class LinkOver(NotFound):
    """The link is unknown, used or too old, or what it was for was decided or changed; which of these is not told."""

    def __init__(self) -> None:
        Exception.__init__(self, "This link is not valid any more")


@dataclass(frozen=True)
class NewLink:
    """A link just made; `path` is told this once, as whoever has it decides."""

    path: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Linked:
    """What a link shows, and who is asked by whom."""

    job: JobView
    reviewer: str
    created_by: str
    expires_at: datetime


class Links:
    """The database keeps what tells a link's token, not the token."""

    def __init__(
        self, settings: Settings, registry: Registry, bus: Bus, audit: Audit, ledger: Ledger, queries: Queries
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self._audit = audit
        self._ledger = ledger
        self._queries = queries

    async def create(self, actor: Actor, job_id: int, reviewer: str, hours: float) -> NewLink:
        """Let the reviewer decide about what the job would do now, within these hours.

        Raises:
            NotFound: there is no such job.
            InvalidInput: a field breaks a rule, or the rules that ask for approval let nobody decide by a link.
            MoveNotAllowed: the job does not wait for approval.
            Superseded: what it would do has changed since it was submitted, through one of its channels.
            OwnWork: the policy lets nobody approve their own work, nor choose who does.
        """
        reviewer = reviewer.strip()
        if faults := _faults(reviewer, hours):
            raise InvalidInput(faults)
        job = await Job.get_or_none(id=job_id)
        if job is None:
            raise NotFound("job", job_id)
        await _refuse_unless_open(job)
        await _refuse_own(job, actor.name)
        now_is = await content_hash(job.type, job.payload)
        if job.content_hash != now_is:
            raise Superseded(f"a channel of job {job_id} is another one since it was submitted: look, then decide here")
        token, now = new_secret(), clock.now()
        expires_at = now + timedelta(hours=hours)
        async with transaction() as writer:
            await ReviewLink.create(
                digest=digest(token),
                job_id=job_id,
                content_hash=now_is,
                reviewer=reviewer,
                created_by=actor.name,
                created_at=now,
                expires_at=expires_at,
            )
            after = {"reviewer": reviewer, "expires_at": expires_at, "content_hash": now_is, "version": job.version}
            await self._audit.append(writer, [deed(actor, "review_link.create", f"job {job_id}", None, after)])
        return NewLink(f"{PATH}{token}", expires_at)

    async def look_at(self, token: str) -> Linked:
        """What the link is for; looking uses nothing up.

        Raises:
            LinkOver: it is good for nothing, or no longer.
        """
        link = await _usable(token)
        job = await Job.get_or_none(id=link.job_id)
        if job is None or not _waits(job) or job.content_hash != link.content_hash:
            raise LinkOver
        if await content_hash(job.type, job.payload) != link.content_hash:
            raise LinkOver
        view = await self._queries.job(job.id)
        return Linked(view, link.reviewer, link.created_by, link.expires_at)

    async def decide(self, token: str, move: Move, *, comment: str | None = None, address: str = "") -> Decision:
        """Approve or reject, once; a link that decided nothing may be used again.

        Raises:
            LinkOver: it is good for nothing, or no longer.
            MoveNotAllowed, Superseded, OwnWork, InvalidInput: see `Reviews`.
        """
        link = await _usable(token)
        job = await Job.get_or_none(id=link.job_id)
        if job is None:
            raise LinkOver
        await _refuse_own(job, link.created_by)
        name = f"{link.reviewer} (link by {link.created_by})"[:MAX_NAME]
        actor = Actor(name, Kind.PERSON, frozenset({Right.APPROVE}), address=address)
        audit = _UsingUp(self._settings, self._ledger, link.id)
        reviews = Reviews(self._settings, self._registry, self._bus, audit)
        if move is Move.APPROVE:
            return await reviews.approve(actor, job.id, shown=link.content_hash, comment=comment)
        await reviews.reject(actor, job.id, shown=link.content_hash, comment=comment)
        return Decision()


class _UsingUp(Audit):
    """Uses up a link in the transaction in which its decision is recorded: of two uses at once, one is undone."""

    def __init__(self, settings: Settings, ledger: Ledger, link_id: int) -> None:
        super().__init__(settings, ledger)
        self._link_id = link_id

    async def append(self, writer: BaseDBAsyncClient, deeds: Sequence[Deed]) -> None:
        now = clock.now()
        unused = ReviewLink.filter(id=self._link_id, used_at=None, expires_at__gt=now)
        if not await unused.update(used_at=now):
            raise LinkOver
        await super().append(writer, deeds)


async def _usable(token: str) -> ReviewLink:
    link = await ReviewLink.get_or_none(digest=digest(token), used_at=None, expires_at__gt=clock.now())
    if link is None:
        raise LinkOver
    return link


def _waits(job: Job) -> bool:
    return job.approval == Approval.PENDING and job.status in ALLOWED_FROM[Move.APPROVE]


async def _refuse_unless_open(job: Job) -> None:
    if not _waits(job):
        is_tried = job.attempt > 0
        waits = job.due_at is not None
        allowed = allowed_moves(job.status, approval=job.approval, outcome=job.outcome, waits=waits, is_tried=is_tried)
        raise MoveNotAllowed(Move.APPROVE, job.status, allowed, " and does not wait for approval")
    terms = Terms.of(job.approval_terms)
    if terms.by_link:
        return
    asking = [need.rule_id for need in terms.needs if need.rule_id is not None]
    closed = await ApprovalRule.filter(id__in=asking, by_link=False).order_by("id")
    which = ", ".join(f"{rule.title!r} ({rule.id})" for rule in closed)
    told = f"by_link is off in the approval rule {which}" if closed else "no rule with by_link on asks for its approval"
    rule = "with by_link on, a rule lets somebody without an account decide about jobs submitted from then on"
    raise InvalidInput([FieldError("by_link", f"job {job.id} is decided by people with an account: {told}; {rule}")])


async def _refuse_own(job: Job, name: str) -> None:
    if Terms.of(job.approval_terms).own:
        return
    latest = await JobVersion.filter(job_id=job.id).order_by("-number").first()
    if name in {job.created_by, *([latest.created_by] if latest else [])}:
        raise OwnWork(f"{name} made this job, or its latest version, and somebody else has to choose who approves it")


def _faults(reviewer: str, hours: float) -> list[FieldError]:
    faults: list[FieldError] = []
    if not 1 <= len(reviewer) <= MAX_REVIEWER or not reviewer.isprintable():
        rule = f"reviewer must have 1 to {MAX_REVIEWER} printable characters"
        faults.append(FieldError("reviewer", f"{rule}, not {shown(reviewer)}"))
    if not 0 < hours <= MAX_HOURS:
        faults.append(FieldError("hours", f"hours must be more than 0 and at most {MAX_HOURS}, not {shown(hours)}"))
    return faults
