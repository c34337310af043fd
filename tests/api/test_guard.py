"""Who may come in: only this machine's own names on loopback, and only signed-in people on any other address."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection

from api.guard import OPEN_PATHS, SECURITY_HEADERS, Guard, is_loopback, is_open
from engine.actors import Actor
from models import postgres
from models.postgres import Unreachable
from tests.conftest import new_database
from tests.support.server import ROOT, WEBSOCKET, JobRunner, environment

pytestmark = pytest.mark.either


@pytest.fixture(scope="module")
def public(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    """One that listens on every address, with an administrator."""
    folder = tmp_path_factory.mktemp("public") / "data"
    with (
        new_database(kind, request, folder) as url,
        JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", DATABASE_URL=url) as running,
    ):
        yield running


@pytest.mark.parametrize(
    ("netloc", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("127.9.9.9", True),
        ("localhost:8080", True),
        ("LOCALHOST", True),
        ("[::1]:8080", True),
        ("0.0.0.0", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("127.0.0.1@example.org", False),
        ("example.org", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_a_name_of_this_machine_is_told_from_others(netloc: str, expected: bool) -> None:
    assert is_loopback(netloc) is expected


@pytest.mark.parametrize(
    "header",
    [
        "Host: example.org",
        "Host: 127.0.0.1.example.org",
        "Host: 192.168.1.7",
        "Origin: https://example.org",
        "Origin: null",
        "Origin: http://[",
        "Origin: nonsense",
    ],
)
@pytest.mark.parametrize(
    "request_line", ["GET /app", "GET /api/v1/jobs", "POST /api/v1/jobs", "GET /healthz", "GET /login"]
)
def test_on_loopback_a_foreign_host_or_origin_is_refused_everywhere(
    runner: JobRunner, request_line: str, header: str
) -> None:
    """A web page elsewhere could otherwise read and write here, by a name that it points to 127.0.0.1."""
    answer = runner.raw(f"{request_line} HTTP/1.1", header)
    assert answer.startswith("HTTP/1.1 403 "), answer
    assert "application/problem+json" in answer
    assert header.split(":", 1)[0] in answer.partition("\r\n\r\n")[2], "it names what is wrong"


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "localhost"])
def test_every_name_of_this_machine_is_answered(runner: JobRunner, host: str) -> None:
    named = host.format(port=runner.port)
    assert runner.raw("GET /healthz HTTP/1.1", f"Host: {named}", f"Origin: http://{named}").startswith("HTTP/1.1 200 ")


def test_the_pages_own_socket_opens(runner: JobRunner) -> None:
    answer = runner.begin(*WEBSOCKET, f"Origin: {runner.url}")
    assert answer.startswith("HTTP/1.1 101 "), answer


@pytest.mark.parametrize(
    "header", ["Host: example.org", "Origin: https://example.org", "Origin: null", "Origin: http://["]
)
def test_a_foreign_pages_socket_is_refused(runner: JobRunner, header: str) -> None:
    answer = runner.begin(*WEBSOCKET, header)
    assert answer.startswith("HTTP/1.1 403 "), answer


def test_elsewhere_a_socket_needs_a_sign_in_and_its_own_origin(public: JobRunner) -> None:
    unknown = public.begin(*WEBSOCKET, f"Origin: {public.url}")
    assert unknown.startswith("HTTP/1.1 403 "), unknown
    cookie = f"Cookie: {signed_in(public)}"
    foreign = public.begin(*WEBSOCKET, cookie, "Origin: https://example.org")
    assert foreign.startswith("HTTP/1.1 403 "), foreign
    own = public.begin(*WEBSOCKET, cookie, f"Origin: {public.url}")
    assert own.startswith("HTTP/1.1 101 "), own


def test_elsewhere_a_foreign_page_cannot_post_with_a_persons_cookie(public: JobRunner) -> None:
    cookie = f"Cookie: {signed_in(public)}"
    for path in ("/api/v1/jobs", "/api/v1/channels", "/logout"):
        answer = public.raw(f"POST {path} HTTP/1.1", cookie, "Origin: https://example.org")
        assert answer.startswith("HTTP/1.1 403 "), answer


def test_elsewhere_nothing_but_the_open_paths_is_answered_without_a_sign_in(public: JobRunner, tmp_path: Path) -> None:
    """Every route that the application has, as it lists them itself."""
    routes = application_routes(tmp_path)
    assert {"/app", "/api/v1/jobs", "/feed.xml", "/metrics", "/api/openapi.json"} <= {path for path, _ in routes}
    checked = 0
    open_too = {path for path, _ in routes if is_open(path)} - OPEN_PATHS
    assert open_too == {"/review/1"}, "a review link: its reviewer has no account, and the link's token is what counts"
    for path, methods in routes:
        if is_open(path):
            continue
        for method in methods:
            answer = public.http.request(method, path, follow_redirects=False)
            is_page = method in ("GET", "HEAD") and not path.startswith(("/api/", "/metrics", "/_nicegui", "/mcp"))
            assert answer.status_code == (303 if is_page else 401), f"{method} {path}: {answer.status_code}"
            if is_page:
                assert answer.headers["location"].startswith("/login?next=")
            assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
            checked += 1
    assert checked > 30


def test_the_policy_lets_no_other_origin_in_and_nobody_frame_a_page(public: JobRunner) -> None:
    told = public.http.get("/login").headers["content-security-policy"].split("; ")
    assert {"default-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "object-src 'none'"} <= set(told)
    assert {"base-uri 'self'", "img-src 'self' data: blob:", "media-src 'self'"} <= set(told)
    for rule in told:
        assert not {"*", "http:", "https:"} & set(rule.split()), rule


def test_elsewhere_the_open_paths_are_answered(public: JobRunner) -> None:
    for path in sorted(OPEN_PATHS):
        is_elsewhere = path.startswith("/login/oidc")  # there is no identity provider here
        assert public.http.get(path).status_code == (404 if is_elsewhere else 200), path


@pytest.mark.parametrize(
    "path",
    [
        *("//app", "/login/../app", "/login/", "/healthz/x", "/LOGIN", "/login%2f..%2fapp", "/./app"),
        *(
            "/review/",
            "/review/x/",
            "/review/x/../../app",
            "/review/..%2fapp",
            "/review/x%0a",
            "/Review/x",
            "//review/x",
        ),
    ],
)
def test_no_spelling_of_a_path_leads_past_the_sign_in(public: JobRunner, path: str) -> None:
    answer = public.raw(f"GET {path} HTTP/1.1")
    assert answer.startswith("HTTP/1.1 303 "), answer


def signed_in(runner: JobRunner) -> str:
    """The cookie of the administrator, as a browser sends it."""
    answer = runner.http.post("/login", data={"name": "admin", "password": "correct horse"})
    assert answer.status_code == 303, answer.text
    runner.http.cookies.clear()
    return answer.headers["set-cookie"].partition(";")[0]


def application_routes(folder: Path) -> list[tuple[str, list[str]]]:
    """Paths with their methods; parameters are filled in."""
    program = """
