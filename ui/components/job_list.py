"""A region with a list of jobs: keeps the cards it shows, adds, removes and moves only what differs."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from engine.views import JobView, Page
from ui.components.history_row import HistoryRow
from ui.components.inbox_list import on_emit
from ui.components.job_card import JobCard, JobRow
from ui.components.node import Node
from ui.components.pagination import Pagination
from ui.components.selection import Selection

OnPage = Callable[[int], Awaitable[None]]
AnyCard = JobCard | JobRow | HistoryRow
MakeCard = Callable[[JobView, datetime], AnyCard]

# One listener for all boxes of a list, so that a card costs no more than its box.
_PICKED = """(event) => {
  const box = event.target.closest?.('.pick');
  if (box) emit([Number(box.closest('[data-job-id]').dataset.jobId), box.checked, event.shiftKey]);
}"""
_CHECKED = "(event) => emit(event.target.checked)"


class JobList:
    """`make_card` builds a card; `empty` fills the space when there is none, with the reason.

    With a `selection`, jobs can be selected; `name` is what the list is called there.
    """

    def __init__(
        self,
        title: str,
        make_card: MakeCard,
        empty: Callable[[], None],
        on_page: OnPage,
        kind: str = "",
        *,
        name: str = "",
        selection: Selection | None = None,
    ) -> None:
        self._make_card = make_card
        self._empty = empty
        self._name, self._selection = name, selection
        self._cards: dict[int, AnyCard] = {}
        self._jobs: dict[int, JobView] = {}  # as they were heard of last, in their order
        self._picked: set[int] = set()  # as their boxes show it
        self._shown_empty: tuple[object] | None = ("loading",)
        self.page: Page | None = None
        with Node("section", "", "region", aria_label=title):
            with Node("div", "", "region-head"):
                self._all = self._page_box() if selection else None
                Node("h2", title)
                self._total = Node("span", "", "total")
                self._pagination = Pagination(title, on_page)
            self._container = Node("div", "", f"cards {kind}".strip())
            self._placeholder = Node("div")
        if selection:
            on_emit(self._container, "click", _PICKED, self._on_pick)
        with self._placeholder:
            for _ in range(3):
                Node("div", "", "skeleton", aria_hidden="true")

    def show(self, page: Page, now: datetime, why_empty: object) -> None:
        """Make the list what the page says, touching only what differs; `why_empty` decides what `empty` draws."""
        self.page, self._jobs = page, {job.id: job for job in page.jobs}
        wanted = [job.id for job in page.jobs]
        for job_id in self._cards.keys() - set(wanted):
            self._cards.pop(job_id).root.delete()
            self._picked.discard(job_id)
        for position, job in enumerate(page.jobs):
            if job.id in self._cards:
                self._cards[job.id].show(job, now)
            else:
                with self._container:
                    self._cards[job.id] = self._make_card(job, now)
            self._place(job.id, position)
        plus = "+" if page.capped else ""
        self._total.change(text=f"{page.total:,}{plus}" if page.total else "")
        self._pagination.show(page.number, page.pages, visible=page.total > 0)
        self._show_placeholder(None if page.total else (why_empty,))
        self.show_picks()

    def _show_placeholder(self, shown: tuple[object] | None) -> None:
        if shown == self._shown_empty:
            return
        self._shown_empty = shown
        self._placeholder.clear()
        if shown:
            with self._placeholder:
                self._empty()

    def patch(self, jobs: Iterable[JobView], now: datetime) -> None:
        """Bring the cards of these jobs up to date, if they are shown."""
        for job in jobs:
            if card := self._cards.get(job.id):
                self._jobs[job.id] = job
                card.show(job, now)

    def progress(self, percents: Mapping[int, float], now: datetime) -> None:
        """Move the bars of these jobs, if they are shown."""
        for job_id in percents.keys() & self._cards.keys():
            self._cards[job_id].progress(percents[job_id], now)

    # -- what is selected ------------------------------------------------------------------------------------

    def picked(self) -> int:
        """How many of those that are shown are selected."""
        selection = self._selection
        return sum(selection.has(self._name, job_id) for job_id in self._cards) if selection else 0

    def show_picks(self) -> None:
        """Bring the boxes up to date."""
        if self._selection is None or self._all is None:
            return
        picked = {job_id for job_id in self._cards if self._selection.has(self._name, job_id)}
        for job_id in picked ^ self._picked:
            self._cards[job_id].show_pick(picked=job_id in picked)
        self._picked = picked
        every = bool(self._cards) and len(picked) == len(self._cards)
        self._all.change(checked=True if every else None, hidden=None if self._cards else True)

    def _page_box(self) -> Node:
        box = Node(
            "input", "", "tick pick-page", type="checkbox", aria_label="Select page", title="Select page", hidden=True
        )
        on_emit(box, "change", _CHECKED, self._on_pick_page)
        return box

    def _on_pick(self, told: Any) -> None:
        job_id, on, ranged = told
        if self._selection:
            self._selection.tick(self._name, self._shown(), int(job_id), on=bool(on), ranged=bool(ranged))

    def _on_pick_page(self, on: Any) -> None:
        if self._selection:
            self._selection.tick_page(self._name, self._shown(), on=bool(on))

    def _shown(self) -> list[JobView]:
        return [self._jobs[job_id] for job_id in self._jobs if job_id in self._cards]

    def _place(self, job_id: int, position: int) -> None:
        root, children = self._cards[job_id].root, self._container.default_slot.children
        if children[position] is not root:
            root.move(target_index=position)
