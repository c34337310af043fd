"""What is shown of one job in the inbox, and what can be told from it: who decided, and who still may."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.approvals.inbox import Item
from engine.errors import NotFound
from engine.queries import Queries
from engine.views import EffectView, JobView
from models.approval import ReviewKind
from models.states import Approval, Move
from ui.components.changes import Change, changes_between
from ui.components.preview import Prepared, prepared
from ui.components.thread import version_changes


@dataclass(frozen=True)
class Shown:
    """Everything that is drawn of one job; `since` is what differs from what was looked at, if anything may."""

    item: Item
    preview: Prepared
    effects: list[EffectView]
    changes: dict[int, tuple[Change, ...]]
    since: tuple[Change, ...] | None = None

    @property
    def key(self) -> str:
        """Names the job and what it would do."""
        return f"{self.item.job.id}:{self.item.job.content_hash}"


async def read_item(queries: Queries, job_id: int, seen: JobView | None) -> Shown | None:
    """Read what is to be drawn, None for a job that is not there; `seen` is the job as it was looked at."""
    try:
        item = await queries.inbox.item(job_id)
    except NotFound:
        return None
    job, since = item.job, None
    if seen and seen.id == job.id and job.approval == Approval.PENDING and is_other(seen, job):
        since = await changes_between(seen.payload, job.payload)
    effects = await queries.effects(job_id) if Move.RESOLVE in job.allowed else []
    return Shown(item, await prepared(queries, job), effects, await version_changes(item.review), since)


def is_other(seen: JobView, job: JobView) -> bool:
    """Whether it would do something else than when it was looked at."""
    return (seen.content_hash, seen.version) != (job.content_hash, job.version)


def why_not_approve(shown: Shown, name: str) -> str:
    """Why this person cannot approve what is shown, or an empty text."""
    item = shown.item
    if shown.since is not None:
        return "It changed since you looked: look at the change first"
    if not item.own and name in {item.job.created_by, item.review.versions[-1].created_by}:
        return "You made this job, or its latest version: somebody else has to approve it"
    if name in approved_by(item):
        return f"You approved it; it still takes {', and '.join(item.review.missing)}"
    return ""


def approved_by(item: Item) -> list[str]:
    """Who approved what it would do now, since it last went back into review."""
    names: list[str] = []
    for step in item.review.steps:
        if step.kind in (ReviewKind.UNDONE, ReviewKind.VOIDED, ReviewKind.REVISED):
            names = []
        elif step.kind == ReviewKind.APPROVED and step.content_hash == item.job.content_hash:
            names.append(step.actor)
    return names


def is_one_enough(item: Item) -> bool:
    """Whether anybody's one approval lets it go: that needs no words."""
    waits_for = item.review.missing
    return not approved_by(item) and len(waits_for) == 1 and waits_for[0].startswith("1 more person (")


def decided(item: Item) -> tuple[str, str]:
    """What was decided, by whom, and the tone of it."""
    job, steps = item.job, item.review.steps
    last = next((step for step in reversed(steps) if step.kind in _DECISIONS), None)
    who = last.actor if last else "somebody"
    match job.approval:
        case Approval.APPROVED if job.trusted_by:
            return f"Approved by rule “{item.rule or job.trusted_by}”", "completed"
        case Approval.APPROVED:
            return f"Approved by {who}", "completed"
        case Approval.REJECTED:
            return f"Rejected by {who}: {last.comment}" if last and last.comment else f"Rejected by {who}", "failed"
        case Approval.LAPSED:
            return "Nobody decided in time, so it was cancelled", "cancelled"
        case _:
            return job.status.capitalize(), "queued"


_DECISIONS: Mapping[str, None] = dict.fromkeys(
    (ReviewKind.APPROVED, ReviewKind.REJECTED, ReviewKind.TRUSTED, ReviewKind.LAPSED)
)
