"""Everything that programs and plain pages reach, put on one FastAPI application."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from api import problems
from api.access import access_routes
from api.agents import agent_routes
from api.approvals import approval_routes
from api.budgets import budget_routes
from api.channels import channel_routes
from api.dashboard import dashboard_routes
from api.events import event_routes
from api.exports import export_routes
from api.feed import feed_routes
from api.health import health_routes
from api.openapi import describe
from api.operations import operation_routes
from api.rest import job_routes
from api.review_links import review_link_routes
from api.schedules import schedule_routes
from api.schemas.problems import Problem
from api.secrets import secret_routes
from api.sign_in import SignIn, sign_in_routes
from api.system import system_routes
from api.types import engine_routes
from api.views import view_routes
from api.webhooks import webhook_routes
from api.workflows import workflow_routes
from engine.engine import Atlas

REFUSALS = (401, 403, 404, 409, 413, 422, 429, 503)


def add_routes(app: FastAPI, atlas: Atlas, sign_in: SignIn) -> None:
    """The programs' door, the feed, health and sign-in; an unknown /api path is a JSON 404."""
    problems.install(app)
    app.state.office = atlas.office
    refusals: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in REFUSALS}
    own = (job_routes, approval_routes, engine_routes, channel_routes, access_routes, agent_routes, webhook_routes)
    more = (
        secret_routes,
        dashboard_routes,
        operation_routes,
        view_routes,
        workflow_routes,
        schedule_routes,
        budget_routes,
        system_routes,
    )
    for router in (*(routes(atlas) for routes in (export_routes, *own, *more)), event_routes(atlas, sign_in)):
        app.include_router(router, responses=refusals)
    plain = (feed_routes(atlas), health_routes(atlas), sign_in_routes(atlas, sign_in), review_link_routes(atlas))
    for router in plain:
        app.include_router(router)

    describe(app)
    if atlas.settings.oidc_issuer:
        from api.oidc import oidc_routes  # its libraries are loaded only where they are used

        app.include_router(oidc_routes(atlas, sign_in))

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("/app")

    @app.api_route(
        "/api/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], include_in_schema=False
    )
    async def unknown(path: str, request: Request) -> Response:
        return problems.problem(404, f"there is no {request.method} /api/{path}; see /api/openapi.json")
