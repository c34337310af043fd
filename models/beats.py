"""When a host's processes beat last, asked without the ORM, whose loading takes longer than the question."""

from datetime import datetime

import asyncpg

from models.errors import DatabaseError


async def last_beat(url: str, host: str, *, seconds: float) -> datetime | None:
    """The latest heartbeat of an engine or worker on this host that has not stopped, on PostgreSQL.

    Raises:
        DatabaseError: it gave no answer within `seconds`.
    """
    try:
        server = await asyncpg.connect(url, timeout=seconds, command_timeout=seconds)
        try:
            beat: datetime | None = await server.fetchval(
                "SELECT MAX(last_beat_at) FROM engine WHERE host = $1 AND stopped_at IS NULL", host
            )
            return beat
        finally:
            server.terminate()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(" ".join(str(error).split()) or "no answer") from error
