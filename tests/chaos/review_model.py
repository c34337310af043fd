"""What a job's review should be, in plain Python: one thing after the other."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

UNDO = timedelta(seconds=10)
WAITING = ("queued", "paused")

Content = tuple[str, int]
"""The text, and how often its channel was made anew."""


class Refused(Exception):
    """The job does not allow it now."""


@dataclass
class Reviewed:
    """Where a job in review stands. `shown` is what its hash stands for, `text` what it would really say."""

    id: int
    type: str
    text: str
    shown: Content
    needed: int
    status: str = "queued"
    approval: str = "pending"
    attempt: int = 0
    version: int = 1
    approved: Content | None = None
    undo_until: datetime | None = None
    approvers: list[tuple[str, Content]] = field(default_factory=list)

    @property
    def is_in_review(self) -> bool:
        """Whether somebody may decide."""
        return self.status in WAITING and self.approval == "pending"


@dataclass
class Reviews:
    """What people and engines do; `channel` counts how often the channel was made anew."""

    now: datetime
    channel: int = 0

    def approve(self, job: Reviewed, name: str, looked_at: Content | None) -> None:
        """Somebody approves what they looked at, or whatever it is."""
        if not job.is_in_review or looked_at not in (None, job.shown):
            raise Refused
        now_is = (job.text, self.channel)
        if now_is != job.shown:
            job.shown = now_is
            raise Refused
        job.approvers.append((name, now_is))
        if len({name for name, content in job.approvers if content == now_is}) >= job.needed:
            job.approval, job.approved, job.undo_until = "approved", now_is, self.now + UNDO

    def reject(self, job: Reviewed) -> None:
        """Somebody rejects it."""
        if not job.is_in_review:
            raise Refused
        job.approval, job.status = "rejected", "cancelled"

    def undo(self, job: Reviewed) -> None:
        """Somebody takes the approval back."""
        if job.status not in WAITING or job.approval != "approved" or job.attempt:
            raise Refused
        self._ask_again(job)

    def revise(self, job: Reviewed, text: str) -> None:
        """Somebody lets it say something else."""
        may = job.approval in ("pending", "approved") if job.status in WAITING else job.approval == "rejected"
        if job.attempt or job.status == "running" or not may:
            raise Refused
        job.text, job.shown, job.version = text, (text, self.channel), job.version + 1
        job.status = "queued" if job.status == "cancelled" else job.status
        self._ask_again(job)

    def cancel(self, job: Reviewed) -> None:
        """Somebody ends it."""
        if job.status == "cancelled":
            raise Refused
        job.status = "cancelled"

    def pause(self, job: Reviewed) -> None:
        """Somebody holds it; one that runs is asked to stop at its next safe point, which does not come here."""
        if job.status not in ("queued", "running"):
            raise Refused
        if job.status == "queued":
            job.status = "paused"

    def resume(self, job: Reviewed) -> None:
        """Somebody lets it go on."""
        if job.status != "paused":
            raise Refused
        job.status = "queued"

    def claim(self, job: Reviewed) -> None:
        """An engine looks: the job runs, or goes back into review, or stays."""
        if job.status != "queued" or job.approval != "approved" or (job.undo_until or self.now) > self.now:
            raise Refused
        now_is = (job.text, self.channel)
        if now_is != job.approved:
            job.shown = now_is
            self._ask_again(job)
            raise Refused
        job.status, job.attempt = "running", 1

    def _ask_again(self, job: Reviewed) -> None:
        job.approval, job.approved, job.undo_until, job.approvers = "pending", None, None, []
