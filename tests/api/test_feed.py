"""The built-in feed: valid Atom, in which text is only ever text."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from api.feed import ATOM, atom, page
from engine.views import FeedPost
from tests.conftest import new_database
from tests.support.server import JobRunner

pytestmark = pytest.mark.either
NASTY = 'Look: <script>alert("x")</script> & "quotes" ]]> \x00\x0b\ufffe 👩‍👩‍👧 https://example.org/?a=1&b="2"><img>'


def posted(text: str, *, alt: str = "A chart") -> FeedPost:
    images = ({"file": f"{'0' * 64}.png", "alt": alt},)
    return FeedPost("11111111-1111-4111-8111-111111111111", "feed", text, images, datetime(2026, 11, 23, tzinfo=UTC))


def tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def text_of(element: Xml.Element, name: str) -> str:
    found = element.find(tag(name))
    assert found is not None, name
    return found.text or ""


def test_the_feed_has_what_atom_demands_of_a_feed_and_its_entries() -> None:
    feed = Xml.fromstring(atom([posted("Hello\nWorld")], "https://jobs.example"))  # noqa: S314 (our own document)
    assert feed.tag == tag("feed")
    assert text_of(feed, "id") == "https://jobs.example/feed.xml"
    assert text_of(feed, "updated") == "2026-11-23T00:00:00+00:00"
    (entry,) = feed.findall(tag("entry"))
    assert text_of(entry, "id") == "urn:uuid:11111111-1111-4111-8111-111111111111"
    assert (text_of(entry, "title"), text_of(entry, "updated")) == ("Hello", "2026-11-23T00:00:00+00:00")
    link, author = entry.find(tag("link")), entry.find(tag("author"))
    assert link is not None
    assert author is not None
    assert link.get("href") == "https://jobs.example/feed/11111111-1111-4111-8111-111111111111"
    assert text_of(author, "name") == "feed"


def test_a_feed_without_posts_is_valid_too() -> None:
    feed = Xml.fromstring(atom([], "https://jobs.example"))  # noqa: S314 (our own document)
    assert text_of(feed, "updated")
    assert feed.findall(tag("entry")) == []


def test_html_in_a_post_is_shown_and_never_run() -> None:
    post = posted(NASTY, alt='"><script>alert(2)</script>')
    feed = Xml.fromstring(atom([post], "https://jobs.example"))  # noqa: S314 (our own document)
    (entry,) = feed.findall(tag("entry"))
    for html in (text_of(entry, "content"), bytes(page(post).body).decode()):
        assert "<script" not in html
        assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in html
        assert "<img>" not in html
        assert 'href="https://example.org/?a=1&amp;b=&quot;2&quot;&gt;&lt;img&gt;"' in html


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:alert(1)"])
def test_only_web_addresses_become_links(text: str) -> None:
    assert f'href="{text}' not in bytes(page(posted(text)).body).decode()


@pytest.mark.parametrize("text", [" ", "\n\n", "\x00", "x" * 5000])
def test_any_text_makes_a_valid_feed(text: str) -> None:
    Xml.fromstring(atom([posted(text)], "https://jobs.example"))  # noqa: S314 (our own document)


@pytest.fixture(scope="module")
def server(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    """One whose feed has one post, with an image."""
    folder = tmp_path_factory.mktemp("feed") / "data"
    with new_database(kind, request, folder) as url, JobRunner(folder, POLL_SECONDS=0.1, DATABASE_URL=url) as running:
        image = {"data": "iVBORw0KGgoAAAAA", "alt": "A chart"}
        job_id = running.submit(
            "SOCIAL_POST", {"text": NASTY.partition("\x00")[0], "channels": ["feed"], "images": [image]}
        )
        running.until(job_id, "completed")
        yield running


def test_a_published_post_is_in_the_feed_and_has_a_page_and_its_image(server: JobRunner) -> None:
    answer = server.http.get("/feed.xml")
    assert answer.headers["content-type"] == "application/atom+xml"
    (entry,) = Xml.fromstring(answer.content).findall(tag("entry"))  # noqa: S314 (our own document)
    link = entry.find(tag("link"))
    assert link is not None
    own = server.http.get(str(link.get("href")))
    assert own.status_code == 200
    assert "<script" not in own.text
    image = own.text.partition('<img src="')[2].partition('"')[0]
    picture = server.http.get(image)
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")


def test_a_post_that_does_not_exist_is_a_404(server: JobRunner) -> None:
    assert server.http.get("/feed/nothing").status_code == 404


@pytest.mark.parametrize("name", ["..%2fsecret.key", "..", "%2e%2e/secret.key", "x" * 300, "nothing.png", ".hidden"])
def test_no_name_leads_out_of_the_feeds_images(server: JobRunner, name: str) -> None:
    answer = server.raw(f"GET /feed/files/{name} HTTP/1.1")
    assert answer.startswith("HTTP/1.1 404 "), answer
    assert Path(server.data_dir / "secret.key").read_text() not in answer
