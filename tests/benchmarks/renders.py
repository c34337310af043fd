"""What renders cost: beside ffmpeg by hand, and what pages and the engine's look feel of them."""

import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import imageio_ffmpeg

from engine.renders import threads
from engine.renders.film import ENCODER, RATE, TRANSITION_SECONDS
from engine.renders.scenes import gradient
from tests.benchmarks.table import line, spread, title
from tests.support.server import JobRunner

ROUNDS = 1
SCENES, SECONDS = 6, 5
PAGES = 20
WAIT_SECONDS = 300
COLOURS = ["#312E81", "#065F46", "#7C2D12", "#0F172A", "#9D174D", "#155E75"]


def run(folder: Path) -> None:
    """A film, a report, and the pages beside two films."""
    title("Renders")
    with JobRunner(folder / "data", POLL_SECONDS=0.1) as runner:
        ratios = [_film(runner) / _by_hand() for _ in range(ROUNDS)]
        line(
            "a 30 s film of 6 scenes, to ffmpeg by hand",
            spread([100 * ratio for ratio in ratios], "%"),
            "at most 130 %",
        )
        report = _took(runner, "REPORT", {"title": "Long", "body": _long_report(), "formats": ["html", "pdf", "docx"]})
        pages = runner.job(report[1])["result"]["pages"]
        line(f"a report of {pages} pages, in all three formats", f"{report[0]:.1f} s", "under 10 s for 50 pages")
    with JobRunner(folder / "beside", DRAIN_SECONDS=0) as runner:
        _beside(runner)


def _film(runner: JobRunner) -> float:
    seconds, job_id = _took(runner, "VIDEO_RENDER", {"scenes": _scenes(SECONDS)})
    line(f"job {job_id}: a 30 s film of 6 scenes", f"{seconds:.1f} s")
    return seconds


def _scenes(seconds: float) -> list[dict[str, Any]]:
    return [
        {"text": f"Scene {number + 1}", "colour": colour, "seconds": seconds, "caption": "What is said here"}
        for number, colour in enumerate(COLOURS)
    ]


def _by_hand() -> float:
    """The same pictures joined by the same encoder, as one would write it at a console."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs: list[str] = []
        for number, colour in enumerate(COLOURS):
            red, green, blue = bytes.fromhex(colour[1:])
            gradient((1920, 1080), (red, green, blue)).save(folder / f"{number}.png", compress_level=1)
            length = str(SECONDS + TRANSITION_SECONDS)
            inputs += ["-loop", "1", "-framerate", str(RATE), "-t", length, "-i", str(folder / f"{number}.png")]
        chain = [f"[{number}:v]format=yuv420p[c{number}]" for number in range(SCENES)]
        last = "c0"
        for number in range(1, SCENES):
            fade = f"xfade=transition=fade:duration={TRANSITION_SECONDS}:offset={number * SECONDS}"
            chain.append(f"[{last}][c{number}]{fade}[j{number}]")
            last = f"j{number}"
        filters = ["-filter_complex", ";".join(chain), "-map", f"[{last}]"]
        command = ["nice", "-n", "10", imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", *inputs]
        encode = [*filters, *ENCODER, "-threads", str(threads()), "-filter_complex_threads", str(threads())]
        began = perf_counter()
        subprocess.run([*command, *encode, str(folder / "film.mp4")], check=True)
        seconds = perf_counter() - began
    line("  ffmpeg by hand", f"{seconds:.1f} s")
    return seconds


def _took(runner: JobRunner, type_key: str, payload: dict[str, Any]) -> tuple[float, int]:
    """How long the work took, from its start to its end, and the job."""
    job_id = runner.submit(type_key, payload)
    job = _ended(runner, job_id)
    started, finished = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds(), job_id


def _ended(runner: JobRunner, job_id: int) -> dict[str, Any]:
    until = perf_counter() + WAIT_SECONDS
    while (job := runner.job(job_id))["status"] in ("queued", "running"):
        assert perf_counter() < until, job
        sleep(0.1)
    assert job["status"] == "completed", job
    return job


def _long_report() -> str:
    words = "The team wrote, sent and published more than in any quarter before, and nobody stayed late for it. " * 6
    chart = "```chart\ntype: bar\nmonth,mail,posts\nJuly,120,48\nAugust,141,52\nSeptember,188,61\n```"
    table = "| What | Many |\n| --- | ---: |\n" + "\n".join(f"| Row {n} | {n * 7} |" for n in range(8))
    return "\n\n".join(
        f"# Chapter {number}\n\n{words}\n\n{words}\n\n{chart}\n\n{words}\n\n{table}" for number in range(1, 37)
    )


def _beside(runner: JobRunner) -> None:
    """Pages and looks while two films are made; the engine looks every five seconds, as it comes."""
    films = [runner.submit("VIDEO_RENDER", {"scenes": _scenes(20)}) for _ in range(2)]
    for job_id in films:
        runner.until(job_id, "running")
    times, waits = [], []
    for _ in range(PAGES):
        began = perf_counter()
        runner.http.get("/app/jobs").raise_for_status()
        times.append(1000 * (perf_counter() - began))
        waits.append(runner.submit("TEST_NOOP"))
        sleep(0.3)
    assert any(runner.job(job_id)["status"] == "running" for job_id in films), "the films ended too early"
    late = 0.0
    for job_id in waits:
        job = _ended(runner, job_id)
        started, created = (datetime.fromisoformat(job[name]) for name in ("started_at", "created_at"))
        late = max(late, (started - created).total_seconds() - 5)
    times.sort()
    line("a page beside two films: p95", f"{times[int(0.95 * len(times))]:.0f} ms", "under 150 ms")
    line("a look beside two films, late by at most", f"{max(0.0, late):.2f} s", "under 1 s")
    for job_id in films:
        runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
