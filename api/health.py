"""For whoever watches the process: alive, ready, and numbers for Prometheus."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client.exposition import choose_encoder

from api.problems import problem
from engine.engine import Atlas


def health_routes(atlas: Atlas) -> APIRouter:
    """/healthz, /readyz and /metrics."""
    router = APIRouter(tags=["health"])

    @router.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        """The process answers."""
        return PlainTextResponse("ok\n")

    @router.get("/readyz")
    async def readyz() -> Response:
        """The database answers and an engine beats."""
        state = await atlas.queries.engine()
        if not state.online:
            return problem(503, f"the engine is offline: {state.fault or 'it does not beat'}")
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Prometheus text format, or OpenMetrics for who asks for it; while the database is away, without its part."""
        await atlas.gauges.read()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(await asyncio.to_thread(encode, atlas.metrics.registry), headers={"Content-Type": content_type})

    return router
