"""Looking at the database from outside, past the product, and waiting for what is to be seen there."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.other_program import ask
from tests.support.server import JobRunner

PAUSE_SECONDS = 0.05


def database(runner: JobRunner) -> Path:
    """The file of a Job Runner that was given nothing but a data folder."""
    return runner.data_dir / "job-runner.db"


def read(runner: JobRunner, query: str) -> list[tuple[Any, ...]]:
    """What a query gives."""
    if not runner.database_url.startswith("sqlite://"):
        return ask(runner.database_url, query)
    with closing(sqlite3.connect(f"{database(runner).as_uri()}?mode=ro", uri=True, timeout=10)) as reader:
        return reader.execute(query).fetchall()


def until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Ask until it holds; an AssertionError that says what was waited for after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            assert holds(), f"not within {seconds:g} s: {what}"  # the machine may have stood still meanwhile
            return
        time.sleep(PAUSE_SECONDS)
