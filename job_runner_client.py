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


def _move(job_id: int, move: str) -> _Call:
    return _Call("POST", f"{API}/jobs/{job_id}/{move}", may_repeat=False)


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
        self._http = httpx.Client(base_url=url, headers=headers)

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
                    if not answer.is_success and _wait_before(tries, answer) is None:
                        answer.read()
                        _read(answer)
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
            if wait is None or tries == TRIES or (fault and not call.may_repeat):
                break
            time.sleep(wait)
        if answer is None:
            raise fault or httpx.TransportError("no answer")
        return _read(answer)


class AsyncJobRunner:
    """`JobRunner` with `await`."""

    def __init__(self, url: str = "http://127.0.0.1:8080", token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=url, headers=headers)

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
                    if not answer.is_success and _wait_before(tries, answer) is None:
                        await answer.aread()
                        _read(answer)
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
            if wait is None or tries == TRIES or (fault and not call.may_repeat):
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
        self.is_lost = self.is_paused = False

    def progress(self, percent: float) -> None:
        """Tell how far the work is, 0 to 100. A safe point.

        Raises:
            LeaseLost: the job is no longer this worker's.
            Paused: somebody paused it.
        """
        if self.is_lost:
            raise LeaseLost(f"job {self.job_id} was cancelled, or given to another worker")
        if self.is_paused:
            raise Paused(f"job {self.job_id} was paused")
        self._progress = max(percent, self._progress or 0.0)

    def log(self, text: str) -> None:
        """Add a line to the attempt's log."""
        self._log.append(text)

    def report(self) -> dict[str, Any]:
        """What has not been told yet."""
        lines, self._log = self._log[:100], self._log[100:]
        told: dict[str, Any] = {"job_id": self.job_id, "lease_token": self._token, "log": lines}
        return told | ({"progress": self._progress} if self._progress is not None else {})

    def ending(self, result: dict[str, Any] | None, error: BaseException | None) -> dict[str, Any] | None:
        """How it ended; None for a lease that was lost."""
        match error:
            case None:
                return {**self.report(), "status": "completed", "result": result or {}}
            case LeaseLost():
                return None
            case Paused():
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


def _refused(endings: Sequence[Mapping[str, Any]], heard: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the server would not take, as failures that say why: the job must not be done over and over."""
    return [
        {"job_id": ending["job_id"], "lease_token": ending["lease_token"], "status": "failed", "retry": False}
        | {"error": f"The result was refused: {each['problem']}"}
        for ending, each in zip(endings, heard, strict=True)
        if each["problem"] and not each["is_lost"]
    ]


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
        self._tasks: dict[int, Task] = {}
        self._lock = threading.Lock()
        body = {"name": name, "types": list(handlers), "concurrency": concurrency}
        self.id: int = client.call(_Call("POST", f"{API}/agents", body))["id"]

    def stop(self) -> None:
        """Take nothing more; `run` returns when the claim that waits is over, and what is in hand is done."""
        self._stopping.set()
        self._freed.set()

    def run(self) -> None:
        """Work until `stop`."""
        renewing = threading.Thread(target=self._renew, daemon=True)
        renewing.start()
        with ThreadPoolExecutor(self._concurrency) as threads:
            while not self._stopping.is_set():
                self._freed.clear()
                if (free := self._concurrency - len(self._tasks)) < 1:
                    self._freed.wait()
                    continue
                for claimed in self._claimed(min(free, 500)):
                    task = self._tasks[claimed["job_id"]] = Task(self._client, self.id, claimed)
                    threads.submit(self._do, task)
        renewing.join()

    def _claimed(self, limit: int) -> list[dict[str, Any]]:
        try:
            items: list[dict[str, Any]] = self._client.call(
                _claim(self.id, limit, self._lease_seconds, self._wait_seconds)
            )["items"]
            return items
        except httpx.TransportError:
            self._stopping.wait(1)
            return []

    def _do(self, task: Task) -> None:
        result, fault = None, None
        try:
            result = self._handlers[task.type](task)
        except BaseException as error:
            fault = error
        try:
            endings = [ending] if (ending := task.ending(result, fault)) and not task.is_lost else []
            while endings:
                heard = self._client.call(_reports(self.id, endings, self._lease_seconds))["items"]
                endings = _refused(endings, heard)
        except (httpx.HTTPError, JobRunnerError):
            pass  # the lease runs out, and the job is rescued
        finally:
            del self._tasks[task.job_id]
            self._freed.set()

    def _renew(self) -> None:
        while not (self._stopping.wait(self._lease_seconds / 3) and not self._tasks):
            tasks = list(self._tasks.values())
            for first in range(0, len(tasks), 500):
                some = tasks[first : first + 500]
                with suppress(httpx.HTTPError, JobRunnerError):
                    reports = [task.report() for task in some]
                    answer = self._client.call(_reports(self.id, reports, self._lease_seconds))
                    for task, heard in zip(some, answer["items"], strict=True):
                        task.heard(heard)
            if self._stopping.is_set():
                time.sleep(0.05)


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
        self._tasks: dict[int, AsyncTask] = {}
        self._ended: list[dict[str, Any]] = []
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
                    task = self._tasks[claimed["job_id"]] = AsyncTask(self._client, self.id, claimed)
                    group.create_task(self._do(task))

    async def _claimed(self, limit: int) -> list[dict[str, Any]]:
        try:
            answer = await self._client.call(_claim(self.id, limit, self._lease_seconds, self._wait_seconds))
        except httpx.TransportError:
            await asyncio.sleep(1)
            return []
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def _do(self, task: AsyncTask) -> None:
        result, fault = None, None
        try:
            result = await self._handlers[task.type](task)
        except Exception as error:
            fault = error
        if (ending := task.ending(result, fault)) and not task.is_lost:
            self._ended.append(ending)
            self._something_ended.set()
        else:
            del self._tasks[task.job_id]

    async def _tell(self) -> None:
        """What ends while a report is on its way goes with the next."""
        while True:
            await self._something_ended.wait()
            self._something_ended.clear()
            while self._ended:
                some, self._ended = self._ended[:500], self._ended[500:]
                with suppress(httpx.HTTPError, JobRunnerError):  # the leases run out, and the jobs are rescued
                    heard = await self._client.call(_reports(self.id, some, self._lease_seconds))
                    if again := _refused(some, heard["items"]):
                        await self._client.call(_reports(self.id, again, self._lease_seconds))
                for ending in some:
                    self._tasks.pop(ending["job_id"], None)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            told = {ending["job_id"] for ending in self._ended}
            tasks = [task for task in self._tasks.values() if task.job_id not in told]
            for first in range(0, len(tasks), 500):
                some = tasks[first : first + 500]
                with suppress(httpx.HTTPError, JobRunnerError):
                    reports = [task.report() for task in some]
                    answer = await self._client.call(_reports(self.id, reports, self._lease_seconds))
                    for task, heard in zip(some, answer["items"], strict=True):
                        task.heard(heard)
