"""The Jobs page: filters, active jobs as cards, completed jobs as rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from nicegui import PageArguments, ui

from engine import clock
from engine.jobs.base import ResultLine
from engine.views import JobView, Page
from models.rights import Right
from models.states import Category
from ui.components.filters import Filters
from ui.components.job_card import JobCard, JobRow
from ui.components.job_list import JobList
from ui.components.moves import press, resolve
from ui.components.new_job import NewJobDialog
from ui.components.node import Node, button
from ui.layout import Shell, StillView
from ui.live import Draw
from ui.present import Action
from ui.reader import Reader
from ui.theme import CATEGORIES

PATH = "/app/jobs"


class JobsPage(StillView):
    """One tab's Jobs page; what is filtered and which pages are shown stand in the URL."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        self._asked: tuple[str | None, int, int] = (None, 1, 1)  # the category, and the page of either list
        self._anything = False
        self._read_address(dict(arguments.query_parameters))
        self._new_job = NewJobDialog(shell)
        self._may_create = Right.OPERATE in shell.rights
        with Node("div", "", "toolbar"):
            self._filters = Filters(self._on_filter)
            if self._may_create:
                button("New Job", "primary", "add").on_press(lambda: self._new_job.open(self._asked[0]))
        self._active = JobList("Active jobs", self._card, self._empty_active, self._on_active_page)
        self._completed = JobList("Completed jobs", self._row, self._empty_completed, self._on_completed_page, "rows")
        shell.show("Job Runner", PATH, self)
        if self._may_create and (wanted := arguments.query_parameters.get("new")):
            ui.timer(0, lambda: self._new_job.open(wanted), once=True)

    async def read(self, reader: Reader) -> Draw:
        """Read both lists and the counts again; they are not drawn if somebody has asked for others meanwhile."""
        asked = category, active_number, completed_number = self._asked
        active = await reader.active_page(category, active_number)
        completed = await reader.completed_page(category, completed_number)
        counts = await reader.counts()

        def draw() -> None:
            if asked == self._asked:
                self._show(active, completed, counts)

        return draw

    def _show(self, active: Page, completed: Page, counts: Counter[str]) -> None:
        now, category = clock.now(), self._asked[0]
        ended = {job.id for job in completed.jobs}  # a job may end between the reading of one list and of the other
        active = replace(active, jobs=tuple(job for job in active.jobs if job.id not in ended))
        self._asked = (category, active.number, completed.number)
        self._anything = bool(counts.total())
        self._filters.show(category, counts)
        self._active.show(active, now, (category, self._anything))
        self._completed.show(completed, now, (category, self._anything))

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
        await self._go(self._asked[0], number, self._asked[2])

    async def _on_completed_page(self, number: int) -> None:
        await self._go(self._asked[0], self._asked[1], number)

    async def _go(self, category: str | None, active: int, completed: int) -> None:
        self._asked = (category, active, completed)
        ui.navigate.history.push(self._address())
        await self._shell.refresh(self._shell.live.reader())

    def _on_answer(self, job: JobView, went_out: bool) -> object:
        return resolve(self._shell, job, went_out=went_out)

    def _on_press(self, job: JobView, action: Action) -> object:
        return press(self._shell, job, action)

    # -- the address -----------------------------------------------------------------------------------------

    def _read_address(self, query: Mapping[str, str]) -> None:
        category = query.get("type", "")
        known = category if category in set(Category) else None
        self._asked = (known, _number(query.get("page")), _number(query.get("completed")))

    def _address(self) -> str:
        category, active, completed = self._asked
        query: dict[str, str | int] = {}
        if category:
            query["type"] = category
        if active > 1:
            query["page"] = active
        if completed > 1:
            query["completed"] = completed
        return f"{PATH}?{urlencode(query)}" if query else PATH

    def on_address(self, address: str) -> None:
        """Back, Forward and links to this page show what their address says."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            self._read_address(dict(parse_qsl(parts.query)))
            self._shell.live.ask_refresh(self._shell)

    # -- parts -----------------------------------------------------------------------------------------------

    def _card(self, job: JobView, now: datetime) -> JobCard:
        return JobCard(job, self._icon(job), now, self._shell.rights, self._on_press, self._on_answer)

    def _row(self, job: JobView, now: datetime) -> JobRow:
        job_type = self._atlas.queries.job_type(job.type)
        line = job_type.result_line(job.result or {}) if job_type else None
        return JobRow(job, self._icon(job), now, line or ResultLine(""))

    def _icon(self, job: JobView) -> str:
        job_type = self._atlas.queries.job_type(job.type)
        return job_type.icon if job_type else "task_alt"

    def _empty_active(self) -> None:
        with Node("div", "", "empty"):
            if not self._anything:
                Node("strong", "No jobs yet")
                Node("span", "A job is one piece of work for Atlas: an e-mail to send, a post to publish.")
                if self._may_create:
                    button("Create the first job", "", "add").on_press(self._new_job.open)
            elif category := self._asked[0]:
                Node("strong", f"No active {CATEGORIES[Category(category)].lower()} jobs")
                Node("span", "The type filter hides everything else.")
                button("Clear filters").on_press(lambda: self._on_filter(None))
            else:
                Node("strong", "Nothing is waiting or running")
                Node("span", "All work is done.")

    def _empty_completed(self) -> None:
        with Node("div", "", "empty"):
            if category := self._asked[0]:
                Node("strong", f"No completed {CATEGORIES[Category(category)].lower()} jobs")
                button("Clear filters").on_press(lambda: self._on_filter(None))
            else:
                Node("strong", "Nothing completed yet")
                Node("span", "Finished jobs appear here with their result.")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 1
