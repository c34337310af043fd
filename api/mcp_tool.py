"""What a tool for agents is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.schemas import jobs as job_schemas
from engine.actors import Actor
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import FieldError, InvalidInput
from engine.faults import field_errors
from engine.views import JobView
from models.rights import Right

M = TypeVar("M", bound=BaseModel)
JobId = Annotated[int, Field(ge=1, le=2**63 - 1, description="the job's id")]


@dataclass(frozen=True)
class Caller:
    """Who calls, at which address they know us, whether they have hung up, and who they still are."""

    actor: Actor
    base: str
    is_gone: Callable[[], Awaitable[bool]]
    still: Callable[[], Awaitable[Actor]]


Run = Callable[[Caller, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Tool:
    """What an agent may call; `is_final` if nothing undoes it."""

    name: str
    title: str
    description: str
    schema: dict[str, Any]
    right: Right
    run: Run
    only_looks: bool = False
    is_final: bool = False


class Arguments(BaseModel):
    """What a tool is called with; its docstring is what agents read."""

    model_config = ConfigDict(extra="forbid")


def made_tool(
    atlas: Atlas,
    arguments: type[M],
    right: Right,
    do: Callable[[Desk, M, Caller], Awaitable[dict[str, Any]]],
    *,
    is_final: bool = False,
) -> Tool:
    """The tool that is called with these arguments, and named and described as their class is."""

    async def run(caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        return await do(atlas.office.desk_of(caller.actor), parsed(arguments, given), caller)

    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in arguments.__name__).strip("_")
    title = name.replace("_", " ").capitalize()
    description = " ".join((arguments.__doc__ or "").split())
    return Tool(name, title, description, plain_schema(arguments), right, run, right is Right.LOOK, is_final)


def told_job(job: JobView, base: str) -> dict[str, Any]:
    """A job with the page where a person sees it."""
    told = job_schemas.Job.of(job).model_dump(mode="json")
    return {**told, "url": f"{base.rstrip('/')}/app/jobs/{job.id}"}


def parsed(arguments: type[M], given: dict[str, Any], under: str = "") -> M:
    """The arguments that were given.

    Raises:
        InvalidInput: naming every one at fault.
    """
    try:
        return arguments.model_validate(given)
    except ValidationError as error:
        faults = field_errors(error, arguments)
        raise InvalidInput([FieldError(f"{under}.{f.field}".strip("."), f.message) for f in faults]) from None


@cache
def plain_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """The schema without what only Python has a use for."""
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    return schema
