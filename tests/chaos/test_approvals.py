"""Nothing is done that people did not approve: decisions, revisions, claims and changes in any order, and two at once.

Hypothesis chooses what happens. After each step every row must be as a simple model has it; of two things at once, as
if one had come after the other. A revision may also be refused because of the other. CHAOS=long takes 10,000 steps.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis import Phase as Doing
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.approvers import approvers_of
from engine.approvals.policy import Policy
from engine.approvals.reviews import Reviews
from engine.approvals.revisions import Revisions
from engine.approvals.rules import NewRule, Rules
from engine.audit import Audit
from engine.commands import Commands
from engine.errors import JobRunnerError
from engine.events import AttemptEnded, Bus, Event, StopAsked
from engine.health import Health
from engine.jobs import Registry
from engine.jobs.base import Payload
from engine.ledger import Ledger
from engine.queries import Queries
from models.approval import JobVersion, Review
from models.audit import AuditEntry
from models.channel import Channel
from models.claim import claim_due, come_due
from models.content import content_hash
from models.database import close_database, open_database, transaction
from models.job import Job
from models.rights import Right
from tests.chaos.review_model import Content, Refused, Reviewed
from tests.chaos.review_model import Reviews as Model
from tests.chaos.scale import rounds
from tests.support.engine import scripted, settings_in

EXAMPLES, STEPS = rounds(6, 100), rounds(50, 100)
START = datetime(2030, 1, 1, tzinfo=UTC)
NEEDED = {"NOTE": 1, "NOTICE": 2}
CHANNEL = "news"

T = TypeVar("T")
any_index = strategies.integers(0, 99)
texts = strategies.sampled_from(["one", "two", "three"])
names = strategies.sampled_from(["ada", "bob", "cy"])
doings = strategies.sampled_from(
    ["approve", "approve", "approve what was shown", "reject", "undo", "revise", "cancel", "pause", "resume", "claim"]
)


class Note(Payload):
    """What would be said, and where."""

    text: str
    channels: list[str]


class Machine(RuleBasedStateMachine):
    """One database, and everybody who decides, changes and claims."""

    def __init__(self, folder: Path, new_database: Callable[[], AbstractContextManager[str]]) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.patch = pytest.MonkeyPatch()
        self.model = Model(START)
        self.patch.setattr(clock, "now", lambda: self.model.now)
        self.open = ExitStack()
        url = self.open.enter_context(new_database())
        chosen = settings_in(folder, database_url=url, undo_seconds=10)
        self.do(open_database(chosen.database))
        self.bus = Bus()
        self.bus.subscribe(self._answer)
        health = Health(self.bus)
        registry = Registry(scripted(_never, key=key, payload=Note) for key in NEEDED)
        self.ledger = Ledger(health)
        audit, policy = Audit(chosen, self.ledger), Policy(self.bus)
        queries = Queries(chosen, registry, health)
        self.commands = Commands(chosen, registry, self.bus, audit, queries, policy)
        self.reviews = Reviews(chosen, registry, self.bus, audit)
        self.revisions = Revisions(chosen, registry, policy, self.bus, audit)
        self.rulebook = Rules(registry, policy)
        self.jobs: list[Reviewed] = []
        self.decided = 0
        self.seen: dict[int, list[tuple[Content, str | None]]] = defaultdict(list)  # what people looked at, by job
        self.tokens = count(1)
        self.do(self._prepare())

    async def _prepare(self) -> None:
        self.ledger.open()
        await _make_channel()
        for key, approvers in NEEDED.items():
            await self.rulebook.add(NewRule("require", f"all of {key}", types=(key,), approvers=approvers), "test")

    def teardown(self) -> None:
        """Every decision is in the audit log, with the hash; then leave nothing behind."""
        self.do(self._look_at_the_log())
        self.do(self.ledger.close())
        self.do(close_database())
        self.open.close()
        self.loop.close()
        self.patch.undo()

    async def _look_at_the_log(self) -> None:
        told = await AuditEntry.filter(action__in=["job.approve", "job.reject", "job.undo_approval", "job.revise"])
        assert len(told) == self.decided
        assert all('"content_hash": "' in (entry.after or "") for entry in told)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end."""
        return self.loop.run(work)

    def _answer(self, event: Event) -> None:
        if isinstance(event, StopAsked):  # or a cancel would wait for work that nobody does here
            self.bus.publish(AttemptEnded(event.job_id))

    # -- what happens ----------------------------------------------------------------------------------------

    @initialize()
    def two_jobs(self) -> None:
        for key in NEEDED:
            self.submit(key, "one")

    @rule(key=strategies.sampled_from(list(NEEDED)), text=texts)
    def submit(self, key: str, text: str) -> None:
        made = self.do(self.commands.submit(key, _payload(text), agent="writer", created_by="writer"))
        self.jobs.append(Reviewed(made.id, key, text, (text, self.model.channel), NEEDED[key]))
        self._compare()

    @rule(index=any_index, doing=doings, name=names, text=texts, ago=strategies.integers(0, 2))
    def one_thing(self, index: int, doing: str, name: str, text: str, ago: int = 0) -> None:
        job = _pick(self.jobs, index)
        seen = self.seen[job.id]
        looked_at, shown = seen[-1 - ago % len(seen)]
        expected = self._modelled(self.model, job, doing, name, text, looked_at)
        happened = self.do(self._really(job, doing, name, text, shown))
        assert happened is expected, f"{doing} of {job}"
        self.decided += happened and _is_decision(doing)
        self._compare()

    @rule(index=any_index, first=doings, second=doings, name=names, text=texts)
    def two_things_at_once(self, index: int, first: str, second: str, name: str, text: str) -> None:
        before = _pick(self.jobs, index)
        looked_at = before.shown
        shown = self.do(_hash_of(before))

        async def race() -> list[bool]:
            doings = (self._really(before, doing, who, text, shown) for doing, who in ((first, name), (second, "dee")))
            return list(await asyncio.gather(*doings))

        happened = self.do(race())
        self.decided += sum(did and _is_decision(doing) for did, doing in zip(happened, (first, second), strict=True))
        ends = []
        for order in ((0, 1), (1, 0)):
            job, told = deepcopy(before), [False, False]
            for which in order:
                doing, who = ((first, name), (second, "dee"))[which]
                if doing == "revise" and not happened[which]:
                    continue  # it may be refused because of the other
                told[which] = self._modelled(self.model, job, doing, who, text, looked_at)
            ends.append((told, job))
        really = self.do(_row(before.id))
        fitting = [job for told, job in ends if told == happened and _as_row(job) == really[:-1]]
        assert fitting, f"{first} and {second} of {before} gave {happened} and {really}, not one of {ends}"
        self.jobs[self.jobs.index(before)] = fitting[0]
        self._compare()

    @rule(seconds=strategies.sampled_from([1, 5, 11]))
    def time_goes_by(self, seconds: int) -> None:
        self.model.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.jobs)
    @rule(index=any_index)
    def approve_and_wait(self, index: int) -> None:
        """What gives jobs a chance to run."""
        for name in ("ada", "bob"):
            self.one_thing(index, "approve", name, "")
        self.model.now += timedelta(seconds=11)

    @rule(index=any_index)
    def undo_and_approve_once(self, index: int) -> None:
        """What was undone counts for nothing."""
        for doing, name in (("approve", "ada"), ("approve", "bob"), ("undo", "ada"), ("approve", "cy")):
            self.one_thing(index, doing, name, "")

    @rule(index=any_index, text=texts)
    def revise_and_approve_what_was_shown_before(self, index: int, text: str) -> None:
        self.one_thing(index, "revise", "ada", text)
        self.one_thing(index, "approve what was shown", "bob", "", ago=1)

    @rule()
    def make_the_channel_anew(self) -> None:
        self.do(_make_channel())
        self.model.channel += 1

    @rule(index=any_index, text=texts)
    def change_it_behind_everybody(self, index: int, text: str) -> None:
        job = _pick(self.jobs, index)
        self.do(_overwrite(job.id, _payload(text)))
        job.text = text

    # -- the same, in the model and really -------------------------------------------------------------------

    def _modelled(self, model: Model, job: Reviewed, doing: str, name: str, text: str, looked_at: Content) -> bool:
        try:
            match doing:
                case "approve":
                    model.approve(job, name, None)
                case "approve what was shown":
                    model.approve(job, name, looked_at)
                case "revise":
                    model.revise(job, text)
                case _:
                    getattr(model, doing)(job)
        except Refused:
            return False
        return True

    async def _really(self, job: Reviewed, doing: str, name: str, text: str, shown: str | None) -> bool:
        who = Actor(name, Kind.PERSON, frozenset(Right))
        asking: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "approve": lambda: self.reviews.approve(who, job.id),
            "approve what was shown": lambda: self.reviews.approve(who, job.id, shown=shown),
            "reject": lambda: self.reviews.reject(who, job.id, comment="No"),
            "undo": lambda: self.reviews.undo(who, job.id),
            "revise": lambda: self.revisions.revise(who, job.id, _payload(text)),
            "cancel": lambda: self.commands.cancel(job.id),
            "pause": lambda: self.commands.pause(job.id),
            "resume": lambda: self.commands.resume(job.id),
        }
        if doing == "claim":
            return await self._claim(job)
        try:
            await asking[doing]()
        except JobRunnerError:
            return False
        return True

    async def _claim(self, job: Reviewed) -> bool:
        """An engine that takes jobs of this type until it has this one, or there are none; the rest goes back."""
        lease_token = f"token-{next(self.tokens)}"
        async with transaction() as writer:
            await come_due(writer, self.model.now)
            others = Job.filter(status="queued").exclude(id=job.id)
            kept = [other.id for other in await others]
            await Job.filter(id__in=kept).update(status="failed")  # not this engine's business
            claimed, _ = await claim_due(
                writer,
                engine_id="engine",
                lease_token=lease_token,
                now=self.model.now,
                lease_expires_at=self.model.now + timedelta(seconds=15),
                places={job.type: 1},
                limit=1,
            )
            await Job.filter(id__in=kept).update(status="queued")
        assert [each.id for each in claimed] in ([], [job.id])
        for each in claimed:  # what is handed over is what was approved, to the letter
            approved = (await Job.get(id=job.id)).approved_hash
            assert approved == await content_hash(each.type, each.payload)
        return bool(claimed)

    def _compare(self) -> None:
        for job in self.jobs:
            row = self.do(_row(job.id))
            assert row[:-1] == _as_row(job), job
            if not self.seen[job.id] or self.seen[job.id][-1][0] != job.shown:
                self.seen[job.id].append((job.shown, self.do(_hash_of(job))))
            if job.approval == "approved":
                assert row[-1], "an approval holds for the content that is shown"


