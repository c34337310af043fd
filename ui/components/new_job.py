"""The New Job dialog: a form made from the payload model of the chosen type."""

from nicegui import ui

from engine.errors import InvalidInput, JobRunnerError
from engine.health import DRIVER_ERRORS, trouble
from engine.jobs import AnyJobType
from ui.components.dialogs import dialog_frame
from ui.components.fields import PriorityField, labelled
from ui.components.node import Node, button
from ui.components.payload_form import PayloadForm
from ui.layout import Shell


class NewJobDialog:
    """Built when first opened; keeps what was typed until it is submitted."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        self._types: dict[str, AnyJobType] = {}
        self._form: PayloadForm | None = None
        self._dialog: ui.dialog | None = None
        self._is_submitting = self._is_submitted = False
        self._slot = ui.element("div").classes("dialog-slot")

    async def open(self, wanted: str | None = None) -> None:
        """Show the form, first for the wanted type or category; channels connected meanwhile are offered."""
        former, self._types = self._types, {t.key: t for t in self._atlas.queries.job_types() if t.by_hand}
        if self._dialog is None:
            with self._slot:
                self._dialog = await self._build(wanted)
        else:
            await self._offer(former)
        if self._form:
            await self._form.reload()
        self._dialog.open()

    async def _build(self, wanted: str | None) -> ui.dialog:
        with dialog_frame("New Job") as (dialog, body):
            with body:
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
        if self._is_submitting or self._is_submitted:  # a second click creates no second job
            return
        self._is_submitting = True
        try:
            await self._create()
        finally:
            self._is_submitting = False

    async def _create(self) -> None:
        job_type = self._types[self._type.value]
        self._show_faults({})
        try:
            await self._shell.desk.submit(
                job_type.key, self._form.payload() if self._form else {}, priority=self._priority.value
            )
        except InvalidInput as error:
            self._show_faults({fault.field: fault.message for fault in error.errors})
            return
        except JobRunnerError as error:
            self._fault.change(text=str(error))
            return
        except DRIVER_ERRORS as error:
            if (fault := trouble(error)) is None:
                raise
            self._fault.change(text=f"The job was not created: {fault}. What you entered is still here: submit again")
            return
        self._finish(job_type)

    def _finish(self, job_type: AnyJobType) -> None:
        # The fields are made anew when the form is next opened: a browser that closes a dialog while it empties a
        # field keeps what was typed there.
        self._is_submitted = True
        if self._dialog:
            self._dialog.close()
        seconds = self._atlas.settings.poll_seconds
        ui.notify(f"{job_type.label}: queued. Atlas looks every {seconds:g} s.", type="positive", position="bottom")

    def _show_faults(self, faults: dict[str, str]) -> None:
        self._fault.change(text=self._form.show_faults(faults) if self._form else "")
