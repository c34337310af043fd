"""What came of a job: what it made to be looked at, then what is told of it; the JSON itself behind a fold."""

from functools import partial
from typing import Any

from engine.views import JobView
from models.states import Status
from ui.components.media import SHOWN_AS_MEDIA, has_media, show_media
from ui.components.node import Node
from ui.components.payload import show_payload
from ui.components.raw_json import RawJson
from ui.components.redrawn import Redrawn


class JobResult:
    """Not there until there is a result."""

    def __init__(self) -> None:
        with Node("section", "", "panel", aria_label="Result", hidden=True) as self._root:
            Node("h2", "Result")
            self._shown = Redrawn()
            self._raw = RawJson("result")

    def show(self, job: JobView) -> None:
        """Bring it up to date."""
        result: dict[str, Any] = job.result or {}
        self._root.change(hidden=None if result else True)
        if result:
            self._shown.show((job.status, result), partial(_draw, job, result))
            self._raw.show(result)


def _draw(job: JobView, result: dict[str, Any]) -> None:
    """The names of files are told by the list of them."""
    is_shown = job.status is Status.COMPLETED and has_media(job)
    if is_shown:
        with Node("div", "", "media"):
            show_media(job)
    show_payload({name: value for name, value in result.items() if not (has_media(job) and name in SHOWN_AS_MEDIA)})
