"""A client for Job Runner in one file: copy it beside your agent; it needs Python 3.11 and httpx.

    from job_runner_client import JobRunner

    with JobRunner("http://127.0.0.1:8080", token="jr_…") as jobs:
        job = jobs.submit("EMAIL_SEND", {"to": "ada@example.org", "subject": "Hello", "body": "Text"})
        print(jobs.wait(job.id).status)

`AsyncJobRunner` is the same with `await`. `Worker` and `AsyncWorker` do jobs of types that an administrator defined:

    def translate(task):
        task.progress(50)
        return {"message": task.payload["text"].upper()}

    Worker(jobs, "polyglot", {"TRANSLATE": translate}).run()

Requests that fail on the way are sent again, with the same idempotency key, so that no job is created twice.
"""

import asyncio
import json
import random
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

__all__ = [
    "AsyncJobRunner",
    "AsyncTask",
    "AsyncWorker",
    "Event",
    "Failed",
    "Job",
    "JobRunner",
    "JobRunnerError",
    "LeaseLost",
    "OutcomeUnknown",
    "Paused",
    "Task",
    "Worker",
]

API = "/api/v1"
TRIES = 6
ANSWER_SECONDS = 30.0
CLAIM_SECONDS = 25.0  # how long a claim waits for work
LEASE_SECONDS = 60.0
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)  # an open stream holds one
DONE = frozenset({"completed", "failed", "cancelled", "paused"})


