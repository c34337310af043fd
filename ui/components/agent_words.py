"""What is said of an agent: pure, from what it does to words."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from engine.statistics import AgentStats
from engine.watcher import AgentAtWork, AgentState, Done, Paused
from ui.present import Badge, ago, duration

NOTHING = "–"

STATES = {
    AgentState.WORKING: Badge("running", "autorenew", "Working"),
    AgentState.IDLE: Badge("queued", "radio_button_unchecked", "Idle"),
    AgentState.PAUSED: Badge("paused", "pause_circle", "Paused"),
    AgentState.OFFLINE: Badge("cancelled", "cloud_off", "Offline"),
}
OUTCOMES = {
    "succeeded": ("completed", "check_circle", "succeeded"),
    "failed": ("failed", "error", "failed"),
    "retrying": ("retrying", "replay", "failed, to be tried again"),
    "unknown": ("unknown", "help", "outcome unknown"),
    "paused": ("paused", "pause_circle", "paused"),
    "cancelled": ("cancelled", "block", "cancelled"),
    "lost": ("failed", "error", "lost"),
    "released": ("paused", "undo", "given back"),
}


def also_paused(agent: AgentAtWork) -> Badge | None:
    """What its state does not tell of being paused."""
    if agent.paused is Paused.NOTHING or agent.state is AgentState.PAUSED:
        return None
    return Badge("paused", "pause_circle", "Paused" if agent.paused is Paused.EVERYTHING else "Partly paused")


def now_words(agent: AgentAtWork) -> str:
    """What it does while it has nothing in hand."""
    if agent.state is AgentState.OFFLINE:
        return "Not heard of for a while" if agent.is_outside else "The engine is offline"
    if agent.paused is Paused.EVERYTHING:
        return "Its jobs wait until it is resumed"
    return "Waits for a job"


def more_words(agent: AgentAtWork, shown: int) -> str:
    """How many more jobs it has in hand than are shown."""
    more = agent.running - shown
    return f"and {more:,} more" if more > 0 else ""


def meta_words(agent: AgentAtWork) -> str:
    """Where it comes from, and how much it has in hand."""
    if agent.is_outside:
        return f"Outside agent · {agent.running:,} of {agent.places:,} in hand"
    return f"Built in · {agent.running:,} in hand" if agent.running else "Built in"


def rate_words(stats: AgentStats) -> str:
    """The success rate; what is nearly everything or nearly nothing is not told as such."""
    if stats.success_rate is None:
        return NOTHING
    percent = 100 * stats.success_rate
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{min(max(percent, 0.1), 99.9):.1f} %"
    return f"{percent:.0f} %"


def span_words(span: timedelta | None) -> str:
    """A run time, which is told about: within a few percent."""
    if span is None:
        return NOTHING
    seconds = span.total_seconds()
    return f"{seconds:.1f} s" if 0.95 <= seconds < 9.95 else duration(span)


def numbers(stats: AgentStats) -> list[tuple[str, str]]:
    """What is told of a span, by name."""
    return [
        ("Succeeded", rate_words(stats)),
        ("Attempts", f"{stats.attempts:,}"),
        ("Median", span_words(stats.median)),
        ("95 % within", span_words(stats.p95)),
    ]


def done_words(done: Done, now: datetime) -> str:
    """One of the latest attempts, for whoever cannot see its mark."""
    return f"{done.name}: {OUTCOMES[done.outcome][2]}, {ago(done.finished_at, now)}"


def summary(agents: Iterable[AgentAtWork]) -> list[tuple[Badge, int]]:
    """How many agents are in which state; offline ones only if there are any."""
    counts = Counter(agent.state for agent in agents)
    return [(badge, counts[state]) for state, badge in STATES.items() if counts[state] or state is AgentState.WORKING]
