"""The workflows that are there: kept by name, each version of them, those that come with this program too."""

import asyncio
import logging
from importlib.metadata import entry_points
from importlib.resources import files

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.errors import FieldError, InvalidInput, NotFound, Superseded
from engine.events import Bus, Event, TypesChanged, WorkflowsChanged
from engine.jobs import Registry
from engine.shielded import shielded
from engine.workflows.definition import Definition, read_definition, schema_of
from engine.workflows.views import VersionView, WorkflowView
from models.database import storable, transaction
from models.workflow import Workflow, one_save_at_a_time

log = logging.getLogger(__name__)

ENTRY_POINT = "job_runner.workflows"
SHIPPED_BY = "Job Runner"
MOST = 500


class Workflows:
    """Read when they are asked for; what was read of a version is kept, since no version changes."""

    def __init__(self, registry: Registry, bus: Bus) -> None:
        self._registry = registry
        self._bus = bus
        self._read: dict[int, Definition | InvalidInput] = {}
        bus.subscribe(self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TypesChanged):
            self._read = {}

    async def install(self) -> None:
        """Keep the workflows that come with this program and with installed packages, unless somebody removed them.

        One that came in an earlier version, and that nobody has changed since, gets a new version.
        """
        for owner, source in _shipped():
            try:
                await self._install(owner, source)
            except InvalidInput as fault:
                log.error("a workflow of %s cannot be used: %s", owner, fault)
            except IntegrityError:
                log.info("another engine, which starts now too, has kept a workflow of %s", owner)

    async def _install(self, owner: str, source: str) -> None:
        definition = await self.check(source)
        rows = await Workflow.filter(name=definition.name).order_by("-version").limit(1)
        if not rows or (rows[0].current and rows[0].created_by == owner and rows[0].source != source):
            await self._put(definition, owner)

    async def all(self) -> list[WorkflowView]:
        """The current version of each, by title."""
        rows = await Workflow.filter(current=True)
        return sorted([await self._view(row) for row in rows], key=lambda view: (view.title.lower(), view.name))

    async def workflow(self, name: str) -> WorkflowView:
        """The current version.

        Raises:
            NotFound: there is no such workflow.
        """
        return await self._view(await self._row(name))

    async def versions(self, name: str) -> list[VersionView]:
        """Every version, the latest first, also of one that was removed.

        Raises:
            NotFound: there never was one.
        """
        rows = await Workflow.filter(name=storable(name)).order_by("-version").limit(MOST)
        if not rows:
            raise NotFound("workflow", name)
        return [VersionView(**{part: getattr(row, part) for part in VersionView.__dataclass_fields__}) for row in rows]

    async def check(self, source: str) -> Definition:
        """What the text describes.

        Raises:
            InvalidInput: naming every part at fault.
        """
        return await asyncio.to_thread(read_definition, source, self._registry)

    @shielded
    async def save(
        self, source: str, created_by: str, *, name: str | None = None, version: int | None = None
    ) -> WorkflowView:
        """Keep it as the next version of its name, unless it is the current one to the letter.

        `version` is the one that it was made from, None for whichever is the latest.

        Raises:
            InvalidInput: naming every part at fault; with `name`, also that it has another one.
            Superseded: there is a later version, or it was removed meanwhile.
        """
        definition = await self.check(source)
        if name is not None and definition.name != name:
            rule = f"name must stay {name}: save it as another workflow to have another name"
            raise InvalidInput([FieldError("name", rule)])
        try:
            row = await self._put(definition, created_by, version)
        except IntegrityError:  # somebody saved the first version of it just now
            row = await self._put(definition, created_by, version)
        self._bus.publish(WorkflowsChanged())
        return await self._view(row)

    @shielded
    async def remove(self, name: str) -> None:
        """Nobody can start it any more; its runs go on.

        Raises:
            NotFound: there is no such workflow.
        """
        if not await Workflow.filter(name=storable(name), current=True).update(current=False):
            raise NotFound("workflow", name)
        self._bus.publish(WorkflowsChanged())

    async def found(self, name: str) -> tuple[int, Definition]:
        """The current version's id, and what it says.

        Raises:
            NotFound: there is no such workflow.
            InvalidInput: it cannot be run here any more: a job type is gone, say.
        """
        row = await self._row(name)
        return int(row.id), await self._definition(row)

    async def _row(self, name: str) -> Workflow:
        row = await Workflow.get_or_none(name=storable(name), current=True)
        if row is None:
            raise NotFound("workflow", name)
        return row

    async def _put(self, definition: Definition, created_by: str, begun: int | None = None) -> Workflow:
        source = storable(definition.source)
        async with transaction() as writer:
            await one_save_at_a_time(writer, definition.name)
            rows = await Workflow.filter(name=definition.name).order_by("-version").limit(1)
            if rows and rows[0].current and rows[0].source == source:
                return rows[0]
            if rows and begun is not None:
                _refuse_later(rows[0], begun)
            if not (rows and rows[0].current) and await Workflow.filter(current=True).count() >= MOST:
                raise InvalidInput([FieldError("name", f"there may be {MOST} workflows at most: remove one first")])
            await Workflow.filter(name=definition.name, current=True).update(current=False)
            return await Workflow.create(
                name=definition.name,
                version=rows[0].version + 1 if rows else 1,
                title=definition.title,
                description=definition.written.description,
                source=source,
                created_by=created_by,
                created_at=clock.now(),
            )

    async def _definition(self, row: Workflow) -> Definition:
        read = self._read  # types may change while this one is read: then it is kept for nobody
        found = read.pop(row.id, None) or await self._checked(row.source)
        read[row.id] = found
        if len(read) > MOST:
            del read[next(iter(read))]  # what nobody has asked for longest: a former version
        if isinstance(found, InvalidInput):
            raise InvalidInput(found.errors)
        return found

    async def _checked(self, source: str) -> Definition | InvalidInput:
        try:
            return await self.check(source)
        except InvalidInput as fault:
            return InvalidInput(fault.errors)

    async def _view(self, row: Workflow) -> WorkflowView:
        fault, definition = None, None
        try:
            definition = await self._definition(row)
        except InvalidInput as error:
            fault = str(error)
        return WorkflowView(
            row.name,
            row.version,
            row.title,
            row.description,
            row.source,
            definition.schema() if definition else schema_of({}),
            len(definition.written.steps) if definition else 0,
            row.created_by,
            row.created_at,
            fault,
        )


def _refuse_later(latest: Workflow, begun: int) -> None:
    if latest.version != begun:
        raise Superseded(f"version {latest.version} was saved by {latest.created_by} meanwhile: look at it first")
    if not latest.current:
        raise Superseded(f"workflow {latest.name} was removed meanwhile")


def _shipped() -> list[tuple[str, str]]:
    """Whose they are, and their texts. An entry point names a function that returns such texts."""
    own = sorted(files("engine.workflows").joinpath("shipped").iterdir(), key=lambda file: file.name)
    found = [(SHIPPED_BY, file.read_text("utf-8")) for file in own if file.name.endswith(".yaml")]
    for entry in entry_points(group=ENTRY_POINT):
        owner = entry.dist.name if entry.dist else entry.name
        try:
            found += [(owner, str(source)) for source in entry.load()()]
        except Exception:
            log.exception("the workflows %s of an installed package cannot be loaded", entry.name)
    return found
