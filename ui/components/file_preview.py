"""Kept files of a preview: pictures shown, sounds that play, anything else to be opened."""

from collections.abc import Sequence

from engine.jobs.preview import FilePreview
from ui.components.node import Node

PICTURES = ("png", "jpg", "gif", "webp")
SOUNDS = ("mp3", "wav", "ogg", "flac", "m4a")


def show_file(file: FilePreview) -> None:
    """A picture is shown, a sound plays, anything else can be opened."""
    ending = file.file.rpartition(".")[2]
    size = "stored no more" if file.size is None else _size(file.size)
    with Node("div", "", "file-preview"):
        if ending in PICTURES and file.size is not None:
            Node("img", "", "", src=address_of(file), alt=file.alt or file.name, loading="lazy")
        with Node("div", "", "file-name", data_icon="" if ending in PICTURES else "attach_file"):
            if file.size is None:
                Node("span", file.name)
            else:
                Node("a", file.name, "", href=address_of(file), target="_blank", rel="noopener", title=file.name)
            Node("span", size, "muted")
        if ending in SOUNDS and file.size is not None:
            label = f"Listen to {file.name}"
            Node("audio", "", "media-sound", controls=True, preload="metadata", src=address_of(file), aria_label=label)


def address_of(file: FilePreview) -> str:
    """Where a browser gets it."""
    return f"/api/v1/files/{file.file}"


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:,.0f} kB" if size < 1e6 else f"{size / 1e6:,.1f} MB"


def show_described(images: Sequence[FilePreview]) -> None:
    """Pictures with the words for people who cannot see them."""
    if not images:
        return
    with Node("div", "", "post-images"):
        for image in images:
            with Node("figure"):
                if image.size is None:
                    Node("p", f"{image.name} is stored no more", "fault-text")
                else:
                    Node("img", "", "", src=address_of(image), alt=image.alt, loading="lazy")
                Node("figcaption", f"Described as: {image.alt}" if image.alt else "It has no description")
