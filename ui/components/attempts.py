"""A job's attempts, the latest first; log lines are added as they come."""

from dataclasses import replace
from functools import partial

from engine import clock
from engine.views import AttemptView, EffectView
from ui.components.job_card import time_node
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.present import duration

OUTCOMES = {
    "succeeded": ("completed", "check_circle"),
    "failed": ("failed", "error"),
    "retrying": ("retrying", "replay"),
    "unknown": ("unknown", "help"),
    "paused": ("paused", "pause_circle"),
    "cancelled": ("cancelled", "block"),
    "lost": ("failed", "error"),
    "released": ("paused", "pause_circle"),
}


class Attempts:
    """Keeps what it has drawn, and draws only what is new."""

    def __init__(self) -> None:
        self._root = Node("div", "", "attempts")
        self._shown: dict[int, _Attempt] = {}

    def show(self, attempts: list[AttemptView], effects: list[EffectView]) -> None:
        """Bring the list up to date."""
        for attempt in attempts:
            if attempt.number not in self._shown:
                with self._root:
                    self._shown[attempt.number] = _Attempt()
                    self._shown[attempt.number].root.move(target_index=0)
            own = [effect for effect in effects if effect.attempt == attempt.number]
            self._shown[attempt.number].show(attempt, own)


class _Attempt:
    def __init__(self) -> None:
        with Node("div", "", "attempt") as self.root:
            self._head = Redrawn()
            self._log = Node("ul", "", "log")
        self._last_line = 0

    def show(self, attempt: AttemptView, effects: list[EffectView]) -> None:
        self._head.show((replace(attempt, log=()), effects), partial(_draw_head, attempt, effects))
        with self._log:
            for line in attempt.log:
                if line.id > self._last_line:
                    self._last_line = line.id
                    with Node("li"):
                        time_node(line.at, clock.now(), show="clock")
                        Node("span", line.text)


def _draw_head(attempt: AttemptView, effects: list[EffectView]) -> None:
    with Node("div", "", "attempt-head"):
        Node("strong", f"Attempt {attempt.number}")
        kind, icon = OUTCOMES.get(attempt.outcome or "", ("running", "autorenew"))
        Node("span", (attempt.outcome or "under way").capitalize(), f"badge tone-{kind}", data_icon=icon)
        time_node(attempt.started_at, clock.now())
        if attempt.finished_at:
            Node("span", f"took {duration(attempt.finished_at - attempt.started_at)}")
    for effect in effects:
        identity = ", ".join(str(value) for value in effect.identity.values())
        Node("p", f"{effect.target}: {effect.phase} · {identity}", "muted")
    if attempt.error:
        Node("p", attempt.error, "error-line")
