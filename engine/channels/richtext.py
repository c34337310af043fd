"""Links, mentions and tags in a post's text, as the AT Protocol wants them (docs.bsky.app, "Rich text facets")."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from engine.channels.http import LINK, graphemes, trimmed

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HANDLE = rf"(?>(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)"
_MENTION = re.compile(rf"(?<![^\s(])@({_HANDLE})(?![\w@-])", re.IGNORECASE)
_TAG = re.compile(r"(?<![^\s(])[#＃](?!\ufe0f)(\S+)")  # noqa: RUF001 (the full-width sign starts a tag as well)
_LONGEST_TAG = 64  # graphemes


@dataclass(frozen=True)
class Feature:
    """A part of a text, from character `start` to before `end`, that is a link, a mention or a tag."""

    start: int
    end: int
    kind: str
    value: str

    def index(self, text: str) -> dict[str, int]:
        """Its place, counted in bytes of UTF-8."""
        return {"byteStart": len(text[: self.start].encode()), "byteEnd": len(text[: self.end].encode())}


def find_features(text: str) -> list[Feature]:
    """Every link, mention and tag in order; where two overlap, the first one stands."""
    features: list[Feature] = []
    for feature in sorted(_candidates(text), key=lambda found: found.start):
        if not features or feature.start >= features[-1].end:
            features.append(feature)
    return features


def _candidates(text: str) -> Iterator[Feature]:
    for found in LINK.finditer(text):
        link = trimmed(found.group())
        yield Feature(found.start(), found.start() + len(link), "link", link)
    for found in _MENTION.finditer(text):
        yield Feature(found.start(), found.end(), "mention", found[1].lower())
    for found in _TAG.finditer(text):
        tag = _without_last_punctuation(found[1])
        if tag and not tag.isdecimal() and graphemes(tag) <= _LONGEST_TAG:
            yield Feature(found.start(), found.start(1) + len(tag), "tag", tag)


def _without_last_punctuation(tag: str) -> str:
    while tag and unicodedata.category(tag[-1]).startswith("P"):
        tag = tag[:-1]
    return tag
