"""Programs that a job starts: whole groups, so that stopping a job also stops what its programs have started."""

import asyncio
import errno
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

TERMINATE_SECONDS = 1.5
NICENESS = 10
LAST_LINES_SECONDS = 30.0
MAX_LINE = 65_536  # bytes
OnLine = Callable[[str], Awaitable[None]]


class Processes:
    """The programs of one attempt."""

    def __init__(self) -> None:
        self._running: set[asyncio.subprocess.Process] = set()

    async def run(
        self, *arguments: str, folder: Path | None = None, on_line: OnLine | None = None, nice: bool = False
    ) -> int:
        """Run a program to its end and return its exit code; each line of its output goes to `on_line`.

        Whatever ends this earlier (a cancellation, an exception of `on_line`) also ends the program. What it has
        started ends with it in any case: asked first, and by force a moment later. Where the system can, the
        program dies with us. A line of more than 64 KiB comes in pieces.

        Raises:
            FileNotFoundError: there is no such program.
        """
        if shutil.which(arguments[0]) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), arguments[0])
        reading, writing = os.pipe()  # our own: a child that keeps the output open must not keep us waiting
        try:
            process = await asyncio.create_subprocess_exec(
                *_dying_with_us(),
                *(_giving_way() if nice else ()),
                *arguments,
                cwd=folder,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._running.add(process)
        lines = asyncio.create_task(_read(reading, on_line))
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({lines, ended}, return_when=asyncio.FIRST_COMPLETED)
            if lines.done():
                await lines  # raises what `on_line` raised
            code = await ended
            _signal(process, signal.SIGKILL)  # what it has started may have outlived it
            await asyncio.wait({lines}, timeout=LAST_LINES_SECONDS)  # or have left the group, with its output
            if lines.done():
                await lines
            return code
        finally:
            await self._end(process)
            for task in (lines, ended):
                task.cancel()

    def kill(self) -> None:
        """End them all by force, at once."""
        for process in self._running:
            _signal(process, signal.SIGKILL)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        try:
            if process.returncode is None:
                await self._ask_to_end(process)
        finally:
            self._running.discard(process)

    async def _ask_to_end(self, process: asyncio.subprocess.Process) -> None:
        try:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(TERMINATE_SECONDS):
                    await process.wait()
        finally:
            _signal(process, signal.SIGKILL)  # what it has started may not have listened


async def _read(output: int, on_line: OnLine | None) -> None:
    reader = asyncio.StreamReader()
    with os.fdopen(output, "rb", buffering=0) as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            rest = b""
            while piece := await reader.read(MAX_LINE):
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) >= MAX_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    await _tell(line, on_line)
            if rest:
                await _tell(rest, on_line)
        finally:
            transport.close()


async def _tell(line: bytes, on_line: OnLine | None) -> None:
    if on_line:
        await on_line(line.decode(errors="replace").rstrip())


def _signal(process: asyncio.subprocess.Process, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, what)


def _dying_with_us() -> list[str]:
    """Linux's setpriv has the kernel kill the program when we die (prctl(2), PR_SET_PDEATHSIG)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _environment() -> dict[str, str]:
    """Ours but for the settings, among which are secrets."""
    from engine.settings import PREFIX  # what render programs, which import this too, need not wait for

    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _giving_way() -> list[str]:
    """Whatever else wants a processor gets it first."""
    nice = shutil.which("nice")
    return [nice, "-n", str(NICENESS)] if nice else []


def is_alive(pid: int) -> bool:
    """Whether another process has this number; ours does not count, as in a container it is 1 each time."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
