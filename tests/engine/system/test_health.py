"""The installation's health: what is said of each part, and from when on somebody should look at it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.backup import LastBackup, save_backup
from engine.settings import Settings
from engine.system import health
from engine.system.facts import Disk, Facts, Outside, Queue
from engine.system.health import Line, Report, State, judged
from engine.system.words import size, span
from engine.version import version
from engine.views import EngineState, EngineView, JobView
from models.about import DatabaseFacts
from models.states import DeliveryStatus, ProcessRole
from models.webhook import Delivery, Webhook
from tests.support.engine import running, settings_in, submitted
from tests.ui.views import a_job

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GB = 1_000_000_000
ONLINE = EngineState(True, None, NOW - timedelta(seconds=2), 5, 10, 3, engines=1)
DATABASE = DatabaseFacts("SQLite", "3.45.1", 12_400_000, 0, "wal", NOW, 0.002, "0015_trace", "0015_trace")

LATELY = r"(a moment|\d+ seconds?)"


def facts(folder: Path, **more: Any) -> Facts:
    """Of an installation that is well, but for these."""
    well: dict[str, Any] = {
        "at": NOW,
        "version": "1.2.3",
        "settings": settings_in(folder, retention_days=30),
        "engine": ONLINE,
        "disk": Disk(100 * GB, 200 * GB),
        "backup": LastBackup(NOW - timedelta(hours=5), 12_000_000),
        "database": DATABASE,
        "queue": Queue(0, 0, None),
        "webhooks": Outside(0, 0),
    }
    return Facts(**{**well, **more})


def part(report: Report, key: str) -> Line:
    return next(line for line in report.lines if line.key == key)


def waiting(minutes: int, **more: Any) -> JobView:
    since = NOW - timedelta(minutes=minutes)
    return a_job(id=12, name="Send email", created_at=since, **more)


def silent(role: ProcessRole = ProcessRole.WORKER) -> EngineView:
    return EngineView(role, None, "render-2", 4711, False, 0, 4, NOW - timedelta(hours=1), NOW - timedelta(minutes=1))


def test_what_is_well_is_told_in_a_sentence_each_and_asks_for_nothing(tmp_path: Path) -> None:
    report = judged(facts(tmp_path))
    assert (report.state, report.sentence) == (State.GOOD, "Everything is well")
    assert {line.key: line.sentence for line in report.lines} == {
        "engine": "1 engine is online and looks for jobs every 5 s; 3 of 10 slots are busy",
        "heartbeat": "The last beat was 2 seconds ago",
        "queue": "No job is queued",
        "database": "SQLite 3.45.1, 12 MB; it answers within 2 ms",
        "disk": "100 GB of 200 GB are free where the data folder is",
        "backup": "The last one was made 5 hours ago, of 12 MB",
        "webhooks": "Every message was taken",
        "retention": "Completed and cancelled jobs are removed 30 days after their end, with their files",
        "clock": "It is 2026-03-01 12:00 UTC here",
        "version": "Job Runner 1.2.3, schema 0015_trace",
    }
    assert not [line for line in report.lines if line.advice]


DOWN = replace(ONLINE, online=False, engines=0, last_beat_at=NOW - timedelta(minutes=3))
FULL = replace(DOWN, fault="the disk is full, so nothing can be stored; free some space")


@pytest.mark.parametrize(
    ("more", "key", "state", "said"),
    [
        ({"engine": DOWN}, "engine", State.BAD, "No engine has been at work for 3 minutes"),
        ({"engine": FULL, "database": None}, "database", State.BAD, "The disk is full, so nothing can be stored"),
        ({"processes": [silent()]}, "heartbeat", State.ATTENTION, "the worker on render-2, process 4711"),
        ({"queue": Queue(3, 3, waiting(20))}, "oldest", State.ATTENTION, "Job 12, Send email, was created 20 minutes"),
        ({"queue": Queue(3, 3, waiting(5))}, "oldest", State.GOOD, "5 minutes ago"),
        ({"queue": Queue(3, 3, waiting(999, run_at=NOW - timedelta(minutes=5)))}, "oldest", State.GOOD, "came due 5"),
        ({"queue": Queue(3, 3, waiting(999, blocked=True))}, "oldest", State.GOOD, "16 hours ago"),
        ({"queue": Queue(3, 0, waiting(99, approval="pending"))}, "oldest", State.GOOD, "1 hour ago"),
        ({"queue": Queue(3, 1, None)}, "queue", State.GOOD, "1 job could start now; 2 jobs wait for approval"),
        ({"database": replace(DATABASE, journal="delete")}, "database", State.ATTENTION, "its journal is delete"),
        ({"database": replace(DATABASE, log_bytes=2 * GB)}, "database", State.ATTENTION, "2.0 GB of write-ahead log"),
        ({"database": replace(DATABASE, answered_in=0.4)}, "database", State.ATTENTION, "within 400 ms"),
        ({"database": replace(DATABASE, at=NOW + timedelta(seconds=9))}, "clock", State.ATTENTION, "9 seconds later"),
        ({"database": replace(DATABASE, schema="0016_more")}, "version", State.ATTENTION, "the schema 0016_more"),
        ({"disk": Disk(2 * GB, 200 * GB)}, "disk", State.ATTENTION, "2.0 GB of 200 GB are free"),
        ({"disk": Disk(GB // 10, 200 * GB)}, "disk", State.BAD, "100 MB of 200 GB are free"),
        ({"backup": None}, "backup", State.ATTENTION, "No backup has been made"),
        ({"backup": LastBackup(NOW - timedelta(days=8), 1)}, "backup", State.ATTENTION, "8 days ago"),
        ({"webhooks": Outside(2, 1)}, "webhooks", State.ATTENTION, "2 webhooks do not take what they are told"),
        ({"webhooks": Outside(0, 5000)}, "webhooks", State.ATTENTION, "5,000 messages wait to be sent"),
    ],
)
def test_what_somebody_should_look_at_says_what_to_do_and_comes_first(
    tmp_path: Path, more: dict[str, Any], key: str, state: State, said: str
) -> None:
    report = judged(facts(tmp_path, **more))
    line = part(report, key)
    assert (line.state, said in line.sentence) == (state, True), line
    assert bool(line.advice) == (state is not State.GOOD)
    assert [each.state for each in report.lines] == sorted((each.state for each in report.lines), key=WORST.index)


WORST = [State.BAD, State.ATTENTION, State.GOOD]


def test_all_of_it_is_as_bad_as_its_worst_part(tmp_path: Path) -> None:
    bad = judged(facts(tmp_path, engine=DOWN, backup=None))
    assert (bad.state, bad.sentence) == (State.BAD, "2 things do not work, and 1 more needs attention")
    assert judged(facts(tmp_path, backup=None)).sentence == "1 thing needs attention; everything works"


def test_sizes_and_spans_are_told_in_the_unit_that_fits() -> None:
    assert [size(count) for count in (0, 999, 1000, 9_949_000, 10_400_000, 999_600_000)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "9.9 MB", "10 MB", "1.0 GB")
    ]
    spans = [timedelta(seconds=seconds) for seconds in (-1, 0.4, 1, 61, 7200, 200_000)]
    assert [span(each) for each in spans] == ["a moment", "a moment", "1 second", "1 minute", "2 hours", "2 days"]


async def test_a_real_installation_is_read_on_either_kind_of_database(
    settings: Settings, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SLOW_ANSWER_SECONDS", 60)
    monkeypatch.setattr(health, "FAST_CLOCK", timedelta(minutes=1))
    made: dict[str, Any] = {"created_at": NOW, "kinds": [], "secret": "", "created_by": "ada"}
    async with running(settings) as atlas:
        assert part(await atlas.system.report(), "webhooks").state is State.GOOD
        job_id = await submitted(atlas, "WEBHOOK_CALL", {"url": "https://example.org"}, requires_approval=True)
        for name, error in (("well", None), ("ill", "no answer")):
            hook = await Webhook.create(name=name, url="https://ops.example", **made)
            sent: dict[str, Any] = {"kind": "job.failed", "job_id": 1, "body": {}, "created_at": NOW, "attempts": 1}
            await Delivery.create(
                webhook_id=hook.id, message_id=name, error=error, status=DeliveryStatus.FAILED, **sent
            )
        report = await atlas.system.report()
    assert part(report, "engine").state is State.GOOD
    assert part(report, "database").sentence.startswith({"sqlite": "SQLite 3.", "postgres": "PostgreSQL "}[kind])
    assert part(report, "database").state is part(report, "clock").state is part(report, "version").state is State.GOOD
    oldest = part(report, "oldest").sentence
    assert re.match(rf"Job {job_id}, Call webhook, was created {LATELY} ago: waits", oldest), oldest
    assert part(report, "webhooks").sentence.startswith("1 webhook does not take what it is told")
    assert report.version == version() != "0"


@pytest.mark.sqlite
async def test_a_backup_that_was_made_is_known_of(settings: Settings, tmp_path: Path) -> None:
    async with running(settings) as atlas:
        before = part(await atlas.system.report(), "backup")
        save_backup(settings, tmp_path / "copy.db")
        after = part(await atlas.system.report(), "backup")
    assert (before.state, after.state) == (State.ATTENTION, State.GOOD)
    assert re.match(f"The last one was made {LATELY} ago, of ", after.sentence), after.sentence
