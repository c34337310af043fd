"""Parts of an agent: what it takes, what it has in hand, its latest attempts and its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from nicegui import ui

from engine import clock
from engine.errors import JobRunnerError
from engine.statistics import AgentStats
from engine.views import JobView
from engine.watcher import AgentAtWork, Done, InHand, Paused, Takes
from models.states import Status
from ui.components.agent_words import OUTCOMES, done_words, more_words, now_words, numbers
from ui.components.keyed import KeyedRows
from ui.components.marks import progress_node, show_progress
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.layout import Shell

SHOWN_TYPES = 4


class TakesChips:
    """The types that it takes, a few of them by name."""

    def __init__(self, most: int = SHOWN_TYPES) -> None:
        self._most = most
        self._root = Redrawn("chips agent-takes")

    def show(self, takes: Sequence[Takes]) -> None:
        """Draw them if they are others."""
        self._root.show(tuple(takes), partial(self._draw, takes))

    def _draw(self, takes: Sequence[Takes]) -> None:
        shown = takes if len(takes) <= self._most else takes[: self._most - 1]
        for each in shown:
            paused = ", paused" if each.paused else ""
            classes = "chip chip-paused" if each.paused else "chip"
            Node("span", f"{each.label}{paused}", classes, data_icon=each.icon, title=each.key)
        if left := takes[len(shown) :]:
            Node("span", f"{len(left)} more", "chip", title=", ".join(each.label for each in left))


class Hands:
    """The jobs that it has in hand, the latest begun first, or what it does without any."""

    def __init__(self, key: str) -> None:
        self._rows: dict[int, _Hand] = {}
        with Node("div", "", "agent-now"):
            self._list: KeyedRows[InHand] = KeyedRows("hands", lambda hand: hand.job.id, self._make)
            self._idle = Node("p", "", "muted")
            self._more = Node("a", "", "muted hands-more", href=f"/app/jobs?agent={key}&status=running")

    def show(self, agent: AgentAtWork) -> None:
        """Patch what differs."""
        self._list.show(agent.in_hand)
        for job_id in self._rows.keys() - {hand.job.id for hand in agent.in_hand}:
            del self._rows[job_id]
        self._idle.change("" if agent.running else now_words(agent), hidden=True if agent.running else None)
        more = more_words(agent, len(agent.in_hand))
        self._more.change(more, hidden=None if more else True)

    def progress(self, percents: Mapping[int, float]) -> None:
        """Move the bars."""
        for job_id in percents.keys() & self._rows.keys():
            self._rows[job_id].progress(percents[job_id])

    def say(self, job_id: int, text: str) -> None:
        """A job logged a line."""
        if row := self._rows.get(job_id):
            row.say(text)

    def _make(self, hand: InHand) -> "_Hand":
        self._rows[hand.job.id] = _Hand(hand.job)
        return self._rows[hand.job.id]


class _Hand:
    def __init__(self, job: JobView) -> None:
        self._job = job
        with Node("div", "", "hand", role="listitem", data_job_id=str(job.id)) as self.root:
            with Node("div", "", "hand-what"):
                Node("a", job.name, href=f"/app/jobs/{job.id}", title=job.name)
                Node("span", job.summary, "muted", title=job.summary)
            self._bar = progress_node(f"Progress of {job.name}")
            self._line = Node("div", "", "hand-line")

    def show(self, hand: InHand) -> None:
        is_same = hand.job.attempt == self._job.attempt  # the database is a little behind what was told live
        percent = max(self._job.progress, hand.job.progress) if is_same else hand.job.progress
        self._job = hand.job
        self.progress(percent)
        if hand.line:
            self.say(hand.line.text)

    def progress(self, percent: float) -> None:
        self._job = replace(self._job, progress=percent, status=Status.RUNNING)
        show_progress(self._bar, self._job, clock.now())

    def say(self, text: str) -> None:
        self._line.change(text, title=text)


class Marks:
    """Its latest attempts as small marks, the latest last, each a link to its job."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._marks: dict[tuple[int, datetime], Node] = {}
        self._root = Node("div", "", "marks", role="group", aria_label="Last jobs")

    def show(self, done: Sequence[Done]) -> None:
        """Add what is new at the end, and drop the oldest; what one says changes with time."""
        wanted = {(each.job_id, each.finished_at): each for each in done[: self._most][::-1]}
        for key in self._marks.keys() - wanted.keys():
            self._marks.pop(key).delete()
        now = clock.now()
        with self._root:
            for position, (key, each) in enumerate(wanted.items()):
                if key not in self._marks:
                    self._marks[key] = _mark(each)
                    if position < len(self._marks) - 1:
                        self._marks[key].move(target_index=position)
                words = done_words(each, now)
                self._marks[key].change(aria_label=words, title=words)


def _mark(done: Done) -> Node:
    kind, icon, _ = OUTCOMES[done.outcome]
    return Node("a", "", f"mark-link tone-{kind}", href=f"/app/jobs/{done.job_id}", data_icon=icon)


class Numbers:
    """How it fared, by name and value."""

    def __init__(self) -> None:
        with Node("dl", "", "agent-numbers"):
            self._values = {name: self._place(name) for name, _ in numbers(AgentStats(0, 0, None, None))}

    def show(self, stats: AgentStats) -> None:
        """Patch what differs."""
        for name, value in numbers(stats):
            self._values[name].change(value)

    def _place(self, name: str) -> Node:
        with Node("div"):
            Node("dt", name)
            return Node("dd")


class PauseButton:
    """Pauses an agent, or lets it go on; "Pause Mailer" is its name."""

    def __init__(self, shell: Shell, agent: AgentAtWork) -> None:
        self._shell, self._agent = shell, agent
        self._button = button("Pause", "small", "pause", aria_label=f"Pause {agent.name}").on_press(self._press)

    def show(self, agent: AgentAtWork) -> None:
        """Say what a press would do."""
        self._agent = agent
        verb, icon = ("Resume", "play_arrow") if agent.paused is Paused.EVERYTHING else ("Pause", "pause")
        self._button.change(verb, aria_label=f"{verb} {agent.name}", data_icon=icon)

    async def _press(self) -> None:
        agent = self._agent
        pauses = agent.paused is not Paused.EVERYTHING
        try:
            await self._shell.desk.pause_agent(agent.key, pauses)
        except JobRunnerError as error:
            ui.notify(f"{agent.name}: {error}", type="negative", position="bottom")
            return
        said = "paused; what it has in hand goes on, everything else waits" if pauses else "resumed"
        ui.notify(f"{agent.name}: {said}", type="positive", position="bottom", timeout=7000)
