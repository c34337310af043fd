"""What tests of moving from SQLite to PostgreSQL share: a database to move, with every table filled."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tortoise.models import Model

from models.agent import Agent
from models.approval import ApprovalRule, Creators, JobVersion, KnownDomain, Review, ReviewKind, ReviewLink, RuleKind
from models.article import Article, ArticleVersion
from models.artifact import Artifact
from models.attempt import Attempt, LogLine
from models.audit import AuditEntry, AuditHead, Deed, append
from models.budget import Budget
from models.channel import Channel, FeedEntry
from models.database import close_database, open_database, transaction
from models.defined_type import DefinedType
from models.dependency import Dependency
from models.effect import Effect
from models.job import Job
from models.operation import Operation, OperationItem
from models.person import Identity, Person, Session
from models.rate_limit import RateClock, RateLimit, RateTurn
from models.saved_view import SavedView
from models.schedule import Missed, Overlap, RunOutcome, Schedule, ScheduleRun
from models.statement import stored_time
from models.states import AttemptOutcome, Category, Phase, Priority, Status
from models.stored_secret import StoredSecret
from models.token import Token
from models.trace import JobTrace
from models.type_policy import TypePolicy
from models.usage import UsageSum
from models.webhook import Delivery, Webhook
from models.workflow import Workflow, WorkflowRun
from tests.support.engine import stored_job
from tests.support.other_program import OtherProgram
from tests.support.postgres import Postgres

LONG_AGO = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
ACCESS = (Session, Identity, Token, AuditEntry, AuditHead)
OUTSIDE = (Webhook, Delivery, DefinedType, Agent)
MADE = (StoredSecret, Article, ArticleVersion, Artifact)
REVIEWED = (ApprovalRule, Review, JobVersion, ReviewLink, KnownDomain)
MANY = (Operation, OperationItem, SavedView, Dependency, Workflow, WorkflowRun, Schedule, ScheduleRun)
USUAL = (Job, Attempt, LogLine, Effect, Channel, FeedEntry, Person, TypePolicy)
USED = (UsageSum, Budget, RateLimit, RateClock, RateTurn, JobTrace)
MODELS = (*USUAL, *ACCESS, *OUTSIDE, *MADE, *REVIEWED, *MANY, *USED)
EVERYTHING: dict[str, Any] = {
    "words": "naïve 日本語 🎬 \"quoted\" 'text' \\ \n\t",
    "numbers": [0, -1, 2**53, 9007199254740993, 0.1, 1e308, 5e-324, -0.0],
    "more": {"no": None, "yes": True, "deep": [[[{}]]]},
}


@contextmanager
def new_target(server: Postgres, empty: str | None = None) -> Iterator[str]:
    """A database without a table, or a copy of an empty one, which costs a tenth of making its tables."""
    name = f"target_{uuid4().hex}"
    try:
        yield server.create(name, template=empty.rpartition("/")[2] if empty else None)
    finally:
        server.drop(name)


async def make_source(file: Path) -> str:
    """A database with a few rows in each table; returns its URL."""
    file.parent.mkdir(parents=True, exist_ok=True)
    await open_database(f"sqlite://{file}")
    try:
        await _fill()
    finally:
        await close_database()
    return f"sqlite://{file}"


async def _fill() -> None:
    job = await stored_job(name=EVERYTHING["words"], payload=EVERYTHING, priority=Priority.HIGH)
    done = {"status": Status.COMPLETED, "result": EVERYTHING, "created_at": LONG_AGO, "finished_at": LONG_AGO}
    done |= {"blocked": True, "template": EVERYTHING}
    await stored_job(**done, pause_requested=True, progress=0.1, idempotency_key="once", request_hash="0" * 64)
    usual = {"job_id": job.id, "lease_token": "token", "engine_id": "engine"}
    await Attempt.create(**usual, number=1, started_at=LONG_AGO, finished_at=LONG_AGO, outcome=AttemptOutcome.RETRYING)
    await Attempt.create(**usual, number=2, started_at=LONG_AGO + timedelta(microseconds=1))
    for text in ("", EVERYTHING["words"]):
        await LogLine.create(job_id=job.id, attempt=1, at=LONG_AGO, text=text)
    identity = {"job_id": job.id, "attempt": 1, "identity": EVERYTHING, "started_at": LONG_AGO}
    await Effect.create(**identity, target="mail", phase=Phase.DONE, result={}, denied_at=LONG_AGO)
    await Channel.create(name="news", kind="feed", url="https://example.org", limits=EVERYTHING, created_at=LONG_AGO)
    for post in ("b", "B", "a-1", "ä"):
        await FeedEntry.create(id=post, channel="news", text="Hello", images=[EVERYTHING], published_at=LONG_AGO)
    ada = await Person.create(name="admin", password_hash="hash", created_at=LONG_AGO)
    await Session.create(
        id="0" * 64, person_id=ada.id, created_at=LONG_AGO, seen_at=LONG_AGO, address="::1", browser="ä"
    )
    await Identity.create(subject="https://id.example ada", person_id=ada.id)
    await Token.create(name="bot", hash="1" * 64, scopes=["agent"], created_by="admin", created_at=LONG_AGO)
    async with transaction() as writer:
        deed = Deed(LONG_AGO, "admin", "person", "::1", "job.cancel", "job 1", before=EVERYTHING)
        await append(writer, b"key", [deed, deed])
    for key in ("b", "A", "a_b", "aB"):  # languages order them otherwise than bytes do
        await TypePolicy.create(type=key, paused=key == "b", concurrency=1, time_limit_seconds=0.5)
    await _fill_outside()


async def _fill_outside() -> None:
    made: dict[str, Any] = {"created_by": "admin", "created_at": LONG_AGO}
    hook = await Webhook.create(name="ops", url="https://ops.example", kinds=["job.failed"], secret="sealed", **made)
    await Delivery.create(
        webhook_id=hook.id, message_id="msg_1", kind="job.failed", job_id=1, body=EVERYTHING, created_at=LONG_AGO
    )
    await DefinedType.create(
        key="TRANSLATE",
        label="Translate",
        category=Category.DOCUMENT,
        icon="translate",
        payload_schema=json.dumps(EVERYTHING),
        irreversible=False,
        attempts=3,
        time_limit_seconds=60.5,
        **made,
    )
    await Agent.create(
        name="polyglot", token_id=1, types=["TRANSLATE"], concurrency=2, registered_at=LONG_AGO, last_seen_at=LONG_AGO
    )
    await StoredSecret.create(name="CHAT", sealed="sealed", hosts=["*"], used_at=LONG_AGO, **made)
    words: dict[str, Any] = {"title": EVERYTHING["words"][:200], "tags": ["ä", "b"]}
    latest: dict[str, Any] = {"text": "How", "words": "how", "updated_at": LONG_AGO, "updated_by": "ada"}
    article = await Article.create(slug="how", version=1, created_at=LONG_AGO, **words, **latest)
    version: dict[str, Any] = {"body": "# How", "pictures": {"image:1": "x.png"}, "job_id": 1, "number": 1}
    await ArticleVersion.create(article_id=article.id, **version, **words, **made)
    file: dict[str, Any] = {"job_id": 1, "attempt": 2, "digest": "ab" * 32, "created_at": LONG_AGO}
    for name, size in (("Café – 50%.mp4", 2**40), ("captions.vtt", 0)):
        await Artifact.create(name=name, size=size, **file)
    await _fill_approvals(made)


async def _fill_approvals(made: dict[str, Any]) -> None:
    """Beside the rules that a new database has."""
    about: dict[str, Any] = {"names": ["bot"], "channels": ["news"], "domains": ["ä.example"], "outside_domains": []}
    rule = await ApprovalRule.create(
        kind=RuleKind.TRUST,
        title=EVERYTHING["words"],
        types=["EMAIL_SEND"],
        creators=Creators.AGENTS,
        max_recipients=5,
        approvers=2,
        approver_group="legal",
        own=False,
        by_link=True,
        evidence=EVERYTHING,
        revoked_at=LONG_AGO,
        uses=7,
        used_at=LONG_AGO,
        **about,
        **made,
    )
    judged: dict[str, Any] = {"job_id": 1, "content_hash": "cd" * 32}
    for kind in (ReviewKind.TRUSTED, ReviewKind.COMMENTED):
        await Review.create(
            version=1, kind=kind, actor="ä", at=LONG_AGO, comment=EVERYTHING["words"], rule_id=rule.id, **judged
        )
    await JobVersion.create(number=1, payload=EVERYTHING, **judged, **made)
    lasts: dict[str, Any] = {"expires_at": LONG_AGO, "used_at": LONG_AGO}
    await ReviewLink.create(digest="ef" * 32, reviewer="grace@example.org", **lasts, **judged, **made)
    for name in ("b.example", "B.example", "ä.example"):
        await KnownDomain.create(name=name, known_at=LONG_AGO)
    await _fill_operations()


async def _fill_operations() -> None:
    asked: dict[str, Any] = {"actor": "ä", "actor_kind": "person", "actor_key": 2**40, "address": "::1"}
    wish: dict[str, Any] = {"move": "prioritize", "arguments": {"priority": "high"}, "criteria": EVERYTHING}
    counted: dict[str, Any] = {"total": 2, "done": 1, "refused": 1}
    operation = await Operation.create(created_at=LONG_AGO, finished_at=LONG_AGO, **asked, **wish, **counted)
    await OperationItem.create(operation_id=operation.id, job_id=1, outcome="done", before="low", at=LONG_AGO)
    refused: dict[str, Any] = {"outcome": "refused", "reason": EVERYTHING["words"]}
    await OperationItem.create(operation_id=operation.id, job_id=2, **refused)
    view: dict[str, Any] = {"query": "q=%C3%A4&status=failed", "created_at": LONG_AGO}
    await SavedView.create(name=EVERYTHING["words"], owner="ä", shared=True, **view)
    told = {"name": "weekly", "title": EVERYTHING["words"], "source": EVERYTHING["words"], "created_by": "ä"}
    await Workflow.create(version=2, current=True, description="", created_at=LONG_AGO, **told)
    asked = {"inputs": EVERYTHING, "created_by": "ä", "created_at": LONG_AGO, "cancelled_at": LONG_AGO}
    await WorkflowRun.create(workflow_id=1, idempotency_key="ä", request_hash="f" * 64, **asked)
    await Dependency.create(job_id=1, parent_id=2, name="render", any_outcome=True, met_at=LONG_AGO)
    when: dict[str, Any] = {"cron": "0 9 * * MON-FRI", "time_zone": "Europe/Berlin", "next_at": LONG_AGO}
    what: dict[str, Any] = {"target": {"job": EVERYTHING}, "missed": Missed.ALL, "overlap": Overlap.QUEUE}
    by: dict[str, Any] = {"author": "ä", "agent": "bot", "created_by": "ä", "created_at": LONG_AGO}
    schedule = await Schedule.create(name="ä", paused=True, version=2, fault="Why", at=LONG_AGO, **when, **what, **by)
    run: dict[str, Any] = {"schedule_id": schedule.id, "started_at": LONG_AGO, "author": "ä"}
    await ScheduleRun.create(due_at=LONG_AGO, job_id=1, **run)
    await ScheduleRun.create(outcome=RunOutcome.FAILED, reason=EVERYTHING["words"], run_id=1, **run)
    await _fill_budgets({"created_by": "admin", "created_at": LONG_AGO})


async def _fill_budgets(made: dict[str, Any]) -> None:
    used: dict[str, Any] = {"attempts": 1, "millis": 2**40, "bytes": 3, "tokens": 4, "micros": 5}
    await UsageSum.create(day="2024-02-29", type="SCRIPTED", agent="agent-1", shard=15, **used)
    await Budget.create(scope="agent", key="mailer", measure="money", most=2**50, warned_on="2024-02-29", **made)
    await RateLimit.create(key="mail:ä.example", count=60, per_seconds=3600, burst=6, **made)
    for key in ("mail:ä.example", "Mail", "mail"):
        await RateClock.create(key=key, planned=LONG_AGO, gone=LONG_AGO)
    await RateTurn.create(job_id=1, at=LONG_AGO, ways='["mail"]', reason=EVERYTHING["words"])
    await JobTrace.create(job_id=2, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


async def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table as the program reads it, but for the rules that a new database has."""
    await open_database(url)
    try:
        return {model.__name__: await _rows(model) for model in MODELS}
    finally:
        await close_database()


