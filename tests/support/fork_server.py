"""Starts `main.py` again and again without importing everything anew: a process that has imported it forks.

What is started is a process of its own that runs `main.main` with its own environment, output and signals; only the
imports, two of the three seconds of a start, are inherited. Whatever is about the start itself, or must be started in
a namespace of its own, uses `subprocess`.
"""

import array
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
MOST = 1 << 20  # bytes of a request


class Forked:
    """As much of `subprocess.Popen` as tests use; its parent is the fork server, which tells how it ended."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.pid = int(_received(line)["pid"])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not ended within so many seconds.
        """
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._line, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("main.py", timeout or 0)
            self.returncode = int(_received(self._line)["code"])
            self._line.close()
        return self.returncode

    def send_signal(self, how: int) -> None:
        """Send it, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, how)


class ForkServer:
    """Started at the first use; ends with this process, whose standing it looks at."""

    def __init__(self, plugin: Path) -> None:
        self._plugin = plugin
        self._line: socket.socket | None = None

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Forked:
        """Run `main.py` with these arguments and just this environment; what it prints is added to the file."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"arguments": list(arguments), "environment": dict(environment), "output": str(output)}
        with theirs:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
            self._opened().sendmsg([json.dumps(request).encode()], [rights])
        return Forked(ours)

    def _opened(self) -> socket.socket:
        if self._line is None:
            self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": str(self._plugin), "PYTHONUNBUFFERED": "1"},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )
        return self._line


def _received(line: socket.socket) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(line.recv(MOST))
    return message


def _serve(line: socket.socket) -> None:
    """Fork for each request, and tell how each child ended, until nobody holds the other end."""
    selector = selectors.DefaultSelector()
    selector.register(line, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                pid, teller = key.data
                _, status = os.waitpid(pid, 0)
                selector.unregister(key.fd)
                os.close(key.fd)
                with teller, suppress(OSError):  # nobody may want to know any more
                    teller.send(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())
                continue
            request, descriptors, _, _ = socket.recv_fds(line, MOST, 1)
            if not request:
                return
            teller = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                _close_all(selector, teller)
                _become(json.loads(request))
            teller.send(json.dumps({"pid": pid}).encode())
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, teller))


def _close_all(selector: selectors.BaseSelector, teller: socket.socket) -> None:
    """What only the fork server uses."""
    for key in list(selector.get_map().values()):
        os.close(key.fd)
        if key.data:
            key.data[1].close()
    selector.close()
    teller.close()


def _become(request: dict[str, Any]) -> NoReturn:
    """Run `main.py` as the interpreter would, to its end."""
    from nicegui.storage import Storage

    output = os.open(request["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path += [place for place in places if place and place not in sys.path]
    Storage.path = Path(os.environ["JOB_RUNNER_DATA_DIR"], "pages").absolute()  # which it read when it was imported
    sys.argv = ["main.py", *request["arguments"]]
    sys.exit(main.main(request["arguments"]))


if __name__ == "__main__":
    import main
    import ui.app  # noqa: F401 (so that nobody who is started has to)
    from tests.support.passwords import hash_cheaply

    hash_cheaply()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _serve(socket.socket(fileno=int(sys.argv[1])))
