"""Markdown on a page: which pictures are shown, and as what."""

from html.parser import HTMLParser

import pytest

from ui.components.markdown import html_of

PICTURES = {"image:1": "ab.png", "chart.png": "cd.png"}


class Images(HTMLParser):
    """What a browser would show of pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a picture's attributes."""
        if tag == "img":
            self.found.append(dict(attrs))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("![Sales](image:1)", {"src": "/api/v1/files/ab.png", "alt": "Sales"}),
        ('![Sales](image:1 "In May")', {"src": "/api/v1/files/ab.png", "alt": "Sales", "title": "In May"}),
        ("![Sales](chart.png 'In \"May\"')", {"src": "/api/v1/files/cd.png", "alt": "Sales", "title": 'In "May"'}),
        ('![Sales][1]\n\n[1]: chart.png "In May"', {"src": "/api/v1/files/cd.png", "alt": "Sales", "title": "In May"}),
        ('![Spy](https://example.org/x.png "Hello")', {"src": "", "alt": "Spy", "title": "Hello"}),
    ],
)
async def test_a_picture_is_a_kept_file_with_its_title_or_none(written: str, shown: dict[str, str]) -> None:
    assert Images(await html_of(written, pictures=PICTURES)).found == [shown]
