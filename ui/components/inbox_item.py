"""One job of the inbox as what it will be, why it waits, what was said of it, and the bar with the answers."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from engine import clock
from engine.approvals.inbox import Item
from engine.views import EffectView, JobView
from models.rights import Right
from models.states import Approval, Move, Status
from ui.components.apology import missing
from ui.components.changes import Change, show_changes
from ui.components.inbox_list import on_emit
from ui.components.marks import FacetBadge, badge_node, show_badge, time_node
from ui.components.node import Node, button
from ui.components.preview import Prepared, show_preview
from ui.components.question import draw_question, draw_set_aside
from ui.components.redrawn import Redrawn
from ui.components.review_link import ask_for_link
from ui.components.shown_item import Shown, decided, is_one_enough, why_not_approve
from ui.components.thread import Thread
from ui.layout import Shell
from ui.present import facet_badge, may, status_badge

# What the browser shows at the moment of the press is what is decided about; a double press counts once.
_SHOWN = "(event) => event.detail < 2 && emit(event.currentTarget.dataset.shown)"


class Answers(Protocol):
    """What the bar's buttons ask for; each is about the job that is shown."""

    async def on_approve(self) -> None:
        """Approve it."""

    def on_reject(self) -> None:
        """Ask for the reason, then reject it."""

    async def on_edit(self) -> None:
        """Open its form."""

    def on_seen(self) -> None:
        """What changed was looked at."""


