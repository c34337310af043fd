"""The files that a job made, each a download."""

import asyncio
from urllib.parse import quote

from engine.errors import StorageFault
from engine.views import JobView
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.layout import Shell

PATIENCE_SECONDS = 0.5


class Files:
    """Asks the storage beside the page's own reading: while one storage is slow, no other page waits for it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._shown = Redrawn()
        self._job_id = 0
        self._names: list[str] = []
        self._fault = ""
        self._asking: asyncio.Task[None] | None = None

    async def read(self, job: JobView) -> None:
        """Ask for the names; an answer that takes long is shown when it comes."""
        self._job_id = job.id
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(job))
        before = (self._names, self._fault)
        done, _ = await asyncio.wait({self._asking}, timeout=PATIENCE_SECONDS)
        if not done:
            self._asking.add_done_callback(lambda _: self._on_late(before))

    def show(self) -> None:
        """Draw them, if they changed."""
        self._shown.show((self._names, self._fault), self._draw)

    def _on_late(self, before: tuple[list[str], str]) -> None:
        if (self._names, self._fault) != before:
            self._shell.live.ask_refresh(self._shell)

    async def _ask(self, job: JobView) -> None:
        try:
            self._names, self._fault = await self._shell.atlas.downloads.artifact_names(job), ""
        except StorageFault as fault:
            self._fault = str(fault)

    def _draw(self) -> None:
        if not self._names and not self._fault:
            return
        with Node("section", "", "panel", aria_label="Files"):
            Node("h2", "Files")
            if self._fault:
                Node("p", self._fault, "text-block")
            for name in self._names:
                with Node("div", "", "list-row"):
                    Node("a", name, href=f"/api/v1/jobs/{self._job_id}/artifacts/{quote(name)}", download=name)
