"""Every filter in one place, opened under the row that finds: made when it is first opened."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from engine.finding import SPANS, Criteria
from engine.workforce import built_in_agents
from models.agent import PREFIX
from models.states import Status
from ui.components.chips import IN_WORDS, last_day
from ui.components.choice import Choice
from ui.components.inbox_list import on_emit
from ui.components.node import Node
from ui.layout import Shell
from ui.theme import STATUSES

OWN_DATES = "dates"
MAX_CREATORS = 200
NEEDS = {
    "": "Anything",
    "approval": "Approval",
    "answer": "An answer: did it go out?",
    "set-aside": "Another try: set aside",
}
_SPANS = {"": "Any time", **{span: f"In the last {IN_WORDS[span]}" for span in SPANS}}
_ENTERED = "(event) => emit(event.target.value)"

OnChange = Callable[..., Awaitable[None]]


class FilterPanel:
    """`on_change` is called with the criteria that change, `on_close` when somebody presses Escape in it."""

    def __init__(self, shell: Shell, on_change: OnChange, on_close: Callable[[], object]) -> None:
        self._shell, self._on_change = shell, on_change
        self._criteria = Criteria()
        self._fields: _Fields | None = None
        self._root = Node("div", "", "filter-panel", role="group", aria_label="Filters", hidden=True)
        self._root.on("keydown.escape", lambda: on_close(), js_handler="(e) => { e.stopPropagation(); emit(); }")

    @property
    def is_open(self) -> bool:
        """Whether it is seen."""
        return not self._root.props.get("hidden")

    @property
    def id(self) -> str:
        """Its id in the page."""
        return self._root.html_id

    async def open(self) -> None:
        """Show it, with the people and agents that there are."""
        if self._fields is None:
            with self._root:
                self._fields = _Fields(self._change)
        creators = await self._shell.atlas.queries.finder.creators(limit=MAX_CREATORS)
        self._fields.offer(await _agents(self._shell), creators)
        self._fields.show(self._criteria)
        self._root.change(hidden=None)

    def close(self) -> None:
        """Put it away."""
        self._root.change(hidden=True)

    def show(self, criteria: Criteria) -> None:
        """Write what holds."""
        self._criteria = criteria
        if self._fields:
            self._fields.show(criteria)

    async def _change(self, **changes: Any) -> None:
        self.show(replace(self._criteria, **changes))  # the next change may come before the list is there
        await self._on_change(**changes)


class _Fields:
    def __init__(self, change: Callable[..., Awaitable[None]]) -> None:
        self._change = change
        self._criteria = Criteria()
        self._wants_dates = False
        with Node("div", "", "filter-field wide"):
            Node("span", "Status", "filter-label", aria_hidden="true")
            with Node("div", "", "filters", role="group", aria_label="Status"):
                self._statuses = {status: self._status(status) for status in Status}
        self._needs = Choice("Needs", NEEDS, lambda key: change(needs=key), title="Needs")
        self._agent = Choice("Agent", {"": "Any agent"}, lambda key: change(agent=key), title="Agent")
        with Node("label", "Created by", "small-field"):
            self._creator = Node("input", type="text", aria_label="Created by", placeholder="Anybody", maxlength=200)
            self._creators = Node("datalist")
        self._creator.change(list=self._creators.html_id, autocomplete="off")
        on_emit(self._creator, "change", _ENTERED, lambda text: change(created_by=str(text).strip()))
        spans = {**_SPANS, OWN_DATES: "From … to …"}
        self._created = Choice("Created", spans, self._on_created, title="Created")
        with Node("div", "", "filter-dates", hidden=True) as self._dates:
            self._from = _Day("From", partial(self._on_day, "since"))
            self._to = _Day("To", partial(self._on_day, "until"))
        self._ended = Choice("Ended", _SPANS, lambda key: change(ended=key), title="Ended")

    def offer(self, agents: dict[str, str], creators: list[str]) -> None:
        self._agent.offer(agents)
        self._creators.clear()
        with self._creators:
            for name in creators:
                Node("option", value=name)

    def show(self, criteria: Criteria) -> None:
        self._criteria = criteria
        for status, pill in self._statuses.items():
            pill.change(aria_pressed="true" if status in criteria.statuses else "false")
        self._needs.show(criteria.needs)
        self._agent.show(criteria.agent)
        self._ended.show(criteria.ended)
        has_dates = bool(criteria.until or (criteria.since and criteria.since not in SPANS))
        shows_dates = has_dates or (self._wants_dates and not criteria.since)
        self._created.show(OWN_DATES if shows_dates else criteria.since)
        self._dates.change(hidden=None if shows_dates else True)
        self._from.show("" if criteria.since in SPANS else criteria.since)
        self._to.show(last_day(criteria.until))
        _hold(self._creator, criteria.created_by)

    def _status(self, status: Status) -> Node:
        pill = Node("button", status.capitalize(), "pill", type="button", data_icon=STATUSES[status].icon)
        return pill.on_press(lambda: self._turn(status))

    async def _turn(self, status: Status) -> None:
        chosen = set(self._criteria.statuses) ^ {status}
        await self._change(statuses=tuple(each for each in Status if each in chosen))

    async def _on_created(self, key: str) -> None:
        self._wants_dates = key == OWN_DATES
        await self._change(since="" if self._wants_dates else key, until="")

    async def _on_day(self, name: str, day: str) -> None:
        """The last day is one of those that are meant; what the criteria say ends before it."""
        value = (date.fromisoformat(day) + timedelta(days=1)).isoformat() if day and name == "until" else day
        await self._change(**{name: value})


class _Day:
    """A day; the browser brings the calendar."""

    def __init__(self, title: str, on_day: Callable[[str], Awaitable[None]]) -> None:
        with Node("label", title, "small-field"):
            self._root = Node("input", type="date", aria_label=title, min="2000-01-01", max="2099-12-31")
        on_emit(self._root, "change", _ENTERED, lambda day: on_day(day) if _is_day(day) else None)

    def show(self, day: str) -> None:
        _hold(self._root, day[:10])


def _is_day(day: object) -> bool:
    try:
        return day == "" or bool(date.fromisoformat(str(day)))
    except ValueError:
        return False


def _hold(field: Node, held: str) -> None:
    """NOTE: no `value` among its attributes: the browser would write that over what somebody is typing."""
    if field.props.get("data-shown") != held:
        field.change(data_shown=held)
        field.client.run_javascript(f"showHeld(...{json.dumps([field.id, held])})")


async def _agents(shell: Shell) -> dict[str, str]:
    built_in = {agent.key: agent.name for agent in built_in_agents(shell.atlas.registry)}
    outside = {f"{PREFIX}{agent.id}": agent.name for agent in await shell.atlas.queries.agents()}
    return {**built_in, **outside}
