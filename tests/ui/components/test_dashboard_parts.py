"""What the home screen says in words."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.causes import CauseView
from engine.views import AgentView, ChannelView, EngineState
from ui.components.causes import address, consequences, criteria
from ui.components.chart import rate
from ui.components.engine_panel import processes, slots
from ui.components.getting_started import steps_done

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CAUSE = CauseView("EMAIL_SEND", "the server said “no” & 100 % more", 5, 5, NOW, NOW, 9)


@pytest.mark.parametrize(
    ("completed", "failed", "words"),
    [
        (0, 0, "Nothing ended"),
        (5, 0, "0 % failed"),
        (0, 3, "100 % failed"),
        (2, 1, "33.3 % failed"),
        (999, 1, "0.1 % failed"),
    ],
)
def test_the_failure_rate_is_of_what_ended(completed: int, failed: int, words: str) -> None:
    assert rate(completed, failed) == words


def test_a_cause_leads_to_just_its_jobs() -> None:
    asked = criteria(CAUSE)
    assert (asked.types, asked.cause, list(asked.statuses)) == (("EMAIL_SEND",), CAUSE.cause, ["failed"])
    query = parse_qs(urlsplit(address(CAUSE)).query)
    assert query == {"type": ["EMAIL_SEND"], "status": ["failed"], "cause": [CAUSE.cause]}


def test_before_many_are_retried_it_is_said_how_many_and_what_is_sent_again() -> None:
    first, again = consequences(CAUSE, "Send email", is_irreversible=True)
    assert first == f"5 × Send email: {CAUSE.cause}"
    assert "cannot be taken back" in again
    assert consequences(CAUSE, "Render", is_irreversible=False)[1] == "Each is done again from the beginning."


def test_what_is_left_as_it_is_is_counted() -> None:
    assert consequences(replace(CAUSE, retryable=4), "Mail", is_irreversible=True)[-1].startswith("1 job is left")
    assert consequences(replace(CAUSE, retryable=2), "Mail", is_irreversible=True)[-1].startswith("3 jobs are left")


def test_slots_and_processes_are_counted_in_words() -> None:
    state = EngineState(True, None, NOW, 5, 1200, 3, engines=1, workers=0)
    assert (slots(state), processes(state)) == ("3 of 1,200", "1 engine")
    assert processes(replace(state, engines=2, workers=1)) == "2 engines, 1 worker"


def test_a_step_is_done_once_there_is_a_way_out_or_an_agent() -> None:
    feed = ChannelView(1, "feed", "feed", "", None, None, None, NOW, None)
    agent = AgentView(1, "writer", ["T"], 1, 0, True, NOW)
    assert steps_done([feed], [], has_mail_server=False) == set()
    assert steps_done([feed], [], has_mail_server=True) == {"channel"}
    assert steps_done([feed, replace(feed, kind="mastodon")], [agent], has_mail_server=False) == {"channel", "agent"}
