"""Form fields made from a payload model's fields: text, lines of text, addresses, channels, images."""

import base64
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from nicegui import events, ui
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from engine.engine import Atlas
from engine.jobs.social_post import MAX_IMAGE_BYTES, MAX_IMAGES
from models.states import Priority
from ui.components.node import Node, button, icon_button


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
        self._input.run_method("focus")

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


class ChannelsField(Field):
    """Any of the connected channels."""

    def _build(self, target: str) -> Any:
        return ui.select([], multiple=True, value=[]).props(f"outlined dense use-chips for={target}")

    def take_over(self, former: Field) -> None:
        """Keep the choice: the next post mostly goes to the same places."""
        if isinstance(former, ChannelsField):
            self._input.set_options(former._input.options, value=former._input.value)

    async def reload(self, atlas: Atlas) -> None:
        """Offer what is connected; with nothing chosen yet, the first one."""
        names = [channel.name for channel in await atlas.queries.channels()]
        chosen = [name for name in self._input.value if name in names]
        self._input.set_options(names, value=chosen or names[:1])


class ImagesField(Field):
    """Up to four pictures, each with the text for people who cannot see it."""

    def __init__(self, title: str, **more: Any) -> None:
        self._images: list[tuple[str, Any, Node]] = []
        super().__init__(title, **more)

    def _build(self, target: str) -> Any:
        self._list = Node("div", "", "upload-list")
        upload = ui.upload(on_upload=self._on_upload, auto_upload=True, multiple=True, max_file_size=MAX_IMAGE_BYTES)
        upload.props('accept="image/png,image/jpeg,image/gif,image/webp"')
        # The library's uploader is no button to assistive technology; this one is, and asks it for files.
        add = button("Add images", "", "add_photo_alternate", id=target, aria_label="Add images")
        add.on("click", js_handler=f"() => runMethod({upload.id}, 'pickFiles', [])")
        upload.on(
            "rejected",
            lambda: self.show_fault(f"Images must be pictures of at most {MAX_IMAGE_BYTES:,} bytes"),
        )
        return upload

    async def _on_upload(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        self._input.run_method("removeUploadedFiles")  # a reset would end the uploads that are still under way
        if len(self._images) >= MAX_IMAGES:
            self.show_fault(f"Images must be at most {MAX_IMAGES}; {event.file.name} is left out")
            return
        if len(content) > MAX_IMAGE_BYTES:
            self.show_fault(
                f"Images must have at most {MAX_IMAGE_BYTES:,} bytes, {event.file.name} has {len(content):,}"
            )
            return
        self.show_fault("")
        with self._list, Node("div", "", "list-row") as row:
            alt = ui.input(placeholder=f"Describe {event.file.name} for people who cannot see it")
            alt.props("outlined dense").classes("grow").props["aria-label"] = f"Description of {event.file.name}"
            entry = (base64.b64encode(content).decode(), alt, row)
            icon_button(f"Remove {event.file.name}", "close").on_press(lambda: self._remove(entry))
        self._images.append(entry)

    def _remove(self, entry: tuple[str, Any, Node]) -> None:
        self._images.remove(entry)
        entry[2].delete()

    def value(self) -> Any:
        """Each picture with its description."""
        return [{"data": data, "alt": alt.value or ""} for data, alt, _ in self._images]

    def focus(self) -> None:
        """The fault is announced; there is no one input to go to."""


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


class LinesField(TextField):
    """A list of texts, one a line."""

    def value(self) -> Any:
        """The lines that are not empty."""
        return [line.strip() for line in (self._input.value or "").splitlines() if line.strip()]


class JsonField(TextField):
    """Whatever no other field is made for, written as JSON."""

    def value(self) -> Any:
        """What the JSON says; what is no JSON is handed on, for the payload model to refuse."""
        text = (self._input.value or "").strip()
        try:
            return json.loads(text) if text else None
        except json.JSONDecodeError:
            return text


class PriorityField:
    """High, Medium or Low, as a group of radio buttons."""

    def __init__(self) -> None:
        self.value = Priority.MEDIUM.word
        self._buttons: dict[str, Node] = {}
        with Node("div", "", "form-field"):
            Node("div", "Priority", "label")
            with Node("div", "", "segmented", role="radiogroup", aria_label="Priority"):
                for priority in reversed(Priority):
                    self._buttons[priority.word] = self._button(priority.word)

    def _button(self, word: str) -> Node:
        checked = "true" if word == self.value else "false"
        node = Node("button", word.capitalize(), "", type="button", role="radio", aria_checked=checked)
        node.change(tabindex="0" if word == self.value else "-1")
        return node.on_press(lambda: self._choose(word))

    def _choose(self, word: str) -> None:
        self.value = word
        for name, node in self._buttons.items():
            node.change(aria_checked="true" if name == word else "false", tabindex="0" if name == word else "-1")


def field_for(name: str, model: type[BaseModel]) -> Field:
    """The field for one payload property, told by its schema; a default is filled in."""
    info: FieldInfo = model.model_fields[name]
    title = info.title or name.replace("_", " ").capitalize()
    field = _field(info, title, {"optional": not info.is_required(), "help_text": info.description or ""})
    if isinstance(info.default, str | int | float) and not isinstance(field, JsonField | LinesField):
        field.fill(info.default)
    return field


def _field(info: FieldInfo, title: str, common: dict[str, Any]) -> Field:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    kind = _without_none(info.annotation)
    if extra.get("choices") == "channels":
        return ChannelsField(title, **common)
    if extra.get("upload") == "image":
        return ImagesField(title, **common)
    if get_origin(kind) is Literal:
        return ChoiceField(title, choices=get_args(kind), **common)
    if kind is bool:
        return SwitchField(title, **common)
    if kind in (int, float):
        return NumberField(title, **common)
    if kind is str or extra.get("multiline") or _takes_text(info):
        return TextField(title, multiline=bool(extra.get("multiline")), **common)
    if get_origin(kind) is list and get_args(kind)[0] is str:
        return LinesField(title, multiline=True, **{**common, "help_text": common["help_text"] or "One a line"})
    return JsonField(title, multiline=True, **{**common, "help_text": common["help_text"] or "As JSON"})


def _takes_text(info: FieldInfo) -> bool:
    """Whether the payload reads one text itself, as addresses separated by commas."""
    return any(isinstance(part, BeforeValidator) for part in info.metadata)


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if get_origin(annotation) in (Union, UnionType) and len(kinds) == 1 else annotation
