"""Kills at any moment lose no job, send nothing twice, and leave no question open.

A real process is killed again and again, sometimes while it still starts. All the while one thread submits mails,
posts and renders, again with the same key when an answer is lost, and another settles what fails: it answers an
unknown outcome by what the server really has, and retries the rest. The servers at the other end forget every
Idempotency-Key and count, so a repetition by the engine is seen.

CHAOS_SEED repeats a run's moments, as far as the machine's pace lets it.
"""

import asyncio
import os
import random
import socket
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from models.statement import SQLITE
from tests.chaos.scale import rounds
from tests.chaos.watch import PAUSE_SECONDS, read, until
from tests.servers.http import Request
from tests.servers.mastodon import MastodonServer
from tests.servers.smtp import SmtpTestServer
from tests.support.server import JobRunner

KILLS = rounds(40, 1000)
JOBS_PER_KILL = 4
IN_START_UP = 0.4  # the share of kills that come before the process answers
START_UP_SECONDS = 1.5  # what a start-up takes, roughly
LIFE_SECONDS = 0.4  # the longest time from the first answer to the kill
SLOW_SECONDS = 0.008  # what each word to a server takes
SETTLE_SECONDS = rounds(45, 300)
RECORD_SECONDS = 5.0  # how long a completed job's attempt may still lack its outcome
OPEN_ATTEMPTS = "SELECT job_id, number FROM attempt WHERE outcome IS NULL"
MISSING_ATTEMPTS = "SELECT id FROM job WHERE attempt != (SELECT count(*) FROM attempt WHERE attempt.job_id = job.id)"


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
                for _ in range(KILLS):
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


class SlowMail(SmtpTestServer):
    """Takes its time for every word; for the last, after the message is in and before it says so."""

    async def obey(self, *args: Any, **kwargs: Any) -> str | None:
        await asyncio.sleep(SLOW_SECONDS)
        return await super().obey(*args, **kwargs)

    def settle(self) -> None:
        """Return once every conversation begun until now is over, though whoever began it is dead."""
        with socket.create_connection((self.host, self.port), timeout=5) as last:
            last.recv(1)  # connections are accepted in their order: after this one's greeting, all have been
        self.wait_until(lambda: not self.connections)


class SlowMastodon(MastodonServer):
    """Takes its time before it does what was asked, and again before it answers; remembers no key."""

    def __init__(self) -> None:
        super().__init__()
        self.remembers_keys = False

    def react(self, request: Request) -> Any:
        time.sleep(SLOW_SECONDS)
        outcome = super().react(request)
        time.sleep(SLOW_SECONDS)
        return outcome

    def settle(self) -> None:
        """Return once everything that was asked until now is done, though whoever asked is dead."""
        # Again in their order: with this answer, every earlier connection has been accepted.
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as last:
            last.sendall(b"GET /api/v2/instance HTTP/1.0\r\n\r\n")
            last.recv(1)
        until(lambda: not self._listener._open, 5, "the Mastodon server is done with the dead process's requests")


class World:
    """Both servers, and what they really have."""

    def __init__(self, mail: SlowMail, mastodon: SlowMastodon) -> None:
        self._mail, self._mastodon = mail, mastodon

    def settle(self) -> None:
        """Return once nothing that a dead process has said is still on its way."""
        self._mail.settle()
        self._mastodon.settle()

    def has(self, text: str) -> bool:
        """Whether the mail or post is there."""
        header = f"Subject: {text}\r\n".encode()
        if any(header in received.raw for received in list(self._mail.messages)):
            return True
        with self._mastodon.lock:
            return any(status.text == text for status in self._mastodon.statuses)

    def counts(self) -> Counter[str]:
        """How often each mail, by its subject, and each post has come."""
        subjects = [received.message["Subject"] for received in self._mail.messages]
        with self._mastodon.lock:
            return Counter([*subjects, *(status.text for status in self._mastodon.statuses)])


class Worker(Thread):
    """Does a turn of its work again and again, whether or not anybody answers, until told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False)
        self.over = Event()
        self._fault: Exception | None = None

    def run(self) -> None:
        """Take turns; what nobody answered is for the next turn."""
        try:
            while not self.over.is_set():
                try:
                    self.turn()
                except httpx.TransportError:
                    self.over.wait(PAUSE_SECONDS)
        except Exception as fault:
            self._fault = fault

    def turn(self) -> None:
        """Do a little of the work; a TransportError says that nobody answered."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise what ended the work before its time."""
        if self._fault:
            raise self._fault

    def stop(self) -> None:
        """End the work."""
        self.over.set()
        self.join()
        self.http.close()


class Submitter(Worker):
    """Submits as many jobs as are `wanted`, each until it is acknowledged."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.wanted = 0
        self.acknowledged: dict[str, int] = {}
        self.texts: list[str] = []  # of what is to go out
        self.found = 0  # had been taken before, but the answer was lost

    def turn(self) -> None:
        """Submit the next job, or the same one again."""
        number = len(self.acknowledged)
        if number == self.wanted:
            self.over.wait(PAUSE_SECONDS)
            return
        key, body = f"key-{number}", self._body(number)
        answer = self.http.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": key})
        assert answer.status_code in (200, 201), answer.text
        self.acknowledged[key] = answer.json()["id"]
        self.found += answer.status_code == 200
        if body["type"] != "TEST_RENDER":
            self.texts.append(f"Text {number}")

    def _body(self, number: int) -> dict[str, Any]:
        text = f"Text {number}"
        return (
            {"type": "EMAIL_SEND", "payload": {"to": ["ada@example.org"], "subject": text, "body": text}},
            {"type": "SOCIAL_POST", "payload": {"text": text, "channels": ["Pond"]}},
            {"type": "TEST_RENDER", "payload": {"title": text, "seconds": 0.2, "steps": 4}},
        )[number % 3]


class Settler(Worker):
    """Answers "Did it go out?" by what the servers have, and retries whatever else has failed."""

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url)
        self._world = world
        self.unknown: dict[tuple[int, int], bool] = {}  # by job and attempt: whether it had gone out
        self.retried = 0

    @property
    def had(self) -> int:
        """How many of the unknown had gone out."""
        return sum(self.unknown.values())

    def turn(self) -> None:
        """Settle every job that has failed until now."""
        failed = self.http.get("/api/v1/jobs", params={"status": "failed", "limit": 200})
        assert failed.status_code == 200, failed.text
        for job in failed.json()["items"]:
            if job["outcome"] == "unknown":
                self._resolve(job)
            else:
                self._move(job, "retry", {})
                self.retried += 1
        self.over.wait(PAUSE_SECONDS)

    def _resolve(self, job: dict[str, Any]) -> None:
        payload = job["payload"]
        went_out = self._world.has(payload.get("subject") or payload["text"])
        self.unknown[job["id"], job["attempt"]] = went_out
        self._move(job, "resolve", {"went_out": went_out})

    def _move(self, job: dict[str, Any], move: str, body: dict[str, Any]) -> None:
        answer = self.http.post(f"/api/v1/jobs/{job['id']}/{move}", json=body)
        assert answer.status_code == 200, f"{answer.text} for {job}"


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
