"""A line to PostgreSQL that stays open: it hears what other processes tell, and can hold a lock that only one has."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from models.postgres import connect

CHANNEL = "job_runner"
LEADING = 0x4A6F624C
MAX_TOLD = 7500  # bytes; PostgreSQL takes less than 8,000 (postgresql.org/docs/current/sql-notify.html)
ANSWER_SECONDS = 5.0
SILENCE = "10s"  # after which the server hangs up, and another process may lead


class Line:
    """Open until it breaks, or is closed; then a new one is needed. One question is asked at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self.broken = asyncio.Event()
        connection.add_termination_listener(lambda _: self.broken.set())

    @classmethod
    async def open(cls, url: str, on_told: Callable[[str], None]) -> "Line":
        """Connect, and hand every message of others, and of this process too, to `on_told`.

        Raises:
            OperationalError: the server cannot be reached.
            asyncpg.PostgresError: it refuses.
        """
        line = cls(
            await connect(url, server_settings={"idle_session_timeout": SILENCE}, command_timeout=ANSWER_SECONDS)
        )
        await line._connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, told: on_told(told))
        return line

    async def tell(self, told: str) -> None:
        """Tell every process that has a line; at most `MAX_TOLD` bytes."""
        await self._ask("SELECT pg_notify($1, $2)", CHANNEL, told)

    async def lead(self) -> bool:
        """Take the lead if nobody has it; it is kept as long as the line holds."""
        return bool(await self._ask("SELECT pg_try_advisory_lock($1)", LEADING))

    async def ping(self) -> None:
        """Keep the line alive."""
        await self._ask("SELECT 1")

    async def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(Exception):
            await self._connection.close(timeout=1)
        self.broken.set()

    async def _ask(self, question: str, *values: Any) -> Any:
        async with self._turn:
            try:
                return await self._connection.fetchval(question, *values)
            except Exception:
                self._connection.terminate()
                self.broken.set()
                raise