def test_nothing_is_claimed_without_an_approval_of_just_that(
    tmp_path: Path, new_copy: Callable[[], AbstractContextManager[str]]
) -> None:
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


async def _never(_: Any) -> dict[str, Any]:
    raise AssertionError("nothing runs here")


async def _make_channel() -> None:
    await Channel.filter(name=CHANNEL).delete()
    await Channel.create(name=CHANNEL, kind="feed", url="", created_at=clock.now())


async def _overwrite(job_id: int, payload: dict[str, Any]) -> None:
    await Job.filter(id=job_id).update(payload=payload)


async def _hash_of(job: Reviewed) -> str | None:
    row = await Job.get(id=job.id)
    return row.content_hash


async def _row(job_id: int) -> tuple[Any, ...]:
    row = await Job.get(id=job_id)
    text = row.payload["text"]
    versions = await JobVersion.filter(job_id=job_id).count()
    assert versions == (row.version if row.version > 1 else 0)
    reviews = await Review.filter(job_id=job_id).order_by("id")
    counted = sorted({approver.name for approver in approvers_of(reviews, row.content_hash)})
    is_whole = row.approved_hash == row.content_hash
    return row.status, row.approval, row.attempt, row.version, text, row.undo_until, counted, is_whole


def _as_row(job: Reviewed) -> tuple[Any, ...]:
    counted = sorted({name for name, content in job.approvers if content == job.shown})
    return job.status, job.approval, job.attempt, job.version, job.text, job.undo_until, counted


def _payload(text: str) -> dict[str, Any]:
    return {"text": text, "channels": [CHANNEL]}


def _is_decision(doing: str) -> bool:
    return doing.startswith("approve") or doing in ("reject", "undo", "revise")


def _pick(choices: Sequence[T], index: int) -> T:
    return choices[index % len(choices)]
