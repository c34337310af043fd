"""Commands, claims, attempts, crashes and the clock in any order do what a simple model says they do.

Hypothesis chooses the order. The real commands, claims, endings, effects, heartbeats and rescues run on a real file;
after each step every row must be as the model has it. Attempts that were overtaken go on and try to write: that is
how an engine behaves which slept. The world beyond is a set of what it may have heard, and must never hear a second
time what nobody denied.

What fails is shown as a list of steps. CHAOS=long takes twenty times as many, and looks, for minutes, for the shortest
list that fails; CHAOS_SEED, set to anything, takes other steps each time.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis import Phase as Doing
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine import clock
from engine.actors import local
from engine.administration import Administration
from engine.approvals.policy import Policy
from engine.approvals.reviews import Reviews
from engine.approvals.revisions import Revisions
from engine.audit import Audit
from engine.cluster import Cluster
from engine.commands import Commands
from engine.context import AttemptContext
from engine.errors import (
    IdempotencyConflict,
    LeaseLost,
    MoveNotAllowed,
    OutcomeUnknown,
    PauseAsked,
    Superseded,
    TransientError,
)
from engine.events import AttemptEnded, Bus, Event, StopAsked
from engine.executor import Executor
from engine.health import Health
from engine.heartbeat import Heartbeat
from engine.jobs import Registry
from engine.jobs.base import Context
from engine.ledger import Ledger, close_lost
from engine.outcomes import Completed, Failed, Outcome, Paused, Released, Retrying, Unknown, decide, ending
from engine.queries import Queries
from engine.rescuer import Rescuer
from engine.retry import RetryPolicy
from models.claim import Claimed, claim_due, come_due
from models.database import close_database, open_database
from models.ending import Lease
from models.engine_record import EngineRecord
from models.statement import stored_time
from models.states import Phase, Priority
from tests.chaos.model import Held, Job, Model
from tests.chaos.model import Policy as Limit
from tests.chaos.scale import rounds
from tests.support.engine import scripted, settings_in
from tests.support.other_program import connected

EXAMPLES, STEPS = rounds(10, 100), rounds(50, 100)
LEASE = timedelta(seconds=15)
START = datetime(2030, 1, 1, tzinfo=UTC)
NO_PROCESS = 2**22 + 1  # more than Linux ever gives to one
ALPHA, BETA = "ALPHA", "BETA"
RETRY = RetryPolicy(attempts=2, base=10)
TOLD = {
    Completed: ("completed", "succeeded"),
    Failed: ("failed", "failed"),
    Retrying: ("queued", "retrying"),
    Unknown: ("failed", "unknown"),
    Paused: ("paused", "paused"),
    Released: ("queued", "released"),
}
MOMENT = timedelta(microseconds=1)  # times are compared as text in the database

T = TypeVar("T")
engines = strategies.integers(0, 1)
any_index = strategies.integers(0, 99)
turns = strategies.lists(strategies.tuples(any_index, any_index), min_size=2, max_size=8)
REVIEWING = ("approve", "reject", "undo_approval", "revise")
moves = strategies.sampled_from(["cancel", "pause", "resume", "retry", "run_now", "resolve", *REVIEWING])


@dataclass(eq=False)
class Attempt:
    """The work of one claim, which goes on until its engine crashes, whoever owns the job."""

    claimed: Claimed
    context: AttemptContext
    sending: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    in_doubt: bool = False  # somebody may have said already what it was to say
    is_stopped: bool = False  # it found out that the job is not its own any more

    @property
    def held(self) -> Held:
        """What it can show for itself."""
        return Held(self.claimed.id, self.claimed.attempt, self.claimed.lease_token)

    @property
    def targets(self) -> tuple[str, ...]:
        """To whom its job speaks."""
        return tuple(self.claimed.payload.get("where", ()))

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What it may do next, the likeliest first."""
        if self.in_doubt:
            return ("ask",)
        if self.sending:
            return ("heard", "refused", "heard", "ask", "heard")
        if set(self.targets) - self.done:
            return ("speak", "for now", "speak", "released", "speak", "paused", "speak", "for good")
        return ("well", "for now", "well", "released", "well", "paused", "well", "for good")


