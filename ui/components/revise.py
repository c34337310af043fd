"""The form of a job that is to do something else: filled in with what it would do, and why it is changed."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from engine.approvals.revisions import Revised
from engine.jobs import AnyJobType
from engine.views import JobView
from models.states import Status
from ui.components.dialogs import dialog_frame
from ui.components.fields import labelled
from ui.components.form_faults import wished
from ui.components.node import Node, button
from ui.components.payload_form import PayloadForm
from ui.components.toasts import say
from ui.layout import Shell

OnRevised = Callable[[Revised], Awaitable[object]]


async def open_revise(shell: Shell, job: JobView, on_revised: OnRevised | None = None) -> None:
    """Show the form of a job in review, or of a failed one; `on_revised` is called when there is a new version."""
    job_type = shell.atlas.queries.job_type(job.type)
    if job_type is None:
        say(f"{job.name}: its type {job.type} is not installed here", is_good=False)
        return
    with ui.context.client.content:
        dialog = _Dialog(shell, job, job_type, on_revised)
    await dialog.open()


class _Dialog:
    """Stays open, with what was entered, until it is submitted; then it goes away."""

    def __init__(self, shell: Shell, job: JobView, job_type: AnyJobType, on_revised: OnRevised | None) -> None:
        self._shell, self._job, self._on_revised = shell, job, on_revised
        self._is_failed = job.status is Status.FAILED
        with dialog_frame(f"Edit {job.name}") as (self._dialog, body):
            with body:
                Node("p", f"{job.type} — {job_type.description}", "muted")
                if self._is_failed and job.error:
                    Node("p", f"It failed: {job.error}", "fault-text")
                self._form = PayloadForm(shell, job_type)
                with labelled("What changed, and why", optional=True, help_text="Stays with the job") as label:
                    self._why = ui.input().props(f"outlined dense maxlength=2000 for={label.target}")
                self._fault = Node("p", "", "fault-text", role="alert")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(self._dialog.close)
                verb = "Try again with this" if self._is_failed else "Save new version"
                button(verb, "primary").on_press(self._submit)
        self._dialog.on("hide", self._dialog.delete)

    async def open(self) -> None:
        """Fill it in, and show it."""
        await self._form.reload()
        self._form.fill(self._job.payload)
        self._dialog.open()

    async def _submit(self) -> None:
        revised = await wished(self._revise, self._form, self._fault, not_done="It was not saved", again="save again")
        if revised is None:
            return
        self._dialog.close()
        what = "is queued" if self._is_failed else "waits for approval"
        say(f"{self._job.name}: version {revised.version} {what}")
        if self._on_revised:
            await self._on_revised(revised)

    async def _revise(self) -> Revised:
        comment = (self._why.value or "").strip() or None
        payload = self._form.payload()
        desk = self._shell.desk
        change = desk.correct if self._is_failed else desk.revise
        return await change(self._job.id, payload, version=self._job.version, comment=comment)
