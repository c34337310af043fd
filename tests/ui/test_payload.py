"""Payloads and results as people read them."""

from typing import Any

import pytest

from ui.components.payload import label, words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<b>text</b>", "<b>text</b>"),
        (True, "yes"),
        (False, "no"),
        (None, "—"),
        (12, "12"),
        (["a@b.example", "c@d.example"], "a@b.example, c@d.example"),
        ([], "—"),
        ({"file": "x.png", "alt": "A meadow"}, "picture: A meadow"),
        ({"file": "0123.pdf", "name": "Report.pdf"}, "Report.pdf"),
        ({"file": f"{'0123456789abcdef' * 4}.mp3"}, "01234567….mp3"),
        ({"a@b.example": "550 no such user"}, "A@b.example: 550 no such user"),
        ([{"channel": "feed", "url": "/posts/1"}], "Channel: feed; Url: /posts/1"),
    ],
)
def test_a_value_is_told_in_words(value: Any, shown: str) -> None:
    assert words(value) == shown


def test_a_field_is_named_for_people() -> None:
    assert label("message_id") == "Message id"
