"""A job's life as people read it: the latest first, each moment with who, what and when."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from engine import clock
from engine.life import Life, Moment, Try
from engine.views import JobView
from models.states import Status
from ui.components.attempts import Attempt
from ui.components.error_text import show_error
from ui.components.log_view import Earlier
from ui.components.marks import time_node
from ui.components.node import Node
from ui.components.redrawn import Redrawn

LOOKS = {
    "created": ("add_circle_outline", "queued"),
    "scheduled": ("event", "scheduled"),
    "needs_approval": ("front_hand", "approval"),
    "attempt": ("bolt", "running"),
    "approved": ("check_circle", "completed"),
    "trusted": ("verified", "completed"),
    "rejected": ("undo", "failed"),
    "commented": ("chat_bubble_outline", "queued"),
    "revised": ("edit", "scheduled"),
    "undone": ("undo", "paused"),
    "voided": ("gpp_maybe", "paused"),
    "lapsed": ("hourglass_disabled", "cancelled"),
    "reminded": ("notifications", "queued"),
    "review_link": ("link", "queued"),
    "cancel": ("block", "cancelled"),
    "pause": ("pause_circle", "paused"),
    "resume": ("play_circle", "running"),
    "retry": ("replay", "retrying"),
    "run_now": ("bolt", "scheduled"),
    "resolve": ("fact_check", "unknown"),
    "prioritize": ("low_priority", "queued"),
    "set_aside": ("report", "unknown"),
    "completed": ("check_circle", "completed"),
    "failed": ("error", "failed"),
    "cancelled": ("block", "cancelled"),
}
_PLAIN = ("circle", "queued")
_ERRORS = frozenset({"set_aside", "failed", "cancelled"})  # whose comment is what went wrong


class Timeline:
    """Keeps what it has drawn, and draws only what is new: nothing folds, scrolls or loses focus by itself."""

    def __init__(self, earlier: Callable[[int], Earlier]) -> None:
        self._earlier = earlier
        self._list = Node("ol", "", "timeline", aria_label="Timeline")
        self._shown: dict[str, _Entry] = {}
        self.last_line = 0

    def show(self, job: JobView, life: Life) -> None:
        """Bring it up to date."""
        tries = {each.view.number: each for each in life.tries}
        newest = max(tries, default=0)
        wanted = {moment.key: moment for moment in reversed(life.moments)}
        for key in self._shown.keys() - wanted.keys():
            self._shown.pop(key).root.delete()
        if newest and f"attempt-{newest}" not in self._shown:
            for entry in self._shown.values():
                entry.fold()
        for place, (key, moment) in enumerate(wanted.items()):
            made = tries.get(moment.attempt or 0)
            if key not in self._shown:
                with self._list:
                    self._shown[key] = _Entry(moment, made, self._earlier, is_newest=moment.attempt == newest)
                self._shown[key].root.move(target_index=place)
            self._shown[key].show(moment, made, _message(job, made, newest), _next_try(job, made, newest))
        logged = (line.id for each in life.tries for line in each.view.log)
        self.last_line = max(logged, default=self.last_line)


class _Entry:
    def __init__(self, moment: Moment, made: Try | None, earlier: Callable[[int], Earlier], *, is_newest: bool) -> None:
        icon, tone = LOOKS.get(moment.kind, _PLAIN)
        self._attempt: Attempt | None = None
        with Node("li", "", f"moment tone-{tone}", data_icon=icon) as self.root:
            if made:
                number = made.view.number
                self._attempt = Attempt(number, earlier(number), is_open=is_newest, is_cut=made.is_cut)
            else:
                self._words = Redrawn("moment-body")

    def show(self, moment: Moment, made: Try | None, message: str, next_try: datetime | None) -> None:
        """Bring it up to date."""
        if self._attempt and made:
            self._attempt.show(made, message, next_try)
        else:
            self._words.show(moment, partial(_draw_moment, moment))

    def fold(self) -> None:
        """Something newer is shown open."""
        if self._attempt:
            self._attempt.fold()


def _draw_moment(moment: Moment) -> None:
    with Node("div", "", "step-head"):
        if moment.who:
            Node("strong", moment.who)
        Node("span", f" {moment.what} ")  # the blanks are for whoever copies it
        if moment.when:
            time_node(moment.when, clock.now(), show="clock")
        time_node(moment.at, clock.now())
    if moment.comment and moment.kind in _ERRORS:
        show_error(moment.comment)
    elif moment.comment:
        Node("p", moment.comment, "text-block", dir="auto")


def _message(job: JobView, made: Try | None, newest: int) -> str:
    """What the job came to, told by the attempt that brought it there."""
    if made is None or made.view.number != newest or made.view.outcome != "succeeded":
        return ""
    message = (job.result or {}).get("message")
    return message if isinstance(message, str) else ""


def _next_try(job: JobView, made: Try | None, newest: int) -> datetime | None:
    if made is None or made.view.number != newest or made.view.outcome != "retrying":
        return None
    return job.due_at if job.status in (Status.QUEUED, Status.PAUSED) else None
