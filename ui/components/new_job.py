"""The New Job dialog: a form made from the payload model of the chosen type, empty or filled in from an earlier job."""

import asyncio
from typing import Any

from nicegui import ui

from engine.commands import Submitted
from engine.errors import NotFound
from engine.jobs import AnyJobType
from engine.views import JobView
from ui.components.dialogs import dialog_frame
from ui.components.fields import PriorityField, labelled
from ui.components.form_faults import wished
from ui.components.node import Node, button
from ui.components.payload_form import PayloadForm
from ui.components.run_again import go_to_new, kept, type_of
from ui.components.toasts import say
from ui.layout import Shell

LONGEST_ID = 18  # digits


class NewJobDialog:
    """Built when first opened; keeps what was typed until it is submitted."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        self._types: dict[str, AnyJobType] = {}
        self._form: PayloadForm | None = None
        self._dialog: ui.dialog | None = None
        self._earlier: JobView | None = None
        self._is_submitting = self._is_submitted = False
        self._opening = asyncio.Lock()  # a key, a button and an address may ask for it at the same time
        self._slot = ui.element("div").classes("dialog-slot")

    async def open(self, wanted: str | None = None, earlier: str | int | None = None) -> None:
        """Show the form, first for the wanted type or category; channels connected meanwhile are offered.

        `earlier` is the id of a job to begin with: its type, its payload and its priority are filled in.
        """
        async with self._opening:
            await self._open(wanted, earlier)

    async def _open(self, wanted: str | None, earlier: str | int | None) -> None:
        former, self._types = self._types, {t.key: t for t in self._atlas.queries.job_types() if t.by_hand}
        job = await self._job(earlier) if earlier else None
        if job and (job_type := type_of(self._shell, job)):
            await self._open_filled(job, job_type)
            return
        if job:
            return
        if self._earlier:
            self._forget()
        if self._dialog is None:
            with self._slot:
                self._dialog = await self._build(wanted)
        else:
            await self._offer(former)
        if self._form:
            await self._form.reload()
        self._dialog.open()

    async def _job(self, earlier: str | int) -> JobView | None:
        text = str(earlier)
        try:
            return await self._atlas.queries.job(int(text) if text.isdecimal() and len(text) <= LONGEST_ID else 0)
        except NotFound:
            say(f"Job {text[:LONGEST_ID]} is gone, so there is nothing to begin with", is_good=False)
            return None

    async def _open_filled(self, job: JobView, job_type: AnyJobType) -> None:
        self._forget()
        self._earlier = job
        self._types[job_type.key] = job_type  # also one that people do not begin with
        with self._slot:
            self._dialog = await self._build(job_type.key)
        form = self._form
        if form is None:
            return
        form.fill(job.payload)
        self._priority.choose(job.priority)
        self._dialog.open()

    def _forget(self) -> None:
        """What was filled in is for one job only."""
        self._slot.clear()
        self._dialog = self._form = self._earlier = None
        self._is_submitted = False

    async def _build(self, wanted: str | None) -> ui.dialog:
        with dialog_frame("New Job") as (dialog, body):
            dialog.on("show", self._on_shown)
            with body:
                if self._earlier:
                    Node("p", f"As job {self._earlier.id}, {self._earlier.name}: change what should be other", "muted")
                options = self._options()
                with labelled("Job type") as label:
                    self._type = ui.select(options, value=self._first(wanted), on_change=self._on_type)
                    self._type.props(f"outlined dense for={label.target} popup-content-class=type-menu")
                self._place = Node("div")
                self._priority = PriorityField()
                self._fault = Node("p", "", "fault-text", role="alert")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(dialog.close)
                button("Submit", "primary").on_press(self._submit)
        await self._show_fields()
        return dialog

    def _on_shown(self) -> None:
        """What was filled in is looked at from its first field on."""
        first = next(iter(self._form.fields.values()), None) if self._form and self._earlier else None
        if first:
            first.focus()

    def _first(self, wanted: str | None) -> str:
        fitting = (key for key, job_type in self._types.items() if wanted in (key, job_type.category))
        return next(fitting, next(iter(self._types)))

    async def _offer(self, former: dict[str, AnyJobType]) -> None:
        """Types may have come, gone or been worded anew since the form was last open."""
        chosen = self._type.value if self._type.value in self._types else next(iter(self._types))
        is_other = former.get(chosen) is not self._types[chosen]
        self._type.set_options(self._options(), value=chosen)
        if is_other or self._is_submitted:
            await self._show_fields()

    def _options(self) -> dict[str, str]:
        return {t.key: f"{t.key} — {t.description}" for t in self._types.values()}

    async def _on_type(self) -> None:
        await self._show_fields()

    async def _show_fields(self) -> None:
        job_type = self._types[self._type.value]
        former = self._form.fields if self._form and self._is_submitted else {}
        self._is_submitted = False
        self._place.clear()
        with self._place:
            self._form = PayloadForm(self._shell, job_type)
        for name, field in self._form.fields.items():
            if name in former:
                field.take_over(former[name])
        await self._form.reload()

    async def _submit(self) -> None:
        if self._is_submitting or self._is_submitted or self._form is None:  # a second click creates no second job
            return
        self._is_submitting = True
        try:
            not_done, again = "The job was not created", "submit again"
            if made := await wished(self._create, self._form, self._fault, not_done=not_done, again=again):
                self._finish(made)
        finally:
            self._is_submitting = False

    async def _create(self) -> Submitted:
        job_type = self._types[self._type.value]
        more: dict[str, Any] = {"priority": self._priority.value}
        if self._earlier and self._earlier.type == job_type.key:
            more |= kept(self._earlier, job_type)
        payload = self._form.payload() if self._form else {}
        return await self._shell.desk.submit(job_type.key, payload, **more)

    def _finish(self, made: Submitted) -> None:
        # The fields are made anew when the form is next opened: a browser that closes a dialog while it empties a
        # field keeps what was typed there.
        self._is_submitted = True
        if self._dialog:
            self._dialog.close()
        label = self._types[self._type.value].label
        if self._earlier:
            go_to_new(made.id, label)
            return
        seconds = self._atlas.settings.poll_seconds
        ui.notify(f"{label}: queued. Atlas looks every {seconds:g} s.", type="positive", position="bottom")
