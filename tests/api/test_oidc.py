"""Sign-in at an identity provider: who it says one is, and nothing that it did not say to us."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.conftest import new_database
from tests.servers.oidc import OidcServer
from tests.support.server import JobRunner
from tests.test_main import assert_one_line, start

pytestmark = pytest.mark.either

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def server() -> Iterator[OidcServer]:
    with OidcServer() as server:
        yield server


@pytest.fixture
def provider(server: OidcServer) -> OidcServer:
    """As it is when nobody makes it lie."""
    server.person = {"sub": "7", "preferred_username": "ada"}
    server.lies, server.refuses, server.signs_with, server.name = {}, False, server.key, server.url
    return server


@pytest.fixture(scope="module")
def runner(
    kind: str, server: OidcServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[JobRunner]:
    folder = tmp_path_factory.mktemp("oidc") / "data"
    settings = {
        "HOST": "0.0.0.0",
        "ADMIN_PASSWORD": PASSWORD,
        "OIDC_ISSUER": server.url,
        "OIDC_CLIENT_ID": server.client_id,
        "OIDC_CLIENT_SECRET": server.client_secret,
        "OIDC_ROLE": "operator",
    }
    with new_database(kind, request, folder) as url, JobRunner(folder, DATABASE_URL=url, **settings) as running:
        yield running


@contextmanager
def a_browser(runner: JobRunner) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=runner.url, trust_env=False, timeout=30) as browser:
        yield browser


def sign_in(browser: httpx.Client, path: str = "/login/oidc?next=/app/jobs") -> httpx.Response:
    """Follow where a browser is sent, to the provider and back."""
    answer = browser.get(path)
    for _ in range(2):
        assert answer.is_redirect, answer.text
        answer = browser.get(answer.headers["location"])
    return answer


def admin_sees(runner: JobRunner) -> dict[str, Any]:
    """Everybody, by name."""
    with a_browser(runner) as admin:
        admin.post("/login", data={"name": "admin", "password": PASSWORD})
        return {person["name"]: person for person in admin.get("/api/v1/people").json()["items"]}


def test_whoever_the_provider_knows_is_signed_in_with_the_role_that_is_set(
    runner: JobRunner, provider: OidcServer
) -> None:
    with a_browser(runner) as browser:
        assert "Sign in with 127.0.0.1" in browser.get("/login").text
        answer = sign_in(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/app/jobs")
        assert browser.get("/api/v1/jobs").status_code == 200
        assert browser.get("/api/v1/people").status_code == 403
    ada = admin_sees(runner)["ada"]
    assert (ada["role"], ada["has_password"]) == ("operator", False)


def test_a_person_is_known_by_the_subject_and_not_by_a_name_that_changes(
    runner: JobRunner, provider: OidcServer
) -> None:
    with a_browser(runner) as browser:
        sign_in(browser)
    before = admin_sees(runner)
    provider.person["preferred_username"] = "countess"
    with a_browser(runner) as browser:
        sign_in(browser)
    assert admin_sees(runner).keys() == before.keys()


def test_nobody_becomes_somebody_else_by_calling_themselves_so(runner: JobRunner, provider: OidcServer) -> None:
    provider.person = {"sub": "8", "preferred_username": "admin"}
    with a_browser(runner) as browser:
        answer = sign_in(browser)
        assert answer.status_code == 403
        assert "comes in from elsewhere as admin" in answer.text
        assert browser.get("/api/v1/jobs").status_code == 401


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://id.example"},
    "meant for another": {"aud": "another"},
    "an answer of another time": {"nonce": "of another time"},
    "no nonce": {"nonce": None},
    "too old": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "no subject": {"sub": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_is_not_meant_for_this_sign_in_is_refused(
    runner: JobRunner, provider: OidcServer, lie: str
) -> None:
    provider.lies = LIES[lie]
    with a_browser(runner) as browser:
        answer = sign_in(browser)
        assert answer.status_code == 403
        assert "answer cannot be used" in answer.text
        assert browser.get("/api/v1/jobs").status_code == 401


def test_an_answer_that_somebody_else_signed_is_refused(runner: JobRunner, provider: OidcServer) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    with a_browser(runner) as browser:
        assert sign_in(browser).status_code == 403


def test_a_sign_in_that_began_in_another_browser_is_refused(runner: JobRunner, provider: OidcServer) -> None:
    """Nobody is signed in as somebody else by a link."""
    with a_browser(runner) as attacker, a_browser(runner) as victim:
        back = attacker.get(attacker.get("/login/oidc").headers["location"]).headers["location"]
        assert victim.get(back).status_code == 403
        victim.get("/login/oidc")
        answer = victim.get(back)
        assert (answer.status_code, "began elsewhere" in answer.text) == (403, True)
        assert victim.get("/api/v1/jobs").status_code == 401


def test_a_provider_whose_name_ends_in_a_slash_is_as_good(
    tmp_path: Path, own_database: str, provider: OidcServer
) -> None:
    provider.name = f"{provider.url}/"
    settings = {"HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD, "DATABASE_URL": own_database}
    named = {"OIDC_ISSUER": provider.name, "OIDC_CLIENT_ID": provider.client_id, "OIDC_CLIENT_SECRET": "secret"}
    with JobRunner(tmp_path / "data", **settings, **named) as runner, a_browser(runner) as browser:
        assert sign_in(browser).status_code == 303


def test_whom_the_provider_refuses_is_told_so(runner: JobRunner, provider: OidcServer) -> None:
    provider.refuses = True
    with a_browser(runner) as browser:
        answer = sign_in(browser)
        assert (answer.status_code, "did not let you in" in answer.text) == (403, True)


def test_the_way_back_leads_to_this_site_only(runner: JobRunner, provider: OidcServer) -> None:
    with a_browser(runner) as browser:
        answer = sign_in(browser, "/login/oidc?next=//evil.example")
        assert answer.headers["location"] == "/app"


def test_a_provider_that_is_away_is_told_and_the_password_still_works(tmp_path: Path, own_database: str) -> None:
    away = {"OIDC_ISSUER": "http://127.0.0.1:9", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "y"}
    settings = {"HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD, "DATABASE_URL": own_database}
    with JobRunner(tmp_path / "data", **settings, **away) as runner, a_browser(runner) as browser:
        answer = browser.get("/login/oidc")
        assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
        assert browser.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303


def test_half_a_provider_is_one_line_at_the_start(tmp_path: Path) -> None:
    done = start(DATA_DIR=tmp_path, OIDC_ISSUER="https://id.example")
    assert_one_line(done, "JOB_RUNNER_OIDC_CLIENT_SECRET", "must all be set, or none")
