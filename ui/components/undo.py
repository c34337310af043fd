"""For a moment after an approval it may be undone: a bar counts down, beside what is done next."""

from collections.abc import Sequence
from datetime import datetime

from engine import clock
from engine.errors import JobRunnerError
from engine.views import JobView
from models.states import Move
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.toasts import say
from ui.layout import Shell


class UndoBar:
    """One line for each approval; it goes when the jobs go, or with Undo."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._lines: list[_Line] = []
        self._root = Node("div", "", "undo-bars", role="status", aria_label="Just approved")

    def add(self, jobs: Sequence[JobView], until: datetime) -> None:
        """These were approved just now, and may go at this moment."""
        with self._root:
            self._lines.append(_Line(self._shell, jobs, until))

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """What went, or waits again, is not offered any more."""
        gone = {job.id for job in jobs if Move.UNDO_APPROVAL not in job.allowed}
        for line in list(self._lines):
            line.waiting -= gone
            if not line.waiting:
                self._lines.remove(line)
                line.root.delete()


class _Line:
    def __init__(self, shell: Shell, jobs: Sequence[JobView], until: datetime) -> None:
        self._shell = shell
        self.waiting = {job.id for job in jobs}
        what = jobs[0].name if len(jobs) == 1 else f"{len(jobs)} jobs"
        with Node("div", "", "undo-bar") as self.root:
            with Node("div", "", "undo-what"):
                Node("strong", f"{what}: approved", title=what)
                with Node("span", "", "undo-when"):
                    Node("span", "goes in " if len(jobs) == 1 else "go in ")
                    time_node(until, clock.now(), show="countdown")
            label = f"Undo the approval of {what}"
            button("Undo", "small", "undo", aria_label=label).on_press(self._undo, single=True)

    async def _undo(self) -> None:
        faults = []
        for job_id in sorted(self.waiting):
            try:
                await self._shell.desk.undo_approval(job_id)
            except JobRunnerError as error:
                faults.append(str(error))
        if faults:
            say(f"Not undone: {'; '.join(dict.fromkeys(faults))}", is_good=False)
        else:
            say("Undone: it waits for approval again" if len(self.waiting) == 1 else "Undone: they wait again")
        self._shell.live.ask_refresh(self._shell)  # approved and undone within a moment, nothing has changed for it
