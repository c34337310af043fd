"""Schedules: what starts by itself, when it comes next, and what came of it last."""

from collections.abc import Sequence
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

from nicegui import PageArguments, ui

from engine.schedules.views import SchedulePage
from engine.views import JobView
from models.rights import Right
from ui.components.node import Node, button
from ui.components.pagination import Pagination
from ui.components.redrawn import Redrawn
from ui.components.schedule_form import open_schedule_form
from ui.components.schedule_row import ScheduleRow
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app/schedules"
WHAT_FOR = (
    "A schedule starts a job or a workflow at the times that you choose: a report every Monday at 09:00, "
    "a post on the first of "
    "the month, a check every 15 minutes."
)


class SchedulesPage(StillView):
    """Every schedule by name, or those whose name has a text; that and the page stand in the address."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._text, self._number = _asked(dict(arguments.query_parameters))
        self._job_ids: set[int] = set()
        self._run_ids: set[int] = set()
        with Node("div", "", "toolbar") as self._toolbar:
            self._search = ui.input("Search the schedules", value=self._text).props("outlined dense clearable")
            self._search.classes("grow").on_value_change(self._look)
            if Right.ADMINISTER in shell.rights:
                button("New schedule", "primary", "add").on_press(self._new)
        self._empty = Redrawn()
        with Node("section", "", "panel", aria_label="Schedules") as self._panel:
            with Node("div", "", "panel-head"):
                Node("h2", "Schedules")
                self._pages = Pagination("Schedules", self._turn)
            self._list = Redrawn("")
        shell.show("Schedules", PATH, self)

    async def read(self, reader: Reader) -> Draw:
        """Read the page of the list again; it is not drawn if somebody went on meanwhile."""
        asked = self._text, self._number
        page = await self._shell.atlas.schedule_queries.page(*asked)

        def draw() -> None:
            if asked == (self._text, self._number):
                self._show(page)

        return draw

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """What was started last has moved."""
        if any(job.id in self._job_ids or job.run_id in self._run_ids for job in jobs):
            self._shell.live.ask_refresh(self._shell)

    def on_address(self, address: str) -> None:
        """Back and Forward show what their address says."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            self._text, self._number = _asked(dict(parse_qsl(parts.query)))
            self._search.set_value(self._text)
            self._shell.live.ask_refresh(self._shell)

    def _show(self, page: SchedulePage) -> None:
        self._number = page.number
        self._job_ids = {view.last_run.job_id for view in page.items if view.last_run and view.last_run.job_id}
        self._run_ids = {view.last_run.run_id for view in page.items if view.last_run and view.last_run.run_id}
        is_empty = not page.total and not self._text
        self._toolbar.change(hidden=True if is_empty else None)
        self._panel.change(hidden=True if is_empty else None)
        self._empty.show(is_empty, partial(self._draw_empty, is_empty=is_empty))
        self._list.show((self._text, page), partial(self._draw, page))
        self._pages.show(page.number, page.pages, visible=page.pages > 1)

    def _draw(self, page: SchedulePage) -> None:
        for view in page.items:
            ScheduleRow(self._shell, view)
        if not page.items:
            Node("p", f"No schedule has “{self._text}” in its name.", "muted")

    def _draw_empty(self, *, is_empty: bool) -> None:
        if not is_empty:
            return
        with Node("div", "", "empty"):
            Node("h2", "Nothing starts by itself yet")
            Node("span", WHAT_FOR)
            if Right.ADMINISTER in self._shell.rights:
                button("New schedule", "primary", "add").on_press(self._new)

    async def _new(self) -> None:
        await open_schedule_form(self._shell)

    async def _look(self) -> None:
        text = (self._search.value or "").strip()
        if text != self._text:
            self._text, self._number = text, 1
            ui.navigate.history.replace(self._address())
            await self._shell.refresh(self._shell.live.reader())

    async def _turn(self, number: int) -> None:
        self._number = number
        ui.navigate.history.push(self._address())
        await self._shell.refresh(self._shell.live.reader())

    def _address(self) -> str:
        query = {"q": self._text, "page": self._number if self._number > 1 else ""}
        told = urlencode({name: value for name, value in query.items() if value})
        return f"{PATH}?{told}" if told else PATH


def _asked(query: dict[str, str]) -> tuple[str, int]:
    number = query.get("page", "")
    return query.get("q", "")[:200], int(number) if number.isdecimal() and len(number) < 7 else 1
