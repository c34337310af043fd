"""Hosts fail in the middle of everything: nothing is lost, nothing goes out twice, and all heals by itself.

A database, two web processes and two workers each sit on a host of their own, with addresses and lines between them
that can be cut; mail and posts go to servers that count. Nobody restarts but what was killed.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.line import LEADING
from tests.chaos.flow import Settler, SlowMail, SlowMastodon, Submitter, World
from tests.chaos.scale import rounds
from tests.chaos.watch import until
from tests.support.hosts import ADDRESSES, Host, Network, why_none
from tests.support.other_program import ask
from tests.support.postgres import DURABLE, PostgresServer
from tests.support.server import JobRunner, WorkerProcess, free_port

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
LEASE_SECONDS = 6
PACE: dict[str, Any] = {"POLL_SECONDS": 0.2, "LEASE_SECONDS": LEASE_SECONDS, "DRAIN_SECONDS": 0, "CONCURRENCY": 4}
PASSWORD = "correct horse"
HEAL_SECONDS = 40.0  # until everybody is back
RESCUE_SECONDS = 60.0  # a busy machine may take several times the ten that it takes alone
TAKE_OVER_SECONDS = 15.0  # what is promised of the lead
FAULTS = rounds(3, 100)
JOBS_PER_FAULT = 12
LONGEST_FAULT_SECONDS = rounds(3, 12)

SETTLE_SECONDS = rounds(60, 300)
LOOKS_SECONDS = 0.5  # what it takes a person, at the least, to look whether a mail went out
OPEN_ATTEMPTS = "SELECT id FROM attempt WHERE outcome IS NULL"
LEADERS = (
    f"SELECT host(client_addr) FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE objid = {LEADING} AND granted"
)
TESTER = "192.0.2.250"

again_and_again = pytest.mark.parametrize("turn", range(rounds(1, 10)))


class Web(JobRunner):
    """A web process on a host, whose administrator is signed in."""

    by_fork = False  # a host is a namespace, into which only what is started anew is born

    def __init__(self, host: Host, data_dir: Path, **settings: object) -> None:
        super().__init__(data_dir, HOST=host.address, ADMIN_PASSWORD=PASSWORD, **settings)
        self.host = host

    def start(self) -> None:
        """Start there, and sign in from here; a session outlives a restart."""
        with self.host.entered():
            super().start()
        if not self.http.cookies:
            answer = self.http.post("/login", data={"name": "admin", "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            self.http.cookies = answer.cookies


class Working(WorkerProcess):
    """A worker on a host."""

    by_fork = False

    def __init__(self, host: Host, data_dir: Path, **settings: object) -> None:
        super().__init__(data_dir, **settings)
        self.host = host

    def start(self) -> None:
        """Start there."""
        with self.host.entered():
            super().start()


class Fleet:
    """Everything that is at work, and the servers that count."""

    def __init__(self, network: Network, folder: Path, stack: ExitStack) -> None:
        self.database_host = network.host("database")
        self.mail, self.mastodon = stack.enter_context(_Mail()), stack.enter_context(_Mastodon())
        self.world = World(self.mail, self.mastodon)
        with self.database_host.entered():
            address = self.database_host.address
            self.database = PostgresServer(host=address, port=free_port(), admits=ADDRESSES, options=DURABLE)
            stack.callback(self.database.remove)
            self.database.start()
        self.url = self.database.create("jobs")
        (folder / "files").mkdir()
        settings = {
            **PACE,
            "DATABASE_URL": self.url,
            "STORAGE_URL": (folder / "files").as_uri(),
            "SECRET_KEY": "the same for all of them",
            "ALLOW_PRIVATE_URLS": ADDRESSES,
            "SMTP_HOST": self.mail.host,
            "SMTP_PORT": self.mail.port,
            "SMTP_SECURITY": "none",
        }
        self.webs = [Web(network.host(name), folder / name, **settings) for name in ("web1", "web2")]
        self.workers = [Working(network.host(name), folder / name, **settings) for name in ("worker1", "worker2")]
        self.processes: list[Web | Working] = [*self.webs, *self.workers]
        for process in self.processes:
            stack.enter_context(process)
        until(self.is_complete, HEAL_SECONDS, "everybody is online")
        channel = {"name": "Pond", "kind": "mastodon", "url": self.mastodon.url}
        credentials = {"access_token": self.mastodon.token}
        answer = self.webs[0].http.post("/api/v1/channels", json={**channel, "credentials": credentials})
        assert answer.json()["fault"] is None, answer.text

    def is_complete(self) -> bool:
        """Whether each web process sees two engines and two workers, and one of them leads."""
        return all(self._sees_everybody(web) for web in self.webs) and self.leader() is not None

    def _sees_everybody(self, web: Web) -> bool:
        try:
            state = web.http.get("/api/v1/engine", timeout=5).json()
        except httpx.TransportError:
            return False
        return (state.get("online"), state.get("engines"), state.get("workers")) == (True, 2, 2)

    def leader(self) -> Web | None:
        """The web process that leads: the one whose host holds the advisory lock."""
        addresses = {address for (address,) in self.ask(LEADERS)}
        return next((web for web in self.webs if web.host.address in addresses), None)

    def worker_of(self, job_id: int) -> Working:
        """The worker that executes the job."""
        (pid,) = self.ask(f"SELECT pid FROM job JOIN engine ON engine.id = engine_id WHERE job.id = {job_id}")[0]
        return next(worker for worker in self.workers if worker.pid == pid)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        return ask(self.url, statement)

    def rows_of(self, job_id: int) -> list[list[tuple[Any, ...]]]:
        """Every row that tells what happened to the job."""
        places = (("job", "id"), ("attempt", "job_id"), ("effect", "job_id"))
        return [self.ask(f"SELECT * FROM {table} WHERE {key} = {job_id} ORDER BY id") for table, key in places]

    def each_works(self, go_on: Path) -> None:
        """Both workers take up new jobs: as many as one alone could not hold at once."""
        holding = {"hold": str(go_on)}
        jobs = [self.webs[0].submit("TEST_RENDER", holding) for _ in range(PACE["CONCURRENCY"] + 1)]
        until(lambda: len({self.engine_of(job_id) for job_id in jobs} - {None}) == 2, 20, "both workers work")
        go_on.touch()
        for job_id in jobs:
            self.webs[0].until(job_id, "completed")

    def engine_of(self, job_id: int) -> str | None:
        """Who executes the job; None while nobody has taken it up."""
        return str(self.ask(f"SELECT engine_id FROM job WHERE id = {job_id}")[0][0] or "") or None

    def start_database(self) -> None:
        """Start it again, where it was."""
        with self.database_host.entered():
            self.database.start()


class _Mail(SlowMail):
    host = TESTER


class _Mastodon(SlowMastodon):
    """Remembers keys, as Mastodon does: what a line that was cut still holds may arrive late, and counts once."""

    host = TESTER

    def __init__(self) -> None:
        super().__init__()
        self.remembers_keys = True


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Everything, started; until the module's end its tests and their servers are on a host, too."""
    if reason := why_none():
        pytest.skip(reason)
    with Network() as network, network.host("tester", TESTER).entered(), ExitStack() as stack:
        yield Fleet(network, tmp_path_factory.mktemp("fleet"), stack)


