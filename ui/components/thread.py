"""What was decided and said about a job, its versions side by side, and a place to say more."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from nicegui import ui

from engine import clock
from engine.approvals.history import History, StepView, VersionView
from engine.views import JobView
from models.approval import ReviewKind
from models.rights import Right
from ui.components.changes import Change, changes_between, show_changes
from ui.components.fields import labelled
from ui.components.keyboard import give_keyboard
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.toasts import tell
from ui.layout import Shell

MOST_STEPS = 100  # the latest ones
MOST_VERSIONS = 20
_SAID = {
    ReviewKind.APPROVED: ("approved", "check_circle", "completed"),
    ReviewKind.REJECTED: ("rejected", "undo", "failed"),
    ReviewKind.COMMENTED: ("said", "chat_bubble_outline", "queued"),
    ReviewKind.REVISED: ("revised it", "edit", "scheduled"),
    ReviewKind.UNDONE: ("took the approval back", "undo", "paused"),
    ReviewKind.VOIDED: ("took the approval back by itself", "gpp_maybe", "paused"),
    ReviewKind.LAPSED: ("let it lapse", "hourglass_disabled", "cancelled"),
    ReviewKind.TRUSTED: ("approved it by a rule", "verified", "completed"),
    ReviewKind.REMINDED: ("reminded the reviewers", "notifications", "queued"),
}


class Thread:
    """The steps so far, what changed in each version, and room for a comment."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._job: JobView | None = None
        self._changes: dict[int, tuple[Change, ...]] = {}
        self._versions, self._steps = Redrawn(), Redrawn()
        with Node("div", "", "comment-form", hidden=True) as self._form:
            with labelled("Comment") as label:
                self._text = ui.textarea().props(f"outlined dense autogrow maxlength=2000 for={label.target}")
            button("Add comment", "small").on_press(self._comment)

    def show(self, job: JobView, review: History, changes: dict[int, tuple[Change, ...]]) -> None:
        """Bring it up to date; `changes` are those of versions, each against the one before."""
        if self._job is None or self._job.id != job.id:
            self._text.set_value("")
        self._job = job
        self._versions.show((job.id, review.versions, changes), partial(_draw_versions, review.versions, changes))
        self._steps.show((job.id, review.steps), partial(_draw_steps, review.steps))
        self._form.change(hidden=None if Right.OPERATE in self._shell.rights else True)

    def focus(self) -> None:
        """Go to the comment."""
        give_keyboard(self._text)

    async def _comment(self) -> None:
        text = (self._text.value or "").strip()
        if not text or self._job is None:
            give_keyboard(self._text)
            return
        await tell(self._shell.desk.comment(self._job.id, text), "Comment added")
        self._text.set_value("")
        self._shell.live.ask_refresh(self._shell)


async def version_changes(review: History) -> dict[int, tuple[Change, ...]]:
    """What changed in each of the latest versions."""
    latest = review.versions[-MOST_VERSIONS:]
    return {after.number: await changes_between(before.payload, after.payload) for before, after in pairwise(latest)}


def _draw_versions(versions: Sequence[VersionView], changes: dict[int, tuple[Change, ...]]) -> None:
    if not changes:
        return
    with Node("section", "", "versions", aria_label="Versions"):
        Node("div", "Versions", "change-field")
        for version in reversed(versions[-MOST_VERSIONS:]):
            is_latest = version.number == versions[-1].number
            with Node("details", "", "version", open=True if is_latest and version.number in changes else None):
                with Node("summary"):
                    Node("strong", f"Version {version.number}")
                    Node("span", f" by {version.created_by}, ", "muted")
                    time_node(version.created_at, clock.now())
                if version.number in changes:
                    show_changes(changes[version.number])
                else:
                    Node("p", "The first version that is shown here.", "muted")


def _draw_steps(steps: Sequence[StepView]) -> None:
    if not steps:
        return
    with Node("ol", "", "thread", aria_label="Review"):
        for step in steps[-MOST_STEPS:]:
            said, icon, tone = _SAID[ReviewKind(step.kind)]
            with Node("li", "", f"step tone-{tone}", data_icon=icon), Node("div", "", "step-body"):
                with Node("div", "", "step-head"):
                    Node("strong", step.actor)
                    Node("span", said if step.version < 2 else f"{said} (version {step.version})")
                    time_node(step.at, clock.now())
                if step.comment:
                    Node("p", step.comment, "text-block")
