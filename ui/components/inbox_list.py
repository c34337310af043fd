"""The list of what needs a person: one row each, a page at a time, some of them ticked."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from inspect import isawaitable
from typing import Any

from nicegui import events, ui

from engine.views import JobView, Page
from models.states import Move
from ui.components.marks import time_node
from ui.components.node import Node
from ui.components.pagination import Pagination
from ui.present import Rights, facet_badge, may, why_it_waits

PATH = "/app/approvals"
# A press with a modifier is the browser's; any other must not reach what follows links.
_FOLLOW = """(event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault(); event.stopPropagation(); emit();
}"""
_TICK = "(event) => emit(event.target.checked)"


class InboxList:
    """`on_open` is called with a job's id; `ticked` are the jobs as they were shown when they were ticked."""

    def __init__(
        self,
        icon_of: Callable[[JobView], str],
        rights: Rights,
        on_open: Callable[[int], Awaitable[None]],
        on_page: Callable[[int], Awaitable[None]],
        on_ticked: Callable[[], object],
    ) -> None:
        self._icon_of, self._on_open, self._on_ticked = icon_of, on_open, on_ticked
        self._may_decide = may(rights, Move.APPROVE)
        self._rows: dict[int, _Row] = {}
        self.ticked: dict[int, JobView] = {}
        with Node("section", "", "inbox-list", aria_label="Inbox", data_arrows=""):
            with Node("div", "", "inbox-list-head"):
                self._all = Node(
                    "input", "", "tick", type="checkbox", aria_label="Select all on this page", hidden=True
                )
                on_emit(self._all, "change", _TICK, self._tick_all)
                Node("h2", "Inbox")
                self._total = Node("span", "", "total")
                self._pagination = Pagination("Inbox", on_page)
            self._container = Node("div", "", "inbox-rows")
            with self._container:
                self._skeletons = [Node("div", "", "skeleton", aria_hidden="true") for _ in range(4)]

    def show(self, page: Page, current: int | None, now: datetime) -> None:
        """Make the list what the page says, touching only what differs."""
        while self._skeletons:
            self._skeletons.pop().delete()
        wanted = [job.id for job in page.jobs]
        for job_id in self._rows.keys() - set(wanted):
            self._rows.pop(job_id).root.delete()
            self.ticked.pop(job_id, None)
        for position, job in enumerate(page.jobs):
            if job.id not in self._rows:
                with self._container:
                    self._rows[job.id] = self._row(job, now)
            root, children = self._rows[job.id].root, self._container.default_slot.children
            if children[position] is not root:
                root.move(target_index=position)
            self._rows[job.id].show(job, now)
        self._total.change(text=f"{page.total:,}")
        self._pagination.show(page.number, page.pages, visible=page.pages > 1)
        self._all.change(hidden=None if self._may_decide and any(self._choosable()) else True)
        self.mark(current)
        self._show_ticks()

    def mark(self, current: int | None) -> None:
        """Tell which row is shown beside the list."""
        for job_id, row in self._rows.items():
            row.mark(is_current=job_id == current)

    def focus(self, job_id: int) -> None:
        """Bring the row into sight, and the keyboard to it unless that is at work in the item."""
        if row := self._rows.get(job_id):
            ui.run_javascript(f"focusRow({row.link.id})")

    def reveal(self, job_id: int) -> None:
        """Scroll the list to the row."""
        if row := self._rows.get(job_id):
            ui.run_javascript(f"getHtmlElement({row.link.id})?.scrollIntoView({{ block: 'nearest' }})")

    def untick(self) -> None:
        """Tick nothing."""
        self.ticked.clear()
        self._show_ticks()

    def _row(self, job: JobView, now: datetime) -> "_Row":
        return _Row(job, self._icon_of(job), now, self._on_open, partial(self._tick, job.id), may_tick=self._may_decide)

    def _choosable(self) -> Iterator[JobView]:
        return (row.job for row in self._rows.values() if Move.APPROVE in row.job.allowed)

    def _tick(self, job_id: int, is_ticked: bool) -> None:
        if is_ticked and (row := self._rows.get(job_id)):
            self.ticked[job_id] = row.job
        else:
            self.ticked.pop(job_id, None)
        self._show_ticks()

    def _tick_all(self, is_ticked: bool) -> None:
        self.ticked = {job.id: job for job in self._choosable()} if is_ticked else {}
        self._show_ticks()

    def _show_ticks(self) -> None:
        for job_id, row in self._rows.items():
            row.show_tick(is_ticked=job_id in self.ticked)
        every = bool(self.ticked) and all(job.id in self.ticked for job in self._choosable())
        self._all.change(checked=True if every else None)
        self._on_ticked()


