"""The live stream of events: everything, once, in order, and no longer than one may listen."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.api.test_jobs import assert_problem
from tests.support.moments import LATER
from tests.support.server import JobRunner
from tests.support.stream import Stream, Told

JOBS = 60


def test_a_jobs_life_is_told_in_order(runner: JobRunner) -> None:
    with Stream(runner.url) as stream:
        job_id = runner.submit("TEST_NOOP")
        told = [stream.next() for _ in range(3)]
    assert [one.kind for one in told] == ["job.created", "job.started", "job.completed"]
    assert {one.data["job_id"] for one in told} == {job_id}
    assert [one.data["status"] for one in told] == ["queued", "running", "completed"]
    assert told[-1].data == {
        "type": "job.completed",
        "at": told[-1].data["at"],
        "job_id": job_id,
        "job_type": "TEST_NOOP",
        "status": "completed",
        "attempt": 1,
        "approval": None,
        "outcome": None,
    }
    assert told[-1].data["at"].endswith("Z")


def test_what_a_person_decides_is_told(runner: JobRunner) -> None:
    with Stream(runner.url) as stream:
        job_id = runner.submit("TEST_NOOP", requires_approval=True)
        runner.http.post(f"/api/v1/jobs/{job_id}/reject")
        told = [stream.next().kind for _ in range(3)]
    assert told == ["job.created", "job.needs_approval", "job.rejected"]


def test_whoever_comes_back_gets_what_was_missed_and_nothing_twice(runner: JobRunner) -> None:
    with Stream(runner.url) as stream:
        first = runner.submit("TEST_NOOP")
        while stream.next().kind != "job.completed":
            pass
        after = stream.last_id
    missed = [runner.submit("TEST_NOOP") for _ in range(3)]
    for job_id in missed:
        runner.until(job_id, "completed")
    with Stream(runner.url, after=after) as stream:
        last = runner.submit("TEST_NOOP")
        told: list[Told] = []
        while not told or (told[-1].data["job_id"], told[-1].kind) != (last, "job.completed"):
            told.append(stream.next())
    for job_id in (*missed, last):
        own = [one.kind for one in told if one.data["job_id"] == job_id]
        assert own == ["job.created", "job.started", "job.completed"]
    assert first not in {one.data["job_id"] for one in told}
    assert len({one.id for one in told}) == len(told)


def test_nothing_is_missed_however_many_write_at_once(runner: JobRunner) -> None:
    with Stream(runner.url) as stream, Stream(runner.url) as other, ThreadPoolExecutor(8) as writers:
        ids = list(writers.map(lambda _: runner.submit("TEST_NOOP"), range(JOBS)))
        for each in (stream, other):
            told = [each.next() for _ in range(3 * JOBS)]
            assert sorted((one.data["job_id"], one.kind) for one in told) == sorted(
                (job_id, kind) for job_id in ids for kind in ("job.created", "job.started", "job.completed")
            )


def test_a_stream_of_one_job_or_type_tells_of_nothing_else(runner: JobRunner) -> None:
    with Stream(runner.url, type="TEST_NOOP") as of_type:
        runner.submit("TEST_RENDER", run_at=LATER)
        job_id = runner.submit("TEST_NOOP")
        assert of_type.next().data["job_id"] == job_id
        with Stream(runner.url, job_id=job_id, after=of_type.last_id) as of_job:
            other = runner.submit("TEST_NOOP")
            runner.until(other, "completed")
            assert {one.data["job_id"] for one in of_job.so_far()} <= {job_id}


@pytest.mark.parametrize("after", ["999999999999-999999999999", "0-999999999999"])
def test_whoever_asks_for_what_is_kept_no_more_is_told_so_and_goes_on_from_now(runner: JobRunner, after: str) -> None:
    with Stream(runner.url, after=after) as stream:
        assert stream.next().kind == "missed"
        job_id = runner.submit("TEST_NOOP")
        assert stream.next().data["job_id"] == job_id
        while stream.next().kind != "job.completed":  # what is still to come would be news to the next stream
            pass


@pytest.mark.parametrize("after", ["x", "1", "1-x", "-1-2", "1" * 41, "0-9223372036854775808"])
def test_an_id_of_no_event_is_refused(runner: JobRunner, after: str) -> None:
    answer = runner.http.get("/api/v1/events", headers={"Last-Event-ID": after})
    assert_problem(answer, 422)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    folder = tmp_path_factory.mktemp("public") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", POLL_SECONDS=0.1) as running:
        yield running


@pytest.mark.sqlite
def test_a_revoked_token_ends_its_stream_at_once(public: JobRunner) -> None:
    admin = public.token("boss", "admin")
    as_admin = {"Authorization": f"Bearer {admin}"}
    made = public.http.post("/api/v1/tokens", json={"name": "ear", "scopes": ["jobs:read"]}, headers=as_admin).json()
    with Stream(public.url, token=made["token"]) as stream, Stream(public.url, token=admin) as other:
        assert public.http.delete(f"/api/v1/tokens/{made['id']}", headers=as_admin).status_code == 204
        assert stream.until_ended() == []
        job = {"type": "TEST_NOOP", "payload": {}}
        assert (
            public.http.post("/api/v1/jobs", json=job, headers={"Authorization": f"Bearer {admin}"}).status_code == 201
        )
        assert other.next().kind == "job.created"
    with pytest.raises(AssertionError, match="401"), Stream(public.url, token=made["token"]):
        pass


@pytest.mark.sqlite
def test_a_stop_ends_open_streams_and_does_not_wait_for_them(tmp_path: Path) -> None:
    with JobRunner(tmp_path / "data") as runner, Stream(runner.url) as stream:
        assert runner.stop() == 0
        assert stream.until_ended() == []
        assert "Traceback" not in runner.output
        with pytest.raises(httpx.HTTPError):
            runner.http.get("/healthz")
