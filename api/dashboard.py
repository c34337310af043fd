"""The programs' door to the numbers of the home screen."""

from typing import Literal

from fastapi import APIRouter

from api.schemas import dashboard as schemas
from engine.engine import Atlas


def dashboard_routes(atlas: Atlas) -> APIRouter:
    """The home screen."""
    router = APIRouter(prefix="/api/v1", tags=["engine"])

    @router.get("/dashboard")
    async def get_dashboard(span: Literal["hour", "day", "week"] = "day") -> schemas.Dashboard:
        """What needs a person, where jobs stand, what was done in the span, why jobs failed, and who is at work."""
        board = await atlas.queries.board()
        return schemas.Dashboard.of(board, span, atlas.queries.statistics.throughput(span))

    return router
