"""Signing in: who must, how the first administrator is made, and what a session is worth."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.sign_in import TRIES_OF_ACCOUNT, Throttle, local_path
from tests.conftest import new_database
from tests.support.server import JobRunner

pytestmark = pytest.mark.either

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def public(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    """One that listens on every address, with an administrator."""
    folder = tmp_path_factory.mktemp("public") / "data"
    with (
        new_database(kind, request, folder) as url,
        JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD, DATABASE_URL=url) as running,
    ):
        yield running


@pytest.fixture
def browser(public: JobRunner) -> Iterator[httpx.Client]:
    """A browser without a session."""
    with a_browser(public) as client:
        yield client


def a_browser(runner: JobRunner) -> httpx.Client:
    return httpx.Client(base_url=runner.url, timeout=30, trust_env=False, headers={"Origin": runner.url})


def sign_in(browser: httpx.Client, password: str = PASSWORD, **more: str) -> httpx.Response:
    return browser.post("/login", data={"name": "admin", "password": password, **more})


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(browser: httpx.Client) -> None:
    asked = browser.get("/app/jobs?type=video&page=2")
    assert asked.headers["location"] == "/login?next=/app/jobs%3Ftype%3Dvideo%26page%3D2"
    form = browser.get(asked.headers["location"])
    assert form.status_code == 200
    assert 'name="next" value="/app/jobs?type=video&amp;page=2"' in form.text
    answer = sign_in(browser, next="/app/jobs?type=video&page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/jobs?type=video&page=2")
    assert browser.get("/app/jobs").status_code == 200
    assert browser.get("/api/v1/jobs").status_code == 200


def test_a_program_without_a_session_is_told_so_in_json(browser: httpx.Client) -> None:
    answer = browser.get("/api/v1/jobs")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.json()["detail"] == "Sign in first, at /login; programs send Authorization: Bearer <token>"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_session_cannot_be_read_by_scripts_nor_sent_by_other_sites(browser: httpx.Client) -> None:
    cookie = sign_in(browser).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie, "this is http"


def test_behind_a_proxy_that_speaks_https_the_session_is_sent_by_https_only(browser: httpx.Client) -> None:
    browser.headers["X-Forwarded-Proto"] = "https"
    assert "secure" in sign_in(browser).headers["set-cookie"].lower()


def test_a_session_that_was_copied_before_is_worth_nothing_after_signing_out(browser: httpx.Client) -> None:
    sign_in(browser)
    (copied,) = [f"{c.name}={c.value}" for c in browser.cookies.jar]
    browser.post("/logout")
    with httpx.Client(base_url=browser.base_url, trust_env=False, headers={"Cookie": copied}) as thief:
        assert thief.get("/api/v1/jobs").status_code == 401


def test_signing_in_gives_another_session_than_the_browser_came_with(browser: httpx.Client) -> None:
    browser.cookies.set("job_runner_session", "chosen-by-somebody-else", domain="127.0.0.1")
    sign_in(browser)
    first = browser.cookies.get("job_runner_session", domain="127.0.0.1")
    assert first != "chosen-by-somebody-else"
    sign_in(browser)
    assert browser.get("/api/v1/jobs").status_code == 200


def test_signing_out_ends_the_session_in_this_browser(browser: httpx.Client) -> None:
    sign_in(browser)
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser.get("/api/v1/jobs").status_code == 401


def test_a_wrong_password_is_refused_in_words_and_gives_no_session(browser: httpx.Client) -> None:
    answer = sign_in(browser, "wrong horse")
    assert answer.status_code == 403
    assert '<p class="form-fault" role="alert">Name or password is wrong</p>' in answer.text
    assert "set-cookie" not in answer.headers
    assert "wrong horse" not in answer.text


@pytest.mark.parametrize("cookie", ["", "nonsense", "eyJuYW1lIjoiYWRtaW4ifQ.x.y", "W10.x.y"])
def test_a_session_that_was_not_given_here_is_worth_nothing(browser: httpx.Client, cookie: str) -> None:
    browser.cookies.set("job_runner_session", cookie, domain="127.0.0.1")
    assert browser.get("/api/v1/jobs").status_code == 401


def test_a_session_is_of_no_use_at_another_installation(public: JobRunner, tmp_path: Path, own_database: str) -> None:
    with (
        JobRunner(tmp_path / "other", DATABASE_URL=own_database, HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD) as other,
        a_browser(other) as browser,
    ):
        sign_in(browser)
        assert browser.get("/api/v1/jobs").status_code == 200
        (cookie,) = [f"{c.name}={c.value}" for c in browser.cookies.jar]
        assert public.http.get("/api/v1/jobs", headers={"Cookie": cookie}).status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "app",
        "",
    ],
)
def test_the_form_never_leads_to_another_site(target: str) -> None:
    """What a browser makes of it counts: it drops tabs and line breaks, and takes a backslash for a slash."""
    location = httpx.URL("http://jobs.example/login").join(_as_browsers_read(local_path(target)))
    assert (location.host, location.scheme) == ("jobs.example", "http")


def _as_browsers_read(location: str) -> str:
    return re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")


def test_the_forms_hidden_target_is_text_and_no_html(browser: httpx.Client) -> None:
    page = browser.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page


def test_too_many_tries_are_stopped_for_a_while_even_with_the_right_password(tmp_path: Path, own_database: str) -> None:
    with (
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD) as runner,
        a_browser(runner) as browser,
    ):
        assert [sign_in(browser, f"guess {n}").status_code for n in range(10)] == [403] * 10
        answer = sign_in(browser)
        assert answer.status_code == 429
        assert 240 < int(answer.headers["retry-after"]) <= 300
        assert "Too many tries; wait 5 minutes" in answer.text
        browser.headers["X-Forwarded-For"] = "1.2.3.4"
        assert sign_in(browser).status_code == 429, "nobody chooses whom the tries are counted for"


def test_of_many_tries_at_once_no_more_are_let_through(tmp_path: Path, own_database: str) -> None:
    with (
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD) as runner,
        ThreadPoolExecutor(30) as at_once,
    ):

        def guess(number: int) -> int:
            data = {"name": "admin", "password": f"guess {number}"}
            return httpx.post(f"{runner.url}/login", data=data, timeout=60, trust_env=False).status_code

        answers = list(at_once.map(guess, range(30)))
    assert (answers.count(403), answers.count(429)) == (10, 20)


def test_an_account_is_closed_for_a_while_from_wherever_it_is_tried() -> None:
    throttle = Throttle()
    for number in range(TRIES_OF_ACCOUNT):
        assert not throttle.must_wait(f"from 192.0.2.{number}", "as admin")
        throttle.failed(f"from 192.0.2.{number}", "as admin")
    assert throttle.must_wait("from 198.51.100.1", "as admin") > 0
    assert not throttle.must_wait("from 198.51.100.1", "as ada")


def test_on_loopback_nobody_signs_in_as_long_as_there_is_nobody(runner: JobRunner) -> None:
    assert runner.http.get("/api/v1/jobs").status_code == 200


def test_the_first_administrator_is_made_with_the_one_time_code_in_the_log(tmp_path: Path, own_database: str) -> None:
    with (
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, HOST="0.0.0.0") as runner,
        a_browser(runner) as browser,
    ):
        (code,) = re.findall(r"with this one-time code: (\w+)", runner.output)
        assert "One-time code" in browser.get("/login").text
        assert browser.get("/api/v1/jobs").status_code == 401
        for wrong in ("", "0" * 16):
            answer = browser.post("/login", data={"code": wrong, "password": PASSWORD})
            assert (answer.status_code, "not the one-time code" in answer.text) == (403, True)
        short = browser.post("/login", data={"code": code, "password": "short"})
        assert (short.status_code, "password must have 8 to 1000" in short.text) == (422, True)
        assert code not in browser.get("/login").text
        made = browser.post("/login", data={"code": code, "password": PASSWORD})
        assert (made.status_code, made.headers["location"]) == (303, "/app")
        assert browser.get("/api/v1/jobs").status_code == 200
        again = browser.post("/login", data={"code": code, "password": "another password"})
        assert again.status_code == 403, "the code is used up"
        runner.stop()
        runner.start()
        assert browser.get("/api/v1/jobs").status_code == 200, "a restart ends no session"
        assert runner.output.count("one-time code") == 1, "nor is there another code"


def test_on_loopback_too_an_administrator_must_sign_in_and_again_after_a_new_password(
    tmp_path: Path, own_database: str
) -> None:
    first = JobRunner(tmp_path / "data", DATABASE_URL=own_database, ADMIN_PASSWORD=PASSWORD)
    with first, a_browser(first) as browser:
        assert browser.get("/api/v1/jobs").status_code == 401
        assert browser.get("/healthz").status_code == 200
        sign_in(browser)
        assert browser.get("/api/v1/jobs").status_code == 200
        (cookie,) = [f"{c.name}={c.value}" for c in browser.cookies.jar]
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database, ADMIN_PASSWORD="battery staple") as second:
        assert second.http.get("/api/v1/jobs", headers={"Cookie": cookie}).status_code == 401
        assert sign_in(second.http, "battery staple").status_code == 303
