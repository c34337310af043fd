"""Browser notifications: a switch that is kept by the browser, and word to open pages of what newly needs approval."""

import json
from collections.abc import Sequence
from datetime import datetime

from nicegui import Client, ui

from engine import clock
from engine.views import JobView
from models.states import Approval, Status
from ui.components.node import Node

SWITCH = "notify-me"
MAX_NAMED = 3  # of more at once only the number is told


class Notifier:
    """One for a tab: what asked for approval before the tab was opened is no news."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._since = clock.now()
        self._told: set[tuple[int, datetime]] = set()

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """These jobs changed; the browser shows those that newly need approval, if its person wants that."""
        fresh = [job for job in jobs if self._is_news(job)]
        if fresh:
            told = [_counted(len(fresh))] if len(fresh) > MAX_NAMED else [_told(job) for job in fresh]
            self._client.run_javascript(f"notifyApproval({json.dumps(told)})")

    def _is_news(self, job: JobView) -> bool:
        asked = job.approval_asked_at
        if job.approval != Approval.PENDING or job.status not in (Status.QUEUED, Status.PAUSED) or asked is None:
            return False
        if asked < self._since or (job.id, asked) in self._told:
            return False
        self._told.add((job.id, asked))
        return True


class NotifySwitch:
    """The browser keeps what was chosen, and asks its person for permission."""

    def __init__(self) -> None:
        with Node("section", "", "panel", aria_label="Notifications"):
            Node("h2", "Notifications")
            with Node("div", "", "toolbar"):
                Node("input", "", "tick", type="checkbox", role="switch", id=SWITCH, aria_describedby=f"{SWITCH}-hint")
                Node("label", "Notify me in this browser when a job needs approval", **{"for": SWITCH})
            Node("p", "", "muted", id=f"{SWITCH}-hint", aria_live="polite")
        ui.run_javascript("showNotifySwitch()")


def _told(job: JobView) -> dict[str, str]:
    why = f": {job.approval_reason}" if job.approval_reason else ""
    page = f"/app/approvals?job={job.id}"
    return {
        "title": f"{job.name} needs approval",
        "body": f"by {job.created_by}{why}",
        "tag": str(job.id),
        "page": page,
    }


def _counted(number: int) -> dict[str, str]:
    return {"title": f"{number} jobs need approval", "body": "", "tag": "many", "page": "/app/approvals"}
