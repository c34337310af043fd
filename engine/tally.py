"""Counts of attempts that ended: by slots of time and by agent, with how long they ran."""

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from models.ended import Ended
from models.states import AttemptOutcome

Span = Literal["hour", "day", "week"]

MINUTE, FIVE_MINUTES, HOUR = 60, 300, 3600
SLOTS: dict[Span, tuple[int, int]] = {"hour": (MINUTE, 60), "day": (900, 96), "week": (HOUR, 168)}
"""The seconds of a slot, and how many slots a span has; the last slot is the one that goes on now."""

WEEK = timedelta(days=7)
BUCKET = math.log(1.05)  # a run time is told with an error of at most 2.5 %
SHORTEST = 0.001
KEPT = 20  # latest attempts of each agent

SUCCEEDED = frozenset({AttemptOutcome.SUCCEEDED})
FAILED = frozenset({AttemptOutcome.FAILED, AttemptOutcome.RETRYING, AttemptOutcome.UNKNOWN, AttemptOutcome.LOST})
"""Whatever is in neither, because somebody stopped it or an engine was shut down, says nothing of the work."""


@dataclass(frozen=True)
class Slot:
    """How many attempts ended in the slot that begins at `start`."""

    start: datetime
    completed: int
    failed: int


@dataclass(frozen=True)
class Throughput:
    """The slots of a span, the earliest first; while not complete, the past is still being read."""

    slots: tuple[Slot, ...]
    is_complete: bool

    @property
    def completed(self) -> int:
        """Attempts that succeeded in the whole span."""
        return sum(slot.completed for slot in self.slots)

    @property
    def failed(self) -> int:
        """Attempts that failed in the whole span."""
        return sum(slot.failed for slot in self.slots)


@dataclass(frozen=True)
class AgentStats:
    """An agent's attempts that succeeded or failed, and about how long those that succeeded ran."""

    attempts: int
    succeeded: int
    median: timedelta | None
    p95: timedelta | None

    @property
    def success_rate(self) -> float | None:
        """0 to 1; None without an attempt."""
        return self.succeeded / self.attempts if self.attempts else None


@dataclass(frozen=True)
class TypeStats:
    """An agent's attempts with one job type that succeeded or failed."""

    attempts: int
    failed: int


@dataclass(frozen=True)
class Last:
    """One of the latest attempts of an agent, whatever came of it; `attempt_id` tells attempts apart."""

    finished_at: datetime
    attempt_id: int
    job_id: int
    outcome: str
    ran: timedelta


Count = list[int]  # completed, failed


def _nothing() -> Count:
    return [0, 0]


