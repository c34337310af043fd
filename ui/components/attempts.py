"""One attempt in a job's timeline: how it went, what it did to the world, and its log as it comes."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from engine import clock
from engine.life import Try
from ui.components.effects import show_effects
from ui.components.error_text import show_error
from ui.components.log_view import Earlier, Log
from ui.components.marks import time_node
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.present import duration

OUTCOMES = {
    "succeeded": ("completed", "check_circle", "Succeeded"),
    "failed": ("failed", "error", "Failed"),
    "retrying": ("retrying", "replay", "Failed for now"),
    "unknown": ("unknown", "help", "Outcome unknown"),
    "paused": ("paused", "pause_circle", "Paused"),
    "cancelled": ("cancelled", "block", "Cancelled"),
    "lost": ("failed", "power_off", "Lost with its engine"),
    "released": ("paused", "pause_circle", "Put back"),
}
UNDER_WAY = ("running", "autorenew", "Under way")


class Attempt:
    """Its head and errors are drawn anew when they change, its log only grows; a person folds it as they like."""

    def __init__(self, number: int, earlier: Earlier, *, is_open: bool, is_cut: bool) -> None:
        with Node("details", "", "attempt", open=True if is_open else None) as self.root:
            with Node("summary", "", "attempt-head"):
                self._head = Redrawn()
            with Node("div", "", "attempt-body"):
                self._body = Redrawn()
                self._log = Log(f"attempt {number}", earlier, is_cut=is_cut)

    def show(self, made: Try, message: str, next_try: datetime | None) -> None:
        """Bring it up to date; `message` is what the job came to by it, `next_try` when it is tried again."""
        view = replace(made.view, log=())
        self._head.show((view, made.agent), partial(_draw_head, made))
        self._body.show((view, made.effects, message, next_try), partial(_draw_body, made, message, next_try))
        self._log.add(made.view.log)

    def fold(self) -> None:
        """A later one is under way."""
        self.root.change(open=None)


def _draw_head(made: Try) -> None:
    view = made.view
    Node("strong", f"Attempt {view.number}")
    tone, icon, word = OUTCOMES.get(view.outcome or "", UNDER_WAY)
    Node("span", word, f"badge tone-{tone}", data_icon=icon)
    Node("span", f"by {made.agent}", "attempt-by", title=f"on {view.engine}")
    if view.finished_at:
        Node("span", f"took {duration(view.finished_at - view.started_at)}")
    time_node(view.started_at, clock.now())


def _draw_body(made: Try, message: str, next_try: datetime | None) -> None:
    if message:
        Node("p", message, "attempt-message", dir="auto")
    if made.view.error:
        show_error(made.view.error)
    if next_try:
        with Node("p", "", "next-try tone-retrying", data_icon="replay"):
            Node("span", "It is tried again at ")
            time_node(next_try, clock.now(), show="clock")
    show_effects(made.effects, error=made.view.error, is_over=made.view.finished_at is not None)