class JobRunnerError(Exception):
    """The server refused; `status` is HTTP's, `errors` are `{field, message}` for what was at fault."""

    def __init__(self, status: int, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        self.status = status
        self.errors = list(errors)
        super().__init__(detail)


class LeaseLost(Exception):
    """The job is no longer this worker's: it was cancelled, or given to another. Stop; nothing is reported."""


class Paused(Exception):
    """Somebody paused the job; raised at `progress`. Let it pass, and the job goes on later."""


class Failed(Exception):
    """Raise it in a handler when the work certainly did not happen; `retry` is whether trying again may help."""

    def __init__(self, error: str, *, retry: bool = True) -> None:
        self.retry = retry
        super().__init__(error)


class OutcomeUnknown(Exception):
    """Raise it in a handler when nobody knows whether it happened: a person is asked, and it is not repeated."""


@dataclass(frozen=True)
class Job:
    """A job as the server tells it; `raw` has every field."""

    id: int
    type: str
    name: str
    status: str
    progress: float
    result: dict[str, Any] | None
    error: str | None
    waiting_for: str | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def is_done(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status in DONE or self.raw["approval"] == "pending"

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read an answer."""
        names = ("id", "type", "name", "status", "progress", "result", "error", "waiting_for")
        return cls(**{name: raw[name] for name in names}, raw=raw)


@dataclass(frozen=True)
class Event:
    """Something that happened to a job; `id` is where to go on, `kind` is like `job.completed`."""

    id: str
    kind: str
    job_id: int | None
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class _Call:
    """A request before it is sent. One that may be repeated is, when it fails on the way."""

    method: str
    path: str
    json: Any = None
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    content: bytes | None = None
    seconds: float = ANSWER_SECONDS
    may_repeat: bool = True

    def arguments(self) -> dict[str, Any]:
        """What httpx is to send."""
        given = {"json": self.json, "params": self.params, "headers": self.headers, "content": self.content}
        return {"timeout": self.seconds} | {name: value for name, value in given.items() if value is not None}


def _submit(
    type: str,
    payload: Mapping[str, Any],
    *,
    name: str | None = None,
    priority: str = "medium",
    run_at: datetime | None = None,
    created_by: str | None = None,
    requires_approval: bool = False,
    idempotency_key: str | None = None,
) -> _Call:
    body = {
        "type": type,
        "payload": payload,
        "name": name,
        "priority": priority,
        "run_at": run_at.isoformat() if run_at else None,
        "created_by": created_by,
        "requires_approval": requires_approval,
    }
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    return _Call(
        "POST", f"{API}/jobs", {name: value for name, value in body.items() if value is not None}, None, headers
    )


def _batch(jobs: Sequence[Mapping[str, Any]]) -> _Call:
    keyed = [{"idempotency_key": uuid.uuid4().hex, **job} for job in jobs]
    return _Call("POST", f"{API}/jobs:batch", {"jobs": keyed}, seconds=60)


def _page(filters: Mapping[str, Any], cursor: str | None) -> _Call:
    return _Call("GET", f"{API}/jobs", params={**filters, **({"cursor": cursor} if cursor else {})})


def _move(job_id: int, move: str, body: Mapping[str, Any] | None = None) -> _Call:
    return _Call("POST", f"{API}/jobs/{job_id}/{move}", body, may_repeat=False)


def _begin(move: str, ids: Sequence[int] | None, criteria: Mapping[str, Any] | None, arguments: Any) -> _Call:
    body = {"move": move, "ids": None if ids is None else list(ids), "criteria": criteria, "arguments": arguments}
    return _Call("POST", f"{API}/operations", body, may_repeat=False)


def _operation(operation_id: int, what: str = "") -> _Call:
    path = f"{API}/operations/{operation_id}"
    return _Call("POST", f"{path}/{what}", may_repeat=False) if what else _Call("GET", path)


def _claim(agent_id: int, limit: int, lease_seconds: float, wait_seconds: float) -> _Call:
    body = {"limit": limit, "wait_seconds": wait_seconds, "lease_seconds": lease_seconds}
    return _Call("POST", f"{API}/agents/{agent_id}/claim", body, seconds=wait_seconds + 10, may_repeat=False)


def _reports(agent_id: int, reports: Sequence[Mapping[str, Any]], lease_seconds: float) -> _Call:
    body = {"reports": list(reports), "lease_seconds": lease_seconds}
    return _Call("POST", f"{API}/agents/{agent_id}/reports", body)


def _upload(agent_id: int, job_id: int, token: str, name: str, content: bytes) -> _Call:
    path = f"{API}/agents/{agent_id}/jobs/{job_id}/artifacts/{name}"
    return _Call("PUT", path, headers={"Lease-Token": token}, content=content, seconds=120)


def _stream(after: str | None, filters: Mapping[str, Any], until: float | None = None) -> dict[str, Any]:
    headers = {"Last-Event-ID": after} if after else {}
    seconds = ANSWER_SECONDS if until is None else min(ANSWER_SECONDS, max(0.05, until - time.monotonic()))
    return {"url": f"{API}/events", "params": filters, "headers": headers, "timeout": seconds}


def _wait_before(tries: int, answer: httpx.Response | None) -> float | None:
    """How long to wait before sending again; None if the answer is an answer."""
    if answer is not None and answer.status_code not in (429, 502, 503, 504):
        in_flight = answer.status_code == 409 and "is being carried out" in answer.text
        if not in_flight:
            return None
    asked = float(answer.headers.get("Retry-After", 0)) if answer is not None else 0.0
    return float(max(asked, min(10.0, 0.2 * 2**tries) * random.uniform(0.5, 1)))  # noqa: S311 (spreads load)


def _may_have_arrived(answer: httpx.Response | None) -> bool:
    """Whether a request may have been carried out although nobody said so."""
    return answer is None or answer.status_code in (502, 504)


def _read(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        problem = answer.json()
        raise JobRunnerError(answer.status_code, problem["detail"], problem.get("errors") or ())
    except (ValueError, KeyError, TypeError):
        raise JobRunnerError(answer.status_code, answer.text[:500]) from None


class _EventReader:
    """Puts the lines of a stream together (WHATWG HTML, 9.2.6)."""

    def __init__(self, after: str | None) -> None:
        self.last_id = after
        self._fields: dict[str, str] = {}

    def take(self, line: str) -> Event | None:
        """An event, if this line completes one."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        got, self._fields = self._fields, {}
        self.last_id = got.get("id", self.last_id)
        if "data" not in got:
            return None
        data = json.loads(got["data"])
        return Event(got.get("id", ""), got["event"], data.get("job_id"), data)


class JobRunner:
    """The programs' door. Without a token it works at a laptop where nobody signs in."""

    def __init__(self, url: str = "http://127.0.0.1:8080", token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, limits=_LIMITS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def submit(self, type: str, payload: Mapping[str, Any], **more: Any) -> Job:
        """Create a job; `more` is name, priority, run_at, created_by, requires_approval, idempotency_key."""
        return Job.of(self.call(_submit(type, payload, **more)))

    def submit_batch(self, jobs: Sequence[Mapping[str, Any]]) -> list[int]:
        """Create up to 1,000 jobs, `{type, payload, …}` each, all of them or none; returns their ids."""
        return [item["id"] for item in self.call(_batch(jobs))["items"]]

    def get(self, job_id: int) -> Job:
        """One job."""
        return Job.of(self.call(_Call("GET", f"{API}/jobs/{job_id}")))

    def list(self, **filters: Any) -> Iterator[Job]:
        """Every job that fits, the newest first: type, status, q, created_by."""
        cursor: str | None = None
        while True:
            page = self.call(_page(filters, cursor))
            yield from map(Job.of, page["items"])
            if not (cursor := page["next_cursor"]):
                return

    def wait(self, job_id: int, timeout: float = 3600) -> Job:
        """The job, once nothing more happens to it by itself.

        Raises:
            TimeoutError: that took longer than `timeout` seconds.
        """
        give_up_at = time.monotonic() + timeout
        for _ in self.events(job_id=job_id, until=give_up_at):
            if (job := self.get(job_id)).is_done:
                return job
        raise TimeoutError(f"job {job_id} is not done after {timeout:g} s")

    def cancel(self, job_id: int) -> Job:
        """Final."""
        return Job.of(self.call(_move(job_id, "cancel")))

    def pause(self, job_id: int) -> Job:
        """At once, or at the job's next safe point."""
        return Job.of(self.call(_move(job_id, "pause")))

    def resume(self, job_id: int) -> Job:
        """Back to the queue."""
        return Job.of(self.call(_move(job_id, "resume")))

    def retry(self, job_id: int) -> Job:
        """Try a failed job again."""
        return Job.of(self.call(_move(job_id, "retry")))

    def prioritize(self, job_id: int, priority: str) -> Job:
        """Let it be claimed sooner or later than others: high, medium or low."""
        return Job.of(self.call(_move(job_id, "prioritize", {"priority": priority})))

    def begin(
        self,
        move: str,
        *,
        ids: Sequence[int] | None = None,
        criteria: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Ask the same of many jobs, named or all that match; returns the operation, which goes on by itself."""
        return dict(self.call(_begin(move, ids, criteria, arguments)))

    def operation(self, operation_id: int) -> dict[str, Any]:
        """How far it has come, and why jobs were left as they are."""
        return dict(self.call(_operation(operation_id)))

    def stop(self, operation_id: int) -> dict[str, Any]:
        """Leave the jobs whose turn has not come as they are."""
        return dict(self.call(_operation(operation_id, "stop")))

    def undo(self, operation_id: int) -> dict[str, Any]:
        """Bring back what was; returns the operation that does so."""
        return dict(self.call(_operation(operation_id, "undo")))

    def artifact(self, job_id: int, name: str) -> bytes:
        """A file that the job made."""
        answer = self._http.get(f"{API}/jobs/{job_id}/artifacts/{name}", timeout=120)
        return answer.content if answer.is_success else bytes(_read(answer))

    def events(self, after: str | None = None, until: float | None = None, **filters: Any) -> Iterator[Event]:
        """What happens to jobs, for ever or until a moment (monotonic); goes on where it was when the line breaks.

        The first event is of kind `begun`: whatever is asked from then on is not older than what follows.
        """
        reader, tries = _EventReader(after), 0
        while until is None or time.monotonic() < until:
            try:
                with self._http.stream("GET", **_stream(reader.last_id, filters, until)) as answer:
                    if not answer.is_success:
                        answer.read()
                        if (wait := _wait_before(tries, answer)) is None:
                            _read(answer)
                        tries += 1
                        time.sleep(wait or 0)
                        continue
                    yield Event(reader.last_id or "", "begun", None, {})
                    for line in answer.iter_lines():
                        tries = 0
                        if event := reader.take(line):
                            yield event
                        if until is not None and time.monotonic() >= until:
                            return
            except httpx.TransportError:
                pass
            tries += 1
            if until is None or time.monotonic() < until:
                time.sleep(_wait_before(tries, None) or 0)

    def call(self, call: _Call) -> Any:
        """Send a request, again if need be, and read the answer.

        Raises:
            JobRunnerError: the server refuses.
            httpx.TransportError: it cannot be reached.
        """
        for tries in range(1, TRIES + 1):
            answer, fault = None, None
            try:
                answer = self._http.request(call.method, call.path, **call.arguments())
            except httpx.TransportError as error:
                fault = error
            wait = _wait_before(tries, answer)
            if wait is None or tries == TRIES or (_may_have_arrived(answer) and not call.may_repeat):
                break
            time.sleep(wait)
        if answer is None:
            raise fault or httpx.TransportError("no answer")
        return _read(answer)


class AsyncJobRunner:
    """`JobRunner` with `await`."""

    def __init__(self, url: str = "http://127.0.0.1:8080", token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, limits=_LIMITS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def submit(self, type: str, payload: Mapping[str, Any], **more: Any) -> Job:
        """See `JobRunner.submit`."""
        return Job.of(await self.call(_submit(type, payload, **more)))

    async def submit_batch(self, jobs: Sequence[Mapping[str, Any]]) -> list[int]:
        """See `JobRunner.submit_batch`."""
        return [item["id"] for item in (await self.call(_batch(jobs)))["items"]]

    async def get(self, job_id: int) -> Job:
        """One job."""
        return Job.of(await self.call(_Call("GET", f"{API}/jobs/{job_id}")))

    async def list(self, **filters: Any) -> AsyncIterator[Job]:
        """See `JobRunner.list`."""
        cursor: str | None = None
        while True:
            page = await self.call(_page(filters, cursor))
            for item in page["items"]:
                yield Job.of(item)
            if not (cursor := page["next_cursor"]):
                return

    async def wait(self, job_id: int, timeout: float = 3600) -> Job:
        """See `JobRunner.wait`."""
        async with asyncio.timeout(timeout):
            async for _ in self.events(job_id=job_id):
                if (job := await self.get(job_id)).is_done:
                    return job
        raise TimeoutError

    async def cancel(self, job_id: int) -> Job:
        """Final."""
        return Job.of(await self.call(_move(job_id, "cancel")))

    async def pause(self, job_id: int) -> Job:
        """At once, or at the job's next safe point."""
        return Job.of(await self.call(_move(job_id, "pause")))

    async def resume(self, job_id: int) -> Job:
        """Back to the queue."""
        return Job.of(await self.call(_move(job_id, "resume")))

    async def retry(self, job_id: int) -> Job:
        """Try a failed job again."""
        return Job.of(await self.call(_move(job_id, "retry")))

    async def prioritize(self, job_id: int, priority: str) -> Job:
        """Let it be claimed sooner or later than others: high, medium or low."""
        return Job.of(await self.call(_move(job_id, "prioritize", {"priority": priority})))

    async def begin(
        self,
        move: str,
        *,
        ids: Sequence[int] | None = None,
        criteria: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Ask the same of many jobs, named or all that match; returns the operation, which goes on by itself."""
        return dict(await self.call(_begin(move, ids, criteria, arguments)))

    async def operation(self, operation_id: int) -> dict[str, Any]:
        """How far it has come, and why jobs were left as they are."""
        return dict(await self.call(_operation(operation_id)))

    async def stop(self, operation_id: int) -> dict[str, Any]:
        """Leave the jobs whose turn has not come as they are."""
        return dict(await self.call(_operation(operation_id, "stop")))

    async def undo(self, operation_id: int) -> dict[str, Any]:
        """Bring back what was; returns the operation that does so."""
        return dict(await self.call(_operation(operation_id, "undo")))

    async def artifact(self, job_id: int, name: str) -> bytes:
        """A file that the job made."""
        answer = await self._http.get(f"{API}/jobs/{job_id}/artifacts/{name}", timeout=120)
        return answer.content if answer.is_success else bytes(_read(answer))

    async def events(self, after: str | None = None, **filters: Any) -> AsyncIterator[Event]:
        """See `JobRunner.events`."""
        reader, tries = _EventReader(after), 0
        while True:
            try:
                async with self._http.stream("GET", **_stream(reader.last_id, filters)) as answer:
                    if not answer.is_success:
                        await answer.aread()
                        if (wait := _wait_before(tries, answer)) is None:
                            _read(answer)
                        tries += 1
                        await asyncio.sleep(wait or 0)
                        continue
                    yield Event(reader.last_id or "", "begun", None, {})
                    async for line in answer.aiter_lines():
                        tries = 0
                        if event := reader.take(line):
                            yield event
            except httpx.TransportError:
                pass
            tries += 1
            await asyncio.sleep(_wait_before(tries, None) or 0)

    async def call(self, call: _Call) -> Any:
        """See `JobRunner.call`."""
        for tries in range(1, TRIES + 1):
            answer, fault = None, None
            try:
                answer = await self._http.request(call.method, call.path, **call.arguments())
            except httpx.TransportError as error:
                fault = error
            wait = _wait_before(tries, answer)
            if wait is None or tries == TRIES or (_may_have_arrived(answer) and not call.may_repeat):
                break
            await asyncio.sleep(wait)
        if answer is None:
            raise fault or httpx.TransportError("no answer")
        return _read(answer)


class _InHand:
    """A claimed job, and what is to be reported of it next."""

    def __init__(self, claimed: Mapping[str, Any]) -> None:
        self.job_id: int = claimed["job_id"]
        self.type: str = claimed["type"]
        self.payload: dict[str, Any] = claimed["payload"]
        self.attempt: int = claimed["attempt"]
        self.idempotency_key: str | None = claimed["idempotency_key"]
        self._token: str = claimed["lease_token"]
        self._progress: float | None = None
        self._log: list[str] = []
        self.is_lost = self.is_paused = self.is_ending = False

    def progress(self, percent: float) -> None:
        """Tell how far the work is, 0 to 100. A safe point.

        Raises:
            LeaseLost: the job is no longer this worker's.
            Paused: somebody paused it. An irreversible job goes on instead: only its handler knows whether it has
                done anything yet, and raises `Paused` itself, when `is_paused`, if it has not.
        """
        if self.is_lost:
            raise LeaseLost(f"job {self.job_id} was cancelled, or given to another worker")
        if self.is_paused and self.idempotency_key is None:  # what cannot be taken back may have been done by now
            raise Paused(f"job {self.job_id} was paused")
        self._progress = max(0.0, min(100.0, percent), self._progress or 0.0)

    def log(self, text: str) -> None:
        """Add a line to the attempt's log."""
        self._log.append(str(text))

    def report(self) -> dict[str, Any]:
        """What has not been told yet."""
        lines, self._log = self._log[:100], self._log[100:]
        told: dict[str, Any] = {"job_id": self.job_id, "lease_token": self._token, "log": lines}
        return told | ({"progress": self._progress} if self._progress is not None else {})

    def renewal(self) -> dict[str, Any]:
        """Nothing but the lease."""
        return {"job_id": self.job_id, "lease_token": self._token}

    def ending(self, result: dict[str, Any] | None, error: BaseException | None) -> dict[str, Any] | None:
        """How it ended; None for a lease that was lost."""
        match error:
            case None:
                return {**self.report(), "status": "completed", "result": _as_result(result)}
            case LeaseLost():
                return None
            case Paused() if self.is_paused:
                return {**self.report(), "status": "released"}
            case OutcomeUnknown():
                return {**self.report(), "status": "unknown", "error": str(error) or "unknown"}
            case Failed():
                return {**self.report(), "status": "failed", "error": str(error), "retry": error.retry}
        told = f"{type(error).__name__}: {error}"
        return {**self.report(), "status": "unknown", "error": told}  # which for repeatable work means: try again

    def heard(self, answer: Mapping[str, Any]) -> None:
        """What came of a report."""
        self.is_lost = self.is_lost or answer["is_lost"]
        self.is_paused = answer["pause_requested"]


class Task(_InHand):
    """A job in a handler's hand."""

    def __init__(self, client: JobRunner, agent_id: int, claimed: Mapping[str, Any]) -> None:
        super().__init__(claimed)
        self._client, self._agent_id = client, agent_id

    def artifact(self, name: str, content: bytes) -> None:
        """Store a file that the job made."""
        self._client.call(_upload(self._agent_id, self.job_id, self._token, name, content))


class AsyncTask(_InHand):
    """A job in an asynchronous handler's hand."""

    def __init__(self, client: AsyncJobRunner, agent_id: int, claimed: Mapping[str, Any]) -> None:
        super().__init__(claimed)
        self._client, self._agent_id = client, agent_id

    async def artifact(self, name: str, content: bytes) -> None:
        """Store a file that the job made."""
        await self._client.call(_upload(self._agent_id, self.job_id, self._token, name, content))


def _as_result(value: Any) -> dict[str, Any]:
    """What a handler returned, as the server takes it."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        return {"message": f"Done; its result cannot be told: {error}"}
    return value if isinstance(value, dict) else {} if value is None else {"message": str(value)}


def _refused(endings: Sequence[Mapping[str, Any]], heard: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the server would not take, told in fewer words: how it ended stays, lest it is done a second time."""
    return [
        {"job_id": ending["job_id"], "lease_token": ending["lease_token"], "status": ending["status"], "retry": False}
        | {"result": {"message": f"Done; its result was refused: {each['problem']}"}, "error": _refusal(ending, each)}
        for ending, each in zip(endings, heard, strict=True)
        if each["problem"] and not each["is_lost"] and set(ending) != _SHORTEST
    ]


_SHORTEST = {"job_id", "lease_token", "status", "retry", "result", "error"}


def _refusal(ending: Mapping[str, Any], heard: Mapping[str, Any]) -> str:
    return str(ending.get("error") or f"The report was refused: {heard['problem']}")[:2000]


def _passes(error: Exception) -> bool:
    """Whether the same may be taken a moment later."""
    return isinstance(error, httpx.TransportError) or (
        isinstance(error, JobRunnerError) and (error.status >= 500 or error.status == 429)
    )


Handler = Callable[[Task], dict[str, Any] | None]
AsyncHandler = Callable[[AsyncTask], Awaitable[dict[str, Any] | None]]


class Worker:
    """Claims jobs and runs a handler for each, in threads; leases are renewed beside the work.

    What a handler returns is the job's result. It may raise `Failed` or `OutcomeUnknown`; any other exception counts
    as `OutcomeUnknown`, which for repeatable work means that it is tried again. A claim waits `wait_seconds` (0 to 30)
    for work; a lease of `lease_seconds` (5 to 3600) is renewed thrice in that time.
    """

    def __init__(
        self,
        client: JobRunner,
        name: str,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int = 1,
        lease_seconds: float = LEASE_SECONDS,
        wait_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._client = client
        self._handlers = handlers
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._concurrency = concurrency
        self._stopping = threading.Event()
        self._freed = threading.Event()
        self._done = threading.Event()
        self._tasks: set[Task] = set()
        body = {"name": name, "types": list(handlers), "concurrency": concurrency}
        self.id: int = client.call(_Call("POST", f"{API}/agents", body))["id"]

    def stop(self) -> None:
        """Take nothing more; `run` returns when the claim that waits is over, and what is in hand is done."""
        self._stopping.set()
        self._freed.set()

    def run(self) -> None:
        """Work until `stop`."""
        threading.Thread(target=self._renew, daemon=True).start()
        try:
            self._work()
        finally:
            self._done.set()

    def _work(self) -> None:
        with ThreadPoolExecutor(self._concurrency) as threads:
            while not self._stopping.is_set():
                self._freed.clear()
                if (free := self._concurrency - len(self._tasks)) < 1:
                    self._freed.wait()
                    continue
                for claimed in self._claimed(min(free, 500)):
                    task = Task(self._client, self.id, claimed)
                    self._tasks.add(task)
                    threads.submit(self._do, task)

    def _claimed(self, limit: int) -> list[dict[str, Any]]:
        try:
            items: list[dict[str, Any]] = self._client.call(
                _claim(self.id, limit, self._lease_seconds, self._wait_seconds)
            )["items"]
            return items
        except (httpx.TransportError, JobRunnerError) as error:
            if not _passes(error):
                raise
            self._stopping.wait(1)
            return []

    def _do(self, task: Task) -> None:
        result, fault = None, None
        try:
            result = self._handlers[task.type](task)
        except BaseException as error:
            fault = error
        endings = [ending] if (ending := task.ending(result, fault)) else []
        task.is_ending = True
        while endings and not self._done.is_set():
            try:
                heard = self._client.call(_reports(self.id, endings, self._lease_seconds))["items"]
                endings = _refused(endings, heard)
            except (httpx.HTTPError, JobRunnerError) as error:
                if not _passes(error) or task.is_lost:
                    break  # the lease runs out, and the job is rescued
        self._tasks.discard(task)
        self._freed.set()

    def _renew(self) -> None:
        while not self._done.wait(self._lease_seconds / 3):
            tasks = [task for task in list(self._tasks) if not task.is_lost]
            for first in range(0, len(tasks), 500):
                some = tasks[first : first + 500]
                with suppress(httpx.HTTPError, JobRunnerError):
                    reports = [task.renewal() if task.is_ending else task.report() for task in some]
                    answer = self._client.call(_reports(self.id, reports, self._lease_seconds))
                    for task, heard in zip(some, answer["items"], strict=True):
                        task.heard(heard)


class AsyncWorker:
    """`Worker` with coroutines."""

    def __init__(
        self,
        client: AsyncJobRunner,
        name: str,
        handlers: Mapping[str, AsyncHandler],
        *,
        concurrency: int = 1,
        lease_seconds: float = LEASE_SECONDS,
        wait_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._client = client
        self._handlers = handlers
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._concurrency = concurrency
        self._body = {"name": name, "types": list(handlers), "concurrency": concurrency}
        self._tasks: set[AsyncTask] = set()
        self._ended: list[tuple[AsyncTask, dict[str, Any]]] = []
        self._something_ended = asyncio.Event()
        self.id = 0

    async def run(self) -> None:
        """Work until cancelled; then what is in hand is given back when its leases run out."""
        self.id = (await self._client.call(_Call("POST", f"{API}/agents", self._body)))["id"]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            group.create_task(self._tell())
            while True:
                if (free := self._concurrency - len(self._tasks)) < 1:
                    await asyncio.sleep(0.01)
                    continue
                for claimed in await self._claimed(min(free, 500)):
                    task = AsyncTask(self._client, self.id, claimed)
                    self._tasks.add(task)
                    group.create_task(self._do(task))

    async def _claimed(self, limit: int) -> list[dict[str, Any]]:
        try:
            answer = await self._client.call(_claim(self.id, limit, self._lease_seconds, self._wait_seconds))
        except (httpx.TransportError, JobRunnerError) as error:
            if not _passes(error):
                raise
            await asyncio.sleep(1)
            return []
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def _do(self, task: AsyncTask) -> None:
        result: dict[str, Any] | None = None
        fault: BaseException | None = None
        try:
            result = await self._handlers[task.type](task)
        except asyncio.CancelledError as error:
            if (own := asyncio.current_task()) and own.cancelling():
                raise
            fault = error
        except Exception as error:
            fault = error
        task.is_ending = True
        if ending := task.ending(result, fault):
            self._ended.append((task, ending))
            self._something_ended.set()
        else:
            self._tasks.discard(task)

    async def _tell(self) -> None:
        """What ends while a report is on its way goes with the next; what cannot be told now is told later."""
        while True:
            await self._something_ended.wait()
            self._something_ended.clear()
            while self._ended:
                some, self._ended = self._ended[:500], self._ended[500:]
                try:
                    await self._tell_of([ending for _, ending in some])
                except (httpx.HTTPError, JobRunnerError) as error:
                    if _passes(error):
                        self._ended += [(task, ending) for task, ending in some if not task.is_lost]
                        self._tasks -= {task for task, _ in some if task.is_lost}
                        await asyncio.sleep(1)
                        continue
                    if len(some) > 1:  # one of them is at fault: each by itself
                        for one in some:
                            with suppress(httpx.HTTPError, JobRunnerError):
                                await self._tell_of([one[1]])
                self._tasks -= {task for task, _ in some}

    async def _tell_of(self, endings: list[dict[str, Any]]) -> None:
        while endings:
            heard = await self._client.call(_reports(self.id, endings, self._lease_seconds))
            endings = _refused(endings, heard["items"])

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            tasks = [task for task in self._tasks if not task.is_lost]
            for first in range(0, len(tasks), 500):
                some = tasks[first : first + 500]
                with suppress(httpx.HTTPError, JobRunnerError):
                    reports = [task.renewal() if task.is_ending else task.report() for task in some]
                    answer = await self._client.call(_reports(self.id, reports, self._lease_seconds))
                    for task, heard in zip(some, answer["items"], strict=True):
                        task.heard(heard)