class Tally:
    """A week at most: what is older is dropped by `forget`. Run times are kept by the hour."""

    def __init__(self) -> None:
        self._minutes: defaultdict[int, dict[str, Count]] = defaultdict(dict)
        self._slots: defaultdict[int, dict[str, Count]] = defaultdict(dict)
        self._run_times: defaultdict[int, dict[str, dict[int, int]]] = defaultdict(dict)
        self._sums: dict[tuple[str, int, int], dict[int, int]] = {}
        self._counted: dict[tuple[Span, int], tuple[Slot, ...]] = {}  # of everybody, until more is added
        self._types: defaultdict[int, dict[tuple[str, str], Count]] = defaultdict(dict)
        self._last: defaultdict[str, list[Last]] = defaultdict(list)  # the latest first
        self._forgotten_at = 0

    def add(self, agent: str, row: Ended) -> None:
        """Count one attempt."""
        self._counted.clear()
        ran = row.finished_at - row.started_at
        self._add_last(agent, Last(row.finished_at, row.id, row.job_id, row.outcome, ran))
        has_succeeded = row.outcome in SUCCEEDED
        if not has_succeeded and row.outcome not in FAILED:
            return
        moment, which = int(row.finished_at.timestamp()), 0 if has_succeeded else 1
        self._minutes[moment // MINUTE].setdefault(agent, _nothing())[which] += 1
        self._slots[moment // FIVE_MINUTES].setdefault(agent, _nothing())[which] += 1
        self._types[moment // HOUR].setdefault((agent, row.type), _nothing())[which] += 1
        if has_succeeded:
            self._add_run_time(agent, moment // HOUR, _bucket(ran.total_seconds()))

    def forget(self, now: datetime) -> None:
        """Drop what is too old to be asked for."""
        moment = int(now.timestamp())
        if moment // MINUTE == self._forgotten_at:
            return
        self._forgotten_at = moment // MINUTE
        self._sums.clear()
        self._counted.clear()
        week = moment - int(WEEK.total_seconds()) - HOUR
        _drop(self._minutes, (moment - 2 * HOUR) // MINUTE)
        _drop(self._slots, week // FIVE_MINUTES)
        _drop(self._run_times, week // HOUR)
        _drop(self._types, week // HOUR)
        for agent, last in list(self._last.items()):
            if last[0].finished_at.timestamp() < week:
                del self._last[agent]

    def slots(self, span: Span, now: datetime, agent: str | None = None) -> tuple[Slot, ...]:
        """The slots of the span that ends now, of everybody or of one agent."""
        last = int(now.timestamp()) // SLOTS[span][0]
        if agent is not None:
            return self._slots_until(span, last, agent)
        if (span, last) not in self._counted:
            self._counted[span, last] = self._slots_until(span, last, None)
        return self._counted[span, last]

    def _slots_until(self, span: Span, last: int, agent: str | None) -> tuple[Slot, ...]:
        width, many = SLOTS[span]
        counts = {number: _nothing() for number in range(last - many + 1, last + 1)}
        for slot, completed, failed in self._counts(span, counts, agent):
            counts[slot][0] += completed
            counts[slot][1] += failed
        return tuple(Slot(datetime.fromtimestamp(number * width, UTC), *count) for number, count in counts.items())

    def of_agent(self, agent: str, span: Span, now: datetime) -> AgentStats:
        """What one agent did in the span that ends now."""
        slots = self.slots(span, now, agent)
        succeeded, failed = sum(slot.completed for slot in slots), sum(slot.failed for slot in slots)
        run_times = self._run_times_of(agent, int(slots[0].start.timestamp()) // HOUR, int(now.timestamp()) // HOUR)
        return AgentStats(succeeded + failed, succeeded, _quantile(run_times, 0.5), _quantile(run_times, 0.95))

    def _run_times_of(self, agent: str, since: int, current: int) -> dict[int, int]:
        """Of the hours that are over the sum is kept, until one of them gets more."""
        key = (agent, since, current)
        if key not in self._sums:
            over = [
                agents[agent] for hour, agents in self._run_times.items() if since <= hour < current and agent in agents
            ]
            self._sums[key] = _sum(over)
        latest = [agents[agent] for hour, agents in self._run_times.items() if hour >= current and agent in agents]
        return _sum([self._sums[key], *latest])

    def types_of(self, agent: str, span: Span, now: datetime) -> dict[str, TypeStats]:
        """How one agent fared with each type in the span that ends now, to the hour."""
        width, many = SLOTS[span]
        since = (int(now.timestamp()) // width - many + 1) * width // HOUR
        counts: defaultdict[str, Count] = defaultdict(_nothing)
        for hour, types in self._types.items():
            for (whose, type_key), (completed, failed) in types.items():
                if hour >= since and whose == agent:
                    counts[type_key][0] += completed
                    counts[type_key][1] += failed
        return {key: TypeStats(completed + failed, failed) for key, (completed, failed) in counts.items()}

    def last_of(self, agent: str) -> tuple[Last, ...]:
        """The agent's latest attempts, the latest first."""
        return tuple(self._last.get(agent, ()))

    def _add_run_time(self, agent: str, hour: int, bucket: int) -> None:
        buckets = self._run_times[hour].setdefault(agent, {})
        buckets[bucket] = buckets.get(bucket, 0) + 1
        if self._sums and hour < max(current for _, _, current in self._sums):
            self._sums.clear()

    def _add_last(self, agent: str, last: Last) -> None:
        kept = self._last[agent]
        if len(kept) < KEPT or last.finished_at > kept[-1].finished_at:
            insort(kept, last, key=lambda each: (-each.finished_at.timestamp(), -each.attempt_id))
            del kept[KEPT:]

    def _counts(self, span: Span, wanted: dict[int, Count], agent: str | None) -> Iterable[tuple[int, int, int]]:
        width, _ = SLOTS[span]
        kept, size = (self._minutes, MINUTE) if width == MINUTE else (self._slots, FIVE_MINUTES)
        ratio = width // size
        for key, agents in kept.items():
            if key // ratio in wanted:
                found = agents.values() if agent is None else [agents[agent]] if agent in agents else []
                yield from ((key // ratio, done, failed) for done, failed in found)


def _drop(kept: dict[int, Any], before: int) -> None:
    for key in [key for key in kept if key < before]:
        del kept[key]


def _bucket(seconds: float) -> int:
    return max(0, math.floor(math.log(max(seconds, SHORTEST) / SHORTEST) / BUCKET + 1e-9))


def _sum(many: Sequence[dict[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for buckets in many:
        for bucket, number in buckets.items():
            total[bucket] = total.get(bucket, 0) + number
    return total


def _quantile(buckets: dict[int, int], share: float) -> timedelta | None:
    """The middle of the bucket in which this share of all is reached."""
    if not buckets:
        return None
    rank = max(1, math.ceil(share * sum(buckets.values())))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return timedelta(seconds=SHORTEST * math.exp((bucket + 0.5) * BUCKET))
    return None
