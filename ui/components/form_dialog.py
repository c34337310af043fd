"""A small form in a dialog: fields in one column, faults in the field's own place."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from engine.errors import InvalidInput, JobRunnerError
from ui.components.dialogs import dialog_frame
from ui.components.fields import Label, labelled
from ui.components.node import Node, button

Values = dict[str, Any]
OnSubmit = Callable[[Values], Awaitable[None]]


class FormDialog:
    """Stays open, with what was entered, until what was asked for is done; then it goes away."""

    def __init__(self, title: str, verb: str, on_submit: OnSubmit) -> None:
        self._on_submit = on_submit
        self._inputs: dict[str, tuple[Any, Label]] = {}
        with (
            ui.context.client.content,
            dialog_frame(title) as (self._dialog, self._body),
            Node("div", "", "dialog-actions"),
        ):
            button("Close").on_press(self._dialog.close)
            button(verb, "primary").on_press(self._submit)
        self._dialog.on("hide", self._dialog.delete)

    def text(
        self,
        name: str,
        title: str,
        *,
        help_text: str = "",
        secret: bool = False,
        value: str = "",
        multiline: bool = False,
    ) -> None:
        """A line of text, or with `multiline` several; a secret one is not shown, and no browser fills it in."""
        with self._body, labelled(title, help_text=help_text) as label:
            node: Any = ui.textarea(value=value) if multiline else ui.input(value=value, password=secret)
            node.props(f"outlined dense for={label.target} autocomplete={'new-password' if secret else 'off'}")
            if multiline:
                node.props("autogrow").classes("code-field")
        self._inputs[name] = (node, label)

    def choice(
        self, name: str, title: str, options: Mapping[Any, str], value: Any, *, help_text: str = "", many: bool = False
    ) -> None:
        """One of these, or several."""
        with self._body, labelled(title, help_text=help_text) as label:
            node = ui.select(dict(options), value=value, multiple=many).props(f"outlined dense for={label.target}")
            if many:
                node.props("use-chips")
        self._inputs[name] = (node, label)

    def open(self) -> None:
        """Show it."""
        with self._body:
            self._fault = Node("p", "", "fault-text", role="alert")
        self._dialog.open()

    async def _submit(self) -> None:
        faults: dict[str, str] = {}
        try:
            await self._on_submit({name: node.value for name, (node, _) in self._inputs.items()})
        except InvalidInput as error:
            faults = {fault.field: fault.message for fault in error.errors}
        except JobRunnerError as error:
            faults = {"": str(error)}
        for name, (_, label) in self._inputs.items():
            text = faults.pop(name, "")
            label.root.change(classes="form-field faulty" if text else "form-field")
            label.fault.change(text=text)
        self._fault.change(text="; ".join(faults.values()))
        if not faults and not any(label.fault.text for _, label in self._inputs.values()):
            self._dialog.close()
