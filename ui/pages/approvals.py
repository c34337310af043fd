"""Approvals: everything that needs a person, each as what it will be, with the answers beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

from nicegui import PageArguments, ui

from engine import clock
from engine.approvals.inbox import INBOX_PAGE
from engine.approvals.revisions import Revised
from engine.views import JobView, Page
from models.states import Move
from ui.components.bulk import BulkBar
from ui.components.decisions import approve_shown, ask_reject, reject_shown
from ui.components.inbox_item import ItemView
from ui.components.inbox_list import PATH, InboxList
from ui.components.node import Node, icon_button
from ui.components.revise import open_revise
from ui.components.shown_item import Shown, is_other, read_item, why_not_approve
from ui.components.toasts import say
from ui.components.undo import UndoBar
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw


class ApprovalsPage(StillView):
    """The list, and one item of it; which item and which page stand in the address.

    What is shown stays until somebody goes on: neither a more urgent job nor another person's decision takes its place
    under the reader's eyes.
    """

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._client = ui.context.client
        self._number = 1
        self._is_placed = False  # whether the page of the list is known
        self._job_id: int | None = None  # as the address says
        self._current: int | None = None  # what is shown: that, or else the first of the list
        self._place = 0  # where in the list that stands, or stood
        self._page: Page | None = None
        self._seen: JobView | None = None
        self._shown: Shown | None = None
        self._read_address(dict(arguments.query_parameters))
        self._build()
        shell.show("Approvals", PATH, self)
        self._show_place()

    def _build(self) -> None:
        shell = self._shell
        self._empty = Node("div", "", "empty", hidden=True)
        with self._empty:
            Node("strong", "Nothing needs you")
            Node(
                "span",
                "Jobs that need approval wait here, and those of which nobody knows whether they went out, "
                "until somebody decides.",
            )
        self._undo = UndoBar(shell)
        with Node("div", "", "inbox") as self._root:
            with Node("div", "", "inbox-side"):
                self._list = InboxList(self._icon, shell.rights, self._open, self._turn, self._on_ticked)
                self._bulk = BulkBar(
                    shell, self._undo, lambda: dict(self._list.ticked), self._list.untick, self._refresh
                )
            with Node("section", "", "inbox-item", aria_label="Item"):
                with Node("div", "", "item-tools"):
                    self._back = icon_button("Back to the list", "arrow_back", href=PATH).on_press(self._close)
                    self._where = Node("span", "", "muted")
                    Node("span", "", "spacer")
                    icon_button("Previous item", "expand_less", data_key="k").on_press(partial(self._step, -1))
                    icon_button("Next item", "expand_more", data_key="j").on_press(partial(self._step, 1))
                self._item = ItemView(shell, self)

    # -- what is read ----------------------------------------------------------------------------------------

    async def read(self, reader: Reader) -> Draw:
        """Read the page of the list, and what is shown, again; it is not drawn if somebody went on meanwhile."""
        if not self._is_placed and self._job_id:
            self._number = await reader.queries.inbox.page_of(self._job_id)
        self._is_placed = True
        number, asked = self._number, self._current
        page = await reader.inbox_page(number)
        current = asked or next((job.id for job in page.jobs), None)
        shown = await read_item(reader.queries, current, self._seen) if current else None

        def draw() -> None:
            if (number, asked) == (self._number, self._current):
                self._show(page, current, shown)

        return draw

    def _show(self, page: Page, current: int | None, shown: Shown | None) -> None:
        is_first = self._page is None
        self._page, self._number, self._current = page, page.number, current
        self._list.show(page, current, clock.now())
        if is_first and current:
            self._list.reveal(current)
        self._show_item(shown, is_gone=current is not None and shown is None)
        is_empty = not page.total and current is None
        self._empty.change(hidden=None if is_empty else True)
        self._root.change(hidden=True if is_empty else None)
        self._show_place()

    def _show_item(self, shown: Shown | None, *, is_gone: bool) -> None:
        if shown and (self._seen is None or self._seen.id != shown.item.job.id):
            self._seen = shown.item.job
        if shown and self._seen and not is_other(self._seen, shown.item.job):
            shown = replace(shown, since=None)
        if is_gone:
            self._client.status_code = 404
        self._shown = shown
        self._item.show(shown, is_gone=is_gone)

    def _show_place(self) -> None:
        """On a phone the item takes the list's place, if the address asks for one."""
        self._root.change(classes="inbox chosen" if self._job_id else "inbox")
        ids = self._ids()
        if self._current in ids:
            self._place = ids.index(self._current)
        if self._page and self._current in ids:
            self._where.change(text=f"{self._first() + self._place + 1:,} of {self._page.total:,}")
        else:
            self._where.change(text="")

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """What changed in the list or is shown is read again."""
        self._undo.on_jobs(jobs)
        if {job.id for job in jobs} & {*self._ids(), self._current}:
            self._shell.live.ask_refresh(self._shell)

    async def _refresh(self) -> None:
        await self._shell.refresh(self._shell.live.reader())

    # -- going from one to another ---------------------------------------------------------------------------

    async def _open(self, job_id: int, *, is_next: bool = False) -> None:
        """Show this item; only it is read."""
        self._current = self._job_id = job_id
        self._seen = None
        self._push(is_next=is_next)
        self._list.mark(job_id)
        self._show_place()
        shown = await read_item(self._shell.atlas.queries, job_id, None)
        if self._current == job_id:
            self._show_item(shown, is_gone=shown is None)
            self._item.begin()

    async def _step(self, step: int) -> None:
        """To the next item or the one before, over the ends of the page."""
        ids, page = self._ids(), self._page
        place = self._place + step if self._current in ids else self._place - (step < 0)
        if 0 <= place < len(ids):
            await self._open(ids[place], is_next=True)
            self._list.focus(ids[place])
        elif page and 1 <= page.number + step <= page.pages:
            await self._turn(page.number + step)
            if ids := self._ids():
                await self._open(ids[0 if step > 0 else -1], is_next=True)
                self._list.focus(self._current or 0)

    async def _turn(self, number: int) -> None:
        self._number, self._is_placed = number, True
        self._current = self._job_id = self._seen = None
        self._list.untick()
        self._push()
        await self._refresh()

    async def _close(self) -> None:
        """Back to the list."""
        self._job_id = None
        self._push()
        self._show_place()

    async def _go_on(self) -> None:
        """What was shown is decided: show what stands in its place now, or nothing if nothing is left."""
        decided = self._current
        self._current = self._seen = None
        self._page = await self._shell.atlas.queries.inbox.page(self._number)
        ids = [job_id for job_id in self._ids() if job_id != decided]
        following = ids[min(self._place, len(ids) - 1)] if ids else None
        self._current = following
        self._job_id = following if self._job_id else None
        self._push(is_next=True)
        await self._refresh()
        self._item.begin()
        self._client.run_javascript("focusItem()")

    # -- the answers -----------------------------------------------------------------------------------------

    async def on_approve(self) -> None:
        """Exactly what is shown."""
        if (shown := self._shown) is None or Move.APPROVE not in shown.item.job.allowed:
            return
        if why_not := why_not_approve(shown, self._shell.actor.name):
            say(why_not, is_good=False)
            return
        await self._decided(await approve_shown(self._shell, self._undo, shown.item.job))

    def on_reject(self) -> None:
        """With the reason, which goes back to whoever made it."""
        if (shown := self._shown) and Move.REJECT in shown.item.job.allowed:
            ask_reject(shown.item.job, partial(self._reject, shown.item.job))

    async def _reject(self, job: JobView, reason: str | None) -> None:
        await self._decided(await reject_shown(self._shell, job, reason))

    async def _decided(self, is_done: bool) -> None:
        await (self._go_on() if is_done else self._refresh())

    async def on_edit(self) -> None:
        """Open its form; what comes of it is shown, and is what an approval then holds for."""
        if (shown := self._shown) and Move.REVISE in shown.item.job.allowed:
            await open_revise(self._shell, shown.item.job, self._on_revised)

    async def _on_revised(self, _: Revised) -> None:
        self._seen = None
        await self._refresh()
        self._client.run_javascript("focusItem()")

    def on_seen(self) -> None:
        """From now on this is what was looked at."""
        if self._shown and self._seen and is_other(self._seen, self._shown.item.job):
            self._seen = self._shown.item.job
            self._shell.live.ask_refresh(self._shell)

    def _on_ticked(self) -> None:
        self._bulk.show()

    # -- the address -----------------------------------------------------------------------------------------

    def _read_address(self, query: Mapping[str, str]) -> None:
        self._job_id = _number(query.get("job"))
        page = _number(query.get("page"))
        self._number, self._is_placed = page or 1, page is not None or self._job_id is None
        if self._job_id != self._current:
            self._current, self._seen = self._job_id, None

    def on_address(self, address: str) -> None:
        """Back, Forward and links to this page show what their address says."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            self._read_address(dict(parse_qsl(parts.query)))
            self._show_place()
            self._shell.live.ask_refresh(self._shell)

    def _push(self, *, is_next: bool = False) -> None:
        """From item to item the address changes without a step for Back, which leads to the list."""
        query: dict[str, int] = {"job": self._job_id} if self._job_id else {}
        if self._number > 1:
            query["page"] = self._number
        history = ui.navigate.history
        (history.replace if is_next else history.push)(f"{PATH}?{urlencode(query)}" if query else PATH)

    # -- helpers ---------------------------------------------------------------------------------------------

    def _ids(self) -> list[int]:
        return [job.id for job in self._page.jobs] if self._page else []

    def _first(self) -> int:
        """How many stand before this page."""
        return (self._number - 1) * INBOX_PAGE

    def _icon(self, job: JobView) -> str:
        job_type = self._shell.atlas.queries.job_type(job.type)
        return job_type.icon if job_type else "task_alt"


def _number(text: str | None) -> int | None:
    return int(text) or None if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