class ItemView:
    """Each part is drawn anew only when it changed, so that scroll, selection and focus stay."""

    def __init__(self, shell: Shell, answers: Answers) -> None:
        self._shell, self._answers = shell, answers
        self._shown: Shown | None = None
        with Node("div", "", "item-scroll", tabindex="0", role="region", aria_label="What it will be") as self._scroll:
            self._missing = Redrawn()
            with Node("div", "", "stack") as self._body:
                self._head, self._notice, self._state = Redrawn(), Redrawn(), Redrawn()
                self._question, self._preview = Redrawn(), Redrawn()
                with Node("section", "", "review", aria_label="Review") as self._review:
                    Node("h3", "Review")
                    self._takes = Redrawn()
                    self._link = button("Link for a reviewer", "small", "link", hidden=True).on_press(self._on_link)
                    self._thread = Thread(shell)
        with Node("div", "", "item-bar", role="group", aria_label="Answers") as self._bar:
            self._approve = self._answer("Approve", "primary", "check", "a", self._on_approve)
            self._reject = self._answer("Reject…", "", "close", "r", self._on_reject)
            self._edit = self._answer("Edit", "", "edit", "e", self._on_edit)
            self._comment = self._answer("Comment", "", "chat_bubble_outline", "c", lambda _: self._thread.focus())
            self._open = Node("a", "Open job", "button plain", href="/app/jobs")

    def show(self, shown: Shown | None, *, is_gone: bool = False) -> None:
        """Bring it up to date; None shows nothing, or with `is_gone` that there is no such job."""
        self._shown = shown
        self._body.change(hidden=None if shown else True)
        self._bar.change(hidden=None if shown else True)
        self._missing.show(is_gone, partial(missing, "job") if is_gone else lambda: None)
        if shown is None:
            return
        job, item = shown.item.job, shown.item
        still = replace(job, progress=0, waiting_for=None)
        self._head.show(still, partial(self._draw_head, job))
        self._notice.show((shown.key, shown.since), partial(self._draw_notice, shown.since))
        self._state.show((still, item.rule, item.review.steps), partial(_draw_state, item))
        self._question.show((still, shown.effects), partial(self._draw_questions, job, shown.effects))
        self._preview.show((job.id, shown.preview), partial(_draw_preview, shown.preview))
        takes = () if is_one_enough(item) else item.review.missing
        self._takes.show(takes, partial(_draw_takes, takes))
        self._thread.show(job, item.review, shown.changes)
        self._show_bar(shown)

    def begin(self) -> None:
        """Another item is shown: read from its top."""
        self._scroll.run_method("scrollTo", 0, 0)

    # -- the bar ---------------------------------------------------------------------------------------------

    def _answer(self, label: str, kind: str, icon: str, key: str, handler: Callable[[Any], object]) -> Node:
        node = button(label, kind, icon, data_key=key, aria_keyshortcuts=key)
        on_emit(node, "click", _SHOWN, handler)
        return node

    def _show_bar(self, shown: Shown) -> None:
        job, rights = shown.item.job, self._shell.rights
        is_waiting = Move.APPROVE in job.allowed
        decides = is_waiting and may(rights, Move.APPROVE)
        why_not = why_not_approve(shown, self._shell.actor.name)
        self._approve.change(hidden=None if decides else True, aria_disabled="true" if why_not else None)
        self._approve.change(title=why_not or None)
        self._reject.change(hidden=None if decides else True)
        self._link.change(hidden=None if decides and shown.item.by_link else True)
        revisable = Move.REVISE in job.allowed and may(rights, Move.REVISE)
        self._edit.change("Edit" if is_waiting else "Revise", hidden=None if revisable else True)
        self._comment.change(hidden=None if Right.OPERATE in rights else True)
        self._open.change(href=f"/app/jobs/{job.id}")
        for node in (self._approve, self._reject, self._edit, self._comment):
            node.change(data_shown=shown.key)

    def _is_shown(self, key: object) -> bool:
        return self._shown is not None and key == self._shown.key

    def _on_approve(self, key: object) -> Awaitable[None] | None:
        return self._answers.on_approve() if self._is_shown(key) else None

    def _on_link(self) -> None:
        if self._shown:
            ask_for_link(self._shell, self._shown.item.job)

    def _on_reject(self, key: object) -> None:
        if self._is_shown(key):
            self._answers.on_reject()

    def _on_edit(self, key: object) -> Awaitable[None] | None:
        return self._answers.on_edit() if self._is_shown(key) else None

    # -- the parts -------------------------------------------------------------------------------------------

    def _draw_head(self, job: JobView) -> None:
        with Node("div", "", "item-head"):
            Node("h2", job.name, "", tabindex="-1", id="item-title")
            with Node("div", "", "item-badges"):
                facet = facet_badge(job, clock.now())
                if job.status is not Status.QUEUED:
                    show_badge(badge_node(), status_badge(job))
                if facet and facet.kind != "approval":  # the sentence below says it, and why
                    FacetBadge().show(facet)
                if job.priority == "high":
                    Node("span", "High priority", "badge tone-failed", data_icon="keyboard_double_arrow_up")
            with Node("p", "", "muted item-meta"):
                Node("span", f"by {job.created_by} · ")
                time_node(job.created_at, clock.now())
                if job.version > 1:
                    Node("span", f" · version {job.version}")
                if job.run_at and job.run_at > clock.now():
                    Node("span", " · to run ")
                    time_node(job.run_at, clock.now(), show="clock")
            if job.approval_reason and job.approval == Approval.PENDING:
                Node("p", f"Needs approval: {job.approval_reason}", "why", data_icon="front_hand")

    def _draw_notice(self, since: tuple[Change, ...] | None) -> None:
        if since is None:
            return
        with Node("section", "", "notice", aria_label="This changed since you looked", role="alert"):
            Node("h3", "This changed since you looked")
            show_changes(since, nothing="Its content is the same; one of its channels is another one now.")
            with Node("div", "", "buttons"):
                button("I have seen the change", "small").on_press(self._answers.on_seen, single=True)

    def _draw_questions(self, job: JobView, effects: list[EffectView]) -> None:
        draw_question(self._shell, job, effects)
        draw_set_aside(self._shell, job)


def _draw_state(item: Item) -> None:
    """What became of it, for a job that waits for nobody any more."""
    job = item.job
    if job.approval is None or job.approval == Approval.PENDING:
        return
    told, tone = decided(item)
    with Node("p", "", f"decided tone-{tone}", data_icon="info"):
        Node("span", told)


def _draw_preview(made: Prepared) -> None:
    with Node("section", "", "will-be", aria_label="Preview"):
        show_preview(made)


def _draw_takes(missing_words: tuple[str, ...]) -> None:
    if missing_words:
        Node("p", f"It takes {', and '.join(missing_words)}.", "muted")
