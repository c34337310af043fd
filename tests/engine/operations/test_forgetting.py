"""Operations that ended long ago are forgotten, a few rows at a time."""

from datetime import timedelta

import pytest

from engine import clock, pruner
from engine.engine import Atlas
from engine.settings import Settings
from models.operation import Operation, OperationItem
from tests.engine.operations.support import done, jobs
from tests.support.engine import running


async def test_what_ended_a_month_ago_is_forgotten_with_its_items(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruner, "EVENTS_STEP", 2)
    async with running(settings) as atlas:
        old, kept, open_one = [await an_operation(atlas) for _ in range(3)]
        ended = clock.now() - pruner.OPERATIONS_KEPT
        await Operation.filter(id=old).update(finished_at=ended - timedelta(minutes=1))
        await Operation.filter(id=kept).update(finished_at=ended + timedelta(minutes=1))
        await Operation.filter(id=open_one).update(
            finished_at=None, created_at=ended - timedelta(days=9), engine_id="x"
        )
        assert [await atlas._pruner.forget_operations() for _ in range(4)] == [2, 1, 1, 0]
        assert {row.id for row in await Operation.all()} == {kept, open_one}
        assert {item.operation_id for item in await OperationItem.all()} == {kept, open_one}


async def an_operation(atlas: Atlas) -> int:
    """One of three jobs that is over."""
    return (await done(atlas, "cancel", await jobs(3))).id
