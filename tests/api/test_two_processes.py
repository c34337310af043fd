"""Two web processes on one PostgreSQL database are as good as one."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import new_database
from tests.support.server import JobRunner

pytestmark = pytest.mark.postgres

Two = tuple[JobRunner, JobRunner]


@pytest.fixture(scope="module")
def two(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Two]:
    """Started in the same moment, on a database that is new to both."""
    folder = tmp_path_factory.mktemp("two")
    with new_database(kind, request) as url, ThreadPoolExecutor() as pool:
        both = [JobRunner(folder / name, DATABASE_URL=url, POLL_SECONDS=0.2) for name in ("one", "other")]
        try:
            list(pool.map(JobRunner.start, both))
            yield both[0], both[1]
        finally:
            list(pool.map(JobRunner.stop, both))


def test_both_start_on_an_empty_database_and_make_one_feed(two: Two) -> None:
    for process in two:
        assert [channel["name"] for channel in process.http.get("/api/v1/channels").json()["items"]] == ["feed"]
        engine = process.http.get("/api/v1/engine").json()
        assert (engine["online"], engine["engines"], engine["workers"]) == (True, 2, 0)


def test_each_job_is_done_once_whoever_it_was_asked_of(two: Two) -> None:
    jobs = [process.submit("TEST_NOOP") for _ in range(20) for process in two]
    for job_id in jobs:
        assert two[0].until(job_id, "completed")["attempt"] == 1
        assert len(two[1].http.get(f"/api/v1/jobs/{job_id}/attempts").json()) == 1


def test_an_idempotency_key_holds_for_both(two: Two) -> None:
    body, key = {"type": "TEST_NOOP", "payload": {}}, {"Idempotency-Key": "once"}
    answers = [process.http.post("/api/v1/jobs", json=body, headers=key) for process in two]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_job_is_cancelled_through_the_process_that_does_not_run_it(two: Two, tmp_path: Path) -> None:
    jobs = [two[0].submit("TEST_RENDER", {"hold": str(tmp_path / "never")}) for _ in range(4)]
    for job_id in jobs:
        two[0].until(job_id, "running")
    for number, job_id in enumerate(jobs):
        assert two[number % 2].http.post(f"/api/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"
        (attempt,) = two[0].http.get(f"/api/v1/jobs/{job_id}/attempts").json()
        assert attempt["outcome"] == "cancelled", "the answer came once it had told what had happened"


def test_an_administrator_set_up_through_one_can_sign_in_at_the_other(tmp_path: Path, own_database: str) -> None:
    settings = {"DATABASE_URL": own_database, "HOST": "0.0.0.0", "SECRET_KEY": "the same for both"}
    with JobRunner(tmp_path / "one", **settings) as one, JobRunner(tmp_path / "other", **settings) as other:
        (code,) = re.findall(r"with this one-time code: (\w+)", one.output)
        answer = one.http.post("/login", data={"code": code, "password": "a long password"})
        assert answer.status_code == 303
        assert "One-time code" not in other.http.get("/login").text
        assert other.http.post("/login", data={"name": "admin", "password": "a long password"}).status_code == 303
        other.http.cookies = answer.cookies
        assert other.http.get("/api/v1/engine").status_code == 200
