"""Where the next attempts may run."""

import pytest

from engine.places import Places, here, on_workers
from models.message import Worker

ALL = frozenset({"MAIL", "VIDEO"})
VIDEO = frozenset({"VIDEO"})


@pytest.mark.parametrize(
    ("types", "elsewhere", "free", "places"),
    [
        (["MAIL", "VIDEO"], [], 3, Places({"MAIL": 3, "VIDEO": 3}, 3)),  # no worker: everything here
        (["MAIL", "VIDEO"], VIDEO, 3, Places({"MAIL": 3}, 3)),  # what a worker runs is left to it
        (["MAIL", "VIDEO"], ALL, 3, Places({}, 0)),
        (["MAIL"], [], 0, Places({"MAIL": 0}, 0)),  # every slot is busy
    ],
)
def test_an_engine_begins_what_no_worker_runs(
    types: list[str], elsewhere: frozenset[str], free: int, places: Places
) -> None:
    assert here(types, elsewhere, free) == places


@pytest.mark.parametrize(
    ("workers", "on_the_way", "ahead", "places"),
    [
        ([], {}, 0, Places({}, 0)),
        ([Worker(ALL, 2)], {}, 0, Places({"MAIL": 2, "VIDEO": 2}, 2)),
        ([Worker(ALL, 2), Worker(VIDEO, 3)], {}, 0, Places({"MAIL": 2, "VIDEO": 5}, 5)),
        ([Worker(ALL, 2)], {"MAIL": 1}, 0, Places({"MAIL": 1, "VIDEO": 2}, 1)),  # one is on its way already
        ([Worker(ALL, 1)], {"MAIL": 1}, 0, Places({"VIDEO": 1}, 0)),
        ([Worker(ALL, 0)], {"MAIL": 5}, 0, Places({}, 0)),  # more on the way than there are places
        ([Worker(ALL, 0)], {}, 3, Places({"MAIL": 3, "VIDEO": 3}, 3)),  # three will be free in a moment
    ],
)
def test_workers_are_sent_what_they_have_places_for(
    workers: list[Worker], on_the_way: dict[str, int], ahead: int, places: Places
) -> None:
    assert on_workers(workers, on_the_way, ahead) == places
