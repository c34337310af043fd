"""The Jobs page: what is looked for, active jobs as cards, completed jobs as rows, or every job as one history."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from nicegui import PageArguments, ui

from engine import clock
from engine.finding import Criteria
from engine.jobs.base import ResultLine
from engine.views import JobView, Page
from models.looking import MOST_COUNTED
from models.rights import Right
from models.wanted import Sort
from ui.components.asked import PATH, Asked, read_query
from ui.components.bulk_jobs import Offer, SelectionBar
from ui.components.filters import Filters
from ui.components.finder import Finder
from ui.components.history_row import HistoryRow
from ui.components.job_card import JobCard, JobRow
from ui.components.job_list import JobList, MakeCard
from ui.components.many import Chosen
from ui.components.moves import press, resolve
from ui.components.names import agents_in, names_in
from ui.components.new_job import NewJobDialog
from ui.components.no_jobs import Why, draw_no_jobs
from ui.components.node import Node, button
from ui.components.selection import Selection
from ui.layout import Shell, StillView
from ui.present import Action
from ui.reader import Reader
from ui.tab import Draw

TITLES = {"active": "Active jobs", "completed": "Completed jobs", "history": "History"}


@dataclass(frozen=True)
class _Found:
    """What was read: the page of each list, what the types hold if that is asked, and what is selected."""

    pages: dict[str, Page]
    counts: Counter[str] | None
    names: dict[str, str]
    agents: dict[str, str]
    everything: Chosen | None


class JobsPage(StillView):
    """One tab's Jobs page; what is looked for and which pages are shown stand in the URL."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        self._anything = False
        self._names: dict[str, str] = {}
        self._agents: dict[str, str] = {}  # by the type of the jobs that they do
        self._may_operate = Right.OPERATE in shell.rights
        self._asked, self._faults = read_query(arguments.query_parameters.multi_items())
        self._new_job = NewJobDialog(shell)
        self._selection = Selection(self._on_selection)
        with Node("div", "", "toolbar"):
            self._filters = Filters(self._on_category)
            if self._may_operate:
                button("New Job", "primary", "add").on_press(lambda: self._new_job.open(self._asked.category))
        self._finder = Finder(shell, self)
        self._places = {region: Node("div", "", "redrawn") for region in TITLES}
        self._lists: dict[str, JobList] = {}
        for region in self._asked.regions:
            self._list(region)
        self._bar = SelectionBar(shell, self._selection, self._on_everything)
        shell.show("Job Runner", PATH, self)
        self._open_new_job(arguments.query_parameters)

    # -- what is read ----------------------------------------------------------------------------------------

    async def read(self, reader: Reader) -> Draw:
        """Read the lists and the counts again; they are not drawn if somebody has asked for others meanwhile."""
        asked = self._asked
        pages = {region: await self._read_region(reader, asked, region) for region in asked.regions}
        counts = await reader.counts() if asked.is_unfiltered else None
        names = await names_in(self._atlas.registry, reader, asked)
        active = pages["active"].jobs if "active" in pages else ()
        agents = await agents_in(self._atlas.registry, reader, active)
        found = _Found(pages, counts, names, agents, await self._recount(reader))

        def draw() -> None:
            if asked == self._asked:
                self._show(found)

        return draw

    async def _read_region(self, reader: Reader, asked: Asked, region: str) -> Page:
        number = asked.number_of(region)
        if asked.sort or not asked.is_unfiltered:
            return await reader.found(asked.criteria_of(region), asked.sort_of(region), number)
        if region == "active":
            return await reader.active_page(asked.category, number)
        return await reader.completed_page(asked.category, number)

    async def _recount(self, reader: Reader) -> Chosen | None:
        if (everything := self._selection.everything) is None:
            return None
        return await self._count(reader, everything.criteria, capped=everything.chosen.capped)

    async def _count(self, reader: Reader, criteria: Criteria, *, capped: bool) -> Chosen:
        pending = 0 if criteria.needs == "answer" else await reader.count(replace(criteria, needs="approval"))
        return Chosen(await reader.found_by_status(criteria), pending, capped or pending > MOST_COUNTED)

    def _show(self, found: _Found) -> None:
        now, pages = clock.now(), found.pages
        if "completed" in pages and "active" in pages:
            ended = {job.id for job in pages["completed"].jobs}  # a job may end between the reading of both
            active = pages["active"]
            pages["active"] = replace(active, jobs=tuple(job for job in active.jobs if job.id not in ended))
        for region, page in pages.items():
            self._asked = self._asked.turned(region, page.number)
        self._names, self._agents = found.names, found.agents
        if found.counts is not None:
            self._anything = bool(found.counts.total())
        if found.everything:
            self._selection.recount(found.everything)
        self._show_finder(found)
        for region in TITLES:
            if region in pages:
                self._list(region).show(pages[region], now, (self._asked.criteria, self._anything))
            elif self._lists.pop(region, None):
                self._places[region].clear()
        self._show_bar()

    def _show_finder(self, found: _Found) -> None:
        total, capped = (
            sum(page.total for page in found.pages.values()),
            any(page.capped for page in found.pages.values()),
        )
        self._filters.show(self._asked, found.counts, total, capped=capped)
        self._finder.show(self._asked, found.names, self._faults)

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """Patch the cards that are shown."""
        for shown in self._lists.values():
            shown.patch(jobs, clock.now())
        self._selection.update(jobs)
        if self._selection.jobs.keys() & {job.id for job in jobs}:
            self._show_bar()

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Move the bars that are shown."""
        for shown in self._lists.values():
            shown.progress(percents, clock.now())

    # -- what is asked for -----------------------------------------------------------------------------------

    async def on_text(self, text: str) -> None:
        """Search; while somebody goes on typing, Back leads to before it."""
        was = self._asked.criteria.q
        await self._go(self._asked.narrowed(q=text), replaces=bool(was and text))

    async def on_criteria(self, criteria: Criteria) -> None:
        """Look for something else."""
        await self._go(replace(self._asked, criteria=criteria, page=1, completed=1))

    async def on_change(self, **changes: Any) -> None:
        """Look for something else in these respects only."""
        await self._go(self._asked.narrowed(**changes))

    async def on_sort(self, sort: Sort | None) -> None:
        """In another order, from the first page on."""
        await self._go(replace(self._asked, sort=sort, page=1, completed=1))

    async def on_history(self, history: bool) -> None:
        """Every job as one list, or those that are current, of which none is cancelled."""
        asked = replace(self._asked, history=history, page=1, completed=1)
        await self._go(asked if history else asked.without_cancelled())

    async def on_clear(self) -> None:
        """Look for everything."""
        await self._go(self._asked.cleared())

    async def _on_category(self, category: str | None) -> None:
        await self._go(self._asked.narrowed(types=(category,) if category else ()))

    async def _on_page(self, region: str, number: int) -> None:
        await self._go(self._asked.turned(region, number))

    async def _go(self, asked: Asked, *, replaces: bool = False) -> None:
        if asked.address() != self._asked.address():
            history = ui.navigate.history
            (history.replace if replaces else history.push)(asked.address())
        self._ask(asked, ())
        await self._shell.refresh(self._shell.live.reader())

    def _ask(self, asked: Asked, faults: tuple[str, ...]) -> None:
        """What was selected as everything is not everything of this any more."""
        is_other = (asked.criteria, asked.shows_history) != (self._asked.criteria, self._asked.shows_history)
        self._asked, self._faults = asked, faults
        if is_other:
            self._selection.forget_everything()

    def on_address(self, address: str) -> None:
        """Back, Forward and links to this page show what their address says."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            query = parse_qsl(parts.query)
            self._ask(*read_query(query))
            self._shell.live.ask_refresh(self._shell)
            self._open_new_job(dict(query))

    def _open_new_job(self, query: Mapping[str, str]) -> None:
        if self._may_operate and (wanted := query.get("new")):
            ui.timer(0, lambda: self._new_job.open(wanted, query.get("from")), once=True)

    # -- what is selected ------------------------------------------------------------------------------------

    def _on_selection(self) -> None:
        for shown in self._lists.values():
            shown.show_picks()
        self._show_bar()

    def _show_bar(self) -> None:
        shown = {region: self._lists[region] for region in self._asked.regions if region in self._lists}
        self._bar.show(sum(each.picked() for each in shown.values()), self._offer(shown))

    def _offer(self, shown: Mapping[str, JobList]) -> Offer | None:
        """Everything of a list all of whose page is selected, if there is more of it."""
        if self._selection.everything:
            return None
        for region, each in shown.items():
            page = each.page
            if page and page.jobs and page.pages > 1 and each.picked() == len(page.jobs):
                return Offer(region, self._asked.criteria_of(region), page.total, page.capped)
        return None

    async def _on_everything(self, offer: Offer) -> None:
        chosen = await self._count(self._shell.live.reader(), offer.criteria, capped=offer.capped)
        self._selection.select_everything(offer.region, offer.criteria, chosen)

    # -- parts -----------------------------------------------------------------------------------------------

    def _list(self, region: str) -> JobList:
        if region not in self._lists:
            make: dict[str, MakeCard] = {"active": self._card, "completed": self._row, "history": self._history_row}
            with self._places[region]:
                self._lists[region] = JobList(
                    TITLES[region],
                    make[region],
                    partial(self._empty, region),
                    partial(self._on_page, region),
                    "" if region == "active" else "rows",
                    name=region,
                    selection=self._selection if self._may_operate else None,
                )
        return self._lists[region]

    def _card(self, job: JobView, now: datetime) -> JobCard:
        rights, icon, may = self._shell.rights, self._icon(job), self._may_operate
        return JobCard(job, icon, now, rights, self._on_press, self._on_answer, agent_of=self._agent_of, pickable=may)

    def _agent_of(self, type_key: str) -> str:
        return self._agents.get(type_key, "")

    def _row(self, job: JobView, now: datetime) -> JobRow:
        return JobRow(job, self._icon(job), now, self._result(job), pickable=self._may_operate)

    def _history_row(self, job: JobView, now: datetime) -> HistoryRow:
        return HistoryRow(job, self._icon(job), now, self._result, pickable=self._may_operate)

    def _result(self, job: JobView) -> ResultLine:
        job_type = self._atlas.queries.job_type(job.type)
        return (job_type.result_line(job.result or {}) if job_type else None) or ResultLine("")

    def _icon(self, job: JobView) -> str:
        job_type = self._atlas.queries.job_type(job.type)
        return job_type.icon if job_type else "task_alt"

    def _on_answer(self, job: JobView, went_out: bool) -> object:
        return resolve(self._shell, job, went_out=went_out)

    def _on_press(self, job: JobView, action: Action) -> object:
        return press(self._shell, job, action)

    def _empty(self, region: str) -> None:
        create = self._new_job.open if self._may_operate else None
        draw_no_jobs(Why(region, self._asked, self._names, self._anything), self._finder.on_clear, create)
