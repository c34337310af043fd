"""The frame of every page: sidebar, header, engine indicator; one per open browser tab."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from nicegui import ui

from engine import clock
from engine.actors import Actor
from engine.engine import Atlas
from engine.errors import SignedOut
from engine.health import trouble
from engine.views import EngineState, JobView, OperationView
from models.rights import Right
from ui.components.keys import Shortcuts
from ui.components.marks import show_time
from ui.components.node import Node, icon_button
from ui.components.notify import Notifier
from ui.components.operation_bar import OperationBar
from ui.components.palette import Palette
from ui.live import Live
from ui.present import count, fleet
from ui.reader import Reader
from ui.tab import Draw, View
from ui.theme import NAVIGATION

MODES: dict[str, tuple[bool | None, str, str]] = {
    "auto": (None, "brightness_auto", "Colours: as the system"),
    "light": (False, "light_mode", "Colours: light"),
    "dark": (True, "dark_mode", "Colours: dark"),
}
TO_SIGN_IN = "location.href = '/login?next=' + encodeURIComponent(location.pathname + location.search)"
CLOSING_SECONDS = 1.0
MODE_COOKIE = "job_runner_mode"


class Shell:
    """One open tab. Holds the view that is shown, and passes on what `Live` tells."""

    def __init__(self, atlas: Atlas, live: Live, actor: Actor) -> None:
        self.atlas = atlas
        self.live = live
        self.actor = actor
        self.rights = actor.rights
        self.desk = atlas.office.desk(lambda: live.still(actor))
        self.view: View | None = None
        self._path = ""  # of the page that is shown
        self._client = ui.context.client
        self._notifier = Notifier(self._client) if Right.APPROVE in actor.rights else None
        self._links: dict[str, Node] = {}
        ui.context.client.layout.classes("shell")
        Node("a", "Skip to the content", "skip-link", href="#content")
        self._sidebar(signed_in=bool(actor.session))
        self._header()
        # NiceGUI's page is the main landmark already, and there may be one only.
        with Node("div", "", "content", id="content", tabindex="-1"), Node("div", "", "content-inner"):
            self._banner = Node("div", "", "banner", role="alert", hidden=True)
            with self._banner:
                self._banner_text = Node("span")
                self._banner_time = Node("time")
            self.frame = Node("div", "", "content-frame")
            self.operations = OperationBar(actor, self.desk, atlas.queries)
        ui.context.client.sub_pages_router.on_path_changed(self._on_address)
        ui.on_exception(_tell_fault)
        live.join(self)
        self._version = live.version
        self._client.on_connect(lambda: live.wake(self, self._version))
        self._client.on_disconnect(self._doze)
        self._client.on_delete(lambda: live.leave(self))
        if live.engine:
            self.on_engine(live.engine)

    def show(self, title: str, path: str, view: View) -> None:
        """A view takes the page: title and sidebar follow."""
        self.view = view
        former, self._path = self._path, urlsplit(self._client.sub_pages_router.current_path).path.rstrip("/")
        if former not in ("", self._path):
            self._client.run_javascript("arrive()")
        self._title.change(text=title)
        ui.page_title(f"{title} · Job Runner" if title != "Job Runner" else title)
        for href, link in self._links.items():
            here = path == href or (href != "/app" and path.startswith(href))
            link.change(aria_current="page" if here else None)

    # -- what Live tells -------------------------------------------------------------------------------------

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """Pass on."""
        if self._notifier:
            self._notifier.on_jobs(jobs)
        if self.view:
            self.view.on_jobs(jobs)

    def on_operations(self, operations: Sequence[OperationView]) -> None:
        """Show how far those have come that are one's own."""
        if operations:
            self.operations.show(operations)

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Pass on."""
        if self.view and percents:
            self.view.on_progress(percents)

    def on_log(self, job_ids: set[int]) -> bool:
        """Pass on."""
        return bool(self.view and self.view.on_log(job_ids))

    async def refresh(self, reader: Reader) -> None:
        """Count what waits for a person, and let the view read again; without a database, show why it cannot."""
        try:
            await self._read(reader)
        except Exception as error:
            if trouble(error) is None:
                raise
            self.on_engine(await reader.queries.engine())

    async def _read(self, reader: Reader) -> None:
        self._needs_person.change(text=count(waiting) if (waiting := await reader.approvals_waiting()) else "")
        await self.operations.refresh()
        if view := self.view:
            draw = await view.read(reader)
            if self.view is view:
                draw()

    def on_engine(self, state: EngineState) -> None:
        """Show whether anything executes jobs."""
        word = "Atlas online" if state.online else "Atlas offline"
        self._engine.change(word, "engine" if state.online else "engine offline")
        self._fleet.change(text=fleet(state))
        self._banner.change(hidden=True if state.online else None)
        since = state.last_beat_at
        why = f": {state.fault}." if state.fault else ", so nothing runs."
        self._banner_text.change(text=f"The engine is offline{why}" + (" Last seen" if since else ""))
        show_time(self._banner_time, since, clock.now(), show="ago")

    def _doze(self) -> None:
        if not self._client.has_socket_connection:  # a broken socket may be noticed long after its successor came
            self._version = self.live.doze(self)
            self.operations.is_read = False

    async def check(self) -> None:
        """Whoever is signed out goes to the sign-in page; whoever may do other things now gets the page anew."""
        try:
            now = await self.live.still(self.actor, is_use=False)
        except SignedOut:
            self.close()
            return
        if now.rights != self.rights:
            self.live.leave(self)
            self._client.run_javascript("location.reload()")
            self._delete_soon()

    def close(self) -> None:
        """Send the tab to the sign-in page, and forget it."""
        self.live.leave(self)
        self._client.run_javascript(TO_SIGN_IN)
        self._delete_soon()

    def _delete_soon(self) -> None:
        """Its socket stays open otherwise, whatever the page shows."""
        asyncio.get_running_loop().call_later(CLOSING_SECONDS, self._client.delete)

    def _on_address(self, address: str) -> None:
        if part := urlsplit(address).fragment:
            self._client.run_javascript(f"showSection({json.dumps(part)})")
        asyncio.get_running_loop().call_soon(self._tell_address, self.view, address)

    def _tell_address(self, view: View | None, address: str) -> None:
        """A view that has given way to another one meanwhile is told nothing: its successor has read the address."""
        if view and self.view is view and not self._client.is_deleted:
            with self._client:
                view.on_address(address)

    # -- parts -----------------------------------------------------------------------------------------------

    def _sidebar(self, *, signed_in: bool) -> None:
        with Node("nav", "", "sidebar", aria_label="Main", id="sidebar", popover="auto"):
            with Node("a", "", "brand", href="/app", aria_label="Job Runner, home"):
                Node("span", "", "mark", data_icon="play_arrow")
                Node("span", "Job Runner")
            for name, href, icon in NAVIGATION:
                with Node("a", "", "nav-link", href=href) as self._links[href]:
                    Node("span", name, data_icon=icon)
                    if name == "Approvals":
                        self._needs_person = Node("span", "", "nav-count")
            with Node("div", "", "sidebar-foot"):
                Shortcuts(lambda: self._path)
                if signed_in:
                    with Node("form", "", "", method="post", action="/logout"):
                        Node("button", f"Sign out {self.actor.name}", "button plain", id="sign-out", data_icon="logout")

    def _header(self) -> None:
        with Node("header", "", "topbar"):
            icon_button("Open the menu", "menu", popovertarget="sidebar").classes("menu-button")
            self._title = Node("h1", "Job Runner", id="page-title", tabindex="-1")
            Node("span", "", "spacer")
            Palette(self._client, self.atlas, self.desk, self.actor)
            self._engine = Node("div", "Atlas …", "engine", role="status", aria_label="Engine")
            self._fleet = Node("a", "", "fleet muted", href="/app/agents")
            self._mode_switch()

    def _mode_switch(self) -> None:
        mode = ui.context.client.request.cookies.get(MODE_COOKIE, "auto")
        dark = ui.dark_mode(MODES.get(mode, MODES["auto"])[0])
        switch = icon_button("", "", id="mode-switch")

        def show(name: str) -> None:
            value, icon, label = MODES[name]
            dark.set_value(value)
            switch.change(data_icon=icon, aria_label=label, title=label)

        def turn() -> None:
            nonlocal mode
            names = list(MODES)
            mode = names[(names.index(mode) + 1) % len(names)] if mode in MODES else "auto"
            show(mode)
            ui.run_javascript(f"document.cookie = '{MODE_COOKIE}={mode}; path=/; max-age=31536000; samesite=lax'")

        show(mode if mode in MODES else "auto")
        switch.on_press(turn)


def _tell_fault(error: Exception) -> None:
    fault = trouble(error)
    said = f"That did not work: {fault}" if fault else "That did not work; the log says why. Try again."
    ui.notify(said, type="negative", position="bottom", multi_line=True)


class StillView:
    """A view with nothing to patch; subclass and override what moves."""

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """Nothing shown changes."""

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Nothing shown moves."""

    def on_log(self, job_ids: set[int]) -> bool:
        """No log is shown."""
        return False

    async def read(self, reader: Reader) -> Draw:
        """Nothing to read."""
        return lambda: None

    def on_address(self, address: str) -> None:
        """The address says nothing more than which view to show."""
