"""Kills at any moment lose no job, send nothing twice, and leave no question open.

A real process is killed again and again, sometimes while it still starts. All the while one thread submits mails,
posts and renders, again with the same key when an answer is lost, and another settles what fails: it answers an
unknown outcome by what the server really has, and retries the rest.

CHAOS_SEED repeats a run's moments, as far as the machine's pace lets it.
"""

import os
import random
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from models.statement import SQLITE
from tests.chaos.flow import Settler, SlowMail, SlowMastodon, Submitter, World
from tests.chaos.scale import rounds
from tests.chaos.watch import read, until
from tests.support.server import JobRunner

KILLS = rounds(6, 1000)
MOST_KILLS = KILLS + 60  # some kill has to come between a server's taking and the engine's noting it
JOBS_PER_KILL = 4
IN_START_UP = 0.4  # the share of kills that come before the process answers
START_UP_SECONDS = 0.6  # what a start-up takes after the imports, roughly
LIFE_SECONDS = 0.4  # the longest time from the first answer to the kill
SETTLE_SECONDS = rounds(40, 300)
RECORD_SECONDS = 5.0  # how long a completed job's attempt may still lack its outcome
OPEN_ATTEMPTS = "SELECT job_id, number FROM attempt WHERE outcome IS NULL"
MISSING_ATTEMPTS = "SELECT id FROM job WHERE attempt != (SELECT count(*) FROM attempt WHERE attempt.job_id = job.id)"


@pytest.mark.each
def test_whatever_the_moment_of_a_kill_every_job_is_done_and_nothing_goes_out_twice(
    tmp_path: Path, kind: str, own_database: str
) -> None:
    seed = os.environ.get("CHAOS_SEED") or str(random.randrange(10**6))
    print(f"CHAOS_SEED={seed}")  # shown whatever fails
    moments = random.Random(seed)
    with SlowMail() as mail, SlowMastodon() as mastodon:
        world = World(mail, mastodon)
        to_mail = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none"}
        pace = {"POLL_SECONDS": 0.1, "LEASE_SECONDS": 1, "DRAIN_SECONDS": 0, "DATABASE_URL": own_database}
        with Victim(tmp_path / "data", **pace, **to_mail) as victim:
            channel = {"name": "Pond", "kind": "mastodon", "url": mastodon.url}
            credentials = {"access_token": mastodon.token}
            answer = victim.http.post("/api/v1/channels", json={**channel, "credentials": credentials})
            assert answer.status_code == 201, answer.text
            victim.kill()
            submitter, settler = Submitter(victim.url), Settler(victim.url, world)
            submitter.start()
            settler.start()
            chaos = Chaos(victim, world, submitter, settler, moments)
            try:
                for number in range(MOST_KILLS):
                    if number < KILLS or not settler.had:
                        chaos.kill_once()
                chaos.settle()
            finally:
                submitter.stop()
                settler.stop()
                print(story := f"CHAOS_SEED={seed}: {chaos}")
            victim.stop()
            assert world.counts() == Counter(submitter.texts), story
            stored = read(victim, "SELECT idempotency_key, id, status FROM job ORDER BY id")
            assert stored == [(key, id, "completed") for key, id in submitter.acknowledged.items()], story
            unknown = read(victim, "SELECT job_id, number FROM attempt WHERE outcome = 'unknown'")
            assert sorted(unknown) == sorted(settler.unknown), story
            assert settler.had, f"no kill came between a server's taking and the engine's noting it; {story}"
            assert kind != SQLITE or read(victim, "PRAGMA integrity_check") == [("ok",)], story
            assert read(victim, OPEN_ATTEMPTS) == [], f"attempts without an outcome; {story}"
            assert read(victim, MISSING_ATTEMPTS) == [], f"jobs with an attempt that has no row; {story}"


class Victim(JobRunner):
    """Started without waiting for its first answer, unless `patient`."""

    patient = True

    def _wait_until_it_answers(self) -> None:
        if self.patient:
            super()._wait_until_it_answers()


class Chaos:
    """The kills; as text, how much there was of everything."""

    def __init__(
        self, victim: Victim, world: World, submitter: Submitter, settler: Settler, moments: random.Random
    ) -> None:
        self._victim, self._world, self._submitter, self._settler = victim, world, submitter, settler
        self._moments = moments
        self._kills = self._early = 0

    def kill_once(self) -> None:
        """One life, with a few more jobs to do, and its end."""
        self._check()
        self._submitter.wanted += JOBS_PER_KILL
        early = self._moments.random() < IN_START_UP
        self._victim.patient = not early
        self._victim.start()
        time.sleep(self._moments.uniform(0, START_UP_SECONDS if early else LIFE_SECONDS))
        self._victim.kill()
        self._world.settle()
        self._kills += 1
        self._early += early

    def settle(self) -> None:
        """One more life, until everything is done."""
        self._victim.patient = True
        self._victim.start()
        until(self._all_done, SETTLE_SECONDS, "every job completed")
        with suppress(AssertionError):  # the test says which are left, after what matters more
            until(lambda: not read(self._victim, OPEN_ATTEMPTS), RECORD_SECONDS, "every attempt recorded")

    def _all_done(self) -> bool:
        self._check()
        if len(self._submitter.acknowledged) < self._submitter.wanted:
            return False
        return not read(self._victim, "SELECT id FROM job WHERE status != 'completed' LIMIT 1")

    def _check(self) -> None:
        self._submitter.check()
        self._settler.check()

    def __str__(self) -> str:
        submitter, settler = self._submitter, self._settler
        return (
            f"{self._kills} kills, {self._early} of them in start-up; {submitter.wanted} jobs, "
            f"{submitter.found} of them known when submitted again; {len(settler.unknown)} outcomes unknown, of which "
            f"the servers had {settler.had} and had not {len(settler.unknown) - settler.had}; {settler.retried} retries"
        )
