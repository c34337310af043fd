"""What a job's life should be, in plain Python: no database, no concurrency, one thing after the other.

It is written from the rules that people are told, not from the statements that it checks.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ACTIVE = ("queued", "running", "paused", "failed")
DEADLY = 3  # so many engines in a row died while they ran it: it is set aside


@dataclass
class Effect:
    """One word to the world; `denied` is whether a person ever said that it had not been heard."""

    identity: str
    phase: str
    attempt: int
    denied: bool = False


@dataclass
class Try:
    """One attempt, under way as long as it has no outcome."""

    token: str
    engine: str
    outcome: str | None = None


@dataclass
class Job:
    """Where a job stands."""

    id: int
    type: str
    priority: int
    created_at: datetime
    targets: tuple[str, ...]
    max_attempts: int
    due_at: datetime | None
    approval: str | None
    status: str = "queued"
    attempt: int = 0
    deaths: int = 0
    outcome: str | None = None
    pause_requested: bool = False
    token: str | None = None
    expires_at: datetime | None = None
    engine: str | None = None
    is_finished: bool = False
    tries: dict[int, Try] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)

    @property
    def moves(self) -> set[str]:
        """What may be asked of it."""
        waits = self.status in ("queued", "paused")
        pending = waits and self.approval == "pending"
        doubted = self.status == "failed" and self.outcome == "unknown"
        able = {
            "cancel": self.status in ACTIVE,
            "pause": self.status in ("queued", "running"),
            "resume": self.status == "paused",
            "retry": self.status == "failed" and not doubted,
            "resolve": doubted,
            "approve": pending,
            "reject": pending,
            "run_now": self.status == "queued" and self.due_at is not None,
            "undo_approval": waits and self.approval == "approved" and not self.attempt,
            "revise": self._is_revisable(waits),
            "prioritize": self.status in ("queued", "paused", "failed"),
        }
        return {move for move, is_able in able.items() if is_able}

    def _is_revisable(self, waits: bool) -> bool:
        in_review = waits and self.approval in ("pending", "approved")
        return not self.attempt and (in_review or (self.status == "cancelled" and self.approval == "rejected"))

    def with_phase(self, phase: str) -> list[Effect]:
        """Its effects that stand there."""
        return [effect for effect in self.effects.values() if effect.phase == phase]


@dataclass
class Policy:
    """What people set for a type."""

    paused: bool = False
    concurrency: int | None = None


@dataclass(frozen=True)
class Held:
    """What an attempt knows of itself, whether or not it still owns its job."""

    job_id: int
    number: int
    token: str


class Model:
    """Every job, and what may happen to it."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.policies: dict[str, Policy] = {}

    # -- what people do ------------------------------------------------------------------------------------

    def move(self, job_id: int, move: str, *, went_out: bool = False) -> None:
        """What a command does to a job that allows it."""
        job = self.jobs[job_id]
        assert move in job.moves
        if move == "resolve":
            self._resolve(job, went_out=went_out)
            return
        moves: dict[str, Callable[[Job], None]] = {
            "cancel": self._cancel,
            "pause": self._pause,
            "resume": self._resume,
            "retry": self._requeue,
            "approve": self._approve,
            "reject": self._reject,
            "run_now": self._run_now,
            "undo_approval": self._ask_again,
            "revise": self._revise,
        }
        moves[move](job)

    def _cancel(self, job: Job) -> None:
        # The attempt that is at it keeps its token: what it had begun, it may still tell.
        job.status, job.is_finished, job.pause_requested = "cancelled", True, False

    def _pause(self, job: Job) -> None:
        if job.status == "queued":
            job.status = "paused"
        else:
            job.pause_requested = True

    def _resume(self, job: Job) -> None:
        job.status = "queued"

    def _requeue(self, job: Job) -> None:
        job.status, job.outcome, job.due_at, job.deaths, job.is_finished = "queued", None, None, 0, False
        if job.attempt >= job.max_attempts:
            job.max_attempts = job.attempt + 1

    def _approve(self, job: Job) -> None:
        job.approval = "approved"

    def _reject(self, job: Job) -> None:
        job.approval, job.status, job.is_finished = "rejected", "cancelled", True

    def _ask_again(self, job: Job) -> None:
        job.approval = "pending"

    def _revise(self, job: Job) -> None:
        job.approval, job.is_finished = "pending", False
        if job.status == "cancelled":
            job.status = "queued"

    def _run_now(self, job: Job) -> None:
        job.due_at = None

    def _resolve(self, job: Job, *, went_out: bool) -> None:
        doubted = job.with_phase("sending")
        for effect in doubted:
            effect.phase = "done" if went_out else "failed"
            effect.denied = effect.denied or not went_out
        is_done = {target for target, effect in job.effects.items() if effect.phase == "done"}
        if went_out and is_done >= set(job.targets):
            job.status, job.outcome = "completed", None
        else:
            self._requeue(job)

    # -- what engines do -----------------------------------------------------------------------------------

    def look(
        self, types: Collection[str], limit: int, *, token: str, engine: str, now: datetime, expires_at: datetime
    ) -> list[int]:
        """The jobs that an engine with so many free places takes."""
        for job in self.jobs.values():
            if job.status == "queued" and job.due_at is not None and job.due_at <= now:
                job.due_at = None
        taken: list[int] = []
        for job in sorted(self.jobs.values(), key=lambda job: (-job.priority, job.created_at, job.id)):
            if len(taken) < limit and job.type in types and self._is_claimable(job):
                job.status, job.outcome, job.is_finished = "running", None, False
                job.attempt += 1
                job.token, job.engine, job.expires_at = token, engine, expires_at
                job.tries[job.attempt] = Try(token, engine)
                taken.append(job.id)
        return taken

    def has_full_type(self) -> bool:
        """Whether a type has as many at once as people allow."""
        return any(
            not policy.paused and policy.concurrency is not None and self.running(key) >= policy.concurrency
            for key, policy in self.policies.items()
        )

    def running(self, key: str) -> int:
        """How many jobs of a type run."""
        return sum(job.status == "running" and job.type == key for job in self.jobs.values())

    def _is_claimable(self, job: Job) -> bool:
        policy = self.policies.get(job.type, Policy())
        is_free = policy.concurrency is None or self.running(job.type) < policy.concurrency
        is_due = job.status == "queued" and job.due_at is None and job.approval in (None, "approved")
        return is_due and is_free and not policy.paused

    def owns(self, held: Held) -> bool:
        """Whether this attempt may still write what becomes of its job."""
        return self.jobs[held.job_id].status == "running" and self._is_latest(held)

    def begin(self, held: Held, target: str, identity: str, expires_at: datetime) -> str | None:
        """The identity to speak with, and a new lease; None for an attempt that may not speak."""
        job = self.jobs[held.job_id]
        known = job.effects.get(target)
        if not self.owns(held) or (known and known.phase != "failed"):
            return None
        if known is None:
            known = job.effects[target] = Effect(identity, "sending", held.number)
        known.phase, known.attempt = "sending", held.number
        job.expires_at = expires_at
        return known.identity

    def settle(self, held: Held, target: str, phase: str) -> None:
        """What an attempt knows of its own word, even if its job was cancelled meanwhile."""
        job = self.jobs[held.job_id]
        effect = job.effects[target]
        may_tell = job.status in ("running", "cancelled") and self._is_latest(held)
        if may_tell and effect.phase == "sending" and effect.attempt == held.number:
            effect.phase = phase
        elif effect.phase == "sending":
            self.close(held)

    def end(self, held: Held, status: str, told: str, *, due_at: datetime | None = None, more: int = 0) -> bool:
        """How an attempt ended; False if the job was not its own any more, which leaves the job alone."""
        job = self.jobs[held.job_id]
        if not self.owns(held):
            self.close(held)
            return False
        job.tries[held.number].outcome = told
        job.status = "paused" if status == "queued" and job.pause_requested else status
        job.outcome = "unknown" if told == "unknown" else None
        job.due_at, job.deaths, job.pause_requested = due_at, 0, False
        job.max_attempts += more
        job.token = job.expires_at = None
        job.is_finished = status in ("completed", "failed")
        return True

    def close(self, held: Held) -> None:
        """An attempt without a job is over, too."""
        job = self.jobs[held.job_id]
        own = job.tries[held.number]
        if own.outcome is None:
            own.outcome = "lost"
            if job.status == "cancelled" and self._is_latest(held):
                own.outcome, job.token, job.expires_at = "cancelled", None, None

    def rescue(self, jobs: Iterable[Job]) -> None:
        """The engine of these died."""
        for job in jobs:
            held, deaths = Held(job.id, job.attempt, job.token or ""), job.deaths + 1
            if job.status == "cancelled":
                self.close(held)
                continue
            if job.with_phase("sending"):
                self.end(held, "failed", "unknown")
            elif deaths >= DEADLY:
                self.end(held, "failed", "lost")
                job.outcome = "poisonous"
            else:
                self.end(held, "queued", "lost", more=1)
            job.deaths = deaths

    def expired(self, now: datetime, spared: Collection[int]) -> list[Job]:
        """Jobs with an attempt under way whose engine has been silent for too long."""
        silent = [job for job in self.under_way() if job.id not in spared]
        return [job for job in silent if job.expires_at is not None and job.expires_at < now]

    def under_way(self) -> list[Job]:
        """Running jobs, and cancelled ones whose attempt has not told yet what had happened."""
        cancelled = [job for job in self.jobs.values() if job.status == "cancelled" and job.attempt]
        open_ones = [job for job in cancelled if job.tries[job.attempt].outcome is None]
        return [job for job in self.jobs.values() if job.status == "running"] + open_ones

    def renew(self, engine: str, job_ids: Collection[int], now: datetime, lease: timedelta) -> None:
        """The engine is alive, and at these."""
        for job in self.jobs.values():
            if job.status == "running" and job.engine == engine and job.id in job_ids:
                job.expires_at = now + lease

    def _is_latest(self, held: Held) -> bool:
        job = self.jobs[held.job_id]
        return (job.attempt, job.token) == (held.number, held.token)
