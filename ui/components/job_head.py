"""The head of a job's page: what it is, where it stands, and everything that may be done with it."""

from collections.abc import Callable
from functools import partial

from engine import clock
from engine.views import JobView
from models.rights import Right
from models.states import Move, Status
from ui.components.marks import FacetBadge, badge_node, show_badge
from ui.components.moves import ask_reject, move, press
from ui.components.node import Node, button
from ui.components.revise import open_revise
from ui.components.run_again import OVER
from ui.layout import Shell
from ui.present import actions, facet_badge, may, status_badge


def draw_head(shell: Shell, job: JobView, on_again: Callable[[], object], on_edit: Callable[[], object]) -> None:
    """Draw it; `on_again` and `on_edit` are called to run the job once more, as it is or changed."""
    job_type = shell.atlas.queries.job_type(job.type)
    with Node("div", "", "job-head", data_icon=job_type.icon if job_type else "task_alt"):
        with Node("div", "", "job-title"):
            with Node("div", "", "job-name"):
                Node("h2", job.name, dir="auto")
                show_badge(badge_node(), status_badge(job))
                FacetBadge().show(facet_badge(job, clock.now()))
            if job.summary:
                Node("p", job.summary, "muted job-summary", dir="auto")
        with Node("div", "", "job-actions"):
            _draw_moves(shell, job)
            if job.status is Status.FAILED and job.outcome is None and Right.OPERATE in shell.rights:
                button("Correct and retry", "", "build").on_press(partial(open_revise, shell, job), single=True)
            if job.status in OVER and Right.OPERATE in shell.rights:
                button("Run again", "", "restart_alt").on_press(on_again, single=True)
                button("Edit and run again", "", "edit").on_press(on_edit, single=True)


def _draw_moves(shell: Shell, job: JobView) -> None:
    for action in actions(job, shell.rights):
        pressed = button(action.label, "", action.icon)
        pressed.change(aria_disabled="true" if action.reason else None, title=action.reason or None)
        if action.move in (Move.PAUSE, Move.RESUME):
            pressed.change(data_toggle="pause")  # one takes the other's place, and its focus
        pressed.on_press(partial(press, shell, job, action))
    if Move.APPROVE in job.allowed and may(shell.rights, Move.APPROVE):
        button("Approve job").on_press(partial(move, shell, job, Move.APPROVE), single=True)
        button("Reject job").on_press(partial(ask_reject, shell, job))
