"""What is asked while one turn is under way is answered together in the next."""

import asyncio
from collections.abc import Sequence

import pytest

from engine.gatherer import Gatherer


class Turns:
    """Answers with tenfold; each turn waits until it is let go."""

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.let_go = asyncio.Semaphore(0)
        self.fault: Exception = ValueError("minus")

    async def answer(self, numbers: Sequence[int]) -> list[int]:
        self.taken.append(list(numbers))
        await self.let_go.acquire()
        if any(number < 0 for number in numbers):
            raise self.fault
        return [10 * number for number in numbers]


async def asked(gatherer: Gatherer[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    asking = [asyncio.create_task(gatherer.ask(number)) for number in numbers]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return asking


async def test_what_comes_during_a_turn_shares_the_next() -> None:
    turns = Turns()
    gatherer = Gatherer(turns.answer)
    first = await asked(gatherer, 1)
    others = await asked(gatherer, 2, 3, 4)
    for _ in range(2):
        turns.let_go.release()
    assert await asyncio.gather(*first, *others) == [10, 20, 30, 40]
    assert turns.taken == [[1], [2, 3, 4]]


async def test_a_fault_of_one_spoils_nobody_elses_answer() -> None:
    turns = Turns()
    gatherer = Gatherer(turns.answer)
    asking = await asked(gatherer, 1, 2, -3, 4)
    for _ in range(5):
        turns.let_go.release()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert answers[:2] + answers[3:] == [10, 20, 40]
    assert answers[2] is turns.fault


async def test_a_database_in_trouble_refuses_all_of_a_turn_without_asking_it_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = Turns()
    monkeypatch.setattr("engine.gatherer.trouble", lambda error: "locked" if error is turns.fault else None)
    gatherer = Gatherer(turns.answer)
    asking = await asked(gatherer, -1, -2)
    for _ in range(3):
        turns.let_go.release()
    assert await asyncio.gather(*asking, return_exceptions=True) == [turns.fault, turns.fault]
    assert turns.taken == [[-1, -2]]


async def test_whoever_is_cancelled_changes_nothing_for_the_others() -> None:
    turns = Turns()
    gatherer = Gatherer(turns.answer)
    gone, stays = await asked(gatherer, 1, 2)
    gone.cancel()
    turns.let_go.release()
    assert await stays == 20
    with pytest.raises(asyncio.CancelledError):
        await gone
    turns.let_go.release()
    assert await gatherer.ask(3) == 30
