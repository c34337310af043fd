"""Saved views of the Jobs page."""

from fastapi import APIRouter, Response

from api.rest import Asked, JobId
from api.schemas import operations as schemas
from engine.engine import Atlas


def view_routes(_: Atlas) -> APIRouter:
    """List, save and remove views."""
    router = APIRouter(prefix="/api/v1", tags=["views"])

    @router.get("/views")
    async def list_views(desk: Asked) -> schemas.ViewList:
        """One's own views, then those that others share."""
        return schemas.ViewList(items=[schemas.View.of(view) for view in await desk.saved_views()])

    @router.post("/views", status_code=201, responses={200: {"model": schemas.View, "description": "replaced"}})
    async def save_view(body: schemas.ViewRequest, desk: Asked, response: Response) -> schemas.View:
        """Keep a view; one of the same name is replaced. Sharing it with everybody takes the right to operate."""
        known = {view.id for view in await desk.saved_views()}
        view = await desk.save_view(body.name, body.query, body.shared)
        response.status_code = 200 if view.id in known else 201
        return schemas.View.of(view)

    @router.delete("/views/{view_id}", status_code=204)
    async def remove_view(view_id: JobId, desk: Asked) -> None:
        """Remove a view; one that somebody else shares takes an administrator."""
        await desk.remove_view(view_id)

    return router
