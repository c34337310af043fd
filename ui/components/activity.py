"""The stream of what happens, the newest on top; it can be held still."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from engine.activity import Batch, Item
from ui.components.activity_words import KINDS, Kind, Wanted, left_out_words, look, new_words
from ui.components.inbox_list import on_emit
from ui.components.marks import show_time
from ui.components.node import Node

MOST = 200
FIRST = 25
_CHOOSE = "(event) => emit(event.target.value)"


class ActivityStream:
    """`on_wanted` is called when somebody wants to see something else; with `agent` it is that agent's own stream."""

    def __init__(self, wanted: Wanted, on_wanted: Callable[[Wanted], object], *, agent: str = "") -> None:
        self._own = agent
        self._wanted = wanted
        self._on_wanted = on_wanted
        self._names: dict[str, str] = {}
        self._rows: deque[Node] = deque()
        self._known: dict[tuple[bool, int], None] = {}
        self._waiting: deque[Item] = deque(maxlen=MOST)
        self._left_out = self._arrived = 0
        self._is_held = False
        self.is_stale = True
        """Whether what happened lately is to be read anew."""
        with Node("section", "", "panel activity", aria_label="Activity"):
            self._head()
            with Node(
                "div", "", "activity-rows", role="log", aria_live="off", aria_label="Latest activity", tabindex="0"
            ):
                self._container = Node("div")
            self._empty = Node("p", "Nothing has happened yet.", "muted", hidden=True)

    @property
    def wanted(self) -> Wanted:
        """What is shown."""
        return self._wanted

    def want(self, wanted: Wanted) -> None:
        """Show something else, with the next read."""
        if wanted == self._wanted:
            return
        self._wanted, self.is_stale = wanted, True
        self._hold(is_held=False)

    def name(self, names: Mapping[str, str]) -> None:
        """What the agents are called."""
        if names == self._names:
            return
        self._names = dict(names)
        if self._choice:
            self._choice.clear()
            with self._choice:
                for key, name in {"": "Every agent", **names}.items():
                    Node("option", name, value=key).change(selected=True if key == self._wanted.agent else None)

    def fill(self, items: Sequence[Item]) -> None:
        """What happened lately, the oldest first; held, only what is new counts."""
        came, self.is_stale = [*items, *(item for item in self._waiting if not self._is_held)], False
        if not self._is_held:
            self._waiting.clear()
            self._forget()
        self._take(came)
        self._show_marks()

    def on_batch(self, batch: Batch) -> None:
        """Show what fits, or keep it while nothing may move."""
        items = [item for item in batch.items if self._wanted.fits(item)]
        if self.is_stale:
            self._waiting.extend(items)
            return
        left_out = batch.left_out if self._wanted == Wanted(self._wanted.agent) and not self._wanted.agent else 0
        self._take(items, left_out)

    def drop(self) -> None:
        """No browser listens: read anew when one does."""
        self.is_stale = True
        if not self._is_held:
            self._waiting.clear()

    # -- parts -----------------------------------------------------------------------------------------------

    def _head(self) -> None:
        self._choice: Node | None = None
        with Node("div", "", "panel-head activity-head"):
            Node("h2", "Activity")
            with Node("div", "", "filters", role="group", aria_label="Show"):
                self._kinds = {kind: self._pill(kind, label) for kind, label in KINDS.items()}
            if not self._own:
                self._choice = Node("select", "", "choice agent-choice", aria_label="Agent")
                on_emit(self._choice, "change", _CHOOSE, self._on_agent)
            self._new = Node("span", "", "activity-new muted")
            hold = Node("button", "Hold", "pill hold", type="button", aria_pressed="false", data_icon="pause")
            self._hold_button = hold.on_press(lambda: self._hold(is_held=not self._is_held))

    def _pill(self, kind: Kind, label: str) -> Node:
        pill = Node("button", label, "pill", type="button", aria_pressed="false")
        return pill.on_press(lambda: self._on_wanted(Wanted(self._wanted.agent, kind)))

    def _on_agent(self, key: str) -> object:
        return self._on_wanted(Wanted(str(key) if key in self._names else "", self._wanted.kind))

    def _show_marks(self) -> None:
        for kind, pill in self._kinds.items():
            pill.change(aria_pressed="true" if kind == self._wanted.kind else "false")
        if self._choice:
            self._choice.client.run_javascript(f"showHeld({self._choice.id}, {json.dumps(self._wanted.agent)})")
        is_empty = not self._rows
        words = "Nothing has happened yet." if self._wanted == Wanted(self._own) else "Nothing of that happened lately."
        self._empty.change(words, hidden=None if is_empty else True)

    def _hold(self, *, is_held: bool) -> None:
        self._is_held = is_held
        self._hold_button.change(aria_pressed="true" if is_held else "false")
        if not is_held:
            items, left_out = list(self._waiting), self._left_out + self._arrived - len(self._waiting)
            self._waiting.clear()
            self._left_out = self._arrived = 0
            self._add(items, left_out)
        self._new.change("")

    def _take(self, items: Sequence[Item], left_out: int = 0) -> None:
        fresh = [item for item in items if item.key not in self._known]
        self._known |= dict.fromkeys(item.key for item in fresh)
        for old in list(self._known)[: max(0, len(self._known) - 4 * MOST)]:
            del self._known[old]
        if not self._is_held:
            self._add(fresh, left_out)
            return
        self._waiting.extend(fresh)
        self._arrived += len(fresh)
        self._left_out += left_out
        self._new.change(new_words(self._arrived, self._left_out))

    def _add(self, items: Sequence[Item], left_out: int) -> None:
        with self._container:
            if left_out > 0:
                self._push(Node("div", left_out_words(left_out), "activity-left-out muted"))
            for item in items:
                self._push(_row(item, "" if self._own else self._names.get(item.agent, "")))
        while len(self._rows) > MOST:
            self._rows.popleft().delete()
        if self._rows:
            self._empty.change(hidden=True)

    def _push(self, row: Node) -> None:
        row.move(target_index=0)
        self._rows.append(row)

    def _forget(self) -> None:
        self._rows.clear()
        self._known.clear()
        self._container.clear()


def _row(item: Item, agent: str) -> Node:
    tone, icon, words = look(item)
    kind = "line" if item.is_line else "move"
    with Node("div", "", f"activity-row {kind} tone-{tone}", data_icon=icon) as row:
        show_time(Node("time"), item.at)
        name = f"{item.job} · {item.summary}" if item.summary else item.job
        Node("a", name, href=f"/app/jobs/{item.job_id}", title=f"{name}, job {item.job_id}")
        Node("span", words, "activity-words", title=words)
        if agent:
            Node("span", agent, "activity-agent")
    return row
