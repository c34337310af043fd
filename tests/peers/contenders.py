"""Who takes part: each library with its own stores, as it comes, and where that differs much, otherwise too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.peers import job_runner
from tests.peers.process import Measured, measure
from tests.peers.stores import AS_IT_COMES, EVERY_WRITE_ON_DISK, Ground, Store, in_file, on_postgres, on_redis

Run = Callable[[Ground, int, int], Measured]


@dataclass(frozen=True)
class Contender:
    """A row of the table: a library, and after a comma what is not as it comes; so many jobs, so many at once."""

    name: str
    store: str
    run: Run
    jobs: int
    at_once: int = 10

    @property
    def library(self) -> str:
        """Whose ways it has."""
        return self.name.split(",")[0]


@dataclass(frozen=True)
class Ways:
    """What a library promises, in words, as its documentation and source have it."""

    keeps: str
    dies: str
    looks: str


WAYS = {
    "Job Runner": Ways(
        "the job with its result, each attempt with its times, until it is pruned",
        "runs again, unless its effect cannot be taken back: then a person is asked",
        "every 5 s (0.2 s here); a freed slot takes the next job of a backlog at once",
    ),
    "huey": Ways(
        "nothing; a result that is not None, until it is read",
        "is lost: a job is deleted when it is taken",
        "each thread polls, after 0.1 s up to 10 s",
    ),
    "Procrastinate": Ways(
        "the job and its events, no result",
        "stays unfinished until a task of your own looks for stalled jobs",
        "LISTEN/NOTIFY, and every 5 s",
    ),
    "SAQ": Ways(
        "the job with its result, for 10 minutes",
        "is found by a sweep every 60 s, and runs again if it was given more than the one try it has by default",
        "LISTEN/NOTIFY and every 1 s on PostgreSQL; a blocking move on Redis",
    ),
    "arq": Ways(
        "the result with the job's arguments and times, for 1 hour",
        "runs again after 310 s",
        "every 0.5 s",
    ),
}


def peer(module: str, store: Store, left: str, **options: Any) -> Run:
    """Run a peer's module on a store of its own; `left` asks the store how many are not finished."""

    def run(ground: Ground, jobs: int, at_once: int) -> Measured:
        with store(ground) as (url, ask):
            asked = {"url": url, "jobs": jobs, "at_once": at_once, **options}
            return measure(module, asked, lambda: ask(left.format(jobs=jobs)), ground.folder / "log")

    return run


FILE = "SQLite, each commit on disk"
UNSAFE_FILE = "SQLite, fsync off"
POSTGRES = "PostgreSQL, each commit on disk"
REDIS = "Redis as it comes (snapshots)"
SAFE_REDIS = "Redis, each write on disk"

_TAKEN = "SELECT COUNT(*) FROM task"
_RESULTS = "SELECT {jobs} - COUNT(*) FROM kv"
_SUCCEEDED = "SELECT {jobs} - COUNT(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
_COMPLETE = "SELECT {jobs} - COUNT(*) FROM saq_jobs WHERE status = 'complete'"
_INCOMPLETE = "ZCARD saq:default:incomplete"
_QUEUED = "ZCARD arq:queue"

_huey = peer("huey_worker", in_file, _TAKEN)
_huey_results = peer("huey_worker", in_file, _RESULTS, result=1)
_huey_unsafe = peer("huey_worker", in_file, _TAKEN, storage={"fsync": False})
_procrastinate = peer("procrastinate_worker", on_postgres, _SUCCEEDED)
_saq_postgres = peer("saq_worker", on_postgres, _COMPLETE)
_saq_redis = peer("saq_worker", on_redis(AS_IT_COMES), _INCOMPLETE)
_saq_safe_redis = peer("saq_worker", on_redis(EVERY_WRITE_ON_DISK), _INCOMPLETE)
_arq = peer("arq_worker", on_redis(AS_IT_COMES), _QUEUED)
_arq_eager = peer("arq_worker", on_redis(AS_IT_COMES), _QUEUED, worker={"poll_delay": 0.001})
_arq_safe = peer("arq_worker", on_redis(EVERY_WRITE_ON_DISK), _QUEUED, worker={"poll_delay": 0.001})

US = "Job Runner"
CONTENDERS = (
    Contender(US, FILE, job_runner.on_sqlite, 12_000),
    Contender(US, FILE, job_runner.on_sqlite, 15_000, at_once=50),
    Contender("huey", FILE, _huey, 10_000),
    Contender("huey", FILE, _huey, 10_000, at_once=1),
    Contender("huey", FILE, _huey, 10_000, at_once=50),
    Contender("huey, results kept", FILE, _huey_results, 5_000),
    Contender("huey", UNSAFE_FILE, _huey_unsafe, 20_000),
    Contender(US, POSTGRES, job_runner.on_postgres_alone, 5_000),
    Contender(f"{US}, one worker process", POSTGRES, job_runner.on_postgres_with_worker, 1_500),
    Contender("Procrastinate", POSTGRES, _procrastinate, 2_000),
    Contender("Procrastinate", POSTGRES, _procrastinate, 2_000, at_once=50),
    Contender("SAQ", POSTGRES, _saq_postgres, 2_000),
    Contender("SAQ", POSTGRES, _saq_postgres, 2_000, at_once=50),
    Contender("SAQ", REDIS, _saq_redis, 5_000),
    Contender("SAQ", SAFE_REDIS, _saq_safe_redis, 4_000),
    Contender("arq", REDIS, _arq, 1_000),
    Contender("arq, polling every 1 ms", REDIS, _arq_eager, 5_000),
    Contender("arq, polling every 1 ms", SAFE_REDIS, _arq_safe, 3_000),
)