@pytest.fixture
def fleet(at_work: Fleet) -> Iterator[Fleet]:
    """Everything, complete; and so it is again afterwards, and nothing is left undone."""
    until(at_work.is_complete, HEAL_SECONDS, "everybody is online")
    at_work.mail.messages.clear()
    at_work.mail.held.clear()
    yield at_work
    until(at_work.is_complete, HEAL_SECONDS, "everybody is online again")
    until(lambda: not at_work.ask(OPEN_ATTEMPTS), 10, "every attempt is recorded")


@again_and_again
def test_a_worker_that_is_cut_off_loses_its_job_and_changes_nothing_when_it_is_back(
    fleet: Fleet, tmp_path: Path, turn: int
) -> None:
    web, go_on = fleet.webs[0], tmp_path / "go on"
    job_id = web.submit("TEST_RENDER", {"title": "Trailer", "hold": str(go_on)})
    web.until(job_id, "running")
    until(lambda: fleet.engine_of(job_id), 10, "a worker has taken it up")
    worker = fleet.worker_of(job_id)
    worker.host.cut_off()
    until(
        lambda: web.job(job_id)["attempt"] == 2 and fleet.engine_of(job_id),
        RESCUE_SECONDS,
        "the other worker renders it",
    )
    go_on.touch()
    assert web.until(job_id, "completed")["attempt"] == 2
    before = fleet.rows_of(job_id)
    worker.host.let_back()
    until(fleet.is_complete, HEAL_SECONDS, "the worker is back by itself")
    fleet.each_works(tmp_path / "and on")
    assert fleet.rows_of(job_id) == before


