"""What differs between two payloads: each field before and after, side by side, with the words that changed marked."""

import asyncio
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ui.components.node import Node
from ui.components.payload import label, words

MOST_WORDS = 300  # of lines that differ: comparing takes time that grows with its square, or faster
MOST_LINES = 2000
MOST_SHOWN = 60_000  # characters of a text that are shown
_WORDS = re.compile(r"[\w'’]+\s*|[^\w\s]\s*|\s+")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Piece:
    """A part of a text, and whether the other version lacks it."""

    text: str
    is_marked: bool


@dataclass(frozen=True)
class Change:
    """A field before and after; None for one that was not there."""

    field: str
    before: tuple[Piece, ...] | None
    after: tuple[Piece, ...] | None


async def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields that differ; compared beside the loop, as long texts take their time."""
    return tuple(await asyncio.to_thread(lambda: list(_changes(before, after))))


def show_changes(changes: tuple[Change, ...], *, nothing: str = "Nothing in its content") -> None:
    """Draw them."""
    if not changes:
        Node("p", nothing, "muted")
    for change in changes:
        with Node("div", "", "change", role="group", aria_label=f"{change.field}: before and after"):
            Node("div", change.field, "change-field")
            with Node("div", "", "change-sides"):
                _show_side("Before", "del", change.before)
                _show_side("After", "ins", change.after)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        if isinstance(was, str) and isinstance(is_now, str):
            yield Change(label(name), *_compared(was[:MOST_SHOWN], is_now[:MOST_SHOWN]))
        else:
            yield Change(label(name), _whole(was), _whole(is_now))


def _whole(value: Any) -> tuple[Piece, ...] | None:
    return None if value is None else (Piece(words(value)[:MOST_SHOWN], is_marked=True),)


def _compared(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Line by line, then word by word where lines differ."""
    former, later = _LINES.findall(before), _LINES.findall(after)
    if max(len(former), len(later)) > MOST_LINES:
        return (Piece(before, is_marked=True),), (Piece(after, is_marked=True),)
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, former, later).get_opcodes():
        was, is_now = "".join(former[a:b]), "".join(later[c:d])
        if kind == "equal":
            left.append(Piece(was, is_marked=False))
            right.append(Piece(is_now, is_marked=False))
        else:
            for side, pieces in zip((left, right), _word_by_word(was, is_now), strict=True):
                side += pieces
    return tuple(left), tuple(right)


def _word_by_word(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    former, later = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(former), len(later)) > MOST_WORDS:
        former, later = [before], [after]
    found = difflib.SequenceMatcher(None, former, later, autojunk=False).get_opcodes()
    left = [Piece("".join(former[a:b]), kind != "equal") for kind, a, b, _, _ in found if b > a]
    right = [Piece("".join(later[c:d]), kind != "equal") for kind, _, _, c, d in found if d > c]
    return left, right


def _show_side(title: str, tag: str, pieces: tuple[Piece, ...] | None) -> None:
    with Node("div", "", "change-side"):
        Node("span", title, "change-title")
        if pieces is None:
            Node("p", "—", "muted")
            return
        with Node("p", "", "change-text"):
            for piece in pieces:
                Node(tag if piece.is_marked else "span", piece.text)
