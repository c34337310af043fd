"""Sign-in by a plain page, so that it costs nothing to be refused, and who a request comes from."""

import hmac
import logging
import math
import secrets
import time
from collections import deque
from html import escape
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import HTTPConnection

from api.plain import plain_page
from engine.access import ADMINISTRATOR, LONGEST
from engine.actors import Actor, Kind, local
from engine.engine import Atlas
from engine.errors import InvalidInput, SignedOut
from engine.events import AccessChanged, Event
from engine.health import DRIVER_ERRORS, trouble
from engine.settings import MIN_PASSWORD
from models.person import Person

log = logging.getLogger(__name__)

COOKIE = "job_runner_session"
TRIES = 10  # of an address
TRIES_OF_ACCOUNT = 50  # more, lest anybody who can reach the page keeps its owner out
TRIES_SECONDS = 300.0
LOOK_AGAIN_SECONDS = 0.5  # another process on the same SQLite file tells nobody what it did
MAX_COUNTED = 10_000


class SignIn:
    """Knows whether sign-in is needed, and who a request comes from."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._access = atlas.access
        self._tokens = atlas.tokens
        self._loopback = atlas.settings.is_loopback
        self._is_shared = atlas.settings.is_shared
        self.provider = urlsplit(atlas.settings.oidc_issuer or "").hostname
        self.throttle = Throttle()
        self.has_people = False
        self.setup_code: str | None = None
        self._look_again_at = 0.0
        atlas.bus.subscribe(self._on_event)

    async def prepare(self) -> None:
        """Create the administrator from the setting, or print the one-time code for the set-up form."""
        if password := self._atlas.settings.admin_password:
            await self._access.create_administrator(password.get_secret_value())
        self.has_people = await self._access.has_people()
        if not self._loopback and not self.has_people:
            self.setup_code = secrets.token_hex(8)
            log.warning("Set up the administrator at /login with this one-time code: %s", self.setup_code)

    async def look_again(self) -> None:
        """Somebody may have been added through another process, or by the people of this one."""
        if self.has_people or not (self._is_shared or self._loopback):
            return
        if time.monotonic() < self._look_again_at:
            return
        self._look_again_at = time.monotonic() + LOOK_AGAIN_SECONDS
        if await self._access.has_people():
            self.has_people, self.setup_code = True, None

    def _on_event(self, event: Event) -> None:
        if isinstance(event, AccessChanged):
            self._look_again_at = 0.0

    async def recognise(self, connection: HTTPConnection) -> Actor | None:
        """Who asks, None when sign-in is needed first.

        Raises:
            BaseORMException: the database, which knows that, does not answer.
        """
        address = connection.client.host if connection.client else ""
        if authorization := connection.headers.get("authorization"):
            scheme, _, token = authorization.partition(" ")
            return await self._tokens.holder(token.strip(), address) if scheme.lower() == "bearer" else None
        await self._look_again_if_possible()
        if self._loopback and not self.has_people:
            return local(address)
        return await self._access.of_session(connection.cookies.get(COOKIE, ""), address)

    async def still(self, actor: Actor, *, is_use: bool = True) -> Actor:
        """The same somebody, as they are now; a look that is no use of theirs keeps their session no longer.

        Raises:
            SignedOut: their session is over, or the token.
        """
        if actor.kind is Kind.LOCAL:
            await self._look_again_if_possible()
            if not self.has_people:
                return actor
        if actor.kind is Kind.TOKEN:
            now = await self._tokens.still(actor)
        else:
            now = await self._access.of_session_id(actor.session, actor.address, is_use=is_use)
        if now is None or now.key != actor.key:
            raise SignedOut
        return now

    async def begin(self, request: Request, person: Person, target: str) -> Response:
        """Send a person who proved who they are to the page they asked for, with a new session."""
        address = request.client.host if request.client else ""
        former, browser = request.cookies.get(COOKIE, ""), request.headers.get("user-agent", "")
        secret = await self._access.begin_session(person.id, address=address, browser=browser, former=former)
        if actor := await self._access.of_session(secret, address):
            await self._atlas.audit.record(actor, "session.begin", f"person {person.name}")
        response = RedirectResponse(local_path(target), 303)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(LONGEST.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https",
        )
        return response

    async def _look_again_if_possible(self) -> None:
        """On loopback a database that is away keeps nobody from the pages, which say so."""
        try:
            await self.look_again()
        except DRIVER_ERRORS as error:
            if not self._loopback or trouble(error) is None:
                raise


class Throttle:
    """Counts failures by address and by account; too many in the last minutes, and both have to wait."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}

    def must_wait(self, *keys: str) -> float:
        """For how many seconds somebody has to wait because of any of these; 0 for not at all."""
        return max(self._waits(key) for key in keys)

    def failed(self, *keys: str) -> None:
        """Count a failure."""
        for key in keys:
            while len(self._failures) >= MAX_COUNTED:
                del self._failures[next(iter(self._failures))]
            self._failures.setdefault(key, deque(maxlen=_tries(key))).append(time.monotonic())

    def forgive(self, *keys: str) -> None:
        """The last one counted was none."""
        for key in keys:
            if failures := self._failures.get(key):
                failures.pop()

    def _waits(self, key: str) -> float:
        failures = self._failures.get(key, deque())
        while failures and failures[0] < time.monotonic() - TRIES_SECONDS:
            failures.popleft()
        if not failures:
            self._failures.pop(key, None)
        return failures[0] + TRIES_SECONDS - time.monotonic() if len(failures) >= _tries(key) else 0


