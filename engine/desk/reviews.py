"""Wishes about approvals: decide, undo, revise, comment, and set the policy."""

from typing import Any

from engine.approvals.links import NewLink
from engine.approvals.reviews import Decision
from engine.approvals.revisions import Revised
from engine.approvals.rules import NewRule, RuleView, Suggestion
from engine.desk.base import BaseDesk, whole
from models.rights import Right


class ReviewDesk(BaseDesk):
    """Approving takes a person with the right to; revising and commenting, whoever may create jobs."""

    async def approve(self, job_id: int, **more: Any) -> Decision:
        """See `Reviews.approve`."""
        actor = await self._allowed(Right.APPROVE)
        return await self._services.reviews.approve(actor, job_id, **more)

    async def reject(self, job_id: int, **more: Any) -> None:
        """See `Reviews.reject`."""
        actor = await self._allowed(Right.APPROVE)
        await self._services.reviews.reject(actor, job_id, **more)

    async def undo_approval(self, job_id: int) -> None:
        """See `Reviews.undo`."""
        actor = await self._allowed(Right.APPROVE)
        await self._services.reviews.undo(actor, job_id)

    async def revise(self, job_id: int, payload: dict[str, Any], **more: Any) -> Revised:
        """See `Revisions.revise`."""
        actor = await self._allowed(Right.OPERATE)
        return await self._services.revisions.revise(actor, job_id, payload, **more)

    async def correct(self, job_id: int, payload: dict[str, Any], **more: Any) -> Revised:
        """See `Corrections.correct`."""
        actor = await self._allowed(Right.OPERATE)
        return await self._services.corrections.correct(actor, job_id, payload, **more)

    async def comment(self, job_id: int, text: str) -> None:
        """See `Reviews.comment`."""
        actor = await self._allowed(Right.OPERATE)
        await self._services.reviews.comment(actor, job_id, text)

    async def create_review_link(self, job_id: int, reviewer: str, hours: float) -> NewLink:
        """See `Links.create`."""
        actor = await self._allowed(Right.APPROVE)
        return await whole(self._services.links.create(actor, job_id, reviewer, hours))

    async def rules(self) -> list[RuleView]:
        """Every rule that holds."""
        await self._allowed(Right.LOOK)
        return await self._services.rules.all()

    async def add_rule(self, new: NewRule) -> RuleView:
        """See `Rules.add`."""
        actor = await self._allowed(Right.ADMINISTER)
        return await self._administer(
            "approval_rule.add",
            f"approval rule {new.title}",
            lambda: self._services.rules.add(new, actor.name),
            told=lambda view: {"id": view.id, **view.told()},
        )

    async def revoke_rule(self, rule_id: int) -> RuleView:
        """See `Rules.revoke`."""
        return await self._administer(
            "approval_rule.revoke",
            f"approval rule {rule_id}",
            lambda: self._services.rules.revoke(rule_id),
            told=lambda view: view.told(),
        )

    async def suggestions(self) -> list[Suggestion]:
        """See `Rules.suggestions`."""
        await self._allowed(Right.APPROVE)
        return await self._services.rules.suggestions()
