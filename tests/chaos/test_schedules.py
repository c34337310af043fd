"""Each time of a schedule starts one job, though engines are killed at any moment, and though there are two of them.

CHAOS_SEED repeats a run's moments, as far as the machine's pace lets it.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.chaos.scale import rounds
from tests.chaos.watch import read, until
from tests.support.server import JobRunner

KILLS = rounds(5, 200)
A_KILL = 30  # times that come for each kill
LIFE_SECONDS = 0.5  # the longest time from the first answer to the kill
SETTLE_SECONDS = rounds(40, 300)
PACE = {"POLL_SECONDS": 0.2, "LEASE_SECONDS": 1, "DRAIN_SECONDS": 0}
FILM = {"job": {"type": "TEST_NOOP", "payload": {}}}
STARTED = "SELECT created_by FROM job ORDER BY created_by"
NOT_YET = "SELECT 1 FROM schedule WHERE next_at IS NOT NULL LIMIT 1"
RUNS = """
SELECT schedule.name FROM schedule_run JOIN schedule ON schedule.id = schedule_id JOIN job ON job.id = job_id
WHERE schedule_run.outcome = 'started' ORDER BY schedule.name
"""


class Times:
    """Moments that come while engines live and die, each a schedule of its own."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.names: list[str] = []

    def add(self, http: httpx.Client) -> None:
        """Some more, which come within the next second."""
        for _ in range(A_KILL):
            name = f"at {len(self.names):04}"
            while (answer := self._added(http, name)).status_code == 422:
                assert "in the future" in answer.text  # the moment came before it was read
            assert answer.status_code == 201, answer.text
            self.names.append(name)

    def _added(self, http: httpx.Client, name: str) -> httpx.Response:
        at = datetime.now(UTC) + timedelta(seconds=self._chance.uniform(0.2, 1.2))
        return http.post("/api/v1/schedules", json={"name": name, "target": FILM, "at": at.isoformat()})

    def check(self, runner: JobRunner, seed: str) -> None:
        """Wait until all have come; each has started one job."""
        until(lambda: not read(runner, NOT_YET), SETTLE_SECONDS, f"every time has come; CHAOS_SEED={seed}")
        started = [created_by for (created_by,) in read(runner, STARTED)]
        assert started == [f"{name} (schedule)" for name in self.names], f"CHAOS_SEED={seed}"
        assert [name for (name,) in read(runner, RUNS)] == self.names, f"CHAOS_SEED={seed}"


@contextmanager
def chances() -> Iterator[tuple[str, random.Random]]:
    """A seed, which is shown when the test fails."""
    seed = os.environ.get("CHAOS_SEED") or str(random.randrange(10**6))
    print(f"CHAOS_SEED={seed}")
    yield seed, random.Random(seed)


def test_whatever_the_moment_of_a_kill_each_time_starts_one_job(tmp_path: Path, own_database: str) -> None:
    with chances() as (seed, chance), JobRunner(tmp_path / "data", DATABASE_URL=own_database, **PACE) as runner:
        times = Times(chance)
        for _ in range(KILLS):
            times.add(runner.http)
            time.sleep(chance.uniform(0, LIFE_SECONDS))
            runner.kill()
            runner.start()
        times.check(runner, seed)


@pytest.mark.postgres
def test_of_two_engines_of_which_either_is_killed_one_starts_each_job(tmp_path: Path, own_database: str) -> None:
    settings = {"DATABASE_URL": own_database, **PACE}
    with (
        chances() as (seed, chance),
        JobRunner(tmp_path / "data", **settings) as first,
        JobRunner(tmp_path / "data", **settings) as second,
    ):
        times = Times(chance)
        for turn in range(KILLS):
            stays, dies = (first, second) if turn % 2 else (second, first)
            times.add(stays.http)
            time.sleep(chance.uniform(0, LIFE_SECONDS))
            dies.kill()
            dies.start()
        times.check(first, seed)