@dataclass(eq=False)
class Engine:
    """An engine's duties, and what it has in hand; heartbeat and rescuer see it as their executor."""

    id: str
    types: tuple[str, ...]
    heartbeat: Heartbeat = field(init=False)
    rescuer: Rescuer = field(init=False)
    running: dict[int, Attempt] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    def stop(self, job_id: int) -> None:
        """The attempt does as it likes: only the fence counts here."""

    def pause(self, job_id: int) -> None:
        """As above."""


class Machine(RuleBasedStateMachine):
    """One database, two engines at a time, and everybody who asks something of them."""

    def __init__(self, folder: Path, new_database: Callable[[], AbstractContextManager[str]]) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.patch = pytest.MonkeyPatch()
        self.now = START
        self.patch.setattr(clock, "now", lambda: self.now)
        self.open = ExitStack()
        url = self.open.enter_context(new_database())
        self.reader = self.open.enter_context(connected(url))
        self.chosen = settings_in(folder, database_url=url, lease_seconds=LEASE.total_seconds())
        self.do(open_database(self.chosen.database))
        self.bus = Bus()
        self.bus.subscribe(self._answer)
        self.health = Health(self.bus)
        self.registry = Registry(scripted(_never, key=key, retry=RETRY) for key in (ALPHA, BETA))
        self.ledger = Ledger(self.health)
        self.queries = Queries(self.chosen, self.registry, self.health)
        audit = Audit(self.chosen, self.ledger)
        policy = Policy(self.bus)
        self.commands = Commands(self.chosen, self.registry, self.bus, audit, self.queries, policy)
        self.reviews = Reviews(self.chosen, self.registry, self.bus, audit)
        self.revisions = Revisions(self.chosen, self.registry, policy, self.bus, audit)
        self.administration = Administration(self.chosen, self.registry, self.bus)
        self.do(self._open())
        self.model = Model()
        self.keys: dict[str, tuple[Any, int]] = {}
        self.heard: set[tuple[int, str, int]] = set()  # by job, target and attempt: what the world may have heard
        self.final: dict[tuple[int, str], Any] = {}
        self.numbers = count(1)
        self.engines: list[Engine] = []
        self.step = 0

    def teardown(self) -> None:
        """Leave nothing behind for the next machine."""
        self.do(self.ledger.close())
        self.do(close_database())
        self.open.close()
        self.loop.close()
        self.patch.undo()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end."""
        return self.loop.run(work)

    async def _open(self) -> None:
        self.ledger.open()

    def _answer(self, event: Event) -> None:
        if isinstance(event, StopAsked):  # or a cancel would wait for an attempt that goes on
            self.bus.publish(AttemptEnded(event.job_id))

    # -- people ----------------------------------------------------------------------------------------------

    @rule(
        key=strategies.sampled_from([None, None, None, "one", "two"]),
        type_key=strategies.sampled_from([ALPHA, ALPHA, BETA]),
        priority=strategies.sampled_from(["low", "medium", "high"]),
        where=strategies.sampled_from([(), ("x",), ("x", "y")]),
        wait=strategies.sampled_from([None, None, timedelta(0), timedelta(seconds=7), timedelta(hours=-1)]),
        zone=strategies.sampled_from([UTC, timezone(timedelta(hours=-5))]),
        requires_approval=strategies.sampled_from([False, False, False, True]),
        taken_by=strategies.sampled_from([None, 0, 1]),
    )
    def submit(
        self,
        key: str | None,
        type_key: str,
        priority: str,
        where: tuple[str, ...],
        wait: timedelta | None,
        zone: timezone,
        requires_approval: bool,
        taken_by: int | None,
    ) -> None:
        run_at = None if wait is None else (self.now + wait).astimezone(zone)
        self._submit(key, type_key, priority, where, run_at, requires_approval)
        if taken_by is not None:
            self._look(taken_by, 2)

    def _submit(
        self,
        key: str | None,
        type_key: str,
        priority: str,
        where: tuple[str, ...],
        run_at: datetime | None,
        requires_approval: bool,
    ) -> None:
        body = (type_key, priority, where, run_at and run_at.isoformat(), requires_approval)
        submitting = self.commands.submit(
            type_key,
            {"where": list(where)},
            priority=priority,
            run_at=run_at,
            requires_approval=requires_approval,
            idempotency_key=key,
        )
        first_body, first = self.keys.get(key or "", (None, None))
        if first is not None and first_body != body:
            with pytest.raises(IdempotencyConflict):
                self.do(submitting)
            return
        made = self.do(submitting)
        job_id, is_new = made.id, made.is_new
        assert is_new is (first is None)
        assert first in (None, job_id)
        if is_new:
            assert job_id not in self.model.jobs
            approval = "pending" if requires_approval else None
            number = Priority[priority.upper()]
            job = Job(job_id, type_key, number, self.now, where, RETRY.attempts, run_at, approval)
            self.model.jobs[job_id] = job
            if key:
                self.keys[key] = body, job_id

    @rule(index=any_index, move=moves, went_out=strategies.booleans())
    def ask_anything(self, index: int, move: str, went_out: bool) -> None:
        self._command(_pick(list(self.model.jobs.values()), index), move, went_out=went_out)

    @precondition(lambda self: self._failed())
    @rule(index=any_index, went_out=strategies.booleans())
    def settle_a_failure(self, index: int, went_out: bool) -> None:
        job = _pick(self._failed(), index)
        self._command(job, "resolve" if job.outcome == "unknown" else "retry", went_out=went_out)

    @precondition(lambda self: self.step % 4 == 0)
    @rule(
        key=strategies.sampled_from([ALPHA, BETA]),
        paused=strategies.sampled_from([False, False, True]),
        concurrency=strategies.sampled_from([None, 1, 2]),
    )
    def limit(self, key: str, paused: bool, concurrency: int | None) -> None:
        self.do(self.administration.set_policy(key, paused=paused, concurrency=concurrency))
        self.model.policies[key] = Limit(paused, concurrency)

    def _running(self) -> list[Job]:
        return [job for job in self.model.jobs.values() if job.status == "running"]

    def _failed(self) -> list[Job]:
        return [job for job in self.model.jobs.values() if job.status == "failed"]

    def _command(self, job: Job, move: str, *, went_out: bool) -> None:
        doubted = {target for target, effect in job.effects.items() if effect.phase == "sending"}
        asked = {"went_out": went_out} if move == "resolve" else {}
        moving = self._moving(job, move) if move in REVIEWING else getattr(self.commands, move)(job.id, **asked)
        if move not in job.moves:
            with pytest.raises((MoveNotAllowed, Superseded)) as refused:
                self.do(moving)
            if isinstance(refused.value, MoveNotAllowed):
                assert refused.value.allowed == sorted(job.moves)
            else:
                assert job.approval in ("approved", "rejected")
            return
        self.model.move(job.id, move, **asked)
        self.do(moving)
        if move == "resolve" and not went_out:
            self.heard -= {word for word in self.heard if word[0] == job.id and word[1] in doubted}

    def _moving(self, job: Job, move: str) -> Coroutine[Any, Any, Any]:
        asking: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "approve": lambda: self.reviews.approve(local(), job.id),
            "reject": lambda: self.reviews.reject(local(), job.id),
            "undo_approval": lambda: self.reviews.undo(local(), job.id),
            "revise": lambda: self.revisions.revise(local(), job.id, {"where": list(job.targets)}),
        }
        return asking[move]()

    # -- engines ---------------------------------------------------------------------------------------------

    @initialize()
    def two_engines(self) -> None:
        self.engines = [self._start((ALPHA, BETA)), self._start((ALPHA,))]
        for where in (("x",), ("x", "y"), ()):
            self._submit(None, ALPHA, "medium", where, None, requires_approval=False)
        self._look(0, 2)

    @precondition(lambda self: any(job.status == "queued" for job in self.model.jobs.values()))
    @rule(which=engines, limit=strategies.integers(1, 3))
    def look(self, which: int, limit: int) -> None:
        self._look(which, limit)

    def _look(self, which: int, limit: int) -> None:
        engine, token = self.engines[which], f"token-{next(self.numbers)}"
        expires_at = self.now + LEASE
        before = {key: self.model.running(key) for key in (ALPHA, BETA)}
        expected = self.model.look(
            engine.types, limit, token=token, engine=engine.id, now=self.now, expires_at=expires_at
        )

        async def claim() -> tuple[list[Claimed], bool]:
            async def write(writer: Any) -> tuple[list[Claimed], bool]:
                await come_due(writer, self.now)
                return await claim_due(
                    writer,
                    engine_id=engine.id,
                    lease_token=token,
                    now=self.now,
                    lease_expires_at=expires_at,
                    places=dict.fromkeys(engine.types, limit),
                    limit=limit,
                )

            return await self.ledger.write(write)

        claimed, more = self.do(claim())
        assert [job.id for job in claimed] == expected
        assert more is (len(expected) == limit or self.model.has_full_type())
        for key, policy in self.model.policies.items():
            assert self.model.running(key) <= max(before[key], policy.concurrency or len(self.model.jobs))
        for job in claimed:
            assert (job.attempt, job.max_attempts) == self._numbers(job.id)
            lease = Lease(job.id, job.attempt, token)
            attempt = Attempt(job, AttemptContext(lease, self.chosen, self.bus, self.ledger))
            engine.running[job.id] = attempt
            engine.attempts.append(attempt)

    @rule(
        which=engines,
        happens=strategies.sampled_from(["lost", "beat", "late", "crash", "crash elsewhere", "nothing", "nothing"]),
        meanwhile=strategies.sampled_from(
            [MOMENT, timedelta(seconds=0.5), timedelta(seconds=7), timedelta(minutes=10)]
        ),
    )
    def time_goes_by(self, which: int, happens: str, meanwhile: timedelta) -> None:
        engine = self.engines[which]
        if happens == "beat":
            self.do(engine.heartbeat._beat())
            self.model.renew(engine.id, engine.running, self.now, LEASE)
        elif happens.startswith("crash"):
            self._crash_and_restart(which, elsewhere=happens == "crash elsewhere")
        elif happens != "nothing":
            self._rescue(engine, LEASE if happens == "late" else LEASE + MOMENT)
        self.now += meanwhile

    @precondition(lambda self: self._owners())
    @rule(index=any_index, first=strategies.integers(0, 2), then=strategies.integers(0, 3))
    def be_overtaken(self, index: int, first: int, then: int) -> None:
        """The other engine rescues the job in the middle of its work; people and engines go on with it."""
        engine, attempt = _pick(self._owners(), index)
        self._take_turns(engine, attempt, first)
        which = 1 - self.engines.index(engine)
        self._rescue(self.engines[which], LEASE + MOMENT)
        job = self.model.jobs[attempt.claimed.id]
        if then and job.status == "failed":
            self._command(job, "resolve" if job.outcome == "unknown" else "retry", went_out=then == 1)
        if then > 1:
            self._look(which, 3)
        if then > 2:
            for other in self.engines[which].attempts[-1:]:
                self._take_turns(self.engines[which], other, 1)

    @precondition(lambda self: self._owners())
    @rule(
        index=any_index,
        first=strategies.integers(0, 2),
        move=strategies.sampled_from(["cancel", "pause"]),
        then=strategies.integers(0, 2),
    )
    def be_stopped(self, index: int, first: int, move: str, then: int) -> None:
        """A person stops the job in the middle of its work, which goes on for a while."""
        engine, attempt = _pick(self._owners(), index)
        self._take_turns(engine, attempt, first)
        if attempt in engine.attempts:
            self._command(self.model.jobs[attempt.claimed.id], move, went_out=False)
        self._take_turns(engine, attempt, then)

    def _take_turns(self, engine: Engine, attempt: Attempt, turns: int) -> None:
        for _ in range(turns):
            if attempt in engine.attempts:
                self._take_a_turn(engine, attempt, 0)

    def _rescue(self, engine: Engine, sleep: timedelta) -> None:
        """The other one goes on with what it has, as an engine does that slept, or was cut off."""
        self.now += sleep
        self.model.rescue(self.model.expired(self.now, engine.running))
        self.do(engine.rescuer.rescue_expired())

    def _crash_and_restart(self, which: int, *, elsewhere: bool) -> None:
        """On the same host its successor knows at once that it is dead; on another one, its leases must run out."""
        crashed = self.engines[which]
        self.do(_crash(crashed.id, elsewhere=elsewhere))
        self.engines[which] = successor = self._start(crashed.types)
        if not elsewhere:
            self.model.rescue([job for job in self.model.under_way() if job.engine == crashed.id])
        self.do(successor.rescuer.after_restart())

    def _start(self, types: tuple[str, ...]) -> Engine:
        engine = Engine(f"engine-{next(self.numbers)}", types)
        executor = cast(Executor, engine)
        engine.heartbeat = Heartbeat(self.chosen, engine.id, executor, self.bus, self.health)
        engine.rescuer = Rescuer(
            self.chosen,
            engine.id,
            executor,
            self.ledger,
            self.bus,
            self.health,
            Cluster(self.chosen, engine.id, self.bus),
        )
        self.do(engine.heartbeat.register())
        self.do(_become_another_process(engine.id))
        return engine

    def _numbers(self, job_id: int) -> tuple[int, int]:
        job = self.model.jobs[job_id]
        return job.attempt, job.max_attempts

    # -- attempts, also those that were overtaken ---------------------------------------------------------------

    @precondition(lambda self: self._attempts())
    @rule(turns=turns)
    def go_on(self, turns: list[tuple[int, int]]) -> None:
        for index, step in turns:
            if self._attempts():
                self._take_a_turn(*_pick(self._attempts(), index), step)

    @precondition(lambda self: self._attempts())
    @rule(turns=turns)
    def go_on_once_more(self, turns: list[tuple[int, int]]) -> None:  # more often than anything else
        self.go_on(turns)

    @precondition(lambda self: self._overtaken())
    @rule(turns=turns)
    def go_on_though_overtaken(self, turns: list[tuple[int, int]]) -> None:
        for index, step in turns:
            if self._overtaken():
                self._take_a_turn(*_pick(self._overtaken(), index), step)

    def _take_a_turn(self, engine: Engine, attempt: Attempt, number: int) -> None:
        what = _pick(attempt.next_steps, number)
        if attempt.is_stopped or (what != "speak" and number % 5 == 4 and not self.model.owns(attempt.held)):
            self._heed_the_stop(engine, attempt)
        elif what == "speak":
            self._speak(attempt)
        elif what in ("heard", "refused"):
            self._hear(attempt, is_heard=what == "heard")
        else:
            self._end(engine, attempt, what)
        self.every_row_is_as_the_model_says()

    def _speak(self, attempt: Attempt) -> None:
        """As `Context.effect` does it, but stopped between its words."""
        job, held = self.model.jobs[attempt.claimed.id], attempt.held
        target = next(target for target in attempt.targets if target not in attempt.done)
        known = job.effects.get(target)
        if known and known.phase == "done":
            assert self.do(attempt.context.already_done(target)) is not None
            attempt.done.add(target)
            return
        identity = f"{job.id}-{target}-{held.number}"
        expected = self.model.begin(held, target, identity, self.now + LEASE)
        beginning = attempt.context._begin(target, {"identity": identity})
        if expected is None:
            in_doubt = known is not None and known.phase == "sending"
            with pytest.raises(OutcomeUnknown if in_doubt else LeaseLost):
                self.do(beginning)
            attempt.in_doubt, attempt.is_stopped = in_doubt, not in_doubt
            return
        assert self.do(beginning) == {"identity": expected}
        again = {word for word in self.heard if word[:2] == (job.id, target)}
        assert not again, f"said to {target} for job {job.id}, who may have heard it already: {again}"
        self.heard.add((job.id, target, held.number))
        attempt.sending.add(target)

    def _hear(self, attempt: Attempt, *, is_heard: bool) -> None:
        for target in attempt.sending:
            phase = Phase.DONE if is_heard else Phase.FAILED
            self.model.settle(attempt.held, target, phase)
            self.do(attempt.context._settle(target, phase, result={"at": target} if is_heard else None))
            if not is_heard:
                self.heard.discard((attempt.claimed.id, target, attempt.held.number))
            else:
                attempt.done.add(target)
        attempt.sending.clear()

    def _end(self, engine: Engine, attempt: Attempt, how: str) -> None:
        held = attempt.held
        outcome = _outcome(attempt, how)
        how_ended = ending(Lease(held.job_id, held.number, held.token), outcome, self.now)
        status, told = TOLD[type(outcome)]
        due_at = self.now + outcome.delay if isinstance(outcome, Retrying) else None
        more = 1 if isinstance(outcome, Paused | Released) else 0
        expected = self.model.end(held, status, told, due_at=due_at, more=more)
        assert self.do(self.ledger.end(how_ended)) is expected
        self._is_over(engine, attempt)

    def _heed_the_stop(self, engine: Engine, attempt: Attempt) -> None:
        held = attempt.held
        if self.model.owns(held):
            return
        self.model.close(held)
        self.do(_close(self.ledger, Lease(held.job_id, held.number, held.token)))
        self._is_over(engine, attempt)

    def _attempts(self) -> list[tuple[Engine, Attempt]]:
        return [(engine, attempt) for engine in self.engines for attempt in engine.attempts]

    def _owners(self) -> list[tuple[Engine, Attempt]]:
        return [one for one in self._attempts() if self.model.owns(one[1].held)]

    def _overtaken(self) -> list[tuple[Engine, Attempt]]:
        return [one for one in self._attempts() if not self.model.owns(one[1].held)]

    def _is_over(self, engine: Engine, attempt: Attempt) -> None:
        engine.attempts.remove(attempt)
        if engine.running.get(attempt.claimed.id) is attempt:
            del engine.running[attempt.claimed.id]

    # -- what must hold ---------------------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        self.step += 1
        self.every_row_is_as_the_model_says()
        self.what_runs_has_one_attempt_and_what_does_not_has_no_lease()
        self.what_is_over_stays_as_it_is()
        self.nothing_that_is_finished_is_in_doubt()
        self.pages_can_show_every_job_with_its_moves()

    def every_row_is_as_the_model_says(self) -> None:
        jobs = [
            (
                job.id,
                job.status,
                job.attempt,
                job.max_attempts,
                job.deaths,
                job.approval,
                job.outcome,
                int(job.pause_requested),
                job.token,
                job.engine,
                self._moment(job.due_at),
                self._moment(job.expires_at),
                int(job.is_finished),
            )
            for job in self.model.jobs.values()
        ]
        assert jobs == self._rows(
            "SELECT id, status, attempt, max_attempts, deaths, approval, outcome, pause_requested, lease_token, "
            "engine_id, due_at, lease_expires_at, finished_at IS NOT NULL FROM job ORDER BY id"
        )
        tries = [
            (job.id, number, one.token, one.engine, one.outcome, int(one.outcome is not None))
            for job in self.model.jobs.values()
            for number, one in job.tries.items()
        ]
        assert tries == self._rows(
            "SELECT job_id, number, lease_token, engine_id, outcome, finished_at IS NOT NULL "
            "FROM attempt ORDER BY job_id, number"
        )
        effects = [
            (job.id, target, effect.phase, effect.attempt, effect.identity, int(effect.denied))
            for job in self.model.jobs.values()
            for target, effect in sorted(job.effects.items())
        ]
        assert effects == self._rows(
            "SELECT job_id, target, phase, attempt, identity ->> 'identity', denied_at IS NOT NULL "
            "FROM effect ORDER BY job_id, target"
        )

    def what_runs_has_one_attempt_and_what_does_not_has_no_lease(self) -> None:
        for id, status, lease, attempts in self._rows(
            "SELECT id, status, lease_token, (SELECT count(*) FROM attempt WHERE job_id = job.id AND outcome IS NULL "
            "AND number = job.attempt AND attempt.lease_token = job.lease_token) FROM job"
        ):
            if status == "running":
                assert attempts == 1, f"job {id} runs in {attempts} attempts"
            elif status != "cancelled":  # a cancelled one lets its attempt tell what it had begun
                assert lease is None, f"job {id} is {status} and has a lease"

    def what_is_over_stays_as_it_is(self) -> None:
        over = self.reader.execute("SELECT * FROM job WHERE status IN ('completed', 'cancelled')")
        names = [column[0] for column in over.description]
        for row in over.fetchall():
            stored = dict(zip(names, row, strict=True))
            id, error = stored["id"], stored.pop("error")
            if stored.pop("lease_token") is None:  # the lease of a cancelled job ends with its attempt
                assert stored["lease_expires_at"] is None
            stored.pop("lease_expires_at")
            assert self.final.setdefault((id, "row"), stored) == stored
            last = self.model.jobs[id].tries.get(stored["attempt"])
            if last is None or last.outcome:  # until then, it may still tell what had happened already
                assert self.final.setdefault((id, "error"), error) == error

    def nothing_that_is_finished_is_in_doubt(self) -> None:
        assert not self._rows(
            "SELECT job.id FROM job JOIN effect ON effect.job_id = job.id "
            "WHERE effect.phase = 'sending' AND job.status IN ('completed', 'queued', 'paused')"
        )

    def pages_can_show_every_job_with_its_moves(self) -> None:
        views = {view.id: view for view in self.do(self.queries.jobs(self.model.jobs))}
        for job in self.model.jobs.values():
            assert {str(move) for move in views[job.id].allowed} == job.moves
            assert (views[job.id].waiting_for is not None) is (job.status == "queued")

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.reader.execute(query).fetchall()]

    def _moment(self, at: datetime | None) -> datetime | str | None:
        """As the reader gives it."""
        return at if at is None or self.chosen.is_shared else stored_time(at)


@pytest.mark.each
def test_any_order_of_commands_claims_crashes_and_time_does_what_the_model_says(
    tmp_path: Path, new_copy: Callable[[], AbstractContextManager[str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # a rescue is nothing special here
    machine: Any = partial(Machine, tmp_path / "data", new_copy)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize="CHAOS_SEED" not in os.environ,
            database=None,
            deadline=None,
            phases=[Doing.generate, Doing.shrink][: rounds(1, 2)],
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def _never(_: Context) -> dict[str, Any]:
    raise AssertionError("no work is done here but what the rules do")


def _outcome(attempt: Attempt, how: str) -> Outcome:
    if how == "well":
        return Completed({"message": "Done"})
    if how == "released":
        return Released()
    errors: dict[str, Exception] = {
        "ask": OutcomeUnknown("Nobody knows"),
        "for now": TransientError("Later"),
        "for good": ValueError("Never"),
        "paused": PauseAsked("somebody paused the job"),
    }
    job = attempt.claimed
    return decide(errors[how], attempt=job.attempt, max_attempts=job.max_attempts, policy=RETRY)


async def _become_another_process(engine_id: str) -> None:
    """One that is alive: our own is taken for the former life of a restarted container."""
    await EngineRecord.filter(id=engine_id).update(pid=os.getppid())


async def _crash(engine_id: str, *, elsewhere: bool) -> None:
    record = EngineRecord.filter(id=engine_id)
    await (record.update(host="elsewhere") if elsewhere else record.update(pid=NO_PROCESS))


async def _close(ledger: Ledger, lease: Lease) -> None:
    await ledger.write(lambda _: close_lost(lease, "the attempt was stopped"))


def _pick(choices: Sequence[T], index: int) -> T:
    return choices[index % len(choices)]
