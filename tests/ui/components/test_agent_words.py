"""What the Agent Watcher says of agents and of what happens, and how it draws a day."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.activity import Item
from engine.statistics import AgentStats, Slot
from engine.watcher import AgentAtWork, AgentState, Done, Paused
from tests.ui.views import NOW
from ui.components.activity_words import Wanted, look, new_words
from ui.components.agent_words import (
    also_paused,
    done_words,
    meta_words,
    more_words,
    now_words,
    numbers,
    rate_words,
    span_words,
    summary,
)
from ui.components.sparkline import BARS, grouped, outlines

NO_STATS = AgentStats(0, 0, None, None)


def an_agent(**changes: Any) -> AgentAtWork:
    plain = AgentAtWork(
        key="mailer",
        name="Mailer",
        is_outside=False,
        state=AgentState.IDLE,
        paused=Paused.NOTHING,
        takes=(),
        running=0,
        places=None,
        seen_at=None,
        job_ids=(),
        in_hand=(),
        done=(),
        day=NO_STATS,
        week=NO_STATS,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("state", "paused", "words"),
    [
        (AgentState.WORKING, Paused.NOTHING, None),
        (AgentState.WORKING, Paused.EVERYTHING, "Paused"),
        (AgentState.IDLE, Paused.SOME, "Partly paused"),
        (AgentState.OFFLINE, Paused.EVERYTHING, "Paused"),
        (AgentState.PAUSED, Paused.EVERYTHING, None),
    ],
)
def test_being_paused_is_told_where_the_state_does_not_tell_it(
    state: AgentState, paused: Paused, words: str | None
) -> None:
    badge = also_paused(an_agent(state=state, paused=paused))
    assert (badge and badge.word) == words


def test_an_agent_with_nothing_in_hand_says_why() -> None:
    assert now_words(an_agent()) == "Waits for a job"
    assert now_words(an_agent(state=AgentState.OFFLINE)) == "The engine is offline"
    assert now_words(an_agent(state=AgentState.OFFLINE, is_outside=True)) == "Not heard of for a while"
    paused = an_agent(state=AgentState.PAUSED, paused=Paused.EVERYTHING)
    assert now_words(paused) == "Its jobs wait until it is resumed"


def test_what_it_has_in_hand_is_counted() -> None:
    assert meta_words(an_agent()) == "Built in"
    assert meta_words(an_agent(running=3)) == "Built in · 3 in hand"
    assert meta_words(an_agent(is_outside=True, running=1, places=4)) == "Outside agent · 1 of 4 in hand"
    assert more_words(an_agent(running=1204), 1) == "and 1,203 more"
    assert more_words(an_agent(running=1), 1) == ""


@pytest.mark.parametrize(
    ("attempts", "succeeded", "words"),
    [(0, 0, "–"), (3, 3, "100 %"), (3, 0, "0 %"), (3, 2, "67 %"), (100_000, 99_999, "99.9 %"), (100_000, 1, "0.1 %")],
)
def test_a_rate_never_says_all_or_nothing_where_that_is_not_so(attempts: int, succeeded: int, words: str) -> None:
    assert rate_words(AgentStats(attempts, succeeded, None, None)) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0.041, "41 ms"), (1.24, "1.2 s"), (41, "41 s"), (75, "1 min 15 s")]
)
def test_a_run_time_is_told_as_finely_as_it_is_known(seconds: float | None, words: str) -> None:
    assert span_words(None if seconds is None else timedelta(seconds=seconds)) == words


def test_numbers_have_names() -> None:
    stats = AgentStats(1500, 1485, timedelta(seconds=2), timedelta(seconds=9))
    assert dict(numbers(stats)) == {
        "Succeeded": "99 %",
        "Attempts": "1,500",
        "Median": "2.0 s",
        "95 % within": "9.0 s",
    }


def test_a_mark_is_told_in_words() -> None:
    done = Done(7, "Send email", "Numbers", "retrying", NOW - timedelta(minutes=3), timedelta(seconds=1))
    assert done_words(done, NOW) == "Send email: failed, to be tried again, 3 min ago"


def test_agents_are_counted_by_state_and_nobody_at_work_is_said() -> None:
    agents = [an_agent(), an_agent(), an_agent(state=AgentState.OFFLINE)]
    assert [(badge.word, number) for badge, number in summary(agents)] == [("Working", 0), ("Idle", 2), ("Offline", 1)]


def an_item(what: str = "job.started", **changes: Any) -> Item:
    return replace(Item(1, NOW, what, 7, "Send email", "Numbers", "EMAIL_SEND", "mailer", attempt=1), **changes)


def test_what_happened_is_told_in_words() -> None:
    assert look(an_item())[2] == "started"
    assert look(an_item(attempt=3))[2] == "started, attempt 3"
    assert look(an_item("job.failed")) == ("failed", "error", "failed")
    assert look(an_item("line", text="Half of it"))[2] == "Half of it"
    assert look(an_item("job.something_new"))[2] == "something new"


def test_everybody_sees_what_they_want() -> None:
    move, line, failure = an_item(), an_item("line"), an_item("job.failed", agent="agent-7")
    assert [Wanted().fits(item) for item in (move, line, failure)] == [True, True, True]
    assert [Wanted(kind="moves").fits(item) for item in (move, line, failure)] == [True, False, True]
    assert [Wanted(kind="lines").fits(item) for item in (move, line, failure)] == [False, True, False]
    assert [Wanted(kind="failures").fits(item) for item in (move, line, failure)] == [False, False, True]
    assert [Wanted("agent-7").fits(item) for item in (move, line, failure)] == [False, False, True]


def test_what_came_while_the_list_was_held_is_counted() -> None:
    assert new_words(0) == ""
    assert new_words(20, 7) == "27 new"


@pytest.mark.parametrize("many", [96, 168])
def test_a_picture_has_every_number_once(many: int) -> None:
    numbers_of = list(range(many))
    bars = grouped(numbers_of)
    assert len(bars) == BARS
    assert sum(bars) == sum(numbers_of[-(many // BARS) * BARS :])


def test_what_failed_stands_on_what_was_completed() -> None:
    slots = [Slot(NOW, 0, 0)] * 94 + [Slot(NOW, 1, 1), Slot(NOW, 0, 0)]
    completed, failed = outlines(slots)
    assert completed == "M141 13.0h2V24.0h-2z"
    assert failed == "M141 2.0h2V13.0h-2z"
    assert outlines([Slot(NOW, 0, 0)] * 96) == ("", "")
