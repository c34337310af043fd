"""Many jobs: which are selected, what may be done with them, and the words for it."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.finding import Criteria
from engine.views import OperationView
from models.states import Approval, Move, Status
from tests.ui.views import NOW, a_job
from ui.components.many import WISHES, Chosen, chosen_of, consequences, many, needs_question, progress, why_not
from ui.components.selection import Selection

PAGE = [replace(a_job(Status.FAILED), id=number) for number in range(1, 7)]


@pytest.fixture
def selection() -> Selection:
    return Selection(lambda: None)


def test_a_range_goes_from_the_box_that_was_ticked_before(selection: Selection) -> None:
    selection.tick("active", PAGE, 2, on=True)
    selection.tick("active", PAGE, 5, on=True, ranged=True)
    assert sorted(selection.jobs) == [2, 3, 4, 5]
    selection.tick("active", PAGE, 3, on=False, ranged=True)
    assert sorted(selection.jobs) == [2]


def test_what_was_selected_on_another_page_stays_selected(selection: Selection) -> None:
    selection.tick_page("active", PAGE[:3], on=True)
    selection.tick_page("active", PAGE[3:], on=True)
    selection.tick_page("active", PAGE[3:], on=False)
    assert sorted(selection.jobs) == [1, 2, 3]


def test_a_job_that_is_not_shown_cannot_be_ticked(selection: Selection) -> None:
    selection.tick("active", PAGE, 99, on=True)
    assert selection.is_empty


def test_out_of_everything_one_is_taken_by_hand(selection: Selection) -> None:
    selection.select_everything("active", Criteria(q="whale"), Chosen(Counter({Status.FAILED: 1000}), 0))
    assert selection.has("active", 77)
    assert not selection.has("completed", 77)
    selection.tick("active", PAGE, 4, on=False)
    assert selection.everything is None
    assert sorted(selection.jobs) == [1, 2, 3, 5, 6]


def test_another_question_lets_go_of_everything_and_keeps_what_was_taken_by_hand(selection: Selection) -> None:
    selection.tick("active", PAGE, 4, on=True)
    selection.forget_everything()
    assert sorted(selection.jobs) == [4]
    selection.select_everything("active", Criteria(), Chosen(Counter(), 0))
    selection.forget_everything()
    assert selection.is_empty


def test_what_is_selected_is_known_as_it_stands_by_now(selection: Selection) -> None:
    selection.tick("active", PAGE, 4, on=True)
    selection.update([replace(a_job(Status.COMPLETED), id=4), replace(a_job(), id=5)])
    assert selection.chosen().statuses == Counter({Status.COMPLETED: 1})


@pytest.mark.parametrize(
    ("move", "statuses", "reason"),
    [
        (Move.RETRY, {Status.FAILED: 1, Status.QUEUED: 4}, ""),
        (Move.RETRY, {Status.QUEUED: 4}, "None of them: only failed jobs can be retried"),
        (Move.RESUME, {Status.FAILED: 4}, "None of them: only paused jobs can be resumed"),
        (
            Move.CANCEL,
            {Status.COMPLETED: 4, Status.CANCELLED: 1},
            "None of them: jobs that are over cannot be cancelled",
        ),
        (Move.CANCEL, {Status.RUNNING: 1}, ""),
        (Move.APPROVE, {Status.QUEUED: 4}, "None of them: only jobs that need approval can be approved"),
        (Move.PRIORITIZE, {Status.PAUSED: 1}, ""),
    ],
)
def test_a_verb_that_fits_none_of_them_says_why(move: Move, statuses: dict[Status, int], reason: str) -> None:
    assert why_not(WISHES[move], Chosen(Counter(statuses), 0)) == reason


def test_jobs_that_need_approval_are_counted_among_those_that_wait() -> None:
    chosen = chosen_of([a_job(approval=Approval.PENDING), a_job(), a_job(Status.FAILED)])
    assert (chosen.total, chosen.pending, chosen.able(WISHES[Move.APPROVE])) == (3, 1, 1)


def test_a_cancel_of_many_says_how_many_of_which_kinds() -> None:
    numbers = Counter({Status.FAILED: 1180, Status.RUNNING: 24, Status.QUEUED: 2, Status.COMPLETED: 1})
    wish, chosen = WISHES[Move.CANCEL], Chosen(numbers, 0)
    assert chosen.told(wish) == "1,206 jobs"
    assert consequences(wish, chosen) == [
        "2 queued: will not run.",
        "24 running: will be stopped; what is already sent or published cannot be taken back.",
        "1,180 failed: will be dismissed, and cannot be retried any more.",
        "1 cannot be cancelled and is left as it is.",
    ]


def test_what_cannot_be_taken_back_asks_first_and_so_does_what_was_not_looked_at() -> None:
    assert [move for move in WISHES if needs_question(WISHES[move], is_everything=False)] == [Move.APPROVE, Move.CANCEL]
    assert all(needs_question(wish, is_everything=True) for wish in WISHES.values())


@pytest.mark.parametrize(
    ("number", "capped", "words"),
    [(1, False, "1 job"), (1204, False, "1,204 jobs"), (10_001, True, "10,000+ jobs")],
)
def test_a_number_of_jobs_in_words(number: int, capped: bool, words: str) -> None:
    assert many(number, capped=capped) == words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"done": 400, "refused": 12}, "Retrying 412 of 1,000"),
        ({"done": 400, "stop_asked": True}, "Stopping: Retrying 400 of 1,000"),
        ({"done": 1000, "finished_at": NOW}, "1,000 retried"),
        ({"done": 998, "refused": 2, "finished_at": NOW}, "998 retried, 2 left as they are"),
        ({"done": 10, "refused": 1, "finished_at": NOW}, "10 retried, 1 left as it is, stopped before 989"),
        ({"move": "pause", "undo_of": 4}, "Undoing 0 of 1,000"),
        (
            {"move": "prioritize", "arguments": {"priority": "high"}, "done": 1000, "finished_at": NOW},
            "1,000 set to high priority",
        ),
    ],
)
def test_an_operation_is_told_in_a_line(changes: dict[str, Any], said: str) -> None:
    view = OperationView(
        id=1,
        move="retry",
        arguments={},
        criteria=None,
        actor="local",
        created_at=NOW - timedelta(minutes=1),
        finished_at=None,
        stop_asked=False,
        total=1000,
        done=0,
        refused=0,
        undo_of=None,
        undone_by=None,
        undoable=False,
    )
    assert progress(replace(view, **changes)) == said
