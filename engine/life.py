"""A job's life as data: every moment that is known of it, in order, with who did what; no page is known here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.actors import Kind
from engine.approvals.history import StepView
from engine.jobs import Registry
from engine.operations.reading import OperationQueries
from engine.rows import attempt_view, effect_view
from engine.views import AttemptView, EffectView, JobView, LogView
from engine.workforce import agent_name
from models.agent import Agent, agent_id_of
from models.approval import ReviewKind
from models.attempt import Attempt, LogLine
from models.audit import AuditEntry
from models.database import connection
from models.dependency import Child, Parent, children_of, parents_of
from models.effect import Effect
from models.states import POISONOUS, AttemptOutcome, Move, Status

LOG_LENGTH = 500  # lines that are read at once
MAX_DEEDS = 200  # the latest ones
MAX_CHILDREN = 20
REVIEWED = {
    ReviewKind.APPROVED: "approved it",
    ReviewKind.REJECTED: "rejected it",
    ReviewKind.COMMENTED: "said",
    ReviewKind.REVISED: "revised it",
    ReviewKind.UNDONE: "took the approval back",
    ReviewKind.VOIDED: "took the approval back by itself",
    ReviewKind.LAPSED: "let it lapse",
    ReviewKind.TRUSTED: "approved it by a rule",
    ReviewKind.REMINDED: "reminded the reviewers",
}
MOVED: Mapping[str, str] = {
    Move.CANCEL: "cancelled it",
    Move.PAUSE: "paused it",
    Move.RESUME: "let it go on",
    Move.RETRY: "asked for another try",
    Move.RUN_NOW: "let it run without waiting",
    Move.RESOLVE: "said whether it went out",
    Move.PRIORITIZE: "changed its priority",
}
ENDED = {
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
}


@dataclass(frozen=True)
class Moment:
    """Something that happened: `who` is empty where nobody in particular did it, and `what` then a whole sentence.

    `key` names it among the job's moments for ever. `kind` is a word of `ReviewKind` or `Move`, or one of created,
    scheduled, needs_approval, attempt, set_aside, review_link, completed, failed and cancelled. `comment`
    is what was said, or what went wrong. `attempt` is the number of the attempt that began then.
    """

    key: str
    at: datetime
    kind: str
    who: str
    what: str
    comment: str = ""
    attempt: int | None = None
    when: datetime | None = None
    """A time that `what` ends with."""


@dataclass(frozen=True)
class Try:
    """An attempt, the agent that made it, and what it did to the world.

    `is_cut` is whether its log begins before the lines that are here.
    """

    view: AttemptView
    agent: str
    effects: tuple[EffectView, ...]
    is_cut: bool


@dataclass(frozen=True)
class Lines:
    """A part of an attempt's log, the oldest line first; `is_cut` is whether there are lines before them."""

    lines: tuple[LogView, ...]
    is_cut: bool


@dataclass(frozen=True)
class Life:
    """Moments and tries, the oldest first."""

    moments: tuple[Moment, ...]
    tries: tuple[Try, ...]
    parents: tuple[Parent, ...] = ()
    """The jobs that it comes after."""
    children: tuple[Child, ...] = ()
    """The first jobs that come after it."""


class Lives:
    """Reads."""

    def __init__(self, registry: Registry, operations: OperationQueries) -> None:
        self._registry = registry
        self._operations = operations

    async def read(self, job: JobView, steps: Sequence[StepView], *, after_line: int = 0) -> Life:
        """What is known of a job and its review's `steps`; of the logs, the newest lines after this one."""
        tries = await self._tries(job, after_line)
        entries = await AuditEntry.filter(target=f"job {job.id}").order_by("-id").limit(MAX_DEEDS)
        moments = [
            *_beginning(job, entries),
            *_reviewed(steps),
            *(_attempt(each) for each in tries),
            *(moment for entry in entries if (moment := _deed(entry))),
            *await self._of_many(job.id),
        ]
        moments += _end(job, moments, tries)
        created, *later = moments
        parents = tuple(await parents_of(connection(), [job.id]))
        children = tuple(await children_of(connection(), job.id, MAX_CHILDREN))
        return Life((created, *sorted(later, key=lambda moment: moment.at)), tries, parents, children)

    async def earlier_lines(self, job_id: int, attempt: int, before: int | None) -> Lines:
        """The lines of an attempt just before this one, or its last ones."""
        found = LogLine.filter(job_id=job_id, attempt=attempt, **({"id__lt": before} if before else {}))
        rows = await found.order_by("-id").limit(LOG_LENGTH + 1)
        lines = tuple(LogView(row.id, row.at, row.text) for row in rows[:LOG_LENGTH][::-1])
        return Lines(lines, len(rows) > LOG_LENGTH)

    async def _tries(self, job: JobView, after_line: int) -> tuple[Try, ...]:
        attempts = await Attempt.filter(job_id=job.id).order_by("number")
        if not attempts:
            return ()
        effects = await Effect.filter(job_id=job.id).order_by("id")
        newest = await LogLine.filter(job_id=job.id, id__gt=after_line).order_by("-id").limit(LOG_LENGTH + 1)
        lines, left_out = newest[:LOG_LENGTH], newest[LOG_LENGTH:]
        cut = await _cut(left_out[0], attempts) if left_out else set()
        agents = await self._agents(job, attempts)
        return tuple(
            Try(
                attempt_view(row, effects, lines[::-1]),
                agents.get(row.engine_id, agents[""]),
                tuple(effect_view(effect) for effect in effects if effect.attempt == row.number),
                row.number in cut,
            )
            for row in attempts
        )

    async def _agents(self, job: JobView, attempts: Sequence[Attempt]) -> dict[str, str]:
        """Names by what attempts call their engine; under an empty text, whoever it was else."""
        ids = {found for row in attempts if (found := agent_id_of(row.engine_id))}
        rows = await Agent.filter(id__in=list(ids)) if ids else []
        built_in = agent_name(self._registry, job.type) or "an agent that is gone"
        return {"": built_in, **{row.engine_id: row.name for row in rows}}

    async def _of_many(self, job_id: int) -> list[Moment]:
        return [
            Moment(f"operation-{each.operation_id}", each.at, each.move, each.actor, f"{what}, with other jobs")
            for each in await self._operations.of_job(job_id)
            if (what := MOVED.get(each.move))  # of an approval its review tells
        ]


