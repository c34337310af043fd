"""The built-in feed for readers: Atom (RFC 4287) at /feed.xml, and each post's own page."""

from datetime import UTC, datetime
from html import escape
from xml.etree import ElementTree as Xml

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from api.downloads import file_response
from api.plain import plain_page
from engine import files
from engine.engine import Atlas
from engine.views import FeedPost

ATOM = "http://www.w3.org/2005/Atom"
TITLE_LENGTH = 80


def feed_routes(atlas: Atlas) -> APIRouter:
    """The feed, its posts and their images."""
    router = APIRouter(include_in_schema=False)

    @router.get("/feed.xml")
    async def feed(request: Request) -> Response:
        """The newest posts."""
        base = str(request.base_url).rstrip("/")
        document = atom(await atlas.queries.feed(), base)
        return Response(document, media_type="application/atom+xml")

    @router.get("/feed/{entry_id}")
    async def post(entry_id: str) -> HTMLResponse:
        """One post as a page."""
        return page(await atlas.queries.feed_post(entry_id))

    @router.get("/feed/files/{name}")
    async def image(name: str, request: Request) -> Response:
        """An image of a post."""
        file = await atlas.downloads.image(name)
        return file_response(atlas, file, request, media_type=files.media_type(name))

    return router


def atom(entries: list[FeedPost], base: str) -> bytes:
    """The feed document; text is only ever text."""
    Xml.register_namespace("", ATOM)
    feed = Xml.Element(f"{{{ATOM}}}feed")
    updated = max((entry.published_at for entry in entries), default=datetime(1970, 1, 1, tzinfo=UTC))
    _add(feed, "id", f"{base}/feed.xml")
    _add(feed, "title", "Job Runner")
    _add(feed, "updated", updated.isoformat())
    _add(feed, "link", rel="self", href=f"{base}/feed.xml")
    for entry in entries:
        _add_entry(feed, entry, base)
    document: bytes = Xml.tostring(feed, encoding="utf-8", xml_declaration=True)
    return document


def page(entry: FeedPost) -> HTMLResponse:
    """A post as a small page of its own."""
    title = _title(entry.text)
    return plain_page(
        title,
        f'<h1 class="visually-hidden">{escape(title)}</h1><article class="post">{_html(entry, "")}'
        f"<footer><time>{entry.published_at:%Y-%m-%d %H:%M} UTC</time> · {escape(entry.channel)} · "
        '<a href="/feed.xml">Feed</a></footer></article>',
    )


def _add_entry(feed: Xml.Element, entry: FeedPost, base: str) -> None:
    node = Xml.SubElement(feed, f"{{{ATOM}}}entry")
    _add(node, "id", f"urn:uuid:{entry.id}")
    _add(node, "title", _title(entry.text))
    _add(node, "updated", entry.published_at.isoformat())
    _add(node, "published", entry.published_at.isoformat())
    _add(node, "link", rel="alternate", type="text/html", href=f"{base}/feed/{entry.id}")
    _add(Xml.SubElement(node, f"{{{ATOM}}}author"), "name", entry.channel)
    _add(node, "content", _html(entry, base), type="html")


def _add(parent: Xml.Element, tag: str, text: str | None = None, **attributes: str) -> None:
    node = Xml.SubElement(parent, f"{{{ATOM}}}{tag}", attributes)
    node.text = _printable(text) if text is not None else None


def _printable(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))


def _title(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else "Post"
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1]}…"


def _html(entry: FeedPost, base: str) -> str:
    paragraphs = "".join(
        f"<p>{'<br>'.join(_linked(line) for line in block.splitlines())}</p>" for block in entry.text.split("\n\n")
    )
    images = "".join(
        f'<p><img src="{base}/feed/files/{escape(image["file"])}" alt="{escape(image["alt"])}"></p>'
        for image in entry.images
    )
    return paragraphs + images


def _linked(line: str) -> str:
    words = line.split(" ")
    return " ".join(_link(word) if word.startswith(("https://", "http://")) else escape(word) for word in words)


def _link(word: str) -> str:
    url = word.rstrip(".,;:!?)»\"'")
    return f'<a href="{escape(url)}" rel="nofollow">{escape(url)}</a>{escape(word[len(url) :])}'
