"""Two engines on one database share the work, and each job is run once.

Two real processes take jobs from one queue as fast as they can. Afterwards every job has exactly one attempt, the
first, and each process made some of them.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.scale import rounds
from tests.chaos.watch import read, until
from tests.support.other_program import ask, connected
from tests.support.server import JobRunner

pytestmark = pytest.mark.each

JOBS = rounds(3000, 10_000)
SECONDS = rounds(120, 900)


def test_two_engines_on_one_database_run_each_job_once(tmp_path: Path, own_database: str) -> None:
    with (
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, POLL_SECONDS=0.1) as first,
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, POLL_SECONDS=0.1),
    ):
        copy(first, first.submit("TEST_NOOP", requires_approval=True), JOBS - 1)
        approve_all(first)
        unfinished = (
            "SELECT id FROM job WHERE status != 'completed' UNION ALL "
            "SELECT id FROM attempt WHERE outcome IS NULL LIMIT 1"
        )
        until(lambda: not read(first, unfinished), SECONDS, f"{JOBS} jobs are done")
        jobs = read(first, "SELECT id, attempt, error FROM job ORDER BY id")
        assert jobs == [(id, 1, None) for id in range(1, JOBS + 1)]
        attempts = read(first, "SELECT job_id, number, outcome, error FROM attempt ORDER BY job_id, number")
        assert attempts == [(id, 1, "succeeded", None) for id in range(1, JOBS + 1)]
        shares = Counter(engine for (engine,) in read(first, "SELECT engine_id FROM attempt"))
        print(f"shares of the two engines: {sorted(shares.values())}")
        assert len(shares) == 2


def copy(runner: JobRunner, job_id: int, times: int) -> None:
    """More jobs like this one, past the API, which is not what is tested here."""
    with connected(runner.database_url) as other:
        columns = [column[0] for column in other.execute("SELECT * FROM job WHERE id = 0").description]
        names = ", ".join(name for name in columns if name not in ("id", "idempotency_key"))
        other.execute(
            "WITH RECURSIVE copies(number) AS "
            f"(SELECT 1 UNION ALL SELECT number + 1 FROM copies WHERE number < {times}) "
            f"INSERT INTO job ({names}) SELECT {names} FROM copies, job WHERE job.id = {job_id}"
        )


def approve_all(runner: JobRunner) -> None:
    """Let the jobs go, all at one moment."""
    ask(runner.database_url, "UPDATE job SET approval = NULL")
