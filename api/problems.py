"""Errors as `application/problem+json` (RFC 9457), each with a detail that a person can act on."""

import logging
from collections.abc import Sequence
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.plain import plain_page
from engine.errors import (
    FieldError,
    IdempotencyConflict,
    InUse,
    InvalidInput,
    JobRunnerError,
    KeyInFlight,
    LeaseGone,
    MoveNotAllowed,
    NotAllowed,
    NotFound,
    OwnWork,
    StorageFault,
    Superseded,
    TooMany,
)
from engine.faults import shown
from engine.health import DRIVER_ERRORS, trouble

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
AGAIN_SECONDS = 5
ASK_AGAIN = "Ask again later; a job with the same Idempotency-Key, lest it be created twice"
_TITLES = {
    400: "Bad request",
    401: "Sign-in required",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
}


def problem(status: int, detail: str, errors: Sequence[FieldError] = (), **more: Any) -> JSONResponse:
    """A problem document; `errors` name the fields at fault."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
    }
    document |= {"detail": detail, **more}
    if errors:
        document["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    return JSONResponse(document, status, media_type=MEDIA_TYPE)


def unavailable(asked: HTTPConnection, fault: str) -> Response:
    """503: a problem for a program, and a page that tries again by itself for a person."""
    answer: Response = problem(503, f"The request failed: {fault}. {ASK_AGAIN}")
    if "text/html" in asked.headers.get("accept", ""):
        said = f"{fault[:1].upper()}{fault[1:]}. Jobs are safe; this page tries again by itself."
        content = f'<div class="panel-plain" role="alert"><h1>Not available just now</h1><p>{escape(said)}</p></div>'
        answer = plain_page("Job Runner is not available", content, 503)
        answer.headers["Refresh"] = str(AGAIN_SECONDS)
    answer.headers["Retry-After"] = str(AGAIN_SECONDS)
    return answer


def install(app: FastAPI) -> None:
    """Answer every error of the engine and of FastAPI as a problem."""

    @app.exception_handler(JobRunnerError)
    async def on_engine_error(_: Request, error: JobRunnerError) -> JSONResponse:
        match error:
            case InvalidInput():
                return problem(422, str(error), error.errors)
            case NotFound():
                return problem(404, str(error))
            case NotAllowed() | OwnWork():
                return problem(403, str(error))
            case TooMany():
                answer = problem(429, str(error))
                answer.headers["Retry-After"] = str(error.retry_after)
                return answer
            case MoveNotAllowed():
                return problem(409, str(error), allowed=error.allowed)
            case IdempotencyConflict() | KeyInFlight() | InUse() | LeaseGone() | Superseded():
                return problem(409, str(error))
            case StorageFault():
                log.warning("a request failed: %s", error)
                return problem(503, f"The request failed. {error}. {ASK_AGAIN}")
            case _:
                return problem(500, "The request failed; the log says why")

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [_fault(dict(detail)) for detail in error.errors()]
        return problem(422, "; ".join(fault.message for fault in faults), faults)

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    async def on_database_error(request: Request, error: Exception) -> Response:
        if fault := trouble(error):
            return unavailable(request, fault)
        log.error("a request failed", exc_info=error)
        return problem(500, "The request failed; the log says why")

    for kind in DRIVER_ERRORS:  # by name: after the handler of all exceptions, the server hangs up
        app.add_exception_handler(kind, on_database_error)

    @app.exception_handler(Exception)
    async def on_bug(_: Request, __: Exception) -> JSONResponse:
        return problem(500, "The request failed; the log says why")


def _fault(detail: dict[str, Any]) -> FieldError:
    path = [str(part) for part in detail["loc"] if part not in ("body", "query", "path", "header")]
    field = ".".join(path) or "body"
    said = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    match detail["type"]:
        case "missing":
            return FieldError(field, f"{field} is required")
        case "extra_forbidden":
            return FieldError(field, f"{field} is not a field of this request")
        case "json_invalid":
            return FieldError("body", f"the body must be JSON: {detail.get('ctx', {}).get('error', said)}")
        case _:
            value = "" if field.startswith(("credentials", "password")) else f", not {shown(detail.get('input'))}"
            return FieldError(field, f"{field} {said[:1].lower()}{said[1:]}{value}")
