"""What differs between two payloads."""

from time import perf_counter

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


async def test_what_would_take_long_to_compare_is_not_compared_word_by_word() -> None:
    begun = perf_counter()
    for before, after in (("a b " * 20_000, "b a " * 20_000), ("x\n" * 20_000, "x\ny\n" * 10_000)):
        [change] = await changes_between({"body": before}, {"body": after})
        assert marked(change.after)
    assert perf_counter() - begun < 1
