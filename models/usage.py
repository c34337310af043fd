"""What attempts used: sums by day, type and outside agent, kept by the commit that ends the attempt."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.statement import Statement

SHARDS = 16
SHARD = secrets.randbelow(SHARDS)
MAX_USED = 2**53  # of any kind, so that every reader of JSON has it exactly


class UsageSum(Model):
    """All that ended on a day, in UTC.

    `agent` is empty for what the type's own agent did. Each process adds to the rows of its `shard`, so that none
    waits for another. `micros` are millionths of the currency that prices are in.
    """

    id = fields.BigIntField(primary_key=True)
    day = fields.CharField(max_length=10)
    type = fields.CharField(max_length=64)
    agent = fields.CharField(max_length=64, default="")
    shard = fields.IntField(default=0)
    attempts = fields.BigIntField(default=0)
    millis = fields.BigIntField(default=0)
    bytes = fields.BigIntField(default=0)
    tokens = fields.BigIntField(default=0)
    micros = fields.BigIntField(default=0)

    class Meta:
        table = "usage_sum"
        unique_together = [("day", "type", "agent", "shard")]


@dataclass(frozen=True)
class Used:
    """What one attempt used beside its time: bytes of its files, tokens, and millionths of money."""

    bytes: int = 0
    tokens: int = 0
    micros: int = 0


NOTHING = Used()


@dataclass(frozen=True)
class Sum:
    """What was used on a day, or in all; `agent` is an outside one's key, empty for the type's own agent."""

    day: str
    type: str
    agent: str
    attempts: int = 0
    millis: int = 0
    bytes: int = 0
    tokens: int = 0
    micros: int = 0


_KINDS = ("attempts", "millis", "bytes", "tokens", "micros")
_SUMS = ", ".join(f"CAST(SUM({kind}) AS BIGINT) AS {kind}" for kind in _KINDS)
_ADDED = ", ".join(f"{kind} = usage_sum.{kind} + excluded.{kind}" for kind in _KINDS)
_ADD = "INSERT INTO usage_sum (day, type, agent, shard, attempts, millis, bytes, tokens, micros) VALUES "
_SINCE = Statement(f"""
SELECT day, type, agent, {_SUMS} FROM usage_sum WHERE day >= ? AND day <= ? GROUP BY day, type, agent
ORDER BY day, type, agent
""")  # noqa: S608 (our own names)
_RUNNING = Statement("SELECT type, engine_id, COUNT(*) AS n FROM job WHERE status = 'running' GROUP BY type, engine_id")


def day_of(moment: datetime) -> str:
    """The day of a moment, in UTC, as 2026-11-27."""
    return moment.astimezone(UTC).date().isoformat()


def summed(ended: Iterable[Sum]) -> list[Sum]:
    """One for each day, type and agent, in their order: whoever adds them locks rows in the same order."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for each in ended:
        of_same = sums.setdefault((each.day, each.type, each.agent), [0] * len(_KINDS))
        for index, kind in enumerate(_KINDS):
            of_same[index] += getattr(each, kind)
    return [Sum(*key, *numbers) for key, numbers in sorted(sums.items())]


async def add_usage(writer: BaseDBAsyncClient, ended: Iterable[Sum]) -> None:
    """Add attempts that ended, in one statement, in the transaction of `writer`."""
    sums = summed(ended)
    if not sums:
        return
    values: list[Any] = []
    for each in sums:
        values += [each.day, each.type, each.agent, SHARD, *(getattr(each, kind) for kind in _KINDS)]
    await _adding(len(sums)).run(writer, values)


_STATEMENTS: dict[int, Statement] = {}


def _adding(rows: int) -> Statement:
    if rows not in _STATEMENTS:
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
        _STATEMENTS[rows] = Statement(f"{_ADD}{places} ON CONFLICT (day, type, agent, shard) DO UPDATE SET {_ADDED}")
    return _STATEMENTS[rows]


async def usage_between(reader: BaseDBAsyncClient, first: str, last: str) -> list[Sum]:
    """The sums of these days, both included, by day, type and agent."""
    rows = await _SINCE.run(reader, [first, last])
    return [Sum(row["day"], row["type"], row["agent"], *(int(row[kind]) for kind in _KINDS)) for row in rows]


async def running_now(reader: BaseDBAsyncClient) -> Sequence[tuple[str, str, int]]:
    """How many attempts are under way: type, engine or agent, and number."""
    rows = await _RUNNING.run(reader)
    return [(row["type"], row["engine_id"] or "", int(row["n"])) for row in rows]
