"""Job types that administrators define: kept in the database, and known to every process on it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.administration import MAX_TIME_LIMIT_SECONDS
from engine.errors import FieldError, InUse, InvalidInput, NotFound
from engine.events import Bus, TypesChanged
from engine.faults import shown
from engine.in_step import InStep
from engine.jobs import Registry
from engine.jobs.defined import DefinedJob
from engine.json_schema import schema_fault
from models.defined_type import DefinedType
from models.job import Job
from models.states import ACTIVE, Category
from models.type_policy import TypePolicy

MAX_TYPES = 500
MAX_ATTEMPTS = 100
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_ICON = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True)
class Definition:
    """A job type as an administrator words it; the time limit is in seconds."""

    key: str
    label: str
    payload_schema: dict[str, Any]
    description: str = ""
    category: str = Category.TASK
    icon: str = "smart_toy"
    irreversible: bool = False
    attempts: int = 3
    time_limit_seconds: float = 3600


class DefinedTypes(InStep):
    """Keeps the registry as the database says."""

    def __init__(self, registry: Registry, bus: Bus) -> None:
        super().__init__(bus, TypesChanged, "the defined job types")
        self._registry = registry
        self._bus = bus

    async def load(self) -> None:
        """Read them anew."""
        rows = await DefinedType.all().order_by("key")
        self._registry.define(DefinedJob(row) for row in rows)

    async def define(self, definition: Definition, created_by: str) -> None:
        """Add a type.

        Raises:
            InvalidInput: a field breaks a rule, or the key is taken.
        """
        faults = self._faults(definition)
        if await DefinedType.all().count() >= MAX_TYPES:
            faults.append(FieldError("key", f"there are {MAX_TYPES} defined types already; remove one first"))
        if faults:
            raise InvalidInput(faults)
        try:
            await DefinedType.create(**_columns(definition), created_by=created_by, created_at=clock.now())
        except IntegrityError:
            rule = f"key must be new, and there is a type {definition.key} already"
            raise InvalidInput([FieldError("key", rule)]) from None
        await self._tell()

    async def change(self, definition: Definition) -> None:
        """Word a type anew; jobs that were accepted before stay as they are.

        Raises:
            NotFound: nobody defined a type with this key.
            InvalidInput: a field breaks a rule.
            InUse: jobs are not over, and whether their effect can be taken back would change.
        """
        if faults := self._faults(definition):
            raise InvalidInput(faults)
        former = await DefinedType.get_or_none(key=definition.key)
        if former and former.irreversible != definition.irreversible:
            await self._refuse_in_use(definition.key, "finish or cancel them, then change whether it can be taken back")
        changes = {name: value for name, value in _columns(definition).items() if name != "key"}
        if not await DefinedType.filter(key=definition.key).update(**changes):
            raise NotFound("defined job type", definition.key)
        await self._tell()

    async def remove(self, key: str) -> None:
        """Forget a type; its jobs that are over stay.

        Raises:
            NotFound: nobody defined a type with this key.
            InUse: jobs of it are not over.
        """
        if not await DefinedType.exists(key=key):
            raise NotFound("defined job type", key)
        await self._refuse_in_use(key, "cancel them or wait, then remove it")
        await DefinedType.filter(key=key).delete()
        await TypePolicy.filter(type=key).delete()
        await self._tell()

    async def _refuse_in_use(self, key: str, way_out: str) -> None:
        if left := await Job.filter(type=key, status__in=list(ACTIVE)).count():
            raise InUse(f"{key} has {left:,} jobs that are not over: {way_out}")

    async def _tell(self) -> None:
        await self.load()
        self._bus.publish(TypesChanged())

    def _faults(self, asked: Definition) -> list[FieldError]:
        faults = []
        if not _KEY.fullmatch(asked.key):
            rule = "key must have 2 to 64 capital letters, digits or _, beginning with a letter, as in TRANSLATE"
            faults.append(FieldError("key", f"{rule}, not {shown(asked.key)}"))
        elif self._registry.is_built_in(asked.key):
            faults.append(FieldError("key", f"key must be new, and {asked.key} is built in"))
        if not 1 <= len(asked.label.strip()) <= 64 or not asked.label.isprintable():
            faults.append(FieldError("label", f"label must have 1 to 64 characters, not {shown(asked.label)}"))
        if len(asked.description) > 500:
            faults.append(
                FieldError("description", f"description must have at most 500 characters, not {len(asked.description)}")
            )
        if asked.category not in set(Category):
            rule = f"category must be one of {', '.join(Category)}, not {shown(asked.category)}"
            faults.append(FieldError("category", rule))
        if not _ICON.fullmatch(asked.icon):
            rule = "icon must be the name of a Material icon, as in translate"
            faults.append(FieldError("icon", f"{rule}, not {shown(asked.icon)}"))
        if not 1 <= asked.attempts <= MAX_ATTEMPTS:
            faults.append(FieldError("attempts", f"attempts must be 1 to {MAX_ATTEMPTS}, not {asked.attempts}"))
        if not 1 <= asked.time_limit_seconds <= MAX_TIME_LIMIT_SECONDS:
            rule = f"time_limit_seconds must be 1 to {MAX_TIME_LIMIT_SECONDS:,}, not {asked.time_limit_seconds:g}"
            faults.append(FieldError("time_limit_seconds", rule))
        if fault := schema_fault(asked.payload_schema):
            faults.append(FieldError("payload_schema", f"payload_schema {fault}"))
        return faults


def _columns(definition: Definition) -> dict[str, Any]:
    return {**vars(definition), "payload_schema": json.dumps(definition.payload_schema)}
