"""Rate limits: how much goes out by a way in a time, whose turn comes when, and how far each way's clocks are."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.at_work import moment
from models.database import stored_json
from models.statement import Statement, records


class RateLimit(Model):
    """At most `count` in any `per_seconds` by the ways of this key.

    At most `burst` of these come at once. A key such as `mail:*` limits each domain by itself.
    """

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=255, unique=True)
    count = fields.IntField()
    per_seconds = fields.IntField()
    burst = fields.IntField(default=1)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "rate_limit"


class RateClock(Model):
    """How far a way is taken.

    `planned` by turns that were given, `late` by turns that were given to late comers, `gone` by what went out.
    """

    key = fields.CharField(max_length=255, primary_key=True)
    planned = fields.DatetimeField(null=True)
    late = fields.DatetimeField(null=True)
    gone = fields.DatetimeField(null=True)

    class Meta:
        table = "rate_clock"


class RateTurn(Model):
    """When a job's turn is, by which ways, and why it waits until then.

    `ways` are a JSON list.
    """

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField(unique=True)
    at = fields.DatetimeField(db_index=True)
    ways = fields.TextField()
    reason = fields.CharField(max_length=300)

    class Meta:
        table = "rate_turn"


@dataclass(frozen=True)
class Clock:
    """See `RateClock`; None is a time long past."""

    planned: datetime | None = None
    late: datetime | None = None
    gone: datetime | None = None


@dataclass(frozen=True)
class Turn:
    """When a job may begin, and why not before."""

    job_id: int
    at: datetime
    ways: tuple[str, ...]
    reason: str


# Locks the rows, in order, until the end of the transaction, also those that are made by it.
_LOCK = """
INSERT INTO rate_clock (key) {keys} ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING key, planned, late, gone
"""
_LOCK_CLOCKS = Statement(
    _LOCK.format(keys="SELECT value FROM json_each(?) WHERE TRUE ORDER BY value"),
    postgres=_LOCK.format(keys="SELECT value FROM jsonb_array_elements_text(?::jsonb) AS value ORDER BY value"),
)
_SET_CLOCK = Statement("UPDATE rate_clock SET planned = ?, late = ?, gone = ? WHERE key = ?")
_IDS = "SELECT job_id, at, ways, reason FROM rate_turn WHERE job_id IN ({ids})"
_SQLITE_IDS, _POSTGRES_IDS = (
    "SELECT value FROM json_each(?)",
    "SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb)",
)
_TURNS = Statement(_IDS.format(ids=_SQLITE_IDS), postgres=_IDS.format(ids=_POSTGRES_IDS))
_TURN = {"job_id": "bigint", "at": "timestamptz", "ways": "text", "reason": "text"}
_SQLITE_NEW, _POSTGRES_NEW = records("new", _TURN)
_STORE = """
INSERT INTO rate_turn (job_id, at, ways, reason) SELECT job_id, at, ways, reason FROM {new} WHERE TRUE
ON CONFLICT (job_id) DO UPDATE SET at = excluded.at, ways = excluded.ways, reason = excluded.reason
"""
_STORE_TURNS = Statement(_STORE.format(new=_SQLITE_NEW), postgres=_STORE.format(new=_POSTGRES_NEW))
# A turn that nobody needs any more, as its job is over, is the next one's who goes the same ways.
_TAKE_OVER = Statement("""
DELETE FROM rate_turn WHERE job_id = (
    SELECT rate_turn.job_id FROM rate_turn LEFT JOIN job ON job.id = rate_turn.job_id
    WHERE rate_turn.at > ? AND rate_turn.ways = ?
        AND (job.id IS NULL OR job.status IN ('completed', 'failed', 'cancelled'))
    ORDER BY rate_turn.at LIMIT 1
) RETURNING at
""")
_START_ANEW = Statement("""
UPDATE job SET due_at = NULL WHERE status IN ('queued', 'paused') AND due_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM rate_turn WHERE rate_turn.job_id = job.id AND rate_turn.at = job.due_at)
RETURNING id
""")
_FORGET = Statement("DELETE FROM rate_turn WHERE at < ? RETURNING job_id")
_FORGET_CLOCKS = Statement("""
DELETE FROM rate_clock
WHERE (planned IS NULL OR planned < ?) AND (late IS NULL OR late < ?) AND (gone IS NULL OR gone < ?)
""")


async def lock_clocks(writer: BaseDBAsyncClient, keys: Collection[str]) -> dict[str, Clock]:
    """The clocks of these ways, which nobody else reads or moves before the transaction of `writer` is over."""
    rows = await _LOCK_CLOCKS.run(writer, [json.dumps(sorted(set(keys)))])
    times = ("planned", "late", "gone")
    return {row["key"]: Clock(*(row[name] and moment(row[name]) for name in times)) for row in rows}


async def set_clocks(writer: BaseDBAsyncClient, clocks: Mapping[str, Clock]) -> None:
    """Move them."""
    for key, clock in sorted(clocks.items()):
        await _SET_CLOCK.run(writer, [clock.planned, clock.late, clock.gone, key])


async def turns_of(reader: BaseDBAsyncClient, job_ids: Collection[int]) -> dict[int, Turn]:
    """The turns of those of these jobs that have one."""
    rows = await _TURNS.run(reader, [json.dumps(list(job_ids))])
    found = [Turn(row["job_id"], moment(row["at"]), tuple(json.loads(row["ways"])), row["reason"]) for row in rows]
    return {turn.job_id: turn for turn in found}


async def store_turns(writer: BaseDBAsyncClient, turns: Sequence[Turn]) -> None:
    """Keep these turns, each instead of the one that its job had."""
    if turns:
        told = [
            {"job_id": turn.job_id, "at": turn.at, "ways": _ways(turn.ways), "reason": turn.reason} for turn in turns
        ]
        await _STORE_TURNS.run(writer, [stored_json(told)])


async def take_over(writer: BaseDBAsyncClient, now: datetime, ways: Sequence[str]) -> datetime | None:
    """The next turn that was given to a job which is over, by just these ways; it is nobody's any more."""
    rows = await _TAKE_OVER.run(writer, [now, _ways(ways)])
    return moment(rows[0]["at"]) if rows else None


_LOCK_ALL = Statement("UPDATE rate_clock SET key = key", postgres="SELECT key FROM rate_clock ORDER BY key FOR UPDATE")


async def start_anew(writer: BaseDBAsyncClient) -> list[int]:
    """Give back every turn: limits are others now. Returns the jobs that waited for theirs, and ask again."""
    await _LOCK_ALL.run(writer)
    await RateClock.all().using_db(writer).update(planned=None, late=None)
    jobs = [int(row["id"]) for row in await _START_ANEW.run(writer)]
    await RateTurn.all().using_db(writer).delete()
    return jobs


async def forget_turns(writer: BaseDBAsyncClient, before: datetime) -> int:
    """Forget turns and clocks of long ago."""
    await _FORGET_CLOCKS.run(writer, [before, before, before])
    return len(await _FORGET.run(writer, [before]))


def _ways(ways: Sequence[str]) -> str:
    return json.dumps(sorted(ways))
