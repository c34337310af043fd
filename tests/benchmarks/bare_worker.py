"""The queue's engine alone: a worker that does nothing with each message; what Job Runner is measured beside."""

import asyncio
import sys

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from engine.worker import CONNECTIONS, make_autocommit


async def main(url: str, concurrency: int) -> None:
    """Take messages until somebody ends the process."""
    pool = AsyncConnectionPool(url, min_size=2, max_size=CONNECTIONS, open=False, configure=make_autocommit)
    app = App(connector=PsycopgConnector())

    @app.task(name="nothing")
    async def nothing(number: int) -> None:
        return None

    await pool.open(wait=True)
    async with app.open_async(pool):
        await app.run_worker_async(concurrency=concurrency, delete_jobs="always")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
