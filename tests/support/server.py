"""A real Job Runner in a process of its own, on a free port, with its own data folder."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx

from tests.support.fork_server import Forked, ForkServer

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "tests" / "plugin"
LOOPBACK = "127.0.0.1"
FORK_SERVER = ForkServer(PLUGIN)
START_SECONDS = 30.0
JOB_SECONDS = 40.0
WEBSOCKET = (  # how a page begins to listen
    "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def _must_exist(answer: httpx.Response) -> None:
    """A test that misspells an address would otherwise test nothing, unless it looks at what came of it."""
    if answer.status_code == 404 and "nowhere" not in answer.request.extensions:
        answer.read()
        assert "see /api/openapi.json" not in answer.text, answer.text


class JobRunner:
    """`with JobRunner(folder) as runner: runner.url …`; its output is shown when it dies."""

    program: tuple[str, ...] = ("main.py",)
    by_fork: ClassVar[bool] = False
    """Whether what has to be imported is inherited, which saves most of the time of a start."""

    def __init__(self, data_dir: Path, **settings: object) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        host = str(settings.get("HOST", LOOPBACK))
        self.address = LOOPBACK if host == "0.0.0.0" else host
        self.url = f"http://{self.address}:{self.port}"
        self._settings = {"DATA_DIR": data_dir, "PORT": self.port, **settings}
        self._process: subprocess.Popen[bytes] | Forked | None = None
        hooks = {"response": [_must_exist]}
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, event_hooks=hooks)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process
        return self._process.pid

    @property
    def database_url(self) -> str:
        """Where its jobs are."""
        return str(self._settings.get("DATABASE_URL") or f"sqlite://{self.data_dir / 'job-runner.db'}")

    @property
    def output(self) -> str:
        """Everything that it has printed."""
        file = self.data_dir.parent / f"{self.data_dir.name}.log"
        return file.read_text() if file.exists() else ""

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        log = self.data_dir.parent / f"{self.data_dir.name}.log"
        self._process = start_process(self.program, environment(self._settings), log, by_fork=self.by_fork)
        self._wait_until_it_answers()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self.end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL, and the exit code."""
        return self.end(signal.SIGKILL)

    def until_it_said(self, words: str) -> None:
        """Wait until its output has these words."""
        _until_said(self, words)

    def token(self, name: str, *scopes: str, password: str = "correct horse") -> str:
        """A token that the administrator, who has this password, creates."""
        own = {"Origin": self.url}
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False, headers=own) as browser:
            assert browser.post("/login", data={"name": "admin", "password": password}).status_code == 303
            answer = browser.post("/api/v1/tokens", json={"name": name, "scopes": scopes})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def submit(self, type_key: str, payload: Mapping[str, Any] | None = None, **more: Any) -> int:
        """Create a job through the API, and return its id."""
        answer = self.http.post("/api/v1/jobs", json={"type": type_key, "payload": payload or {}, **more})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def job(self, job_id: int) -> dict[str, Any]:
        """A job as the API tells it."""
        document: dict[str, Any] = self.http.get(f"/api/v1/jobs/{job_id}").json()
        return document

    def until(self, job_id: int, *statuses: str) -> dict[str, Any]:
        """The job, once it has one of these statuses."""
        return self.until_told(f"/api/v1/jobs/{job_id}", lambda job: job["status"] in statuses)

    def until_told(
        self, path: str, holds: Callable[[dict[str, Any]], bool], *, http: httpx.Client | None = None
    ) -> dict[str, Any]:
        """What the API tells at this address, once that holds; `http` asks in the name of somebody else."""
        for _ in range(int(JOB_SECONDS / 0.05)):
            document: dict[str, Any] = (http or self.http).get(path).json()
            if holds(document):
                return document
            _pause()
        raise AssertionError(f"{path} has not told it within {JOB_SECONDS:g} s, but {document}")

    def raw(self, *lines: str, body: bytes = b"") -> str:
        """The answer to a request that no client would make; Host is added unless it is there."""
        with self.connect(*lines, body=body) as connection:
            answer = b""
            while received := connection.recv(65536):
                answer += received
        return answer.decode("latin-1")

    def begin(self, *lines: str) -> str:
        """The head of the answer to a request that may be answered by an open line, as for a websocket."""
        with self.connect(*lines) as connection, connection.makefile("rb") as reader:
            head = b""
            while (line := reader.readline()) not in (b"\r\n", b""):
                head += line
        return head.decode("latin-1")

    def break_off(self, *lines: str, body: bytes = b"") -> None:
        """Send as much of a request, and hang up."""
        self.connect(*lines, body=body).close()

    def connect(self, *lines: str, body: bytes = b"") -> socket.socket:
        """An open line on which the request has been sent."""
        host = [] if any(line.lower().startswith("host:") for line in lines) else [f"Host: {self.address}:{self.port}"]
        close = [] if any(line.lower().startswith("connection:") for line in lines) else ["Connection: close"]
        head = "\r\n".join([*lines, *host, *close, "", ""])
        connection = socket.create_connection((self.address, self.port), timeout=10)
        connection.sendall(head.encode("latin-1") + body)
        return connection

    def end(self, how: signal.Signals) -> int:
        """Send the signal, and the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        assert self._process
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def _wait_until_it_answers(self) -> None:
        assert self._process
        transport = httpx.HTTPTransport(retries=0)
        with httpx.Client(transport=transport, timeout=1) as client:
            for _ in range(int(START_SECONDS / 0.05)):
                if self._process.poll() is not None:
                    raise RuntimeError(f"Job Runner ended with {self._process.returncode}:\n{self.output}")
                try:
                    if client.get(f"{self.url}/healthz").status_code == 200:
                        return
                except httpx.TransportError:
                    _pause()
        raise RuntimeError(f"Job Runner did not answer within {START_SECONDS:g} s:\n{self.output}")


class WorkerProcess:
    """A worker in a process of its own; it is online a moment after it was started."""

    by_fork: ClassVar[bool] = False

    def __init__(self, data_dir: Path, *arguments: str, **settings: object) -> None:
        self._command = ("main.py", "worker", *arguments)
        self._environment = environment({"DATA_DIR": data_dir, **settings})
        self._log = data_dir.parent / f"{data_dir.name}-worker-{id(self)}.log"
        self._process: subprocess.Popen[bytes] | Forked | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything that it has printed."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Start, and wait for nothing."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._process = start_process(self._command, self._environment, self._log, by_fork=self.by_fork)

    def until_it_said(self, words: str) -> None:
        """Wait until its output has these words."""
        _until_said(self, words)

    def send(self, how: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        assert self._process
        self._process.send_signal(how)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, if it has not ended, and return the exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(timeout=30)
        self._process = None
        return code

    def kill(self) -> int:
        """SIGKILL, and the exit code."""
        return self.stop(signal.SIGKILL)


def start_process(
    command: Sequence[str], env: Mapping[str, str], output: Path, *, by_fork: bool
) -> subprocess.Popen[bytes] | Forked:
    """Start a program of this repository, with just this environment; what it prints is added to the file."""
    program, *arguments = command
    if by_fork and program == "main.py":
        return FORK_SERVER.start(arguments, env, output)
    with output.open("ab") as log:
        return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=dict(env), stdout=log, stderr=log)


def _until_said(process: JobRunner | WorkerProcess, words: str) -> None:
    for _ in range(int(START_SECONDS / 0.05)):
        if words in process.output:
            return
        _pause()
    raise AssertionError(f"{words!r} expected within {START_SECONDS:g} s, got:\n{process.output}")


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's environment with these settings, the test job types, and nothing left of other settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOB_RUNNER_")}
    chosen = {f"JOB_RUNNER_{name}": str(value) for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(PLUGIN), "PYTHONUNBUFFERED": "1", **chosen}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pause() -> None:
    """Give the process a moment before it is asked again."""
    signal.sigtimedwait([], 0.05)
