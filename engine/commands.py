"""What anyone may do. Pages and API call these; nothing else writes on somebody's behalf."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tortoise.exceptions import TransactionManagementError
from tortoise.expressions import F, Q

from engine import clock
from engine.approvals.policy import Policy
from engine.approvals.trust import note_trusted
from engine.audit import Audit, Deed
from engine.errors import (
    FieldError,
    IdempotencyConflict,
    InvalidInput,
    JobRunnerError,
    KeyInFlight,
    MoveNotAllowed,
    NotFound,
    Superseded,
)
from engine.events import AttemptEnded, Bus, Event, JobChanged, StopAsked
from engine.executor import CANCEL_GRACE_SECONDS
from engine.faults import shown
from engine.gatherer import Gatherer
from engine.jobs import Registry
from engine.operations.terms import checked_priority
from engine.queries import Queries
from engine.settings import Settings
from engine.submission import After, Submission, ref_faults
from engine.tracing import Role, span
from engine.views import JobView
from models.agent import agent_id_of
from models.attempt import Attempt
from models.database import DRIVER_ERRORS, transaction
from models.effect import Effect
from models.job import Job, NewJob, insert_jobs
from models.states import (
    ALLOWED_FROM,
    POISONOUS,
    UNKNOWN,
    Move,
    Phase,
    Priority,
    Status,
    allowed_moves,
)

CONFIRMED = {"message": "A person said that it went out"}
DENIED = "A person said that it did not go out"
STOP_WAIT_SECONDS = CANCEL_GRACE_SECONDS + 2


@dataclass(frozen=True)
class Submitted:
    """A job that was created, or found by its key; `view` is what a new one looked like, if that could be read."""

    id: int
    is_new: bool
    view: JobView | None = None


Told = Callable[[Sequence[int]], Deed]
"""Makes the entry of the audit log from the new jobs' ids."""