async def _rows(model: type[Model]) -> list[dict[str, Any]]:
    rows = [row for row in await model.all().values() if row.get("created_by") != "Job Runner"]
    return sorted(rows, key=lambda row: str(next(iter(row.values()))))


def change(file: Path, *statements: str, **values: Any) -> None:
    """Run statements on a SQLite file, past Job Runner; `:name` stands for a value."""
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        for statement in statements:
            writer.execute(statement, values)


def add_jobs(file: Path, count: int) -> None:
    """So many completed jobs more, each with an attempt."""
    change(
        file,
        """INSERT INTO job (type, category, name, summary, status, priority, progress, payload, pause_requested,
            created_by, created_at, attempt, max_attempts, deaths)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
        SELECT 'TEST_NOOP', 'task', 'Job ' || i, '', 'completed', 2, 1.0,
            '{"note": "' || i || '"}', 0, 'many', :at, 1, 5, 0 FROM n""",
        """INSERT INTO attempt (job_id, number, lease_token, engine_id, started_at, finished_at, outcome)
        SELECT id, 1, 'token', 'engine', :at, :at, 'succeeded' FROM job WHERE created_by = 'many'""",
        count=count,
        at=stored_time(LONG_AGO),
    )


def leave_engine(file: Path, *, host: str, pid: int, beat: datetime) -> None:
    """An engine that did not say that it stopped."""
    change(
        file,
        """INSERT INTO engine (id, host, pid, concurrency, poll_seconds, running, started_at, last_beat_at)
        VALUES ('dead', :host, :pid, 1, 1, 2, :beat, :beat)""",
        host=host,
        pid=pid,
        beat=stored_time(beat),
    )