@again_and_again
def test_a_mail_of_a_worker_that_loses_the_database_is_asked_about_and_comes_no_second_time(
    fleet: Fleet, turn: int
) -> None:
    web = fleet.webs[turn % 2]
    fleet.mail.hold("DATA")  # the message has not been handed over yet
    job_id = web.submit("EMAIL_SEND", MAIL)
    fleet.mail.wait_until(lambda: "DATA" in fleet.mail.held, timeout=20)
    worker = fleet.worker_of(job_id)
    worker.host.lose(fleet.database_host)
    until(lambda: web.job(job_id)["outcome"] == "unknown", RESCUE_SECONDS, "somebody is asked")
    fleet.mail.wait_until(lambda: not fleet.mail.connections, timeout=20)  # whoever lost its lease hangs up
    fleet.mail.release()
    assert fleet.mail.messages == [], "whoever lost its lease says no more"
    answer = web.http.post(f"/api/v1/jobs/{job_id}/resolve", json={"went_out": False})
    assert answer.status_code == 200, answer.text
    assert web.until(job_id, "completed")["attempt"] == 2
    before = fleet.rows_of(job_id)
    worker.host.find(fleet.database_host)
    until(fleet.is_complete, HEAL_SECONDS, "the worker is back by itself")
    assert fleet.rows_of(job_id) == before
    assert len(fleet.mail.messages) == 1


@again_and_again
def test_the_job_of_a_worker_that_is_killed_goes_to_another(fleet: Fleet, tmp_path: Path, turn: int) -> None:
    web, go_on = fleet.webs[turn % 2], tmp_path / "go on"
    job_id = web.submit("TEST_RENDER", {"title": "Trailer", "hold": str(go_on)})
    until(lambda: fleet.engine_of(job_id), 10, "a worker has taken it up")
    worker = fleet.worker_of(job_id)
    worker.kill()
    until(
        lambda: web.job(job_id)["attempt"] == 2 and fleet.engine_of(job_id),
        RESCUE_SECONDS,
        "the other worker renders it",
    )
    go_on.touch()
    assert web.until(job_id, "completed")["attempt"] == 2
    worker.start()


@again_and_again
def test_when_the_leader_is_killed_another_leads_and_rescues(fleet: Fleet, tmp_path: Path, turn: int) -> None:
    leader, go_on = fleet.leader(), tmp_path / "go on"
    assert leader
    other = next(web for web in fleet.webs if web is not leader)
    job_id = other.submit("TEST_RENDER", {"title": "Trailer", "hold": str(go_on)})
    until(lambda: fleet.engine_of(job_id), 10, "a worker has taken it up")
    worker = fleet.worker_of(job_id)
    leader.kill()
    worker.kill()
    until(lambda: fleet.leader() is other, TAKE_OVER_SECONDS, "the other web process leads")
    until(lambda: other.job(job_id)["attempt"] == 2 and fleet.engine_of(job_id), RESCUE_SECONDS, "it rescues")
    go_on.touch()
    assert other.until(job_id, "completed")["attempt"] == 2
    leader.start()
    worker.start()


@again_and_again
def test_a_leader_that_is_cut_off_leads_no_more(fleet: Fleet, turn: int) -> None:
    leader = fleet.leader()
    assert leader
    leader.host.cut_off()
    until(lambda: fleet.leader() not in (leader, None), TAKE_OVER_SECONDS, "the other web process leads")
    leader.host.let_back()


