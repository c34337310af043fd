"""Whoever learns the id of somebody else's page can do nothing with it."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import websockets
from websockets.typing import Origin

from tests.support.engine import SECONDS
from tests.support.server import JobRunner

pytestmark = pytest.mark.sqlite

PASSWORD = "correct horse"
QUIET_SECONDS = 2.0  # in which nothing is to come
CONNECTED = "^40"
PAUSE = re.compile(
    r'"(\d+)":\{"tag":"button","text":"Pause".*?Pause all Send email jobs.*?"listener_id":"([0-9a-f-]+)"'
)
CLIENT = re.compile(r"'client_id': '([0-9a-f-]{36})'")


@dataclass(frozen=True)
class LoadedPage:
    """A Settings page as its browser got it, and what a click on its "Pause all Send email jobs" says."""

    client_id: str
    click: str


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    folder = tmp_path_factory.mktemp("public") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest.fixture
def browser(public: JobRunner) -> Iterator[httpx.Client]:
    """Of an administrator; each test has a session of its own, and nothing is paused when it begins."""
    with a_browser(public) as browser:
        browser.patch("/api/v1/job-types/EMAIL_SEND", json={"paused": False}).raise_for_status()
        yield browser


def a_browser(runner: JobRunner) -> httpx.Client:
    answer = httpx.post(f"{runner.url}/login", data={"name": "admin", "password": PASSWORD}, trust_env=False)
    browser = httpx.Client(base_url=runner.url, timeout=30, trust_env=False, headers={"Origin": runner.url})
    browser.cookies.update(answer.cookies)
    return browser


def load(browser: httpx.Client) -> LoadedPage:
    html = browser.get("/app/settings").raise_for_status().text
    found, button = CLIENT.search(html), PAUSE.search(html)
    assert found
    assert button
    arguments: dict[str, Any] = {"id": int(button[1]), "client_id": found[1], "listener_id": button[2], "args": []}
    return LoadedPage(found[1], f"42{json.dumps(['event', arguments])}")


@asynccontextmanager
async def a_socket(browser: httpx.Client, client_id: str | None) -> AsyncIterator[Any]:
    """Open, with the handshake for this page in its query if one is named."""
    query: dict[str, Any] = {"EIO": 4, "transport": "websocket"}
    if client_id:
        more = {"client_id": client_id, "next_message_id": 0, "implicit_handshake": "true"}
        query |= {**more, "document_id": uuid.uuid4(), "tab_id": uuid.uuid4()}
    url = str(browser.base_url).replace("http", "ws", 1).rstrip("/")
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    async with websockets.connect(
        f"{url}/_nicegui_ws/socket.io/?{urlencode(query)}",
        origin=Origin(str(browser.base_url).rstrip("/")),
        additional_headers={"Cookie": cookies} if cookies else {},
    ) as socket:
        await socket.send("40")
        yield socket


async def heard(socket: Any, pattern: str, within: float = SECONDS) -> bool:
    """Whether this comes in time, and before the end."""
    try:
        async with asyncio.timeout(within):
            async for message in socket:
                if re.search(pattern, str(message)):
                    return True
    except (TimeoutError, websockets.ConnectionClosed):
        pass
    return False


def is_paused(browser: httpx.Client) -> bool:
    types = browser.get("/api/v1/job-types").json()["items"]
    return bool(next(item["paused"] for item in types if item["type"] == "EMAIL_SEND"))


async def test_a_page_works_with_its_own_session(browser: httpx.Client) -> None:
    page = load(browser)
    async with a_socket(browser, page.client_id) as socket:
        assert await heard(socket, CONNECTED)
        await socket.send(page.click)
        assert await heard(socket, "Resume all Send email jobs")
    assert is_paused(browser)


async def test_another_session_cannot_connect_to_a_page_by_its_id(public: JobRunner, browser: httpx.Client) -> None:
    page = load(browser)
    with a_browser(public) as other:
        async with a_socket(other, page.client_id) as socket:
            assert not await heard(socket, CONNECTED, QUIET_SECONDS)
            await socket.send(page.click)
            assert not await heard(socket, "^42", QUIET_SECONDS)
    assert not is_paused(browser)


async def test_another_session_cannot_fire_a_pages_handlers_through_a_page_of_its_own(
    public: JobRunner, browser: httpx.Client
) -> None:
    page = load(browser)
    async with a_socket(browser, page.client_id) as mine:
        assert await heard(mine, CONNECTED)
        with a_browser(public) as other:
            theirs = load(other)
            async with a_socket(other, theirs.client_id) as socket:
                assert await heard(socket, CONNECTED)
                shake = {"client_id": page.client_id, "tab_id": "x", "document_id": "y", "next_message_id": 0}
                await socket.send(f"42{json.dumps(['handshake', shake])}")
                await socket.send(page.click)
                await heard(socket, "never", QUIET_SECONDS)
    assert not is_paused(browser)


async def test_a_socket_without_a_session_is_refused(public: JobRunner, browser: httpx.Client) -> None:
    page = load(browser)
    with httpx.Client(base_url=public.url, trust_env=False) as nobody, pytest.raises(websockets.InvalidStatus):
        async with a_socket(nobody, page.client_id):
            pass


def test_another_session_cannot_upload_to_a_page(public: JobRunner, browser: httpx.Client) -> None:
    page = load(browser)
    path, files = f"/_nicegui/client/{page.client_id}/upload/1", {"file": ("x.png", b"x")}
    with a_browser(public) as other:
        answer = other.post(path, files=files)
        assert (answer.status_code, answer.text) == (404, "There is no such page")
    assert browser.post(path, files=files).text != "There is no such page"


async def test_a_page_can_do_nothing_once_its_session_is_over(public: JobRunner, browser: httpx.Client) -> None:
    page = load(browser)
    async with a_socket(browser, page.client_id) as socket:
        assert await heard(socket, CONNECTED)
        await asyncio.to_thread(browser.post, "/logout")
        await socket.send(page.click)
        await heard(socket, "never", QUIET_SECONDS)
    with a_browser(public) as again:
        assert not is_paused(again)
