"""Two engines share a rate limit, and one of them is killed: no more goes out than it allows, and nothing is lost."""

from datetime import datetime
from pathlib import Path

from tests.chaos.scale import rounds
from tests.chaos.watch import read, until
from tests.support.server import JobRunner

MAILS = rounds(40, 400)
LIMIT, BURST = 12, 8  # in a minute, so that the others wait for longer than this test takes
SECONDS = 60
MAIL = {"to": ["ada@example.org"], "subject": "Numbers", "body": "Here they are."}


def test_two_engines_of_which_one_is_killed_let_out_no_more_than_the_limit_and_lose_nothing(
    tmp_path: Path, own_database: str
) -> None:
    settings = {"DATABASE_URL": own_database, "POLL_SECONDS": 0.1, "UNDO_SECONDS": 0}
    with (
        JobRunner(tmp_path / "data", **settings) as first,
        JobRunner(tmp_path / "data", **settings) as second,
    ):
        limit = {"count": LIMIT, "per_seconds": 3600, "burst": BURST}
        assert first.http.put("/api/v1/rate-limits/mail", json=limit).status_code == 200
        jobs = [(first if number % 2 else second).submit("EMAIL_SEND", MAIL) for number in range(MAILS)]
        second.kill()
        second.start()
        waiting = "SELECT job_id FROM rate_turn WHERE job_id IN (SELECT id FROM job WHERE status = 'queued')"
        busy = "SELECT id FROM job WHERE status = 'running' OR (status = 'queued' AND due_at IS NULL)"
        until(lambda: not read(first, busy), SECONDS, "every mail is out or has its turn")
        went = [_moment(at) for (at,) in read(first, "SELECT started_at FROM effect")]
        assert len(went) <= LIMIT
        assert len(went) + len(_lost(first)) >= BURST
        turns = [_moment(at) for (at,) in read(first, f"SELECT at FROM rate_turn WHERE job_id IN ({waiting})")]
        assert len(turns) == MAILS - len(went), "each of the others has a turn"
        assert min(turns) > max(went)
        assert first.http.delete("/api/v1/rate-limits/mail").status_code == 204
        for job in jobs:
            done = first.until(job, "completed", "failed")
            assert done["status"] == "completed" or done["outcome"] == "unknown"
        assert len(read(first, "SELECT id FROM effect")) == MAILS, "each mail once"


def _lost(runner: JobRunner) -> list[tuple[object, ...]]:
    """What an engine had in hand that died: it may have taken a turn for each, and spoken to nobody."""
    return read(runner, "SELECT job_id FROM attempt WHERE outcome = 'lost'")


def _moment(at: object) -> float:
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return moment.timestamp()