class _Row:
    def __init__(
        self,
        job: JobView,
        icon: str,
        now: datetime,
        on_open: Callable[[int], Awaitable[None]],
        on_tick: Callable[[bool], None],
        *,
        may_tick: bool,
    ) -> None:
        self.job = job
        with Node(
            "article", "", "inbox-row", aria_label=job.name, data_job_id=str(job.id), data_icon=icon
        ) as self.root:
            with Node("div", "", "inbox-row-what"):
                with Node("div", "", "inbox-row-title"):
                    href = f"{PATH}?job={job.id}"
                    self.link = Node("a", job.name, "card-name", href=href, title=job.name)
                    time_node(job.approval_asked_at or job.created_at, now)
                self._summary = Node("div", "", "card-summary")
                self._meta = Node("div", "", "card-meta")
                with self._meta:
                    self._priority = Node("span")
                    Node("span", f"by {job.created_by}", "row-creator", title=job.created_by)
                self._why = Node("div", "", "row-why")
            label = f"Select {job.name}, job {job.id}"
            self._tick = Node("input", "", "tick", type="checkbox", aria_label=label)
        on_emit(self.link, "click", _FOLLOW, lambda _: on_open(job.id))
        on_emit(self._tick, "change", _TICK, on_tick)
        self._may_tick = may_tick

    def show(self, job: JobView, now: datetime) -> None:
        self.job = job
        facet = facet_badge(job, now)
        kind = facet.kind if facet else "queued"
        self._summary.change(text=job.summary, title=job.summary)
        is_high = job.priority == "high"
        self._priority.change("High" if is_high else "", "priority-high", hidden=None if is_high else True)
        why = why_it_waits(job)
        icon = facet.icon if facet else "front_hand"
        self._why.change(why, f"row-why tone-{kind}", title=why, data_icon=icon)
        self._tick.change(hidden=None if self._may_tick and Move.APPROVE in job.allowed else True)

    def mark(self, *, is_current: bool) -> None:
        self.root.change(classes="inbox-row current" if is_current else "inbox-row")
        self.link.change(aria_current="true" if is_current else None)
        self._tick.change(data_key="x" if is_current else None)

    def show_tick(self, *, is_ticked: bool) -> None:
        self._tick.change(checked=True if is_ticked else None)


def on_emit(node: Node, event: str, js_handler: str, handler: Callable[[Any], object]) -> None:
    """Call the handler with what the browser's part of it emits; what it tells goes to the page."""
    client = ui.context.client

    async def heard(heard_event: events.GenericEventArguments) -> None:
        with client:
            result = handler(heard_event.args)
            if isawaitable(result):
                await result

    node.on(event, heard, js_handler=js_handler)


def kinds(jobs: Mapping[int, JobView]) -> str:
    """How many of what, as in "18 × Send email and 2 × Publish post"."""
    names: dict[str, int] = {}
    for job in jobs.values():
        names[job.name] = names.get(job.name, 0) + 1
    told = [f"{number} × {name}" for name, number in sorted(names.items(), key=lambda each: (-each[1], each[0]))]
    most = [*told[:4], f"{len(told) - 4} other kinds"] if len(told) > 5 else told
    return most[0] if len(most) == 1 else f"{', '.join(most[:-1])} and {most[-1]}"