@again_and_again
def test_while_the_database_is_away_everybody_says_so_and_then_goes_on(fleet: Fleet, tmp_path: Path, turn: int) -> None:
    go_on, web = tmp_path / "go on", fleet.webs[0]
    job_id = web.submit("TEST_RENDER", {"title": "Trailer", "hold": str(go_on)})
    until(lambda: fleet.engine_of(job_id), 10, "a worker has taken it up")
    fleet.database.stop(signal.SIGQUIT)
    for web in fleet.webs:
        answer = web.http.get("/api/v1/jobs")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "the database server cannot be reached" in answer.json()["detail"]
        page = web.http.get("/app/jobs", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["refresh"]) == (503, "5")
        assert "The database server cannot be reached" in page.text
    go_on.touch()
    fleet.start_database()
    until(fleet.is_complete, HEAL_SECONDS, "everybody is back by themselves")
    assert web.until(job_id, "completed")["attempt"] == 1
    fleet.each_works(tmp_path / "and on")
    for process in fleet.processes:
        assert "Traceback" not in process.output


def test_whichever_host_fails_every_job_is_done_and_nothing_goes_out_twice(fleet: Fleet) -> None:
    seed = os.environ.get("CHAOS_SEED") or str(random.randrange(10**6))
    print(f"CHAOS_SEED={seed}")  # shown whatever fails
    moments = random.Random(seed)
    first = fleet.ask("SELECT coalesce(max(id), 0) FROM job")[0][0]
    fleet.mastodon.statuses.clear()
    web = fleet.webs[0]  # the one of which nobody asks anything is cut off and killed
    submitter = Submitter(web.url, web.http.cookies, may_be_away=True)
    settler = Settler(web.url, fleet.world, web.http.cookies, may_be_away=True, looks_for=LOOKS_SECONDS)
    submitter.start()
    settler.start()
    faults = Counter[str]()
    try:
        for _ in range(FAULTS):
            fault = moments.choice((cut_off, lose_database, kill_worker, kill_web, kill_database))
            faults[fault.__name__] += 1
            submitter.wanted += JOBS_PER_FAULT
            time.sleep(moments.uniform(0, 1))
            fault(fleet, moments)
            submitter.check()
            settler.check()
        until(lambda: len(submitter.acknowledged) == submitter.wanted, HEAL_SECONDS, "every job is accepted")
        unfinished = f"SELECT id FROM job WHERE id > {first} AND status != 'completed'"
        until(lambda: not fleet.ask(unfinished), SETTLE_SECONDS, "every job is completed")
    finally:
        submitter.stop()
        settler.stop()
        submitter.check()
        settler.check()
        story = f"CHAOS_SEED={seed}: {dict(faults)}, {submitter.wanted} jobs, {len(settler.unknown)} outcomes unknown"
        print(story)
    assert fleet.world.counts() == Counter(submitter.texts), story
    stored = fleet.ask(f"SELECT idempotency_key, id FROM job WHERE id > {first} ORDER BY id")
    assert stored == list(submitter.acknowledged.items()), story
    unknown = fleet.ask(f"SELECT job_id, number FROM attempt WHERE outcome = 'unknown' AND job_id > {first}")
    assert sorted(unknown) == sorted(settler.unknown), story


Fault = Callable[[Fleet, random.Random], None]


def cut_off(fleet: Fleet, moments: random.Random) -> None:
    """A worker, or the web process of which nobody asks anything, hears nobody for a while."""
    host = moments.choice(fleet.processes[1:]).host
    host.cut_off()
    time.sleep(moments.uniform(0.5, LONGEST_FAULT_SECONDS))
    host.let_back()


def lose_database(fleet: Fleet, moments: random.Random) -> None:
    """A worker can still speak to the world, and not to the database."""
    host = moments.choice(fleet.workers).host
    host.lose(fleet.database_host)
    time.sleep(moments.uniform(0.5, LONGEST_FAULT_SECONDS))
    host.find(fleet.database_host)


def kill_worker(fleet: Fleet, moments: random.Random) -> None:
    """A worker is gone, and another one is started in its place."""
    worker = moments.choice(fleet.workers)
    worker.kill()
    worker.start()


def kill_web(fleet: Fleet, _: random.Random) -> None:
    """A web process, maybe the leader, is gone and is started again."""
    fleet.webs[1].kill()
    fleet.webs[1].start()


def kill_database(fleet: Fleet, moments: random.Random) -> None:
    """The server dies, and recovers a while later."""
    fleet.database.stop(signal.SIGQUIT)
    time.sleep(moments.uniform(0, LONGEST_FAULT_SECONDS))
    fleet.start_database()