def _tries(key: str) -> int:
    return TRIES_OF_ACCOUNT if key.startswith("as ") else TRIES


def sign_in_routes(atlas: Atlas, sign_in: SignIn) -> APIRouter:
    """/login and /logout."""
    router = APIRouter(include_in_schema=False)
    access = atlas.access

    @router.get("/login")
    async def form(next: str = "/app") -> HTMLResponse:  # noqa: A002 (the query's name)
        await sign_in.look_again()
        return sign_in_page(sign_in, next)

    @router.post("/login")
    async def submit(
        request: Request,
        password: str = Form(""),
        name: str = Form(ADMINISTRATOR),
        code: str = Form(""),
        next: str = Form("/app"),  # noqa: A002 (the field's name)
    ) -> Response:
        await sign_in.look_again()
        counted = (f"from {request.client.host if request.client else ''}", f"as {name[:64]}")
        if seconds := sign_in.throttle.must_wait(*counted):
            page = sign_in_page(sign_in, next, f"Too many tries; wait {math.ceil(seconds / 60)} minutes", 429)
            page.headers["Retry-After"] = f"{math.ceil(seconds)}"
            return page
        if sign_in.setup_code:
            if not hmac.compare_digest(code.strip().encode(), sign_in.setup_code.encode()):
                sign_in.throttle.failed(counted[0])
                return sign_in_page(sign_in, next, "That is not the one-time code in the log", 403)
            try:
                await access.create_administrator(password)
            except InvalidInput as error:
                return sign_in_page(sign_in, next, f"The {error}", 422)
            sign_in.has_people, sign_in.setup_code, name = True, None, ADMINISTRATOR
        sign_in.throttle.failed(*counted)  # before the wait: of many tries at once none passes uncounted
        person = await access.by_password(name, password)
        if person is None:
            return sign_in_page(sign_in, next, "Name or password is wrong", 403)
        sign_in.throttle.forgive(*counted)
        return await sign_in.begin(request, person, next)

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        actor: Actor = request.state.actor
        if actor.session:
            await access.end_session(actor.session)
            await atlas.audit.record(actor, "session.end", f"person {actor.name}")
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    return router


def local_path(target: str) -> str:
    """Only ever a path of this site: `//host` and `/\\host` would lead elsewhere, and browsers drop tabs in between."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_local else "/app"


def sign_in_page(sign_in: SignIn, target: str, fault: str = "", status: int = 200) -> HTMLResponse:
    """The form, or the one for the first administrator, with what went wrong."""
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
    elsewhere = ""
    if sign_in.provider and not sign_in.setup_code:
        query = urlencode({"next": local_path(target)})
        elsewhere = f'<a class="button" href="/login/oidc?{query}">Sign in with {escape(sign_in.provider)}</a>'
    alert = f'<p class="form-fault" role="alert">{escape(fault)}</p>' if fault else ""
    return plain_page(
        title,
        f'<form method="post" action="/login" class="sign-in"><h1>{title}</h1>{intro}{alert}{fields}'
        f'<input type="hidden" name="next" value="{escape(local_path(target))}">'
        f'<button class="button primary">{action}</button>{elsewhere}</form>',
        status,
    )


def _field(label: str, name: str, kind: str, autocomplete: str, value: str = "") -> str:
    return (
        f'<label>{escape(label)}<input name="{name}" type="{kind}" autocomplete="{autocomplete}" '
        f'value="{escape(value)}" required></label>'
    )
