"""Tasks that are cancelled at any await leave the database usable, open no transaction, and lose nothing.

A page that is closed, a request whose client went away and a stop all cancel tasks, wherever these are. A real engine
works on a real file meanwhile. Tasks that ask it for everything that it offers, and the tasks of attempts and of
their jobs, are cancelled after a random number of the loop's turns; then somebody else must be answered. In
the end a person settles what waits for one, by what the world really heard, and every job is over.

CHAOS_SEED repeats a run's moments, as far as the machine's pace lets it.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from engine.actors import local
from engine.engine import Atlas
from engine.errors import JobRunnerError
from engine.finding import Criteria
from engine.jobs.base import Context
from engine.settings import Settings
from models.attempt import Attempt
from models.database import connection
from models.job import Job
from models.statement import SQLITE
from models.states import TERMINAL, Approval, Status
from models.type_policy import TypePolicy
from models.wanted import Sort
from tests.chaos.scale import rounds
from tests.support.engine import running, scripted, until

CANCELLATIONS = rounds(200, 1000)
AT_ONCE = 10
TURNS = 400  # of the loop, at most, before a task is cancelled; a statement takes some tens
ANSWER_SECONDS = 5.0  # a lock that is lost keeps everybody waiting for ever; a busy machine only for a while
END_SECONDS = rounds(30, 120)
GIVE_UP_SECONDS = END_SECONDS + rounds(30, 180)
WORLD = "world"


async def test_after_questions_are_cancelled_anywhere_others_are_answered(settings: Settings) -> None:
    async with crowded(settings) as crowd:
        while crowd.cancelled < CANCELLATIONS:
            await crowd.cancel([crowd.question() for _ in range(AT_ONCE)])
            await crowd.others_are_answered()
        await crowd.every_job_ends()


async def test_after_attempts_are_cancelled_anywhere_others_are_answered_and_nothing_is_said_twice(
    settings: Settings,
) -> None:
    async with crowded(settings) as crowd:
        while crowd.cancelled < CANCELLATIONS:
            await crowd.submit(AT_ONCE)
            await crowd.cancel_attempts()
            await crowd.others_are_answered()
        await crowd.every_job_ends()


async def test_after_writers_are_cancelled_in_the_middle_of_a_commit_others_are_answered_and_nothing_is_said_twice(
    settings: Settings,
) -> None:
    async with crowded(settings) as crowd:
        while crowd.cancelled < CANCELLATIONS:
            await crowd.submit(AT_ONCE // 2)
            questions = [asyncio.ensure_future(crowd.question()) for _ in range(AT_ONCE // 2)]
            await crowd.a_transaction_is_open()
            await crowd.cancel_now([*questions, *crowd.attempts()])
            await crowd.others_are_answered()
        await crowd.every_job_ends()


@asynccontextmanager
async def crowded(settings: Settings) -> AsyncIterator["Crowd"]:
    """An engine that many ask at once; a lost lock, which would make its stop wait for ever, ends it all the same."""
    seed = os.environ.get("CHAOS_SEED") or str(random.randrange(10**6))
    print(f"CHAOS_SEED={seed}")  # shown whatever fails
    heard: Counter[int] = Counter()
    quick = settings.model_copy(update={"lease_seconds": 1.0})
    async with asyncio.timeout(GIVE_UP_SECONDS), running(quick, scripted(_telling(heard))) as atlas:
        yield Crowd(atlas, heard, random.Random(seed))


def _telling(heard: Counter[int]) -> Any:
    async def work(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(0)
            heard[context.job_id] += 1
            await asyncio.sleep(0)
            return identity

        await context.log("Begun")
        await context.progress(10)
        told = await context.effect(WORLD, {"key": context.job_id}, speak)
        await context.progress(90)
        await context.log("Said")
        return told

    return work


class Crowd:
    """Everybody who asks the engine, and the hand that cancels them."""

    def __init__(self, atlas: Atlas, heard: Counter[int], moments: random.Random) -> None:
        self._atlas, self._heard, self._moments = atlas, heard, moments
        self._last = 0  # the last job that somebody knows of
        self.cancelled = 0

    async def question(self) -> None:
        """Anything that pages and programs ask; a refusal is an answer."""
        commands, queries, job_id = self._atlas.commands, self._atlas.queries, self._some_job()
        policy = {"paused": False, "concurrency": self._moments.choice([None, 5, 50])}
        questions: list[Any] = [
            lambda: self._submit(),
            lambda: self._submit(idempotency_key=f"key-{self._moments.randrange(10)}"),
            lambda: self._submit(requires_approval=True),
            lambda: commands.cancel(job_id),
            lambda: commands.pause(job_id),
            lambda: commands.resume(job_id),
            lambda: commands.retry(job_id),
            lambda: commands.run_now(job_id),
            lambda: self._atlas.reviews.approve(local(), job_id),
            lambda: self._atlas.reviews.reject(local(), job_id, comment="No"),
            lambda: commands.resolve(job_id, went_out=self._heard[job_id] > 0),
            lambda: self._limit_anew(policy),
            lambda: queries.job(job_id),
            lambda: queries.attempts(job_id),
            lambda: queries.active_page(),
            lambda: queries.finder.page(Criteria(q="Scripted"), Sort.NEWEST, 1, 15),
            lambda: queries.engine(),
            lambda: queries.types(),
        ]
        with suppress(JobRunnerError):
            await self._moments.choice(questions)()

    async def submit(self, jobs: int) -> None:
        """As many jobs, acknowledged."""
        for _ in range(jobs):
            await self._submit()

    async def cancel(self, questions: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Ask all this, and cancel each at some moment."""
        tasks = [asyncio.ensure_future(question) for question in questions]
        moments = {task: int(TURNS * self._moments.random() ** 2) for task in tasks}
        for turn in range(TURNS):
            for task in (task for task, moment in moments.items() if moment == turn):
                task.cancel()
            await asyncio.sleep(0)
        await self._are_over(tasks)

    async def cancel_attempts(self) -> None:
        """Cancel some of what is at work, some moment after it was claimed: the attempt, its job, or both."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if tasks := self.attempts():
                await self._turns(TURNS // 4)
                await self.cancel_now([task for task in tasks if self._moments.random() < 0.5])

    async def cancel_now(self, tasks: Sequence["asyncio.Task[Any]"]) -> None:
        """Cancel all these within a few turns of the loop."""
        for task in tasks:
            await self._turns(3)
            task.cancel()
        await self._are_over(tasks)

    def attempts(self) -> list["asyncio.Task[Any]"]:
        """The tasks of attempts, and of the jobs in them."""
        return [task for task in asyncio.all_tasks() if task.get_name().startswith(("attempt of job", "job "))]

    async def a_transaction_is_open(self) -> None:
        """Return in the middle of one, if there is one soon."""
        for _ in range(TURNS * 10):
            if not await _no_transaction():
                return
            await asyncio.sleep(0)

    async def others_are_answered(self) -> None:
        """Whoever asks now is answered, and no transaction stays open."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._atlas.queries.active_page()
                await self._submit()
                await until(self._atlas, _no_transaction)
        except TimeoutError:
            raise AssertionError(
                f"no answer within {ANSWER_SECONDS:g} s, after {self.cancelled} cancellations"
            ) from None

    async def every_job_ends(self) -> None:
        """A person lets go what waits for one; then all that was not cancelled is completed, and was said once."""
        try:
            async with asyncio.timeout(END_SECONDS):
                while waiting := await Job.exclude(status__in=list(TERMINAL)):
                    for job in waiting:
                        with suppress(JobRunnerError):
                            await self._let_go(job)
                    await asyncio.sleep(0.05)
                await until(self._atlas, self._no_attempt_is_open)
        except TimeoutError:
            left = [(job.id, job.status, job.error) for job in await Job.exclude(status__in=list(TERMINAL))]
            raise AssertionError(f"not over within {END_SECONDS:g} s: {len(left)} jobs, such as {left[:5]}") from None
        for job in await Job.all():
            said = self._heard[job.id]
            assert said == 1 if job.status is Status.COMPLETED else said <= 1, f"job {job.id} was said {said} times"

    async def _let_go(self, job: Job) -> None:
        commands = self._atlas.commands
        if job.approval == Approval.PENDING:
            await self._atlas.reviews.approve(local(), job.id)
        if job.status is Status.PAUSED:
            await commands.resume(job.id)
        elif job.outcome == "unknown":
            await commands.resolve(job.id, went_out=self._heard[job.id] > 0)
        elif job.status is Status.FAILED:
            await commands.retry(job.id)

    async def _no_attempt_is_open(self) -> bool:
        return not await Attempt.filter(outcome=None).exists()

    async def _limit_anew(self, policy: dict[str, Any]) -> None:
        await TypePolicy.all().delete()
        await self._atlas.administration.set_policy("SCRIPTED", **policy)

    async def _submit(self, **more: Any) -> None:
        job_id = (await self._atlas.commands.submit("SCRIPTED", {"where": [WORLD]}, **more)).id
        self._last = max(self._last, job_id)

    def _some_job(self) -> int:
        return self._moments.randint(max(1, self._last - 2 * AT_ONCE), self._last + 1)

    async def _turns(self, most: int) -> None:
        for _ in range(self._moments.randrange(most)):
            await asyncio.sleep(0)

    async def _are_over(self, tasks: Sequence["asyncio.Task[Any]"]) -> None:
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=ANSWER_SECONDS)
            assert not pending, f"cancelled, and not over within {ANSWER_SECONDS:g} s: {pending}"
        for task in tasks:
            self.cancelled += task.cancelled()
            if not task.cancelled():
                task.exception()  # an attempt tells by its outcome


async def _no_transaction() -> bool:
    raw: Any = connection()
    if raw.capabilities.dialect == SQLITE:
        return not raw._connection.in_transaction
    return not any(holder._con and holder._con.is_in_transaction() for holder in raw._pool._holders)
