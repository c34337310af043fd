"""What differs between two payloads."""

import asyncio

import pytest

from tests.support.growth import growth
from ui.components.changes import Change, Piece, changes_between


def marked(pieces: tuple[Piece, ...] | None) -> list[str]:
    """The parts that the other version lacks."""
    return [piece.text for piece in pieces or () if piece.is_marked]


async def test_of_a_text_only_the_words_that_differ_are_marked_and_the_rest_is_whole() -> None:
    before, after = "Dear Ada,\nhere are the old numbers.\nMira", "Dear Ada,\nhere are the new numbers.\nMira"
    [change] = await changes_between({"body": before, "to": ["a@b.example"]}, {"body": after, "to": ["a@b.example"]})
    assert change.field == "Body"
    assert (marked(change.before), marked(change.after)) == (["old "], ["new "])
    assert "".join(piece.text for piece in change.before or ()) == before
    assert "".join(piece.text for piece in change.after or ()) == after


async def test_anything_else_is_told_before_and_after_and_what_is_new_or_gone_too() -> None:
    found = await changes_between({"to": ["a@b.example"], "cc": ["x@b.example"]}, {"to": ["c@d.example"], "hour": 9})
    assert found == (
        Change("To", (Piece("a@b.example", is_marked=True),), (Piece("c@d.example", is_marked=True),)),
        Change("Cc", (Piece("x@b.example", is_marked=True),), None),
        Change("Hour", None, (Piece("9", is_marked=True),)),
    )


@pytest.mark.parametrize(("before", "after"), [("a b a b ", "b a b a "), ("x\nx\n", "x\ny\n")])
def test_what_would_take_long_to_compare_is_not_compared_word_by_word(before: str, after: str) -> None:
    def compare(times: int) -> None:
        [change] = asyncio.run(changes_between({"body": before * times}, {"body": after * times}))
        assert marked(change.after)

    assert growth(compare, 1000, 10_000) < 40, "ten times as much takes ten times as long, not a hundred times"
