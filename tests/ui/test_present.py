"""What a card says about a job."""

from datetime import timedelta
from typing import Any

import pytest

from models.states import POISONOUS, UNKNOWN, Approval, Move, Status
from tests.ui.views import NOW, a_job
from ui.present import (
    actions,
    ago,
    count,
    duration,
    facet_badge,
    meta,
    note,
    progress_words,
    status_badge,
    web_link,
    why_it_waits,
)

SOON = NOW + timedelta(minutes=5)


@pytest.mark.parametrize("status", list(Status))
def test_a_status_badge_says_the_exact_word(status: Status) -> None:
    badge = status_badge(a_job(status))
    assert (badge.word, badge.kind) == (status.value.capitalize(), status.value)
    assert badge.icon


@pytest.mark.parametrize(
    ("status", "changes", "facet"),
    [
        (Status.QUEUED, {}, None),
        (Status.QUEUED, {"approval": Approval.PENDING}, "approval"),
        (Status.PAUSED, {"approval": Approval.PENDING}, "approval"),
        (Status.CANCELLED, {"approval": Approval.PENDING}, None),
        (Status.CANCELLED, {"approval": Approval.REJECTED}, "failed"),
        (Status.QUEUED, {"approval": Approval.APPROVED}, None),
        (Status.QUEUED, {"due_at": SOON}, "scheduled"),
        (Status.QUEUED, {"due_at": SOON, "attempt": 1}, "retrying"),
        (Status.QUEUED, {"due_at": SOON, "approval": Approval.PENDING}, "approval"),
        (Status.PAUSED, {"due_at": SOON}, None),
        (Status.RUNNING, {}, None),
        (Status.RUNNING, {"pause_requested": True}, "paused"),
        (Status.FAILED, {}, None),
        (Status.FAILED, {"outcome": UNKNOWN}, "unknown"),
        (Status.FAILED, {"outcome": POISONOUS}, "unknown"),
        (Status.COMPLETED, {}, None),
    ],
)
def test_a_facet_badge_tells_the_finer_truth(status: Status, changes: dict[str, Any], facet: str | None) -> None:
    badge = facet_badge(a_job(status, **changes), NOW)
    assert (badge.kind if badge else None) == facet
    assert (badge.at if badge else None) == (SOON if facet in ("scheduled", "retrying") else None)


@pytest.mark.parametrize(
    ("status", "changes", "said"),
    [
        (Status.QUEUED, {"waiting_for": "Waits for a free slot"}, "Waits for a free slot"),
        (Status.QUEUED, {"waiting_for": "Scheduled for …", "due_at": SOON}, ""),
        (Status.QUEUED, {"waiting_for": "Next try at …", "due_at": SOON, "attempt": 1, "error": "503"}, "503"),
        (Status.QUEUED, {"waiting_for": "Waits for a free slot", "error": "503"}, "503 — Waits for a free slot"),
        (Status.RUNNING, {}, ""),
        (Status.FAILED, {"error": "The encoder refused"}, "The encoder refused"),
        (Status.FAILED, {"error": "Lost", "outcome": UNKNOWN}, "Lost"),
        (Status.PAUSED, {}, ""),
    ],
)
def test_a_note_says_why_it_failed_or_is_not_running(status: Status, changes: dict[str, Any], said: str) -> None:
    assert note(a_job(status, **changes), NOW) == said


@pytest.mark.parametrize(
    ("status", "changes", "offered", "refused"),
    [
        (Status.QUEUED, {}, [Move.PAUSE, Move.CANCEL], {}),
        (Status.RUNNING, {}, [Move.PAUSE, Move.CANCEL], {}),
        (
            Status.RUNNING,
            {"pause_requested": True},
            [Move.PAUSE, Move.CANCEL],
            {Move.PAUSE: "It pauses at its next safe point"},
        ),
        (Status.PAUSED, {}, [Move.RESUME, Move.CANCEL], {}),
        (Status.FAILED, {}, [Move.RETRY, Move.CANCEL], {}),
        (Status.FAILED, {"outcome": POISONOUS}, [Move.RETRY, Move.CANCEL], {}),
        (Status.FAILED, {"outcome": UNKNOWN}, [Move.CANCEL], {}),
        (Status.QUEUED, {"due_at": SOON}, [Move.RUN_NOW, Move.PAUSE, Move.CANCEL], {}),
        (Status.COMPLETED, {}, [], {}),
        (Status.CANCELLED, {}, [], {}),
    ],
)
def test_a_card_offers_what_the_state_allows_and_says_why_not(
    status: Status, changes: dict[str, Any], offered: list[Move], refused: dict[Move, str]
) -> None:
    buttons = actions(a_job(status, **changes))
    assert [action.move for action in buttons] == offered
    assert {action.move: action.reason for action in buttons if action.reason} == refused


