"""Which moves a job accepts: the table is the truth, and the code has to agree with it."""

import ast
from itertools import product
from pathlib import Path

import pytest

from models import states
from models.states import ACTIVE, POISONOUS, TERMINAL, UNKNOWN, Approval, Move, Status, allowed_moves

# (status, approval, outcome) → the moves; every combination that can be is listed.
TABLE = {
    ("queued", None, None): "cancel pause prioritize",
    ("queued", "pending", None): "approve cancel pause prioritize reject revise",
    ("queued", "approved", None): "cancel pause prioritize revise undo_approval",
    ("running", None, None): "cancel pause",
    ("running", "approved", None): "cancel pause",
    ("completed", None, None): "",
    ("completed", "approved", None): "",
    ("paused", None, None): "cancel prioritize resume",
    ("paused", "pending", None): "approve cancel prioritize reject resume revise",
    ("paused", "approved", None): "cancel prioritize resume revise undo_approval",
    ("failed", None, None): "cancel prioritize retry",
    ("failed", "approved", None): "cancel prioritize retry",
    ("failed", None, POISONOUS): "cancel prioritize retry",
    ("failed", None, UNKNOWN): "cancel prioritize resolve",
    ("failed", "approved", UNKNOWN): "cancel prioritize resolve",
    ("cancelled", None, None): "",
    ("cancelled", "pending", None): "",
    ("cancelled", "approved", None): "",
    ("cancelled", "rejected", None): "revise",
    ("cancelled", "lapsed", None): "revise",
    ("cancelled", None, UNKNOWN): "",
    ("cancelled", "approved", UNKNOWN): "",
}


@pytest.mark.parametrize(("state", "moves"), TABLE.items())
def test_a_state_allows_exactly_these_moves(state: tuple[str, str | None, str | None], moves: str) -> None:
    status, approval, outcome = state
    assert " ".join(sorted(allowed_moves(Status(status), approval=approval, outcome=outcome))) == moves


@pytest.mark.parametrize(("state", "moves"), TABLE.items())
def test_only_a_queued_job_that_waits_for_its_time_can_be_run_now(
    state: tuple[str, str | None, str | None], moves: str
) -> None:
    status, approval, outcome = state
    waiting = allowed_moves(Status(status), approval=approval, outcome=outcome, waits=True)
    assert waiting == {*moves.split(), *(["run_now"] if status == "queued" else [])}


def test_every_status_is_in_the_table_without_facets() -> None:
    assert {status for status, approval, outcome in TABLE if approval is outcome is None} == set(Status)


def test_a_job_that_is_over_allows_nothing_but_the_revision_of_what_was_refused() -> None:
    for status, approval, outcome in product(TERMINAL, [None, *Approval], [None, UNKNOWN]):
        is_refused = status is Status.CANCELLED and approval in (Approval.REJECTED, Approval.LAPSED)
        expected = {Move.REVISE} if is_refused else set()
        assert allowed_moves(status, approval=approval, outcome=outcome, waits=True) == expected


def test_what_was_tried_is_neither_undone_nor_revised() -> None:
    for status, approval in product(Status, [None, *Approval]):
        moves = allowed_moves(status, approval=approval, is_tried=True)
        assert not moves & {Move.UNDO_APPROVAL, Move.REVISE}


def test_every_active_job_can_be_cancelled() -> None:
    for status, approval, outcome in product(ACTIVE, [None, *Approval], [None, UNKNOWN]):
        assert "cancel" in allowed_moves(status, approval=approval, outcome=outcome)


def test_every_status_is_either_active_or_terminal() -> None:
    assert set(Status) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL


def test_states_imports_nothing_but_enum() -> None:
    tree = ast.parse(Path(states.__file__).read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imported] == ["from enum import IntEnum, StrEnum"]
