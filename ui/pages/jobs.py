"""The Jobs page: filters, active jobs as cards, completed jobs as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from nicegui import PageArguments, ui

from engine import clock
from engine.views import JobView
from models.states import Category
from ui.components.filters import Filters
from ui.components.job_card import JobCard, JobRow
from ui.components.job_list import JobList
from ui.components.moves import press
from ui.components.new_job import NewJobDialog
from ui.components.node import Node, button
from ui.layout import Shell, StillView
from ui.present import Action, web_link
from ui.reader import Reader
from ui.theme import CATEGORIES

PATH = "/app/jobs"


class JobsPage(StillView):
    """One tab's Jobs page; what is filtered and which pages are shown stand in the URL."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        self._category: str | None = None
        self._active_number = self._completed_number = 1
        self._anything = False
        self._read_address(dict(arguments.query_parameters))
        self._new_job = NewJobDialog(shell)
        with Node("div", "", "toolbar"):
            self._filters = Filters(self._on_filter)
            new = button("New Job", "primary", "add", data_shortcut="new-job", title="New Job (n)")
            new.on("click", self._new_job.open, args=[])
        self._active = JobList("Active jobs", self._card, self._empty_active, self._on_active_page)
        self._completed = JobList("Completed jobs", self._row, self._empty_completed, self._on_completed_page, "rows")
        shell.show("Job Runner", PATH, self)

    async def refresh(self, reader: Reader) -> None:
        """Read both lists and the counts again."""
        active = await reader.active_page(self._category, self._active_number)
        completed = await reader.completed_page(self._category, self._completed_number)
        counts, now = await reader.counts(), clock.now()
        self._active_number, self._completed_number = active.number, completed.number
        self._anything = bool(counts.total())
        self._filters.show(self._category, counts)
        self._active.show(active, now)
        self._completed.show(completed, now)

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """Patch the cards that are shown."""
        self._active.patch(jobs, clock.now())

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Move the bars that are shown."""
        self._active.progress(percents, clock.now())

    # -- what people do --------------------------------------------------------------------------------------

    async def _on_filter(self, category: str | None) -> None:
        await self._go(category, 1, 1)

    async def _on_active_page(self, number: int) -> None:
        await self._go(self._category, number, self._completed_number)

    async def _on_completed_page(self, number: int) -> None:
        await self._go(self._category, self._active_number, number)

    async def _go(self, category: str | None, active: int, completed: int) -> None:
        self._category, self._active_number, self._completed_number = category, active, completed
        ui.navigate.history.push(self._address())
        await self.refresh(self._shell.live.reader())

    def _on_press(self, job: JobView, action: Action) -> object:
        return press(self._atlas, job, action)

    # -- the address -----------------------------------------------------------------------------------------

    def _read_address(self, query: Mapping[str, str]) -> None:
        category = query.get("type", "")
        self._category = category if category in set(Category) else None
        self._active_number = _number(query.get("page"))
        self._completed_number = _number(query.get("completed"))

    def _address(self) -> str:
        query: dict[str, str | int] = {}
        if self._category:
            query["type"] = self._category
        if self._active_number > 1:
            query["page"] = self._active_number
        if self._completed_number > 1:
            query["completed"] = self._completed_number
        return f"{PATH}?{urlencode(query)}" if query else PATH

    def on_address(self, address: str) -> None:
        """Back, Forward and links to this page show what their address says."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            self._read_address(dict(parse_qsl(parts.query)))
            self._shell.live.ask_refresh(self._shell)

    # -- parts -----------------------------------------------------------------------------------------------

    def _card(self, job: JobView, now: datetime) -> JobCard:
        return JobCard(job, self._icon(job), now, self._on_press)

    def _row(self, job: JobView, now: datetime) -> JobRow:
        job_type = self._atlas.queries.job_type(job.type)
        line = job_type.result_line(job.result or {}) if job_type else None
        return JobRow(job, self._icon(job), now, (line.text, web_link(line.url)) if line else ("", None))

    def _icon(self, job: JobView) -> str:
        job_type = self._atlas.queries.job_type(job.type)
        return job_type.icon if job_type else "task_alt"

    def _empty_active(self) -> None:
        with Node("div", "", "empty"):
            if not self._anything:
                Node("strong", "No jobs yet")
                Node("span", "A job is one piece of work for Atlas: an e-mail to send, a post to publish.")
                button("Create the first job", "", "add").on("click", self._new_job.open, args=[])
            elif self._category:
                Node("strong", f"No active {CATEGORIES[Category(self._category)].lower()} jobs")
                Node("span", "The type filter hides everything else.")
                button("Clear filters").on("click", lambda: self._on_filter(None), args=[])
            else:
                Node("strong", "Nothing is waiting or running")
                Node("span", "All work is done.")

    def _empty_completed(self) -> None:
        with Node("div", "", "empty"):
            if self._category:
                Node("strong", f"No completed {CATEGORIES[Category(self._category)].lower()} jobs")
                button("Clear filters").on("click", lambda: self._on_filter(None), args=[])
            else:
                Node("strong", "Nothing completed yet")
                Node("span", "Finished jobs appear here with their result.")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 1
