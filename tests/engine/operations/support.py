"""What tests of operations share: an engine that does nothing by itself, and operations carried out to their end."""

from collections.abc import Sequence
from typing import Any

from engine.actors import Actor, local
from engine.desk import Desk
from engine.engine import Atlas
from engine.views import OperationView
from models.job import Job
from models.person import Person
from models.rights import RIGHTS_OF_ROLE, Role
from models.states import Status
from tests.support.engine import stored_job


def desk(atlas: Atlas, actor: Actor | None = None) -> Desk:
    """The desk of whoever sits at this machine, or of somebody else."""
    return atlas.office.desk_of(actor or local())


async def jobs(count: int, **columns: Any) -> list[int]:
    """So many jobs' ids, failed ones unless it is said otherwise."""
    usual = {"status": Status.FAILED, "attempt": 1, **columns}
    return [(await stored_job(**usual)).id for _ in range(count)]


async def carried_out(atlas: Atlas, operation: OperationView) -> OperationView:
    """The operation, after as many steps as it takes."""
    while await atlas._carrier.step(operation.id):
        pass
    return await atlas.queries.operations.operation(operation.id)


async def done(atlas: Atlas, move: str, ids: Sequence[int], **arguments: Any) -> OperationView:
    """An operation on these jobs, carried out."""
    return await carried_out(atlas, await desk(atlas).begin_operation(move, ids=ids, arguments=arguments))


async def undone(atlas: Atlas, operation: OperationView) -> OperationView:
    """The undoing of an operation, carried out."""
    return await carried_out(atlas, await desk(atlas).undo_operation(operation.id))


async def statuses(ids: Sequence[int]) -> list[str]:
    """Where these jobs stand."""
    return [(await Job.get(id=job_id)).status for job_id in ids]


async def somebody(name: str, role: Role) -> Actor:
    """A person who may come in."""
    from engine import clock
    from engine.actors import Kind

    person = await Person.create(name=name, role=role, password_hash="x", created_at=clock.now())
    return Actor(name, Kind.PERSON, RIGHTS_OF_ROLE[role], role, "192.0.2.7", key=person.id)
