"""Files in a form: chosen from this computer, or named by the job that made them."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui import events, ui

from engine import files
from ui.components.fields import Field
from ui.components.node import Node, button, icon_button

MAX_BYTES = 5_500_000  # as base64 it must fit in one request; what is larger comes from another job


@dataclass(frozen=True)
class Kind:
    """What a field takes: the words on its button, and how many; without endings any file, under its name."""

    word: str
    endings: frozenset[str] | None
    many: bool = False


KINDS = {
    "files": Kind("Attach files", None, many=True),
    "pictures": Kind("Add pictures", files.IMAGES, many=True),
    "picture": Kind("Add a picture", files.IMAGES),
    "sound": Kind("Add a sound file", files.SOUNDS),
}


class FilesField(Field):
    """One file, or several in their order; each is uploaded, or the file of an earlier job as in 12/card.png."""

    def __init__(self, title: str, *, kind: Kind, **more: Any) -> None:
        self._kind, self._title = kind, title
        self._chosen: list[tuple[dict[str, str], Node]] = []
        super().__init__(title, **more)

    def _build(self, target: str) -> Any:
        self._list = Node("div", "", "upload-list")
        upload = ui.upload(on_upload=self._on_upload, auto_upload=True, multiple=True, max_file_size=MAX_BYTES)
        if self._kind.endings:
            accepted = ",".join(f".{ending}" for ending in sorted(self._kind.endings))
            upload.props(f'accept="{accepted}"')
        with Node("div", "", "upload-ways"):
            # The library's uploader is no button to assistive technology; this one is, and asks it for files.
            label = f"{self._kind.word}: {self._title}"
            add = button(self._kind.word, "", "attach_file", id=target, aria_label=label)
            add.on("click", js_handler=f"() => runMethod({upload.id}, 'pickFiles', [])")
            named_file(f"{self._title} from a job", self._on_named)
        upload.on("rejected", lambda: self.show_fault(f"{self._words()} of at most {MAX_BYTES:,} bytes"))
        return upload

    def _words(self) -> str:
        return f"It must be one of {', '.join(sorted(self._kind.endings or ()))}"

    def _on_named(self, name: str) -> None:
        self._add({"artifact": name}, name)

    async def _on_upload(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        self._input.run_method("removeUploadedFiles")  # a reset would end the uploads that are still under way
        if len(content) > MAX_BYTES:
            self.show_fault(f"{event.file.name} must have at most {MAX_BYTES:,} bytes, not {len(content):,}")
        elif self._kind.endings and files.kind_of(content) not in self._kind.endings:
            self.show_fault(f"{event.file.name}: {self._words().lower()}")
        else:
            name = {} if self._kind.endings else {"name": event.file.name}
            self._add({"data": base64.b64encode(content).decode(), **name}, event.file.name)

    def _add(self, given: dict[str, str], name: str) -> None:
        self.show_fault("")
        if not self._kind.many:
            for entry in list(self._chosen):
                self._remove(entry)
        number = f"{len(self._chosen) + 1}. " if self._kind.many else ""
        with self._list, Node("div", "", "list-row") as row:
            Node("span", f"{number}{name}", "grow", title=name)
            entry = (given, row)
            icon_button(f"Remove {name}", "close").on_press(lambda: self._remove(entry))
        self._chosen.append(entry)

    def _remove(self, entry: tuple[dict[str, str], Node]) -> None:
        if entry in self._chosen:
            self._chosen.remove(entry)
            entry[1].delete()

    def value(self) -> Any:
        """The files as the payload wants them; None for one that is left out."""
        given = [each for each, _ in self._chosen]
        return given if self._kind.many else next(iter(given), None)

    def fill(self, value: Any) -> None:
        """Begin with these stored files."""
        given = value if isinstance(value, list) else [value]
        for number, each in enumerate((each for each in given if isinstance(each, dict)), 1):
            self._add(each, str(each.get("name") or each.get("artifact") or f"{self._title} {number}"))

    def focus(self) -> None:
        """The fault is announced; there is no one input to go to."""


def named_file(label: str, on_name: Callable[[str], None]) -> None:
    """A place to write the file of an earlier job, as 12/card.png; it is taken by Enter, or by going elsewhere."""
    named = ui.input(placeholder="or a job’s file: 12/card.png").props("outlined dense").classes("grow")
    named.props["aria-label"] = label

    def take() -> None:
        if text := (named.value or "").strip():
            named.set_value("")
            on_name(text)

    named.on("keydown.enter.prevent", take)
    named.on("blur", take)
