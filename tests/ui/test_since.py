"""An event that remembers since when it is set, by which the pages' lag is told."""

from time import monotonic

from ui.since import Since


def test_what_is_set_again_stays_set_since_the_first_time_until_it_is_cleared() -> None:
    event = Since()
    event.set()
    first = event.at
    event.set()
    assert event.at == first <= monotonic()
    event.clear()
    while monotonic() == first:
        pass
    event.set()
    assert event.at > first
