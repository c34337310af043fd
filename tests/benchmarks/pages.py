"""What a page of 15 cards costs, and the memory with one page open."""

from pathlib import Path
from time import perf_counter

import psutil

from tests.benchmarks.sockets import open_pages
from tests.benchmarks.table import line, spread, title
from tests.browser.pages import copy_job
from tests.support.moments import LATER
from tests.support.other_program import ask
from tests.support.server import JobRunner

ROUNDS = 30  # of which no browser opens a socket: a person may have so many loading
FEW_ROUNDS = 8  # of each way to look, for the same reason
PASSWORD = "correct horse"
SIZES = (3, 200)
LOOKED_FOR = {
    "no filter": "",
    "search": "q=numbers",
    "search of a rare word": "q=ada1",
    "status": "status=failed",
    "creator and time": "by=person+1&since=week",
    "history": "view=history",
    "history by end": "view=history&sort=ended",
}


def run(folder: Path) -> None:
    """Fifteen cards first, then fifteen finished rows below them as well."""
    title("Pages")
    with JobRunner(folder / "data", POLL_SECONDS=0.2) as runner:
        _measure(runner, "empty page")
        for number in range(15):
            runner.submit("EMAIL_SEND", _mail(number), run_at=LATER)
        _measure(runner, "page of 15 cards", "under 80 ms")
        for _ in range(15):
            runner.submit("TEST_NOOP")
        while runner.http.get("/api/v1/jobs?status=completed").json()["total"] < 15:
            pass
        _measure(runner, "page of 15 cards and 15 rows")
    for total in SIZES:
        _finding(folder / f"finding-{total}", total)
    _sign_in_costs(folder)
    with JobRunner(folder / "data") as runner, open_pages(runner.url, 1):
        line("memory with one page open", f"{_memory(runner):.0f} MB", "under 150 MB")


def _finding(folder: Path, total: int) -> None:
    """The Jobs page by what is looked for, with few, some or many jobs, a tenth of which failed."""
    with JobRunner(folder / "data", POLL_SECONDS=3600) as runner:
        kinds = [runner.submit("EMAIL_SEND", _mail(number), created_by=f"person {number}") for number in range(3)]
        ask(runner.database_url, f"UPDATE job SET status = 'failed', error = 'It was refused' WHERE id = {kinds[1]}")
        ended = "status = 'completed', finished_at = created_at"
        ask(runner.database_url, f"UPDATE job SET {ended} WHERE id = {kinds[2]}")
        for _ in range(10 if total > len(kinds) else 0):  # mixed, as they are in life
            for job_id, tenths in zip(reversed(kinds), (8, 1, 1), strict=True):
                copy_job(runner, job_id, total * tenths // 100)
        for name, query in LOOKED_FOR.items():
            _measure(runner, f"{name}, {total:,} jobs", "under 100 ms", f"/app/jobs?{query}", FEW_ROUNDS)


def _measure(runner: JobRunner, name: str, bound: str = "", path: str = "/app/jobs", rounds: int = ROUNDS) -> None:
    process = psutil.Process(runner.pid)
    runner.http.get(path).raise_for_status()
    times, before = [], sum(process.cpu_times()[:2])
    for _ in range(rounds):
        began = perf_counter()
        runner.http.get(path).raise_for_status()
        times.append(1000 * (perf_counter() - began))
    cpu = 1000 * (sum(process.cpu_times()[:2]) - before) / rounds
    line(f"{name}: answer", spread(times), bound)
    line(f"{name}: processor time", f"{cpu:.0f} ms")


def _sign_in_costs(folder: Path) -> None:
    """The same page of two processes in turn, so that both see the same machine."""
    with (
        JobRunner(folder / "without") as without,
        JobRunner(folder / "with", HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD) as signed_in,
    ):
        answer = signed_in.http.post("/login", data={"name": "admin", "password": PASSWORD})
        signed_in.http.cookies = answer.cookies
        more = []
        for _ in range(ROUNDS):
            times = []
            for runner in (without, signed_in):
                began = perf_counter()
                runner.http.get("/app/jobs").raise_for_status()
                times.append(1000 * (perf_counter() - began))
            more.append(times[1] - times[0])
    line("what a sign-in adds to a page", spread(more), "at most 10 ms more")


def _memory(runner: JobRunner) -> float:
    return float(psutil.Process(runner.pid).memory_info().rss) / 1e6


def _mail(number: int) -> dict[str, str]:
    return {"to": f"ada{number}@example.org", "subject": f"Numbers of week {number}", "body": "Here they are."}
