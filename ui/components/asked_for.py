"""What a job was asked to do, as it will look: the mail, the post, the film; prepared beside the page's own reading."""

import asyncio
import logging
from typing import Any

from engine.errors import JobRunnerError
from engine.health import DRIVER_ERRORS
from engine.jobs.preview import FieldsPreview
from engine.views import JobView
from ui.components.node import Node, button
from ui.components.preview import Prepared, prepared, show_preview
from ui.components.raw_json import RawJson
from ui.layout import Shell

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.03


class AskedFor:
    """Prepared once for each payload; while files are slow to ask for, the rest of the page is there already."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._payload: dict[str, Any] | None = None
        self._made: asyncio.Task[Prepared] | None = None
        with Node("section", "", "panel", aria_label="What was asked for") as self._root:
            Node("h2", "What was asked for")
            self._place = Node("div", "", "asked-for")
            self._raw = RawJson("payload")

    async def read(self, job: JobView) -> None:
        """Begin to prepare it, if it is another payload than is shown; an answer that takes long is drawn later."""
        if job.payload != self._payload:
            self._payload = job.payload
            await self._prepare(job)

    def show(self, job: JobView) -> None:
        """The raw payload is shown at once."""
        self._raw.show(job.payload)

    async def _prepare(self, job: JobView) -> None:
        making = self._made = asyncio.create_task(self._prepared(job))
        done, _ = await asyncio.wait({making}, timeout=PATIENCE_SECONDS)
        if done:
            self._draw(job, making)
            return
        self._place.clear()
        with self._place:
            Node("div", "", "skeleton")
        making.add_done_callback(lambda _: self._draw(job, making))

    async def _prepared(self, job: JobView) -> Prepared:
        try:
            return await prepared(self._shell.atlas.queries, job)
        except (JobRunnerError, *DRIVER_ERRORS):
            log.exception("job %s cannot be shown as it will look", job.id)
            return Prepared(FieldsPreview(job.payload), fault="It cannot be shown as it will look just now.")

    def _draw(self, job: JobView, making: asyncio.Task[Prepared]) -> None:
        if making is not self._made or making.cancelled() or self._root.is_deleted:
            return
        self._place.clear()
        with self._place:
            made = making.result()
            show_preview(made)
            if made.fault:
                button("Show it again", "small", "refresh").on_press(lambda: self._prepare(job))
