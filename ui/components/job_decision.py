"""What a job's review came to, and the way on: look at it, take it back, or do it otherwise."""

from functools import partial

from engine.approvals.inbox import Item
from models.states import Approval, Move, Status
from ui.components.inbox_list import PATH as INBOX
from ui.components.moves import move
from ui.components.node import Node, button
from ui.components.revise import open_revise
from ui.components.shown_item import decided
from ui.layout import Shell
from ui.present import may
from ui.theme import MOVES


def draw_decision(shell: Shell, item: Item) -> None:
    """Draw it; nothing for a job that needs no approval."""
    job = item.job
    if job.approval is None:
        return
    with Node("section", "", f"panel decision {job.approval}", aria_label="Approval"):
        if job.approval == Approval.PENDING:
            Node("p", f"Needs approval: {job.approval_reason or 'it was asked for'}", "why", data_icon="front_hand")
        else:
            told, tone = decided(item)
            Node("p", told, f"decided tone-{tone}", data_icon="info")
        for words in item.review.missing:
            Node("p", f"It takes {words}", "muted")
        with Node("div", "", "buttons"):
            if Move.APPROVE in job.allowed:
                Node("a", "Look at it in Approvals", "button small", href=f"{INBOX}?job={job.id}")
            if Move.REVISE in job.allowed and may(shell.rights, Move.REVISE):
                label = "Revise" if job.status is Status.CANCELLED else "Edit"
                button(label, "small", "edit").on_press(partial(open_revise, shell, job))
            if Move.UNDO_APPROVAL in job.allowed and not job.undo_until and may(shell.rights, Move.APPROVE):
                undo = MOVES[Move.UNDO_APPROVAL]
                take_back = button(undo.label, "small", undo.icon)
                take_back.on_press(partial(move, shell, job, Move.UNDO_APPROVAL), single=True)