class Commands:
    """Writes, each one conditional statement and one event."""

    def __init__(
        self, settings: Settings, registry: Registry, bus: Bus, audit: Audit, queries: Queries, policy: Policy
    ) -> None:
        self._policy = policy
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self._audit = audit
        self._queries = queries
        self._new = Gatherer(self._store)
        self._in_flight: set[str] = set()

    async def submit(
        self,
        type_key: str,
        payload: dict[str, Any],
        *,
        priority: str = "medium",
        name: str | None = None,
        run_at: datetime | None = None,
        created_by: str = "local",
        requires_approval: bool = False,
        agent: str | None = None,
        after: Sequence[After] = (),
        idempotency_key: str | None = None,
        told: Told | None = None,
        with_view: bool = False,
    ) -> Submitted:
        """Create a queued job, or find the one that was created with the same key and body.

        `agent` is the program that submits it, if one does: the approval policy asks. It does not start before the jobs
        `after` which it comes, and its payload may speak of them.
        What is `told` is stored in the same transaction. With `with_view`, so is what the new job looks like read.

        Raises:
            InvalidInput: a field breaks a rule; fields of the payload are named `payload.…`.
            IdempotencyConflict: the key was used for another body.
            KeyInFlight: a request with this key is being carried out.
        """
        if faults := [index for index, each in enumerate(after) if each.ref]:
            raise InvalidInput(
                [FieldError(f"after.{faults[0]}.ref", "ref is for jobs of one batch: name the job's id")]
            )
        asked = Submission(
            type_key, payload, priority, name, run_at, created_by, requires_approval, agent, tuple(after)
        )
        known = f" {type_key}" if self._registry.find(type_key) else ""
        with span(f"submit{known}", Role.PRODUCER, type=type_key) as traced:
            carried_out = asyncio.ensure_future(self._submit(asked, idempotency_key, told, with_view=with_view))
            made = await asyncio.shield(carried_out)  # the key is in flight until it is done, whoever hangs up
            traced.note(job=made.id)
            return made

    async def _submit(
        self, asked: Submission, idempotency_key: str | None, told: Told | None, *, with_view: bool
    ) -> Submitted:
        with self._carrying_out([idempotency_key]):
            if idempotency_key and (first := await self._first(idempotency_key, asked)):
                return Submitted(first, is_new=False)
            new = _New(
                await asked.accept(self._registry, self._settings, self._policy, idempotency_key), told, with_view
            )
            while (made := await self._new.ask(new)) is None:  # another process with this key came first
                if idempotency_key and (first := await self._first(idempotency_key, asked)):
                    return Submitted(first, is_new=False)
            self._bus.publish(JobChanged(made.id))
            return made

    async def _store(self, new: Sequence["_New"]) -> list[Submitted | None]:
        """Each as it was made, None where the key is taken: one wait for a turn at SQLite's one connection."""
        if any(each.with_view for each in new):
            with suppress(_NotSeen, TransactionManagementError):  # which the damage has ended, raised or put up with
                return await self._stored(new, with_views=True)
        return await self._stored(new, with_views=False)

    async def _stored(self, new: Sequence["_New"], *, with_views: bool) -> list[Submitted | None]:
        async with transaction() as writer:
            ids = await insert_jobs(writer, [each.job for each in new])
            stored = {job_id: each for job_id, each in zip(ids, new, strict=True) if job_id is not None}
            await note_trusted(writer, self._audit, {job_id: each.job for job_id, each in stored.items()})
            await self._audit.append(writer, [each.told([job_id]) for job_id, each in stored.items() if each.told])
            views = {view.id: view for view in await self._seen(stored)} if with_views else {}
        return [None if job_id is None else Submitted(job_id, True, views.get(job_id)) for job_id in ids]

    async def _seen(self, ids: Collection[int]) -> list[JobView]:
        try:
            return await self._queries.jobs(ids)
        except DRIVER_ERRORS as error:  # damage that has nothing to do with the jobs, and ends the transaction
            raise _NotSeen from error

    async def submit_batch(
        self, batch: Sequence[tuple[Submission, str | None]], told: Told | None = None
    ) -> list[tuple[int, bool]]:
        """Create queued jobs, each with its idempotency key or None: all of them or none.

        Returns for each, in order, its id and whether it is new. What is `told` of the new ones, if there are any, is
        stored in the same transaction.

        Raises:
            InvalidInput: with every fault of every job; fields are named `jobs.<index>.…`.
            IdempotencyConflict: a key was used for another body.
            KeyInFlight: a request with one of the keys is being carried out.
        """
        with span("submit", Role.PRODUCER, jobs=len(batch)):
            return await asyncio.shield(asyncio.ensure_future(self._carry_out_batch(batch, told)))

    async def _carry_out_batch(
        self, batch: Sequence[tuple[Submission, str | None]], told: Told | None
    ) -> list[tuple[int, bool]]:
        with self._carrying_out([key for _, key in batch]):  # whoever hangs up
            return await self._submit_batch(batch, told)

    async def _submit_batch(
        self, batch: Sequence[tuple[Submission, str | None]], told: Told | None
    ) -> list[tuple[int, bool]]:
        known = await self._known(batch)
        faults = ref_faults([asked for asked, _ in batch])
        refs = {batch[index][0].ref: job_id for index, job_id in known.items()}
        new: dict[int, NewJob] = {}
        seen: set[str] = set()
        for index, (asked, key) in enumerate(batch):
            if key and key in seen:
                rule = f"idempotency_key must be another one for each job of a batch, not {shown(key)} again"
                faults.append(FieldError(f"jobs.{index}.idempotency_key", rule))
            seen.add(key or "")
            if index in known:
                continue
            try:
                accepted = await asked.with_known(refs).accept(self._registry, self._settings, self._policy, key)
                new[index] = replace(accepted, request_hash=asked.fingerprint() if key else None)
            except InvalidInput as error:
                faults += [FieldError(f"jobs.{index}.{each.field}", each.message) for each in error.errors]
        if faults:
            raise InvalidInput(faults)
        try:
            stored = await self._store_all(list(new.values()), told)
        except _KeyTaken:  # by another process, just now
            return await self._submit_batch(batch, told)
        for job_id in stored:
            self._bus.publish(JobChanged(job_id))
        ids = dict(zip(new, stored, strict=True))
        return [(ids[index], True) if index in ids else (known[index], False) for index in range(len(batch))]

    async def _store_all(self, new: Sequence[NewJob], told: Told | None) -> list[int]:
        async with transaction() as writer:
            ids = [job_id for job_id in await insert_jobs(writer, new) if job_id is not None]
            if len(ids) < len(new):
                raise _KeyTaken
            await self._audit.append(writer, [told(ids)] if told and ids else [])
            await note_trusted(writer, self._audit, dict(zip(ids, new, strict=True)))
            return ids

    async def _known(self, batch: Sequence[tuple[Submission, str | None]]) -> dict[int, int]:
        """The jobs that were created before, by index."""
        keys = [key for _, key in batch if key]
        found = Job.filter(idempotency_key__in=keys).values("id", "idempotency_key", "request_hash")
        rows = await found if keys else []
        first = {row["idempotency_key"]: row for row in rows}
        known = {index: first[key] for index, (_, key) in enumerate(batch) if key in first}
        for index, row in known.items():
            if row["request_hash"] != batch[index][0].fingerprint():
                raise IdempotencyConflict(row["idempotency_key"])
        return {index: int(row["id"]) for index, row in known.items()}

    @contextmanager
    def _carrying_out(self, keys: Sequence[str | None]) -> Iterator[None]:
        mine = {key for key in keys if key}
        if busy := mine & self._in_flight:
            raise KeyInFlight(min(busy))
        self._in_flight |= mine
        try:
            yield
        finally:
            self._in_flight -= mine

    async def cancel(self, job_id: int, *, waits: bool = True) -> None:
        """Final. A running attempt is stopped; returns once it has told what had already happened, if `waits`.

        Raises:
            MoveNotAllowed: the job is over.
        """
        ended = _Ended(self._bus, job_id)
        try:
            changes = {"status": Status.CANCELLED, "finished_at": clock.now(), "pause_requested": False}
            await self._move_or_refuse(job_id, Move.CANCEL, changes)
            self._bus.publish(StopAsked(job_id, Move.CANCEL))
            if waits and await _is_running_here(job_id):
                await ended.wait(STOP_WAIT_SECONDS)
        finally:
            ended.close()

    async def pause(self, job_id: int) -> None:
        """A queued job pauses at once, a running one at its next safe point.

        Raises:
            MoveNotAllowed: the job is neither queued nor running.
        """
        queued, running = Job.filter(status=Status.QUEUED), Job.filter(status=Status.RUNNING)
        for _ in range(2):  # it may start, or go back to the queue, between the two updates
            if await self._move(job_id, Move.PAUSE, {"status": Status.PAUSED}, queued):
                return
            if await self._move(job_id, Move.PAUSE, {"pause_requested": True}, running):
                self._bus.publish(StopAsked(job_id, Move.PAUSE))
                return
        raise await self._refusal(job_id, Move.PAUSE)

    async def resume(self, job_id: int) -> None:
        """Back to the queue.

        Raises:
            MoveNotAllowed: the job is not paused.
        """
        await self._move_or_refuse(job_id, Move.RESUME, {"status": Status.QUEUED})

    async def retry(self, job_id: int) -> None:
        """A failed job goes back to the queue, with one more attempt if it has used them all.

        Raises:
            MoveNotAllowed: the job has not failed, or a person must first say whether it went out.
        """
        await self._requeue(job_id, Move.RETRY, Job.filter(Q(outcome=None) | Q(outcome=POISONOUS)))

    async def run_now(self, job_id: int) -> None:
        """A job that waits for its time, or for its next try, waits no longer: the next look takes it.

        Raises:
            MoveNotAllowed: the job does not wait for its time, or its approval may still be undone.
        """
        waiting = Job.filter(Q(undo_until=None) | Q(undo_until__lte=clock.now()), due_at__isnull=False)
        await self._move_or_refuse(job_id, Move.RUN_NOW, {"due_at": None}, waiting)

    async def set_priority(self, job_id: int, priority: str, *, instead_of: str | None = None) -> None:
        """Whether a job is claimed sooner or later; with `instead_of`, only if nobody has set another one since.

        Raises:
            InvalidInput: there is no such priority.
            Superseded: it has another priority by now.
            MoveNotAllowed: the job is running or over.
        """
        priority = checked_priority(priority)
        rows = Job.all() if instead_of is None else Job.filter(priority=Priority[instead_of.upper()])
        changes = {"priority": Priority[priority.upper()]}
        if await self._move(job_id, Move.PRIORITIZE, changes, rows):
            return
        job = await Job.get_or_none(id=job_id)
        if job and instead_of and job.status in ALLOWED_FROM[Move.PRIORITIZE]:
            raise Superseded("somebody has changed its priority since")
        raise await self._refusal(job_id, Move.PRIORITIZE)

    async def resolve(
        self, job_id: int, *, went_out: bool, target: str | None = None, attempt: int | None = None
    ) -> None:
        """A person says whether an unknown effect happened: yes completes the job, no sends it back to the queue.

        `target` answers for one of several effects in question, and the job waits for the other answers. When other
        effects of the job are still open, yes sends it back to the queue too, to do just those. With `attempt`, the
        answer holds for that attempt alone: given once more, it does not answer for a later one.

        Raises:
            MoveNotAllowed: the job's outcome is not unknown, or it is another attempt's.
            InvalidInput: there is no such target in question.
        """
        settling = asyncio.ensure_future(self._resolve(job_id, went_out, target, attempt))
        await asyncio.shield(settling)  # whoever asks may be gone before it is stored

    async def _resolve(self, job_id: int, went_out: bool, target: str | None, attempt: int | None) -> None:
        asked = Job.filter(outcome=UNKNOWN) if attempt is None else Job.filter(outcome=UNKNOWN, attempt=attempt)
        async with transaction():
            await self._move_or_refuse(job_id, Move.RESOLVE, {"outcome": UNKNOWN}, asked)
            job = await Job.get(id=job_id)
            sending = Effect.filter(job_id=job_id, phase=Phase.SENDING)
            in_question = [effect.target for effect in await sending]
            if target is not None and target not in in_question:
                rule = f"target must be one of {', '.join(in_question) or 'none'}, not {shown(target)}"
                raise InvalidInput([FieldError("target", rule)])
            now = clock.now()
            answered = sending.filter(target=target) if target else sending
            if went_out:
                await answered.update(phase=Phase.DONE, result=CONFIRMED, finished_at=now)
            else:
                await answered.update(phase=Phase.FAILED, error=DENIED, finished_at=now, denied_at=now)
            if went_out and not in_question:  # a restored job: whatever it still had to do is in question
                await self._confirm_the_rest(job)
            elif not in_question:
                await Effect.filter(job_id=job_id, phase=Phase.FAILED).update(denied_at=now)
            if await sending.exists():
                return
            if went_out and await self._everything_done(job):
                result = {**(job.result or {}), "message": "Went out, as a person confirmed"}
                over = {"outcome": None, "error": None, "cause": None}
                ended = {**over, "status": Status.COMPLETED, "progress": 100, "result": result}
                await self._move_or_refuse(job_id, Move.RESOLVE, ended)
            else:
                await self._requeue(job_id, Move.RESOLVE, Job.all())
        self._bus.publish(JobChanged(job_id))  # once more: now it can be read

    # -- helpers ---------------------------------------------------------------------------------------------

    async def _first(self, key: str, asked: Submission) -> int | None:
        first: Job | None = await Job.get_or_none(idempotency_key=key)
        if first is None:
            return None
        if first.request_hash != asked.fingerprint():
            raise IdempotencyConflict(key)
        return int(first.id)

    async def _everything_done(self, job: Job) -> bool:
        done = await Effect.filter(job_id=job.id, phase=Phase.DONE).values_list("target", flat=True)
        return self._targets(job) <= set(done)

    async def _confirm_the_rest(self, job: Job) -> None:
        now = clock.now()
        await Effect.filter(job_id=job.id).exclude(phase=Phase.DONE).update(phase=Phase.DONE, result=CONFIRMED)
        known = await Effect.filter(job_id=job.id).values_list("target", flat=True)
        new = [
            Effect(
                job_id=job.id,
                target=target,
                attempt=job.attempt,
                identity={},
                phase=Phase.DONE,
                result=CONFIRMED,
                started_at=now,
                finished_at=now,
            )
            for target in sorted(self._targets(job) - set(known))
        ]
        for effect in new:
            await effect.save()

    def _targets(self, job: Job) -> set[str]:
        job_type = self._registry.find(job.type)
        if job_type is None:
            return set()
        payload = job.payload if job_type.is_outside else job_type.parse(job.payload)
        return set(job_type.targets(payload))

    async def _requeue(self, job_id: int, move: Move, rows: Any) -> None:
        again = {
            "status": Status.QUEUED,
            "due_at": None,
            "outcome": None,
            "deaths": 0,
            "finished_at": None,
            "error": None,
            "cause": None,
        }
        spent = rows.filter(attempt__gte=F("max_attempts"))
        more = {**again, "max_attempts": F("attempt") + 1}
        if not await self._move(job_id, move, more, spent):
            await self._move_or_refuse(job_id, move, again, rows)
        await Job.filter(id=job_id, attempt=0, run_at__gt=clock.now()).update(due_at=F("run_at"))  # its time is to come

    async def _move(self, job_id: int, move: Move, changes: dict[str, Any], rows: Any = None) -> bool:
        """One conditional update; whether this call was the one that moved the job."""
        rows = Job.all() if rows is None else rows
        moved = await rows.filter(id=job_id, status__in=list(ALLOWED_FROM[move])).update(**changes)
        if moved:
            self._bus.publish(JobChanged(job_id))
        return bool(moved)

    async def _move_or_refuse(self, job_id: int, move: Move, changes: dict[str, Any], rows: Any = None) -> None:
        if not await self._move(job_id, move, changes, rows):
            raise await self._refusal(job_id, move)

    async def _refusal(self, job_id: int, move: Move) -> JobRunnerError:
        job = await Job.get_or_none(id=job_id)
        if job is None:
            return NotFound("job", job_id)
        waits = job.due_at is not None
        is_tried = job.attempt > 0
        allowed = allowed_moves(job.status, approval=job.approval, outcome=job.outcome, waits=waits, is_tried=is_tried)
        reason = " and whose outcome is unknown" if job.outcome == UNKNOWN else ""
        if move is Move.RUN_NOW and job.undo_until and job.undo_until > clock.now():
            reason = " and whose approval may still be undone"
        return MoveNotAllowed(move, job.status, allowed - {move}, reason)


@dataclass(frozen=True)
class _New:
    job: NewJob
    told: Told | None
    with_view: bool


class _NotSeen(Exception):
    """Nothing is committed yet: the new jobs are to be stored without being looked at."""


class _KeyTaken(Exception):
    """Nothing of the batch is stored."""


async def _is_running_here(job_id: int) -> bool:
    """An outside agent learns of it at its next call, which nobody waits for."""
    attempt = await Attempt.get_or_none(job_id=job_id, outcome=None)
    return attempt is not None and agent_id_of(attempt.engine_id) is None


class _Ended:
    """Waits until a job's attempt has told what came of it."""

    def __init__(self, bus: Bus, job_id: int) -> None:
        self._job_id = job_id
        self._happened = asyncio.Event()
        self.close = bus.subscribe(self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, AttemptEnded) and event.job_id == self._job_id:
            self._happened.set()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._happened.wait()
