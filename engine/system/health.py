"""The installation's health: each part in a sentence, with what to do where it is not well."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from engine.queries import Queries
from engine.settings import Settings
from engine.system.facts import Facts, read_facts
from engine.system.words import counted, size, span
from engine.views import OFFLINE_AFTER, EngineView
from models.states import ProcessRole

LATE_BEAT = OFFLINE_AFTER / 2
LONG_WAIT = timedelta(minutes=15)
LITTLE_SPACE, NO_SPACE = 5_000_000_000, 500_000_000
OLD_BACKUP = timedelta(days=7)
LONG_LOG = 1_000_000_000
SLOW_ANSWER_SECONDS = 0.25
FAST_CLOCK = timedelta(seconds=2)
MANY_MESSAGES = 1000


class State(StrEnum):
    """How a part is."""

    GOOD = "good"
    ATTENTION = "attention"  # it works, and somebody should look at it
    BAD = "bad"  # something does not work


_WORST_FIRST = (State.BAD, State.ATTENTION, State.GOOD)


@dataclass(frozen=True)
class Line:
    """A part of the installation; `advice` is what to do, if anything is; `href` a page of ours that tells more."""

    key: str
    title: str
    state: State
    sentence: str
    advice: str = ""
    href: str = ""


@dataclass(frozen=True)
class Report:
    """As of a moment; what is worst comes first, and else what matters most."""

    at: datetime
    version: str
    lines: Sequence[Line]

    @property
    def state(self) -> State:
        """The worst of them."""
        worst = {line.state for line in self.lines}
        return next((state for state in _WORST_FIRST if state in worst), State.GOOD)

    @property
    def sentence(self) -> str:
        """All of it in one."""
        bad = sum(line.state is State.BAD for line in self.lines)
        attention = sum(line.state is State.ATTENTION for line in self.lines)
        if bad:
            return f"{counted(bad, 'thing does', 'things do')} not work" + (
                f", and {counted(attention, 'more needs', 'more need')} attention" if attention else ""
            )
        if attention:
            return f"{counted(attention, 'thing needs', 'things need')} attention; everything works"
        return "Everything is well"


class System:
    """Reads, and judges what it read."""

    def __init__(self, settings: Settings, queries: Queries) -> None:
        self._settings = settings
        self._queries = queries

    async def report(self) -> Report:
        """How it is now."""
        return judged(await read_facts(self._settings, self._queries))


def judged(facts: Facts) -> Report:
    """What is to be said of these facts; a part of which nothing is known is left out."""
    told = [line for part in _PARTS if (line := part(facts))]
    return Report(facts.at, facts.version, sorted(told, key=lambda line: _WORST_FIRST.index(line.state)))


def _engine(facts: Facts) -> Line:
    engine = facts.engine
    if not engine.online:
        since = f" for {span(facts.at - engine.last_beat_at)}" if engine.last_beat_at else ""
        why = f": {engine.fault}" if engine.fault else ""
        advice = "Nothing is lost; jobs wait. " + (
            "It goes on by itself once that is over" if engine.fault else "Start Job Runner, or look in its log"
        )
        return Line("engine", "Engine", State.BAD, f"No engine has been at work{since}{why}", advice)
    fleet = counted(engine.engines, "engine")
    if engine.workers:
        fleet += f" and {counted(engine.workers, 'worker')}"
    busy = f"{engine.running:,} of {engine.concurrency:,} slots are busy"
    verb = "is" if engine.engines == 1 and not engine.workers else "are"
    return Line(
        "engine",
        "Engine",
        State.GOOD,
        f"{fleet} {verb} online and {'looks' if engine.engines == 1 and not engine.workers else 'look'} for jobs "
        f"every {engine.poll_seconds:g} s; {busy}",
        href="/app/agents",
    )


def _heartbeat(facts: Facts) -> Line | None:
    if (beat := facts.engine.last_beat_at) is None:
        return None
    quiet = max(timedelta(), facts.at - beat)
    silent = [view for view in facts.processes if not view.online]
    said = f"The last beat was {span(quiet)} ago"
    if silent:
        who = f"{counted(len(silent), 'process has', 'processes have')} gone silent: {_named(silent[0])}"
        more = f" and {len(silent) - 1:,} more" if len(silent) > 1 else ""
        advice = "Look whether it still runs; its jobs were given to others"
        return Line("heartbeat", "Heartbeat", State.ATTENTION, f"{said}; {who}{more}", advice, "/app/agents")
    if facts.engine.online and quiet > LATE_BEAT:
        advice = "The machine may be busy, or its disk slow"
        return Line("heartbeat", "Heartbeat", State.ATTENTION, f"{said}, which is late", advice)
    return Line("heartbeat", "Heartbeat", State.GOOD if facts.engine.online else State.BAD, said)


def _named(view: EngineView) -> str:
    return f"the {'worker' if view.role is ProcessRole.WORKER else 'engine'} on {view.host}, process {view.pid}"


def _queue(facts: Facts) -> Line | None:
    if (queue := facts.queue) is None:
        return None
    if not queue.queued:
        return Line("queue", "Queue", State.GOOD, "No job is queued", href="/app/jobs")
    waiting = queue.queued - queue.claimable
    said = f"{counted(queue.claimable, 'job')} could start now" if queue.claimable else "None could start now"
    if waiting > 0:
        said += f"; {counted(waiting, 'job waits', 'jobs wait')} for approval, a moment or another job"
    return Line("queue", "Queue", State.GOOD, said, href="/app/jobs?status=queued&sort=oldest")


def _oldest(facts: Facts) -> Line | None:
    if facts.queue is None or (job := facts.queue.oldest) is None:
        return None
    since = max(job.created_at, job.run_at or job.created_at)
    waited, began = facts.at - since, "was created" if since == job.created_at else "came due"
    said = f"Job {job.id}, {job.name}, {began} {span(waited)} ago: {_lower(job.waiting_for or 'is just starting')}"
    if job.approval == "pending" or job.blocked or waited < LONG_WAIT:
        return Line("oldest", "Longest wait", State.GOOD, said, href=f"/app/jobs/{job.id}")
    advice = "If that is not meant: more slots (JOB_RUNNER_CONCURRENCY), or a type, budget or limit in Settings"
    return Line("oldest", "Longest wait", State.ATTENTION, said, advice, f"/app/jobs/{job.id}")


def _database(facts: Facts) -> Line:
    if (database := facts.database) is None:
        told = facts.engine.fault or "it does not answer"
        return Line(
            "database", "Database", State.BAD, told[:1].upper() + told[1:], "What runs waits until it can write"
        )
    said = f"{database.kind} {database.version}, {size(database.bytes)}"
    if database.log_bytes:
        said += f" and {size(database.log_bytes)} of write-ahead log"
    said += f"; it answers within {max(1, round(database.answered_in * 1000))} ms"
    if database.journal != "wal":
        advice = "Keep it on a local disk, which SQLite's write-ahead log needs"
        return Line("database", "Database", State.ATTENTION, f"{said}; its journal is {database.journal}", advice)
    if database.log_bytes > LONG_LOG:
        advice = "A program that reads without an end keeps the log from being emptied: end it"
        return Line("database", "Database", State.ATTENTION, said, advice)
    if database.answered_in > SLOW_ANSWER_SECONDS:
        return Line("database", "Database", State.ATTENTION, said, "That is slow: look at its disk, and who else asks")
    return Line("database", "Database", State.GOOD, said)


def _disk(facts: Facts) -> Line | None:
    if (disk := facts.disk) is None:
        return None
    said = f"{size(disk.free)} of {size(disk.total)} are free where the data folder is"
    advice = "Free some space, or set JOB_RUNNER_RETENTION_DAYS"
    if disk.free < NO_SPACE:
        return Line("disk", "Disk", State.BAD, said, advice)
    is_little = disk.free < LITTLE_SPACE
    return Line("disk", "Disk", State.ATTENTION if is_little else State.GOOD, said, advice if is_little else "")


def _backup(facts: Facts) -> Line:
    if facts.settings.is_shared:
        said = "PostgreSQL is backed up by its own tools, of which nothing is known here"
        return Line("backup", "Backup", State.GOOD, said)
    advice = "Run python main.py backup FILE, every day for example"
    if facts.backup is None:
        return Line("backup", "Backup", State.ATTENTION, "No backup has been made from this data folder", advice)
    age = facts.at - facts.backup.at
    said = f"The last one was made {span(age)} ago, of {size(facts.backup.bytes)}"
    if age > OLD_BACKUP:
        return Line("backup", "Backup", State.ATTENTION, said, advice)
    return Line("backup", "Backup", State.GOOD, said)


def _retention(facts: Facts) -> Line:
    if days := facts.settings.retention_days:
        said = f"Completed and cancelled jobs are removed {counted(days, 'day')} after their end, with their files"
        return Line("retention", "Retention", State.GOOD, said)
    return Line("retention", "Retention", State.GOOD, "Every job is kept, with its log and files")


def _webhooks(facts: Facts) -> Line | None:
    if (webhooks := facts.webhooks) is None:
        return None
    waits = f"{counted(webhooks.waiting, 'message waits', 'messages wait')} to be sent"
    if webhooks.failing:
        who = counted(webhooks.failing, "webhook does not take what it is", "webhooks do not take what they are")
        said = f"{who} told; {waits}"
        advice = "Administrators see in Settings which, and why"
        return Line("webhooks", "Webhooks", State.ATTENTION, said, advice, "/app/settings#webhooks")
    if webhooks.waiting > MANY_MESSAGES:
        return Line("webhooks", "Webhooks", State.ATTENTION, waits, "Look whether their servers answer slowly")
    return Line("webhooks", "Webhooks", State.GOOD, waits if webhooks.waiting else "Every message was taken")


def _clock(facts: Facts) -> Line | None:
    if facts.database is None:
        return None
    apart = abs(facts.at - facts.database.at)
    said = f"It is {facts.at:%Y-%m-%d %H:%M} UTC here"
    if apart > FAST_CLOCK:
        told = f"{said}, and {span(apart)} {'earlier' if facts.database.at < facts.at else 'later'} at the database"
        return Line("clock", "Clock", State.ATTENTION, told, "Set both by NTP: leases and times rely on it")
    return Line("clock", "Clock", State.GOOD, f"{said}, as at the database" if facts.settings.is_shared else said)


def _version(facts: Facts) -> Line:
    said = f"Job Runner {facts.version}"
    if facts.database is None:
        return Line("version", "Version", State.GOOD, said)
    newest, known = facts.database.schema, facts.database.known_schema
    if newest != known:
        told = f"{said}, of the schema {known}, on a database of the schema {newest}"
        return Line("version", "Version", State.ATTENTION, told, "Start every process of one version")
    return Line("version", "Version", State.GOOD, f"{said}, schema {newest}")


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


_PARTS: tuple[Callable[[Facts], Line | None], ...] = (
    _engine,
    _heartbeat,
    _queue,
    _oldest,
    _database,
    _disk,
    _backup,
    _webhooks,
    _retention,
    _clock,
    _version,
)
