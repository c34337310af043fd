"""For whoever watches the process: alive, ready, and numbers for Prometheus."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from api.problems import problem
from engine.engine import Atlas
from models.states import Status


class MetricsResponse(PlainTextResponse):
    """Prometheus text format 0.0.4."""

    media_type = "text/plain; version=0.0.4; charset=utf-8"


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

    @router.get("/metrics", response_class=MetricsResponse)
    async def metrics() -> MetricsResponse:
        """Prometheus text format 0.0.4."""
        counts, state = await atlas.queries.counts_by_status(), await atlas.queries.engine()
        lines = ["# HELP job_runner_jobs Jobs by status.", "# TYPE job_runner_jobs gauge"]
        lines += [f'job_runner_jobs{{status="{status}"}} {counts[status]}' for status in Status]
        lines += [
            "# HELP job_runner_engine_online Whether an engine beats.",
            "# TYPE job_runner_engine_online gauge",
        ]
        lines += [f"job_runner_engine_online {int(state.online)}", ""]
        return MetricsResponse("\n".join(lines))

    return router
