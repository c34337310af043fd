"""One agent as a card: what it takes, does now, and did; shown once, then patched where it differs."""

from engine import clock
from engine.statistics import AgentStats, Slot
from engine.tally import Span
from engine.watcher import AgentAtWork
from models.rights import Right
from models.usage import Sum
from ui.components.agent_parts import Hands, Marks, Numbers, PauseButton, TakesChips
from ui.components.agent_words import STATES, also_paused, meta_words
from ui.components.budget_words import used_words
from ui.components.marks import badge_node, show_badge, show_time
from ui.components.node import Node
from ui.components.sparkline import Sparkline
from ui.layout import Shell

MARKS = 10
SPAN_WORDS: dict[Span, str] = {"day": "Over a day", "week": "Over a week"}


class AgentHead:
    """Name, state, and the button to pause it."""

    def __init__(self, shell: Shell, agent: AgentAtWork, *, is_link: bool) -> None:
        with Node("div", "", "agent-head"):
            with Node("h2", "", "agent-name"):
                if is_link:
                    Node("a", agent.name, "card-name", href=f"/app/agents/{agent.key}", title=agent.name)
                else:
                    Node("span", agent.name, title=agent.name)
            self._state, self._paused = badge_node(), badge_node()
            Node("span", "", "spacer")
            self._words = ""
            self._pause = PauseButton(shell, agent) if Right.ADMINISTER in shell.rights else None
        with Node("div", "", "card-meta"):
            self._meta = Node("span")
            if agent.is_outside:
                with Node("span"):
                    Node("span", "seen ")
                    self._seen = Node("time")

    def show(self, agent: AgentAtWork) -> None:
        """Patch what differs."""
        show_badge(self._state, STATES[agent.state])
        show_badge(self._paused, also_paused(agent))
        self._words = meta_words(agent)
        if agent.is_outside:
            show_time(self._seen, agent.seen_at, clock.now(), show="ago")
        if self._pause:
            self._pause.show(agent)

    def use(self, used: Sum | None) -> None:
        """Tell what it has used today, if anything."""
        words = " · ".join(part for part in (self._words, used_words(used)) if part)
        self._meta.change(words, title=words)


class AgentCard:
    """A card of the Agent Watcher."""

    def __init__(self, shell: Shell, agent: AgentAtWork) -> None:
        icon = "lan" if agent.is_outside else "smart_toy"
        with Node(
            "article", "", "agent-card", aria_label=agent.name, data_agent=agent.key, data_icon=icon
        ) as self.root:
            self._head = AgentHead(shell, agent, is_link=True)
            self._takes = TakesChips()
            self.hands = Hands(agent.key)
            with Node("div", "", "agent-past"):
                with Node("div", "", "agent-past-head"):
                    self._span = Node("span", "", "muted")
                    self._sparkline = Sparkline()
                self._numbers = Numbers()
                self._marks = Marks(MARKS)

    def show(self, agent: AgentAtWork) -> None:
        """Bring the card up to date."""
        self._head.show(agent)
        self._takes.show(agent.takes)
        self.hands.show(agent)
        self._marks.show(agent.done)

    def use(self, used: Sum | None) -> None:
        """Tell what it has used today, if anything."""
        self._head.use(used)

    def count(self, span: Span, stats: AgentStats, slots: tuple[Slot, ...]) -> None:
        """Bring its numbers up to date."""
        self._span.change(SPAN_WORDS[span])
        self._sparkline.show(slots)
        self._numbers.show(stats)
