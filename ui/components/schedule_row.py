"""A schedule in the list: what it starts and when, what came of it last, and what may be done with it."""

from functools import partial

from nicegui import ui

from engine import clock
from engine.errors import JobRunnerError
from engine.schedules.views import RunView, ScheduleView
from engine.workflows.views import RunStatus
from models.rights import Right
from models.states import Status
from ui.components.dialogs import confirm, dialog_frame
from ui.components.marks import badge_node, show_badge, time_node
from ui.components.node import Node, button, icon_button
from ui.components.run_words import run_badge
from ui.components.schedule_form import open_schedule_form
from ui.components.toasts import say, tell
from ui.layout import Shell
from ui.present import Badge
from ui.theme import STATUSES

OUTCOMES = {
    "started": Badge("completed", "check_circle", "Started"),
    "skipped": Badge("cancelled", "skip_next", "Skipped"),
    "failed": Badge("failed", "error", "Not started"),
}


class ScheduleRow:
    """Drawn where it is made, anew for each change."""

    def __init__(self, shell: Shell, view: ScheduleView) -> None:
        self._shell = shell
        self._view = view
        with Node("article", "", "list-row schedule-row", aria_label=view.name, data_schedule=view.name):
            with Node("div", "", "grow"):
                self._draw_facts()
            with Node("div", "", "schedule-actions"):
                self._draw_actions()

    def _draw_facts(self) -> None:
        view = self._view
        Node("strong", view.name, dir="auto")
        Node("span", view.starts, "muted", dir="auto")
        with Node("span"):
            Node("span", view.words)
            if view.paused or view.next_at is None:
                Node("span", " · paused" if view.paused else " · is over", "muted")
            else:
                Node("span", " · next ", "muted")
                time_node(view.next_at, clock.now())
        if view.last_run:
            draw_run(view.last_run, "Last: ")
        if view.fault and not (view.last_run and view.last_run.reason == view.fault):
            Node("span", view.fault, "fault-text")

    def _draw_actions(self) -> None:
        view, rights = self._view, self._shell.rights
        button("Runs", "small", aria_label=f"Runs of {view.name}").on_press(self._show_runs)
        if Right.OPERATE in rights:
            run = button("Run now", "small", "play_arrow", aria_label=f"Run {view.name} now")
            run.on_press(self._run_now, single=True)
        if Right.ADMINISTER in rights:
            edit = icon_button(f"Change {view.name}", "edit")
            edit.on_press(partial(open_schedule_form, self._shell, view))
            icon_button(f"Remove {view.name}", "delete").on_press(self._ask_remove)
        if Right.OPERATE in rights and (view.paused or view.next_at):
            is_on = "false" if view.paused else "true"
            label = f"{view.name} starts by itself"
            title = "Paused: press to resume" if view.paused else "On: press to pause"
            switch = Node("button", "", "switch", type="button", role="switch", aria_checked=is_on, aria_label=label)
            switch.change(title=title).on_press(self._turn)

    async def _turn(self) -> None:
        paused = not self._view.paused
        done = "paused: starts nothing until it is resumed" if paused else "starts by itself again"
        await tell(self._shell.desk.pause_schedule(self._view.id, paused), f"{self._view.name}: {done}")

    async def _run_now(self) -> None:
        try:
            kind, started = await self._shell.desk.run_schedule(self._view.id)
        except JobRunnerError as error:
            say(str(error), is_good=False)
            return
        say(f"{self._view.name}: {kind} {started} was started")

    def _ask_remove(self) -> None:
        async def remove() -> None:
            await tell(self._shell.desk.remove_schedule(self._view.id), f"{self._view.name} is removed")

        said = "It starts nothing more. What it has started goes on, and stays. This cannot be undone."
        confirm(f"Remove {self._view.name}?", [said], "Remove schedule", "Keep schedule", remove)

    async def _show_runs(self) -> None:
        try:
            runs = await self._shell.desk.schedule_runs(self._view.id)
        except JobRunnerError as error:
            say(str(error), is_good=False)
            return
        with ui.context.client.content, dialog_frame(f"Runs of {self._view.name}") as (dialog, body):
            with body:
                for run in runs:
                    with Node("div", "", "list-row"):
                        draw_run(run)
                if not runs:
                    Node("p", "None of its times has come yet.", "muted")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(dialog.close)
        dialog.on("hide", dialog.delete)
        dialog.open()


def draw_run(run: RunView, before: str = "") -> None:
    """What came of a time, in one line: with a link to the job, where there is one."""
    with Node("div", "", "schedule-run"):
        if before:
            Node("span", before, "muted")
        show_badge(badge_node(), _badge(run))
        if run.job_id and run.status:
            Node("a", f"#{run.job_id} {run.name}", "", href=f"/app/jobs/{run.job_id}", dir="auto")
        elif run.run_id and run.status:
            Node("a", f"run {run.run_id} of {run.name}", "", href=f"/app/runs/{run.run_id}", dir="auto")
        elif run.run_id:
            Node("span", f"run {run.run_id}, removed since", "muted")
        elif run.job_id:
            Node("span", f"job {run.job_id}, removed since", "muted")
        time_node(run.started_at, clock.now()).classes("muted")
        if run.due_at is None:
            Node("span", "by hand", "muted")
        if run.reason:
            Node("span", run.reason, "fault-text" if run.outcome == "failed" else "muted")


def _badge(run: RunView) -> Badge:
    if run.status is None:
        return OUTCOMES[run.outcome]
    if run.run_id:
        return run_badge(RunStatus(run.status))
    status = Status(run.status)
    return Badge(status, STATUSES[status].icon, status.capitalize())
