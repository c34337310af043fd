"""A job drawn as what it will be: the mail as it is read, the post on each channel, the scenes, the text, the call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import StorageFault
from engine.jobs.preview import (
    CallPreview,
    CardPreview,
    DocumentPreview,
    FieldsPreview,
    FilmPreview,
    MailPreview,
    PostPreview,
    Preview,
    ScenePreview,
    TaskPreview,
)
from engine.queries import Queries
from engine.views import JobView
from ui.components.file_preview import address_of, show_described, show_file
from ui.components.markdown import html_of, show_html
from ui.components.node import Node
from ui.components.payload import show_payload

FEW_ADDRESSES = 12  # that are shown at once; the others are a press away
FEW_SCENES = 60


@dataclass(frozen=True)
class Prepared:
    """A preview with its Markdown as HTML; `fault` is why there is none."""

    preview: Preview | None
    html: str = ""
    fault: str = ""


async def prepared(queries: Queries, job: JobView) -> Prepared:
    """What the job will be, ready to be drawn."""
    try:
        preview = await queries.preview(job)
    except StorageFault as error:
        return Prepared(FieldsPreview(job.payload), fault=f"Its files cannot be shown just now: {error}")
    match preview:
        case MailPreview():
            return Prepared(preview, await html_of(preview.body, breaks=True))
        case DocumentPreview():
            return Prepared(preview, await html_of(preview.body, title=preview.title, pictures=preview.pictures))
        case _:
            return Prepared(preview)


def show_preview(made: Prepared) -> None:
    """Draw it."""
    if made.fault:
        Node("p", made.fault, "fault-text")
    match made.preview:
        case MailPreview() as mail:
            _mail(mail, made.html)
        case PostPreview() as post:
            _post(post)
        case CallPreview() as call:
            _call(call)
        case FilmPreview() as film:
            _film(film)
        case CardPreview() as card:
            _card(card)
        case DocumentPreview() as document:
            _document(document, made.html)
        case TaskPreview() as task:
            _task(task)
        case FieldsPreview() as fields:
            _fields(fields.values)


# -- mail ----------------------------------------------------------------------------------------------------


def _mail(mail: MailPreview, html: str) -> None:
    with Node("div", "", "sheet mail"):
        with Node("div", "", "mail-head"):
            Node("h3", mail.subject, "mail-subject")
            with Node("dl", "", "mail-facts"):
                _fact("From", mail.sender)
                for name, addresses in (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc)):
                    if addresses:
                        Node("dt", name)
                        _addresses(addresses)
            people = "1 person gets this" if mail.recipients == 1 else f"{mail.recipients} people get this"
            hidden = f", {len(mail.bcc)} of them unseen by the others" if mail.bcc and mail.recipients > 1 else ""
            where = "" if mail.server else " No mail server is set: it will be put into the outbox."
            Node("p", f"{people}{hidden}.{where}", "reach", data_icon="group")
        show_html(html)
        if mail.attachments:
            with Node("div", "", "files-strip"):
                for file in mail.attachments:
                    show_file(file)


def _addresses(addresses: Sequence[str]) -> None:
    with Node("dd"):
        Node("span", ", ".join(addresses[:FEW_ADDRESSES]))
        if further := addresses[FEW_ADDRESSES:]:
            with Node("details", "", "more-addresses"):
                Node("summary", f"and {len(further)} more")
                Node("span", ", ".join(further))


# -- posts ---------------------------------------------------------------------------------------------------


def _post(post: PostPreview) -> None:
    with Node("div", "", "stack"):
        for channel in post.channels:
            with Node("div", "", "sheet post-card", role="group", aria_label=f"On {channel.channel}"):
                with Node("div", "", "post-head"):
                    Node("strong", channel.channel, "", data_icon="campaign")
                    Node("span", " · ".join(part for part in (channel.kind, channel.account) if part), "muted")
                    _length(channel.length, channel.limit, is_wrong=bool(channel.fault))
                Node("p", post.text, "post-text", dir="auto")
                show_described(post.images)
                if channel.fault:
                    Node("p", channel.fault, "fault-text")


def _length(length: int | None, limit: int | None, *, is_wrong: bool) -> None:
    if length is None:
        return
    text = f"{length:,} of {limit:,} characters" if limit else f"{length:,} characters"
    Node("span", text, "post-length wrong" if is_wrong else "post-length")


# -- films, cards and documents ------------------------------------------------------------------------------


def _film(film: FilmPreview) -> None:
    with Node("div", "", "stack"):
        told = f"{film.seconds:g} s · {len(film.scenes)} scenes · {film.width} × {film.height}"
        captions = "captions burnt in" if film.captions else "no captions in the picture"
        Node("p", f"{film.title or 'A film'} · {told} · {captions}", "muted")
        for sound in film.sounds:
            show_file(sound)
        with Node("ol", "", "scenes"):
            for number, scene in enumerate(film.scenes[:FEW_SCENES], 1):
                _scene(number, scene, film.width / film.height)


def _scene(number: int, scene: ScenePreview, shape: float) -> None:
    with Node("li", "", "scene"):
        style = f"background: {scene.ground}; color: {scene.ink}; aspect-ratio: {shape:.4f}"
        with Node("div", "", "scene-frame tall" if shape < 1 else "scene-frame", style=style):
            if scene.image and scene.image.size is not None:
                Node("img", "", "", src=address_of(scene.image), alt="", loading="lazy")
            if scene.text:
                Node("span", scene.text, "scene-text on-picture" if scene.image else "scene-text", dir="auto")
        with Node("div", "", "scene-words"):
            Node("span", f"Scene {number} · {scene.seconds:g} s · {scene.transition}", "muted")
            if scene.caption:
                Node("p", scene.caption, "text-block", dir="auto")


def _card(card: CardPreview) -> None:
    with Node("div", "", "stack"):
        shape = card.width / card.height
        style = f"background: {card.ground}; color: {card.ink}; aspect-ratio: {shape:.4f}"
        with Node("div", "", "card-frame tall" if shape < 0.9 else "card-frame", style=style):
            if card.label:
                Node("span", card.label, "card-label", style=f"color: {card.accent}")
            Node("span", card.headline, "card-headline", dir="auto")
            if card.subline:
                Node("span", card.subline, "card-subline", dir="auto")
        Node("p", "The words and colours as they will be; the template draws them in its own way.", "muted")
        if card.pictures:
            with Node("div", "", "files-strip"):
                for picture in card.pictures:
                    show_file(picture)
        _facts(card.facts)


def _document(document: DocumentPreview, html: str) -> None:
    with Node("div", "", "stack"):
        _facts(document.facts)
        with Node("div", "", "sheet"):
            Node("h3", document.title, "mail-subject")
            show_html(html)


# -- the rest ------------------------------------------------------------------------------------------------


def _call(call: CallPreview) -> None:
    with Node("div", "", "stack"):
        with Node("div", "", "sheet call"):
            with Node("p", "", "call-line"):
                Node("strong", call.method, "call-method")
                Node("span", call.url, "mono")
            if call.headers:
                with Node("dl", "", "call-headers mono"):
                    for name, value in call.headers:
                        _fact(name, value)
            if call.body:
                Node("p", call.body, "text-block mono", dir="auto")
        Node(
            "p", f"A success is the status {call.expect}. Secrets stand by their names and are filled in last.", "muted"
        )


def _task(task: TaskPreview) -> None:
    with Node("div", "", "stack"):
        with Node("div", "", "sheet"):
            Node("p", task.goal, "text-block goal", dir="auto")
        with Node("div", "", "chips"):
            Node("span", "Tools", "muted")
            for tool in task.tools or ("none",):
                Node("span", tool, "chip")
        _facts(task.budget)
        if task.warning:
            Node("p", task.warning, "warning-text", data_icon="warning")


def _fields(values: Mapping[str, object]) -> None:
    if values:
        show_payload(dict(values))
    else:
        Node("p", "It has no fields: what it does is what its type does.", "muted")


def _facts(facts: Sequence[tuple[str, str]]) -> None:
    with Node("dl", "", "facts payload"):
        for name, value in facts:
            _fact(name, value)


def _fact(name: str, value: str) -> None:
    Node("dt", name)
    Node("dd", value)
