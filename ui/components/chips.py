"""What holds besides the type, in words: one chip each, which takes it away when it is pressed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from engine.finding import SPANS, Criteria
from ui.components.asked import Asked
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn

IN_WORDS = {"hour": "hour", "day": "day", "week": "7 days", "month": "30 days"}
NEEDS = {"approval": "Needs approval", "answer": "Needs an answer: did it go out?", "set-aside": "Set aside"}


@dataclass(frozen=True)
class Chip:
    """`rest` is what is looked for without it."""

    text: str
    rest: Criteria


def chips_of(asked: Asked, names: Mapping[str, str]) -> list[Chip]:
    """What holds; `names` are those of agents and types, by key."""
    criteria, found = asked.criteria, []

    def add(text: str, **rest: Any) -> None:
        found.append(Chip(text, replace(criteria, **rest)))

    if criteria.q:
        add(f"“{criteria.q}”", q="")
    if asked.category is None:
        for word in criteria.types:
            add(f"Type: {names.get(word, word)}", types=tuple(each for each in criteria.types if each != word))
    for status in criteria.statuses:
        add(status.capitalize(), statuses=tuple(each for each in criteria.statuses if each is not status))
    if criteria.created_by:
        add(f"By {criteria.created_by}", created_by="")
    if criteria.agent:
        add(f"Agent: {names.get(criteria.agent, criteria.agent)}", agent="")
    if criteria.since or criteria.until:
        add(_created(criteria), since="", until="")
    if criteria.ended:
        add(f"Ended {_since(criteria.ended)}", ended="")
    if criteria.needs:
        add(NEEDS[criteria.needs], needs="")
    if criteria.cause:
        add(f"Failed: {criteria.cause}", cause="")
    return found


def last_day(until: str) -> str:
    """The last day before a date that is not included, as people say it; other words as they are."""
    return (date.fromisoformat(until) - timedelta(days=1)).isoformat() if _is_date(until) else until


class Chips:
    """`on_criteria` is called with what is to be looked for instead, `on_clear` to look for everything."""

    def __init__(
        self, on_criteria: Callable[[Criteria], Awaitable[None]], on_clear: Callable[[], Awaitable[None]]
    ) -> None:
        self._on_criteria, self._on_clear = on_criteria, on_clear
        self._root = Redrawn()

    def show(self, chips: list[Chip]) -> None:
        """Draw them, if they differ."""
        self._root.show(chips, partial(self._draw, chips))

    def _draw(self, chips: list[Chip]) -> None:
        if not chips:
            return
        with Node("div", "", "chips finder-chips", role="group", aria_label="Filters that hold"):
            for chip in chips:
                label = f"Remove the filter {chip.text}"
                with Node("span", "", "chip filter-chip"):
                    Node("span", chip.text, "chip-text", title=chip.text)
                    remove = Node("button", "", "chip-remove", type="button", aria_label=label, title=label)
                    remove.change(data_icon="close").on_press(partial(self._on_criteria, chip.rest))
            button("Clear filters", "small plain").on_press(self._on_clear)


def _created(criteria: Criteria) -> str:
    since = [_since(criteria.since)] if criteria.since else []
    until = [f"until {_day(last_day(criteria.until))}"] if criteria.until else []
    return " ".join(["Created", *since, *until])


def _since(said: str) -> str:
    return f"in the last {IN_WORDS[said]}" if said in SPANS else f"since {_day(said)}"


def _day(said: str) -> str:
    return f"{date.fromisoformat(said):%-d %b %Y}" if _is_date(said) else said


def _is_date(said: str) -> bool:
    try:
        date.fromisoformat(said)
    except ValueError:
        return False
    return len(said) == 10
