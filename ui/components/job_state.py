"""Where a job stands, in a sentence that is seen first: why it waits, how far it is, why it failed and what to do."""

import re

from engine import clock
from engine.views import JobView
from models.rights import Right
from models.states import POISONOUS, UNKNOWN, Approval, Move, Status
from ui.components.error_text import show_error
from ui.components.marks import progress_node, show_progress, time_node
from ui.components.node import Node
from ui.present import Rights, facet_badge

CHANNELS, MAIL = "/app/settings#channels", "/app/settings#mail"
_OF_A_CHANNEL = re.compile(r"\b(Settings|channel|access token|sign-in|credentials?)\b", re.IGNORECASE)
_TOLD_BY_DECISION = (Approval.REJECTED, Approval.LAPSED)


def draw_state(job: JobView, rights: Rights) -> Node | None:
    """Draw the panel, if there is something to tell; returns the bar of a running job."""
    match job.status:
        case Status.RUNNING:
            return _running(job)
        case Status.FAILED if job.outcome not in (UNKNOWN, POISONOUS):
            _failed(job, rights)
        case Status.QUEUED:
            _waiting(job)
        case Status.PAUSED if job.approval != Approval.PENDING:
            _told(
                "Where it stands", "Paused. It goes on once somebody resumes it.", "pause_circle", "paused", job.error
            )
        case Status.CANCELLED if job.approval not in _TOLD_BY_DECISION:
            said = "Cancelled. It does not run any more; run it again to have it done after all."
            _told("Where it stands", said, "block", "cancelled", job.error)
    return None


def next_steps(job: JobView) -> list[str]:
    """What somebody who may operate can do about a failure, in sentences."""
    first = "Retry it if the cause is gone" if Move.RETRY in job.allowed else "It cannot be retried"
    steps = [f"{first}; edit it and run it again if something in it is wrong."]
    if job.type == "SOCIAL_POST" and _OF_A_CHANNEL.search(job.error or ""):
        steps.append("Its channel may need attention first.")
    return steps


def settings_link(job: JobView) -> tuple[str, str] | None:
    """The part of the settings that a failure points to, with its words."""
    if job.type == "SOCIAL_POST" and _OF_A_CHANNEL.search(job.error or ""):
        return "Channel settings", CHANNELS
    if job.type == "EMAIL_SEND" and re.search(r"\b(STARTTLS|TLS|sign in|port \d+)\b", job.error or ""):
        return "Mail settings", MAIL
    return None


def _running(job: JobView) -> Node:
    with Node("section", "", "panel state tone-running", aria_label="Progress"):
        if job.pause_requested:
            Node("p", "It pauses at its next safe point.", "state-line", data_icon="pause_circle")
        bar = progress_node("Progress")
        show_progress(bar, job, clock.now())
    return bar


def _failed(job: JobView, rights: Rights) -> None:
    with Node("section", "", "panel state tone-failed", aria_label="Why it failed"):
        Node("h2", "Why it failed")
        show_error(job.error or "Nothing was said about it.", "state-line")
        if Right.OPERATE in rights:
            with Node("p", "", "muted next-steps"):
                Node("span", " ".join(next_steps(job)))
                if link := settings_link(job):
                    Node("a", link[0], "", href=link[1])


def _waiting(job: JobView) -> None:
    facet = facet_badge(job, clock.now())
    if facet and facet.kind in ("retrying", "scheduled") and job.due_at and facet.at == job.due_at:
        said = "It is tried again at" if facet.kind == "retrying" else "It waits for its time:"
        if job.turn:
            said = f"It waits for its turn, as {job.turn} may go out:"
        _told("Where it stands", said, facet.icon, facet.kind, job.error, job)
    elif job.approval != Approval.PENDING and job.waiting_for:
        _told("Where it stands", job.waiting_for, "schedule", "queued", job.error)


def _told(title: str, said: str, icon: str, tone: str, error: str | None, due: JobView | None = None) -> None:
    with Node("section", "", f"panel state tone-{tone}", aria_label=title):
        with Node("p", "", "state-line", data_icon=icon):
            Node("span", said)
            if due and due.due_at:
                time_node(due.due_at, clock.now(), show="clock")
        if error and error != said:
            show_error(error)
