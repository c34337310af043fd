"""Jobs that flow to servers that count: what is submitted, what the world has, and who settles what has failed.

The servers at the other end forget every Idempotency-Key and take their time, so that a fault finds something under
way, and a repetition by the engine is seen.
"""

import asyncio
import socket
import time
from collections import Counter
from threading import Event, Thread
from typing import Any

import httpx

from tests.chaos.watch import PAUSE_SECONDS, until
from tests.servers.http import Request
from tests.servers.mastodon import MastodonServer
from tests.servers.smtp import SmtpTestServer

SLOW_SECONDS = 0.008  # what each word to a server takes


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
        with socket.create_connection((self.host, self.port), timeout=5) as last:
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


class NotNow(httpx.TransportError):
    """The database is away, and the answer says so."""


class Actor(Thread):
    """Does a turn of its work again and again, whether or not anybody answers, until told to stop.

    With `may_be_away` the database may be, and an answer that says so is as good as none.
    """

    def __init__(self, url: str, cookies: httpx.Cookies | None = None, *, may_be_away: bool = False) -> None:
        super().__init__(daemon=True)
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False, cookies=cookies)
        self.over = Event()
        self.may_be_away = may_be_away
        self._fault: Exception | None = None

    def ask(self, method: str, path: str, expected: tuple[int, ...] = (200,), **more: Any) -> httpx.Response:
        """The answer, which must be one of these."""
        answer = self.http.request(method, f"/api/v1{path}", **more)
        if self.may_be_away and answer.status_code == 503:
            raise NotNow(answer.text)
        assert answer.status_code in expected, f"{answer.status_code} {answer.text} to {method} {path}"
        return answer

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


class Submitter(Actor):
    """Submits as many jobs as are `wanted`, each until it is acknowledged."""

    def __init__(self, url: str, cookies: httpx.Cookies | None = None, *, may_be_away: bool = False) -> None:
        super().__init__(url, cookies, may_be_away=may_be_away)
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
        answer = self.ask("POST", "/jobs", (200, 201), json=body, headers={"Idempotency-Key": key})
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


class Settler(Actor):
    """Answers "Did it go out?" by what the servers have, and retries whatever else has failed."""

    def __init__(
        self,
        url: str,
        world: World,
        cookies: httpx.Cookies | None = None,
        *,
        may_be_away: bool = False,
        looks_for: float = 0,
    ) -> None:
        """`looks_for` is how many seconds it takes to find out whether something went out."""
        super().__init__(url, cookies, may_be_away=may_be_away)
        self._world = world
        self._looks_for = looks_for
        self.unknown: dict[tuple[int, int], bool] = {}  # by job and attempt: whether it had gone out
        self.retried = 0

    @property
    def had(self) -> int:
        """How many of the unknown had gone out."""
        return sum(self.unknown.values())

    def turn(self) -> None:
        """Settle every job that has failed until now."""
        failed = self.ask("GET", "/jobs", params={"status": "failed", "limit": 200})
        for job in failed.json()["items"]:
            if job["outcome"] == "unknown":
                self._resolve(job)
            else:
                self._move(job, "retry", {})
                self.retried += 1
        self.over.wait(PAUSE_SECONDS)

    def _resolve(self, job: dict[str, Any]) -> None:
        payload = job["payload"]
        self.over.wait(self._looks_for)
        went_out = self._world.has(payload.get("subject") or payload["text"])
        self.unknown[job["id"], job["attempt"]] = went_out
        self._move(job, "resolve", {"went_out": went_out})

    def _move(self, job: dict[str, Any], move: str, body: dict[str, Any]) -> None:
        expected = (200, 409) if self.may_be_away else (200,)  # an answer that was lost may have counted
        self.ask("POST", f"/jobs/{job['id']}/{move}", expected, json=body)
