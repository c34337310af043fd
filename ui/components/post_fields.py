"""What a post's form has and others have not: the channels to choose from, and pictures with descriptions."""

import base64
from typing import Any

from nicegui import events, ui

from engine.engine import Atlas
from engine.jobs.social_post import MAX_IMAGE_BYTES, MAX_IMAGES
from ui.components.fields import Field
from ui.components.file_fields import named_file
from ui.components.node import Node, button, icon_button


class ChannelsField(Field):
    """Any of the connected channels."""

    def _build(self, target: str) -> Any:
        return ui.select([], multiple=True, value=[]).props(f"outlined dense use-chips for={target}")

    def fill(self, value: Any) -> None:
        """Begin with these; one that is not connected any more is shown, and refused."""
        self._input.set_options(sorted({*self._input.options, *value}), value=value)

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
        self._images: list[tuple[dict[str, str], Any, Node]] = []
        super().__init__(title, **more)

    def _build(self, target: str) -> Any:
        self._list = Node("div", "", "upload-list")
        upload = ui.upload(on_upload=self._on_upload, auto_upload=True, multiple=True, max_file_size=MAX_IMAGE_BYTES)
        upload.props('accept="image/png,image/jpeg,image/gif,image/webp"')
        with Node("div", "", "upload-ways"):
            # The library's uploader is no button to assistive technology; this one is, and asks it for files.
            add = button("Add images", "", "add_photo_alternate", id=target, aria_label="Add images")
            add.on("click", js_handler=f"() => runMethod({upload.id}, 'pickFiles', [])")
            named_file("Image from a job", self._on_named)
        upload.on(
            "rejected",
            lambda: self.show_fault(f"Images must be pictures of at most {MAX_IMAGE_BYTES:,} bytes"),
        )
        return upload

    def _on_named(self, name: str) -> None:
        self._add({"artifact": name}, name)

    async def _on_upload(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        self._input.run_method("removeUploadedFiles")  # a reset would end the uploads that are still under way
        if len(content) > MAX_IMAGE_BYTES:
            self.show_fault(
                f"Images must have at most {MAX_IMAGE_BYTES:,} bytes, {event.file.name} has {len(content):,}"
            )
            return
        self._add({"data": base64.b64encode(content).decode()}, event.file.name)

    def _add(self, given: dict[str, str], name: str, described: str = "") -> None:
        if len(self._images) >= MAX_IMAGES:
            self.show_fault(f"Images must be at most {MAX_IMAGES}; {name} is left out")
            return
        self.show_fault("")
        with self._list, Node("div", "", "list-row") as row:
            alt = ui.input(value=described, placeholder=f"Describe {name} for people who cannot see it")
            alt.props("outlined dense").classes("grow").props["aria-label"] = f"Description of {name}"
            entry = (given, alt, row)
            icon_button(f"Remove {name}", "close").on_press(lambda: self._remove(entry))
        self._images.append(entry)

    def _remove(self, entry: tuple[dict[str, str], Any, Node]) -> None:
        self._images.remove(entry)
        entry[2].delete()

    def value(self) -> Any:
        """Each picture with its description."""
        return [{**given, "alt": alt.value or ""} for given, alt, _ in self._images]

    def fill(self, value: Any) -> None:
        """Begin with these stored pictures."""
        for number, each in enumerate(value, 1):
            alt = str(each.get("alt", ""))
            self._add({name: text for name, text in each.items() if name != "alt"}, f"image {number}", alt)

    def focus(self) -> None:
        """The fault is announced; there is no one input to go to."""
