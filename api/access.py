"""Who may come in, and what they did: people, tokens and the audit log. All of it takes an administrator."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api.rest import Asked, SmallId, cursor_of
from api.schemas import access as schemas
from api.streamed import Streamed
from engine.audit import Recorded, listed
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import NotFound
from engine.exports import csv_line

EXPORT_STEP = 500
COLUMNS = ("id", "at", "actor", "kind", "address", "action", "target", "before", "after")
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

Text = Annotated[str, Query(max_length=200)]


def access_routes(atlas: Atlas) -> APIRouter:
    """People, tokens and the audit log."""
    router = APIRouter(prefix="/api/v1", tags=["access"])
    _add_people(router, atlas)
    _add_tokens(router)
    _add_audit(router)
    return router


def _add_people(router: APIRouter, atlas: Atlas) -> None:
    async def one(desk: Desk, person_id: int) -> schemas.Person:
        found = [view for view in await desk.people() if view.id == person_id]
        if not found:  # removed meanwhile
            raise NotFound("person", person_id)
        return schemas.Person.model_validate(found[0])

    @router.get("/people")
    async def list_people(desk: Asked) -> schemas.PersonList:
        """Everybody who may sign in."""
        return schemas.PersonList(items=[schemas.Person.model_validate(view) for view in await desk.people()])

    @router.post("/people", status_code=201)
    async def add_person(body: schemas.PersonRequest, desk: Asked) -> schemas.Person:
        """Let somebody sign in with this password."""
        return await one(desk, await desk.add_person(body.name, body.role, body.password))

    @router.patch("/people/{person_id}")
    async def change_person(person_id: SmallId, body: schemas.PersonChange, desk: Asked) -> schemas.Person:
        """Another role, password or other groups; their open pages follow at once."""
        await desk.change_person(person_id, **body.model_dump(exclude_unset=True))
        return await one(desk, person_id)

    @router.delete("/people/{person_id}", status_code=204)
    async def remove_person(person_id: SmallId, desk: Asked) -> None:
        """They can sign in no more, and are signed out everywhere."""
        await desk.remove_person(person_id)


def _add_tokens(router: APIRouter) -> None:
    @router.get("/tokens")
    async def list_tokens(desk: Asked) -> schemas.TokenList:
        """Every token, without what it is recognised by."""
        return schemas.TokenList(items=[schemas.Token.model_validate(view) for view in await desk.tokens()])

    @router.post("/tokens", status_code=201)
    async def create_token(body: schemas.TokenRequest, desk: Asked) -> schemas.NewToken:
        """A new token; what it is recognised by is told this once."""
        view, secret = await desk.create_token(body.name, body.scopes, body.days)
        return schemas.NewToken(token=secret, **vars(view))

    @router.delete("/tokens/{token_id}", status_code=204)
    async def revoke_token(token_id: SmallId, desk: Asked) -> None:
        """It opens nothing any more."""
        await desk.revoke_token(token_id)


def _add_audit(router: APIRouter) -> None:
    @router.get("/audit")
    async def list_audit(
        desk: Asked,
        actor: Text = "",
        action: Text = "",
        q: Text = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=20)] = None,
    ) -> schemas.AuditList:
        """Who did what, the newest first; `action` may be the beginning of one, as `job.`"""
        found = await desk.audit(actor=actor, action=action, text=q, before_id=cursor_of(cursor), limit=limit + 1)
        more = str(found[limit - 1].id) if len(found) > limit else None
        return schemas.AuditList(
            items=[schemas.AuditEntry.model_validate(entry) for entry in found[:limit]], next_cursor=more
        )

    @router.get("/audit/export", response_class=StreamingResponse)
    async def export_audit(
        desk: Asked, form: Literal["csv", "jsonl"] = "csv", actor: Text = "", action: Text = "", q: Text = ""
    ) -> Response:
        """Everything that matches, the newest first."""
        await desk.audit(limit=1)  # a refusal comes before the first byte
        lines = _exported(desk, form, actor, action, q)
        disposition = {"Content-Disposition": f'attachment; filename="audit.{form}"'}
        return Streamed("the audit log's export", lines, media_type=MEDIA_TYPES[form], headers=disposition)


async def _exported(desk: Desk, form: str, actor: str, action: str, text: str) -> AsyncIterator[str]:
    if form == "csv":
        yield csv_line(COLUMNS)
    last: int | None = None
    while found := await desk.audit(actor=actor, action=action, text=text, before_id=last, limit=EXPORT_STEP):
        yield "".join(_line(entry, form) for entry in found)
        last = found[-1].id


def _line(entry: Recorded, form: str) -> str:
    (document,) = listed([entry])
    if form == "jsonl":
        return f"{json.dumps(document, ensure_ascii=False)}\n"
    states = {name: json.dumps(document[name], ensure_ascii=False) for name in ("before", "after")}
    return csv_line([str({**document, **states}[name]) for name in COLUMNS])
