"""Form fields: a label above, help under it, and the place for its fault."""

import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from engine.engine import Atlas
from models.states import Priority
from ui.components.keyboard import give_keyboard
from ui.components.node import Node


@dataclass(frozen=True)
class Label:
    """The parts of a field that are not its input; `target` is the id that the input must have."""

    target: str
    root: Node
    fault: Node


@contextmanager
def labelled(title: str, *, optional: bool = False, help_text: str = "") -> Iterator[Label]:
    """A label above, what is yielded into, help under it, and the place for its fault."""
    target = f"field-{uuid.uuid4().hex[:8]}"
    with Node("div", "", "form-field") as root:
        with Node("div", "", "label"):
            label = Node("label", title)
            label.props["for"] = target
            if optional:
                Node("span", " (optional)", "optional")
        fault = Node("div", "", "fault", role="alert", id=f"{target}-fault")
        yield Label(target, root, fault)
        Node("div", help_text, "help")
        fault.move(root)


class Field(ABC):
    """One payload property in the form."""

    def __init__(self, title: str, *, optional: bool, help_text: str = "") -> None:
        with labelled(title, optional=optional, help_text=help_text) as self._label:
            self._input = self._build(self._label.target)
        self.is_faulty = False

    @abstractmethod
    def _build(self, target: str) -> Any: ...

    def value(self) -> Any:
        """What was entered, as the payload wants it."""
        return self._input.value

    def take_over(self, former: "Field") -> None:
        """Begin with what is worth keeping from the form that was submitted before; usually nothing."""
        return

    def show_fault(self, text: str) -> None:
        """Write the fault beside the field; an empty text clears it."""
        self.is_faulty = bool(text)
        self._label.root.change(classes="form-field faulty" if text else "form-field")
        self._label.fault.change(text=text)
        self._input.props[":aria-invalid"] = "true" if text else "false"
        self._input.props["aria-describedby"] = f"{self._label.target}-fault"

    def focus(self) -> None:
        """Move the keyboard here."""
        give_keyboard(self._input)

    def fill(self, value: Any) -> None:
        """Begin with this value."""
        self._input.set_value(value)

    async def reload(self, atlas: Atlas) -> None:
        """Fetch what may be chosen, if anything."""
        return


class TextField(Field):
    """A line, or with `multiline` several."""

    def __init__(self, title: str, *, multiline: bool, **more: Any) -> None:
        self._multiline = multiline
        super().__init__(title, **more)

    def _build(self, target: str) -> Any:
        node = ui.textarea() if self._multiline else ui.input()
        return node.props(
            f"outlined dense for={target}" + (" autogrow input-style=min-height:96px" if self._multiline else "")
        )

    def fill(self, value: Any) -> None:
        """Begin with this text; a list is written in a line, as the payload reads it."""
        super().fill(", ".join(map(str, value)) if isinstance(value, list) else value)


class NumberField(Field):
    """A number; whole ones stay whole."""

    def _build(self, target: str) -> Any:
        return ui.number().props(f"outlined dense for={target}")

    def value(self) -> Any:
        """The number, as the payload wants it."""
        number = self._input.value
        return int(number) if isinstance(number, float) and number.is_integer() else number


class SwitchField(Field):
    """Yes or no."""

    def _build(self, target: str) -> Any:
        return ui.checkbox().props(f"for={target} id={target}")


class ChoiceField(Field):
    """One of a few."""

    def __init__(self, title: str, *, choices: Sequence[Any], **more: Any) -> None:
        self._choices = choices
        super().__init__(title, **more)

    def _build(self, target: str) -> Any:
        return ui.select(list(self._choices)).props(f"outlined dense for={target}")


class ChoicesField(Field):
    """Any of a few."""

    def __init__(self, title: str, *, choices: Sequence[Any], **more: Any) -> None:
        self._choices = choices
        super().__init__(title, **more)

    def _build(self, target: str) -> Any:
        select = ui.select(list(self._choices), multiple=True, value=[])
        return select.props(f"outlined dense use-chips for={target}")


class LinesField(TextField):
    """A list of texts, one a line."""

    def value(self) -> Any:
        """The lines that are not empty."""
        return [line.strip() for line in (self._input.value or "").splitlines() if line.strip()]

    def fill(self, value: Any) -> None:
        """Begin with these lines."""
        super().fill("\n".join(map(str, value)) if isinstance(value, list) else value)


class JsonField(TextField):
    """Whatever no other field is made for, written as JSON."""

    def value(self) -> Any:
        """What the JSON says; what is no JSON is handed on, for the payload model to refuse."""
        text = (self._input.value or "").strip()
        try:
            return json.loads(text) if text else None
        except json.JSONDecodeError:
            return text

    def fill(self, value: Any) -> None:
        """Begin with this, as JSON."""
        self._input.set_value("" if value is None else json.dumps(value, indent=2, ensure_ascii=False))


class PriorityField:
    """High, Medium or Low, as a group of radio buttons."""

    def __init__(self) -> None:
        self.value = Priority.MEDIUM.word
        self._buttons: dict[str, Node] = {}
        with Node("div", "", "form-field") as self.root:
            Node("div", "Priority", "label")
            with Node("div", "", "segmented", role="radiogroup", aria_label="Priority"):
                for priority in reversed(Priority):
                    self._buttons[priority.word] = self._button(priority.word)

    def _button(self, word: str) -> Node:
        checked = "true" if word == self.value else "false"
        node = Node("button", word.capitalize(), "", type="button", role="radio", aria_checked=checked)
        node.change(tabindex="0" if word == self.value else "-1")
        return node.on_press(lambda: self.choose(word))

    def choose(self, word: str) -> None:
        """Make it this priority."""
        self.value = word
        for name, node in self._buttons.items():
            node.change(aria_checked="true" if name == word else "false", tabindex="0" if name == word else "-1")
