"""What a job made, shown as what it is: a film that plays, a picture, a sound, a document's first page."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from nicegui import ui

from engine.views import JobView
from ui.components.dialogs import dialog_frame
from ui.components.node import Node, button

FILMS, SOUNDS = ("mp4", "webm"), ("mp3", "wav", "ogg", "flac", "m4a")
PICTURES = ("png", "jpg", "jpeg", "webp", "gif")
PAGES = ("pdf", "html")
SHOWN_AS_MEDIA = frozenset({"files", "preview", "thumbnail", "alt"})
"""The members of a result that are shown as pictures and links, and need not be told in words."""


def artifact_url(job_id: int, name: str, *, view: bool = True) -> str:
    """Where a job's file is: to be looked at, or to be downloaded."""
    address = f"/api/v1/jobs/{job_id}/artifacts/{quote(name, safe='')}"
    return f"{address}?view=true" if view else address


def files_of(result: dict[str, Any] | None) -> list[str]:
    """The files that a result names; anything may have written it."""
    named = (result or {}).get("files")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def has_media(job: JobView) -> bool:
    """Whether there is more to see than words."""
    return any(_ending(name) in (*FILMS, *SOUNDS, *PICTURES, *PAGES) for name in files_of(job.result))


def plays(job: JobView) -> bool:
    """Whether it is a film or a sound."""
    return any(_ending(name) in (*FILMS, *SOUNDS) for name in files_of(job.result))


def show_media(job: JobView) -> None:
    """Draw everything that can be looked at."""
    names = files_of(job.result)
    preview = _named(job.result, "preview")
    captions = next((name for name in names if _ending(name) == "vtt"), None)
    for name in _of(names, FILMS):
        _film(job, name, preview, captions)
    for name in _of(names, SOUNDS):
        Node("audio", "", "media-sound", controls=True, preload="metadata", src=artifact_url(job.id, name))
    for name in _of(names, PICTURES):
        if name != preview or not _of(names, (*FILMS, *PAGES)):
            _picture(job, name)
    if pages := _of(names, PAGES):
        _document(job, pages, preview)


def open_media(job: JobView) -> None:
    """The same in a dialog of its own, which is gone when it is closed."""
    with ui.context.client.content, dialog_frame(job.name) as (dialog, body):
        with body, Node("div", "", "media"):
            show_media(job)
        with Node("div", "", "dialog-actions"):
            Node("a", "Open job", "button", href=f"/app/jobs/{job.id}")
            button("Close", "primary").props("autofocus").on_press(dialog.close)
    dialog.on("hide", dialog.delete)
    dialog.open()


def _film(job: JobView, name: str, preview: str | None, captions: str | None) -> None:
    poster = artifact_url(job.id, preview) if preview else None
    film = Node("video", "", "media-film", controls=True, playsinline=True, preload="metadata", aria_label=job.name)
    film.change(src=artifact_url(job.id, name), poster=poster)
    if captions:
        with film:
            Node("track", "", "", kind="captions", label="Captions", src=artifact_url(job.id, captions))


def _picture(job: JobView, name: str) -> None:
    told = _named(job.result, "alt") or f"{job.name}: {name}"
    with Node("a", "", "media-picture", href=artifact_url(job.id, name), target="_blank", rel="noopener"):
        Node("img", "", "", src=artifact_url(job.id, name), alt=told, loading="lazy")


def _document(job: JobView, pages: Sequence[str], preview: str | None) -> None:
    main = pages[0]
    if preview:
        with Node("a", "", "media-page", href=artifact_url(job.id, main), target="_blank", rel="noopener"):
            Node("img", "", "", src=artifact_url(job.id, preview), alt=f"The first page of {job.name}", loading="lazy")
    with Node("div", "", "buttons"):
        for name in pages:
            label = f"Open {_ending(name).upper()}"
            Node("a", label, "button", href=artifact_url(job.id, name), target="_blank", rel="noopener")


def _of(names: Sequence[str], endings: Sequence[str]) -> list[str]:
    return [name for name in names if _ending(name) in endings]


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _named(result: dict[str, Any] | None, key: str) -> str | None:
    value = (result or {}).get(key)
    return value if isinstance(value, str) and value else None