def leave_running(file: Path, *, sending: int) -> None:
    """Both jobs as an engine that was killed leaves them, one of them while it spoke to the world."""
    leave_engine(file, host="elsewhere", pid=1, beat=LONG_AGO)
    change(
        file,
        "DELETE FROM attempt",
        "DELETE FROM effect",
        "DELETE FROM type_policy",
        """UPDATE job SET status = 'running', type = 'SCRIPTED', payload = '{}', attempt = 1, engine_id = 'dead',
            lease_token = 't', lease_expires_at = :at, result = NULL, started_at = :at, finished_at = NULL,
            pause_requested = 0""",
        """INSERT INTO attempt (job_id, number, lease_token, engine_id, started_at)
        SELECT id, 1, 't', 'dead', :at FROM job""",
        """INSERT INTO effect (job_id, target, attempt, identity, phase, started_at)
        VALUES (:sending, 'mail', 1, '{}', 'sending', :at)""",
        at=stored_time(LONG_AGO),
        sending=sending,
    )


def copy_of(file: Path, name: Path) -> Path:
    """The same database once more."""
    name.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, name)
    return name


def jobs_in(target: str) -> int:
    """How many jobs the target has, none if it has not even the table."""
    there = asyncio.run(OtherProgram(target).run("SELECT to_regclass('job') IS NOT NULL"))
    return int(asyncio.run(OtherProgram(target).run("SELECT COUNT(*) FROM job"))[0][0]) if there[0][0] else 0
