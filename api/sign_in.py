"""The minimal sign-in: one administrator, by password; a plain page, so that it costs nothing to be refused."""

import hmac
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from html import escape

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection

from api.plain import plain_page
from engine.administration import ADMINISTRATOR, Administration
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.health import DRIVER_ERRORS, trouble
from engine.settings import MIN_PASSWORD

log = logging.getLogger(__name__)

COOKIE = "job_runner_session"
SESSION_SECONDS = 12 * 3600
TRIES = 10
TRIES_SECONDS = 300.0
LOCAL_PERSON = "local"


class SignIn:
    """Knows whether sign-in is needed, and who a request comes from."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._administration: Administration = atlas.administration
        self._loopback = atlas.settings.is_loopback
        self._is_shared = atlas.settings.is_shared
        secret = atlas.settings.secret_key
        self._serializer = URLSafeTimedSerializer(secret.get_secret_value() if secret else "", salt="session")
        self.throttle = Throttle()
        self.on_sign_out: Callable[[str], None] = lambda _: None
        self.has_people = False
        self.setup_code: str | None = None

    async def prepare(self) -> None:
        """Create the administrator from the setting, or print the one-time code for the set-up form."""
        if password := self._atlas.settings.admin_password:
            await self._administration.create_administrator(password.get_secret_value())
        self.has_people = await self._atlas.queries.has_people()
        if not self._loopback and not self.has_people:
            self.setup_code = secrets.token_hex(8)
            log.warning("Set up the administrator at /login with this one-time code: %s", self.setup_code)

    async def look_again(self) -> None:
        """Somebody may have set up the administrator through another process on the same database."""
        if self._is_shared and not self.has_people and await self._atlas.queries.has_people():
            self.has_people, self.setup_code = True, None

    async def _look_again_if_possible(self) -> None:
        """On loopback a database that is away keeps nobody from the pages, which say so."""
        try:
            await self.look_again()
        except DRIVER_ERRORS as error:
            if not self._loopback or trouble(error) is None:
                raise

    async def person(self, connection: HTTPConnection) -> str | None:
        """The signed-in person's name, None when sign-in is needed first.

        Raises:
            BaseORMException: the database, which knows that, does not answer.
        """
        await self._look_again_if_possible()
        if self._loopback and not self.has_people:
            return LOCAL_PERSON
        try:
            session = self._serializer.loads(connection.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
            name, stamp = str(session["name"]), str(session["stamp"])
        except (BadSignature, KeyError, TypeError):
            return None
        known = await self._administration.password_stamp(name)
        return name if known and hmac.compare_digest(known, stamp) else None

    async def begin(self, request: Request, name: str, target: str) -> Response:
        """Send a person who proved who they are to the page they asked for, with a session."""
        stamp = await self._administration.password_stamp(name)
        response = RedirectResponse(_local_path(target), 303)
        response.set_cookie(
            COOKIE,
            str(self._serializer.dumps({"name": name, "stamp": stamp})),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https",
        )
        return response


class Throttle:
    """Counts the failures of an address; too many in the last minutes, and it has to wait."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}

    def must_wait(self, address: str) -> bool:
        """Whether this address has failed too often."""
        failures = self._failures.get(address, deque())
        while failures and failures[0] < time.monotonic() - TRIES_SECONDS:
            failures.popleft()
        if not failures:
            self._failures.pop(address, None)
        return len(failures) >= TRIES

    def failed(self, address: str) -> None:
        """Count a failure."""
        self._failures.setdefault(address, deque(maxlen=TRIES)).append(time.monotonic())


def sign_in_routes(atlas: Atlas, sign_in: SignIn) -> APIRouter:
    """/login and /logout."""
    router = APIRouter(include_in_schema=False)
    administration = atlas.administration

    @router.get("/login")
    async def form(next: str = "/app") -> HTMLResponse:  # noqa: A002 (the query's name)
        await sign_in.look_again()
        return _page(sign_in, next)

    @router.post("/login")
    async def submit(
        request: Request,
        password: str = Form(""),
        name: str = Form(ADMINISTRATOR),
        code: str = Form(""),
        next: str = Form("/app"),  # noqa: A002 (the field's name)
    ) -> Response:
        address = request.client.host if request.client else ""
        if sign_in.throttle.must_wait(address):
            page = _page(sign_in, next, f"Too many tries; wait {TRIES_SECONDS / 60:g} minutes", 429)
            page.headers["Retry-After"] = f"{TRIES_SECONDS:.0f}"
            return page
        await sign_in.look_again()
        if sign_in.setup_code:
            if not hmac.compare_digest(code.strip().encode(), sign_in.setup_code.encode()):
                sign_in.throttle.failed(address)
                return _page(sign_in, next, "That is not the one-time code in the log", 403)
            try:
                await administration.create_administrator(password)
            except InvalidInput as error:
                return _page(sign_in, next, f"The {error}", 422)
            sign_in.has_people, sign_in.setup_code, name = True, None, ADMINISTRATOR
        elif not await administration.may_sign_in(name, password):
            sign_in.throttle.failed(address)
            return _page(sign_in, next, "Name or password is wrong", 403)
        return await sign_in.begin(request, name, next)

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        sign_in.on_sign_out(request.state.person)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    return router


def _local_path(target: str) -> str:
    """Only ever a path of this site: `//host` and `/\\host` would lead elsewhere, and browsers drop tabs in between."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_local else "/app"


def _page(sign_in: SignIn, target: str, fault: str = "", status: int = 200) -> HTMLResponse:
    if sign_in.setup_code:
        title, action = "Set up Job Runner", "Create administrator"
        intro = "<p>The log shows a one-time code. Choose the password of the user <b>admin</b>.</p>"
        fields = _field("One-time code", "code", "text", "one-time-code") + _field(
            f"New password (at least {MIN_PASSWORD} characters)", "password", "password", "new-password"
        )
    else:
        title, action, intro = "Sign in to Job Runner", "Sign in", ""
        fields = _field("Name", "name", "text", "username", ADMINISTRATOR) + _field(
            "Password", "password", "password", "current-password"
        )
    alert = f'<p class="form-fault" role="alert">{escape(fault)}</p>' if fault else ""
    return plain_page(
        title,
        f'<form method="post" action="/login" class="sign-in"><h1>{title}</h1>{intro}{alert}{fields}'
        f'<input type="hidden" name="next" value="{escape(_local_path(target))}">'
        f'<button class="button primary">{action}</button></form>',
        status,
    )


def _field(label: str, name: str, kind: str, autocomplete: str, value: str = "") -> str:
    return (
        f'<label>{escape(label)}<input name="{name}" type="{kind}" autocomplete="{autocomplete}" '
        f'value="{escape(value)}" required></label>'
    )
