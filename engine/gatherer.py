"""Asked one by one, answered together: what many ask of the database at once costs one turn."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from models.database import trouble

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Gatherer(Generic[Asked, Answer]):
    """While one turn is under way, whatever else is asked gathers for the next.

    `answer` gets what gathered and gives an answer for each, in order. What it raises spoils only the asking that is
    at fault: each of the others is answered by itself. It runs in a task that nobody cancels.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._answer = answer
        self._gathered: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._turns: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer, after the next turn; raises what `answer` raised for it."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._gathered.append((asked, answered))
        if self._turns is None or self._turns.done():
            self._turns = asyncio.create_task(self._take_turns())
        return await answered

    async def _take_turns(self) -> None:
        while self._gathered:
            gathered, self._gathered = self._gathered, []
            await self._take(gathered)

    async def _take(self, gathered: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answer([asked for asked, _ in gathered])
        except Exception as error:
            if len(gathered) > 1 and not trouble(error):
                for one in gathered:
                    await self._take([one])
                return
            for _, answered in gathered:
                if not answered.done():
                    answered.set_exception(error)
            return
        for (_, answered), answer in zip(gathered, answers, strict=True):
            if not answered.done():
                answered.set_result(answer)
