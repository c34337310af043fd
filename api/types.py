"""The programs' door to job types and to the engine."""

from fastapi import APIRouter, Response

from api.rest import Asked, TypeKey
from api.schemas import engine as schemas
from engine.defined_types import Definition
from engine.engine import Atlas
from engine.errors import NotFound


def engine_routes(atlas: Atlas) -> APIRouter:
    """Job types and the engine."""
    router = APIRouter(prefix="/api/v1", tags=["engine"])

    async def shown_types() -> list[schemas.JobType]:
        schemas_of = {job_type.key: job_type.schema() for job_type in atlas.queries.job_types()}
        return [schemas.JobType.of(view, schemas_of[view.key]) for view in await atlas.queries.types()]

    @router.get("/job-types")
    async def list_job_types() -> schemas.JobTypeList:
        """Every job type, with its payload's JSON Schema."""
        return schemas.JobTypeList(items=await shown_types())

    async def one_type(key: str) -> schemas.JobType:
        found = [shown for shown in await shown_types() if shown.type == key]
        if not found:
            raise NotFound("job type", key)
        return found[0]

    @router.post("/job-types", status_code=201)
    async def define_job_type(body: schemas.NewType, desk: Asked, response: Response) -> schemas.JobType:
        """Define a type that outside agents do the work of; it is at once in the form, the API and MCP."""
        await desk.define_type(_definition(body.type, body))
        response.headers["Location"] = f"/api/v1/job-types/{body.type}"
        return await one_type(body.type)

    @router.get("/job-types/{key}")
    async def get_job_type(key: TypeKey) -> schemas.JobType:
        """One job type."""
        return await one_type(key)

    @router.put("/job-types/{key}")
    async def redefine_job_type(key: TypeKey, body: schemas.TypeDefinition, desk: Asked) -> schemas.JobType:
        """Word a defined type anew; jobs that were accepted before stay as they are."""
        await desk.redefine_type(_definition(key, body))
        return await one_type(key)

    @router.delete("/job-types/{key}", status_code=204)
    async def remove_job_type(key: TypeKey, desk: Asked) -> None:
        """Forget a defined type; refused while jobs of it are not over."""
        await desk.remove_type(key)

    @router.patch("/job-types/{key}")
    async def change_job_type(key: TypeKey, body: schemas.TypePolicy, desk: Asked) -> schemas.JobType:
        """Pause or limit every job of a type, from the engine's next look on."""
        await desk.set_policy(key, **body.model_dump(exclude_unset=True))
        return await one_type(key)

    @router.get("/engine")
    async def get_engine() -> schemas.Engine:
        """Whether Atlas is alive, and how busy."""
        state = await atlas.queries.engine()
        return schemas.Engine.of(state, 0 if state.fault else await atlas.queries.queue_length())

    return router


def _definition(key: str, body: schemas.TypeDefinition) -> Definition:
    return Definition(key=key, **{name: getattr(body, name) for name in schemas.TypeDefinition.model_fields})
