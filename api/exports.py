"""Jobs as a file: everything that matches, streamed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from api.rest import MAX_ID, filters
from api.schemas.operations import Form as FormWord
from api.streamed import Streamed
from engine.engine import Atlas
from engine.exports import MEDIA_TYPES, Form, exported
from engine.finding import Criteria

MOST_IDS = 1000
Id = Annotated[int, Field(ge=1, le=MAX_ID)]


def export_routes(atlas: Atlas) -> APIRouter:
    """Before the routes of one job: `export` is no id."""
    router = APIRouter(prefix="/api/v1", tags=["jobs"])
    finder = atlas.queries.finder

    @router.get("/jobs/export", response_class=StreamingResponse)
    async def export_jobs(
        criteria: Annotated[Criteria, Depends(filters(atlas))],
        form: FormWord = "csv",
        id: Annotated[list[Id] | None, Query(max_length=MOST_IDS, description="only these, where they match")] = None,
    ) -> Response:
        """Every job that matches, the newest first, as a file; what is created meanwhile is left out.

        A fault in the middle leaves the answer unfinished: a body without its end is not all of it.
        """
        pieces = await _begun(exported(finder.every(criteria, id), Form(form)))
        name = f"jobs-{datetime.now(UTC):%Y-%m-%d}.{form}"
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Streamed(name, pieces, media_type=MEDIA_TYPES[Form(form)], headers=disposition)

    return router


async def _begun(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """With the first jobs read: a refusal, or a fault of the database, comes before the first byte."""
    first = [piece async for piece in _first(pieces, 2)]

    async def all_of_them() -> AsyncIterator[str]:
        for piece in first:
            yield piece
        async for piece in pieces:
            yield piece

    return all_of_them()


async def _first(pieces: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    for _ in range(count):
        try:
            yield await anext(pieces)
        except StopAsyncIteration:
            return
