"""What the store alone costs: plain sqlite3 claims as many as run at once, and commits each finish by itself."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

_CLAIM = "UPDATE job SET s='running' WHERE id IN (SELECT id FROM job WHERE s='queued' LIMIT ?) RETURNING id"


def floor(database: Path, jobs: int, at_once: int) -> float:
    """Jobs a second, each commit on disk before the next."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE job (id INTEGER PRIMARY KEY, s)"
        )
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO job (s) VALUES (?)", [("queued",)] * jobs)
        connection.execute("COMMIT")
        began = time.perf_counter()
        while claimed := connection.execute(_CLAIM, (at_once,)).fetchall():
            for (job_id,) in claimed:
                connection.execute("UPDATE job SET s='completed' WHERE id=?", (job_id,))
        return jobs / (time.perf_counter() - began)