@pytest.mark.parametrize(
    ("status", "attempt", "words"),
    [
        (Status.QUEUED, 0, ["by api"]),
        (Status.QUEUED, 1, ["by api", "tried 1 of 3"]),
        (Status.RUNNING, 1, ["by api"]),
        (Status.RUNNING, 2, ["by api", "attempt 2 of 3"]),
        (Status.FAILED, 1, ["by api", "attempt 1 of 3"]),
    ],
)
def test_the_attempt_is_told_when_it_is_news(status: Status, attempt: int, words: list[str]) -> None:
    assert meta(a_job(status, attempt=attempt)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"),
        (0.0123, "12 ms"),
        (0.96, "1 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (599, "9 min 59 s"),
        (1800, "30 min"),
        (3600, "1 h 0 min"),
        (5400, "1 h 30 min"),
        (3 * 86400, "3 days"),
    ],
)
def test_a_duration_is_told_in_words(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (4.9, "just now"), (5, "5 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (86400, "1 d ago")],
)
def test_an_age_is_told_roughly(seconds: float, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_moment_to_come_is_told_as_such() -> None:
    assert ago(NOW + timedelta(seconds=90), NOW).startswith("in ")


def test_progress_says_how_far_and_how_long_it_still_takes() -> None:
    assert progress_words(41.6, None) == "42 %"
    assert progress_words(50, timedelta(seconds=30)) == "50 % · about 30 s left"


@pytest.mark.parametrize(("number", "shown"), [(0, "0"), (999, "999"), (1000, "999+"), (1_000_000, "999+")])
def test_a_count_fits_its_pill(number: int, shown: str) -> None:
    assert count(number) == shown


@pytest.mark.parametrize(
    ("status", "progress", "left"),
    [(Status.RUNNING, 50.0, 60), (Status.RUNNING, 0.5, None), (Status.PAUSED, 50.0, None), (Status.RUNNING, 100.0, 0)],
)
def test_the_time_left_is_what_the_pace_so_far_promises(status: Status, progress: float, left: int | None) -> None:
    job = a_job(status, progress=progress, started_at=NOW - timedelta(minutes=1))
    assert job.time_left(NOW) == (None if left is None else timedelta(seconds=left))


@pytest.mark.parametrize(
    ("url", "is_link"),
    [
        ("https://social.example/@ada/1", True),
        ("HTTP://social.example/@ada/1", True),
        ("/feed/0b5a", True),
        ("//elsewhere.example", False),
        ("/\\elsewhere.example", False),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("", False),
        (None, False),
    ],
)
def test_only_an_address_on_the_web_or_of_ours_becomes_a_link(url: str | None, is_link: bool) -> None:
    assert web_link(url) == (url if is_link else None)


def test_just_approved_a_job_counts_down_and_offers_to_undo_that() -> None:
    job = a_job(approval=Approval.APPROVED, due_at=SOON, undo_until=SOON)
    badge = facet_badge(job, NOW)
    assert badge
    assert (badge.word, badge.at, badge.show) == ("Goes in", SOON, "countdown")
    assert [action.move for action in actions(job)] == [Move.UNDO_APPROVAL, Move.PAUSE, Move.CANCEL]
    later = facet_badge(job, SOON + timedelta(seconds=1))
    assert later is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"approval": Approval.PENDING, "approval_reason": "mail from agents"}, "Mail from agents"),
        ({"approval": Approval.PENDING}, "Approval was asked for"),
        ({"status": Status.FAILED, "outcome": UNKNOWN, "error": "Lost"}, "Did it go out?"),
        ({"status": Status.FAILED, "outcome": POISONOUS, "error": "Two engines died"}, "Two engines died"),
    ],
)
def test_the_inbox_says_why_a_job_needs_somebody(changes: dict[str, Any], said: str) -> None:
    assert why_it_waits(a_job(**changes)) == said
