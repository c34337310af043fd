"""Who has approved what a job would do."""

from collections.abc import Sequence

from engine.approvals.terms import Approver
from models.approval import Review, ReviewKind

_ENDS_APPROVALS = frozenset({ReviewKind.UNDONE, ReviewKind.VOIDED, ReviewKind.REVISED})


def approvers_of(reviews: Sequence[Review], approved: str | None) -> list[Approver]:
    """Who has approved this very content, since it last went back into review; the reviews come oldest first."""
    found: list[Approver] = []
    for review in reviews:
        if review.kind in _ENDS_APPROVALS:
            found = []
        elif review.kind is ReviewKind.APPROVED and review.content_hash == approved:
            found.append(Approver(review.actor, frozenset(review.groups)))
    return found
