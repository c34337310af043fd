"""Review links: a plain page on which somebody without an account decides about one job. No script, no session."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from api.plain import plain_page
from api.sign_in import Throttle
from engine.approvals.links import PATH, Linked, LinkOver
from engine.approvals.reviews import MAX_COMMENT
from engine.engine import Atlas
from engine.errors import InvalidInput, MoveNotAllowed, OwnWork, Superseded
from models.states import Move

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
MOVES = {"approve": Move.APPROVE, "reject": Move.REJECT}
OVER = "Ask whoever sent it: it was used, is too old, or what it was for was decided or changed."

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_PAGES = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_FORM = _PAGES.from_string("""\
<style>
.plain-page .review { width: min(640px, calc(100vw - 32px)); }
.plain-page .review dl { margin: 0; display: grid; gap: 12px; }
.plain-page .review dt { font-size: 13px; font-weight: 600; }
.plain-page .review dd { margin: 2px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.plain-page .review textarea { font: inherit; font-weight: 400; padding: 9px 11px; border: 1px solid var(--line-strong);
  border-radius: 8px; background: var(--bg); color: var(--text); min-height: 88px; }
.plain-page .review .answers { display: flex; flex-wrap: wrap; gap: 12px; }
.plain-page .review .answers button { flex: 1 1 140px; justify-content: center; min-height: 44px; }
</style>
<form method="post" class="sign-in review">
<h1>{{ job.name }}</h1>
<p>{{ created_by }} asks you, {{ reviewer }}, to decide about this. It is done only once it is approved.</p>
{% if fault %}
<p class="form-fault" role="alert">{{ fault }}</p>
{% endif %}
<dl>
<div><dt>What it is</dt><dd>{{ label }}{% if job.version > 1 %}, version {{ job.version }}{% endif %}</dd></div>
<div><dt>Made by</dt><dd>{{ job.created_by }}</dd></div>
<div><dt>Needs approval</dt><dd>{{ job.approval_reason or "asked for" }}</dd></div>
{% if job.run_at %}
<div><dt>Not before</dt><dd>{{ job.run_at.strftime("%Y-%m-%d %H:%M UTC") }}</dd></div>
{% endif %}
{% for field in fields %}
<div><dt>{{ field.label }}</dt><dd>{{ field.text }}</dd></div>
{% endfor %}
</dl>
{% if has_files %}
<p>Files are named here, not shown. If you have to see them, ask {{ created_by }} first.</p>
{% endif %}
<label>Comment<textarea name="comment" maxlength="{{ most }}">{{ comment }}</textarea></label>
<div class="answers">
<button class="button primary" name="decision" value="approve">Approve</button>
<button class="button" name="decision" value="reject">Reject</button>
</div>
<p>This link decides once, until {{ expires_at.strftime("%Y-%m-%d %H:%M UTC") }}.</p>
</form>
""")
_TOLD = _PAGES.from_string(
    '<div class="panel-plain" role="status"><h1>{{ title }}</h1>{% if more %}<p>{{ more }}</p>{% endif %}</div>'
)


@dataclass(frozen=True)
class _Field:
    label: str
    text: str


def review_link_routes(atlas: Atlas) -> APIRouter:
    """/review/{token}: GET shows, and never decides, as mail scanners follow links; POST decides."""
    router = APIRouter(include_in_schema=False)
    throttle = Throttle()

    @router.get(f"{PATH}{{token}}")
    async def look(token: str, request: Request) -> HTMLResponse:
        if seconds := throttle.must_wait(_sender(request)):
            return _too_many(seconds)
        try:
            return _form(atlas, await _looked_at(atlas, token))
        except LinkOver as error:
            throttle.failed(_sender(request))
            return _told(str(error), OVER, 404)

    @router.post(f"{PATH}{{token}}")
    async def decide(token: str, request: Request, decision: str = Form(""), comment: str = Form("")) -> HTMLResponse:
        if seconds := throttle.must_wait(_sender(request)):
            return _too_many(seconds)
        try:
            linked = await _looked_at(atlas, token)
            if decision not in MOVES:
                return _form(atlas, linked, "Choose Approve or Reject", comment, 422)
            return await _decided(atlas, token, linked, MOVES[decision], comment, _address(request))
        except LinkOver as error:
            throttle.failed(_sender(request))
            return _told(str(error), OVER, 404)

    return router


async def _looked_at(atlas: Atlas, token: str) -> Linked:
    if not _TOKEN.fullmatch(token):
        raise LinkOver
    return await atlas.links.look_at(token)


async def _decided(atlas: Atlas, token: str, linked: Linked, move: Move, comment: str, address: str) -> HTMLResponse:
    try:
        decision = await atlas.links.decide(token, move, comment=comment, address=address)
    except InvalidInput as error:
        return _form(atlas, linked, str(error), comment, 422)
    except (Superseded, MoveNotAllowed) as error:
        return _told("Nothing was decided", _sentence(str(error)), 409)
    except OwnWork as error:
        return _told("Nothing was decided", _sentence(str(error)), 403)
    if move is Move.REJECT:
        return _told("Rejected. Thank you.", "It is not done. Whoever made it gets your comment.")
    more = f"It also takes {'; '.join(decision.missing)}." if decision.missing else ""
    return _told("Approved. Thank you.", more)


def _form(atlas: Atlas, linked: Linked, fault: str = "", comment: str = "", status: int = 200) -> HTMLResponse:
    job = linked.job
    job_type = atlas.registry.find(job.type)
    titles = job_type.schema().get("properties", {}) if job_type else {}
    fields = [_Field(_label(titles, name), _text(value)) for name, value in job.payload.items()]
    content = _FORM.render(
        **vars(linked),
        label=job_type.label if job_type else job.type,
        fields=[each for each in fields if each.text],
        has_files=_names_file(job.payload),
        fault=fault,
        comment=comment,
        most=MAX_COMMENT,
    )
    return _with_headers(plain_page(f"Review: {job.name}", content, status))


def _told(title: str, more: str = "", status: int = 200) -> HTMLResponse:
    return _with_headers(plain_page(title, _TOLD.render(title=title, more=more), status))


def _too_many(seconds: float) -> HTMLResponse:
    page = _told("Too many tries", f"Wait {math.ceil(seconds / 60)} minutes, then open the link again.", 429)
    page.headers["Retry-After"] = f"{math.ceil(seconds)}"
    return page


def _with_headers(page: HTMLResponse) -> HTMLResponse:
    page.headers.update(HEADERS)
    return page


def _label(titles: dict[str, Any], name: str) -> str:
    return str(titles.get(name, {}).get("title") or name.replace("_", " ").capitalize())


def _text(value: Any) -> str:
    """A value as it was written; the entries of a list one below the other."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return "\n".join(_text(each) for each in value)
        case dict():
            return "; ".join(f"{name.replace('_', ' ')}: {_text(each)}" for name, each in value.items())
        case _:
            return str(value)


def _names_file(value: Any) -> bool:
    entries: Sequence[Any] = []
    if isinstance(value, dict):
        if "file" in value:
            return True
        entries = list(value.values())
    elif isinstance(value, list):
        entries = value
    return any(_names_file(each) for each in entries)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _sender(request: Request) -> str:
    return f"from {_address(request)}"
