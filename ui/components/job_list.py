"""A region with a list of jobs: keeps the cards it shows, adds, removes and moves only what differs."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

from engine.views import JobView, Page
from ui.components.job_card import JobCard, JobRow
from ui.components.node import Node
from ui.components.pagination import Pagination

OnPage = Callable[[int], Awaitable[None]]
MakeCard = Callable[[JobView, datetime], JobCard | JobRow]


class JobList:
    """`make_card` builds a card; `empty` fills the space when there is none, with the reason."""

    def __init__(
        self,
        title: str,
        make_card: MakeCard,
        empty: Callable[[], None],
        on_page: OnPage,
        kind: str = "",
    ) -> None:
        self._make_card = make_card
        self._empty = empty
        self._cards: dict[int, JobCard | JobRow] = {}
        self._shown_empty: tuple[object] | None = ("loading",)
        with Node("section", "", "region", aria_label=title):
            with Node("div", "", "region-head"):
                Node("h2", title)
                self._total = Node("span", "", "total")
                self._pagination = Pagination(title, on_page)
            self._container = Node("div", "", f"cards {kind}".strip())
            self._placeholder = Node("div")
        with self._placeholder:
            for _ in range(3):
                Node("div", "", "skeleton", aria_hidden="true")

    def show(self, page: Page, now: datetime, why_empty: object) -> None:
        """Make the list what the page says, touching only what differs; `why_empty` decides what `empty` draws."""
        wanted = [job.id for job in page.jobs]
        for job_id in self._cards.keys() - set(wanted):
            self._cards.pop(job_id).root.delete()
        for position, job in enumerate(page.jobs):
            if job.id in self._cards:
                self._cards[job.id].show(job, now)
            else:
                with self._container:
                    self._cards[job.id] = self._make_card(job, now)
            self._place(job.id, position)
        self._total.change(text=f"{page.total:,}" if page.total else "")
        self._pagination.show(page.number, page.pages, visible=page.total > 0)
        self._show_placeholder(None if page.total else (why_empty,))

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
                card.show(job, now)

    def progress(self, percents: Mapping[int, float], now: datetime) -> None:
        """Move the bars of these jobs, if they are shown."""
        for job_id in percents.keys() & self._cards.keys():
            self._cards[job_id].progress(percents[job_id], now)

    def _place(self, job_id: int, position: int) -> None:
        root, children = self._cards[job_id].root, self._container.default_slot.children
        if children[position] is not root:
            root.move(target_index=position)
