"""The OpenAPI document, as what is answered really is."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

PROBLEM = "application/problem+json"


def describe(app: FastAPI) -> None:
    """Have the document say that refusals are problems (RFC 9457), which FastAPI would call plain JSON."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            for path in made["paths"].values():
                for operation in path.values():
                    for status, answer in operation["responses"].items():
                        content = answer.get("content", {})
                        if status >= "400" and "application/json" in content:
                            answer["content"] = {PROBLEM: content["application/json"]}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
