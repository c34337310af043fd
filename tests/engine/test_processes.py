"""Programs that a job starts: real ones, which end with what started them, and take what they started along."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from engine import processes
from engine.processes import Processes
from tests.support.engine import until_set

# A program with a child of its own, both deaf to SIGTERM; it prints both ids once both are deaf.
DEAF = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if len(sys.argv) > 1:
        print("deaf", flush=True)
        time.sleep(60)
    child = subprocess.Popen([sys.executable, __file__, "child"], stdout=subprocess.PIPE)
    child.stdout.readline()
    print(os.getpid(), child.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 0.1)
    monkeypatch.setattr(processes, "LAST_LINES_SECONDS", 1.0)


def program(folder: Path, text: str) -> tuple[str, str]:
    file = folder / "program.py"
    file.write_text(dedent(text))
    return sys.executable, str(file)


async def lines_of(folder: Path, text: str) -> list[str]:
    lines: list[str] = []
    await Processes().run(*program(folder, text), on_line=gathered(lines))
    return lines


def gathered(lines: list[str], said: asyncio.Event | None = None) -> Callable[[str], Awaitable[None]]:
    async def on_line(line: str) -> None:
        lines.append(line)
        if said:
            said.set()

    return on_line


@pytest.mark.parametrize("code", [0, 1, 77])
async def test_the_exit_code_comes_back(tmp_path: Path, code: int) -> None:
    assert await Processes().run(*program(tmp_path, f"raise SystemExit({code})")) == code


async def test_each_line_is_told_in_its_order_errors_too_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    text = """
        import os
        for line in (b"one\\n", b"gr\\xc3\\xb6\\xc3\\x9fe\\r\\n", b"\\n", b"\\xff\\n"):
            os.write(1, line)
        os.write(2, b"an error\\n")
        os.write(1, b"no end")
    """
    assert await lines_of(tmp_path, text) == ["one", "größe", "", "\ufffd", "an error", "no end"]


async def test_a_line_may_be_as_long_as_the_program_likes(tmp_path: Path) -> None:
    """ffmpeg tells its progress in one line that it never ends."""
    lines = await lines_of(tmp_path, "print('x' * 1_000_000)")
    assert sum(map(len, lines)) == 1_000_000


async def test_it_runs_in_the_folder_that_it_was_given_and_reads_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    text = "import os, sys; print(os.path.samefile('.', os.path.dirname(__file__)), repr(sys.stdin.read()))"
    await Processes().run(*program(tmp_path, text), folder=tmp_path, on_line=gathered(lines))
    assert lines == ["True ''"]


async def test_it_is_told_none_of_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_RUNNER_SMTP_PASSWORD", "secret")
    monkeypatch.setenv("ELSEWHERE", "told")
    text = "import os; print(os.environ.get('JOB_RUNNER_SMTP_PASSWORD'), os.environ['ELSEWHERE'])"
    assert await lines_of(tmp_path, text) == ["None told"]


async def test_a_nice_program_gives_way_to_others(tmp_path: Path) -> None:
    lines: list[str] = []
    await Processes().run(*program(tmp_path, "import os; print(os.nice(0))"), on_line=gathered(lines), nice=True)
    assert lines == [str(os.nice(0) + processes.NICENESS)]


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        await Processes().run("no-such-program", "--version")


async def test_a_cancellation_ends_the_program_and_its_child_even_if_they_do_not_listen(tmp_path: Path) -> None:
    lines, said = list[str](), asyncio.Event()
    task = asyncio.create_task(Processes().run(*program(tmp_path, DEAF), on_line=gathered(lines, said)))
    await until_set(said)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for pid in lines[0].split():
        await until_gone(int(pid))


async def test_a_program_is_asked_to_end_before_it_is_made_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 10)
    text = """
        import pathlib, signal, sys, time
        def end(*_):
            pathlib.Path("tidied").touch()
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        time.sleep(60)
    """
    said = asyncio.Event()
    running = Processes().run(*program(tmp_path, text), folder=tmp_path, on_line=gathered([], said))
    task = asyncio.create_task(running)
    await until_set(said)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "tidied").exists()


async def test_what_its_line_raises_ends_the_program_and_its_child(tmp_path: Path) -> None:
    lines: list[str] = []

    async def on_line(line: str) -> None:
        lines.append(line)
        raise ValueError("no such frame")

    with pytest.raises(ValueError, match="no such frame"):
        await Processes().run(*program(tmp_path, DEAF), on_line=on_line)
    for pid in lines[0].split():
        await until_gone(int(pid))


@pytest.mark.parametrize("output", ["None", "subprocess.DEVNULL"], ids=["with-its-output", "on-its-own"])
async def test_a_child_that_outlives_its_program_is_ended_with_it(tmp_path: Path, output: str) -> None:
    text = f"""
        import subprocess, sys
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        print(subprocess.Popen(sleep, stdout={output}, stderr={output}).pid)
    """
    async with asyncio.timeout(10):
        (pid,) = await lines_of(tmp_path, text)
    await until_gone(int(pid))


async def test_killing_ends_every_program_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERMINATE_SECONDS", 60)
    both, lines, said = Processes(), list[str](), [asyncio.Event(), asyncio.Event()]
    running = [asyncio.create_task(both.run(*program(tmp_path, DEAF), on_line=gathered(lines, one))) for one in said]
    for one in said:
        await until_set(one)
    both.kill()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*running) == [-9, -9]
    for pid in " ".join(lines).split():
        await until_gone(int(pid))


@pytest.mark.skipif(not shutil.which("setpriv"), reason="only setpriv has the kernel end a program with its parent")
async def test_a_program_dies_when_what_started_it_is_killed(tmp_path: Path) -> None:
    text = f"""
        import asyncio, sys
        sys.path.insert(0, {str(Path.cwd())!r})
        from engine.processes import Processes
        async def on_line(line):
            print(line, flush=True)
        sleep = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        asyncio.run(Processes().run(sys.executable, "-c", sleep, on_line=on_line))
    """
    engine = subprocess.Popen(program(tmp_path, text), stdout=subprocess.PIPE)  # noqa: ASYNC220 (must not be ours)
    assert engine.stdout
    pid = int(await asyncio.to_thread(engine.stdout.readline))
    engine.kill()
    await until_gone(pid)
    engine.wait()
    engine.stdout.close()


async def until_gone(pid: int) -> None:
    """Dead; whether anybody has fetched its exit code depends on the machine."""
    async with asyncio.timeout(10):
        with suppress(psutil.NoSuchProcess):
            while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110 (no event tells of it)
                await asyncio.sleep(0.01)


@pytest.mark.skipif(not shutil.which("setsid"), reason="this system has no setsid")
async def test_a_child_that_left_the_group_with_the_output_keeps_nobody_waiting() -> None:
    lines: list[str] = []
    async with asyncio.timeout(20):
        assert await Processes().run("sh", "-c", "setsid sleep 30 & echo said", on_line=gathered(lines)) == 0
    assert lines == ["said"]
