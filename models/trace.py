"""Of which trace a job is, where traces are kept: a table of its own, so that where none are it costs nothing."""

from collections.abc import Mapping

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

LENGTH = 55
"""Of a traceparent (w3.org/TR/trace-context)."""


class JobTrace(Model):
    """The traceparent under which a job was submitted.

    Its attempts go on from there.
    """

    job_id = fields.BigIntField(primary_key=True, generated=False)
    traceparent = fields.CharField(max_length=LENGTH)

    class Meta:
        table = "job_trace"


async def keep_traces(writer: BaseDBAsyncClient, traces: Mapping[int, str]) -> None:
    """Store them by job, in the transaction of `writer`."""
    rows = [JobTrace(job_id=job_id, traceparent=traceparent) for job_id, traceparent in traces.items()]
    await JobTrace.bulk_create(rows, using_db=writer)


async def trace_of(job_id: int) -> str | None:
    """The traceparent under which it was submitted; None if it is of no trace."""
    row = await JobTrace.get_or_none(job_id=job_id)
    return row.traceparent if row else None
