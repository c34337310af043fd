"""The audit log: who did what, from where, with before and after."""

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import PageArguments, ui

from engine import clock
from engine.audit import Recorded
from engine.errors import NotAllowed
from models.rights import Right
from ui.components.apology import apology
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app/settings/audit"
SHOWN = 50
KINDS = {"": "Everything", "job.": "Jobs", "channel.": "Channels", "person.": "People", "token.": "Tokens"}


class AuditPage(StillView):
    """The newest first; filters stand in the URL."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        query = arguments.query_parameters
        self._action, self._text = query.get("action", ""), query.get("q", "")
        self._before: int | None = None
        Node("a", "Settings", "button plain back", href="/app/settings", data_icon="arrow_back")
        shell.show("Audit log", "/app/settings", self)
        self._may_look = Right.ADMINISTER in shell.rights
        if not self._may_look:
            apology("The audit log is for administrators", "Ask one of them for what you need from it.")
            return
        with Node("div", "", "toolbar"):
            self._kind = ui.select(KINDS, value=self._action if self._action in KINDS else "", label="What")
            self._search = ui.input("Who, what or whom", value=self._text).props("clearable")
            for node in (self._kind, self._search):
                node.props("outlined dense").on_value_change(self._filter)
            with Node("div", "", "buttons end"):
                exports = ("CSV", "JSON")
                self._exports = [Node("a", f"Export {form}", "button", data_icon="download") for form in exports]
        with Node("section", "", "panel", aria_label="Audit log"):
            Node("h2", "Entries")
            self._list = Redrawn("")
            self._older = button("Older entries", "", "expand_more").on_press(self._show_older)
        self._limit = SHOWN
        self._link_exports()

    async def read(self, reader: Reader) -> Draw:
        """Read the newest entries again."""
        if not self._may_look:
            return lambda: None
        try:
            found = await self._shell.desk.audit(action=self._action, text=self._text, limit=self._limit + 1)
        except NotAllowed:
            return lambda: None
        return partial(self._show, found)

    def _show(self, found: list[Recorded]) -> None:
        entries = found[: self._limit]
        self._list.show(entries, partial(self._draw, entries))
        self._older.change(hidden=None if len(found) > self._limit else True)

    def _draw(self, entries: list[Recorded]) -> None:
        if not entries:
            Node("p", "Nothing matches." if self._action or self._text else "Nothing has been done yet.", "muted")
        for entry in entries:
            with Node("div", "", "list-row audit-row"):
                with Node("div", "", "grow"):
                    with Node("div"):
                        Node("strong", entry.actor)
                        Node("span", f" {entry.action.replace('.', ' ').replace('_', ' ')} ", "audit-action")
                        Node("span", entry.target)
                    if change := _change(entry.before, entry.after):
                        Node("span", change, "muted mono")
                with Node("span", "", "muted"):
                    time_node(entry.at, clock.now())
                    Node("span", f" · {entry.address or entry.kind}")

    async def _filter(self) -> None:
        self._action, self._text = self._kind.value or "", (self._search.value or "").strip()
        self._limit = SHOWN
        query = {"action": self._action, "q": self._text}
        filled = {name: value for name, value in query.items() if value}
        ui.navigate.history.push(f"{PATH}?{urlencode(filled)}" if filled else PATH)
        self._link_exports()
        await self._shell.refresh(self._shell.live.reader())

    async def _show_older(self) -> None:
        self._limit += SHOWN
        await self._shell.refresh(self._shell.live.reader())

    def _link_exports(self) -> None:
        for link, form in zip(self._exports, ("csv", "jsonl"), strict=True):
            query = urlencode({"form": form, "action": self._action, "q": self._text})
            link.change(href=f"/api/v1/audit/export?{query}", download=f"audit.{form}")


def _change(before: Any, after: Any) -> str:
    """What differs, in one line."""
    if not isinstance(after, dict):
        return "" if before is None else _told(before)
    former = before if isinstance(before, dict) else {}
    parts = []
    for name in {**former, **after}:
        was, now = former.get(name), after.get(name)
        if was != now:
            parts.append(f"{name}: {_told(was)} → {_told(now)}" if former else f"{name}: {_told(now)}")
    return " · ".join(parts)


def _told(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