async def _cut(left_out: LogLine, attempts: Sequence[Attempt]) -> set[int]:
    """The attempts with lines up to this one."""
    former = [row.number for row in attempts if row.number < left_out.attempt]
    logged = [number for number in former if await LogLine.exists(job_id=left_out.job_id, attempt=number)]
    return {left_out.attempt, *logged}


def _beginning(job: JobView, entries: Sequence[AuditEntry]) -> Iterable[Moment]:
    """Created by whom and how, what it needs first, and when it is to run."""
    entry = next((entry for entry in entries if entry.action == "job.submit"), None)
    who, _, program = job.created_by.partition(" via ")
    if program:
        how = f" through the token {program}"
    elif entry and entry.kind == Kind.TOKEN:
        how = " with an API token"
    elif entry and entry.kind == Kind.JOB:
        how = f" from {_told(entry.after).get('by', 'another job')}"
    else:
        how = ""
    yield Moment("created", job.created_at, "created", who, f"created it{how}")
    if job.approval and not job.trusted_by:
        why = job.approval_reason or "it was asked for"
        yield Moment("needs_approval", job.created_at, "needs_approval", "", f"It needs approval: {why}")
    if job.run_at:
        yield Moment("scheduled", job.created_at, "scheduled", "", "It is not to run before", when=job.run_at)


def _reviewed(steps: Sequence[StepView]) -> Iterable[Moment]:
    for number, step in enumerate(steps):
        version = f" (version {step.version})" if step.version > 1 else ""
        what = f"{REVIEWED[ReviewKind(step.kind)]}{version}"
        yield Moment(f"review-{number}", step.at, str(step.kind), step.actor, what, step.comment or "")


def _attempt(made: Try) -> Moment:
    view = made.view
    what = f"began attempt {view.number}" + (f", which {_OUTCOMES[view.outcome]}" if view.outcome else "")
    return Moment(f"attempt-{view.number}", view.started_at, "attempt", made.agent, what, view.error or "", view.number)


_OUTCOMES: dict[str, str] = {
    AttemptOutcome.SUCCEEDED: "succeeded",
    AttemptOutcome.FAILED: "failed",
    AttemptOutcome.RETRYING: "failed for now",
    AttemptOutcome.UNKNOWN: "ended without anybody knowing whether it went out",
    AttemptOutcome.PAUSED: "paused at a safe point",
    AttemptOutcome.CANCELLED: "was cancelled",
    AttemptOutcome.LOST: "was lost with its engine",
    AttemptOutcome.RELEASED: "was put back",
}


def _deed(entry: AuditEntry) -> Moment | None:
    """What the audit log knows and nobody else tells: moves, and links that were given to reviewers."""
    at, after = datetime.fromisoformat(entry.at), _told(entry.after)
    area, _, action = entry.action.partition(".")
    if area == "review_link":
        what = f"made a link for {after.get('reviewer', 'a reviewer')} to decide by"
        return Moment(f"audit-{entry.id}", at, area, entry.actor, what)
    if area != "job" or action not in MOVED:
        return None
    if action == Move.RESOLVE and "went_out" in after:
        what = "said that it went out" if after["went_out"] else "said that it did not go out"
        what += f" to {after['target']}" if after.get("target") else ""
    elif action == Move.PAUSE and after.get("pause_requested"):
        what = "asked it to pause"
    elif action == Move.PRIORITIZE and after.get("priority"):
        what = f"set its priority to {after['priority']}"
    else:
        what = MOVED[Move(action)]
    return Moment(f"audit-{entry.id}", at, action, entry.actor, what)


def _end(job: JobView, moments: Sequence[Moment], tries: Sequence[Try]) -> Iterable[Moment]:
    """How it ended, where nothing else tells: it was set aside, brought here by a restore, or moved by hand."""
    last = tries[-1].view if tries else None
    if job.outcome == POISONOUS:
        at = job.finished_at or (last.finished_at if last else None) or job.created_at
        yield Moment("set_aside", at, "set_aside", "", "It was set aside", job.error or "")
    elif job.status in ENDED and job.finished_at and not _is_told(job.status, moments, last):
        word = ENDED[job.status]
        yield Moment("ended", job.finished_at, str(job.status), "", word, job.error or "")


def _is_told(status: Status, moments: Sequence[Moment], last: AttemptView | None) -> bool:
    kinds = {moment.kind for moment in moments}
    if status is Status.CANCELLED:
        return bool(kinds & {Move.CANCEL, ReviewKind.REJECTED, ReviewKind.LAPSED})
    return bool(last and last.finished_at) or Move.RESOLVE in kinds


def _told(text: str | None) -> dict[str, Any]:
    told = json.loads(text) if text else None
    return told if isinstance(told, dict) else {}