import json, re, sys
from engine.settings import load_settings
from main import build
def found(app, prefix=""):
    for route in getattr(app, "routes", ()):
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + re.sub(r"{[^}]*}", "1", getattr(route, "path", ""))
        if hasattr(inner, "routes"):
            yield from found(inner, path)
        else:
            yield path or "/", sorted(getattr(route, "methods", None) or {"GET"})
print(json.dumps(list(found(build(load_settings())[0]._app))))
"""
    env = environment({"DATA_DIR": folder}) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    found: list[tuple[str, list[str]]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html,application/xhtml+xml"])
async def test_while_nobody_can_be_known_programs_get_a_problem_and_people_a_page_that_tries_again(
    monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr("models.database._kind", postgres)

    async def nobody_knows(_: HTTPConnection) -> Actor | None:
        raise Unreachable("no answer")

    async def application(*_: object) -> None:
        raise AssertionError("the request was let through")

    transport = httpx.ASGITransport(Guard(application, loopback=True, recognise=nobody_knows))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        answer = await http.get("/app/jobs", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert ("refresh" in answer.headers) is accept.startswith("text/html")
    if accept.startswith("text/html"):
        assert "<h1>Not available just now</h1>" in answer.text
        assert "The database server cannot be reached" in answer.text
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "the database server cannot be reached" in answer.json()["detail"]
