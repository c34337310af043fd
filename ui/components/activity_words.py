"""What is said of something that happened: pure, from an item to words."""

from dataclasses import dataclass
from typing import Literal

from engine.activity import Item

Kind = Literal["all", "moves", "lines", "failures"]
KINDS: dict[Kind, str] = {"all": "All", "moves": "Moves", "lines": "Log lines", "failures": "Failures only"}

LINE = ("queued", "notes", "")
MOVES = {
    "job.created": ("queued", "add_circle", "created"),
    "job.needs_approval": ("approval", "front_hand", "needs approval"),
    "job.approved": ("completed", "thumb_up", "approved"),
    "job.rejected": ("failed", "thumb_down", "rejected"),
    "job.lapsed": ("cancelled", "timer_off", "cancelled, as nobody decided in time"),
    "job.started": ("running", "autorenew", "started"),
    "job.queued": ("queued", "schedule", "queued again"),
    "job.paused": ("paused", "pause_circle", "paused"),
    "job.completed": ("completed", "check_circle", "completed"),
    "job.failed": ("failed", "error", "failed"),
    "job.outcome_unknown": ("unknown", "help", "failed: nobody knows whether it went out"),
    "job.cancelled": ("cancelled", "block", "cancelled"),
}


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see; an empty agent is every agent."""

    agent: str = ""
    kind: Kind = "all"

    def fits(self, item: Item) -> bool:
        """Whether it is to be shown."""
        if self.agent and item.agent != self.agent:
            return False
        match self.kind:
            case "moves":
                return not item.is_line
            case "lines":
                return item.is_line
            case "failures":
                return item.is_failure
        return True


def look(item: Item) -> tuple[str, str, str]:
    """Tone, icon and words."""
    if item.is_line:
        return *LINE[:2], item.text
    tone, icon, words = MOVES.get(item.what, ("queued", "info", item.what.removeprefix("job.").replace("_", " ")))
    if item.what == "job.started" and item.attempt > 1:
        words = f"started, attempt {item.attempt}"
    return tone, icon, words


def new_words(many: int, left_out: int = 0) -> str:
    """How much came while the list was held."""
    return f"{many + left_out:,} new" if many + left_out else ""


def left_out_words(many: int) -> str:
    """What stands where there was too much at once to show it."""
    return f"{many:,} more happened here, too quickly to show"
